"""The values of any indicator as they are known, or were known at a cutoff: as a frame, or streamed into a file.

Not `values.py`: a submodule of that name would take the place of the function `extract.values`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extract.counted import counted
from extract.errors import EXIT_DATA_INCOMPLETE
from extract.export import Exported, checked_target, demand_forecast_query, query_frame, write_query
from extract.registry import Indicator
from extract.selection import Selection
from extract.settings import ROOT, Settings, load_settings
from extract.version_query import DEMAND, PERIOD_START, Known, find
from extract.warehouse import Warehouse, connect
from extract.windows import DAY, midnight_utc

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_OUT = ROOT / "exports" / "values.csv"


class NotKnownYet(UserWarning):
    """Periods were left out of a frame because nothing was known of them at the cutoff."""


class NoValues(UserWarning):
    """Nothing is landed of an indicator that was asked for."""


def values_frame(selection: Selection, settings: Settings | None = None) -> pd.DataFrame:
    """The selected values as a DataFrame; see `extract.values`."""
    with connect(settings or load_settings(), read_only=True) as warehouse:
        known = find(warehouse, selection)
        frame = query_frame(warehouse, known.query)
    if selection.wide:
        frame = frame.set_index(PERIOD_START)
        frame.attrs["columns"] = {name: list(series) for name, series in known.wide_columns.items()}
    return _with_notes(frame, selection, known)


def demand_forecast_frame(selection: Selection, settings: Settings | None = None) -> pd.DataFrame:
    """The selected forecasts in the columns of `demand_forecast_esios`, without a cutoff from that table itself; see
    `extract.demand_forecast`.
    """
    with connect(settings or load_settings(), read_only=True) as warehouse:
        if selection.cutoff is None:
            return _within(query_frame(warehouse, demand_forecast_query(warehouse)), selection)
        known = find(warehouse, selection, DEMAND)
        frame = query_frame(warehouse, known.query)
    frame["update_timestamp"] = frame["update_timestamp"].dt.floor("s")
    return _with_notes(frame, selection, known)


def _within(frame: pd.DataFrame, selection: Selection) -> pd.DataFrame:
    """The rows of the selected days."""
    if selection.start:
        frame = frame[frame["datetime"] >= midnight_utc(selection.start)]
    if selection.end:
        frame = frame[frame["datetime"] < midnight_utc(selection.end + DAY)]
    return frame.reset_index(drop=True)


def _with_notes(frame: pd.DataFrame, selection: Selection, known: Known) -> pd.DataFrame:
    """The frame with the count of what it leaves out, which a warning says as well: attrs are easily lost."""
    frame.attrs["not_known_yet"] = known.not_known_yet
    if known.not_known_yet:
        warnings.warn(not_known_text(selection, known), NotKnownYet, stacklevel=4)
    for indicator in known.without_values:
        warnings.warn(without_values_text(selection, indicator), NoValues, stacklevel=4)
    return frame


def not_known_text(selection: Selection, known: Known) -> str:
    """How many periods are left out, and why."""
    count = known.not_known_yet
    return f"{counted(count, 'period')} left out: not known yet at the cutoff ({selection.cutoff})"


def without_values_text(selection: Selection, indicator: Indicator) -> str:
    """That the warehouse has no value of an indicator, and what to do about it."""
    asked = {
        "from": selection.start,
        "to": selection.end,
        "in areas": selection.areas and ", ".join(map(str, selection.areas)),
    }
    limits = "".join(f" {word} {limit}" for word, limit in asked.items() if limit)
    return (
        f"no value of indicator {indicator.id} ({indicator.name}) is in the warehouse{limits}: "
        f"land it with `esios extract --indicator {indicator.id}`, then run `dbt build`"
    )


@dataclass(frozen=True)
class ExportedValues:
    """The file that was written, for what, and what was found for it."""

    selection: Selection
    written: Exported
    known: Known

    @property
    def exit_code(self) -> int:
        """1 if nothing is landed of an indicator; what was not known yet is not a fault."""
        return EXIT_DATA_INCOMPLETE if self.known.without_values else 0

    def subject(self) -> str:
        """Of what the rows are."""
        return "indicator " + ", ".join(str(indicator.id) for indicator in self.selection.indicators)

    def notes(self) -> list[str]:
        """What a person should know of the file besides: what is left out, and of what there is nothing."""
        left_out = [not_known_text(self.selection, self.known)] if self.known.not_known_yet else []
        return left_out + [without_values_text(self.selection, indicator) for indicator in self.known.without_values]

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "indicators": [indicator.id for indicator in self.selection.indicators],
            "rows": self.written.rows,
            "file": str(self.written.path),
            "not_known_yet": self.known.not_known_yet,
            "without_values": [indicator.id for indicator in self.known.without_values],
            "columns": {
                name: {"indicator_id": indicator, "geo_id": area}
                for name, (indicator, area) in self.known.wide_columns.items()
            },
            "exit_code": self.exit_code,
        }


def export_values(warehouse: Warehouse, selection: Selection, out: Path | None = None) -> ExportedValues:
    """Stream the selected values into `out` (default: `exports/values.csv`), CSV or Parquet by the ending.

    The bytes are those of `export_table`, the same on every engine; whole or not at all. `UsageError` as there, and
    where the table is not built yet or an area is unknown.
    """
    path = checked_target(out or DEFAULT_OUT)
    known = find(warehouse, selection)
    return ExportedValues(selection, write_query(warehouse, known.query, path), known)
