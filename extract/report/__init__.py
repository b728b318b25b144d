"""The report verb: warehouse → one self-contained HTML file. `facts` reads, `page` writes; nothing else is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from extract.files import output_path
from extract.settings import ROOT, Settings
from extract.warehouse import connect

DEFAULT_REPORT = ROOT / "exports" / "report.html"

__all__ = ["DEFAULT_REPORT", "Report", "write_report"]


@dataclass(frozen=True)
class Report:
    """The file that was written: its size, and the state that it shows at its top (`yes`, `no`, `unknown`, …)."""

    path: Path
    bytes: int
    state: dict[str, str]


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def write_report(
    settings: Settings,
    out: Path | None = None,
    clock: Callable[[], datetime] = _now,
    indicators: Sequence[int] = (),
) -> Report:
    """Write the report on the warehouse that the settings name to `out` (default: `exports/report.html`).

    `clock` gives naive UTC; `indicators`: only their curves, instead of all that are landed. The page says what is
    not built yet. `UsageError` if the warehouse is missing or the file cannot be written;

    `WarehouseError` where the warehouse fails.
    """
    from extract.report.facts import read_facts
    from extract.report.page import render, write

    with connect(settings, read_only=True) as warehouse:
        facts = read_facts(warehouse, clock(), indicators)
    path = output_path(out or DEFAULT_REPORT)
    size = write(path, render(facts))
    return Report(path, size, {name: part["verdict"] for name, part in facts["state"].items()})
