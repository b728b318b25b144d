"""Fault rules: which requests one strikes, how often, and in which order several do. What they do is in `faults`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from simulator.demand import MADRID

Document = Any
Edit = Callable[[Document], Document]


@dataclass(frozen=True)
class Reply:
    """A response that takes the place of the real one."""

    status: int
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class Fault:
    """One rule. Either `reply` (another response), `edit` (a changed document) or `transport` (a broken way)."""

    kind: str
    settings: dict[str, Any] = field(default_factory=dict)
    reply: Reply | None = None
    edit: Edit | None = None
    transport: str = ""
    amount: float = 0.0
    times: int | None = None
    nth: tuple[int, ...] = ()
    probability: float | None = None
    seed: int = 0
    path: str = ""
    indicator: int | None = None
    covering: float | None = None
    seen: int = 0
    done: int = 0

    @property
    def decides(self) -> bool:
        """Whether it settles the whole response, so that only one such rule can strike a request."""
        return self.reply is not None or self.transport not in ("", "latency")

    def wants(self, path: str, indicator: int | None, span: tuple[float, float] | None) -> bool:
        """Whether the rule means this request; counts it as seen (once a request, one thread at a time)."""
        if self.path and not re.search(self.path, path):
            return False
        if self.indicator is not None and indicator != self.indicator:
            return False
        if self.covering is not None and not (span and span[0] <= self.covering <= span[1]):
            return False
        self.seen += 1
        if self.times is not None and self.done >= self.times:
            return False
        if self.nth and self.seen not in self.nth:
            return False
        if self.probability is not None:
            chance = Random(f"{self.seed}:{self.seen}").random()  # noqa: S311 (repeatable on purpose)
            if chance >= self.probability:
                return False
        return True

    def reset(self) -> None:
        """Count from the start again."""
        self.seen = self.done = 0

    def describe(self) -> dict[str, Any]:
        """The rule as JSON, with how often it was asked and how often it struck."""
        return {"kind": self.kind, **self.settings, "seen": self.seen, "done": self.done}


def striking(rules: Sequence[Fault], path: str, indicator: int | None, span: tuple[float, float] | None) -> list[Fault]:
    """The rules that strike a request, counted as done.

    Of those that settle the whole response only the first strikes; the others, and changes to a document that is not
    sent, wait for the next request: `[status(503, times=2), firewall(times=1)]` gives 503, 503, 403.
    """
    wanting = [rule for rule in rules if rule.wants(path, indicator, span)]
    deciding = next((rule for rule in wanting if rule.decides), None)
    struck = [
        rule
        for rule in wanting
        if rule is deciding
        or rule.transport == "latency"
        or (rule.edit is not None and (deciding is None or deciding.reply is None))
    ]
    for rule in struck:
        rule.done += 1
    return struck


def instant(text: str | datetime | float) -> float:
    """Seconds since 1970; naive texts and datetimes are Madrid time."""
    if isinstance(text, int | float):
        return float(text)
    moment = datetime.fromisoformat(text) if isinstance(text, str) else text
    return (moment.replace(tzinfo=MADRID) if moment.tzinfo is None else moment).timestamp()


def new_rule(
    kind: str,
    which: Mapping[str, Any],
    settings: Mapping[str, Any],
    **what: Any,
) -> Fault:
    """A rule of that kind: `which` requests it means, its `settings` as they are shown, and `what` it does."""
    known = {"times", "nth", "probability", "seed", "path", "indicator", "covering"}
    unknown = set(which) - known
    if unknown:
        raise TypeError(f"{kind} does not know {', '.join(sorted(unknown))}; it takes {', '.join(sorted(known))}")
    chosen = dict(which)
    nth = chosen.pop("nth", None) or ()
    chosen["nth"] = tuple(int(one) for one in ([nth] if isinstance(nth, int | str) else nth))
    for name, kind_of in (("times", int), ("indicator", int), ("probability", float)):
        if chosen.get(name) is not None:
            chosen[name] = kind_of(chosen[name])
    if "amount" in what:
        what["amount"] = float(what["amount"])
    if chosen.get("covering") is not None:
        chosen["covering"] = instant(chosen["covering"])
    return Fault(kind, {**{k: v for k, v in settings.items() if v is not None}, **which}, **chosen, **what)
