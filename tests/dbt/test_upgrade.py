"""A warehouse of version 1.0 is continued by the next build: nothing is lost, and only entries are staged again."""

from __future__ import annotations

from typing import Any

from tests.warehouses.landed import DDL, Warehouse, body, entry, hours

DAY = ("2018-01-31 23:00", "2018-02-01 23:00")
HOURS = hours(DAY[0], 24)
URL = (
    "https://api.esios.ree.es/indicators/{id}?start_date=2018-02-01T00%3A00%3A00%2B01%3A00"
    "&end_date=2018-02-01T23%3A59%3A59%2B01%3A00&time_trunc=hour&time_agg=average&geo_ids%5B%5D={area}"
)
# As dbt made them at version 1.0, in the order of building.
TABLES_OF_1_0 = """
create schema staging_esios;
create schema quality_esios;
create table staging_esios.stg_esios__indicator_responses (response_id bigint, indicator_id integer,
    window_start_utc timestamp, window_end_utc timestamp, payload_sha256 varchar, run_id varchar,
    extracted_at_utc timestamp, indicator_name varchar, values_updated_at_utc timestamp);
create table staging_esios.stg_esios__response_values (response_id bigint, indicator_id integer, geo_id integer,
    datetime_text varchar, value_text varchar, period_start_utc timestamp, seconds_past_hour decimal(7, 3),
    value double, unusable_because varchar);
create table staging_esios.demand_forecast_publications (indicator_id integer not null, response_id bigint not null,
    published_at_utc timestamp not null);
create table demand_forecast_esios (name varchar, id integer, datetime timestamp, demand_forecast double,
    update_timestamp timestamp);
create view staging_esios.stg_esios__indicator_values as
    select response_id, indicator_id, period_start_utc, value from staging_esios.stg_esios__response_values;
"""
# What the build of version 1.0 had put into them.
ROWS_OF_1_0 = """
insert into staging_esios.stg_esios__indicator_responses
    select row_number() over (order by extracted_at_utc, indicator_id), indicator_id, window_start_utc, window_end_utc,
        payload_sha256, run_id, extracted_at_utc, payload ->> '$.indicator.name', null
    from raw_esios.indicator_responses;
insert into staging_esios.stg_esios__response_values
    select response_id, 460, 8741, '', '', timestamp '2018-01-31 23:00' + to_hours(hour), 0, 20000 + hour, null
    from staging_esios.stg_esios__indicator_responses, range(24) as hours (hour) where indicator_id = 460;
insert into demand_forecast_esios values ('by hand', 460, '2015-01-01', 5.5, '2015-01-01');
insert into demand_forecast_esios
    select 'the old name', 460, timestamp '2018-01-31 23:00' + to_hours(hour), 20000 + hour, '2019-01-01 10:00'
    from range(24) as hours (hour);
insert into staging_esios.demand_forecast_publications values (460, 1, '2019-01-01 10:05');
"""


def made_by_1_0(warehouse: Warehouse) -> None:
    """Two indicators landed and built."""
    warehouse.land(body([entry(hour, 20000.0 + n) for n, hour in enumerate(HOURS)], name="the old name"), window=DAY)
    prices = [entry(hour, 50.0, geo_id=3, geo_name="España") for hour in HOURS]
    warehouse.land(body(prices, indicator=600), window=DAY, indicator=600)
    for indicator, area in ((460, 8741), (600, 3)):
        url = URL.format(id=indicator, area=area)
        warehouse.execute(
            f"update raw_esios.indicator_responses set source_url = '{url}' where indicator_id = {indicator}"
        )
    warehouse.execute(TABLES_OF_1_0, ROWS_OF_1_0)


def staged(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.rows(
        """select response_id, indicator_id, run_id, asked_areas, asked_cadence
        from staging_esios.stg_esios__indicator_responses order by 1"""
    )


def test_a_warehouse_of_version_1_0_goes_on_with_the_next_build(warehouse: Warehouse) -> None:
    made_by_1_0(warehouse)
    before = warehouse.mart()
    warehouse.run()
    assert warehouse.mart() == before, "every row as it was"
    assert staged(warehouse) == [(1, 460, "run-1", ",8741,", "hour"), (2, 600, "run-1", ",3,", "hour")]
    versions = """select indicator_id, geo_id, count(*), min(value), max(version) from esios_value_versions
    group by all order by all"""
    assert warehouse.rows(versions) == [(460, 8741, 24, 20000.0, 1), (600, 3, 24, 50.0, 1)]
    assert warehouse.rows("select distinct geo_name, unit from esios_values where indicator_id = 600") == [
        ("España", "€/MWh")
    ]
    replaced = "select count(*) from duckdb_tables() where table_name = 'stg_esios__response_values'"
    assert warehouse.one(replaced) == 0, "a table that nothing fills any more is gone"
    # And it goes on: a revision under a new name, a rerun that changes nothing.
    warehouse.land(body([entry(HOURS[3], 1.0)], name="the new name"), window=DAY, extracted="2019-01-02 10:00", run="2")
    warehouse.run()
    assert [value for _, value in warehouse.mart()] == [5.5, 20000.0, 20001.0, 20002.0, 1.0, *range(20004, 20024)]
    names = "select name, count(*) from demand_forecast_esios group by name order by name"
    assert warehouse.rows(names) == [("by hand", 1), ("the new name", 24)]
    assert staged(warehouse)[2] == (3, 460, "2", None, None)


def test_more_responses_than_are_read_at_once_are_staged_into_the_columns_that_version_1_0_had(
    warehouse: Warehouse,
) -> None:
    made_by_1_0(warehouse)
    asked = URL.format(id=460, area=8741)
    payload = body([entry(HOURS[0], 1.0)], name="name", updated="2019-01-02T09:00:00.000Z")
    warehouse.execute(
        f"""insert into raw_esios.indicator_responses
        select 460, '{DAY[0]}', '{DAY[1]}', '{asked}', '{payload}', md5(number::varchar), 'later-' || number,
            timestamp '2019-01-01 10:00' + to_seconds((number // 700)::integer)
        from range(1300) as numbers (number)"""
    )
    warehouse.run("--select", "+stg_esios__response_entries")
    described = """select indicator_name, values_updated_at_utc::varchar, asked_areas, asked_cadence, count(*)
    from staging_esios.stg_esios__indicator_responses where run_id like 'later-%' group by all"""
    assert warehouse.rows(described) == [("name", "2019-01-02 09:00:00", ",8741,", "hour", 1300)]
    assert warehouse.one("select count(*) from staging_esios.stg_esios__response_entries") == 1300 + 48


def test_a_bare_dbt_build_goes_on_before_any_command_has_made_the_new_landing_table(warehouse: Warehouse) -> None:
    made_by_1_0(warehouse)
    before = warehouse.mart()
    warehouse.execute("drop table raw_esios.catalogue_entries")
    statuses = warehouse.dbt("build", "--exclude-resource-type", "unit_test")
    assert {name for name, status in statuses.items() if status in ("error", "fail", "skipped")} == set()
    assert warehouse.mart() == before
    assert warehouse.rows("select * from esios_catalogue") == []
    # As soon as there is one, the next build reads it.
    warehouse.execute((DDL / "raw_esios.catalogue_entries.sql").read_text("utf-8"))
    warehouse.execute("insert into raw_esios.catalogue_entries values (460, 'Previsión', '', '', '2026-11-27 11:00')")
    warehouse.run("--select", "+esios_catalogue")
    assert warehouse.one("select count(*) from esios_catalogue") == 1


def test_a_warehouse_of_version_1_0_that_was_never_built_is_built(warehouse: Warehouse) -> None:
    warehouse.land(body([entry(hour, 20000.0) for hour in HOURS]), window=DAY)
    warehouse.run()
    assert len(warehouse.mart()) == 24
