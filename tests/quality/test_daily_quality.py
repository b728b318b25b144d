"""Daily quality: what the field has seen is found, what is clean raises nothing, and a rebuild changes nothing."""

from __future__ import annotations

import csv
import math
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import judged_warehouse as made
import pytest
from landed_warehouse import Warehouse, entry

ODD = """select madrid_day::varchar, verdict, reasons from quality_esios.daily_quality
where indicator_id = ? and verdict <> 'good' order by madrid_day"""
# Without what only says how far the table has come.
MEASURES = "columns(* exclude (judged_at_utc, checks_judged, last_checked_at_utc))"


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
        ("2020-10-25", "bad", "1 of 25 hours missing"),
        ("2020-11-11", "suspect", "steps too large: 1; values unlike last week: 1"),
        ("2020-12-16", "bad", "values out of range: 9; steps too large: 1; values unlike last week: 9"),
    ]


def test_the_week_after_a_fault_is_not_blamed_for_it(warehouse: Warehouse) -> None:
    assert day(warehouse, 460, "2020-12-23", "verdict", "inconsistent_values") == ("good", 0)
    assert day(warehouse, 460, "2020-11-18", "verdict", "inconsistent_values") == ("good", 0)


def test_clean_years_raise_nothing_holidays_and_changed_clocks_included(warehouse: Warehouse) -> None:
    clean = """select indicator_id, count(*), sum(hours_due), sum(hours_there), count(*) filter (verdict <> 'good')
    from quality_esios.daily_quality where indicator_id <> 544 and (indicator_id <> 460 or madrid_day < '2019-01-01')
    group by indicator_id order by indicator_id"""
    assert warehouse.rows(clean) == [
        (460, 730, 17_520, 17_520, 0),
        (600, 366, 8_784, 8_784, 0),
        (1293, 427, 10_248, 10_248, 0),
        (1775, 427, 10_248, 10_248, 0),
    ]


def test_days_have_23_24_or_25_hours(warehouse: Warehouse) -> None:
    columns = ("hours_in_day", "hours_due", "hours_there", "completeness")
    assert day(warehouse, 460, "2017-03-26", *columns) == (23, 23, 23, 1.0)
    assert day(warehouse, 460, "2017-03-27", *columns) == (24, 24, 24, 1.0)
    assert day(warehouse, 460, "2017-10-29", *columns) == (25, 25, 25, 1.0)
    assert day(warehouse, 460, "2020-10-25", *columns, "missing_hours") == (25, 25, 24, 24 / 25, 1)


def test_each_odd_thing_is_named_by_its_measure(warehouse: Warehouse) -> None:
    odd = {madrid_day: (verdict, reasons) for madrid_day, verdict, reasons in warehouse.rows(ODD, 544)}
    assert list(odd) == [
        *("2021-02-03", "2021-02-10", "2021-02-17", "2021-02-24"),
        *("2021-03-28", "2021-03-29", "2021-03-30", "2021-03-31"),
    ]
    assert odd["2021-02-03"] == ("suspect", "the same value for 8 hours")
    assert odd["2021-02-10"] == ("bad", "1 of 24 hours missing; entries put aside: 1")
    assert odd["2021-02-17"] == ("bad", "1 of 24 hours missing; entries put aside: 2; hours with two values: 1")
    assert odd["2021-02-24"] == ("suspect", "entries put aside: 1")
    assert day(warehouse, 544, "2021-02-17", "quarantined_entries", "conflicting_hours") == (2, 1)


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


def test_an_incremental_run_judges_what_is_new_and_as_a_full_one_would(tmp_path: Path) -> None:
    warehouse = made.judged(tmp_path)
    before = dict(
        warehouse.rows(
            "select indicator_id * 1000000 + epoch(madrid_day), judged_at_utc from quality_esios.daily_quality"
        )
    )
    # The quarter again: mended, but for an hour that is left out and one that is revised far.
    mended = made.days("2020-10-01", "2020-12-31")
    withdrawn = mended.pop(made.hour("2020-12-20 10"))
    mended[made.hour("2020-12-21 12")] += 6_500.0
    made.land(warehouse, 460, "2020-10-01", "2020-12-31", mended, extracted="2021-06-02 10:00")
    # Kept up to date: a forecast for eight days, of which one is due; later the next, by an unchanged answer.
    rolling = made.days("2021-06-05", "2021-06-12")
    made.land(warehouse, 460, "2021-06-05", "2021-06-12", rolling, extracted="2021-06-05 05:00")
    # Published on the first, landed on the third.
    sealed = made.days("2021-06-02", "2021-06-02", made.demand.demand_day_ahead_mw)
    published = "2021-06-01T06:37:31.000+02:00"
    made.land(warehouse, 1775, "2021-06-02", "2021-06-02", sealed, extracted="2021-06-03 06:00", updated=published)
    models = ("--select", "esios_indicators", "staging", "indicator_hours", "daily_quality")
    warehouse.run(*models)
    assert warehouse.rows(ODD, 460) == [
        ("2020-11-11", "suspect", day(warehouse, 460, "2020-11-11", "reasons")[0]),
        ("2020-12-16", "suspect", day(warehouse, 460, "2020-12-16", "reasons")[0]),
        ("2020-12-20", "suspect", "values withdrawn: 1"),
        ("2020-12-21", "suspect", "values unlike last week: 1; revised by up to 6500"),
        ("2020-12-28", "suspect", "values unlike last week: 1"),
    ]
    assert day(warehouse, 460, "2020-12-16", "revised_values", "revisions", "out_of_range_values") == (9, 9, 0)
    assert day(warehouse, 460, "2020-12-16", "reasons")[0].startswith("revised by up to ")
    largest, latest = day(warehouse, 460, "2020-12-21", "largest_revision", "latest_revision_hours")
    assert (largest, latest) == (6_500.0, (datetime(2021, 6, 2, 10) - datetime(2020, 12, 21, 12)) / timedelta(hours=1))
    [kept] = warehouse.rows(
        """select value from quality_esios.indicator_hours
        where indicator_id = 460 and period_start_utc = '2020-12-20 10:00'"""
    )
    assert kept == (withdrawn,)
    due = """select madrid_day::varchar, hours_due, values_there from quality_esios.daily_quality
    where madrid_day >= '2021-06-04' order by 1"""
    assert warehouse.rows(due) == [("2021-06-05", 24, 24), *((f"2021-06-{n:02d}", 0, 24) for n in range(6, 13))]
    waited, verdict, reasons = day(warehouse, 1775, "2021-06-02", "publication_to_landing_hours", "verdict", "reasons")
    assert waited == pytest.approx(49.3747, abs=1e-3)
    assert (verdict, reasons) == ("suspect", "landed 49 hours after publication")
    assert day(warehouse, 1775, "2020-06-02", "publication_to_landing_hours") == (None,)
    # An unchanged answer a day later makes the next day due; what it does not touch is not judged again.
    warehouse.check(made.window("2021-06-05", "2021-06-12"), "2021-06-06 05:00", indicator=460)
    warehouse.run(*models)
    assert warehouse.rows(due)[:3] == [("2021-06-05", 24, 24), ("2021-06-06", 24, 24), ("2021-06-07", 0, 24)]
    after = dict(
        warehouse.rows(
            "select indicator_id * 1000000 + epoch(madrid_day), judged_at_utc from quality_esios.daily_quality"
        )
    )
    again = [key for key, at in before.items() if after[key] != at]
    assert 92 <= len(again) <= 100
    incremental = warehouse.rows(
        f"select {MEASURES} from quality_esios.daily_quality order by indicator_id, madrid_day"
    )
    hours = warehouse.rows("from quality_esios.indicator_hours order by indicator_id, period_start_utc")
    warehouse.run("--select", "indicator_hours", "daily_quality", "--full-refresh")
    full = warehouse.rows(f"select {MEASURES} from quality_esios.daily_quality order by indicator_id, madrid_day")
    assert differing(full, incremental) == []
    assert warehouse.rows("from quality_esios.indicator_hours order by indicator_id, period_start_utc") == hours


def test_no_check_is_read_twice_and_none_that_was_committed_late_is_missed(tmp_path: Path) -> None:
    warehouse = made.judged(tmp_path)
    rolling = made.days("2021-06-05", "2021-06-12")
    made.land(warehouse, 460, "2021-06-05", "2021-06-12", rolling, extracted="2021-06-05 05:00")
    models = ("--select", "esios_indicators", "staging", "indicator_hours", "daily_quality")

    def run() -> str:
        warehouse.run(*models)
        [file] = (warehouse.folder / "target" / "compiled").rglob("daily_quality.sql")
        return file.read_text("utf-8")

    def due() -> list[tuple[Any, ...]]:
        return warehouse.rows(
            "select madrid_day::varchar from quality_esios.daily_quality"
            " where madrid_day >= '2021-06-05' and hours_due = 24 order by 1"
        )

    run()
    assert due() == [("2021-06-05",)]
    warehouse.check(made.window("2021-06-05", "2021-06-12"), "2021-06-08 05:00", indicator=460)
    assert "where checked_at_utc > timestamp '2021-06-05 05:00:00.000000'" in run()
    assert due() == [(f"2021-06-0{number}",) for number in (5, 6, 7, 8)]
    # Of another window, and with a time before the newest check: a clock was set back, or a commit came late.
    warehouse.check(made.window("2021-06-09", "2021-06-09"), "2021-06-07 06:00", run="late", indicator=460)
    warehouse.check(made.window("2021-06-10", "2021-06-10"), "2021-06-10 06:00", run="in time", indicator=460)
    warehouse.check(made.window("2021-05-20", "2021-05-20"), "2021-06-02 06:00", run="very late", indicator=460)
    assert "where checked_at_utc >" not in run()
    assert due() == [(f"2021-06-{number:02d}",) for number in (5, 6, 7, 8, 10)]
    assert day(warehouse, 460, "2021-05-20", "hours_due", "hours_there") == (24, 0), "named as missing"
    assert "where checked_at_utc > timestamp '2021-06-10 06:00:00.000000'" in run()
    incremental = warehouse.rows(f"select {MEASURES} from quality_esios.daily_quality order by 1, 2")
    warehouse.run("--select", "daily_quality", "--full-refresh")
    full = warehouse.rows(f"select {MEASURES} from quality_esios.daily_quality order by 1, 2")
    assert differing(full, incremental) == []


def test_an_answer_that_comes_before_its_hour_is_kept_as_what_was_known(tmp_path: Path) -> None:
    warehouse = made.judged(tmp_path)
    first = made.days("2021-06-05", "2021-06-05")
    made.land(warehouse, 460, "2021-06-05", "2021-06-05", first, extracted="2021-06-05 05:30")
    later = {instant: value + 100 for instant, value in first.items()}
    made.land(warehouse, 460, "2021-06-05", "2021-06-05", later, extracted="2021-06-06 05:30")
    warehouse.run("--select", "staging", "indicator_hours")
    known = warehouse.rows(
        """select period_start_utc, value, value_ahead, answers, revisions from quality_esios.indicator_hours
        where madrid_day = '2021-06-05' order by 1"""
    )
    for (period, value, ahead, answers, revisions), (instant, before) in zip(known, first.items(), strict=True):
        assert period == instant.replace(tzinfo=None)
        assert (value, answers, revisions) == (before + 100, 2, 1)
        assert ahead == (before if instant > datetime(2021, 6, 5, 5, 30, tzinfo=UTC) else None)


def test_rows_that_come_twice_fail_their_tests_and_history_tells_it(tmp_path: Path) -> None:
    warehouse = made.judged(tmp_path)
    names = ("indicator_hours_are_unique", "daily_quality_has_each_day_once")
    assert warehouse.dbt("test", "--select", *names) == dict.fromkeys(names, "pass")
    warehouse.execute(
        "insert into quality_esios.indicator_hours from quality_esios.indicator_hours limit 2",
        "insert into quality_esios.daily_quality from quality_esios.daily_quality limit 1",
    )
    assert warehouse.dbt("test", "--select", *names) == dict.fromkeys(names, "fail")
    told = """select test_name, status, failures, status_before, failures_before, has_changed, message
    from quality_esios.test_history order by run_started_at_utc, test_name"""
    assert warehouse.rows(told)[-4:] == [
        ("daily_quality_has_each_day_once", "pass", 0, None, None, 1, None),
        ("indicator_hours_are_unique", "pass", 0, None, None, 1, None),
        ("daily_quality_has_each_day_once", "fail", 1, "pass", 0, 1, "Got 1 result, configured to fail if != 0"),
        ("indicator_hours_are_unique", "fail", 2, "pass", 0, 1, "Got 2 results, configured to fail if != 0"),
    ]


def test_results_are_appended_run_by_run_whatever_the_message_holds(tmp_path: Path) -> None:
    warehouse = made.judged(tmp_path)
    runs = """select command, count(*) from quality_esios.dbt_results
    group by invocation_id, command, run_started_at_utc order by run_started_at_utc"""
    [(command, models)] = warehouse.rows(runs)
    assert (command, models) == ("run", warehouse.one("select count(distinct name) from quality_esios.dbt_results"))
    # An error whose text is full of quotes and braces.
    warehouse.execute('alter table quality_esios.daily_quality rename due_until_utc to "it\'s {{ x }}; --"')
    assert warehouse.dbt("run", "--select", "daily_quality") == {"daily_quality": "error"}
    assert [count for _, count in warehouse.rows(runs)] == [models, 1]
    [(status, message)] = warehouse.rows(
        "select status, message from quality_esios.dbt_results where status <> 'success'"
    )
    assert status == "error"
    assert "due_until_utc" in message
    assert len(message) <= 400


def test_the_recorded_years_raise_nothing_but_their_true_gaps(tmp_path: Path) -> None:
    series = os.environ.get("ESIOS_TEST_SERIES")
    if not series:
        pytest.skip("ESIOS_TEST_SERIES names no recorded series (CSV with tz_time,value)")
    with Path(series).open(encoding="utf-8-sig", newline="") as file:
        values = {datetime.fromisoformat(row["tz_time"]): float(row["value"]) for row in csv.DictReader(file)}
    warehouse = made.empty(tmp_path)
    made.land(warehouse, 460, "2017-01-01", "2018-12-31", values)
    warehouse.run("--select", "esios_indicators", "staging", "indicator_hours", "daily_quality")
    assert warehouse.rows(ODD, 460) == [
        ("2017-01-01", "bad", "1 of 24 hours missing"),
        ("2018-12-31", "bad", "15 of 24 hours missing"),
    ]
    # The same years with the two faults of 2020 in them.
    values[made.hour("2018-11-14 20")] = 17_256.0
    for n in range(9):
        values[made.hour("2018-12-12 00") + timedelta(hours=n)] = 9_000.0 + 375 * n
    assert entry(made.hour("2018-11-14 20"), 17_256.0)["value"] == 17_256.0
    made.land(warehouse, 460, "2017-01-01", "2018-12-31", values, extracted="2021-06-02 10:00")
    warehouse.run("--select", "staging", "indicator_hours", "daily_quality")
    found = {madrid_day: (verdict, reasons) for madrid_day, verdict, reasons in warehouse.rows(ODD, 460)}
    assert list(found) == ["2017-01-01", "2018-11-14", "2018-12-12", "2018-12-31"]
    assert found["2018-11-14"][1].startswith("steps too large: 1; values unlike last week: 1")
    assert found["2018-12-12"][0] == "bad"
    assert found["2018-12-12"][1].startswith("values out of range: 9")
