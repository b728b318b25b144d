"""What a check found: problems, the checks they belong to, and the report on all of them. Pure.

A problem's key stays the same as long as the problem does: what notifications and monitoring compare.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

SHOWN = 20
_SECOND = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. `key` names it in a way that does not change while it lasts."""

    key: str
    text: str


@dataclass(frozen=True)
class Check:
    """One check; it is passed when it has no problems."""

    name: str
    summary: str
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()  # worth knowing, and not a fault

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


@dataclass(frozen=True)
class Report:
    """Everything that `esios check` reports, with the numbers behind it: one dict an indicator or forecast."""

    checked_at_utc: datetime
    checks: tuple[Check, ...]
    exit_code: int
    indicators: list[dict[str, Any]] = field(default_factory=list)
    forecasts: list[dict[str, Any]] = field(default_factory=list)
    build: dict[str, Any] | None = None

    @property
    def state(self) -> str:
        """`ok` or `failing`."""
        return "ok" if all(check.ok for check in self.checks) else "failing"

    def problems(self) -> list[Problem]:
        """Those of all checks, in order."""
        return [problem for check in self.checks for problem in check.problems]

    def text(self) -> str:
        """For people: a line a check, the first problems of each below it."""
        lines = [f"check      {self.state}, {self.checked_at_utc:{_SECOND}} UTC"]
        for check in self.checks:
            lines.append(f"{'ok' if check.ok else 'FAIL':<10} {check.name}: {check.summary}")
            lines += [f"             {problem.text}" for problem in check.problems[:SHOWN]]
            lines += [f"             note: {note}" for note in check.notes]
            if len(check.problems) > SHOWN:
                lines.append(f"             … and {len(check.problems) - SHOWN} more (--json names all)")
        return "\n".join(lines)

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "state": self.state,
            "exit_code": self.exit_code,
            "checked_at_utc": self.checked_at_utc,
            "checks": [
                {
                    "name": check.name,
                    "ok": check.ok,
                    "summary": check.summary,
                    "problems": [{"key": problem.key, "text": problem.text} for problem in check.problems],
                    "notes": list(check.notes),
                }
                for check in self.checks
            ],
            "indicators": self.indicators,
            "forecasts": self.forecasts,
            "build": self.build,
        }
