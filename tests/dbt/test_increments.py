"""An incremental run says in its SQL, in plain numbers, where it starts: it never reads history to find out."""

from __future__ import annotations

from tests.warehouses.landed import Warehouse, body, entry, hours

DAY = hours("2018-01-31 23:00", 3)


def compiled(warehouse: Warehouse, model: str) -> str:
    [file] = (warehouse.folder / "target" / "compiled").rglob(f"{model}.sql")
    return file.read_text("utf-8")


def test_an_increment_starts_where_the_last_one_ended(warehouse: Warehouse) -> None:
    warehouse.land(body([entry(hour, 1.0) for hour in DAY]))
    warehouse.run_for("daily_measures", "demand_forecast_esios")
    warehouse.land(body([entry(DAY[1], 2.0)]), extracted="2019-01-02 10:00", run="run-2")
    warehouse.run_for("daily_measures", "demand_forecast_esios")
    answers = compiled(warehouse, "stg_esios__indicator_responses")
    assert "landed.extracted_at_utc > timestamp '2019-01-01 10:00:00.000000'" in answers
    entries = compiled(warehouse, "stg_esios__response_entries")
    assert "staged.response_id between 2 and 2" in entries
    instant = "timestamp '2019-01-02 10:00:00.000000'"
    assert f"landed.extracted_at_utc between {instant} and {instant}" in entries
    for model in ("esios_value_versions", "due_days"):
        assert "(staged.response_id > 1 and staged.indicator_id in (460))" in compiled(warehouse, model)
    assert "(versions.last_response_id > 1 and versions.indicator_id in (460))" in compiled(warehouse, "period_checks")
    mart = compiled(warehouse, "demand_forecast_esios")
    assert "(versions.last_response_id > 1 and versions.indicator_id in (460))" in mart
    assert [value for _, value in warehouse.mart()] == [1.0, 2.0, 1.0]


def test_where_nothing_is_new_nothing_is_read(warehouse: Warehouse) -> None:
    warehouse.land(body([entry(hour, 1.0) for hour in DAY]))
    warehouse.run_for("daily_measures", "demand_forecast_esios")
    warehouse.run_for("daily_measures", "demand_forecast_esios")
    staging = ("stg_esios__indicator_responses", "stg_esios__response_entries")
    judging = ("due_days", "period_checks", "week_checks")
    for model in (*staging, "esios_value_versions", "demand_forecast_esios", *judging):
        assert "1 = 0" in compiled(warehouse, model)


def test_all_keys_are_compared_only_after_a_response_that_was_committed_late(warehouse: Warehouse) -> None:
    warehouse.land(body([entry(DAY[0], 1.0)]), extracted="2019-01-03 10:00")
    warehouse.run_for("demand_forecast_esios")
    warehouse.land(body([entry(DAY[1], 2.0)]), extracted="2015-01-01 10:00", run="late")
    warehouse.land(body([entry(DAY[2], 3.0)]), extracted="2019-01-04 10:00", run="in time")
    warehouse.run_for("demand_forecast_esios")
    assert "not exists" in compiled(warehouse, "stg_esios__indicator_responses")
    assert [value for _, value in warehouse.mart()] == [1.0, 2.0, 3.0]
    warehouse.run_for("demand_forecast_esios")
    assert "not exists" not in compiled(warehouse, "stg_esios__indicator_responses")
