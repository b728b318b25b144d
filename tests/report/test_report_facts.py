"""What the report reads from the warehouse: every number of the page's JSON is the warehouse's own."""

from __future__ import annotations

import base64
import statistics
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from extract.report.facts import read_facts
from extract.warehouse import connect
from tests.warehouses.made import NAME, MadeWarehouse, at

NOW = "2018-04-02 12:00"
MADRID = ZoneInfo("Europe/Madrid")


@pytest.fixture
def made(tmp_path: Path) -> MadeWarehouse:
    return MadeWarehouse(tmp_path)


@pytest.fixture
def facts(made: MadeWarehouse) -> Callable[..., dict[str, Any]]:
    def read(now: str = NOW) -> dict[str, Any]:
        with connect(made.settings, read_only=True) as warehouse:
            return read_facts(warehouse, at(now))

    return read


def decoded(periods: dict[str, Any]) -> dict[datetime, float]:
    """The periods of the page's JSON as the page reads them: instant (UTC) → value."""
    raw = base64.b64decode(periods["values"])
    values = iter(struct.unpack(f"<{len(raw) // 8}d", raw))
    return {
        datetime(1970, 1, 1) + timedelta(seconds=first + n * seconds): next(values)
        for first, count, seconds in periods["runs"]
        for n in range(count)
    }


def test_every_hour_and_value_of_the_table_is_in_the_page_to_the_last_bit(
    made: MadeWarehouse, facts: Callable[..., dict[str, Any]]
) -> None:
    made.publish("2017-12-31 23:00", 2159)
    made.lose("2018-01-10 04:00", 1)
    made.lose("2018-02-01 00:00", 30)
    series = facts()["series"][0]
    table = dict(made.rows("select datetime, demand_forecast from demand_forecast_esios"))
    assert len(table) == 2128
    assert decoded(series["periods"]) == table
    assert len(series["periods"]["runs"]) == 3
    assert (series["id"], series["name"], series["unit"], series["rows"]) == (460, NAME, "MW", 2128)
    assert series["first"] == "2017-12-31T23:00:00Z"
    assert series["last"] == "2018-03-31T21:00:00Z"
    assert series["minimum"] == min(table.values())
    assert series["maximum"] == max(table.values())
    assert series["mean"] == pytest.approx(statistics.fmean(table.values()), rel=1e-12)


def test_the_calendar_counts_hours_by_madrid_day_also_when_the_clocks_change(
    made: MadeWarehouse, facts: Callable[..., dict[str, Any]]
) -> None:
    made.publish("2017-12-31 23:00", 8760)
    made.lose("2018-05-05 20:00", 6)
    year = facts()["calendar"][0]["years"][0]
    assert year["year"] == 2018
    assert sum(year["there"]) == 8754
    assert sum(year["missing"]) == 6
    day = datetime(2018, 5, 5).timetuple().tm_yday - 1
    assert (year["there"][day], year["missing"][day]) == (22, 2)
    assert (year["there"][day + 1], year["missing"][day + 1]) == (20, 4)
    assert year["there"][datetime(2018, 3, 25).timetuple().tm_yday - 1] == 23
    assert year["there"][datetime(2018, 10, 28).timetuple().tm_yday - 1] == 25


def test_the_weeks_pattern_is_the_median_and_the_deciles_of_the_last_52_weeks(
    made: MadeWarehouse, facts: Callable[..., dict[str, Any]]
) -> None:
    made.publish("2017-01-01 00:00", 9800)
    week = facts()["week"][0]
    rows = made.rows("select datetime, demand_forecast from demand_forecast_esios order by datetime")
    newest = rows[-1][0]
    by_hour: dict[int, list[float]] = {hour: [] for hour in range(168)}
    for hour, value in rows:
        if hour > newest - timedelta(weeks=52):
            local = hour.replace(tzinfo=UTC).astimezone(MADRID)
            by_hour[local.weekday() * 24 + local.hour].append(value)
    for hour, values in by_hour.items():
        deciles = statistics.quantiles(values, n=10, method="inclusive")
        assert week["median"][hour] == pytest.approx(statistics.median(values), rel=1e-12)
        assert week["p10"][hour] == pytest.approx(deciles[0], rel=1e-12)
        assert week["p90"][hour] == pytest.approx(deciles[8], rel=1e-12)


def test_the_last_week_is_the_seven_whole_madrid_days_before_the_newest(
    made: MadeWarehouse, facts: Callable[..., dict[str, Any]]
) -> None:
    made.publish("2018-01-01 00:00", 1000)
    week = facts()["week"][0]
    assert (week["last_week_from"], week["last_week_to"]) == ("2018-02-04", "2018-02-10")
    monday = made.rows("select demand_forecast from demand_forecast_esios where datetime = '2018-02-04 23:00'")
    assert week["last_week"][0] == monday[0][0]


def test_a_revision_is_a_later_response_with_another_value(
    made: MadeWarehouse, facts: Callable[..., dict[str, Any]]
) -> None:
    made.publish("2018-01-01 00:00", 48)
    before = made.rows("select demand_forecast from demand_forecast_esios where datetime = '2018-01-01 05:00'")[0][0]
    made.revise("2018-01-01 05:00", 30000.0, "2018-01-02 06:00")
    made.revise("2018-01-01 05:00", 29000.0, "2018-01-03 06:00")
    made.revise("2018-01-01 23:00", 31000.0, "2018-01-03 06:00")
    revised = facts()["revisions"][0]
    assert (revised["hours"], revised["changes"]) == (2, 3)
    assert [day["day"] for day in revised["days"]] == ["2018-01-01", "2018-01-02"]
    assert revised["days"][0]["changes"] == 2
    assert revised["days"][0]["mean_change"] == pytest.approx((abs(30000.0 - before) + 1000.0) / 2)
    at_five = [row for row in revised["largest"] if row["hour"] == "2018-01-01T05:00:00Z"]
    assert {(row["before"], row["after"], row["at"]) for row in at_five} == {
        (before, 30000.0, "2018-01-02T06:00:00Z"),
        (30000.0, 29000.0, "2018-01-03T06:00:00Z"),
    }
    said = facts()["series"][0]["said"]
    assert said[str(int(datetime(2018, 1, 1, 5, tzinfo=UTC).timestamp()))] == [
        ["2000-01-01T00:00:00Z", before],
        ["2018-01-02T06:00:00Z", 30000.0],
        ["2018-01-03T06:00:00Z", 29000.0],
    ]
    assert len(said) == 2
    assert facts()["series"][0]["known"] == [[48, "2000-01-01T00:00:00Z"]]
    assert revised["largest_change"] == max(abs(row["after"] - row["before"]) for row in revised["largest"])


def test_faults_are_named_with_their_hours_in_utc_and_madrid(
    made: MadeWarehouse, facts: Callable[..., dict[str, Any]]
) -> None:
    made.publish("2018-01-01 00:00", 200)
    made.lose("2018-01-03 22:00", 3)
    made.suspect("2018-01-02 10:00", 9000.0, "out_of_range")
    made.suspect("2018-01-02 11:00", 9500.5, "out_of_range")
    made.suspect("2018-01-02 12:00", 43000.0, "step")
    made.quarantine(None, "yesterday", None, "time_unreadable")
    made.judge("2018-01-05", "suspect", (("out_of_range", 3, 500.0), ("unlike_last_week", 2, 13.5)))
    made.judge("2018-01-03", "bad", (("missing", 1, 1.0),))
    faults = facts()["faults"]
    assert faults["count"] == 5
    assert [
        (row["kind"], row["first_utc"], row["last_utc"], row["periods"], row["lowest"], row["highest"])
        for row in faults["rows"]
    ] == [
        ("day", "2018-01-04T23:00:00Z", "2018-01-05T22:00:00Z", 1, None, None),
        ("missing", "2018-01-03T22:00:00Z", "2018-01-04T00:00:00Z", 3, None, None),
        ("suspect", "2018-01-02T12:00:00Z", "2018-01-02T12:00:00Z", 1, 43000.0, 43000.0),
        ("suspect", "2018-01-02T10:00:00Z", "2018-01-02T11:00:00Z", 2, 9000.0, 9500.5),
        ("quarantined", None, None, 1, None, None),
    ]
    missing = faults["rows"][1]
    assert (missing["first_madrid"], missing["last_madrid"]) == ("2018-01-03 23:00 +01:00", "2018-01-04 01:00 +01:00")
    assert faults["rows"][0]["findings"] == [["unlike_last_week", 2, 13.5]]
    assert faults["rows"][4]["text"] == "yesterday = null"
    assert faults["rows"][4]["findings"] == [["time_unreadable", 1, None]]


def test_the_repeated_autumn_hour_has_two_offsets(made: MadeWarehouse, facts: Callable[..., dict[str, Any]]) -> None:
    made.publish("2018-10-27 22:00", 25)
    made.lose("2018-10-28 00:00", 2)
    gap = facts()["faults"]["rows"][0]
    assert (gap["first_madrid"], gap["last_madrid"]) == ("2018-10-28 02:00 +02:00", "2018-10-28 02:00 +01:00")


@pytest.mark.parametrize(
    ("checked", "end", "verdict"),
    [
        ("2018-04-02 11:00", None, "yes"),
        ("2018-04-01 05:00", None, "attention"),
        ("2018-03-28 12:00", None, "no"),
        ("2018-03-28 12:00", "2018-03-31", "held"),
    ],
)
def test_only_a_followed_series_can_be_stale(
    made: MadeWarehouse, facts: Callable[..., dict[str, Any]], checked: str, end: str | None, verdict: str
) -> None:
    made.publish("2018-01-01 00:00", 24)
    made.note_run("2018-01-01 00:00", "2018-01-31")
    made.note_run("2018-01-02 00:00", end)
    made.check(checked)
    assert facts()["state"]["fresh"]["verdict"] == verdict


def test_a_later_run_for_a_past_span_does_not_silence_freshness(
    made: MadeWarehouse, facts: Callable[..., dict[str, Any]]
) -> None:
    made.publish("2018-01-01 00:00", 24)
    made.note_run("2018-01-01 00:00", None)
    made.note_run("2018-01-02 00:00", "2018-01-31")
    made.check("2018-03-30 12:00")
    fresh = facts()["state"]["fresh"]
    assert fresh["verdict"] == "attention"
    assert fresh["kept"] == [{"id": 460, "last_answer_utc": "2018-03-30T12:00:00Z", "late_after_hours": 30}]


def test_a_failed_run_needs_attention_however_fresh_the_responses(
    made: MadeWarehouse, facts: Callable[..., dict[str, Any]]
) -> None:
    made.publish("2018-01-01 00:00", 24)
    made.note_run("2018-04-02 06:00", None)
    made.note_run("2018-04-02 11:00", None, status="failed", error="no route")
    made.check("2018-04-02 06:00")
    assert facts()["state"]["fresh"]["verdict"] == "attention"


def test_a_warehouse_without_faults_is_complete_and_good(
    made: MadeWarehouse, facts: Callable[..., dict[str, Any]]
) -> None:
    made.publish("2018-01-01 00:00", 24)
    made.judge("2018-01-01", "good")
    found = facts()
    assert found["state"]["complete"] == {"verdict": "yes", "missing_hours": 0, "gaps": 0}
    assert found["state"]["good"]["verdict"] == "yes"
    assert found["faults"] == {"count": 0, "rows": []}
    assert found["judged_days"] == 2  # 24 hours from midnight UTC are of two Madrid days


def test_missing_hours_make_it_incomplete_but_not_bad(
    made: MadeWarehouse, facts: Callable[..., dict[str, Any]]
) -> None:
    made.publish("2018-01-01 00:00", 24)
    made.lose("2018-01-01 05:00", 2)
    made.judge("2018-01-01", "bad", (("missing", 2, 2.0),))
    state = facts()["state"]
    assert state["complete"] == {"verdict": "no", "missing_hours": 2, "gaps": 1}
    assert state["good"]["verdict"] == "yes"


def test_a_bad_day_and_a_suspect_day_are_distinguished(
    made: MadeWarehouse, facts: Callable[..., dict[str, Any]]
) -> None:
    made.publish("2018-01-01 00:00", 72)
    made.judge("2018-01-01", "suspect", (("unlike_last_week", 1, 13.0),))
    assert facts()["state"]["good"]["verdict"] == "attention"
    made.judge("2018-01-02", "bad", (("sum_of_four", 24, 90000.0),))
    good = facts()["state"]["good"]
    assert (good["verdict"], good["bad_days"], good["suspect_days"]) == ("no", 1, 1)


def test_what_is_not_built_is_none_and_not_zero(tmp_path: Path) -> None:
    made = MadeWarehouse(tmp_path, source=None, built=False)
    with connect(made.settings, read_only=True) as warehouse:
        found = read_facts(warehouse, at(NOW))
    assert found["source"] is None
    assert found["simulated"] is False
    assert [found[name] for name in ("table", "calendar", "revisions", "week", "faults", "missing_hours")] == [None] * 6
    assert {name: part["verdict"] for name, part in found["state"].items()} == dict.fromkeys(
        ("fresh", "complete", "good"), "unknown"
    )


def test_a_table_without_rows_makes_a_report(made: MadeWarehouse, facts: Callable[..., dict[str, Any]]) -> None:
    found = facts()
    assert found["series"] == []
    assert found["table"]["rows"] == 0


def test_a_forecast_is_shown_as_the_monitoring_models_judge_it(
    made: MadeWarehouse, facts: Callable[..., dict[str, Any]]
) -> None:
    made.publish("2018-01-01 00:00", 24 * 60)
    for day in range(40):
        made.score(f"{at('2018-01-01') + timedelta(days=day):%Y-%m-%d}", None if day == 3 else 200.0 + day)
    made.score("2018-02-10", 555.5, "alert", inaccurate=9.1, inaccurate_limit=8.0)
    monitoring = facts()["monitoring"]
    (forecast,) = monitoring["forecasts"]
    assert (forecast["forecast"], forecast["actual_id"], forecast["unit"]) == ("demand_forecast", 1293, "MW")
    assert forecast["actual_name"] == "Demanda real"
    assert forecast["days"]["mae"] == [*(None if day == 3 else 200.0 + day for day in range(40)), 555.5]
    assert forecast["days"]["madrid_day"][0] == "2018-01-01"
    assert len(forecast["newest_days"]) == 31
    newest = forecast["newest_days"][0]
    assert (newest["madrid_day"], newest["mae"], newest["alert_level"]) == ("2018-02-10", 555.5, "alert")
    assert (newest["mape"], newest["skill_28_days"], newest["alerts"]) == (
        0.0125,
        0.55,
        [("inaccurate", 9.1, 8.0)],
    )
    assert forecast["month"] == "2018-02"
    assert [row["mae"] for row in forecast["by_hour"]] == [200.0 + hour for hour in range(24)]
    by_lead = "('demand_forecast', 1293, 1, 24, 210, 250, -5)"
    made.execute(f"insert into monitoring_esios.forecast_error_by_lead values {by_lead}")
    [lead] = facts()["monitoring"]["forecasts"][0]["by_lead"]
    assert lead == {"lead_days": 1, "predictions": 24, "mae": 210.0, "rmse": 250.0, "bias": -5.0}
    table = dict(made.rows("select period_start_utc, value from monitoring_esios.forecast_actuals"))
    assert decoded(monitoring["actuals"][0]["periods"]) == table


def test_monitoring_that_is_not_built_is_none(made: MadeWarehouse, facts: Callable[..., dict[str, Any]]) -> None:
    assert facts()["monitoring"] == {"forecasts": [], "actuals": []}
    made.execute("drop table monitoring_esios.forecast_accuracy_daily")
    assert facts()["monitoring"] is None


def test_builds_are_summed_up_run_by_run(made: MadeWarehouse, facts: Callable[..., dict[str, Any]]) -> None:
    for run, name, kind, status in [
        ("a", "old", "model", "error"),
        ("b", "demand_forecast_esios", "model", "success"),
        ("b", "is_unique", "test", "pass"),
        ("b", "is_never_null", "test", "pass"),
        ("b", "no_missing_hours", "test", "warn"),
    ]:
        made.execute(
            "insert into quality_esios.dbt_results values (?, 'build', ?, 'x', ?, ?, ?, 0, 0.5, null)",
            run,
            "2018-04-01 06:00" if run == "a" else "2018-04-02 06:00",
            kind,
            name,
            status,
        )
    newest, oldest = facts()["builds"]
    assert (newest["models"], newest["passed"], newest["warned"], newest["broken"]) == (1, 2, 1, 0)
    assert (newest["started_at_utc"], newest["seconds"]) == ("2018-04-02T06:00:00Z", 2.0)
    assert newest["named"] == ["no_missing_hours"]
    assert (oldest["broken"], oldest["named"]) == (1, ["old"])


def test_runs_come_newest_first_and_are_cut(made: MadeWarehouse, facts: Callable[..., dict[str, Any]]) -> None:
    for day in range(1, 26):
        made.note_run(f"2018-01-{day:02d} 06:00", error="it is late" if day == 25 else None)
    runs = facts()["runs"]
    assert len(runs) == 20
    assert (runs[0]["started_at_utc"], runs[0]["error"]) == ("2018-01-25T06:00:00Z", "it is late")
    assert runs[-1]["started_at_utc"] == "2018-01-06T06:00:00Z"


def test_each_area_and_cadence_is_a_curve_of_its_own_the_forecast_first(
    made: MadeWarehouse, facts: Callable[..., dict[str, Any]]
) -> None:
    made.publish("2025-09-30 20:00", 2, "Precio", indicator=600, geo=3)
    made.publish("2025-09-30 22:00", 96, "Precio", indicator=600, geo=3, seconds=900)
    made.publish("2025-09-30 22:00", 96, "Precio", indicator=600, geo=1, seconds=900)
    made.publish("2025-09-30 22:00", 24)
    found = facts()
    assert [(one["id"], one["geo_id"], one["unit"], one["rows"]) for one in found["series"]] == [
        (460, 8741, "MW", 24),
        (600, 3, "€/MWh", 98),
        (600, 1, "€/MWh", 96),
    ]
    [hours, quarters] = found["series"][1]["periods"]["runs"]
    assert (hours[1:], quarters[1:]) == ([2, 3600], [96, 900])
    table = dict(
        made.rows("select period_start_utc, value from esios_values where indicator_id = 600 and geo_id = 3 order by 1")
    )
    assert decoded(found["series"][1]["periods"]) == table
    there = {(one["id"], one["geo_id"]): sum(one["years"][0]["there"]) for one in found["calendar"]}
    assert there == {(460, 8741): 24, (600, 3): 98, (600, 1): 96}


def test_only_the_indicators_asked_for_and_what_has_no_room_is_named(
    made: MadeWarehouse, facts: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for indicator in (460, 1293, 600):
        made.publish("2018-01-01 00:00", 24, indicator=indicator, geo=3 if indicator == 600 else 8741)
    with connect(made.settings, read_only=True) as warehouse:
        found = read_facts(warehouse, at(NOW), [600])
    assert ([one["id"] for one in found["series"]], found["left_out"]) == ([600], [])
    monkeypatch.setattr("extract.report.facts.VALUES_SHOWN", 30)
    found = facts()
    assert ([one["id"] for one in found["series"]], found["left_out"]) == ([460], [1293, 600])


def test_a_series_without_a_limit_is_not_judged_late(
    made: MadeWarehouse, facts: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.health.verdicts.late_after_hours", lambda _: None)
    made.publish("2018-01-01 00:00", 24)
    made.note_run("2018-01-01 00:00", None)
    made.check("2018-01-02 12:00")
    assert facts()["state"]["fresh"]["verdict"] == "yes"
