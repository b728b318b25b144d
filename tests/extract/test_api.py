"""The client: which responses are asked for again, which are final, and that the key stays where it belongs."""

from __future__ import annotations

import gzip
import time
from datetime import UTC, date, datetime

import pytest

import simulator
from extract.api import EsiosClient, TokenBucket, parse, retry_after_s, source_of
from extract.errors import ApiUnavailable, EsiosError, KeyRefused
from extract.windows import api_parameters, cut
from simulator import Server, faults
from tests.extract.conftest import MakeSettings

(JANUARY,) = cut(date(2017, 1, 1), date(2017, 1, 31), "month")
ASK = api_parameters(JANUARY, "hour", "average", [8741])


def ask(settings_for: MakeSettings, server: Server, **more: str) -> tuple[EsiosClient, object]:
    """One indicator call; the second part is the response or the error."""
    client = EsiosClient(settings_for(server, **more).api)
    try:
        return client, client.indicator(460, ASK)
    except EsiosError as error:
        return client, error
    finally:
        client.close()


def test_a_good_response_comes_byte_for_byte_with_its_source(settings_for: MakeSettings) -> None:
    with simulator.serve() as server:
        client, answer = ask(settings_for, server)
    assert answer.document["indicator"]["id"] == 460
    assert len(answer.document["indicator"]["values"]) == 744
    assert parse(answer.body) == answer.document
    assert answer.source == "simulated"
    assert "sesame" not in answer.url
    assert client.traffic[460].requests == 1
    assert client.traffic[460].bytes_received == len(answer.body)


def test_the_api_is_asked_as_it_wants_to_be(settings_for: MakeSettings) -> None:
    with simulator.serve(key="sesame") as server:
        _, answer = ask(settings_for, server)
        (request,) = server.requests
    assert not isinstance(answer, EsiosError)
    assert request.path == "/indicators/460"
    assert request.parameters["start_date"] == ["2017-01-01T00:00:00+01:00"]
    assert request.parameters["end_date"] == ["2017-01-31T23:59:59+01:00"]
    assert (request.parameters["time_trunc"], request.parameters["time_agg"]) == (["hour"], ["average"])
    assert request.headers["accept"] == "application/json; application/vnd.esios-api-v1+json"
    assert "gzip" in request.headers["accept-encoding"]
    assert request.headers["user-agent"].startswith("esios-elt/")


def test_one_session_keeps_its_connection_open(settings_for: MakeSettings) -> None:
    with simulator.serve() as server:
        client = EsiosClient(settings_for(server).api)
        for _ in range(3):
            client.indicator(460, ASK)
        client.close()
        assert len({request.connection for request in server.requests}) == 1


@pytest.mark.parametrize(
    "fault",
    [
        faults.status(500, times=2),
        faults.status(502, times=2),
        faults.status(503, times=2),
        faults.status(504, times=2),
        faults.status(429, times=2),
        faults.status(429, times=1, retry_after=0),
        faults.firewall(times=2),
        faults.html(times=2),
        faults.cut_body(times=2),
        faults.broken_chunked(times=2),
        faults.broken_gzip(times=2),
        faults.reset_connection(times=2),
        faults.text("", times=2),
        faults.nan(times=2),
        faults.no_indicator(times=1),
        faults.other_id(times=1),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.settings.get('code', '')}",
)
def test_what_passes_is_asked_for_again_until_it_is_good(settings_for: MakeSettings, fault: faults.Fault) -> None:
    fault.reset()
    with simulator.serve(faults=[fault]) as server:
        client, answer = ask(settings_for, server)
    assert not isinstance(answer, EsiosError), answer
    assert len(answer.document["indicator"]["values"]) == 744
    assert client.traffic[460].retries == fault.times


@pytest.mark.parametrize("fault", [faults.key_refused(), faults.unauthorized()], ids=["403 in JSON", "401"])
def test_a_refused_key_is_final_at_the_first_response(settings_for: MakeSettings, fault: faults.Fault) -> None:
    with simulator.serve(faults=[fault]) as server:
        client, error = ask(settings_for, server)
    assert isinstance(error, KeyRefused)
    assert error.exit_code == 3
    assert "ESIOS_API_KEY" in error.remedy
    assert client.traffic[460].requests == 1


@pytest.mark.parametrize(
    ("fault", "tries", "words"),
    [
        (faults.status(503), 4, "503"),
        (faults.firewall(), 4, "firewall"),
        (faults.html(), 4, "not JSON"),
        (faults.no_indicator(), 3, "no `indicator`"),
        (faults.values_not_list(), 3, "`values` is not a list"),
        (faults.other_id(461), 3, "indicator 461 instead of 460"),
        (faults.missing_datetime(), 3, "has no `datetime`"),
        (faults.status(404), 1, "404"),
        (faults.huge_body(66), 1, "larger than 64 MB"),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_what_stays_wrong_is_given_up_with_its_reason(
    settings_for: MakeSettings, fault: faults.Fault, tries: int, words: str
) -> None:
    fault.reset()
    with simulator.serve(faults=[fault]) as server:
        client, error = ask(settings_for, server, ESIOS_MAX_TRIES="4")
    assert isinstance(error, ApiUnavailable)
    assert words in str(error)
    assert error.remedy
    assert client.traffic[460].requests == tries


def test_a_redirect_to_another_host_never_carries_the_key(settings_for: MakeSettings) -> None:
    with simulator.serve() as stranger, simulator.serve() as server:
        server.add(faults.redirect(f"{stranger.url}/indicators/460"))
        _, error = ask(settings_for, server, ESIOS_MAX_TRIES="2")
        assert stranger.requests == []
    assert isinstance(error, ApiUnavailable)
    assert "the key was not sent there" in str(error)


def test_a_redirect_on_the_same_host_is_followed(settings_for: MakeSettings) -> None:
    with simulator.serve() as server:
        _, straight = ask(settings_for, server)
        server.add(faults.redirect(straight.url, times=1))
        _, answer = ask(settings_for, server)
    assert answer.body == straight.body


def test_a_server_that_says_nothing_is_a_time_out(settings_for: MakeSettings) -> None:
    with simulator.serve(faults=[faults.hang(30)]) as server:
        began = time.monotonic()
        _, error = ask(settings_for, server, ESIOS_READ_TIMEOUT_S="0.2", ESIOS_MAX_TRIES="2")
    assert isinstance(error, ApiUnavailable)
    assert time.monotonic() - began < 10


def test_a_missing_server_is_reported_as_such(settings_for: MakeSettings) -> None:
    with simulator.serve() as server:
        address = server.url
    client = EsiosClient(settings_for(address, ESIOS_MAX_TRIES="2").api)
    with pytest.raises(ApiUnavailable, match=r"after 2 attempts.*Connection refused"):
        client.indicator(460, ASK)


def test_a_wait_longer_than_our_patience_is_not_begun(settings_for: MakeSettings) -> None:
    with simulator.serve(faults=[faults.status(429, retry_after=3600)]) as server:
        began = time.monotonic()
        client, error = ask(settings_for, server)
    assert time.monotonic() - began < 5
    assert client.traffic[460].requests == 1
    assert "asked us to wait 3600 s" in str(error)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        ("0", 0.0),
        ("soon", None),
        ("-3", None),
        ("Sun, 01 Jan 2017 00:00:30 GMT", 30.0),
        ("Sat, 31 Dec 2016 23:59:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, datetime(2017, 1, 1, tzinfo=UTC)) == seconds


def test_the_bucket_gives_the_burst_at_once_and_then_the_rate() -> None:
    now = 0.0
    bucket = TokenBucket(3, 2.0, clock=lambda: now)
    assert [bucket.reserve() for _ in range(5)] == [0, 0, 0, 0.5, 1.0]
    now = 10.0
    assert [bucket.reserve() for _ in range(4)] == [0, 0, 0, 0.5]


def test_when_one_is_asked_to_wait_all_wait() -> None:
    bucket = TokenBucket(10, 2.0, clock=lambda: 0.0)
    bucket.pause(7)
    assert bucket.reserve() == 7


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b"\xff\xfe{}",
        b'{"a":',
        b"[" * 100_000,
        gzip.compress(b"{}", mtime=0),
    ],
)
def test_what_is_not_a_json_object_gives_none(body: bytes) -> None:
    assert parse(body) is None


def test_the_source_always_names_the_port() -> None:
    assert source_of("https://api.esios.ree.es") == "https://api.esios.ree.es:443"
    assert source_of("http://127.0.0.1:8000/x") == "http://127.0.0.1:8000"
