"""A span that was asked for by mistake is no longer due once it is forgotten, built again or bit by bit alike."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import duckdb

from tests.warehouses.judged import days, land, window
from tests.warehouses.landed import Warehouse
from tests.warehouses.makers import Makers

GAPS = "select gap_start_utc, gap_end_utc, hours from quality_esios.demand_forecast_gaps order by 1"
# What a full build and an increment must agree on.
JUDGED = (
    "select indicator_id, madrid_day, verdict, periods_due, periods_there, due_from_utc, due_until_utc"
    " from quality_esios.daily_quality order by 1, 2"
)


def forget(warehouse: Warehouse, first: str, last: str, at: str, indicator: int = 460) -> None:
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute(
            "insert into raw_esios.extract_runs values (?, ?, ?, 'forgotten', ?, ?, ?, 0, 0, 0, 0, 0, null)",
            [f"forget {at}", at, at, indicator, first, last],
        )


def hours_due(warehouse: Warehouse) -> dict[date, int]:
    return dict(
        warehouse.rows("select madrid_day, periods_due from quality_esios.daily_quality where indicator_id = 460")
    )


def build(warehouse: Warehouse, *options: str) -> None:
    warehouse.run(*options, "--select", "+daily_quality", "+demand_forecast_gaps", "+demand_forecast_esios")


def as_rebuilt(warehouse: Warehouse) -> bool:
    """Whether the judged days are those that a full build makes."""
    before = warehouse.rows(JUDGED), warehouse.rows(GAPS)
    build(warehouse, "--full-refresh")
    return before == (warehouse.rows(JUDGED), warehouse.rows(GAPS))


def mistaken(warehouse: Warehouse) -> Warehouse:
    """A fortnight of values, where six weeks were asked for: the days before and after hold nothing."""
    land(warehouse, 460, "2017-01-20", "2017-03-02", days("2017-02-06", "2017-02-19"), extracted="2019-01-01 10:00")
    build(warehouse)
    return warehouse


def test_what_is_forgotten_is_neither_a_gap_nor_a_bad_day(warehouses: Makers, tmp_path: Path) -> None:
    warehouse = mistaken(warehouses.empty(tmp_path))
    assert [hours for _, _, hours in warehouse.rows(GAPS)] == [17 * 24, 11 * 24]
    forget(warehouse, "2017-01-01", "2017-02-05", at="2019-01-02 10:00")
    build(warehouse)
    assert [hours for _, _, hours in warehouse.rows(GAPS)] == [11 * 24]
    assert min(hours_due(warehouse)) == date(2017, 2, 6)
    forget(warehouse, "2017-02-20", "2017-12-31", at="2019-01-03 10:00")
    build(warehouse)
    assert warehouse.rows(GAPS) == []
    assert {verdict for _, _, verdict, *_ in warehouse.rows(JUDGED)} == {"good"}
    assert set(hours_due(warehouse).values()) == {24}
    assert as_rebuilt(warehouse)


def test_days_with_values_stay_published_and_judged_but_nothing_of_them_is_due(
    warehouses: Makers, tmp_path: Path
) -> None:
    warehouse = mistaken(warehouses.empty(tmp_path))
    published = warehouse.mart()
    forget(warehouse, "2017-02-01", "2017-02-10", at="2019-01-02 10:00")
    build(warehouse)
    assert warehouse.mart() == published
    due = hours_due(warehouse)
    assert [due.get(date(2017, 2, day)) for day in (5, 6, 10, 11)] == [None, 0, 0, 24]
    assert as_rebuilt(warehouse)


def test_a_span_in_the_middle_is_cut_out_of_its_window(warehouses: Makers, tmp_path: Path) -> None:
    warehouse = mistaken(warehouses.empty(tmp_path))
    forget(warehouse, "2017-01-23", "2017-01-24", at="2019-01-02 10:00")
    forget(warehouse, "2017-01-24", "2017-01-25", at="2019-01-02 11:00")
    build(warehouse)
    assert warehouse.rows(GAPS) == [
        (datetime(2017, 1, 19, 23), datetime(2017, 1, 22, 22), 72),
        (datetime(2017, 1, 25, 23), datetime(2017, 2, 5, 22), 11 * 24),
        (datetime(2017, 2, 19, 23), datetime(2017, 3, 2, 22), 11 * 24),
    ]
    assert as_rebuilt(warehouse)


def test_a_later_check_makes_it_due_again_and_an_earlier_one_does_not(warehouses: Makers, tmp_path: Path) -> None:
    warehouse = mistaken(warehouses.empty(tmp_path))
    forget(warehouse, "2017-01-01", "2017-02-05", at="2019-01-02 10:00")
    build(warehouse)
    warehouse.check(window("2017-02-01", "2017-02-05"), checked="2019-01-02 09:00")
    build(warehouse)
    assert min(hours_due(warehouse)) == date(2017, 2, 6)
    warehouse.check(window("2017-02-01", "2017-02-05"), checked="2019-01-03 10:00")
    build(warehouse)
    assert min(hours_due(warehouse)) == date(2017, 2, 1)
    assert warehouse.rows(GAPS)[0] == (datetime(2017, 1, 31, 23), datetime(2017, 2, 5, 22), 5 * 24)
    assert as_rebuilt(warehouse)


def test_a_span_of_another_indicator_does_not_count(warehouses: Makers, tmp_path: Path) -> None:
    warehouse = mistaken(warehouses.empty(tmp_path))
    before = warehouse.rows(JUDGED)
    forget(warehouse, "2017-01-01", "2017-12-31", at="2019-01-02 10:00", indicator=1293)
    build(warehouse)
    assert warehouse.rows(JUDGED) == before
    assert as_rebuilt(warehouse)


def test_a_forgotten_day_is_judged_once_not_at_every_build(warehouses: Makers, tmp_path: Path) -> None:
    warehouse = mistaken(warehouses.empty(tmp_path))
    forget(warehouse, "2017-02-01", "2017-02-10", at="2019-01-02 10:00")
    build(warehouse)
    judged = "select max(judged_at_utc) from quality_esios.daily_quality"
    at = warehouse.one(judged)
    build(warehouse)
    assert warehouse.one(judged) == at
