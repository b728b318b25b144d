"""Staging: what becomes of an answer's entries, and in which order answers are numbered."""

from __future__ import annotations

import json
from typing import Any

from landed_warehouse import MADRID, Warehouse, body, entry, hours, utc

HOUR = utc("2018-02-01 11:00")


def rejected(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.rows(
        """select value_text, rejected_because from staging_esios.stg_esios__rejected_values
        order by response_id, value_text"""
    )


def accepted(warehouse: Warehouse) -> list[float]:
    return [
        row[0] for row in warehouse.rows("select value from staging_esios.stg_esios__indicator_values order by value")
    ]


def test_what_cannot_be_used_is_put_aside_with_its_reason_and_the_rest_is_published(warehouse: Warehouse) -> None:
    late = [hour.astimezone(MADRID).isoformat() for hour in hours("2018-02-01 12:00", 4)]
    text = body(
        [
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
    assert accepted(warehouse) == [-2.5, 1.0, 3000.0]
    assert rejected(warehouse) == [
        (" 4", "the value is not a number"),
        ("1e400", "the value is not a number"),
        ("61", "the time cannot be read"),
        ("62", "the time cannot be read"),
        ("63", "the time cannot be read"),
        ("64", "the time cannot be read"),
        ("71", "the offset contradicts Europe/Madrid"),
        ("72", "the offset contradicts Europe/Madrid"),
        ("81", "the instant is off the cadence"),
        ("82", "the instant is off the cadence"),
        ("91", "the area is not registered"),
        ("92", "the area is not registered"),
        ("[5]", "the value is not a number"),
        ("true", "the value is not a number"),
        (None, "the value is null"),
        ("95", "the indicator is not registered"),
    ]


def test_repeats_in_an_answer_are_one_and_contradictions_disqualify_each_other(warehouse: Warehouse) -> None:
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
    conflict = "two values for one hour in one answer"
    assert rejected(warehouse) == [
        ("2.0", conflict),
        ("3.0", conflict),
        ("5.0", conflict),
        ("6.0", conflict),
        ("8.0", "the area is not registered"),
        (None, "the value is null"),
    ]


def test_an_entry_without_area_and_an_instant_in_utc_are_accepted(warehouse: Warehouse) -> None:
    nowhere = {key: value for key, value in entry(HOUR, 6.0).items() if key != "geo_id"}
    zulu = entry(HOUR, 7.0, geo_id=None, datetime="2018-02-01T12:00:00Z")
    warehouse.land(body([nowhere, zulu]))
    warehouse.run()
    assert warehouse.mart() == [("2018-02-01 11:00", 6.0), ("2018-02-01 12:00", 7.0)]


def test_an_answer_that_is_no_json_is_named_and_stops_nothing(warehouse: Warehouse) -> None:
    warehouse.land("<html>maintenance</html>")
    warehouse.land(json.dumps({"indicator": {"id": 460, "values": [1, None]}}), run="run-2")
    warehouse.land(json.dumps({"indicator": {"id": 460}}), run="run-3")
    warehouse.land(body([entry(HOUR, 1.0)]), run="run-4")
    warehouse.run()
    assert warehouse.mart() == [("2018-02-01 11:00", 1.0)]
    assert (None, "the time cannot be read") in rejected(warehouse)


def test_answers_are_numbered_without_holes_in_the_order_of_staging(warehouse: Warehouse) -> None:
    warehouse.land(body([]), extracted="2019-01-02 10:00", run="b")
    warehouse.land(body([]), extracted="2019-01-01 10:00", run="a")
    warehouse.run("--select", "+stg_esios__response_values")
    warehouse.land(body([entry(HOUR, 1.0)]), extracted="2018-06-01 10:00", run="late")
    warehouse.land(body([entry(HOUR, 2.0)]), extracted="2019-01-03 10:00", run="c")
    warehouse.run("--select", "+stg_esios__response_values")
    assert warehouse.rows(
        "select response_id, run_id from staging_esios.stg_esios__indicator_responses order by 1"
    ) == [
        (1, "a"),
        (2, "b"),
        (3, "late"),
        (4, "c"),
    ]
    assert warehouse.rows("select response_id, value from staging_esios.stg_esios__response_values order by 1") == [
        (3, 1.0),
        (4, 2.0),
    ]


def test_a_change_to_quarter_hours_leaves_one_value_an_hour(warehouse: Warehouse) -> None:
    instants = ["2022-05-24T11:00", "2022-05-24T12:00", "2022-05-24T12:15", "2022-05-24T12:30", "2022-05-24T12:45"]
    warehouse.land(
        body([entry(HOUR, float(n), datetime=f"{text}:00.000+02:00") for n, text in enumerate(instants)]),
        window=("2022-03-31 22:00", "2022-06-30 22:00"),
    )
    warehouse.run()
    assert warehouse.mart() == [("2022-05-24 09:00", 0.0), ("2022-05-24 10:00", 1.0)]
    assert len(rejected(warehouse)) == 3
