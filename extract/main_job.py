"""The main job, whole: extract → dbt build → export → summary, and the exit code. Only broken parts stop it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extract.counted import counted
from extract.dbt_command import note_ignored, prepare_environment
from extract.errors import ApiUnavailable, DataIncomplete, EsiosError, UsageError, WarehouseError
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
    outcome.dbt_failures = build(settings)
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


def build(settings: Settings, *, quiet: bool = False) -> list[str]:
    """`dbt build`, its output on stderr (`quiet`: errors only); the data tests that found something, a line each.

    `WarehouseError` if a model could not be built, or dbt could not even open the warehouse.
    """
    environment = dict(os.environ)
    note_ignored(prepare_environment(settings, environment))
    # Text colours are for terminals.
    options = [*([] if sys.stderr.isatty() else ["--no-use-colors"]), *(["--quiet"] if quiet else [])]
    # The models' unit tests prove the code, not the data: they are part of `make test`.
    command = [sys.executable, "-m", "extract.dbt_command", *options, "build", "--exclude-resource-type", "unit_test"]
    target = Path(environment["DBT_TARGET_PATH"])
    results = target / "run_results.json"
    results.unlink(missing_ok=True)
    shutil.rmtree(target / "run", ignore_errors=True)  # dbt writes each statement there before it is run
    code = _run_uninterrupted(command, environment)
    try:
        everything = json.loads(results.read_text("utf-8"))["results"]
    except (OSError, ValueError):  # missing, or cut off
        if not (target / "run").exists():
            if code == 2 and settings.target == "spark":  # the session was refused
                raise UsageError("dbt refused to begin", "read its message above; nothing was built") from None
            raise WarehouseError("dbt could not begin", "read its message above; nothing was built") from None
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise WarehouseError(
            f"dbt ended with {how} and left no results in {results}",
            "read its message above; what was built before stays; run it again",
        ) from None
    # The hook that stores the results is not part of the build: dbt reports that it failed, and nothing stops.
    nodes = [node for node in everything if not node["unique_id"].startswith("operation.")]
    broken = [node for node in nodes if node["status"] == "error"]
    if broken:
        names = ", ".join(_name(node) for node in broken)
        raise WarehouseError(f"dbt could not build {names}", "read its message above; what was built before stays")
    failed = [
        f"{node['status']}: {_name(node)}: {node['message']}" for node in nodes if node["status"] in ("warn", "fail")
    ]
    if code and not failed and all(node["status"] != "error" for node in everything):
        raise WarehouseError(f"dbt ended with {code}", "read its message above")
    return failed


def _run_uninterrupted(command: list[str], environment: dict[str, str]) -> int:
    """Run dbt with its output on stderr, deaf to Ctrl-C, which reaches it as well as us: it would print tracebacks.

    An interrupt ends it by SIGTERM, without a word; the warehouse rolls back what was open.
    """

    def ignore_interrupts() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    # No other thread of ours runs by now, so that code between fork and exec is safe.
    with subprocess.Popen(command, env=environment, stdout=sys.stderr, preexec_fn=ignore_interrupts) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.terminate()
            raise


def _name(node: dict[str, Any]) -> str:
    return str(node["unique_id"]).split(".")[2]


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
