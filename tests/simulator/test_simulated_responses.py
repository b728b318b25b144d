"""What the simulated ESIOS sends over HTTP: the recorded shape, and each trap of the real API."""

from __future__ import annotations

import json
import os
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

import simulator
from simulator import catalogue


def instants(values):
    return [value["tz_time"] for value in values]


def numbers(values):
    return [value["value"] for value in values]


# --- the shape --------------------------------------------------------------------------------------------------------


def test_the_body_has_exactly_the_recorded_shape(esios):
    response = esios.get(
        start_date="2017-01-01T01:00:00+01:00", end_date="2017-01-01T01:00:00+01:00", time_trunc="hour"
    )
    value = response.json()["indicator"]["values"][0]["value"]
    assert value.is_integer()
    assert response.text == (
        '{"indicator":{"name":"Previsión diaria de la demanda eléctrica peninsular","short_name":"Previsión diaria",'
        '"id":460,"composited":false,"step_type":"step","disaggregated":false,"magnitud":[{"name":"Energía","id":13}],'
        '"tiempo":[{"name":"Hora","id":4}],"geos":[{"geo_id":8741,"geo_name":"Península"}],'
        '"values_updated_at":"2017-01-02T00:00:00.000+01:00",'
        f'"values":[{{"value":{value},"datetime":"2017-01-01T01:00:00.000+01:00","datetime_utc":"2017-01-01T00:00:00Z",'
        '"tz_time":"2017-01-01T00:00:00.000Z","geo_id":8741,"geo_name":"Península"}]}}'
    )
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    assert response.headers["Server"] == "esios-simulator/1"


def test_two_years_of_460_are_17520_distinct_hours(esios):
    values = esios.hourly("2017-01-01", "2018-12-31T23:59:59")
    assert len(set(instants(values))) == len(values) == 17_520
    assert values[0]["tz_time"] == "2016-12-31T23:00:00.000Z"
    assert values[-1]["tz_time"] == "2018-12-31T22:00:00.000Z"
    assert all(15_000 < number < 45_000 for number in numbers(values))


def test_quarters_and_one_long_window_give_the_same_values(esios):
    edges = ["2017-01-01", "2017-04-01", "2017-07-01", "2017-10-01", "2018-01-01"]
    parts = [esios.hourly(a, f"{b}T00:00:00") for a, b in pairwise(edges)]
    joined = {value["tz_time"]: value for part in parts for value in part}
    whole = {value["tz_time"]: value for value in esios.hourly("2017-01-01", "2018-01-01")}
    assert joined == whole


# --- time -------------------------------------------------------------------------------------------------------------


def test_both_ends_are_inclusive_so_that_adjoining_windows_share_an_hour(esios):
    january = instants(esios.hourly("2017-01-01", "2017-02-01"))
    february = instants(esios.hourly("2017-02-01", "2017-03-01"))
    assert set(january) & set(february) == {"2017-01-31T23:00:00.000Z"}
    assert len(instants(esios.hourly("2017-01-01", "2017-01-31T23:59:59"))) == 31 * 24


def test_a_naive_date_is_madrid_time_and_an_offset_is_honoured(esios):
    assert instants(esios.hourly("2017-07-01T10:00:00", "2017-07-01T10:00:00")) == ["2017-07-01T08:00:00.000Z"]
    assert instants(esios.hourly("2017-07-01T10:00:00Z", "2017-07-01T10:00:00Z")) == ["2017-07-01T10:00:00.000Z"]
    assert instants(esios.hourly("2017-07-01T10:00:00-03:00", "2017-07-01T10:00:00-03:00")) == [
        "2017-07-01T13:00:00.000Z"
    ]


def test_a_spring_day_has_23_hours_and_skips_two_o_clock(esios):
    values = esios.hourly("2017-03-26", "2017-03-26T23:59:59")
    assert [value["datetime"][11:13] for value in values] == ["00", "01", *(f"{hour:02d}" for hour in range(3, 24))]


def test_an_autumn_day_has_25_hours_and_datetime_utc_is_wrong_in_the_repeated_one(esios):
    values = esios.hourly("2017-10-29", "2017-10-29T23:59:59")
    assert len(values) == 25
    first, second = (value for value in values if value["datetime"].startswith("2017-10-29T02:00"))
    assert (first["datetime"], second["datetime"]) == ("2017-10-29T02:00:00.000+02:00", "2017-10-29T02:00:00.000+01:00")
    assert (first["tz_time"], second["tz_time"]) == ("2017-10-29T00:00:00.000Z", "2017-10-29T01:00:00.000Z")
    assert first["datetime_utc"] == second["datetime_utc"] == "2017-10-29T00:00:00Z"
    assert "2017-10-29T01:00:00Z" not in [value["datetime_utc"] for value in values]
    assert len({value["datetime_utc"] for value in values}) == 24


def test_datetime_utc_is_right_in_every_other_hour(esios):
    for value in esios.hourly("2018-01-01", "2018-12-31T23:59:59"):
        assert datetime.fromisoformat(value["datetime"]) == datetime.fromisoformat(value["tz_time"])
        if value["tz_time"] != "2018-10-28T01:00:00.000Z":
            assert datetime.fromisoformat(value["datetime_utc"]) == datetime.fromisoformat(value["tz_time"])


def test_all_four_quarters_of_the_repeated_hour_carry_the_wrong_datetime_utc(esios):
    values = esios.values(460, "2023-10-29T01:00:00Z", "2023-10-29T01:59:59Z")
    assert [value["datetime_utc"][11:16] for value in values] == ["00:00", "00:15", "00:30", "00:45"]


# --- aggregation ------------------------------------------------------------------------------------------------------


def test_460_turns_quarter_hourly_at_noon_of_2022_05_24(esios):
    values = esios.values(460, "2022-05-24T10:00:00", "2022-05-24T13:59:59")
    assert [value["datetime"][11:16] for value in values] == [
        "10:00", "11:00", "12:00", "12:15", "12:30", "12:45", "13:00", "13:15", "13:30", "13:45",
    ]  # fmt: skip


def test_hours_are_summed_by_default_and_so_four_times_too_high_after_the_change(esios):
    window = ("2022-05-24T00:00:00", "2022-05-25T23:59:59")
    summed = numbers(esios.values(460, *window, time_trunc="hour"))
    averaged = numbers(esios.hourly(*window))
    assert [high / right for high, right in zip(summed, averaged, strict=True)] == [1.0] * 12 + [4.0] * 36
    assert numbers(esios.values(460, *window, time_trunc="hour", time_agg="sum")) == summed


def test_the_average_of_an_hour_is_that_of_its_quarters(esios):
    quarters = numbers(esios.values(460, "2023-01-10T08:00:00", "2023-01-10T08:59:59"))
    assert len(set(quarters)) > 1
    assert numbers(esios.hourly("2023-01-10T08:00:00", "2023-01-10T08:59:59")) == [sum(quarters) / 4]


def test_an_end_on_the_hour_takes_only_the_first_quarter_of_it(esios):
    summed = numbers(esios.values(460, "2023-01-10T08:00:00", "2023-01-10T09:00:00", time_trunc="hour"))
    first_quarter = numbers(esios.values(460, "2023-01-10T09:00:00", "2023-01-10T09:00:00"))
    assert summed[1] == first_quarter[0]
    assert summed[0] > 3 * summed[1]


@pytest.mark.parametrize(
    ("trunc", "count", "first"),
    [
        ("five_minutes", 288, "2017-02-01T00:00"),
        ("ten_minutes", 144, "2017-02-01T00:00"),
        ("fifteen_minutes", 96, "2017-02-01T00:00"),
        ("hour", 24, "2017-02-01T00:00"),
        ("day", 1, "2017-02-01T00:00"),
        ("month", 1, "2017-02-01T00:00"),
        ("year", 1, "2017-01-01T00:00"),
    ],
)
def test_a_five_minute_series_can_be_asked_at_every_truncation(esios, trunc, count, first):
    values = esios.values(1293, "2017-02-01", "2017-02-01T23:59:59", time_trunc=trunc, time_agg="average")
    assert len(values) == count
    assert values[0]["datetime"].startswith(first)
    assert all(15_000 < number < 45_000 for number in numbers(values))


def test_days_add_up_their_hours(esios):
    days = numbers(esios.values(460, "2017-03-25", "2017-03-27T23:59:59", time_trunc="day"))
    hours = numbers(esios.values(460, "2017-03-25", "2017-03-27T23:59:59", time_trunc="hour"))
    assert days == [sum(hours[:24]), sum(hours[24:47]), sum(hours[47:])]


def test_an_unknown_truncation_or_aggregation_or_date_is_400(esios):
    for wrong in ({"time_trunc": "week"}, {"time_agg": "median"}, {"start_date": "yesterday"}, {"geo_ids[]": "x"}):
        response = esios.get(**wrong)
        assert response.status_code == 400
        assert response.json()["message"]


# --- publication and revision -----------------------------------------------------------------------------------------


def test_460_reaches_to_the_end_of_the_seventh_day_ahead_and_no_further(esios):
    values = esios.hourly("2024-03-13", "2024-12-31")
    assert values[-1]["datetime"] == "2024-03-20T23:00:00.000+01:00"
    assert len(values) == 8 * 24


def test_actual_demand_ends_at_the_clock_and_the_day_ahead_series_with_tomorrow(esios):
    assert esios.values(1293, "2024-03-13", "2024-03-20")[-1]["datetime"] == "2024-03-13T11:55:00.000+01:00"
    assert esios.hourly("2024-03-13", "2024-03-20", 1775)[-1]["datetime"] == "2024-03-14T23:00:00.000+01:00"


def test_the_spot_price_of_tomorrow_comes_in_the_afternoon(esios):
    ask = ("2024-03-13", "2024-03-20")
    assert esios.hourly(*ask, 600)[-1]["datetime"].startswith("2024-03-13T23:00")
    esios.server.set_clock("2024-03-13T14:00:00")
    assert esios.hourly(*ask, 600)[-1]["datetime"].startswith("2024-03-14T23:00")


def test_no_data_is_200_with_null_and_an_empty_list(esios):
    for start, end in (("2030-01-01", "2030-01-31"), ("1999-01-01", "1999-12-31"), ("2017-02-01", "2017-01-01")):
        answer = esios.answer(460, start, end, time_trunc="hour")
        assert answer["values_updated_at"] is None
        assert answer["values"] == []
        assert answer["id"] == 460
    assert esios.values(1775, "2018-12-31", "2019-01-01")[0]["datetime"] == "2019-01-01T00:00:00.000+01:00"


def test_a_forecast_for_a_future_hour_is_revised_until_its_day_has_passed(esios):
    ask = ("2024-03-16", "2024-03-16T23:59:59")
    seen = []
    for now in ("2024-03-13T12:00", "2024-03-14T12:00", "2024-03-16T05:00", "2024-03-17T00:00", "2024-06-01T00:00"):
        esios.server.set_clock(now)
        seen.append(numbers(esios.hourly(*ask)))
    three_days, two_days, same_morning, passed, later = seen
    assert passed == later
    assert all(early != final for early, final in zip(three_days, passed, strict=True))
    assert all(early != late for early, late in zip(three_days, two_days, strict=True))
    # Issued at midnight: only the hour that began with it is final.
    assert sum(early == final for early, final in zip(same_morning, passed, strict=True)) == 1
    assert max(abs(early - final) / final for early, final in zip(three_days, passed, strict=True)) < 0.02


def test_the_same_clock_gives_the_same_body_on_another_server(serve):
    bodies = {
        serve(clock="2024-03-14T12:00").get(start_date="2024-03-10", end_date="2024-03-30").content for _ in range(2)
    }
    assert len(bodies) == 1


def test_values_updated_at_belongs_to_the_range_asked_for(esios):
    stamps = {
        end: esios.answer(460, "2024-03-01", f"{end}T23:59:59", time_trunc="hour")["values_updated_at"]
        for end in ("2024-03-05", "2024-03-12", "2024-03-13", "2024-03-18")
    }
    assert stamps == {
        "2024-03-05": "2024-03-06T00:00:00.000+01:00",
        "2024-03-12": "2024-03-13T00:00:00.000+01:00",
        "2024-03-13": "2024-03-13T06:37:31.000+01:00",
        "2024-03-18": "2024-03-13T06:37:31.000+01:00",
    }


def test_nothing_is_updated_after_the_moment_of_asking(esios):
    for indicator in (460, 1775, 1293, 544, 545, 541, 600, 1001, 10211):
        for now in ("2024-03-13T00:00:00", "2024-03-13T12:00:00", "2024-03-13T23:59:00"):
            esios.server.set_clock(now)
            stamp = esios.answer(indicator, "2024-03-01", "2024-04-01")["values_updated_at"]
            assert datetime.fromisoformat(stamp) <= datetime.fromisoformat(f"{now}+01:00")


def test_the_final_price_is_settled_months_later(esios):
    ask = ("2024-03-01", "2024-03-01T23:59:59")
    seen = []
    for now in ("2024-03-13", "2024-07-01", "2024-12-01", "2025-12-01"):
        esios.server.set_clock(now)
        seen.append(numbers(esios.hourly(*ask, 10211)))
    assert seen[0] != seen[1] != seen[2] == seen[3]


def test_without_dates_the_response_is_today(esios):
    values = esios.get().json()["indicator"]["values"]
    assert values[0]["datetime"] == "2024-03-13T00:00:00.000+01:00"
    assert values[-1]["datetime"] == "2024-03-13T23:45:00.000+01:00"


# --- areas ------------------------------------------------------------------------------------------------------------


def test_the_areas_of_the_spot_price_come_interleaved_in_no_stable_order(esios):
    values = esios.hourly("2018-05-01", "2018-05-02T23:59:59", 600)
    hours = [values[start : start + 6] for start in range(0, len(values), 6)]
    assert all(len({value["tz_time"] for value in hour}) == 1 for hour in hours)
    assert all({value["geo_id"] for value in hour} == {3, 1, 2, 8826, 8827, 8828} for hour in hours)
    assert len({tuple(value["geo_id"] for value in hour) for hour in hours}) > 10


def test_geo_ids_filters_areas(esios):
    values = esios.values(600, "2018-05-01", "2018-05-01T23:59:59", time_trunc="hour", **{"geo_ids[]": [3]})
    assert [value["geo_name"] for value in values] == ["España"] * 24
    assert esios.values(600, "2018-05-01", "2018-05-01T23:59:59", **{"geo_ids[]": [8741]}) == []


def test_the_head_of_600_leaves_out_an_area_that_its_values_have(esios):
    answer = esios.answer(600, "2018-05-01", "2018-05-01T00:59:59")
    assert [geo["geo_name"] for geo in answer["geos"]] == ["España", "Portugal", "Francia", "Alemania", "Bélgica"]
    assert {value["geo_name"] for value in answer["values"]} - {geo["geo_name"] for geo in answer["geos"]} == {
        "Países Bajos"
    }


def test_the_head_of_1161_names_no_area_and_its_values_come_by_province(esios):
    answer = esios.answer(1161, "2018-05-01", "2018-05-01T23:59:59")
    areas = {(value["geo_id"], value["geo_name"]) for value in answer["values"]}
    assert answer["geos"] == []
    assert len(areas) == 47
    assert len(answer["values"]) == 47 * 24
    noon = [value["value"] for value in answer["values"] if value["tz_time"] == "2018-05-01T12:00:00.000Z"]
    assert 1_000 < sum(noon) < 4_000


def test_more_than_21_days_of_very_many_areas_time_out(esios):
    def status(end: str, **more) -> int:
        return esios.get("/indicators/1161", start_date="2018-05-01", end_date=end, **more).status_code

    assert status("2018-05-21T23:59:59") == 200
    assert status("2018-06-30T23:59:59") == 504
    assert status("2018-06-30T23:59:59", **{"geo_ids[]": [10_101, 10_102]}) == 200


def test_a_year_of_five_minute_values_times_out_and_a_quarter_does_not(esios):
    def status(end: str) -> int:
        return esios.get("/indicators/1293", start_date="2018-01-01", end_date=end, time_trunc="hour").status_code

    assert (status("2018-03-31T23:59:59"), status("2018-12-31T23:59:59")) == (200, 504)


# --- cadences ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("indicator", "last_hourly_day", "first_quarter_hourly_day"),
    [(600, "2025-09-30", "2025-10-01"), (2387, "2025-12-31", "2026-01-01"), (460, "2022-05-23", "2022-05-25")],
)
def test_hours_become_quarter_hours_on_the_day_that_they_did(
    esios, indicator, last_hourly_day, first_quarter_hourly_day
):
    esios.server.set_clock("2026-11-27T12:00:00")

    def periods(day: str) -> int:
        return len({value["tz_time"] for value in esios.values(indicator, day, f"{day}T23:59:59")})

    assert (periods(last_hourly_day), periods(first_quarter_hourly_day)) == (24, 96)


@pytest.mark.parametrize("trunc", [None, "hour", "day"])
def test_a_daily_series_has_one_value_a_madrid_day(esios, trunc):
    asked = {"time_trunc": trunc, "time_agg": "average"} if trunc else {}
    values = esios.values(624, "2018-03-24", "2018-03-26T23:59:59", **asked)
    assert [value["datetime"] for value in values] == [
        "2018-03-24T00:00:00.000+01:00",
        "2018-03-25T00:00:00.000+01:00",
        "2018-03-26T00:00:00.000+02:00",
    ]
    highest = max(
        numbers(esios.values(1293, "2018-03-24", "2018-03-24T23:59:59", time_trunc="hour", time_agg="average"))
    )
    assert numbers(values)[0] == highest


def test_a_monthly_series_has_one_value_a_month_on_its_first_day(esios):
    values = esios.values(461, "2018-01-15", "2018-04-30T23:59:59")
    assert [value["datetime"][:10] for value in values] == ["2018-02-01", "2018-03-01", "2018-04-01"]
    assert all(15e6 < number < 30e6 for number in numbers(values))
    assert esios.values(461, "2018-02-02", "2018-02-28T23:59:59") == []


def test_a_share_lies_between_0_and_100(esios):
    values = numbers(esios.values(10033, "2023-05-01", "2023-05-07T23:59:59", time_trunc="hour", time_agg="average"))
    assert all(0 <= value <= 100 for value in values)
    assert len(set(values)) > 50


# --- the catalogue ----------------------------------------------------------------------------------------------------


def test_the_catalogue_lists_true_names_some_without_a_description(esios):
    listed = esios.get("/indicators").json()["indicators"]
    names = {entry["id"]: entry["name"] for entry in listed}
    assert len(names) == len(listed) >= 30
    assert names[460] == "Previsión diaria de la demanda eléctrica peninsular"
    assert (names[1293], names[544], names[545]) == ("Demanda real", "Demanda prevista", "Demanda programada")
    assert (names[600], names[1775]) == ("Precio mercado SPOT Diario", "Previsión diaria D+1 demanda")
    assert names[10211] == "Precio medio horario final suma de componentes"
    assert {1001, 1739, 541, 10034, 1161, 2387} <= set(names)
    assert any("description" not in entry for entry in listed)
    assert all("<" in entry["description"] for entry in listed if entry.get("description"))


def test_text_searches_names(esios):
    found = esios.get("/indicators", text="demanda").json()["indicators"]
    assert len(found) >= 12
    assert all("demanda" in entry["name"].lower() for entry in found)
    assert esios.get("/indicators", text="no such thing").json() == {"indicators": []}


def test_every_listed_indicator_responds_and_an_unlisted_one_is_404(esios):
    for indicator in catalogue.INDICATORS:
        answer = esios.answer(indicator.id, "2023-05-01", "2023-05-01T23:59:59", time_trunc="hour", time_agg="average")
        assert (answer["id"], answer["name"]) == (indicator.id, indicator.name)
        assert bool(answer["values"]) == (indicator.series is not None)
        assert (answer["values_updated_at"] is None) == (answer["values"] == [])
    assert esios.get("/indicators/999999").status_code == 404


# --- a recorded series ------------------------------------------------------------------------------------------------


@pytest.fixture
def series(tmp_path: Path) -> Path:
    path = tmp_path / "series.csv"
    path.write_bytes(
        "﻿tz_time,value\r\n2017-01-01T00:00:00.000Z,23616.0\r\n\r\n2017-01-01T02:00:00.000Z,20693.5\r\n"
        "2017-01-01T01:00:00.000Z,21893.0\r\n\r\n".encode()
    )
    return path


def test_a_recorded_series_is_served_exactly_and_nothing_outside_it(serve, series):
    client = serve(series=series)
    answer = client.answer(460, "2016-01-01", "2019-01-01", time_trunc="hour", time_agg="average")
    assert [(value["tz_time"], value["value"]) for value in answer["values"]] == [
        ("2017-01-01T00:00:00.000Z", 23616.0),
        ("2017-01-01T01:00:00.000Z", 21893.0),
        ("2017-01-01T02:00:00.000Z", 20693.5),
    ]
    assert answer["values_updated_at"] == "2017-01-01T06:37:31.000+01:00"
    assert client.answer(460, "2017-02-01", "2017-02-02")["values_updated_at"] is None
    assert numbers(client.hourly("2017-01-01T02:00:00", "2017-01-01T02:00:00")) == [21893.0]
    assert client.hourly("2017-01-01", "2017-01-01T05:00:00", 1293)[0]["value"] > 15_000


def test_the_whole_recorded_series_given_from_outside_comes_back_unchanged(serve):
    given = os.environ.get("ESIOS_TEST_SERIES")
    if not given:
        pytest.skip("ESIOS_TEST_SERIES names no recorded series")
    lines = Path(given).read_text(encoding="utf-8-sig").split()[1:]
    values = serve(series=given).hourly("2014-01-01", "2030-01-01")
    assert [f"{value['tz_time']},{value['value']}" for value in values] == lines


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "must name the columns tz_time and value"),
        (b"time,value\n2017-01-01T00:00:00Z,1\n", "must name the columns tz_time and value"),
        (b"tz_time,value\n", "no values"),
        (b"tz_time,value\n2017-01-01T00:00:00Z,1\nsoon,2\n", "line 3"),
        (b"tz_time,value\n2017-01-01T00:00:00Z,nan\n", "line 2"),
        (b"tz_time,value\n2017-01-01T00:00:00Z\n", "line 2"),
        (b"tz_time,value\n2017-01-01T00:00:00Z,1\n2017-01-01T01:00:00+01:00,1\n", "twice"),
        (b"tz_time,value\n2017-01-01T00:00:00Z,\xff\n", "UTF-8"),
    ],
)
def test_a_bad_series_names_what_is_wrong(tmp_path, content, told):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=told):
        simulator.serve(series=path)


def test_bodies_are_json_without_surprises(esios):
    for indicator in (460, 600, 1293):
        body = esios.get(f"/indicators/{indicator}", start_date="2022-05-24", end_date="2022-05-24T23:59:59").content
        assert json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":")).encode() == body
