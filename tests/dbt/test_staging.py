"""Staging: what becomes of a response's entries, and in which order responses are numbered."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from tests.warehouses.landed import MADRID, Warehouse, body, entry, hours, utc
from tests.warehouses.project import with_entry

HOUR = utc("2018-02-01 11:00")


def rejected(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.rows(
        """select value_text, code from staging_esios.stg_esios__rejected_values
        order by response_id, value_text"""
    )


def accepted(warehouse: Warehouse) -> list[float]:
    return [
        row[0] for row in warehouse.rows("select value from staging_esios.stg_esios__indicator_values order by value")
    ]


def test_what_cannot_be_used_is_quarantined_with_its_code_and_the_rest_is_published(warehouse: Warehouse) -> None:
    late = [hour.astimezone(MADRID).isoformat() for hour in hours("2018-02-01 12:00", 4)]
    text = body(
        [
            entry(HOUR, 0.5, datetime="2018-02-01T11:00:00.000+01:00"),
            entry(HOUR, 1.0),
            entry(HOUR, -2.5, datetime=late[0]),
            entry(HOUR, "3e3", datetime=late[1]),
            entry(HOUR, None, datetime=late[2]),
            entry(HOUR, "NaN", datetime=late[2]),
            entry(HOUR, " 4", datetime=late[2]),
            entry(HOUR, [5], datetime=late[2]),
            entry(HOUR, True, datetime=late[2]),
            entry(HOUR, 61, datetime="2018-02-30T12:00:00.000+01:00"),
            entry(HOUR, 62, datetime="2018-02-01T12:00:00.000"),
            entry(HOUR, 63, datetime="yesterday"),
            entry(HOUR, 64, datetime=None),
            entry(HOUR, 71, datetime="2018-02-01T12:00:00.000+02:00"),
            entry(HOUR, 72, datetime="2018-02-01T12:00:00.000+99:00"),
            entry(HOUR, 81, datetime="2018-02-01T12:15:00.000+01:00"),
            entry(HOUR, 82, datetime="2018-02-01T12:00:00.001+01:00"),
            entry(HOUR, 91, geo_id=3),
            entry(HOUR, 92, geo_id="Península"),
        ]
    ).replace('"NaN"', "1e400")
    warehouse.land(text)
    warehouse.land(body([entry(HOUR, 95)], indicator=99999), indicator=99999)
    warehouse.dbt("run")
    assert accepted(warehouse) == [-2.5, 0.5, 3000.0]
    assert rejected(warehouse) == [
        (" 4", "value_not_number"),
        ("1.0", "period_in_parts"),
        ("1e400", "value_not_number"),
        ("61", "time_unreadable"),
        ("62", "time_unreadable"),
        ("63", "time_unreadable"),
        ("64", "time_unreadable"),
        ("71", "offset_contradicts"),
        ("72", "offset_contradicts"),
        ("81", "off_cadence"),
        ("82", "off_cadence"),
        ("[5]", "value_not_number"),
        ("true", "value_not_number"),
        (None, "value_null"),
        ("95", "not_registered"),
    ]
    assert warehouse.rows("from staging_esios.stg_esios__unregistered_areas order by geo_id") == [
        (460, -1, None, 1),
        (460, 3, None, 1),
    ]


def test_repeats_in_a_response_are_one_and_contradictions_disqualify_each_other(warehouse: Warehouse) -> None:
    one, two, three, four = hours("2018-02-01 11:00", 4)
    nowhere = {key: value for key, value in entry(three, 6.0).items() if key != "geo_id"}
    warehouse.land(
        body(
            [
                *[entry(one, 1.0), entry(one, 1.0), entry(one, 1)],
                *[entry(two, 2.0), entry(two, 3.0)],
                *[entry(three, 5.0), nowhere],
                *[entry(four, 7.0), entry(four, 8.0, geo_id=3), entry(four, None)],
            ]
        )
    )
    warehouse.run()
    assert [value for _, value in warehouse.mart()] == [1.0, 7.0]
    conflict = "two_values"
    assert rejected(warehouse) == [
        ("2.0", conflict),
        ("3.0", conflict),
        ("5.0", conflict),
        ("6.0", conflict),
        (None, "value_null"),
    ]


def test_an_entry_without_area_and_an_instant_in_utc_are_accepted(warehouse: Warehouse) -> None:
    nowhere = {key: value for key, value in entry(HOUR, 6.0).items() if key != "geo_id"}
    zulu = entry(HOUR, 7.0, geo_id=None, datetime="2018-02-01T12:00:00Z")
    warehouse.land(body([nowhere, zulu]))
    warehouse.run()
    assert warehouse.mart() == [("2018-02-01 11:00", 6.0), ("2018-02-01 12:00", 7.0)]


def test_a_response_that_is_not_json_is_named_and_stops_nothing(warehouse: Warehouse) -> None:
    warehouse.land("<html>maintenance</html>")
    warehouse.land(json.dumps({"indicator": {"id": 460, "values": [1, None]}}), run="run-2")
    warehouse.land(json.dumps({"indicator": {"id": 460}}), run="run-3")
    warehouse.land(body([entry(HOUR, 1.0)]), run="run-4")
    warehouse.run()
    assert warehouse.mart() == [("2018-02-01 11:00", 1.0)]
    assert (None, "time_unreadable") in rejected(warehouse)


def test_responses_are_numbered_without_holes_in_the_order_of_staging(warehouse: Warehouse) -> None:
    warehouse.land(body([]), extracted="2019-01-02 10:00", run="b")
    warehouse.land(body([]), extracted="2019-01-01 10:00", run="a")
    warehouse.run("--select", "+stg_esios__response_entries")
    warehouse.land(body([entry(HOUR, 1.0)]), extracted="2018-06-01 10:00", run="late")
    warehouse.land(body([entry(HOUR, 2.0)]), extracted="2019-01-03 10:00", run="c")
    warehouse.run("--select", "+stg_esios__response_entries")
    assert warehouse.rows(
        "select response_id, run_id from staging_esios.stg_esios__indicator_responses order by 1"
    ) == [
        (1, "a"),
        (2, "b"),
        (3, "late"),
        (4, "c"),
    ]
    assert warehouse.rows("select response_id, value from staging_esios.stg_esios__response_entries order by 1") == [
        (3, 1.0),
        (4, 2.0),
    ]


def test_more_responses_than_one_statement_opens_are_all_staged_in_order(warehouse: Warehouse) -> None:
    land = """insert into raw_esios.indicator_responses
        select
            460, timestamp '2017-12-31 23:00', timestamp '2018-03-31 22:00', 'https://api.esios.ree.es/x', payload,
            sha256(payload), 'run', timestamp '2019-01-01' + to_minutes(minute)
        from (
            select minute, '{"indicator":{"name":"m' || minute || '","values":[{"value":' || minute
                || ',"datetime":"2018-02-01T12:00:00+01:00","geo_id":8741}]}}' as payload
            from range({first}, {end}) as minutes (minute)
        )"""
    staged = """select responses.response_id, responses.indicator_name, entries.value
        from staging_esios.stg_esios__indicator_responses as responses
        inner join staging_esios.stg_esios__response_entries as entries using (response_id) order by 1"""
    for first, end in ((1, 1201), (1201, 2301)):  # a first build, and an increment
        warehouse.execute(land.replace("{first}", str(first)).replace("{end}", str(end)))
        warehouse.run("--select", "+stg_esios__response_entries")
    assert warehouse.rows(staged) == [(minute, f"m{minute}", float(minute)) for minute in range(1, 2301)]


def test_of_an_hour_that_comes_in_quarters_none_is_the_hour(warehouse: Warehouse) -> None:
    instants = ["2022-05-24T11:00", "2022-05-24T12:00", "2022-05-24T12:15", "2022-05-24T12:30", "2022-05-24T12:45"]
    warehouse.land(
        body([entry(HOUR, float(n), datetime=f"{text}:00.000+02:00") for n, text in enumerate(instants)]),
        window=("2022-05-24 09:00", "2022-05-24 11:00"),
        extracted="2022-06-01 10:00",
    )
    warehouse.run()
    assert warehouse.mart() == [("2022-05-24 09:00", 0.0)]
    assert rejected(warehouse) == [
        ("1.0", "period_in_parts"),
        ("2.0", "off_cadence"),
        ("3.0", "off_cadence"),
        ("4.0", "off_cadence"),
    ]
    assert warehouse.rows("select gap_start_utc::varchar, hours from quality_esios.demand_forecast_gaps") == [
        ("2022-05-24 10:00:00", 1)
    ]


def test_what_is_registered_later_needs_no_new_response(warehouse: Warehouse) -> None:
    hour, next_hour = hours("2018-05-01 10:00", 2)
    prices = [entry(hour, 50.0, geo_id=3, geo_name="España"), entry(hour, 51.0, geo_id=1, geo_name="Portugal")]
    quarter = entry(hour + timedelta(minutes=15), 49.0, geo_id=3, geo_name="España")
    warehouse.land(body([*prices, quarter, entry(next_hour, 52.0, geo_id=3)], indicator=600), indicator=600)
    versions = "select geo_id, period_start_utc::varchar, value from esios_value_versions order by 1, 2"

    def register(areas: list[int], cadence: str) -> list[tuple[Any, ...]]:
        manifest = with_entry(warehouse.manifest, 600, areas=areas, cadence=cadence)
        outcome = warehouse.invoke("run", "--select", "+esios_value_versions", manifest=manifest)
        assert outcome.success, outcome.exception
        return warehouse.rows(versions)

    assert register([3], "hour") == [(3, "2018-05-01 11:00:00", 52.0)]
    assert register([3, 1], "hour") == [(1, "2018-05-01 10:00:00", 51.0), (3, "2018-05-01 11:00:00", 52.0)]
    assert register([3], "fifteen_minutes") == [
        (3, "2018-05-01 10:00:00", 50.0),
        (3, "2018-05-01 10:15:00", 49.0),
        (3, "2018-05-01 11:00:00", 52.0),
    ]
    assert register([1], "hour") == [(1, "2018-05-01 10:00:00", 51.0)], "what is no value any more is none"


def test_more_responses_than_are_read_at_once_are_each_staged_once_whatever_instants_they_share(
    warehouse: Warehouse,
) -> None:
    # 500 at once: an instant has more than that, or lies across the end of a batch.
    land = """
    insert into raw_esios.indicator_responses
    select 460, '2018-01-01', '2019-01-01', 'url', '{{"indicator":{{"id":460,"values":[{{"value":' || number
        || ',"datetime":"' || strftime(timestamp '2018-01-01' + to_hours(number), '%Y-%m-%dT%H:%M:%SZ')
        || '","geo_id":8741}}]}}}}', md5(number::varchar), 'run-' || number, {instant}
    from range({first}, {end}) as numbers (number)
    """
    staged = """select count(*), min(response_id), max(response_id), count(distinct response_id), count(distinct run_id)
    from staging_esios.stg_esios__indicator_responses"""
    values = "select count(*), count(distinct value), sum(value) from staging_esios.stg_esios__response_entries"

    def assert_staged(count: int) -> None:
        warehouse.run("--select", "+stg_esios__response_entries")
        assert warehouse.rows(staged) == [(count, 1, count, count, count)]
        assert warehouse.rows(values) == [(count, count, sum(range(count)))]

    shared = "timestamp '2019-01-01' + to_seconds((number // 700)::integer)"
    warehouse.execute(land.format(first=0, end=1801, instant=shared))
    assert_staged(1801)
    # Then later ones, after some of the last instant that is staged and some of before it.
    warehouse.execute(
        land.format(first=1801, end=2401, instant="timestamp '2019-01-01 00:00:02'"),
        land.format(first=2401, end=2411, instant="timestamp '2018-06-01'"),
        land.format(first=2411, end=3700, instant=shared),
    )
    assert_staged(3700)
    assert_staged(3700)
