"""Daily quality: what the field has seen is found, what is clean raises nothing, and a rebuild changes nothing."""

from __future__ import annotations

import csv
import math
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.warehouses import judged
from tests.warehouses.landed import Warehouse, entry
from tests.warehouses.makers import Makers

# Of each day that is not good, its findings: each code with how many periods (or entries) it is about.
ODD = """select madrid_day::varchar, verdict, (
    select string_agg(code || ' ' || periods, '; ' order by code) from (
        select code, sum(periods) as periods from quality_esios.period_findings as found
        where found.indicator_id = days.indicator_id and found.madrid_day = days.madrid_day group by code
    )
) from quality_esios.daily_quality as days where indicator_id = ? and verdict <> 'good' order by madrid_day"""
# Without what only says when it was judged.
MEASURES = "columns(* exclude (judged_at_utc))"
TABLES = {
    "daily_quality": MEASURES,
    "period_checks": "columns(* exclude (judgement, due_judgement))",
    "week_checks": "columns(* exclude (judgement))",
    "due_days": "columns(* exclude (judgement, checks_judged, last_checked_at_utc))",
    "quality_findings": "*",
}
MODELS = ("--select", "+daily_quality", "+quality_findings")


def day(warehouse: Warehouse, indicator: int, madrid_day: str, *columns: str) -> tuple[Any, ...]:
    """Columns of one judged day."""
    [row] = warehouse.rows(
        f"select {', '.join(columns)} from quality_esios.daily_quality where indicator_id = ? and madrid_day = ?",
        indicator,
        madrid_day,
    )
    return row


def test_the_real_faults_of_460_are_found_and_nothing_else(warehouse: Warehouse) -> None:
    assert warehouse.rows(ODD, 460) == [
        ("2020-10-25", "bad", "missing 1"),
        ("2020-11-11", "suspect", "spike 1; unlike_last_week 1"),
        ("2020-12-16", "bad", "out_of_range 9; step 1; unlike_last_week 9"),
    ]


def test_the_week_after_a_fault_is_not_blamed_for_it(warehouse: Warehouse) -> None:
    assert day(warehouse, 460, "2020-12-23", "verdict", "inconsistent_values") == ("good", 0)
    assert day(warehouse, 460, "2020-11-18", "verdict", "inconsistent_values") == ("good", 0)


def test_clean_years_raise_nothing_holidays_and_changed_clocks_included(warehouse: Warehouse) -> None:
    clean = """select indicator_id, count(*), sum(periods_due), sum(periods_there), count(*) filter (verdict <> 'good')
    from quality_esios.daily_quality where indicator_id <> 544 and (indicator_id <> 460 or madrid_day < '2019-01-01')
    group by indicator_id order by indicator_id"""
    assert warehouse.rows(clean) == [
        (460, 730, 17_520, 17_520, 0),
        (600, 366, 8_784, 8_784, 0),
        (1293, 427, 10_248, 10_248, 0),
        (1775, 427, 10_248, 10_248, 0),
    ]


def test_days_have_23_24_or_25_hours(warehouse: Warehouse) -> None:
    columns = ("hours_in_day", "periods_due", "periods_there", "completeness")
    assert day(warehouse, 460, "2017-03-26", *columns) == (23, 23, 23, 1.0)
    assert day(warehouse, 460, "2017-03-27", *columns) == (24, 24, 24, 1.0)
    assert day(warehouse, 460, "2017-10-29", *columns) == (25, 25, 25, 1.0)
    assert day(warehouse, 460, "2020-10-25", *columns, "missing_periods") == (25, 25, 24, 24 / 25, 1)


def test_each_odd_thing_is_named_by_its_measure(warehouse: Warehouse) -> None:
    odd = {madrid_day: (verdict, reasons) for madrid_day, verdict, reasons in warehouse.rows(ODD, 544)}
    assert list(odd) == [
        *("2021-02-03", "2021-02-10", "2021-02-17"),
        *("2021-03-28", "2021-03-29", "2021-03-30", "2021-03-31"),
    ]
    assert odd["2021-02-03"] == ("suspect", "flat 8")
    assert odd["2021-02-10"] == ("bad", "missing 1; value_null 1")
    assert odd["2021-02-17"] == ("bad", "missing 1; two_values 2")
    assert day(warehouse, 544, "2021-02-17", "quarantined_entries") == (2,)


def test_an_area_that_is_not_registered_is_not_a_fault(warehouse: Warehouse) -> None:
    assert day(warehouse, 544, "2021-02-24", "verdict", "quarantined_entries") == ("good", 0)


def test_hours_in_a_row_are_one_finding_with_its_number(warehouse: Warehouse) -> None:
    found = """select code, severity, first_period_utc, last_period_utc, periods, number
    from quality_esios.quality_findings where indicator_id = ? and geo_id = 8741 order by first_period_utc, code"""
    night = (datetime(2020, 12, 16), datetime(2020, 12, 16, 8), 9)
    findings = {(code, first): row for row in warehouse.rows(found, 460) for code, _, first, *_ in [row]}
    assert findings["out_of_range", night[0]] == ("out_of_range", "bad", *night, 6_000.0)
    assert findings["unlike_last_week", night[0]][:5] == ("unlike_last_week", "suspect", *night)
    lost = datetime(2020, 10, 25, 1)
    assert findings["missing", lost] == ("missing", "bad", lost, lost, 1, 1.0)
    flat = [row for row in warehouse.rows(found, 544) if row[0] == "flat"]
    assert flat == [("flat", "suspect", datetime(2021, 2, 3, 8), datetime(2021, 2, 3, 15), 8, 8.0)]
    # Four days, three midnights: one finding from the first hour to the last.
    [summed] = [row for row in warehouse.rows(found, 544) if row[0] == "sum_of_four"]
    assert summed[2:5] == (datetime(2021, 3, 28, 12), datetime(2021, 3, 31, 21), 82)


def test_the_sum_trap_is_named_from_its_first_hour_on(warehouse: Warehouse) -> None:
    assert day(warehouse, 544, "2021-03-28", "sums_of_four", "large_steps", "verdict") == (10, 1, "bad")
    verdict, sums, change = day(warehouse, 544, "2021-03-30", "verdict", "sums_of_four", "week_change")
    assert (verdict, sums) == ("bad", 24)
    assert change == pytest.approx(3.0, abs=0.3)


def test_the_z_score_is_the_robust_one_of_the_differences_to_last_week(warehouse: Warehouse) -> None:
    def by_hour(first: str) -> list[float]:
        sql = """select value from quality_esios.indicator_hours where indicator_id = 460 and madrid_day = ?
        order by period_start_utc"""
        return [value for (value,) in warehouse.rows(sql, first)]

    def median(numbers: list[float]) -> float:
        ordered = sorted(numbers)
        return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2

    differences = [here - before for here, before in zip(by_hour("2018-05-16"), by_hour("2018-05-09"), strict=True)]
    deviations = [abs(difference - median(differences)) for difference in differences]
    scale = max(1.4826 * median(deviations), 500.0)
    [found] = day(warehouse, 460, "2018-05-16", "consistency_z")
    assert found == pytest.approx(max(deviations) / scale)


def differing(rows: list[tuple[Any, ...]], others: list[tuple[Any, ...]]) -> list[tuple[Any, Any]]:
    """The pairs that differ by more than the order in which an engine's threads add floats up."""

    def alike(one: object, other: object) -> bool:
        both_float = isinstance(one, float) and isinstance(other, float)
        return one == other or (both_float and math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12))

    pairs = zip(rows, others, strict=True)
    return [pair for pair in pairs if not all(map(alike, *pair))]


def test_an_incremental_run_judges_what_is_new_and_as_a_full_one_would(warehouses: Makers, tmp_path: Path) -> None:
    warehouse = warehouses.judged(tmp_path)
    before = dict(
        warehouse.rows(
            "select indicator_id * 1000000 + epoch(madrid_day), judged_at_utc from quality_esios.daily_quality"
        )
    )
    # The quarter again: fixed, but for an hour that is left out and one that is revised far.
    mended = judged.days("2020-10-01", "2020-12-31")
    withdrawn = mended.pop(judged.hour("2020-12-20 10"))
    mended[judged.hour("2020-12-21 12")] += 6_500.0
    judged.land(warehouse, 460, "2020-10-01", "2020-12-31", mended, extracted="2021-06-02 10:00")
    # Followed: a forecast for eight days, of which one is due; later the next, by an unchanged response.
    rolling = judged.days("2021-06-05", "2021-06-12")
    judged.land(warehouse, 460, "2021-06-05", "2021-06-12", rolling, extracted="2021-06-05 05:00")
    # Published on the first, landed on the third.
    sealed = judged.days("2021-06-02", "2021-06-02", judged.demand.demand_day_ahead_mw)
    published = "2021-06-01T06:37:31.000+02:00"
    judged.land(warehouse, 1775, "2021-06-02", "2021-06-02", sealed, extracted="2021-06-03 06:00", updated=published)
    warehouse.run(*MODELS)
    assert warehouse.rows(ODD, 460) == [
        ("2020-11-11", "suspect", "revised 1"),
        ("2020-12-16", "suspect", "revised 9"),
        ("2020-12-20", "suspect", "withdrawn 1"),
        ("2020-12-21", "suspect", "revised 1; unlike_last_week 1"),
    ]
    assert day(warehouse, 460, "2020-12-16", "revised_values", "revisions", "out_of_range_values") == (9, 9, 0)
    largest, latest = day(warehouse, 460, "2020-12-21", "largest_revision", "latest_revision_hours")
    assert (largest, latest) == (6_500.0, (datetime(2021, 6, 2, 10) - datetime(2020, 12, 21, 12)) / timedelta(hours=1))
    [kept] = warehouse.rows(
        """select value from quality_esios.indicator_hours
        where indicator_id = 460 and period_start_utc = '2020-12-20 10:00'"""
    )
    assert kept == (withdrawn,)
    due = """select madrid_day::varchar, periods_due, values_there from quality_esios.daily_quality
    where madrid_day >= '2021-06-04' order by 1"""
    assert warehouse.rows(due) == [("2021-06-05", 24, 24), *((f"2021-06-{n:02d}", 0, 24) for n in range(6, 13))]
    assert warehouse.rows(ODD, 1775) == [("2021-06-02", "suspect", "late 24")]
    [waited] = day(warehouse, 1775, "2021-06-02", "publication_to_landing_hours")
    assert waited == pytest.approx(49.3747, abs=1e-3)
    late = "select number from quality_esios.quality_findings where code = 'late'"
    assert warehouse.rows(late) == [(waited,)]
    assert day(warehouse, 1775, "2020-06-02", "publication_to_landing_hours") == (None,)
    # An unchanged response a day later makes the next day due; what it does not touch is not judged again.
    warehouse.check(judged.window("2021-06-05", "2021-06-12"), "2021-06-06 05:00", indicator=460)
    warehouse.run(*MODELS)
    assert warehouse.rows(due)[:3] == [("2021-06-05", 24, 24), ("2021-06-06", 24, 24), ("2021-06-07", 0, 24)]
    after = dict(
        warehouse.rows(
            "select indicator_id * 1000000 + epoch(madrid_day), judged_at_utc from quality_esios.daily_quality"
        )
    )
    again = [key for key, at in before.items() if after[key] != at]
    assert 92 <= len(again) <= 100
    assert_as_rebuilt(warehouse)


def assert_as_rebuilt(warehouse: Warehouse) -> None:
    """What the increments made is what a full build makes, row by row."""
    queries = {
        name: f"select {columns} from quality_esios.{name} order by 1, 2, 3, 4, 5, 6"
        for name, columns in TABLES.items()
    }
    before = {name: warehouse.rows(query) for name, query in queries.items()}
    warehouse.run("--select", "due_days", "period_checks", "week_checks", "daily_measures", "--full-refresh")
    for name, query in queries.items():
        assert differing(warehouse.rows(query), before[name]) == [], name


def test_no_check_is_read_twice_and_none_that_was_committed_late_is_missed(warehouses: Makers, tmp_path: Path) -> None:
    warehouse = warehouses.judged(tmp_path)
    rolling = judged.days("2021-06-05", "2021-06-12")
    judged.land(warehouse, 460, "2021-06-05", "2021-06-12", rolling, extracted="2021-06-05 05:00")

    def run() -> str:
        warehouse.run(*MODELS)
        [file] = (warehouse.folder / "target" / "compiled").rglob("due_days.sql")
        return file.read_text("utf-8")

    def due() -> list[tuple[Any, ...]]:
        return warehouse.rows(
            "select madrid_day::varchar from quality_esios.daily_quality"
            " where madrid_day >= '2021-06-05' and periods_due = 24 order by 1"
        )

    run()
    assert due() == [("2021-06-05",)]
    warehouse.check(judged.window("2021-06-05", "2021-06-12"), "2021-06-08 05:00", indicator=460)
    assert "where checks.checked_at_utc > timestamp '2021-06-05 05:00:00.000000'" in run()
    assert due() == [(f"2021-06-0{number}",) for number in (5, 6, 7, 8)]
    # Of another window, and with a time before the newest check: a clock was set back, or a commit came late.
    warehouse.check(judged.window("2021-06-09", "2021-06-09"), "2021-06-07 06:00", run="late", indicator=460)
    warehouse.check(judged.window("2021-06-10", "2021-06-10"), "2021-06-10 06:00", run="in time", indicator=460)
    warehouse.check(judged.window("2021-05-20", "2021-05-20"), "2021-06-02 06:00", run="very late", indicator=460)
    assert "where checks.checked_at_utc >" not in run()
    assert due() == [(f"2021-06-{number:02d}",) for number in (5, 6, 7, 8, 10)]
    assert day(warehouse, 460, "2021-05-20", "periods_due", "periods_there") == (24, 0), "named as missing"
    assert "where checks.checked_at_utc > timestamp '2021-06-10 06:00:00.000000'" in run()
    assert_as_rebuilt(warehouse)


def test_a_response_that_comes_before_its_hour_is_kept_as_what_was_known(warehouses: Makers, tmp_path: Path) -> None:
    warehouse = warehouses.judged(tmp_path)
    first = judged.days("2021-06-05", "2021-06-05")
    judged.land(warehouse, 460, "2021-06-05", "2021-06-05", first, extracted="2021-06-05 05:30")
    later = {instant: value + 100 for instant, value in first.items()}
    judged.land(warehouse, 460, "2021-06-05", "2021-06-05", later, extracted="2021-06-06 05:30")
    warehouse.run("--select", "+indicator_hours")
    known = warehouse.rows(
        """select period_start_utc, value, value_ahead, responses, revisions from quality_esios.indicator_hours
        where madrid_day = '2021-06-05' order by 1"""
    )
    for (period, value, ahead, responses, revisions), (instant, before) in zip(known, first.items(), strict=True):
        assert period == instant.replace(tzinfo=None)
        assert (value, responses, revisions) == (before + 100, 2, 1)
        assert ahead == (before if instant > datetime(2021, 6, 5, 5, 30, tzinfo=UTC) else None)


def test_rows_that_come_twice_fail_their_tests_and_history_shows_it(warehouses: Makers, tmp_path: Path) -> None:
    warehouse = warehouses.judged(tmp_path)
    names = ("period_checks_are_unique", "daily_quality_has_each_day_once")
    assert warehouse.dbt("test", "--select", *names) == dict.fromkeys(names, "pass")
    warehouse.execute(
        "insert into quality_esios.period_checks from quality_esios.period_checks limit 2",
        "insert into quality_esios.daily_measures from quality_esios.daily_measures limit 1",
    )
    assert warehouse.dbt("test", "--select", *names) == dict.fromkeys(names, "fail")
    told = """select test_name, status, failures, status_before, failures_before, has_changed, message
    from quality_esios.test_history order by run_started_at_utc, test_name"""
    assert warehouse.rows(told)[-4:] == [
        ("daily_quality_has_each_day_once", "pass", 0, None, None, 1, None),
        ("period_checks_are_unique", "pass", 0, None, None, 1, None),
        ("daily_quality_has_each_day_once", "fail", 1, "pass", 0, 1, "Got 1 result, configured to fail if != 0"),
        ("period_checks_are_unique", "fail", 2, "pass", 0, 1, "Got 2 results, configured to fail if != 0"),
    ]


def test_after_a_later_build_the_keys_of_the_days_that_it_wrote_are_checked(warehouses: Makers, tmp_path: Path) -> None:
    warehouse = warehouses.judged(tmp_path)
    judged.land(warehouse, 460, "2021-06-05", "2021-06-05", judged.days("2021-06-05", "2021-06-05"), "2021-06-06 05:30")
    warehouse.run(*MODELS)
    keys = ("period_checks_are_unique", "week_checks_are_unique", "esios_value_versions_are_whole")
    assert warehouse.dbt("test", "--select", *keys) == dict.fromkeys(keys, "pass")
    hour = "period_start_utc = '2021-06-05 10:00'"
    # As a build would leave them that did not take away what it replaces: the same keys with what was known before.
    warehouse.execute(
        f"insert into quality_esios.period_checks select * replace (1 as judgement) from quality_esios.period_checks"
        f" where {hour}",
        f"insert into quality_esios.week_checks select * replace (1 as judgement) from quality_esios.week_checks"
        f" where {hour}",
        f"insert into esios_value_versions select * replace (1 as last_response_id) from esios_value_versions"
        f" where {hour}",
    )
    assert warehouse.dbt("test", "--select", *keys) == dict.fromkeys(keys, "fail")


def test_results_are_appended_run_by_run_whatever_the_message_holds(warehouses: Makers, tmp_path: Path) -> None:
    warehouse = warehouses.judged(tmp_path)
    runs = """select command, count(*) from quality_esios.dbt_results
    group by invocation_id, command, run_started_at_utc order by run_started_at_utc"""
    [(command, models)] = warehouse.rows(runs)
    assert (command, models) == ("run", warehouse.one("select count(distinct name) from quality_esios.dbt_results"))
    # An error whose text is full of quotes and braces.
    warehouse.execute('alter table quality_esios.due_days rename due_until_utc to "it\'s {{ x }}; --"')
    assert warehouse.dbt("run", "--select", "due_days") == {"due_days": "error"}
    assert [count for _, count in warehouse.rows(runs)] == [models, 1]
    [(status, message)] = warehouse.rows(
        "select status, message from quality_esios.dbt_results where status <> 'success'"
    )
    assert status == "error"
    assert "due_until_utc" in message
    assert len(message) <= 400


def test_the_recorded_years_raise_nothing_but_their_true_gaps(warehouses: Makers, tmp_path: Path) -> None:
    series = os.environ.get("ESIOS_TEST_SERIES")
    if not series:
        pytest.skip("ESIOS_TEST_SERIES names no recorded series (CSV with tz_time,value)")
    with Path(series).open(encoding="utf-8-sig", newline="") as file:
        values = {datetime.fromisoformat(row["tz_time"]): float(row["value"]) for row in csv.DictReader(file)}
    warehouse = warehouses.empty(tmp_path)
    judged.land(warehouse, 460, "2017-01-01", "2018-12-31", values)
    warehouse.run(*MODELS)
    assert warehouse.rows(ODD, 460) == [
        ("2017-01-01", "bad", "missing 1"),
        ("2018-12-31", "bad", "missing 15"),
    ]
    # The same years with the two faults of 2020 in them.
    values[judged.hour("2018-11-14 20")] = 17_256.0
    for n in range(9):
        values[judged.hour("2018-12-12 00") + timedelta(hours=n)] = 9_000.0 + 375 * n
    assert entry(judged.hour("2018-11-14 20"), 17_256.0)["value"] == 17_256.0
    judged.land(warehouse, 460, "2017-01-01", "2018-12-31", values, extracted="2021-06-02 10:00")
    warehouse.run(*MODELS)
    found = {madrid_day: (verdict, reasons) for madrid_day, verdict, reasons in warehouse.rows(ODD, 460)}
    assert list(found) == ["2017-01-01", "2018-11-14", "2018-12-12", "2018-12-31"]
    assert found["2018-11-14"] == ("suspect", "revised 1; spike 1; unlike_last_week 1")
    assert found["2018-12-12"][0] == "bad"
    assert found["2018-12-12"][1].startswith("out_of_range 9")
