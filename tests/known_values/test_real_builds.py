"""What dbt makes of raw responses, at any cutoff, against an oracle that reads the payloads one by one."""

from __future__ import annotations

import datetime as dt
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.export import Query, query_frame
from extract.known_values import NotKnownYet
from extract.selection import Selection
from extract.settings import Settings, load_settings
from extract.version_query import LONG, find
from extract.warehouse.duckdb import DuckDB
from tests.warehouses.landed import MADRID, Warehouse, body, entry
from tests.warehouses.makers import Makers

from .histories import HOUR, Said, cutoffs, expected
from .test_known_values import demand_forecast, rows_of, values

INDICATORS = (460, 600, 1775)
AREAS = {460: (8741,), 600: (3, 1, 2), 1775: (8741,)}
QUARTERS_FROM = dt.datetime(2025, 9, 30, 22)  # 600 has quarter hours from 2025-10-01 on
# The change of 600's cadence, the nights of 25 and of 23 hours.
CENTRES = (QUARTERS_FROM, dt.datetime(2025, 10, 26), dt.datetime(2026, 3, 29))
# Times that a clock shows twice or skips among them.
RULES = ("D-1T12:00", "D-1T20:30", "DT02:30", "DT03:00", "D+1T02:30", "D-2T00:00", "DT23:59:59", "PT24H", "PT30M",
         "P1DT3H", "PT0S")  # fmt: skip


def periods(indicator: int, first: dt.datetime, last: dt.datetime) -> Iterator[dt.datetime]:
    """The grid of the indicator."""
    at = first
    while at < last:
        yield at
        at += HOUR / 4 if indicator == 600 and at >= QUARTERS_FROM else HOUR


def land_one(warehouse: Warehouse, draw: Random, extracted: dt.datetime, run: str) -> None:
    """A response for some hours, complete or not, with values beyond its window and entries that are no values."""
    indicator = draw.choice(INDICATORS)
    first = draw.choice(CENTRES) + draw.randrange(-8, 6) * HOUR
    last = first + draw.randrange(1, 7) * HOUR
    beyond = draw.choice([0, 0, 3]) * HOUR
    entries = []
    for period in periods(indicator, first, last + beyond):
        for area in (*AREAS[indicator], *([8826] if indicator == 600 else [])):
            if draw.random() < 0.75:
                value = draw.choice([1.5, -2.25, 30000.125, 30000.125, None, "mucho"])
                entries.append(entry(period.replace(tzinfo=dt.UTC), value, geo_id=area))
                if draw.random() < 0.05:  # a second value for the same period
                    entries.append(entry(period.replace(tzinfo=dt.UTC), 7.0, geo_id=area))
    draw.shuffle(entries)
    updated = extracted - draw.randrange(1, 9) * HOUR / 8
    text = updated.replace(tzinfo=dt.UTC).astimezone(MADRID).isoformat(timespec="milliseconds")
    payload = body(entries, f"Nombre {indicator}", text if draw.random() < 0.8 else None, indicator)
    warehouse.land(payload, (str(first), str(last)), str(extracted), run, indicator)


@pytest.fixture(scope="module")
def landed(warehouses: Makers, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A warehouse of our own."""
    return warehouses.empty(tmp_path_factory.mktemp("real"))


@pytest.fixture(scope="module")
def built(landed: Warehouse) -> Path:
    """Two builds over 160 responses; the second finds responses that are older than those of the first."""
    draw = Random(20261127)
    moments = [
        draw.choice(CENTRES) + dt.timedelta(minutes=draw.randrange(-4000, 3000), microseconds=number)
        for number in range(160)
    ]
    for half in (moments[:80], moments[80:]):
        for moment in half:
            land_one(landed, draw, moment, f"run-{moment.microsecond}")
        landed.run("--select", "+esios_values", "+demand_forecast_esios", "stg_esios__counted_values")
    return landed.path


@pytest.fixture(scope="module")
def history(built: Path) -> list[Said]:
    """Every value that any payload holds, read by Python alone."""
    with DuckDB(built, read_only=True) as warehouse:
        landed = warehouse.records("select * from raw_esios.indicator_responses")
    found = []
    for response in landed:
        indicator = json.loads(response["payload"])["indicator"]
        updated = indicator["values_updated_at"]
        said: dict[tuple[int, dt.datetime], list[Any]] = {}
        for one in indicator["values"]:
            if isinstance(one["value"], float) and one["geo_id"] in AREAS[indicator["id"]]:
                period = dt.datetime.fromisoformat(one["datetime"]).astimezone(dt.UTC).replace(tzinfo=None)
                said.setdefault((one["geo_id"], period), []).append(one["value"])
        for (area, period), told in said.items():
            if len(set(told)) == 1:  # two values for one period in one response are none
                published = updated and dt.datetime.fromisoformat(updated).astimezone(dt.UTC).replace(tzinfo=None)
                inside = response["window_start_utc"] <= period < response["window_end_utc"]
                at = response["extracted_at_utc"]
                found.append(Said(indicator["id"], area, period, told[0], at, published, inside))
    return found


@pytest.fixture
def opened(built: Path, history: list[Said]) -> Iterator[DuckDB]:
    """Closed after each test: dbt opens the file in its own way."""
    with DuckDB(built, read_only=True) as warehouse:
        yield warehouse


@pytest.fixture
def place(built: Path, tmp_path: Path) -> Settings:
    return load_settings({"ESIOS_DUCKDB_PATH": str(built)}, dotenv=tmp_path / "no.env")


def test_the_history_has_all_that_a_history_can_have(history: list[Said], opened: DuckDB) -> None:
    assert len(history) > 1000
    assert {said.in_window for said in history} == {True, False}
    assert opened.value("select max(version) from esios_value_versions") > 4
    assert opened.value("select count(distinct geo_id) from esios_value_versions where indicator_id = 600") == 3
    lengths = "select distinct period_end_utc - period_start_utc from esios_value_versions where indicator_id = 600"
    assert {row[0] for row in opened.rows(lengths)} == {HOUR, HOUR / 4}


@settings(max_examples=60)
@given(data=st.data(), versions=st.sampled_from(["latest", "latest", "first", "all"]), trust=st.booleans())
def test_at_any_cutoff_the_build_says_what_the_payloads_said(
    opened: DuckDB, history: list[Said], data: st.DataObject, versions: str, trust: bool
) -> None:
    cutoff = data.draw(cutoffs(history))
    limits = {"known_before": cutoff} if isinstance(cutoff, str) else {"as_of": cutoff}
    wanted = Selection.of(INDICATORS, versions=versions, trust_sealing=trust, **limits)
    known = find(opened, wanted)
    rows = rows_of(query_frame(opened, known.query))
    truth = expected(history, wanted.cutoff, versions, trust)
    assert rows == truth.rows
    assert known.not_known_yet == truth.not_known_yet
    if wanted.cutoff and not trust:
        assert all(row.known_from <= wanted.cutoff.cutoff(row.period) for row in rows)


def test_as_of_now_is_esios_values_to_the_last_cell(opened: DuckDB, place: Settings) -> None:
    names = ", ".join(column.name for column in LONG.named)
    statement = f"select {names} from esios_values order by indicator_id, geo_id, period_start_utc"
    view = query_frame(opened, Query(statement, LONG.named))
    assert len(view) > 100
    for limits in ({"as_of": dt.datetime(2100, 1, 1)}, {}, {"known_before": "D+999T00:00"}):
        pd.testing.assert_frame_equal(values(INDICATORS, settings=place, **limits), view)


def test_the_demand_forecast_as_of_now_is_the_table(place: Settings) -> None:
    table = demand_forecast(settings=place)
    assert len(table) > 20
    pd.testing.assert_frame_equal(demand_forecast(as_of=dt.datetime(2100, 1, 1), settings=place), table)
    day = ("2025-10-26", "2025-10-26")
    pd.testing.assert_frame_equal(
        demand_forecast(*day, as_of=dt.datetime(2100, 1, 1), settings=place), demand_forecast(*day, settings=place)
    )


def test_versions_follow_one_another_without_a_gap_and_one_is_the_newest(built: Path) -> None:
    with DuckDB(built, read_only=True) as warehouse:
        following = """
            select
                count(*) filter (where known_until_utc is distinct from next_from),
                count(*) filter (where known_until_utc <= known_from_utc),
                count(*) filter (where next_from is null) - count(distinct (indicator_id, geo_id, period_start_utc)),
                count(*) filter (where value is not distinct from next_value)
            from (
                select *, lead(known_from_utc) over periods as next_from, lead(value) over periods as next_value
                from esios_value_versions
                window periods as (partition by indicator_id, geo_id, period_start_utc order by version)
            )"""
        assert warehouse.first(following) == (0, 0, 0, 0)


def test_the_macros_for_sql_users_give_the_same_versions(landed: Warehouse, place: Settings) -> None:
    columns = "indicator_id, geo_id, period_start_utc, value, known_from_utc"
    pieces = [
        (rule, trusted, f"{{{{ known_before('{rule}', trust_sealing={str(trusted).lower()}) }}}}")
        for rule in RULES
        for trusted in (False, True)
    ]
    pieces += [("2025-10-25 22:00:00", trusted, f"{{{{ known_as_of('2025-10-25 22:00:00', {str(trusted).lower()}) }}}}")
               for trusted in (False, True)]  # fmt: skip
    inline = " union all ".join(
        f"select '{name} {trusted}' as name, {columns} from {macro} as known" for name, trusted, macro in pieces
    )
    compiled = landed.invoke("compile", "--inline", inline).result.results[0].node.compiled_code
    by_macro: dict[str, list[tuple[Any, ...]]] = {}
    for name, *row in landed.rows(f"{compiled} order by indicator_id, geo_id, period_start_utc"):
        by_macro.setdefault(name, []).append(tuple(row))
    assert len(by_macro) == len(pieces)
    for name, trusted, _ in pieces:
        limits = {"known_before": name} if name in RULES else {"as_of": name}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotKnownYet)
            frame = values(INDICATORS, trust_sealing=trusted, settings=place, **limits)
        ours = frame[columns.split(", ")].astype(object).itertuples(index=False)
        assert [tuple(row) for row in ours] == by_macro[f"{name} {trusted}"], name
