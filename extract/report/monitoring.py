"""Forecast against actual, as the monitoring models judge it: by day, by hour of the day, and the curve. Reads only."""

from __future__ import annotations

from typing import Any

import numpy as np

from extract.health.wording import ALERTS, LIMITS, alerts
from extract.registry import registry
from extract.report.payload import encode_periods, plain
from extract.warehouse import Warehouse

DAILY = "monitoring_esios.forecast_accuracy_daily"
BY_HOUR = "monitoring_esios.forecast_accuracy_by_hour"
BY_LEAD = "monitoring_esios.forecast_error_by_lead"
ACTUALS = "monitoring_esios.forecast_actuals"
MEASURES = (
    "mae",
    "rmse",
    "mape",
    "smape",
    "bias",
    "coverage",
    "persistence_mae",
    "skill",
    "skill_28_days",
    "input_psi",
)
DRAWN = ("mae", "bias", "persistence_mae")
DAYS_LISTED = 31


def read_monitoring(warehouse: Warehouse) -> dict[str, Any] | None:
    """None where the models are not built.

    `forecasts`: one dict each, with every day's `DRAWN` measures as columns, its newest days whole (`alerts`: code,
    number and limit of each), the newest month by hour of the day, and the errors by whole days ahead. `actuals`: what
    came true, encoded. Shares (mape, coverage …) are 0 … 1.
    """
    if not warehouse.exists(DAILY):
        return None
    names = {indicator.id: indicator for indicator in registry()}
    forecasts: dict[tuple[str, int], dict[str, Any]] = {}
    kept = ("forecast", "actual_indicator_id", "madrid_day", "alert_level", *MEASURES)
    columns = (*kept, *ALERTS, *LIMITS.values())
    rows = warehouse.rows(
        f"select {', '.join(columns)} from {warehouse.sql_name(DAILY)}"
        " order by forecast, actual_indicator_id, madrid_day"
    )
    for row in rows:
        read = dict(zip(columns, row, strict=True))
        day = {name: plain(read[name]) for name in kept} | {"alerts": alerts(read)}
        key = (day.pop("forecast"), day.pop("actual_indicator_id"))
        day["madrid_day"] = day["madrid_day"][:10]
        actual = names.get(key[1])
        found = forecasts.setdefault(
            key,
            {
                "forecast": key[0],
                "actual_id": key[1],
                "actual_name": actual.name if actual else str(key[1]),
                "unit": actual.unit if actual else "",
                "days": {name: [] for name in ("madrid_day", "alert_level", *DRAWN)},
                "newest_days": [],
                "by_hour": [],
                "by_lead": [],
                "month": None,
            },
        )
        for name, values in found["days"].items():
            values.append(day[name])
        found["newest_days"] = [day, *found["newest_days"][: DAYS_LISTED - 1]]
    if warehouse.exists(BY_HOUR):
        _add_hours_of_the_newest_month(warehouse, forecasts)
    if warehouse.exists(BY_LEAD):
        _add_errors_by_lead(warehouse, forecasts)
    return {
        "forecasts": list(forecasts.values()),
        "actuals": _actuals(warehouse, sorted({actual for _, actual in forecasts})),
    }


def _add_hours_of_the_newest_month(warehouse: Warehouse, forecasts: dict[tuple[str, int], dict[str, Any]]) -> None:
    rows = warehouse.rows(
        "select forecast, actual_indicator_id, month_start, clock_hour, mae, bias"
        f" from {warehouse.sql_name(BY_HOUR)} order by forecast, actual_indicator_id, month_start, clock_hour"
    )
    for forecast, actual, month, hour, mae, bias in rows:
        found = forecasts.get((str(forecast), int(actual)))
        if found is None:
            continue
        if found["month"] != _month(month):
            found["month"], found["by_hour"] = _month(month), []
        found["by_hour"].append({"hour": int(hour), "mae": plain(mae), "bias": plain(bias)})


def _add_errors_by_lead(warehouse: Warehouse, forecasts: dict[tuple[str, int], dict[str, Any]]) -> None:
    rows = warehouse.rows(
        "select forecast, actual_indicator_id, lead_days, predictions_there, mae, rmse, bias"
        f" from {warehouse.sql_name(BY_LEAD)} order by forecast, actual_indicator_id, lead_days"
    )
    for forecast, actual, lead, there, mae, rmse, bias in rows:
        found = forecasts.get((str(forecast), int(actual)))
        if found is not None:
            measures = {"mae": plain(mae), "rmse": plain(rmse), "bias": plain(bias)}
            found["by_lead"].append({"lead_days": int(lead), "predictions": int(there), **measures})


def _month(value: Any) -> str:
    return str(plain(value))[:7]


def _actuals(warehouse: Warehouse, ids: list[int]) -> list[dict[str, Any]]:
    """What came true, on the grid that each forecast is judged on: encoded, one an actual indicator."""
    if not warehouse.exists(ACTUALS):
        return []
    found = []
    for one_id in ids:
        rows = list(
            warehouse.rows(
                "select period_start_utc, min(period_end_utc), min(value)"
                f" from {warehouse.sql_name(ACTUALS)} where actual_indicator_id = ? and value is not null"
                " group by period_start_utc order by period_start_utc",
                (one_id,),
            )
        )
        if rows:
            starts, ends, values = zip(*rows, strict=True)
            first, last = (np.array(times, dtype="datetime64[s]") for times in (starts, ends))
            found.append({"id": one_id, "periods": encode_periods(first, last, np.array(values, dtype=np.float64))})
    return found
