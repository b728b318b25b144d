"""A real DuckDB warehouse for the report, its tables filled by hand: same names and columns as the models, no dbt."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from extract.settings import Settings, load_settings

DDL = Path(__file__).resolve().parents[2] / "extract" / "warehouse" / "ddl" / "duckdb"
NAME = "Previsión diaria de la demanda eléctrica peninsular"
HOUR_PATTERN = "round(28000 + 6000 * sin(epoch(hour) / 13750.9871) + 1500 * cos(epoch(hour) / 96256.9) + 0.37, 2)"

BUILT = """
create schema if not exists staging_esios;
create schema if not exists quality_esios;
create table demand_forecast_esios
    (name varchar, id integer, datetime timestamp, demand_forecast double, update_timestamp timestamp);
create table quality_esios.demand_forecast_gaps
    (id integer, gap_start_utc timestamp, gap_end_utc timestamp, hours bigint);
create table quality_esios.demand_forecast_suspect_values
    (id integer, datetime timestamp, value double, reason varchar);
create table quality_esios.demand_forecast_withdrawn_hours (id integer, datetime timestamp, demand_forecast double,
    last_good_extracted_at_utc timestamp, withdrawn_at_utc timestamp);
create table staging_esios.stg_esios__rejected_values (response_id bigint, indicator_id integer, geo_id integer,
    period_start_utc timestamp, datetime_text varchar, value_text varchar, code varchar, run_id varchar,
    extracted_at_utc timestamp);
create table staging_esios.stg_esios__indicator_values (response_id bigint, indicator_id integer,
    indicator_name varchar, period_start_utc timestamp, value double, values_updated_at_utc timestamp,
    extracted_at_utc timestamp);
create table quality_esios.dbt_results (invocation_id varchar, command varchar, run_started_at_utc timestamp,
    node_id varchar, resource_type varchar, name varchar, status varchar, failures integer, execution_seconds double,
    message varchar);
create schema if not exists monitoring_esios;
create table monitoring_esios.forecast_accuracy_daily (forecast varchar, actual_indicator_id integer, madrid_day date,
    mae double, rmse double, mape double, smape double, bias double, persistence_mae double, coverage double,
    skill double, skill_28_days double, input_psi double, alert_level varchar, alerts varchar);
create table monitoring_esios.forecast_accuracy_by_hour (forecast varchar, actual_indicator_id integer,
    month_start date, clock_hour integer, mae double, bias double);
create table quality_esios.indicator_hours (indicator_id integer, period_start_utc timestamp, value double);
create table quality_esios.daily_quality (indicator_id integer, madrid_day date, verdict varchar, reasons varchar);
"""


class MadeWarehouse:
    """A DuckDB file. It is let go of whenever its `settings` are asked for."""

    def __init__(self, folder: Path, source: str | None = "simulated", built: bool = True) -> None:
        self.path = folder / "warehouse.duckdb"
        self._connection: duckdb.DuckDBPyConnection | None = None
        for file in sorted(DDL.glob("*.sql"), key=lambda file: len(file.stem)):
            self.execute(file.read_text("utf-8"))
        if built:
            self.execute(BUILT)
        if source:
            self.execute("insert into raw_esios.source values (?)", source)

    @property
    def settings(self) -> Settings:
        """How `esios` reaches this warehouse."""
        if self._connection:
            self._connection.close()
            self._connection = None
        return load_settings({"ESIOS_DUCKDB_PATH": str(self.path)}, self.path.with_name("no.env"))

    def execute(self, sql: str, *values: Any) -> duckdb.DuckDBPyConnection:
        if not self._connection:
            self._connection = duckdb.connect(str(self.path))
        return self._connection.execute(sql, list(values) if values else None)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.execute(sql, *values).fetchall()

    def publish(self, first: str, hours: int, name: str = NAME, indicator: int = 460) -> None:
        """Consecutive hours from `first` (UTC) in the table and in one staged answer."""
        end = f"timestamp '{first}' + interval ({hours}) hour"
        span = f"(select unnest(range(timestamp '{first}', {end}, interval 1 hour)) as hour)"
        self.execute(
            f"insert into demand_forecast_esios select ?, ?, hour, {HOUR_PATTERN}, hour - interval 5 hour from {span}",
            name,
            indicator,
        )
        self.execute(
            "insert into staging_esios.stg_esios__indicator_values"
            f" select 1, ?, ?, hour, {HOUR_PATTERN}, hour, timestamp '2000-01-01' from {span}",
            indicator,
            name,
        )

    def lose(self, first: str, hours: int, indicator: int = 460) -> None:
        """Take hours out of the table, and list the gap."""
        self.execute(
            "delete from demand_forecast_esios where id = ? and datetime >= ?"
            f" and datetime < cast(? as timestamp) + interval ({hours}) hour",
            indicator,
            first,
            first,
        )
        self.execute(
            "insert into quality_esios.demand_forecast_gaps"
            f" values (?, ?, cast(? as timestamp) + interval ({hours - 1}) hour, ?)",
            indicator,
            first,
            first,
            hours,
        )

    def revise(self, hour: str, value: float, received: str, response: int, indicator: int = 460) -> None:
        """A later answer with another value: staged and published."""
        self.execute(
            "insert into staging_esios.stg_esios__indicator_values values (?, ?, 'x', ?, ?, null, ?)",
            response,
            indicator,
            hour,
            value,
            received,
        )
        self.execute(
            "update demand_forecast_esios set demand_forecast = ? where id = ? and datetime = ?", value, indicator, hour
        )

    def suspect(self, hour: str, value: float, reason: str, indicator: int = 460) -> None:
        """A published hour that is not plausible."""
        self.execute(
            "update demand_forecast_esios set demand_forecast = ? where id = ? and datetime = ?", value, indicator, hour
        )
        self.execute(
            "insert into quality_esios.demand_forecast_suspect_values values (?, ?, ?, ?)",
            indicator,
            hour,
            value,
            reason,
        )

    def quarantine(self, hour: str | None, text: str, value: str | None, code: str, indicator: int = 460) -> None:
        """An entry of a response that is quarantined."""
        self.execute(
            "insert into staging_esios.stg_esios__rejected_values values (1, ?, 8741, ?, ?, ?, ?, 'run-1', now())",
            indicator,
            hour,
            text,
            value,
            code,
        )

    def judge(self, day: str, verdict: str, reasons: str | None, indicator: int = 460) -> None:
        """A judged Madrid day."""
        self.execute("insert into quality_esios.daily_quality values (?, ?, ?, ?)", indicator, day, verdict, reasons)

    def score(self, day: str, mae: float | None, level: str = "ok", alerts: str | None = None) -> None:
        """A Madrid day of the forecast `demand_forecast` against 1293, and the actual values of its hours."""
        self.execute(
            "insert into monitoring_esios.forecast_accuracy_daily"
            " values ('demand_forecast', 1293, ?, ?, 310.5, 0.0125, 0.0124, -55.5, 900, 1, 0.6, 0.55, 0.02, ?, ?)",
            day,
            mae,
            level,
            alerts,
        )
        self.execute(
            "insert into monitoring_esios.forecast_accuracy_by_hour"
            " select 'demand_forecast', 1293, date_trunc('month', cast(? as date)), hour, 200 + hour, hour - 12"
            " from (select unnest(range(24)) as hour) where not exists (select 1 from"
            " monitoring_esios.forecast_accuracy_by_hour where month_start = date_trunc('month', cast(? as date)))",
            day,
            day,
        )
        self.execute(
            "insert into quality_esios.indicator_hours select 1293, datetime, demand_forecast + 100.25"
            " from demand_forecast_esios where datetime >= cast(? as date) and datetime < cast(? as date) + 1",
            day,
            day,
        )

    def note_run(
        self, started: str, end: str | None = None, status: str = "succeeded", error: str | None = None, run: str = ""
    ) -> None:
        """A run of the extractor for indicator 460, ten seconds long; without end the series is kept up to date."""
        self.execute(
            "insert into raw_esios.extract_runs values"
            " (?, ?, cast(? as timestamp) + interval 10 second, ?, 460, '2018-01-01', ?, 8, 9, 1, 8, 3000000, ?)",
            run or started,
            started,
            started,
            status,
            end,
            error,
        )

    def check(self, checked: str, window: tuple[str, str] = ("2017-12-31 23:00", "2018-03-31 22:00")) -> None:
        """A window was answered."""
        self.execute(
            "insert into raw_esios.window_checks values (460, ?, ?, 'run-1', ?, repeat('0', 64))", *window, checked
        )


def at(text: str) -> datetime:
    """`2018-01-31 23:00` as a naive instant."""
    return datetime.fromisoformat(text)
