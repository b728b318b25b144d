"""demand_forecast_esios: what a run adds, what it never loses."""

from __future__ import annotations

import json

from tests.warehouses.landed import NAME, Warehouse, body, entry, hours, utc

DAY = hours("2018-01-31 23:00", 24)
# A quarter of the models: what the table is made of, and what is made of it alone.
PUBLISHED = ("--select", "+demand_forecast_esios_local")


def publish(warehouse: Warehouse, *options: str) -> None:
    """Bring the published table up to date."""
    warehouse.run(*PUBLISHED, *options)


def test_a_fresh_warehouse_with_empty_landing_builds_and_stays_empty(warehouse: Warehouse) -> None:
    for _ in range(2):
        warehouse.run()
        assert warehouse.mart() == []


def test_dbt_run_alone_publishes_the_landed_hours_with_the_five_columns(warehouse: Warehouse) -> None:
    warehouse.land(
        body([entry(hour, 20000.0 + n) for n, hour in enumerate(DAY)], updated="2018-02-01T06:37:31.900+01:00")
    )
    publish(warehouse)
    columns = warehouse.rows(
        "select column_name, data_type from information_schema.columns where table_name = 'demand_forecast_esios'"
    )
    assert columns == [
        ("name", "VARCHAR"),
        ("id", "INTEGER"),
        ("datetime", "TIMESTAMP"),
        ("demand_forecast", "DOUBLE"),
        ("update_timestamp", "TIMESTAMP"),
    ]
    assert warehouse.rows(
        """select name, id, datetime::varchar, demand_forecast, update_timestamp::varchar from demand_forecast_esios
        order by datetime limit 1"""
    ) == [(NAME, 460, "2018-01-31 23:00:00", 20000.0, "2018-02-01 05:37:31")]
    assert len(warehouse.mart()) == 24


def test_the_update_time_is_the_extraction_where_the_response_gives_none(warehouse: Warehouse) -> None:
    warehouse.land(body([entry(DAY[0], 1.0)]), extracted="2019-01-01 10:00:01.999")
    publish(warehouse)
    assert warehouse.one("select update_timestamp::varchar from demand_forecast_esios") == "2019-01-01 10:00:01"


def test_a_rerun_adds_and_changes_nothing(warehouse: Warehouse) -> None:
    warehouse.land(body([entry(hour, 20000.0) for hour in DAY]))
    publish(warehouse)
    tables = (
        "demand_forecast_esios",
        "staging_esios.stg_esios__indicator_responses",
        "staging_esios.stg_esios__response_entries",
        "staging_esios.demand_forecast_publications",
    )
    before = [sorted(warehouse.rows(f"from {table}")) for table in tables]
    publish(warehouse)
    assert [sorted(warehouse.rows(f"from {table}")) for table in tables] == before
    assert [len(rows) for rows in before] == [24, 1, 24, 1]


def test_a_late_revision_of_an_old_hour_replaces_it_and_only_it(warehouse: Warehouse) -> None:
    warehouse.land(body([entry(hour, 20000.0) for hour in DAY]))
    publish(warehouse)
    warehouse.land(body([entry(DAY[5], 25000.0)]), extracted="2019-06-01 10:00", run="run-2")
    publish(warehouse)
    assert [value for _, value in warehouse.mart()] == [20000.0] * 5 + [25000.0] + [20000.0] * 18


NAMES = "select name, count(*) from demand_forecast_esios group by name order by name"


def test_a_rename_renames_every_row_of_the_id_and_no_row_from_before_dbt(warehouse: Warehouse) -> None:
    warehouse.execute(
        """create table demand_forecast_esios (name varchar, id integer, datetime timestamp, demand_forecast double,
        update_timestamp timestamp)""",
        "insert into demand_forecast_esios values ('by hand', 460, '2015-01-01', 5.5, '2015-01-01')",
    )
    warehouse.land(body([entry(hour, 20000.0) for hour in DAY], name="first"), extracted="2019-01-02 10:00")
    publish(warehouse)
    assert warehouse.rows(NAMES) == [("by hand", 1), ("first", 24)]
    # Extracted earlier and landed later: its name is the older one.
    warehouse.land(body([entry(DAY[0], 1.0)], name="older"), extracted="2019-01-01 10:00", run="late")
    publish(warehouse)
    assert warehouse.rows(NAMES) == [("by hand", 1), ("first", 24)]
    # A response without any value, or with one: the newest name counts either way, and for all rows.
    warehouse.land(body([], name="second"), extracted="2019-01-03 10:00", run="empty")
    publish(warehouse)
    assert warehouse.rows(NAMES) == [("by hand", 1), ("second", 24)]
    warehouse.land(body([entry(DAY[5], 25000.0)], name="third"), extracted="2019-01-04 10:00", run="revised")
    publish(warehouse)
    assert warehouse.rows(NAMES) == [("by hand", 1), ("third", 24)]
    log = warehouse.rows("select response_id from staging_esios.demand_forecast_publications order by 1")
    warehouse.run_for("demand_forecast_esios", "esios_values")
    assert warehouse.rows(NAMES) == [("by hand", 1), ("third", 24)]
    assert warehouse.rows("select response_id from staging_esios.demand_forecast_publications order by 1") == log
    assert [row[0] for row in warehouse.rows("select distinct name from esios_values")] == ["third"]


def test_a_response_without_a_name_renames_nothing(warehouse: Warehouse) -> None:
    warehouse.land(body([entry(hour, 20000.0) for hour in DAY], name="first"))
    publish(warehouse)
    nameless = json.loads(body([entry(DAY[0], 1.0)]))
    del nameless["indicator"]["name"]
    warehouse.land(json.dumps(nameless), extracted="2019-01-04 10:00", run="nameless")
    publish(warehouse)
    assert warehouse.rows(NAMES) == [("first", 24)]


def test_a_response_committed_late_is_staged_but_does_not_beat_a_newer_one(warehouse: Warehouse) -> None:
    warehouse.land(body([entry(DAY[0], 1.0)]), extracted="2019-01-02 10:00")
    publish(warehouse)
    warehouse.land(body([entry(DAY[0], 2.0), entry(DAY[1], 3.0)]), extracted="2019-01-01 10:00", run="slow")
    publish(warehouse)
    assert warehouse.mart() == [("2018-01-31 23:00", 1.0), ("2018-02-01 00:00", 3.0)]
    assert warehouse.rows(
        "select response_id, run_id from staging_esios.stg_esios__indicator_responses order by 1"
    ) == [(1, "run-1"), (2, "slow")]


def test_a_table_made_before_dbt_keeps_its_rows_and_its_types(warehouse: Warehouse) -> None:
    warehouse.execute(
        """create table demand_forecast_esios (update_timestamp timestamp_s, name varchar(100), id bigint,
        datetime timestamp_s, demand_forecast float, primary key (id, datetime))""",
        "insert into demand_forecast_esios values ('2015-01-01', 'by hand', 460, '2015-01-01 00:00:00', 5.5)",
        "insert into demand_forecast_esios values ('2015-01-01', 'by hand', 460, '2018-01-31 23:00:00', 6.5)",
    )
    warehouse.land(body([entry(DAY[0], 1.0), entry(DAY[1], 2.0)]))
    publish(warehouse)
    assert warehouse.mart() == [("2015-01-01 00:00", 5.5), ("2018-01-31 23:00", 1.0), ("2018-02-01 00:00", 2.0)]
    warehouse.land(body([entry(DAY[1], 3.0)]), extracted="2019-01-02 10:00", run="run-2")
    publish(warehouse)
    assert warehouse.mart()[2] == ("2018-02-01 00:00", 3.0)
    assert (
        warehouse.one(
            """select data_type from information_schema.columns
            where table_name = 'demand_forecast_esios' and column_name = 'id'"""
        )
        == "BIGINT"
    )


def test_a_run_that_fails_at_the_mart_loses_nothing_and_the_next_one_catches_up(warehouse: Warehouse) -> None:
    warehouse.execute(
        """create table demand_forecast_esios (name varchar, id int, datetime timestamp, demand_forecast decimal(7, 1),
        update_timestamp timestamp)"""
    )
    warehouse.land(body([entry(hour, 20000.0) for hour in DAY]))
    publish(warehouse)
    warehouse.land(body([entry(DAY[0], 21000.0), entry(DAY[1], 1e12)]), extracted="2019-01-02 10:00", run="run-2")
    assert warehouse.dbt("run", *PUBLISHED)["demand_forecast_esios"] == "error"
    assert [float(value) for _, value in warehouse.mart()] == [20000.0] * 24
    warehouse.execute("alter table demand_forecast_esios alter demand_forecast type double")
    publish(warehouse)
    assert [value for _, value in warehouse.mart()] == [21000.0, 1e12] + [20000.0] * 22


def test_rows_and_watermark_are_one_transaction(warehouse: Warehouse) -> None:
    warehouse.land(body([entry(DAY[0], 1.0)]))
    publish(warehouse)
    log = "staging_esios.demand_forecast_publications"
    warehouse.execute(
        f"drop table {log}",
        f"create table {log} (indicator_id int, response_id int check (response_id < 2), published_at_utc timestamp)",
        f"insert into {log} values (460, 1, '2019-01-01')",
    )
    warehouse.land(body([entry(DAY[1], 2.0)]), extracted="2019-01-02 10:00", run="run-2")
    assert warehouse.dbt("run", *PUBLISHED)["demand_forecast_esios"] == "error"
    assert warehouse.mart() == [("2018-01-31 23:00", 1.0)]
    warehouse.execute(f"drop table {log}")
    publish(warehouse)
    assert warehouse.mart() == [("2018-01-31 23:00", 1.0), ("2018-02-01 00:00", 2.0)]


def test_a_run_of_staging_alone_is_published_by_the_next_run(warehouse: Warehouse) -> None:
    warehouse.land(body([entry(DAY[0], 1.0)]))
    warehouse.run_for("demand_forecast_esios")
    warehouse.land(body([entry(DAY[1], 2.0)]), extracted="2019-01-02 10:00", run="run-2")
    warehouse.run("--select", "stg_esios__indicator_responses")
    warehouse.run("--select", "demand_forecast_esios")
    assert len(warehouse.mart()) == 1
    warehouse.run_for("demand_forecast_esios")
    assert len(warehouse.mart()) == 2


def test_a_table_emptied_or_dropped_by_hand_is_filled_again(warehouse: Warehouse) -> None:
    warehouse.land(body([entry(hour, 20000.0) for hour in DAY]))
    publish(warehouse)
    warehouse.execute("delete from demand_forecast_esios")
    publish(warehouse)
    assert len(warehouse.mart()) == 24
    warehouse.execute("drop table demand_forecast_esios")
    publish(warehouse)
    assert len(warehouse.mart()) == 24


def test_republish_brings_back_rows_deleted_by_hand(warehouse: Warehouse) -> None:
    warehouse.land(body([entry(hour, 20000.0) for hour in DAY]))
    publish(warehouse)
    warehouse.execute("delete from demand_forecast_esios where datetime > '2018-02-01 03:00'")
    publish(warehouse)
    assert len(warehouse.mart()) == 5
    publish(warehouse, "--vars", "{republish: true}")
    assert len(warehouse.mart()) == 24


def test_a_full_refresh_neither_drops_the_table_nor_renumbers_the_responses(warehouse: Warehouse) -> None:
    warehouse.land(body([entry(DAY[0], 1.0)]), extracted="2019-01-02 10:00")
    warehouse.run()
    warehouse.execute("insert into demand_forecast_esios values ('by hand', 460, '2015-01-01', 5.5, '2015-01-01')")
    warehouse.land(body([entry(DAY[1], 2.0)]), extracted="2019-01-01 10:00", run="slow")
    warehouse.run("--full-refresh")
    assert [value for _, value in warehouse.mart()] == [5.5, 1.0, 2.0]
    assert warehouse.rows(
        "select response_id, run_id from staging_esios.stg_esios__indicator_responses order by 1"
    ) == [(1, "run-1"), (2, "slow")]


def test_an_hour_that_a_later_response_withdraws_keeps_its_value_and_is_named(warehouse: Warehouse) -> None:
    warehouse.land(body([entry(hour, 20000.0) for hour in DAY[:4]]))
    warehouse.run_for("no_withdrawn_hours", "demand_forecast_esios")
    assert warehouse.test("no_withdrawn_hours") == "pass"
    warehouse.land(
        body([entry(DAY[0], 21000.0), entry(DAY[1], None), entry(DAY[2], "n/d")]),
        extracted="2019-01-02 10:00",
        run="run-2",
    )
    warehouse.run_for("no_withdrawn_hours", "demand_forecast_esios")
    assert [value for _, value in warehouse.mart()] == [21000.0, 20000.0, 20000.0, 20000.0]
    assert warehouse.rows(
        """select datetime::varchar, withdrawn_at_utc::varchar from quality_esios.demand_forecast_withdrawn_hours
        order by 1"""
    ) == [(f"2018-02-01 0{n}:00:00", "2019-01-02 10:00:00") for n in range(3)]
    assert warehouse.test("no_withdrawn_hours") == "warn"


def test_a_withdrawal_is_seen_across_windows_of_different_size_and_undone_by_a_newer_response(
    warehouse: Warehouse,
) -> None:
    short = ("2018-01-31 23:00", "2018-02-01 23:00")
    warehouse.land(body([entry(hour, 20000.0) for hour in DAY]))
    warehouse.land(
        body([entry(hour, 20000.0) for hour in DAY[1:]]), window=short, extracted="2019-01-02 10:00", run="run-2"
    )
    warehouse.run_for("no_withdrawn_hours", "demand_forecast_esios")
    withdrawn = "select datetime from quality_esios.demand_forecast_withdrawn_hours"
    assert warehouse.rows(withdrawn) == [(utc("2018-01-31 23:00").replace(tzinfo=None),)]
    warehouse.land(body([entry(hour, 20001.0) for hour in DAY]), extracted="2019-01-03 10:00", run="run-3")
    warehouse.run_for("no_withdrawn_hours", "demand_forecast_esios")
    assert warehouse.rows(withdrawn) == []


def test_only_indicators_with_the_role_of_a_demand_forecast_are_published(warehouse: Warehouse) -> None:
    warehouse.land(body([entry(DAY[0], 50.0, geo_id=3)], indicator=600), indicator=600)
    warehouse.land(body([entry(DAY[0], 30000.0)], indicator=1293), indicator=1293)
    warehouse.run_for("demand_forecast_esios", "stg_esios__indicator_values")
    assert warehouse.mart() == []
    assert warehouse.one("select count(*) from staging_esios.stg_esios__indicator_values") == 2


def test_the_local_view_distinguishes_the_two_autumn_hours(warehouse: Warehouse) -> None:
    warehouse.land(
        body([entry(hour, 1.0) for hour in hours("2018-10-27 22:00", 25)]),
        window=("2018-09-30 22:00", "2018-12-31 23:00"),
    )
    publish(warehouse)
    rows = warehouse.rows(
        """select hour_of_day, strftime(datetime_local, '%d %H:%M'), utc_offset from demand_forecast_esios_local
        order by datetime"""
    )
    assert [row[0] for row in rows] == list(range(1, 26))
    assert rows[2:4] == [(3, "28 02:00", "+02:00"), (4, "28 02:00", "+01:00")]
