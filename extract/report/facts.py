"""Warehouse → the facts that the report shows, one JSON-able document. Reads only, through the connector, no dbt.

Instants are texts `yyyy-mm-ddThh:mm:ssZ`, days texts `yyyy-mm-dd` (Madrid days). What is not built is None.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from extract.api import SIMULATED
from extract.health.state import DAILY, DBT_RESULTS, MART, VALUES, State, read_state
from extract.health.verdicts import summary
from extract.registry import DEMAND_FORECAST, registry
from extract.report import series as one_series
from extract.report.clock import day_text, instant_text
from extract.report.faults import list_faults
from extract.report.monitoring import read_monitoring
from extract.report.payload import plain
from extract.warehouse import Warehouse

FORMAT = 2
VERSIONS = "esios_value_versions"
BUILDS_SHOWN = 10
# About 20 MB of page: more indicators than that are named, and shown when asked for by --indicator.
VALUES_SHOWN = 1_500_000
Key = tuple[int, int]


def read_facts(warehouse: Warehouse, now_utc: datetime, wanted: Sequence[int] = ()) -> dict[str, Any]:
    """Everything the page shows. `now_utc` (naive): when it counts as made; `wanted`: only these indicators' curves."""
    state = read_state(warehouse)
    shown, left_out = _choose(_landed_series(state), wanted)
    series, weeks, revisions = [], [], []
    for one in shown:
        key = {"id": one["id"], "geo_id": one["geo_id"]}
        versions = _versions(warehouse, (one["id"], one["geo_id"]))
        series.append(one | one_series.curve(versions))
        pattern = one_series.week(versions)
        weeks += [key | pattern] if pattern else []
        revisions.append(key | one_series.revisions(versions))
    built = VALUES in state.built
    return {
        "format": FORMAT,
        "generated_at_utc": instant_text(now_utc),
        "source": state.source,
        "simulated": state.source == SIMULATED,
        "engine": warehouse.engine,
        "table": None if state.table is None else {"name": MART, **_texts(state.table)},
        "landed": [_texts(row) for row in state.landed],
        "missing_hours": state.missing_hours if state.judged else None,
        "state": _plain(summary(state, now_utc)),
        "series": series,
        "left_out": left_out,
        "calendar": _calendar(warehouse, state, series) if built and state.judged else None,
        "judged_days": sum(_days_of(row) for row in state.days) if state.judged else None,
        "revisions": revisions if built else None,
        "week": weeks if built else None,
        "monitoring": read_monitoring(warehouse),
        "runs": [_texts(run) for run in state.runs] if state.has_landing else None,
        "builds": _builds(warehouse) if DBT_RESULTS in state.built else None,
        "faults": list_faults(state) if state.judged else None,
    }


def _days_of(row: dict[str, Any]) -> int:
    return sum(int(row[f"{verdict}_days"]) for verdict in ("good", "suspect", "bad"))


def _texts(row: dict[str, Any]) -> dict[str, Any]:
    return {name: plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else plain(value)


def _landed_series(state: State) -> list[dict[str, Any]]:
    """Each area of each indicator that has values: the demand forecast first, then as the registry has it."""
    order = {indicator.id: n for n, indicator in enumerate(registry())}
    areas = {indicator.id: indicator.areas or () for indicator in registry()}
    forecasts = {indicator.id for indicator in registry() if indicator.role == DEMAND_FORECAST}
    found = [
        {
            **{"id": row["indicator_id"], "geo_id": row["geo_id"], "name": str(row["name"])},
            **{"geo_name": row["geo_name"], "unit": row["unit"] or "", "count": int(row["periods"])},
            "is_forecast": row["indicator_id"] in forecasts,
        }
        for row in state.published
    ]

    def place(one: dict[str, Any]) -> tuple[Any, ...]:
        listed = areas.get(one["id"], ())
        at = listed.index(one["geo_id"]) if one["geo_id"] in listed else len(listed)
        return not one["is_forecast"], order.get(one["id"], len(order)), one["id"], at, one["geo_id"]

    return sorted(found, key=place)


def _choose(found: list[dict[str, Any]], wanted: Sequence[int]) -> tuple[list[dict[str, Any]], list[int]]:
    """The series to show, and the indicators that there was no room for."""
    shown: list[dict[str, Any]] = []
    left_out: list[int] = []
    room = VALUES_SHOWN
    for one in found:
        if wanted and one["id"] not in wanted:
            continue
        if wanted or not shown or one["count"] <= room:
            shown.append({name: value for name, value in one.items() if name != "count"})
            room -= one["count"]
        elif one["id"] not in left_out:
            left_out.append(one["id"])
    return shown, left_out


def _versions(warehouse: Warehouse, key: Key) -> pd.DataFrame:
    """Every version of one area of one indicator: start, end, known (datetime64, UTC), value (float64), in order."""
    rows = list(
        warehouse.rows(
            "select period_start_utc, period_end_utc, known_from_utc, value"
            f" from {warehouse.sql_name(VERSIONS)} where indicator_id = ? and geo_id = ?"
            " order by period_start_utc, version",
            key,
        )
    )
    starts, ends, known, values = zip(*rows, strict=True)
    return pd.DataFrame(
        {
            "start": np.array(starts, dtype="datetime64[s]"),
            "end": np.array(ends, dtype="datetime64[s]"),
            "known": np.array(known, dtype="datetime64[s]"),
            "value": np.array([np.nan if value is None else float(value) for value in values]),
        }
    )


def _calendar(warehouse: Warehouse, state: State, series: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per series and year: periods there and periods missing of each Madrid day; a day with neither is not due."""
    odd = {
        (day.indicator_id, day.geo_id, day.day): day.verdict
        for day in state.odd_days
        if any(code != "missing" for code, *_ in day.findings)
    }
    counted: dict[Key, dict[date, tuple[int, int]]] = {}
    rows = warehouse.rows(
        "select indicator_id, geo_id, madrid_day, values_there, missing_periods"
        f" from {warehouse.sql_name(DAILY)} order by indicator_id, geo_id, madrid_day"
    )
    for one, geo, day, there, missing in rows:
        counted.setdefault((one, geo), {})[date.fromisoformat(day_text(day)[:10])] = (int(there), int(missing))
    found = []
    for one in series:
        key = (one["id"], one["geo_id"])
        counts = counted.get(key, {})
        years = []
        for year in sorted({day.year for day in counts}):
            days = [date(year, 1, 1) + timedelta(days=n) for n in range(366 if _is_leap(year) else 365)]
            years.append(
                {
                    "year": year,
                    "there": [counts.get(day, (0, 0))[0] for day in days],
                    "missing": [counts.get(day, (0, 0))[1] for day in days],
                    "verdicts": {day_text(day): odd[*key, day] for day in days if (*key, day) in odd},
                }
            )
        found.append({"id": one["id"], "geo_id": one["geo_id"], "years": years})
    return found


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


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
