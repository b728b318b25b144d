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
create table esios_value_versions (indicator_id integer, geo_id integer, period_start_utc timestamp,
    period_end_utc timestamp, version integer, value double, known_from_utc timestamp);
create table names (indicator_id integer, geo_id integer, name varchar, geo_name varchar, unit varchar);
create view esios_values as select indicator_id, name, geo_id, geo_name, period_start_utc, period_end_utc, value, unit
    from esios_value_versions join names using (indicator_id, geo_id)
    qualify row_number() over (partition by indicator_id, geo_id, period_start_utc order by version desc) = 1;
create table quality_esios.quality_findings (indicator_id integer, geo_id integer, first_period_utc timestamp,
    last_period_utc timestamp, periods integer, code varchar, severity varchar, number double);
create table quality_esios.period_findings (indicator_id integer, geo_id integer, madrid_day date, periods integer,
    code varchar, number double);
create table quality_esios.period_checks (indicator_id integer, geo_id integer, period_start_utc timestamp,
    period_end_utc timestamp, value double, out_of_range double, spike double, step double, withdrawn_at_utc timestamp,
    has_finding integer);
create table lost (indicator_id integer, geo_id integer, period_start_utc timestamp);
create table verdicts (indicator_id integer, geo_id integer, madrid_day date, verdict varchar);
create view quality_esios.daily_quality as
    with counted as (
        select indicator_id, geo_id, 1 as there, 0 as missing,
            ((period_start_utc at time zone 'UTC') at time zone 'Europe/Madrid')::date as madrid_day from esios_values
        union all
        select indicator_id, geo_id, 0, 1,
            ((period_start_utc at time zone 'UTC') at time zone 'Europe/Madrid')::date from lost
        union all select indicator_id, geo_id, 0, 0, madrid_day from verdicts
    ), days as (
        select indicator_id, geo_id, madrid_day, sum(there) as values_there, sum(missing) as missing_periods
        from counted group by all
    )
    select days.*, values_there + missing_periods as periods_due, coalesce(verdict, 'good') as verdict
    from days left join verdicts using (indicator_id, geo_id, madrid_day);
create table staging_esios.stg_esios__rejected_values (response_id bigint, indicator_id integer, geo_id integer,
    geo_name varchar, period_start_utc timestamp, datetime_text varchar, value_text varchar, code varchar,
    run_id varchar, extracted_at_utc timestamp, is_superseded integer);
create table staging_esios.stg_esios__unregistered_areas (indicator_id integer, geo_id integer, geo_name varchar,
    entries bigint);
create table quality_esios.dbt_results (invocation_id varchar, command varchar, run_started_at_utc timestamp,
    node_id varchar, resource_type varchar, name varchar, status varchar, failures integer, execution_seconds double,
    message varchar);
create schema if not exists monitoring_esios;
create table monitoring_esios.forecast_accuracy_daily (forecast varchar, actual_indicator_id integer, madrid_day date,
    mae double, rmse double, mape double, smape double, bias double, persistence_mae double, coverage double,
    skill double, skill_28_days double, input_psi double, alert_level varchar,
    hours_due integer, predictions_missing integer, inaccurate double, inaccurate_limit double, biased double,
    unskilled double, predictions_late integer, drifting double);
create table monitoring_esios.forecast_accuracy_by_hour (forecast varchar, actual_indicator_id integer,
    month_start date, clock_hour integer, mae double, bias double);
create table monitoring_esios.forecast_actuals (forecast varchar, actual_indicator_id integer,
    period_start_utc timestamp, period_end_utc timestamp, value double);
create table monitoring_esios.forecast_error_by_lead (forecast varchar, actual_indicator_id integer, lead_days integer,
    predictions_there integer, mae double, rmse double, bias double);
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

    def publish(
        self, first: str, periods: int, name: str = NAME, indicator: int = 460, geo: int = 8741, seconds: int = 3600
    ) -> None:
        """Consecutive periods from `first` (UTC), hours unless given otherwise; those of 460 are in the table too."""
        end = f"timestamp '{first}' + interval ({periods * seconds}) second"
        span = f"(select unnest(range(timestamp '{first}', {end}, interval ({seconds}) second)) as hour)"
        if indicator == 460:
            self.execute(
                f"insert into demand_forecast_esios select ?, ?, hour, {HOUR_PATTERN}, hour - interval 5 hour"
                f" from {span}",
                name,
                indicator,
            )
        self.execute(
            f"insert into esios_value_versions select ?, ?, hour, hour + interval ({seconds}) second, 1,"
            f" {HOUR_PATTERN}, timestamp '2000-01-01' from {span}",
            indicator,
            geo,
        )
        unit = "€/MWh" if indicator == 600 else "MW"
        self.execute("delete from names where indicator_id = ? and geo_id = ?", indicator, geo)
        self.execute("insert into names values (?, ?, ?, ?, ?)", indicator, geo, name, f"Area {geo}", unit)

    def lose(self, first: str, hours: int, indicator: int = 460) -> None:
        """Take hours out, and list the gap."""
        span = (indicator, first, first)
        of_span = f">= cast(? as timestamp) and {{}} < cast(? as timestamp) + interval ({hours}) hour"
        for table, column in (("demand_forecast_esios", "datetime"), ("esios_value_versions", "period_start_utc")):
            key = "id" if column == "datetime" else "indicator_id"
            self.execute(f"delete from {table} where {key} = ? and {column} {of_span.format(column)}", *span)
        end = f"cast(? as timestamp) + interval ({hours - 1}) hour"
        self.execute(
            f"insert into lost select ?, 8741, unnest(range(cast(? as timestamp), {end} + interval 1 second,"
            " interval 1 hour))",
            *span,
        )
        self.execute(
            f"insert into quality_esios.quality_findings values (?, 8741, ?, {end}, ?, 'missing', 'bad', ?)",
            *span,
            hours,
            float(hours),
        )

    def revise(self, hour: str, value: float, received: str, indicator: int = 460) -> None:
        """A later response with another value: a version more, published."""
        self.execute(
            "insert into esios_value_versions select indicator_id, geo_id, period_start_utc, period_end_utc,"
            " version + 1, ?, ? from esios_value_versions where indicator_id = ? and period_start_utc = ?"
            " order by version desc limit 1",
            value,
            received,
            indicator,
            hour,
        )
        self.execute(
            "update demand_forecast_esios set demand_forecast = ? where id = ? and datetime = ?", value, indicator, hour
        )

    def suspect(self, hour: str, value: float, code: str, indicator: int = 460) -> None:
        """A published hour that is not plausible."""
        self.execute(
            "update demand_forecast_esios set demand_forecast = ? where id = ? and datetime = ?", value, indicator, hour
        )
        self.execute(
            "update esios_value_versions set value = ? where indicator_id = ? and period_start_utc = ?",
            value,
            indicator,
            hour,
        )
        self.execute(
            "insert into quality_esios.period_checks select ?, 8741, ?, cast(? as timestamp) + interval 1 hour, ?,"
            " case when ? = 'out_of_range' then 1 end, case when ? = 'spike' then 1 end,"
            " case when ? = 'step' then 1 end, null, 1",
            *(indicator, hour, hour, value, code, code, code),
        )

    def quarantine(self, hour: str | None, text: str, value: str | None, code: str, indicator: int = 460) -> None:
        """An entry of a response that is in quarantine."""
        self.execute(
            "insert into staging_esios.stg_esios__rejected_values"
            " values (1, ?, 8741, null, ?, ?, ?, ?, 'run-1', now(), 0)",
            *(indicator, hour, text, value, code),
        )

    def judge(
        self, day: str, verdict: str, findings: tuple[tuple[str, int, float], ...] = (), indicator: int = 460
    ) -> None:
        """A judged Madrid day, with (code, periods, number) of each kind of finding."""
        self.execute("insert into verdicts values (?, 8741, ?, ?)", indicator, day, verdict)
        for code, periods, number in findings:
            self.execute(
                "insert into quality_esios.period_findings values (?, 8741, ?, ?, ?, ?)",
                *(indicator, day, periods, code, number),
            )

    def score(self, day: str, mae: float | None, level: str = "ok", **alerts: float) -> None:
        """A Madrid day of the forecast `demand_forecast` against 1293, and the actual values of its hours."""
        self.execute(
            "insert into monitoring_esios.forecast_accuracy_daily by name select 'demand_forecast' as forecast,"
            " 1293 as actual_indicator_id, ? as madrid_day, ? as mae, 310.5 as rmse, 0.0125 as mape, 0.0124 as smape,"
            " -55.5 as bias, 900 as persistence_mae, 1 as coverage, 0.6 as skill, 0.55 as skill_28_days,"
            " 0.02 as input_psi, ? as alert_level, 24 as hours_due"
            + "".join(f", {number} as {code}" for code, number in alerts.items()),
            day,
            mae,
            level,
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
            "insert into monitoring_esios.forecast_actuals"
            " select 'demand_forecast', 1293, datetime, datetime + interval 1 hour, demand_forecast + 100.25"
            " from demand_forecast_esios where datetime >= cast(? as date) and datetime < cast(? as date) + 1",
            day,
            day,
        )

    def note_run(
        self, started: str, end: str | None = None, status: str = "succeeded", error: str | None = None, run: str = ""
    ) -> None:
        """A run of the extractor for indicator 460, ten seconds long; without end the series is followed."""
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
        """A response for a window came."""
        self.execute(
            "insert into raw_esios.window_checks values (460, ?, ?, 'run-1', ?, repeat('0', 64))", *window, checked
        )


def at(text: str) -> datetime:
    """`2018-01-31 23:00` as a naive instant."""
    return datetime.fromisoformat(text)
