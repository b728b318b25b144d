"""Each fault as a real client meets it, and which requests a rule hits."""

from __future__ import annotations

import gzip
import json
import math
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest
import requests

from simulator import faults

DAY = {"start_date": "2017-01-01", "end_date": "2017-01-01T23:59:59", "time_trunc": "hour", "time_agg": "average"}
AT = "2017-01-01T05:00:00Z"


@pytest.fixture
def clean(esios):
    """The values of the day without a fault."""
    return esios.get(**DAY).json()["indicator"]["values"]


def met(esios, fault):
    """The response with this fault in force."""
    esios.server.add(fault)
    return esios.get(**DAY)


def values_with(esios, fault):
    return met(esios, fault).json()["indicator"]["values"]


def at(values, instant="2017-01-01T05:00:00.000Z"):
    return [value["value"] for value in values if value["tz_time"] == instant]


# --- other responses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_status_code_comes_as_often_as_asked(esios, code):
    esios.server.add(faults.status(code, times=2))
    assert [esios.get().status_code for _ in range(3)] == [code, code, 200]


def test_retry_after_comes_in_seconds_or_as_a_date(esios):
    assert met(esios, faults.status(503, retry_after=7, times=1)).headers["Retry-After"] == "7"
    told = met(esios, faults.status(503, retry_date=60)).headers["Retry-After"]
    assert 50 < (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds() <= 60


def test_the_two_faces_of_403_and_401(esios):
    bad_key = met(esios, faults.key_refused(times=1))
    assert (bad_key.status_code, bad_key.json()) == (403, {"Status": 403, "message": "Forbidden"})
    firewall = met(esios, faults.firewall(times=1))
    assert (firewall.status_code, firewall.headers["Content-Type"]) == (403, "text/html")
    assert "Incapsula incident ID" in firewall.text
    denied = met(esios, faults.unauthorized(times=1))
    assert (denied.status_code, denied.text.strip()) == (401, "HTTP Token: Access denied.")


def test_a_maintenance_page_comes_with_200(esios):
    response = met(esios, faults.html())
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    assert "mantenimiento" in response.text


def test_any_text_can_be_the_body(esios):
    assert met(esios, faults.text("")).content == b""
    esios.server.clear_faults()
    assert met(esios, faults.text('{"indicator":', times=1)).text == '{"indicator":'
    assert met(esios, faults.text(b"\xff\xfe")).content == b"\xff\xfe"


def test_a_redirect_names_its_target(esios):
    response = met(esios, faults.redirect("http://127.0.0.1:9/elsewhere"))
    assert (response.status_code, response.headers["Location"]) == (307, "http://127.0.0.1:9/elsewhere")


# --- broken ways ------------------------------------------------------------------------------------------------------


def test_latency_delays_only_the_request_it_hits(esios):
    esios.server.add(faults.latency(1000, nth=1))
    delayed, plain = (esios.get(**DAY).elapsed.total_seconds() for _ in range(2))
    assert delayed >= 1
    assert plain < delayed


def test_a_hanging_server_is_a_read_time_out_and_does_not_delay_its_own_end(esios):
    esios.server.add(faults.hang())
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(f"{esios.server.url}/indicators/460", headers={"x-api-key": "k"}, timeout=0.2)
    started = time.monotonic()
    esios.server.close()
    assert time.monotonic() - started < 10


def test_a_closed_connection_is_a_connection_error(esios):
    with pytest.raises(requests.exceptions.ConnectionError):
        met(esios, faults.reset_connection())


@pytest.mark.parametrize("fault", [faults.cut_body(0.4), faults.broken_chunked(0.4)])
def test_a_body_that_breaks_off_is_noticed(esios, fault):
    fault.reset()
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        met(esios, fault)


def test_damaged_gzip_is_noticed(esios):
    with pytest.raises(requests.exceptions.ContentDecodingError):
        met(esios, faults.broken_gzip())


def test_a_huge_body_is_streamed_and_is_json_to_its_end(esios, clean):
    response = met(esios, faults.huge_body(3))
    assert len(response.content) == 3 * 1024 * 1024
    assert "Content-Length" not in response.headers
    assert response.json()["indicator"]["values"] == clean


def test_a_slow_body_arrives_whole(esios, clean):
    response = met(esios, faults.slow_body(0.2))
    assert response.json()["indicator"]["values"] == clean


# --- other documents --------------------------------------------------------------------------------------------------


def test_a_body_without_indicator_leaves_the_catalogue_alone(esios):
    assert "indicator" not in met(esios, faults.no_indicator()).json()
    assert len(esios.get("/indicators").json()["indicators"]) >= 30


def test_values_may_be_no_list_or_empty_or_anothers(esios):
    assert isinstance(values_with(esios, faults.values_not_list(times=1)), dict)
    assert met(esios, faults.other_id(461, times=1)).json()["indicator"]["id"] == 461
    empty = met(esios, faults.empty_values(times=1)).json()["indicator"]
    assert (empty["values_updated_at"], empty["values"]) == (None, [])


def test_a_field_may_be_missing_or_strange(esios):
    assert "datetime" not in values_with(esios, faults.missing_datetime(times=1))[0]
    assert "tz_time" not in values_with(esios, faults.missing_datetime(field="tz_time", times=1))[0]
    assert values_with(esios, faults.set_field("geo_id", None, times=1))[0]["geo_id"] is None


@pytest.mark.parametrize(
    ("fault", "value"),
    [(faults.null(AT), None), (faults.words(AT), "n/d"), (faults.negative(AT), -1.0), (faults.set_value([], AT), [])],
)
def test_a_single_value_may_be_anything(esios, clean, fault, value):
    fault.reset()
    values = values_with(esios, fault)
    assert at(values) == [value]
    assert [v for v in values if v["tz_time"][11:13] != "05"] == [v for v in clean if v["tz_time"][11:13] != "05"]


def test_nan_and_1e400_stand_unquoted_in_the_body(esios):
    assert '"value":NaN,"datetime":"2017-01-01T06:00' in met(esios, faults.nan(AT, times=1)).text
    overflow = met(esios, faults.overflow(AT, times=1))
    assert '"value":1e400,' in overflow.text
    assert at(overflow.json()["indicator"]["values"]) == [math.inf]


def test_from_an_instant_on_values_are_four_times_too_high(esios, clean):
    values = values_with(esios, faults.times_four(AT))
    factors = [wrong["value"] / right["value"] for wrong, right in zip(values, clean, strict=True)]
    assert factors == [1.0] * 6 + [4.0] * 18


def test_an_hour_may_come_twice_with_another_value(esios, clean):
    values = values_with(esios, faults.duplicates(AT, difference=250))
    assert len(values) == 25
    assert at(values) == [*at(clean), at(clean)[0] + 250]


def test_values_may_come_unsorted(esios, clean):
    values = values_with(esios, faults.unsorted())
    assert values != clean
    assert sorted(values, key=lambda value: value["tz_time"]) == clean


def test_several_areas_may_come_interleaved(esios, clean):
    values = values_with(esios, faults.several_areas())
    assert len(values) == 3 * 24
    assert [value for value in values if value["geo_id"] == 8741] == clean
    assert {value["geo_id"] for value in values} == {8741, 8742, 8743}


def test_hours_may_be_dropped(esios, clean):
    assert values_with(esios, faults.dropped_hours(AT, hours=2, times=1)) == clean[:6] + clean[8:]
    assert values_with(esios, faults.dropped_hours(hours=3, times=1)) == clean[:-3]


def test_hours_may_be_revised_with_their_stamp(esios, clean):
    answer = met(esios, faults.revised_hours(AT, 111, "2020-01-01T00:00:00.000+01:00")).json()["indicator"]
    assert at(answer["values"]) == [at(clean)[0] + 111]
    assert answer["values_updated_at"] == "2020-01-01T00:00:00.000+01:00"


def test_datetime_utc_and_offsets_may_be_wrong(esios, clean):
    wrong = values_with(esios, faults.wrong_datetime_utc(-1, times=1))
    assert [value["datetime_utc"] for value in wrong[1:]] == [value["datetime_utc"] for value in clean[:-1]]
    offset = values_with(esios, faults.wrong_datetime_utc(0, offset="+00:00", times=1))
    assert offset[0]["datetime_utc"] == "2016-12-31T23:00:00+00:00"
    contradicting = values_with(esios, faults.contradicting_offset(AT, "+05:00", times=1))
    assert contradicting[6]["datetime"] == "2017-01-01T06:00:00.000+05:00"


def test_the_catalogue_may_be_without_a_name(esios):
    name = "Previsión diaria de la demanda eléctrica peninsular"
    esios.server.add(faults.catalogue_without(name))
    assert name not in [entry["name"] for entry in esios.get("/indicators").json()["indicators"]]


def test_a_fault_of_ones_own_edits_the_document(esios):
    def reverse(document):
        document["indicator"]["values"].reverse()
        return document

    assert values_with(esios, faults.edit(reverse))[0]["tz_time"] == "2017-01-01T22:00:00.000Z"


def test_an_edit_that_fails_is_500_and_says_why(esios):
    response = met(esios, faults.edit(lambda document: document["nothing"]))
    assert response.status_code == 500
    assert "KeyError" in response.json()["message"]


def test_several_edits_apply_one_after_the_other(esios, clean):
    esios.server.add(faults.revised_hours(AT, 100), faults.revised_hours(AT, 20), faults.unsorted())
    assert at(esios.get(**DAY).json()["indicator"]["values"]) == [at(clean)[0] + 120]


# --- which requests ---------------------------------------------------------------------------------------------------


def test_nth_counts_the_requests_that_match(esios):
    esios.server.add(faults.status(503, nth=[2, 4], indicator=460))
    codes = [(esios.get(f"/indicators/{i}").status_code) for i in (460, 600, 460, 600, 460, 460)]
    assert codes == [200, 200, 503, 200, 200, 503]


def test_a_path_limits_a_fault(esios):
    esios.server.add(faults.status(500, path=r"^/indicators$"))
    assert esios.get("/indicators").status_code == 500
    assert esios.get("/indicators/460").status_code == 200


def test_covering_hits_the_window_that_holds_the_instant(esios):
    esios.server.add(faults.status(500, covering="2017-02-15"))
    codes = [esios.get(start_date=f"2017-0{m}-01", end_date=f"2017-0{m}-28").status_code for m in (1, 2, 3)]
    assert codes == [200, 500, 200]


def test_probability_is_repeatable_by_its_seed(serve):
    def codes(seed):
        client = serve(faults=[faults.status(503, probability=0.3, seed=seed)])
        return [client.get().status_code for _ in range(40)]

    assert codes(1) == codes(1) != codes(2)
    assert 4 <= codes(1).count(503) <= 20


def test_a_misspelt_setting_is_refused():
    with pytest.raises(TypeError, match="tims"):
        faults.status(503, tims=2)


def test_faults_that_settle_the_response_take_turns(esios):
    esios.server.add(faults.status(503, times=2), faults.firewall(times=1), faults.null(AT, times=1))
    assert [esios.get(**DAY).status_code for _ in range(3)] == [503, 503, 403]
    assert at(esios.get(**DAY).json()["indicator"]["values"]) == [None]
    assert None not in at(esios.get(**DAY).json()["indicator"]["values"])


def test_a_change_of_one_hour_waits_for_the_window_that_holds_it(esios, clean):
    esios.server.add(faults.null(AT, times=1))
    esios.get("/indicators")
    assert None not in [value["value"] for value in esios.hourly("2017-02-01", "2017-02-02")]
    assert at(esios.get(**DAY).json()["indicator"]["values"]) == [None]


# --- from the command line and over HTTP ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("firewall", {"kind": "firewall"}),
        ("status:429,retry_after=2,times=3", {"kind": "status", "code": 429, "retry_after": 2, "times": 3}),
        ("cut_body:0.25,nth=2", {"kind": "cut_body", "share": 0.25, "nth": 2}),
        ("times_four:2022-05-24T12:00", {"kind": "times_four", "since": "2022-05-24T12:00", "factor": 4}),
        ('{"kind": "hang", "seconds": 3}', {"kind": "hang", "seconds": 3}),
    ],
)
def test_a_rule_is_read_from_the_command_line(text, rule):
    described = faults.parse(text).describe()
    assert {name: described[name] for name in rule} == rule


@pytest.mark.parametrize(
    "text", ["nonsense", "firewall:3", "status:503,tims=2", "status:503,times", "{", "hang:x,nth=[1"]
)
def test_a_rule_that_cannot_be_read_is_an_error(text):
    with pytest.raises(ValueError, match=r"."):
        faults.parse(text)


def test_every_kind_can_be_made_from_json():
    needed = {"redirect": {"url": "http://127.0.0.1/"}, "latency": {"ms": 1}, "set_value": {"value": 1},
              "raw_value": {"token": "NaN"}, "times_four": {"since": "2017-01-01"}, "catalogue_without": {"name": "x"},
              "set_field": {"name": "geo_id", "value": 1}}  # fmt: skip
    for kind in faults.KINDS:
        assert faults.from_json({"kind": kind, **needed.get(kind, {})}).kind == kind


def test_faults_are_set_listed_and_reset_over_http(esios):
    url = esios.server.url
    told = requests.post(f"{url}/_faults", json=[{"kind": "status", "code": 502, "times": 1}], timeout=30).json()
    assert told["faults"][0]["kind"] == "status"
    assert [esios.get().status_code for _ in range(2)] == [502, 200]
    listed = requests.get(f"{url}/_faults", timeout=30).json()["faults"][0]
    assert (listed["seen"], listed["done"]) == (2, 1)
    log = requests.get(f"{url}/_log", timeout=30).json()["requests"]
    assert [(entry["number"], entry["status"], entry["faults"]) for entry in log] == [
        (1, 502, ["status"]),
        (2, 200, []),
    ]
    assert requests.post(f"{url}/_reset", timeout=30).status_code == 200
    assert requests.get(f"{url}/_log", timeout=30).json() == {"requests": []}
    assert requests.get(f"{url}/_faults", timeout=30).json() == {"faults": []}
    refused = requests.post(f"{url}/_faults", json={"kind": "nonsense"}, timeout=30)
    assert (refused.status_code, "nonsense" in refused.json()["message"]) == (400, True)


def test_the_gzip_that_is_not_broken_is_gzip(esios):
    raw = esios.session.get(
        f"{esios.server.url}/indicators/460", params=DAY, headers={"Accept-Encoding": "gzip"}, stream=True, timeout=30
    )
    assert json.loads(gzip.decompress(raw.raw.read(decode_content=False)))["indicator"]["id"] == 460
