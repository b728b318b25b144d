"""The main job, whole: extract → dbt build → export → summary, and the exit code. Only broken parts stop it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extract.counted import counted
from extract.dbt_build import DbtBuild
from extract.errors import ApiUnavailable, DataIncomplete, EsiosError
from extract.export import export_table
from extract.extraction import Request, Summary, extract
from extract.health.lines import published_text, table_text
from extract.health.state import MART
from extract.known_values import ExportedValues, export_values
from extract.registry import DEMAND_FORECAST
from extract.selection import Selection
from extract.settings import Settings
from extract.status import Status, read_status
from extract.warehouse import Warehouse, connect


@dataclass
class Outcome:
    """What the job did. The first of `errors` that is not a `DataIncomplete` decides the exit code."""

    extracted: Summary | None = None
    dbt_failures: list[str] = field(default_factory=list)
    status: Status = field(default_factory=Status)
    exported: Path | None = None  # the demand forecast
    values: ExportedValues | None = None  # any other indicators
    errors: list[EsiosError] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 if everything is present and good, else as the contract says."""
        graver = [error for error in self.errors if not isinstance(error, DataIncomplete)]
        return (graver or self.errors)[0].exit_code if self.errors else 0

    def document(self) -> dict[str, Any]:
        """What the job did, for programs."""
        return {
            "exit_code": self.exit_code,
            "file": str(self.exported or (self.values and self.values.written.path)),
            "values": self.values and self.values.document(),
            **self.status.document(),
            "tests": self.dbt_failures,
            "errors": [str(error) for error in self.errors],
        }


def run_main_job(settings: Settings, request: Request, out: Path | None, say: Callable[[str], None]) -> Outcome:
    """Do everything that can be done; raises what stops the job at once (usage, refused key, warehouse).

    `out`: where the published table goes, or the values where no demand forecast is asked for (defaults: as `esios
    export`). Values of other indicators besides a demand forecast go beside it, as `values`.
    """
    outcome = Outcome()
    with DbtBuild(settings) as dbt:
        say("── extract: ESIOS → raw_esios.indicator_responses")
        outcome.extracted = summary = extract(settings, request)
        say(summary.text())
        if summary.interrupted:
            raise KeyboardInterrupt
        if summary.error:
            if not isinstance(summary.error, ApiUnavailable):
                raise summary.error
            outcome.errors.append(summary.error)
        say("── build: dbt build")
        outcome.dbt_failures = dbt.run()
    with connect(settings, read_only=True) as warehouse:
        outcome.status = read_status(warehouse)
        _export(warehouse, request, out, outcome, say)
    # A test that found something says how often; the lines of the status say what. They are the same findings.
    findings = outcome.status.findings() or outcome.dbt_failures
    if findings:
        outcome.errors.append(DataIncomplete(f"{counted(len(findings), 'finding')} in the data, named above", ""))
    return outcome


def _export(
    warehouse: Warehouse, request: Request, out: Path | None, outcome: Outcome, say: Callable[[str], None]
) -> None:
    others = tuple(indicator for indicator in request.indicators if indicator.role != DEMAND_FORECAST)
    has_forecast = len(others) < len(request.indicators)
    if has_forecast:
        outcome.exported = export_table(warehouse, MART, out).path
        say(f"── export: {MART} → {outcome.exported}")
    if others:
        path = out.with_name(f"values{out.suffix}") if out and has_forecast else out
        outcome.values = export_values(warehouse, Selection(others), path)
        say(f"── export: {outcome.values.subject()} → {outcome.values.written.path}")


def summary_text(outcome: Outcome) -> str:
    """The closing lines for people."""
    state = outcome.status.state
    lines = ["── summary", f"source     {state.source}"]
    if outcome.exported is not None:
        if state.table is not None:
            lines.append(table_text(state.table))
        lines.append(f"file       {outcome.exported}")
    if outcome.values is not None:
        lines += [f"values     {published_text(row)}" for row in _published(outcome.values, outcome.status)]
        lines += [f"note       {note}" for note in outcome.values.notes()]
        lines.append(f"file       {outcome.values.written.path}: {counted(outcome.values.written.rows, 'value')}")
    findings = [*outcome.status.findings(), *outcome.dbt_failures]
    lines += [f"  {finding}" for finding in findings] or [
        "complete   no hour that is due is missing, no value is bad, every test passed"
    ]
    return "\n".join([*lines, *outcome.status.notes()])


def _published(values: ExportedValues, status: Status) -> list[dict[str, Any]]:
    ids = {indicator.id for indicator in values.selection.indicators}
    return [row for row in status.state.published if row["indicator_id"] in ids]
