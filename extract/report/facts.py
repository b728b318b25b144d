"""Warehouse → the facts that the report shows, one JSON-able document. Reads only, through the connector, no dbt.

Instants are texts `yyyy-mm-ddThh:mm:ssZ`, days texts `yyyy-mm-dd` (Madrid days). What is not built is None.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from extract import landing
from extract.api import SIMULATED
from extract.areas import REJECTED
from extract.indicators import registry
from extract.report.clock import day_text, hour_count, instant_text, madrid_days
from extract.report.coding import encode_hours, plain
from extract.report.faults import list_faults
from extract.report.monitoring import read_monitoring
from extract.report.quality import Judgement, read_judgement
from extract.report.state import judge
from extract.status import GAPS, MART, SUSPECT, WITHDRAWN, Status, read_status
from extract.warehouse import Warehouse

FORMAT = 1
VALUES = "staging_esios.stg_esios__indicator_values"
DBT_RESULTS = "quality_esios.dbt_results"
RUNS_SHOWN = 20
BUILDS_SHOWN = 10
LARGEST_REVISIONS = 15
PATTERN_WEEKS = 52
_HOUR = np.timedelta64(1, "h")


def read_facts(warehouse: Warehouse, now_utc: datetime) -> dict[str, Any]:
    """Everything the page shows. `now_utc` (naive) is when the report counts as made."""
    status = read_status(warehouse)
    published = _published(warehouse) if status.table is not None else None
    built = {name: warehouse.exists(name) for name in (GAPS, SUSPECT, REJECTED, WITHDRAWN, VALUES)}
    judgement = read_judgement(warehouse)
    series = [] if published is None else _series(published)
    calendar = None
    if published is not None and built[GAPS]:
        calendar = _calendar(published, status, judgement)
    return {
        "format": FORMAT,
        "generated_at_utc": instant_text(now_utc),
        "source": status.source,
        "simulated": status.source == SIMULATED,
        "engine": warehouse.engine,
        "table": None if status.table is None else {"name": MART, **_texts(status.table)},
        "landed": [_texts(row) for row in status.landed],
        "missing_hours": status.missing_hours if built[GAPS] else None,
        "state": judge(warehouse, status, built, judgement, now_utc),
        "series": series,
        "calendar": calendar,
        "judged_days": None if judgement is None else judgement.days,
        "revisions": _revisions(warehouse, [one["id"] for one in series]) if built[VALUES] else None,
        "week": None if published is None else [_week(one_id, rows) for one_id, rows in published.groupby("id")],
        "monitoring": read_monitoring(warehouse),
        "runs": _runs(warehouse) if warehouse.exists(landing.RUNS) else None,
        "builds": _builds(warehouse) if warehouse.exists(DBT_RESULTS) else None,
        "faults": list_faults(status, judgement, {one["id"] for one in series}) if published is not None else None,
    }


def _texts(row: dict[str, Any]) -> dict[str, Any]:
    return {name: plain(value) for name, value in row.items()}


def _published(warehouse: Warehouse) -> pd.DataFrame:
    """The table's hours: id (int64), name, datetime (datetime64, UTC), value (float64), ordered by id and datetime."""
    id_column, time_column = warehouse.quote("id"), warehouse.quote("datetime")
    rows = list(
        warehouse.rows(
            f"select {id_column}, {time_column}, demand_forecast, {warehouse.quote('name')}"
            f" from {warehouse.sql_name(MART)} order by {id_column}, {time_column}"
        )
    )
    ids, times, values, names = zip(*rows, strict=True) if rows else ((), (), (), ())
    return pd.DataFrame(
        {
            "id": np.array(ids, dtype=np.int64),
            "datetime": np.array(times, dtype="datetime64[s]"),
            "value": np.array([np.nan if value is None else float(value) for value in values]),
            "name": pd.Series(names, dtype="object"),
        }
    )


def _series(published: pd.DataFrame) -> list[dict[str, Any]]:
    units = {indicator.id: indicator.unit for indicator in registry()}
    found = []
    for one_id, rows in published.groupby("id"):
        values = rows["value"].dropna()
        found.append(
            {
                "id": plain(one_id),
                "name": str(rows["name"].iloc[-1]),
                "unit": units.get(int(str(one_id)), "MW"),
                "rows": len(rows),
                "first": instant_text(rows["datetime"].iloc[0]),
                "last": instant_text(rows["datetime"].iloc[-1]),
                "minimum": plain(values.min()),
                "maximum": plain(values.max()),
                "mean": plain(values.mean()),
                "hours": encode_hours(rows["datetime"].to_numpy(), rows["value"].to_numpy()),
            }
        )
    return found


def _calendar(published: pd.DataFrame, status: Status, judgement: Judgement | None) -> list[dict[str, Any]]:
    """Per indicator and year: hours there and hours missing of each Madrid day; a day with neither is not due."""
    odd = {(row.id, row.day): row.verdict for row in judgement.odd if row.beyond_gaps} if judgement else {}
    gaps: dict[int, list[np.ndarray[Any, Any]]] = {}
    for gap in status.gaps:
        start = np.datetime64(gap["gap_start_utc"], "s")
        gaps.setdefault(int(gap["id"]), []).append(start + np.arange(int(gap["hours"])) * _HOUR)
    there = {int(str(one_id)): rows["datetime"].to_numpy() for one_id, rows in published.groupby("id")}
    found = []
    for one_id in sorted(there.keys() | gaps.keys()):
        present = madrid_days(there.get(one_id, np.array([], dtype="datetime64[s]"))).value_counts()
        spans = gaps.get(one_id)
        missing = madrid_days(np.concatenate(spans)).value_counts() if spans else pd.Series(dtype="int64")
        years = []
        for year in sorted({day.year for day in [*present.index, *missing.index]}):
            days = [date(year, 1, 1) + timedelta(days=n) for n in range(366 if _is_leap(year) else 365)]
            years.append(
                {
                    "year": year,
                    "there": [int(present.get(day, 0)) for day in days],
                    "missing": [int(missing.get(day, 0)) for day in days],
                    "day_hours": {day_text(day): hour_count(day) for day in days if hour_count(day) != 24},
                    "verdicts": {day_text(day): odd[one_id, day] for day in days if (one_id, day) in odd},
                }
            )
        found.append({"id": one_id, "years": years})
    return found


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _week(one_id: Any, rows: pd.DataFrame) -> dict[str, Any]:
    """The week's pattern: per hour of the Madrid week (0 = Monday 00h … 167), median and 10–90 % band; the last week.

    From the 52 weeks up to the newest hour. The last week is the seven whole Madrid days before the newest one.
    """
    newest = rows["datetime"].iloc[-1]
    recent = rows[rows["datetime"] > newest - timedelta(weeks=PATTERN_WEEKS)].dropna(subset="value")
    local = recent["datetime"].dt.tz_localize("UTC").dt.tz_convert("Europe/Madrid")
    hour_of_week = local.dt.day_of_week * 24 + local.dt.hour
    band = recent["value"].groupby(hour_of_week).quantile([0.1, 0.5, 0.9]).unstack().reindex(range(168))
    last_day = (newest + timedelta(hours=1)).tz_localize("UTC").tz_convert("Europe/Madrid").normalize()
    in_last_week = (local >= last_day - pd.DateOffset(days=7)) & (local < last_day)
    last = recent["value"][in_last_week].groupby(hour_of_week[in_last_week]).mean().reindex(range(168))
    return {
        "id": plain(one_id),
        "from": instant_text(recent["datetime"].iloc[0]) if len(recent) else None,
        "to": instant_text(newest),
        "p10": [plain(value) for value in band[0.1]],
        "median": [plain(value) for value in band[0.5]],
        "p90": [plain(value) for value in band[0.9]],
        "last_week_from": day_text((last_day - pd.DateOffset(days=7)).date()),
        "last_week_to": day_text((last_day - pd.DateOffset(days=1)).date()),
        "last_week": [plain(value) for value in last],
    }


def _revisions(warehouse: Warehouse, ids: list[int]) -> list[dict[str, Any]]:
    """Per indicator: how many hours were given another value by a later answer, per Madrid day, and the largest."""
    return [_revisions_of(warehouse, one_id) for one_id in ids]


_CHANGES = """
    select
        period_start_utc,
        extracted_at_utc,
        value,
        lag(value) over (partition by period_start_utc order by extracted_at_utc, response_id) as value_before
    from {values}
    where indicator_id = ?
"""


def _revisions_of(warehouse: Warehouse, one_id: int) -> dict[str, Any]:
    changes = _CHANGES.format(values=warehouse.sql_name(VALUES))
    per_hour = list(
        warehouse.rows(
            "select period_start_utc, count(*), sum(abs(value - value_before)), max(abs(value - value_before))"
            f" from ({changes}) as changes where value <> value_before group by period_start_utc order by 1",
            (one_id,),
        )
    )
    largest = list(
        warehouse.rows(
            "select period_start_utc, value_before, value, extracted_at_utc from ("
            " select period_start_utc, value_before, value, extracted_at_utc, row_number() over"
            " (order by abs(value - value_before) desc, period_start_utc, extracted_at_utc) as place"
            f" from ({changes}) as changes where value <> value_before) as placed"
            f" where place <= {LARGEST_REVISIONS} order by place",
            (one_id,),
        )
    )
    days = []
    if per_hour:
        hours, counts, sums, maxima = zip(*per_hour, strict=True)
        frame = pd.DataFrame({"count": counts, "sum": sums, "max": maxima})
        by_day = frame.groupby(madrid_days(np.array(hours, dtype="datetime64[s]")).to_numpy())
        for day, rows in by_day:
            days.append(
                {
                    "day": day_text(day),
                    "hours": len(rows),
                    "changes": int(rows["count"].sum()),
                    "mean_change": plain(rows["sum"].sum() / rows["count"].sum()),
                    "largest_change": plain(rows["max"].max()),
                }
            )
    return {
        "id": one_id,
        "hours": len(per_hour),
        "changes": int(sum(row[1] for row in per_hour)),
        "largest_change": plain(max((row[3] for row in per_hour), default=None)),
        "days": days,
        "largest": [
            {
                "hour": instant_text(hour),
                "before": plain(before),
                "after": plain(after),
                "at": instant_text(at),
            }
            for hour, before, after, at in largest
        ],
    }


def _runs(warehouse: Warehouse) -> list[dict[str, Any]]:
    names = ", ".join(landing.Run.__dataclass_fields__)
    runs = warehouse.records(f"select {names} from {landing.RUNS} order by started_at_utc desc")
    return [_texts(run) for run in runs[:RUNS_SHOWN]]


def _builds(warehouse: Warehouse) -> list[dict[str, Any]]:
    """The last runs of dbt: how many models were built, how each test ended, and what did not end well."""
    results = warehouse.sql_name(DBT_RESULTS)
    rows = list(
        warehouse.rows(
            "select invocation_id, run_started_at_utc, command,"
            " sum(case when resource_type <> 'test' and status = 'success' then 1 else 0 end),"
            " sum(case when status = 'pass' then 1 else 0 end),"
            " sum(case when status = 'warn' then 1 else 0 end),"
            " sum(case when status in ('fail', 'error') then 1 else 0 end),"
            f" sum(execution_seconds) from {results} group by invocation_id, run_started_at_utc, command"
            " order by run_started_at_utc desc, invocation_id"
        )
    )[:BUILDS_SHOWN]
    builds = []
    for invocation_id, started, command, models, passed, warned, broken, seconds in rows:
        named = warehouse.rows(
            f"select name from {results} where invocation_id = ? and status in ('warn', 'fail', 'error') order by name",
            (invocation_id,),
        )
        builds.append(
            {
                "invocation_id": str(invocation_id),
                "started_at_utc": instant_text(started),
                "command": str(command),
                "models": int(models),
                "passed": int(passed),
                "warned": int(warned),
                "broken": int(broken),
                "seconds": plain(seconds),
                "named": [str(name) for (name,) in named],
            }
        )
    return builds
