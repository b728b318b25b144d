"""Areas and cadences: each is judged for itself, and what the registry no longer lists leaves nothing behind."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.quality import test_daily_quality as daily
from tests.warehouses import judged
from tests.warehouses.landed import Warehouse, body, entry
from tests.warehouses.makers import Makers
from tests.warehouses.project import with_entry

URL = "https://api.esios.ree.es/indicators/{}?{}"


def land(
    warehouse: Warehouse, indicator: int, first: str, last: str, entries: list[dict[str, Any]], areas: str
) -> None:
    """Land one response that was asked for these areas."""
    asked = "&".join(f"geo_ids%5B%5D={area}" for area in areas.split(","))
    warehouse.land(
        body(entries, indicator=indicator),
        window=judged.window(first, last),
        extracted=f"{last} 20:00",
        indicator=indicator,
        url=URL.format(indicator, asked),
    )


def prices(first: str, count: int, minutes: int, areas: tuple[int, ...]) -> list[dict[str, Any]]:
    """Prices from an instant in UTC on, a little different each period, for each area."""
    start, step = judged.hour(first), timedelta(minutes=minutes)
    return [
        entry(start + n * step, 40.0 + n % 17 + area, geo_id=area, geo_name=f"Area {area}")
        for n in range(count)
        for area in areas
    ]


def days(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.rows(
        "select geo_id, madrid_day::varchar, periods_due, periods_there, verdict from quality_esios.daily_quality"
        " where indicator_id = 600 order by 1, 2"
    )


def test_hours_and_quarter_hours_of_each_area_are_due_and_judged_for_themselves(
    warehouses: Makers, tmp_path: Path
) -> None:
    warehouse = warehouses.empty(tmp_path)
    # Two days by the hour, 2025-10-01 by the quarter; one area is without two quarters, another has no value at all.
    hours = prices("2025-09-28 22", 48, 60, (3, 1))
    quarters = prices("2025-09-30 22", 96, 15, (3, 1))
    lost = {judged.hour("2025-10-01 10"), judged.hour("2025-10-01 10") + timedelta(minutes=15)}
    kept = [one for one in quarters if one["geo_id"] == 3 or datetime.fromisoformat(one["datetime"]) not in lost]
    land(warehouse, 600, "2025-09-29", "2025-09-30", hours, "1,2,3")
    land(warehouse, 600, "2025-10-01", "2025-10-01", kept, "1,2,3")
    warehouse.run(*daily.MODELS)
    assert days(warehouse) == [
        (1, "2025-09-29", 24, 24, "good"),
        (1, "2025-09-30", 24, 24, "good"),
        (1, "2025-10-01", 96, 94, "bad"),
        (2, "2025-09-29", 24, 0, "bad"),
        (2, "2025-09-30", 24, 0, "bad"),
        (2, "2025-10-01", 96, 0, "bad"),
        (3, "2025-09-29", 24, 24, "good"),
        (3, "2025-09-30", 24, 24, "good"),
        (3, "2025-10-01", 96, 96, "good"),
    ]
    missing = """select geo_id, first_period_utc, last_period_utc, periods, number from quality_esios.quality_findings
    where code = 'missing' order by geo_id"""
    assert warehouse.rows(missing) == [
        (1, datetime(2025, 10, 1, 10), datetime(2025, 10, 1, 10, 15), 2, 0.5),
        (2, datetime(2025, 9, 28, 22), datetime(2025, 10, 1, 21, 45), 144, 72.0),
    ]
    daily.assert_as_rebuilt(warehouse)


def test_an_area_is_due_only_where_it_was_asked_for_and_one_that_goes_leaves_nothing(
    warehouses: Makers, tmp_path: Path
) -> None:
    warehouse = warehouses.empty(tmp_path)
    land(warehouse, 600, "2025-09-01", "2025-09-01", prices("2025-08-31 22", 24, 60, (3,)), "3")
    land(warehouse, 600, "2025-09-02", "2025-09-02", prices("2025-09-01 22", 24, 60, (3, 1, 2)), "1,2,3")
    warehouse.run(*daily.MODELS)
    assert [row[:3] for row in days(warehouse)] == [
        (1, "2025-09-02", 24),
        (2, "2025-09-02", 24),
        (3, "2025-09-01", 24),
        (3, "2025-09-02", 24),
    ]
    warehouse.manifest = with_entry(warehouse.manifest, 600, areas=[3])
    warehouse.run(*daily.MODELS)
    assert [row[:3] for row in days(warehouse)] == [(3, "2025-09-01", 24), (3, "2025-09-02", 24)]
    daily.assert_as_rebuilt(warehouse)


@pytest.mark.parametrize("dies", ["before the days", "between the days and their log"])
def test_a_build_that_dies_before_it_is_noted_that_days_were_judged_again_judges_them_once_more(
    warehouses: Makers, tmp_path: Path, dies: str
) -> None:
    warehouse = warehouses.empty(tmp_path)
    land(warehouse, 600, "2025-09-01", "2025-09-01", prices("2025-08-31 22", 24, 60, (3,)), "3")
    land(warehouse, 600, "2025-09-02", "2025-09-02", prices("2025-09-01 22", 24, 60, (3, 1, 2)), "1,2,3")
    warehouse.run(*daily.MODELS)
    warehouse.execute("create table log_of_before as from quality_esios.indicators_judged")
    warehouse.manifest = with_entry(warehouse.manifest, 600, areas=[3, 1])
    if dies == "before the days":
        warehouse.run("--select", "+period_checks", "+week_checks")
        assert {area for area, *_ in days(warehouse)} == {1, 2, 3}, "the days are still those of before"
    else:  # as on an engine without transactions: the days are there, the log is not
        warehouse.run(*daily.MODELS)
        warehouse.execute(
            "delete from quality_esios.indicators_judged",
            "insert into quality_esios.indicators_judged from log_of_before",
        )
    warehouse.run(*daily.MODELS)
    assert [row[:3] for row in days(warehouse)] == [
        (1, "2025-09-02", 24),
        (3, "2025-09-01", 24),
        (3, "2025-09-02", 24),
    ]
    judged = warehouse.rows("select * from quality_esios.daily_quality order by all")
    warehouse.run(*daily.MODELS)
    assert warehouse.rows("select * from quality_esios.daily_quality order by all") == judged, "and once only"
    daily.assert_as_rebuilt(warehouse)


def test_the_days_and_the_note_that_they_were_judged_are_one_transaction(warehouses: Makers, tmp_path: Path) -> None:
    warehouse = warehouses.empty(tmp_path)
    land(warehouse, 600, "2025-09-01", "2025-09-01", prices("2025-08-31 22", 24, 60, (3,)), "3")
    warehouse.run(*daily.MODELS)
    land(warehouse, 600, "2025-09-02", "2025-09-02", prices("2025-09-01 22", 24, 60, (3,)), "3")
    # The log takes no row any more: the last statement of the model fails.
    warehouse.execute(
        "create table log_of_before as from quality_esios.indicators_judged",
        "drop table quality_esios.indicators_judged",
        "create table quality_esios.indicators_judged"
        " (indicator_id integer not null, rebuilt_at_utc timestamp not null, more integer not null)",
        "insert into quality_esios.indicators_judged select *, 0 from log_of_before",
    )
    outcome = warehouse.invoke("run", *daily.MODELS)
    assert [result.node.name for result in outcome.result.results if result.status == "error"] == ["daily_measures"]
    measured = "select distinct madrid_day::varchar from quality_esios.daily_measures order by 1"
    assert warehouse.rows(measured) == [("2025-09-01",)]
    warehouse.execute("alter table quality_esios.indicators_judged drop more")
    warehouse.run(*daily.MODELS)
    assert warehouse.rows(measured) == [("2025-09-01",), ("2025-09-02",)]
    daily.assert_as_rebuilt(warehouse)


def test_days_and_months_are_due_once_they_are_over(warehouses: Makers, tmp_path: Path) -> None:
    warehouse = warehouses.empty(tmp_path)
    for cadence, first, last, starts, due in (
        ("day", "2025-03-28", "2025-04-02", ["2025-03-27 23", "2025-03-28 23", "2025-03-30 22", "2025-03-31 22"], 6),
        ("month", "2025-01-01", "2025-04-30", ["2024-12-31 23", "2025-02-28 23"], 3),
    ):
        copy = warehouses.empty(tmp_path / cadence) if (tmp_path / cadence).mkdir() is None else warehouse
        copy.manifest = with_entry(copy.manifest, 600, cadence=cadence, areas=[3])
        entries = [entry(judged.hour(start), 50.0, geo_id=3) for start in starts]
        url = URL.format(600, "geo_ids%5B%5D=3")
        # The month of April is not over when it is asked for; each of the days is.
        copy.land(body(entries, indicator=600), judged.window(first, last), "2025-04-12 10:00", indicator=600, url=url)
        copy.run(*daily.MODELS)
        counted = copy.rows(
            "select sum(periods_due), sum(periods_there), sum(missing_periods) from quality_esios.daily_quality"
        )
        assert counted == [(due, len(starts), due - len(starts))], cadence
        lost = copy.rows(
            "select first_period_utc from quality_esios.quality_findings where code = 'missing' order by 1"
        )
        expected = {"day": ["2025-03-29 23:00", "2025-04-01 22:00"], "month": ["2025-01-31 23:00"]}[cadence]
        assert [f"{start:%Y-%m-%d %H:%M}" for (start,) in lost] == expected
        daily.assert_as_rebuilt(copy)
