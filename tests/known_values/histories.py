"""Histories of values: what each response said and when, the tables that such a history makes, and a slow oracle.

The oracle knows nothing of versions: for each period it goes through everything that was ever said, in order.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from hypothesis import strategies as st

from extract.cutoffs import Cutoff, DayRule
from extract.registry import find_indicators
from extract.warehouse import Warehouse

HOUR = dt.timedelta(hours=1)
GEO_NAMES = {1: "Portugal", 2: "Francia", 3: "España", 8741: "Península"}
Key = tuple[int, int, dt.datetime]


@dataclass(frozen=True)
class Said:
    """One value in one response."""

    indicator_id: int
    geo_id: int
    period: dt.datetime
    value: float
    extracted: dt.datetime
    published: dt.datetime | None
    in_window: bool = True

    @property
    def key(self) -> Key:
        return self.indicator_id, self.geo_id, self.period


@dataclass(frozen=True)
class Row:
    """What is to come out of one period: the value, since when it was known, when it was published."""

    indicator_id: int
    geo_id: int
    period: dt.datetime
    value: float
    known_from: dt.datetime
    published: dt.datetime | None


def sealed_at(indicator_id: int, period: dt.datetime) -> dt.datetime | None:
    """The registry's rule, where it has one."""
    rule = find_indicators([str(indicator_id)])[0].sealed
    return DayRule.parse(rule).cutoff(period) if rule else None


def that_count(history: Iterable[Said]) -> Iterator[tuple[Key, list[Said]]]:
    """What was said of each period, oldest first: from outside its window only what came before any inside did."""
    in_order = sorted(history, key=lambda said: (said.key, said.extracted))
    for key, group in groupby(in_order, key=lambda said: said.key):
        counted: list[Said] = []
        for said in group:
            if said.in_window or not any(before.in_window for before in counted):
                counted.append(said)
        yield key, counted


def runs(counted: Sequence[Said]) -> list[list[Said]]:
    """The same value again and again is one version."""
    return [list(run) for _, run in groupby(counted, key=lambda said: said.value)]


@dataclass(frozen=True)
class Expected:
    """What the oracle lets through, and how many periods it leaves out."""

    rows: list[Row]
    not_known_yet: int


def expected(history: Sequence[Said], cutoff: Cutoff | None, versions: str, trust_sealing: bool) -> Expected:
    """Period by period, response by response."""
    rows, left_out = [], 0
    for (indicator_id, geo_id, period), counted in that_count(history):
        limit = cutoff.cutoff(period) if cutoff else dt.datetime.max
        by_then = [said for said in counted if said.extracted <= limit]
        sealed = sealed_at(indicator_id, period)
        known = [(run[0], run[-1]) for run in runs(by_then)]
        if not known and trust_sealing and sealed and sealed <= limit:
            known = [(counted[0], counted[0])]
        if not known:
            left_out += 1
            continue
        chosen = {"latest": known[-1:], "first": known[:1], "all": known}[versions]
        rows += [
            Row(indicator_id, geo_id, period, first.value, first.extracted, last.published) for first, last in chosen
        ]
    return Expected(rows, left_out)


def fill(warehouse: Warehouse, history: Sequence[Said]) -> None:
    """Make the tables that a build makes of such responses, one response a value."""
    types = {
        "duckdb": {"i": "integer", "b": "bigint", "f": "double", "t": "timestamp", "n": "varchar"},
        "sqlserver": {"i": "int", "b": "bigint", "f": "float", "t": "datetime2(6)", "n": "nvarchar(200)"},
    }[warehouse.engine]
    numbered = {id(said): number for number, said in enumerate(sorted(history, key=lambda one: one.extracted), 1)}
    responses = [
        {"response_id": numbered[id(said)], "extracted_at_utc": said.extracted, "values_updated_at_utc": said.published}
        for said in history
    ]
    all_counted = [
        {
            "response_id": numbered[id(said)], "indicator_id": said.indicator_id, "geo_id": said.geo_id,
            "period_start_utc": said.period, "extracted_at_utc": said.extracted,
        }
        for _, counted in that_count(history)
        for said in counted
    ]  # fmt: skip
    versions, values = [], []
    for (indicator_id, geo_id, period), counted in that_count(history):
        found = runs(counted)
        for number, run in enumerate(found, 1):
            version = {
                "indicator_id": indicator_id, "geo_id": geo_id, "period_start_utc": period,
                "period_end_utc": period + HOUR, "version": number, "value": run[0].value,
                "known_from_utc": run[0].extracted,
                "known_until_utc": found[number][0].extracted if number < len(found) else None,
                "sealed_at_utc": sealed_at(indicator_id, period), "response_id": numbered[id(run[0])],
                "lead_hours": (period - run[0].extracted) / HOUR, "confirmed_response_id": numbered[id(run[-1])],
                "responses": len(run),
            }  # fmt: skip
            versions.append(version)
        kept = ("indicator_id", "geo_id", "period_start_utc", "period_end_utc", "value", "known_from_utc")
        indicator = find_indicators([str(indicator_id)])[0]
        named = {"name": indicator.name, "geo_name": GEO_NAMES[geo_id], "unit": indicator.unit}
        values.append({name: version[name] for name in kept} | named | {"published_at_utc": run[-1].published})
    made: dict[str, tuple[str, list[dict[str, Any]]]] = {
        "esios_value_versions": (
            "indicator_id i, geo_id i, period_start_utc t, period_end_utc t, version i, value f, known_from_utc t,"
            " known_until_utc t, sealed_at_utc t, response_id b, lead_hours f, confirmed_response_id b, responses i",
            versions,
        ),
        "esios_values": (
            "indicator_id i, name n, geo_id i, geo_name n, period_start_utc t, period_end_utc t, value f, unit n,"
            " known_from_utc t, published_at_utc t",
            values,
        ),
        "staging_esios.stg_esios__indicator_responses": (
            "response_id b, extracted_at_utc t, values_updated_at_utc t",
            responses,
        ),
        "staging_esios.stg_esios__counted_values": (
            "response_id b, indicator_id i, geo_id i, period_start_utc t, extracted_at_utc t",
            all_counted,
        ),
    }
    with warehouse.transaction():
        for table, (columns, rows) in made.items():
            if warehouse.exists(table):
                warehouse.execute(f"delete from {warehouse.sql_name(table)}")
            else:
                typed = ", ".join(f"{name} {types[kind]}" for name, kind in map(str.split, columns.split(",")))
                warehouse.execute(f"create table {warehouse.sql_name(table)} ({typed})")
            names = [column.split()[0] for column in columns.split(",")]
            marks = f"({', '.join('?' * len(names))})"
            for at in range(0, len(rows), 100):  # SQL Server takes 2,100 bound values
                some = rows[at : at + 100]
                warehouse.execute(
                    f"insert into {warehouse.sql_name(table)} values {', '.join([marks] * len(some))}",
                    [row[name] for row in some for name in names],
                )


# Half hours around both changes of the clock, extractions from days before a period to days after it.
_CENTRES = [dt.datetime(2018, 3, 25), dt.datetime(2018, 10, 28), dt.datetime(2018, 7, 1)]
_HALF_HOUR = dt.timedelta(minutes=30)


@st.composite
def histories(draw: st.DrawFn) -> list[Said]:
    """Up to some 40 values said of a few periods: late, repeated, revised to and fro, outside of their windows."""
    centre = draw(st.sampled_from(_CENTRES))
    near = st.integers(-100, 100).map(lambda steps: centre + steps * _HALF_HOUR)
    # To the microsecond, as the landing keeps them.
    extracted = st.builds(lambda at, micros: at + dt.timedelta(microseconds=micros), near, st.sampled_from([0, 1, 999]))
    series = st.sampled_from([(460, 8741), (600, 1), (600, 3), (1775, 8741)])
    keys = draw(st.lists(st.tuples(series, near), min_size=1, max_size=8, unique=True))
    told = st.tuples(st.sampled_from([1.5, -2.25, 30000.125]), st.booleans(), st.sampled_from([True, True, False]))
    return [
        Said(*series, period, value, at, at - HOUR if dated else None, in_window)
        for series, period in keys
        for at in draw(st.lists(extracted, min_size=1, max_size=6, unique=True))
        for value, dated, in_window in [draw(told)]
    ]


@st.composite
def cutoffs(draw: st.DrawFn, history: Sequence[Said]) -> str | dt.datetime | None:
    """Nothing, an instant (of the history, or a microsecond beside it), a day rule or a lead."""
    exactly = st.sampled_from([said.extracted for said in history])
    beside = st.builds(lambda at, off: at + dt.timedelta(microseconds=off), exactly, st.sampled_from([0, 0, -1, 1]))
    said = draw(st.sampled_from(history))
    lead = (said.period - said.extracted) // dt.timedelta(seconds=1)
    leads = st.sampled_from([0, max(0, lead), max(0, lead) + 1, 1800, 86400]).map(lambda seconds: f"PT{seconds}S")
    rules = st.builds(
        lambda days, half: f"D{days:+d}T{half // 2:02d}:{half % 2 * 30:02d}", st.integers(-2, 2), st.integers(0, 47)
    )
    return draw(st.none() | beside | beside | leads | rules)
