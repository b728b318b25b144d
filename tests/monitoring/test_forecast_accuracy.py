"""Forecasts against what happened: each formula against scikit-learn's, the drift against numpy's, the alerts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
)

from extract.errors import UsageError
from extract.health.wording import alerts
from extract.load import load_file
from extract.settings import load_settings
from extract.warehouse import connect
from tests.warehouses import judged
from tests.warehouses.landed import Warehouse
from tests.warehouses.makers import Makers

NAME = "my_model"
MADRID = "Europe/Madrid"


def actuals(warehouse: Warehouse, indicator: int = 1293) -> pd.DataFrame:
    """period (aware UTC), local (naive Madrid), day, value."""
    rows = warehouse.rows(
        "select period_start_utc, value from esios_values where indicator_id = ? order by 1", indicator
    )
    table = pd.DataFrame(rows, columns=["period", "actual"])
    table["local"] = table["period"].dt.tz_localize("UTC").dt.tz_convert(MADRID).dt.tz_localize(None)
    table["day"] = table["local"].dt.date
    return table


def predict(warehouse: Warehouse, rows: pd.DataFrame, name: str = NAME, indicator: int = 1293) -> None:
    """Load period, predicted, made_at into raw_esios.predictions, as `esios load` does."""
    table = pd.DataFrame(
        {
            "forecast": name,
            "indicator_id": indicator,
            "period_start_utc": rows["period"].astype("datetime64[us]"),
            "predicted_value": rows["predicted"],
            "predicted_at_utc": rows["made_at"].astype("datetime64[us]"),
        }
    )
    settings = load_settings({"ESIOS_DUCKDB_PATH": str(warehouse.path)}, Path("/nonexistent/.env"))
    with connect(settings) as connection:
        connection.bulk_load(table, "raw_esios.predictions")


def frame(warehouse: Warehouse, model: str, name: str = NAME) -> pd.DataFrame:
    """A monitoring model's rows of one forecast."""
    with duckdb.connect(str(warehouse.path)) as connection:
        found: pd.DataFrame = connection.execute(
            f"select * from monitoring_esios.{model} where forecast = ? order by all", [name]
        ).df()
    return found


@pytest.fixture(scope="module")
def random_forecast(warehouses: Makers, tmp_path_factory: pytest.TempPathFactory) -> tuple[Warehouse, pd.DataFrame]:
    """Random predictions for 1293 over 40 days with the change of clocks, every tenth missing; and the truth beside."""
    warehouse = warehouses.judged(tmp_path_factory.mktemp("random"))
    table = actuals(warehouse)
    by_local = table.groupby("local")["actual"].mean()
    table["persistence"] = by_local.reindex(table["local"] - pd.Timedelta(days=7)).to_numpy()
    table = table[(table["local"] >= "2020-10-01") & (table["local"] < "2020-11-10")].reset_index(drop=True)
    random = np.random.default_rng(460)
    table["predicted"] = table["actual"] * random.uniform(0.8, 1.25, len(table))
    table.loc[random.choice(len(table), len(table) // 10, replace=False), "predicted"] = np.nan
    table["made_at"] = table["period"] - pd.Timedelta(days=2)
    predict(warehouse, table.dropna(subset="predicted"))
    return warehouse, table


def expected(group: pd.DataFrame) -> dict[str, float]:
    """The measures of scikit-learn (else the definition in numpy) over the rows that have both."""
    there = group.dropna(subset="predicted")
    actual, predicted, persistence = there["actual"], there["predicted"], there["persistence"]
    error = (predicted - actual).to_numpy()
    return {
        "hours_due": len(group),
        "predictions_there": len(there),
        "coverage": len(there) / len(group),
        "mae": mean_absolute_error(actual, predicted),
        "rmse": mean_squared_error(actual, predicted) ** 0.5,
        "mape": mean_absolute_percentage_error(actual, predicted),
        "smape": float(np.mean(2 * np.abs(error) / (np.abs(actual) + np.abs(predicted)))),
        "bias": float(np.mean(error)),
        "persistence_mae": mean_absolute_error(actual, persistence),
        "skill": 1 - mean_absolute_error(actual, predicted) / mean_absolute_error(actual, persistence),
    }


def test_the_measures_of_each_day_are_those_of_scikit_learn(
    random_forecast: tuple[Warehouse, pd.DataFrame],
) -> None:
    warehouse, table = random_forecast
    found = frame(warehouse, "forecast_accuracy_daily").set_index("madrid_day")
    days = 0
    for day, group in table.groupby("day"):
        row = found.loc[pd.Timestamp(day)]
        for measure, value in expected(group).items():
            assert row[measure] == pytest.approx(value, rel=1e-9), (day, measure)
        days += 1
    assert days == 40
    assert int(found.loc[pd.Timestamp("2020-10-25"), "hours_due"]) == 25


def test_the_measures_of_each_hour_of_the_day_are_those_of_scikit_learn(
    random_forecast: tuple[Warehouse, pd.DataFrame],
) -> None:
    warehouse, table = random_forecast
    found = frame(warehouse, "forecast_accuracy_by_hour").set_index(["month_start", "clock_hour"])
    october = table[table["local"] < "2020-11-01"]
    for clock_hour, group in october.groupby(october["local"].dt.hour):
        row = found.loc[(pd.Timestamp("2020-10-01"), clock_hour)]
        for measure, value in expected(group).items():
            assert row[measure] == pytest.approx(value, rel=1e-9), (clock_hour, measure)
    assert int(found.loc[(pd.Timestamp("2020-10-01"), 2), "hours_due"]) == 32


def test_the_skill_of_four_weeks_weighs_each_hour_alike(random_forecast: tuple[Warehouse, pd.DataFrame]) -> None:
    warehouse, table = random_forecast
    found = frame(warehouse, "forecast_accuracy_daily").set_index("madrid_day")
    weeks = table[(table["local"] >= "2020-10-10") & (table["local"] < "2020-11-07")]
    value = expected(weeks)["skill"]
    assert found.loc[pd.Timestamp("2020-11-06"), "skill_28_days"] == pytest.approx(value, rel=1e-9)


def test_a_value_of_nought_is_left_out_of_mape_and_is_nothing_to_smape(warehouses: Makers, tmp_path: Path) -> None:
    warehouse = warehouses.judged(tmp_path)
    warehouse.execute(
        "update esios_value_versions set value = 0"
        " where indicator_id = 1293 and period_start_utc in ('2020-11-01 23:00', '2020-11-02 00:00')"
    )
    table = actuals(warehouse)
    table = table[table["local"].dt.date.astype(str) == "2020-11-02"]
    table["predicted"] = table["actual"] * 1.1
    table["made_at"] = table["period"] - pd.Timedelta(days=1)
    predict(warehouse, table)
    [row] = frame(warehouse, "forecast_accuracy_daily").head(1).to_dict("records")
    assert row["mape"] == pytest.approx(0.1)
    assert row["smape"] == pytest.approx((0.2 / 2.1) * 22 / 24)


A_BLOCK = timedelta(days=28)
A_YEAR = timedelta(days=364)


def drift_of(days: pd.Series, values: pd.Series) -> list[tuple[Any, ...]]:
    """What input_drift says of one indicator's values and their Madrid days, by numpy."""
    days = pd.to_datetime(days)
    blocks = (days - pd.Timestamp("1900-01-01")) // A_BLOCK
    rows: list[tuple[Any, ...]] = []
    for block, last in days.groupby(blocks).max().items():
        block_last = pd.Timestamp("1900-01-01") + A_BLOCK * (block + 1) - timedelta(days=1)
        here, reference = (
            values[(days > until - A_BLOCK) & (days <= until)].to_numpy() for until in (last, last - A_YEAR)
        )
        psi = level = None
        if min(len(here), len(reference)) >= 168:
            edges = np.quantile(reference, np.arange(1, 10) / 10)
            shares = [
                np.maximum(np.bincount(np.searchsorted(edges, each), minlength=10) / len(each), 0.0001)
                for each in (here, reference)
            ]
            psi = float(((shares[0] - shares[1]) * np.log(shares[0] / shares[1])).sum())
            level = "alert" if psi > 0.25 else "warn" if psi > 0.1 else "ok"
        first = last - A_BLOCK + timedelta(days=1)
        spans = (block_last, first, last, first - A_YEAR, last - A_YEAR)
        rows.append((*(day.date() for day in spans), len(here), len(reference), psi, level))
    return rows


def drift_said(warehouse: Warehouse, indicator: int) -> list[tuple[Any, ...]]:
    """Its rows, each index to the twelfth digit."""
    return warehouse.rows(
        "select * exclude (indicator_id) from monitoring_esios.input_drift where indicator_id = ? order by 1", indicator
    )


def assert_same_drift(said: list[tuple[Any, ...]], computed: list[tuple[Any, ...]]) -> None:
    assert [(*row[:-2], row[-1]) for row in said] == [(*row[:-2], row[-1]) for row in computed]
    assert [row[-2] for row in said] == [
        row[-2] if row[-2] is None else pytest.approx(row[-2], abs=1e-9) for row in computed
    ]


def test_drift_is_the_stability_index_over_the_reference_deciles(warehouse: Warehouse) -> None:
    for indicator in (460, 544, 600, 1293, 1775):
        table = actuals(warehouse, indicator)
        said = drift_said(warehouse, indicator)
        assert_same_drift(said, drift_of(table["day"], table["actual"]))
        # Each of their blocks is of Mondays to Sundays; the newest window ends with the newest day.
        assert {row[0].isoweekday() for row in said} == {7}
        assert said[-1][2] == table["day"].max() < said[-1][0]
        assert any(row[-1] for row in said) == (indicator in (460, 1293, 1775))


# Days with values, both included; minutes between two; whether a window can be compared.
# 2020-11-22 is the last day of a block.
SPANS = {
    "the newest day is the last of a block": ([("2019-10-01", "2020-11-22")], 60, True),
    "the newest day is the first of a block": ([("2019-10-01", "2020-11-23")], 60, True),
    "the newest day comes after a gap within its block": (
        [("2019-10-01", "2020-11-24"), ("2020-12-18", "2020-12-18")],
        60,
        True,
    ),
    "a gap of several blocks": ([("2019-05-01", "2020-08-10"), ("2020-10-30", "2020-12-03")], 60, True),
    "a gap in the reference alone": ([("2019-10-03", "2019-10-09"), ("2020-09-01", "2020-12-03")], 60, True),
    "six days of a reference": ([("2019-10-03", "2019-10-08"), ("2020-09-01", "2020-12-03")], 60, False),
    "quarter hours": ([("2019-11-01", "2020-12-03")], 15, True),
    "one value a day": ([("2019-01-01", "2020-12-03")], 1440, False),
}


@pytest.mark.parametrize(("spans", "minutes", "is_compared"), SPANS.values(), ids=SPANS)
@pytest.mark.parametrize("distinct", [1, 5, 10**6])
def test_drift_is_the_same_by_numpy_whatever_days_have_values(
    warehouses: Makers, tmp_path: Path, spans: list[tuple[str, str]], minutes: int, is_compared: bool, distinct: int
) -> None:
    warehouse = warehouses.judged(tmp_path)
    random = np.random.default_rng(minutes + distinct)
    starts = pd.DatetimeIndex([])
    for first, last in spans:
        until = pd.Timestamp(last, tz=MADRID) + pd.Timedelta(hours=23, minutes=45)
        starts = starts.append(pd.date_range(pd.Timestamp(first, tz=MADRID), until, freq=f"{minutes}min"))
    values = np.floor(random.gamma(3, size=len(starts)) * distinct / 3) * 7 + starts.month.to_numpy() % 2
    table = pd.DataFrame({"day": starts.tz_localize(None).normalize(), "actual": values.astype(float)})
    new_rows = pd.DataFrame({"start": starts.tz_convert("UTC").tz_localize(None), "value": table["actual"]})
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.register("new_rows", new_rows)
        connection.execute("""
            create temporary table one as from esios_value_versions
            where indicator_id = 1293 and known_until_utc is null limit 1;
            delete from esios_value_versions where indicator_id = 1293;
            insert into esios_value_versions
            select one.* replace (new_rows.start as period_start_utc, new_rows.value as value)
            from one cross join new_rows
        """)
    said = drift_said(warehouse, 1293)
    assert_same_drift(said, drift_of(table["day"], table["actual"]))
    assert any(row[-1] for row in said) == is_compared


def at_lead(table: pd.DataFrame, days: int) -> pd.Series:
    """Of predictions (period, predicted, made_at), what was known so many days before each period, by pandas."""
    known = table[table["made_at"] <= table["period"] - pd.Timedelta(days=days)].sort_values("made_at")
    newest: pd.Series = known.groupby("period")["predicted"].last()
    return newest


def test_the_error_by_lead_time_is_that_of_what_was_known_so_many_days_before(
    warehouses: Makers, tmp_path: Path
) -> None:
    warehouse = warehouses.judged(tmp_path)
    actual = actuals(warehouse)
    actual = actual[(actual["local"] >= "2020-10-20") & (actual["local"] < "2020-10-30")].reset_index(drop=True)
    random = np.random.default_rng(9)
    made_when = [(days, random.random(len(actual)) < 0.8) for days in (6.5, 3, 1, 0.5, 0, -0.25)]
    table = pd.concat(
        actual.assign(
            predicted=actual["actual"] * random.uniform(0.9, 1.1, len(actual)),
            made_at=actual["period"] - pd.Timedelta(days=days),
        )[chosen]
        for days, chosen in made_when
    )
    predict(warehouse, table)
    found = frame(warehouse, "forecast_error_by_lead").set_index("lead_days")
    truth = actual.set_index("period")["actual"]
    for days in range(7):
        error = (at_lead(table, days) - truth).dropna()
        row = found.loc[days]
        assert row["predictions_there"] == len(error)
        assert row["mae"] == pytest.approx(error.abs().mean(), rel=1e-9)
        assert row["rmse"] == pytest.approx((error**2).mean() ** 0.5, rel=1e-9)
        assert row["bias"] == pytest.approx(error.mean(), rel=1e-9)
    assert sorted(found.index) == list(range(7)), "six and a half days before nothing else was known"


def test_a_backfill_was_known_of_no_period_ahead(warehouse: Warehouse) -> None:
    assert len(frame(warehouse, "forecast_hours", "demand_forecast_d1")) > 10_000
    assert frame(warehouse, "forecast_error_by_lead", "demand_forecast_d1").empty


def test_quarter_hours_are_compared_with_hours_by_their_mean_and_only_where_all_four_are_present(
    warehouses: Makers,
    tmp_path: Path,
) -> None:
    warehouse = warehouses.empty(tmp_path)
    hours = [judged.hour(f"2025-11-03 {n:02}") for n in range(4)]
    quarters = {hour + timedelta(minutes=15 * n): 40.0 + 10 * n for hour in hours for n in range(4)}
    del quarters[hours[3] + timedelta(minutes=45)]
    judged.land(warehouse, 600, "2025-11-03", "2025-11-03", quarters, extracted="2025-11-02 13:00")
    warehouse.run("--select", "registry", "+esios_values", "monitoring")
    table = pd.DataFrame({"period": hours, "predicted": [50.0, 60.0, 70.0, 80.0]})
    table["period"] = table["period"].dt.tz_localize(None)
    table["made_at"] = table["period"] - pd.Timedelta(days=2)
    predict(warehouse, table, "hourly", 600)
    finer = pd.DataFrame({"period": [hour.replace(tzinfo=None) for hour in quarters], "predicted": 45.0})
    finer["made_at"] = finer["period"] - pd.Timedelta(days=2)
    predict(warehouse, finer, "by the quarter", 600)
    compared = frame(warehouse, "forecast_hours", "hourly")
    assert compared["actual"].tolist() == [55.0, 55.0, 55.0]
    assert compared["error"].tolist() == [-5.0, 5.0, 15.0]
    assert frame(warehouse, "forecast_hours", "by the quarter")["error"].tolist() == [
        45.0 - value for value in quarters.values()
    ]
    [lead] = frame(warehouse, "forecast_error_by_lead", "hourly").query("lead_days == 2").to_dict("records")
    assert (lead["predictions_there"], lead["mae"], lead["bias"]) == (3, pytest.approx(25 / 3), pytest.approx(5.0))


def two_days(warehouse: Warehouse, factor: float) -> pd.DataFrame:
    """Predictions for the first two days of December 2020, all too high by a factor, made two days ahead."""
    table = actuals(warehouse)
    table = table[table["local"].dt.date.astype(str).isin(["2020-12-01", "2020-12-02"])].reset_index(drop=True)
    table["predicted"] = table["actual"] * factor
    table["made_at"] = table["period"] - pd.Timedelta(days=2)
    return table


def test_a_prediction_of_a_days_average_is_judged_by_the_bias_of_its_day(warehouses: Makers, tmp_path: Path) -> None:
    warehouse = warehouses.judged(tmp_path)
    table = two_days(warehouse, 1.0)
    table["predicted"] = 27_000.0
    predict(warehouse, table)
    found = frame(warehouse, "forecast_accuracy_daily").set_index("madrid_day")
    for day, group in table.groupby("day"):
        error_of_the_average = 27_000.0 - group["actual"].mean()
        assert found.loc[pd.Timestamp(day), "bias"] == pytest.approx(error_of_the_average, rel=1e-12)


def test_alerts_say_why_by_codes_and_numbers(warehouses: Makers, tmp_path: Path) -> None:
    warehouse = warehouses.judged(tmp_path)
    table = two_days(warehouse, 1.2)
    predict(warehouse, table, "too_high")
    predict(warehouse, two_days(warehouse, 1.07), "rather_high")
    predict(warehouse, two_days(warehouse, 1.001), "good")
    predict(warehouse, two_days(warehouse, 1.001).drop(index=[3, 4, 5]), "gappy")
    late = two_days(warehouse, 1.001)
    late["made_at"] = pd.Timestamp("2020-12-01 05:00")
    predict(warehouse, late, "late")

    def told(name: str, column: str) -> Any:
        return frame(warehouse, "forecast_accuracy_daily", name)[column].iloc[0]

    def alerts_of(name: str) -> list[tuple[str, float, float | None]]:
        day = frame(warehouse, "forecast_accuracy_daily", name).iloc[0].dropna().to_dict()
        return [(code, round(number, 6), limit) for code, number, limit in alerts(day) if code != "drifting"]

    assert alerts_of("too_high")[:2] == [("inaccurate", 20.0, 10.0), ("biased", 20.0, None)]
    assert alerts_of("rather_high")[:2] == [("inaccurate", 7.0, 5.0), ("biased", 7.0, None)]
    assert alerts_of("good") == []
    assert alerts_of("gappy") == [("predictions_missing", 3.0, 24.0)]
    assert alerts_of("late") == [("predictions_late", 24.0, None)]
    assert told("too_high", "alert_level") == "alert"
    assert told("rather_high", "alert_level") == "warn"
    assert told("gappy", "alert_level") == "alert"  # 21 of 24 is less than nine tenths
    assert told("late", "lateness_hours") == pytest.approx(6.0)
    assert told("good", "lateness_hours") == 0.0


def test_the_last_prediction_from_before_the_hour_counts_and_a_back_test_is_not_late(
    warehouses: Makers, tmp_path: Path
) -> None:
    warehouse = warehouses.judged(tmp_path)
    early, better = two_days(warehouse, 2.0), two_days(warehouse, 1.0)
    better["made_at"] = better["period"] - pd.Timedelta(hours=1)
    afterwards = two_days(warehouse, 3.0)
    afterwards["made_at"] = afterwards["period"] + pd.Timedelta(hours=1)
    for table in (early, better, afterwards):
        predict(warehouse, table)
    hours = frame(warehouse, "forecast_hours")
    assert hours["error"].abs().max() == 0.0
    assert set(hours["is_known_ahead"].dropna()) == {1}
    assert len(hours) == 31 * 24  # it was at work, so the days without a prediction count
    back_test = two_days(warehouse, 1.0)
    back_test["made_at"] = pd.Timestamp("2021-05-01")
    predict(warehouse, back_test, "back_test")
    tested = frame(warehouse, "forecast_hours", "back_test")
    assert set(tested["is_known_ahead"]) == {0}
    assert len(tested) == 48
    assert tested["lateness_hours"].isna().all()


def test_the_registered_pairs_are_judged_from_the_landed_indicators(warehouse: Warehouse) -> None:
    days = frame(warehouse, "forecast_accuracy_daily", "demand_forecast_d1")
    assert len(days) == 427
    assert (days["coverage"] == 1.0).all()
    assert days["mape"].between(0.001, 0.04).all()
    assert (days["skill_28_days"].iloc[35:] > 0).all()
    assert set(days["alert_level"]) <= {"ok", "warn"}
    assert len(frame(warehouse, "forecast_accuracy_by_hour", "demand_forecast_d1")) == 14 * 24


def test_predictions_are_loaded_by_the_load_verb_and_once_only(warehouses: Makers, tmp_path: Path) -> None:
    warehouse = warehouses.judged(tmp_path)
    file = tmp_path / "predictions.csv"
    file.write_text(
        "forecast,indicator_id,period_start_utc,predicted_value,predicted_at_utc\n"
        "mine,1293,2020-12-01 00:00:00,25000.5,2020-11-30 12:00:00\n"
        "mine,1293,2020-12-01 01:00:00,24000,2020-11-30 12:00:00\n",
        "utf-8",
    )
    settings = load_settings({"ESIOS_DUCKDB_PATH": str(warehouse.path)}, Path("/nonexistent/.env"))
    with connect(settings) as connection:
        done = load_file(connection, file, "raw_esios.predictions", mode="append", key=None)
        assert (done.inserted, done.updated) == (2, 0)
        again = load_file(connection, file, "raw_esios.predictions", mode="upsert", key=None)
        assert (again.inserted, again.updated) == (0, 2)
        with pytest.raises(UsageError):
            load_file(connection, file, "raw_esios.predictions", mode="append", key=None)
    assert frame(warehouse, "forecast_hours", "mine")["predicted"].dropna().tolist() == [25000.5, 24000.0]


def test_the_most_absurd_values_make_no_measure_overflow(warehouses: Makers, tmp_path: Path) -> None:
    # DuckDB would show infinity; SQL Server would stop the build.
    warehouse = warehouses.judged(tmp_path)
    table = actuals(warehouse)
    table = table[(table["local"] >= "2020-10-05") & (table["local"] < "2020-10-25")].reset_index(drop=True)
    absurd = np.array([5e-324, -5e-324, 1e-300, 1e-15, 0, 1, 25_000, -1e15, 1e16, 1.7e308, -1.7e308])
    random = np.random.default_rng(1293)
    table["predicted"] = random.choice(absurd, len(table))
    table["value"] = random.choice(absurd, len(table))
    table["made_at"] = table["period"] - pd.Timedelta(days=2)
    predict(warehouse, table)
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.register("absurd", table[["period", "value"]])
        connection.execute("""
            update esios_value_versions set value = absurd.value from absurd
            where indicator_id = 1293 and esios_value_versions.period_start_utc = absurd.period
        """)
    for model in ("forecast_hours", "forecast_accuracy_daily", "forecast_accuracy_by_hour", "forecast_error_by_lead"):
        numbers = frame(warehouse, model).select_dtypes("number")
        assert len(numbers) > 0
        assert numbers.abs().max().max() < 1e100
