"""Each data test is shown the bad data that makes it fail, and good data that does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from tests.warehouses.landed import Warehouse, body, entry, hours, utc
from tests.warehouses.project import PROJECT, dbt

DAY = ("2018-01-31 23:00", "2018-02-01 23:00")
GAPS = """select strftime(gap_start_utc, '%Y-%m-%d %H:%M'), strftime(gap_end_utc, '%Y-%m-%d %H:%M'), hours
from quality_esios.demand_forecast_gaps order by 1"""


def good_day(warehouse: Warehouse) -> None:
    warehouse.land(body([entry(hour, 20000.0 + 100 * n) for n, hour in enumerate(hours(DAY[0], 24))]), window=DAY)
    warehouse.note_run("run-1", "2019-01-01 10:00", "2018-02-01")


def test_a_good_day_passes_every_test(warehouse: Warehouse) -> None:
    good_day(warehouse)
    statuses = warehouse.dbt("build", "--exclude-resource-type", "unit_test")
    assert set(statuses.values()) == {"success", "pass", "no-op"}
    assert list(statuses.values()).count("pass") >= 10


def test_uniqueness_nulls_and_completeness_of_the_published_table_stop_a_build(warehouse: Warehouse) -> None:
    good_day(warehouse)
    warehouse.run()
    warehouse.execute(
        "insert into demand_forecast_esios from demand_forecast_esios where datetime = '2018-02-01 05:00:00'",
        "insert into demand_forecast_esios values ('x', 460, '2015-01-01', null, '2015-01-01')",
        "delete from demand_forecast_esios where datetime = '2018-02-01 06:00:00'",
    )
    statuses = warehouse.dbt("build", "--exclude-resource-type", "unit_test")
    assert statuses["demand_forecast_esios_has_each_hour_once"] == "fail"
    assert statuses["demand_forecast_esios_has_every_staged_hour"] == "fail"
    assert statuses["demand_forecast_esios_local"] == "skipped"


def test_a_null_in_any_of_the_five_columns_is_found(warehouse: Warehouse) -> None:
    good_day(warehouse)
    warehouse.run_for("demand_forecast_esios_has_each_hour_once")
    for column in ("name", "id", "datetime", "demand_forecast", "update_timestamp"):
        warehouse.execute(
            "delete from demand_forecast_esios where demand_forecast is null or name is null or id is null "
            "or datetime is null or update_timestamp is null",
            "insert into demand_forecast_esios values ('x', 460, '2015-01-01', 1.0, '2015-01-01')",
            f"update demand_forecast_esios set {column} = null where name = 'x'",
        )
        assert warehouse.test("demand_forecast_esios_has_each_hour_once") == "fail"


def test_numbers_given_twice_to_responses_are_found(warehouse: Warehouse) -> None:
    good_day(warehouse)
    warehouse.run_for("stg_esios__indicator_responses_are_numbered_once")
    table = "staging_esios.stg_esios__indicator_responses"
    warehouse.execute(f"insert into {table} from {table}")
    assert warehouse.test("stg_esios__indicator_responses_are_numbered_once") == "fail"


VERSION_TESTS = ("esios_value_versions_are_whole", "esios_value_versions_do_not_overlap")
FIFTH = "period_start_utc = '2018-02-01 03:00'"
WHOLE, CHAIN = VERSION_TESTS
BAD_VERSIONS = {
    "one twice": (f"insert into esios_value_versions from esios_value_versions where {FIFTH} and version = 1", WHOLE),
    "an only one twice": (
        "insert into esios_value_versions from esios_value_versions where period_start_utc = '2018-02-01 04:00'",
        WHOLE,
    ),
    "one twice in place of another": (
        f"update esios_value_versions set version = 3 where {FIFTH} and version = 2; "
        f"insert into esios_value_versions from esios_value_versions where {FIFTH} and version = 1",
        CHAIN,
    ),
    "ends late": (
        f"update esios_value_versions set known_until_utc = '2019-01-09' where {FIFTH} and version = 1",
        CHAIN,
    ),
    "ends before it began": (
        f"update esios_value_versions set known_from_utc = '2019-01-04' where {FIFTH} and version = 1",
        CHAIN,
    ),
    "never ends": (
        f"update esios_value_versions set known_until_utc = null where {FIFTH} and version = 1",
        *(WHOLE, CHAIN),
    ),
    "none newest": (
        f"update esios_value_versions set known_until_utc = '2020-01-01' where {FIFTH} and version = 2",
        *(WHOLE, CHAIN),
    ),
    "begins with two": (f"delete from esios_value_versions where {FIFTH} and version = 1", WHOLE),
    "a number too high": (
        f"update esios_value_versions set version = 3 where {FIFTH} and version = 2",
        *(WHOLE, CHAIN),
    ),
    **{
        f"no {column}": (f"update esios_value_versions set {column} = null where {FIFTH} and version = 1", WHOLE)
        for column in (
            *("indicator_id", "geo_id", "period_start_utc", "period_end_utc"),
            *("version", "value", "known_from_utc", "response_id"),
        )
    },
}


def test_good_versions_pass_and_each_way_in_which_they_can_be_wrong_is_found(warehouse: Warehouse) -> None:
    good_day(warehouse)
    warehouse.land(body([entry(utc("2018-02-01 03:00"), 1.0)]), extracted="2019-01-02 10:00", run="run-2")
    warehouse.run("--select", "+esios_value_versions")
    warehouse.execute("create table good as from esios_value_versions")

    def failing() -> set[str]:
        statuses = warehouse.dbt("test", "--select", *VERSION_TESTS)
        assert statuses.keys() == set(VERSION_TESTS)
        return {name for name, status in statuses.items() if status == "fail"}

    assert failing() == set()
    for bad, (statement, *finders) in BAD_VERSIONS.items():
        warehouse.execute(statement)
        assert set(finders) <= failing(), bad
        warehouse.execute("delete from esios_value_versions", "insert into esios_value_versions from good")


def test_a_missing_first_middle_and_last_hour_are_each_named_as_a_gap(warehouse: Warehouse) -> None:
    day = hours(DAY[0], 24)
    warehouse.land(body([entry(hour, 20000.0) for hour in day[1:10] + day[12:22]]), window=DAY)
    warehouse.run_for("demand_forecast_gaps", "no_missing_hours")
    assert warehouse.rows(GAPS) == [
        ("2018-01-31 23:00", "2018-01-31 23:00", 1),
        ("2018-02-01 09:00", "2018-02-01 10:00", 2),
        ("2018-02-01 21:00", "2018-02-01 22:00", 2),
    ]
    assert warehouse.test("no_missing_hours") == "warn"


def test_hours_are_due_up_to_the_end_of_the_madrid_day_on_which_a_window_was_last_asked_for(
    warehouse: Warehouse,
) -> None:
    quarter = ("2018-03-31 22:00", "2018-06-30 22:00")
    # 21:30Z on 2018-04-01 is 23:30 in Madrid: due until 2018-04-01T22:00Z; what lies ahead is welcome.
    warehouse.land(
        body([entry(hour, 1.0) for hour in hours(quarter[0], 23) + hours("2018-04-03 00:00", 2)]),
        quarter,
        "2018-04-01 21:30",
    )
    warehouse.run_for("demand_forecast_gaps")
    assert warehouse.rows(GAPS) == [("2018-04-01 21:00", "2018-04-01 21:00", 1)]
    # Asked again after midnight and the response is the same: another day is due.
    warehouse.check(quarter, "2018-04-01 22:30", run="run-2")
    warehouse.run_for("demand_forecast_gaps")
    assert warehouse.rows(GAPS) == [("2018-04-01 21:00", "2018-04-02 21:00", 25)]


def test_a_window_without_any_response_yet_in_the_future_asks_for_nothing(warehouse: Warehouse) -> None:
    warehouse.land(body([]), window=("2018-06-30 22:00", "2018-09-30 22:00"), extracted="2018-06-30 10:00")
    warehouse.run_for("demand_forecast_gaps")
    assert warehouse.rows(GAPS) == []


def test_days_of_23_and_25_hours_are_complete_with_as_many(warehouse: Warehouse) -> None:
    for start, end, count in (
        ("2018-03-24 23:00", "2018-03-25 22:00", 23),
        ("2018-10-27 22:00", "2018-10-28 23:00", 25),
    ):
        warehouse.land(body([entry(hour, 1.0) for hour in hours(start, count)]), window=(start, end))
    warehouse.run_for("demand_forecast_gaps", "demand_forecast_esios")
    assert warehouse.rows(GAPS) == []
    assert warehouse.one("select count(*) from demand_forecast_esios") == 48


def test_the_known_faults_of_the_series_are_suspect_and_each_is_named_once(warehouse: Warehouse) -> None:
    spike = [30100.0, 30200.0, 17256.0, 29800.0, 29000.0]
    night = [24000.0, 11900.0, 9000.0, 9800.0, 23500.0, 24000.0]
    climb = [24000.0, 29448.0, 34896.0]
    shift = [20000.0, 20100.0, 31000.0, 31100.0]
    warehouse.land(body([entry(hour, value) for hour, value in zip(hours("2020-11-11 18:00", 5), spike, strict=True)]))
    warehouse.land(
        body([entry(hour, value) for hour, value in zip(hours("2020-12-16 00:00", 6), night, strict=True)]), run="2"
    )
    warehouse.land(
        body([entry(hour, value) for hour, value in zip(hours("2020-12-20 00:00", 3), climb, strict=True)]), run="3"
    )
    warehouse.land(
        body([entry(hour, value) for hour, value in zip(hours("2020-12-22 00:00", 4), shift, strict=True)]), run="4"
    )
    # Two days apart: a gap is not a step.
    warehouse.land(body([entry(utc("2020-12-25 00:00"), 44000.0), entry(utc("2020-12-26 00:00"), 46000.0)]), run="5")
    warehouse.run_for("demand_forecast_suspect_values")
    assert warehouse.rows(
        """select strftime(datetime, '%m-%d %H'), value, reason from quality_esios.demand_forecast_suspect_values
        order by 1"""
    ) == [
        ("11-11 20", 17256.0, "step too large"),
        ("12-16 01", 11900.0, "out of range"),
        ("12-16 02", 9000.0, "out of range"),
        ("12-16 03", 9800.0, "out of range"),
        ("12-22 02", 31000.0, "step too large"),
        ("12-26 00", 46000.0, "out of range"),
    ]
    assert warehouse.dbt("test", "--select", "demand_forecast_suspect_values") == {"no_suspect_values": "warn"}


def test_a_quarantined_value_warns(warehouse: Warehouse) -> None:
    good_day(warehouse)
    warehouse.land(body([entry(utc("2018-02-02 00:00"), None)]), extracted="2019-01-02 10:00", run="run-2")
    warehouse.run_for("no_quarantined_values")
    assert warehouse.test("no_quarantined_values") == "warn"


def ago(**duration: float) -> str:
    return f"{datetime.now(UTC) - timedelta(**duration):%Y-%m-%d %H:%M:%S}"


@pytest.mark.parametrize(
    ("newest_hour", "end", "indicator", "status"),
    [
        (2, None, 460, "warn"),
        (2, None, None, "warn"),  # a run for several indicators
        (-1, None, 460, "pass"),
        (2, "2018-02-01", 460, "pass"),  # a historical span is not stale
    ],
)
def test_a_followed_series_must_reach_the_present(
    warehouse: Warehouse, newest_hour: int, end: str | None, indicator: int | None, status: str
) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=newest_hour)
    warehouse.land(body([entry(hour, 20000.0)]))
    warehouse.note_run("old", "2019-01-01 10:00", "2018-02-01")
    warehouse.note_run("new", "2019-01-02 10:00", end, indicator)
    # A later run for a span of the past does not silence the alarm.
    warehouse.note_run("newest", "2019-01-03 10:00", "2018-02-01", indicator)
    warehouse.run_for("demand_forecast_esios_is_recent")
    assert warehouse.test("demand_forecast_esios_is_recent") == status


@pytest.mark.parametrize(
    ("checked", "end", "status"),
    [
        (ago(hours=2), None, "pass"),
        (ago(hours=40), None, "warn"),
        (ago(hours=80), None, "error"),
        (ago(days=800), "2018-02-01", "pass"),
        (None, None, "pass"),
    ],
    ids=["fresh", "late", "stale", "historical", "nothing landed"],
)
def test_source_freshness_judges_only_followed_series(
    warehouse: Warehouse, checked: str | None, end: str | None, status: str
) -> None:
    if checked:
        warehouse.check(DAY, checked)
        warehouse.check(DAY, ago(days=900))
        warehouse.note_run("run-1", checked, end)
    assert warehouse.dbt("source", "freshness") == {"window_checks": status}


def test_the_contract_stops_a_model_whose_columns_are_not_the_five(warehouse: Warehouse, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    copytree(PROJECT, broken, ignore=ignore_patterns("target", "logs"))
    model = broken / "models" / "marts" / "demand_forecast_esios.sql"
    text = model.read_text("utf-8")
    changed = text.replace("as {{ type_number() }}) as demand_forecast", "as {{ type_text(20) }}) as demand_forecast")
    assert changed != text
    model.write_text(changed, "utf-8")
    outcome = dbt(tmp_path, "run", project=broken)
    assert not outcome.success
    assert outcome.result is not None
    failed = {result.node.name: str(result.message) for result in outcome.result.results if result.status == "error"}
    assert list(failed) == ["demand_forecast_esios"]
    assert "contract" in failed["demand_forecast_esios"]
