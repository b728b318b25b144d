"""The status verb: what is landed, since when, which hours are missing, and how the last runs ended. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any

from extract import landing
from extract.areas import NOT_REGISTERED, REJECTED, Area, unregistered_areas
from extract.in_a_row import in_a_row
from extract.indicators import registry
from extract.warehouse import Warehouse

GAPS = "quality_esios.demand_forecast_gaps"
SUSPECT = "quality_esios.demand_forecast_suspect_values"
WITHDRAWN = "quality_esios.demand_forecast_withdrawn_hours"
MART = "demand_forecast_esios"
LAST_RUNS = 5
_HOUR = "%Y-%m-%d %H:%M"
_SECOND = "%Y-%m-%d %H:%M:%S"


@dataclass
class Status:
    """Everything `esios status` tells. Instants are naive UTC; `complaints` are what makes the exit code 1."""

    source: str | None = None
    landed: list[dict[str, Any]] = field(default_factory=list)
    table: dict[str, Any] | None = None
    gaps: list[dict[str, Any]] = field(default_factory=list)
    suspect: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    withdrawn: list[dict[str, Any]] = field(default_factory=list)
    unregistered_areas: list[Area] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    judged: bool = False  # whether dbt has built what names gaps and bad values

    @property
    def missing_hours(self) -> int:
        """Hours that are due and not there."""
        return sum(gap["hours"] for gap in self.gaps)

    def complaints(self) -> list[str]:
        """One line for each stretch of hours that is missing or bad, UTC, named exactly."""
        lines = [f"missing: {gap_text(gap)}" for gap in self.gaps]
        lines += [
            f"suspect: {_subject(hours)} {_values(hours)} ({hours[0]['reason']})"
            for hours in in_a_row(self.suspect, "datetime", itemgetter("id", "reason"))
        ]
        lines += [
            f"quarantined: {_entries(entries)}"
            for entries in in_a_row(
                [entry for entry in self.rejected if entry["rejected_because"] != NOT_REGISTERED],
                "period_start_utc",
                itemgetter("indicator_id", "geo_id", "value_text", "rejected_because"),
            )
        ]
        lines += [f"quarantined: {area.text()}" for area in self.unregistered_areas]
        lines += [
            f"withdrawn: {_subject(hours)} left out of the newest answer; "
            + ("its last value stays" if len(hours) == 1 else "their last values stay")
            for hours in in_a_row(self.withdrawn, "datetime", itemgetter("id"))
        ]
        return lines

    def text(self) -> str:
        """For people."""
        lines = [f"source     {self.source or 'nothing landed yet'}"]
        for row in self.landed:
            span = f"{row['first']:{_HOUR}} … {row['last']:{_HOUR}} UTC"
            lines.append(
                f"landed     {row['indicator_id']} {row['name']}: {row['responses']} responses for "
                f"{row['windows']} windows, {span}, last answer {row['last_answer']:{_SECOND}} UTC"
            )
        if self.table is None:
            lines.append(f"table      {MART} is not built yet (dbt build)")
        else:
            lines.append(table_text(self.table))
        whole = (
            "no hour that is due is missing, no value is bad"
            if self.judged
            else "not judged before the first dbt build"
        )
        lines += [f"  {line}" for line in self.complaints()] or [f"complete   {whole}"]
        for run in self.runs:
            if run["status"] == landing.FORGOTTEN:
                lines.append(
                    f"run        {run['started_at_utc']:{_SECOND}} UTC {run['indicator_id']} forgotten: "
                    f"{run['requested_start']:%Y-%m-%d} … {run['requested_end']:%Y-%m-%d} (Madrid) is no longer due"
                )
                continue
            lines.append(
                f"run        {run['started_at_utc']:{_SECOND}} UTC {run['indicator_id']} {run['status']}: "
                f"{run['responses_landed']} landed, {run['windows']} windows, {run['requests']} requests"
                + (f" ({run['error']})" if run["error"] else "")
            )
        return "\n".join(lines)

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "source": self.source,
            "landed": self.landed,
            "table": self.table,
            "judged": self.judged,
            "missing_hours": self.missing_hours,
            "gaps": self.gaps,
            "suspect": self.suspect,
            "rejected": self.rejected,
            "withdrawn": self.withdrawn,
            "unregistered_areas": [vars(area) for area in self.unregistered_areas],
            "runs": self.runs,
        }


def read_status(warehouse: Warehouse) -> Status:
    """Ask the warehouse. What has not been built yet is left empty."""
    status = Status()
    if warehouse.exists(landing.RESPONSES):
        status.source = landing.recorded_source(warehouse)
        status.landed = _landed(warehouse)
        status.runs = warehouse.records(
            f"select {', '.join(landing.Run.__dataclass_fields__)} from {landing.RUNS} order by started_at_utc desc",
        )[:LAST_RUNS]
    if warehouse.exists(MART):
        status.table = _table(warehouse)
    status.judged = warehouse.exists(GAPS)
    status.gaps = _view(warehouse, GAPS, "id, gap_start_utc")
    status.suspect = _view(warehouse, SUSPECT, "id, datetime")
    # What a later answer has replaced is history: an alarm that never ends is none.
    entries = _view(warehouse, REJECTED, "response_id, datetime_text")
    status.rejected = [entry for entry in entries if not entry.pop("is_superseded", 0)]
    if any(entry["rejected_because"] == NOT_REGISTERED for entry in status.rejected):
        status.unregistered_areas = unregistered_areas(warehouse)
    status.withdrawn = _view(warehouse, WITHDRAWN, "id, datetime")
    return status


def gap_text(gap: Mapping[str, Any]) -> str:
    """`460 2018-12-31 08:00 … 2018-12-31 22:00 UTC (15 hours)`: first and last missing hour included."""
    hours = gap["hours"]
    return (
        f"{gap['id']} {gap['gap_start_utc']:{_HOUR}} … {gap['gap_end_utc']:{_HOUR}} UTC "
        f"({hours} {'hour' if hours == 1 else 'hours'})"
    )


def table_text(table: Mapping[str, Any]) -> str:
    """One line on the published table."""
    if not table["rows"]:
        return f"table      {MART}: no rows"
    return f"table      {MART}: {table['rows']} rows, {table['first']:{_HOUR}} … {table['last']:{_HOUR}} UTC"


def _subject(hours: Sequence[Mapping[str, Any]]) -> str:
    """`460 2017-02-01 08:00 UTC is`, or the first and the last of several hours."""
    first, last = hours[0]["datetime"], hours[-1]["datetime"]
    if len(hours) == 1:
        return f"{hours[0]['id']} {first:{_HOUR}} UTC is"
    return f"{hours[0]['id']} {first:{_HOUR}} … {last:{_HOUR}} UTC ({len(hours)} hours) are"


def _values(hours: Sequence[Mapping[str, Any]]) -> str:
    lowest, highest = (pick(hour["value"] for hour in hours) for pick in (min, max))
    return f"{lowest:g} MW" if lowest == highest else f"{lowest:g} to {highest:g} MW"


def _entries(entries: Sequence[Mapping[str, Any]]) -> str:
    first, last = entries[0], entries[-1]
    told = f"{first['indicator_id']} {first['datetime_text']}"
    if len(entries) > 1:
        told += f" … {last['datetime_text']} ({len(entries)} entries)"
    value = "null" if first["value_text"] is None else first["value_text"]
    return f"{told} value {value} ({first['rejected_because']})"


def _landed(warehouse: Warehouse) -> list[dict[str, Any]]:
    names = {indicator.id: indicator.name for indicator in registry()}
    checks = warehouse.records(
        "select indicator_id, min(window_start_utc) as first, max(window_end_utc) as last,"
        f" max(checked_at_utc) as last_answer from {landing.CHECKS} group by indicator_id order by indicator_id",
    )
    responses = warehouse.records(
        f"select indicator_id, count(*) as responses from {landing.RESPONSES} group by indicator_id",
    )
    count = {row["indicator_id"]: row["responses"] for row in responses}
    return [
        row
        | {
            "name": names.get(row["indicator_id"], "not registered"),
            "responses": count.get(row["indicator_id"], 0),
            "windows": len(landing.checked_windows(warehouse, row["indicator_id"])),
        }
        for row in checks
    ]


def _table(warehouse: Warehouse) -> dict[str, Any]:
    table = warehouse.sql_name(MART)
    datetime_column = warehouse.quote("datetime")
    rows = warehouse.quote("rows")
    sql = f"select count(*) as {rows}, min({datetime_column}) as first, max({datetime_column}) as last from {table}"
    return warehouse.records(sql)[0]


def _view(warehouse: Warehouse, name: str, order: str) -> list[dict[str, Any]]:
    if not warehouse.exists(name):
        return []
    ordered = ", ".join(warehouse.quote(column.strip()) for column in order.split(","))
    return warehouse.records(f"select * from {warehouse.sql_name(name)} order by {ordered}")


def as_utc_text(value: Any) -> str:
    """For JSON: instants as `yyyy-mm-ddThh:mm:ssZ`, everything else as it prints."""
    return f"{value.isoformat()}Z" if isinstance(value, datetime) else str(value)
