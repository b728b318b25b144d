"""A server that misbehaves: what `esios extract` says, what it leaves, and that the next plain run completes it."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest
import trustme

import simulator
from simulator import faults
from tests.faults.machine import FIRST, KEY, LAST, Machine, Row
from tests.faults.table import API

NAME = "Previsión diaria de la demanda eléctrica peninsular"
# The second of the two windows; the first one always has a response.
SECOND = "2017-02-10"
IMPATIENT = {"ESIOS_CONNECT_TIMEOUT_S": "0.3", "ESIOS_READ_TIMEOUT_S": "0.5", "ESIOS_MAX_TRIES": "2"}
Make = Callable[..., faults.Fault]


def then_plain(machine: Machine, server: simulator.Server, undisturbed: list[Row]) -> None:
    """The next plain run, nothing being wrong any more, completes to exactly the rows of an undisturbed one."""
    server.clear_faults()
    finished = machine.extract()
    assert finished.code == 0, finished.err
    assert machine.landing() == undisturbed
    assert machine.run_states()[-1] == "succeeded"


@pytest.mark.parametrize("code", [500, 502, 503, 504])
def test_a_status_now_and_then_is_overcome(
    machine: Machine, server: simulator.Server, undisturbed: list[Row], code: int
) -> None:
    server.add(faults.status(code, nth=[1, 3, 4]))
    API[f"{code} now and then"].check(machine.extract(ESIOS_CONCURRENCY="1"))
    assert [request.status for request in server.requests] == [code, 200, code, code, 200]
    assert machine.landing() == undisturbed
    assert machine.rows("select requests, retries from raw_esios.extract_runs") == [(5, 3)]
    assert "no request was made" in machine.extract().out


@pytest.mark.parametrize(
    ("fault", "wait_s"),
    [("429 in seconds", 1.0), ("429 as a date", 1.0), ("429 in the past", 0.0)],
)
def test_429_is_asked_again_when_the_server_says(
    machine: Machine, server: simulator.Server, undisturbed: list[Row], fault: str, wait_s: float
) -> None:
    # An HTTP date has whole seconds: two seconds ahead is one at least.
    says = {
        "429 in seconds": {"retry_after": 1},
        "429 as a date": {"retry_date": 2},
        "429 in the past": {"retry_date": -9},
    }
    server.add(faults.status(429, **says[fault], times=1))
    API[fault].check(machine.extract(ESIOS_CONCURRENCY="1"))
    first, second = server.requests[:2]
    assert (first.status, second.status) == (429, 200)
    assert second.started - first.ended >= wait_s - 0.05
    assert machine.landing() == undisturbed


def body(content: bytes, *, gzipped: bool = False, **which: object) -> faults.Fault:
    """200 with exactly these bytes, as a gzip body where they are one."""
    headers = (("Content-Encoding", "gzip"),) if gzipped else ()
    rule = faults.text(content, **which)
    rule.reply = faults.Reply(200, content, headers=headers)
    return rule


ANSWER = b'{"indicator":{"id":460,"values":[]}}'
STRIKES: dict[str, tuple[Make, dict[str, object]]] = {
    "500 for good": (faults.status, {"code": 500}),
    "502 for good": (faults.status, {"code": 502}),
    "503 for good": (faults.status, {"code": 503}),
    "504 for good": (faults.status, {"code": 504}),
    "429 for too long": (faults.status, {"code": 429, "retry_after": 7200}),
    "read time-out": (faults.hang, {}),
    "reset": (faults.reset_connection, {}),
    "cut": (faults.cut_body, {}),
    "chunk": (faults.broken_chunked, {}),
    "gzip": (faults.broken_gzip, {}),
    "gzip cut": (body, {"content": gzip.compress(ANSWER * 1000)[:-60], "gzipped": True}),
    "204": (faults.status, {"code": 204, "body": ""}),
    "html": (faults.html, {}),
    "nothing": (faults.text, {"body": ""}),
    "half JSON": (faults.text, {"body": '{"indicator": {"id": 460, "values": ['}),
    "NaN": (faults.nan, {}),
    "nested": (faults.text, {"body": '{"indicator":' + "[" * 100_000 + "]" * 100_000 + "}"}),
    "key twice": (faults.text, {"body": ANSWER[:-1] + b',"indicator":{"id":460,"values":[{}]}}'}),
    "byte order mark": (faults.text, {"body": b"\xef\xbb\xbf" + ANSWER}),
    "nowhere": (faults.redirect, {"url": "http://[::1"}),
    "not UTF-8": (faults.text, {"body": b'{"indicator": "\xff"}'}),
    "a list": (faults.text, {"body": "[]"}),
    "firewall": (faults.firewall, {}),
    "404": (faults.status, {"code": 404}),
    "no indicator": (faults.no_indicator, {}),
    "values": (faults.values_not_list, {}),
    "other id": (faults.other_id, {"id": 461}),
    "no datetime": (faults.missing_datetime, {}),
    "huge": (faults.huge_body, {"megabytes": 200}),
    "gzip bomb": (body, {"content": gzip.compress(bytes(2**20)) * 200, "gzipped": True}),
}


@pytest.mark.parametrize("fault", STRIKES)
def test_a_window_that_cannot_be_had_leaves_the_others_and_is_fetched_next_time(
    machine: Machine, server: simulator.Server, undisturbed: list[Row], fault: str
) -> None:
    make, settings = STRIKES[fault]
    server.add(make(**settings, covering=SECOND))
    patience = {"ESIOS_READ_TIMEOUT_S": "0.7", "ESIOS_MAX_TRIES": "2"} if fault == "read time-out" else {}
    # One at a time: the first window has its response before the second one is asked for.
    API[fault].check(machine.extract(ESIOS_CONCURRENCY="1", ESIOS_MAX_RETRY_S="60", **patience))
    assert machine.landing() == undisturbed[:1]
    assert machine.run_states() == ["failed"]
    ((error,),) = machine.rows("select error from raw_esios.extract_runs")
    assert API[fault].says[-1] in error
    then_plain(machine, server, undisturbed)


@pytest.mark.parametrize("concurrency", ["1", "4"])
@pytest.mark.parametrize("fault", ["500 for good", "no indicator", "404"])
def test_a_first_window_that_cannot_be_had_does_not_stop_the_others(
    machine: Machine, server: simulator.Server, undisturbed_days: list[Row], fault: str, concurrency: str
) -> None:
    make, settings = STRIKES[fault]
    server.add(make(**settings, covering=FIRST))
    API[fault].check(machine.extract(ESIOS_CONCURRENCY=concurrency, ESIOS_WINDOW="day"))
    assert machine.landing() == undisturbed_days[1:]


@pytest.mark.parametrize(("fault", "make"), [("key", faults.key_refused), ("401", faults.unauthorized)])
def test_a_refused_key_ends_the_run_and_keeps_what_was_landed(
    machine: Machine, server: simulator.Server, undisturbed: list[Row], fault: str, make: Make
) -> None:
    server.add(make(covering=SECOND))
    API[fault].check(machine.extract(ESIOS_CONCURRENCY="1"))
    assert [request.status for request in server.requests].count(200) == 1
    assert len(server.requests) == 2, "a refused key is not tried again"
    assert machine.landing() == undisturbed[:1]
    then_plain(machine, server, undisturbed)


def test_responses_are_landed_even_if_a_failure_that_ends_the_run_is_known(
    machine: Machine, server: simulator.Server, undisturbed_days: list[Row]
) -> None:
    holder: list[duckdb.DuckDBPyConnection] = []
    opening = threading.Lock()

    def hold_the_warehouse(document: Any) -> Any:
        with opening:
            if not holder:
                holder.append(duckdb.connect(str(machine.warehouse)))
        return document

    # Nothing can be landed until seven windows have a response and the eighth is refused.
    server.add(faults.edit(hold_the_warehouse))
    server.add(faults.key_refused(covering="2017-01-08"))
    extract = "esios", "extract", "--start", FIRST, "--end", LAST
    running = machine.start(*extract, ESIOS_WINDOW="day", ESIOS_CONCURRENCY="4")
    running.wait_until(lambda: len([request for request in server.requests if request.ended]) >= 8)
    time.sleep(0.5)  # sent is not yet read
    holder[0].close()
    API["key"].check(machine.end(running))
    assert machine.landing()[:7] == undisturbed_days[:7]


def test_the_key_does_not_follow_a_redirect_to_another_host(
    machine: Machine, server: simulator.Server, undisturbed: list[Row]
) -> None:
    with simulator.serve() as other:
        server.add(faults.redirect(f"{other.url}/indicators/460", covering=SECOND))
        API["307"].check(machine.extract(ESIOS_CONCURRENCY="1"))
        assert other.requests == []
    assert machine.landing() == undisturbed[:1]
    then_plain(machine, server, undisturbed)


def test_the_key_does_not_follow_a_redirect_from_https_to_http(
    machine: Machine, server: simulator.Server, certified: Certified, undisturbed: list[Row]
) -> None:
    certified.server.add(faults.redirect(f"{server.url}/indicators/460", covering=SECOND))
    trusting = {"ESIOS_BASE_URL": certified.server.url, "REQUESTS_CA_BUNDLE": str(certified.authority)}
    API["downgrade"].check(machine.extract(ESIOS_CONCURRENCY="1", **trusting))
    assert server.requests == []
    assert machine.landing() == undisturbed[:1], "a certificate that is vouched for is trusted"
    then_plain(machine, server, undisturbed)


def test_a_redirect_in_a_circle_ends(machine: Machine, server: simulator.Server, undisturbed: list[Row]) -> None:
    server.add(faults.redirect("/indicators/460?start_date=2017-02-01&end_date=2017-02-28", covering=SECOND))
    API["circle"].check(machine.extract(ESIOS_CONCURRENCY="1"))
    assert machine.landing() == undisturbed[:1]
    then_plain(machine, server, undisturbed)


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address on this machine that refuses connections: bound, and nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def deaf() -> Iterator[str]:
    """An address on this machine whose queue of connections is full: further ones never get a response."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        callers = [socket.socket() for _ in range(4)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        time.sleep(0.1)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for caller in callers:
            caller.close()


class Drip(BaseHTTPRequestHandler):
    """Sends a byte of an endless body now and then, never slow enough for a read time-out."""

    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"

    def do_GET(self) -> None:
        with suppress(OSError):
            self.wfile.write(self.head)
            while True:
                self.wfile.write(b" ")
                time.sleep(0.05)

    def log_message(self, *_: object) -> None:
        """Quiet."""


class DrippingHead(Drip):
    """The same within a header."""

    head = b"HTTP/1.1 200 OK\r\nServer: "


@pytest.fixture
def dripping(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server whose responses drip in."""
    with ThreadingHTTPServer(("127.0.0.1", 0), request.param) as listener:
        listener.daemon_threads = True
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{listener.server_port}"
        listener.shutdown()
        thread.join()


@dataclass(frozen=True)
class Certified:
    """A server that speaks TLS, and the file of the authority that vouches for it."""

    server: simulator.Server
    authority: Path


@pytest.fixture
def certified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Certified]:
    """A server whose certificate somebody vouches for."""
    folder: Path = tmp_path_factory.mktemp("certificate")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    with simulator.serve(tls=(folder / "cert.pem", folder / "key.pem")) as server:
        yield Certified(server, folder / "authority.pem")


@pytest.fixture
def untrusted(certified: Certified) -> simulator.Server:
    """The same, with an issuer unknown here."""
    return certified.server


@pytest.mark.parametrize("fault", ["refused", "no such host", "certificate", "connect time-out"])
def test_an_api_that_cannot_be_reached_leaves_nothing_half_done(
    request: pytest.FixtureRequest, machine: Machine, server: simulator.Server, undisturbed: list[Row], fault: str
) -> None:
    url = {
        "refused": lambda: str(request.getfixturevalue("nobody")),
        "no such host": lambda: "https://no-such-host.invalid",
        "certificate": lambda: str(request.getfixturevalue("untrusted").url),
        "connect time-out": lambda: str(request.getfixturevalue("deaf")),
    }[fault]()
    API[fault].check(machine.extract(ESIOS_BASE_URL=url, **IMPATIENT))
    assert machine.landing() == []
    assert machine.run_states() == ["failed"]
    then_plain(machine, server, undisturbed)


@pytest.mark.parametrize(
    ("fault", "dripping"), [("trickle", Drip), ("dripping head", DrippingHead)], indirect=["dripping"]
)
def test_a_response_that_drips_in_is_not_waited_for(
    machine: Machine, server: simulator.Server, undisturbed: list[Row], fault: str, dripping: str
) -> None:
    API[fault].check(machine.extract(ESIOS_BASE_URL=dripping, **IMPATIENT))
    assert machine.landing() == []
    assert machine.run_states() == ["failed"]
    then_plain(machine, server, undisturbed)


def test_an_untrusted_server_never_sees_the_key(machine: Machine, untrusted: simulator.Server) -> None:
    API["certificate"].check(machine.extract(ESIOS_BASE_URL=untrusted.url))
    assert untrusted.requests == []


def test_an_empty_response_is_landed_and_its_hours_come_with_a_later_one(
    machine: Machine, server: simulator.Server, undisturbed: list[Row]
) -> None:
    server.add(faults.empty_values(covering=SECOND))
    API["empty"].check(machine.extract())
    first, empty = machine.landing()
    assert first == undisturbed[0]
    assert '"values":[]' in empty[3]
    server.clear_faults()
    # The window is past its revision horizon, so the next plain run takes it as final; --refresh does not.
    assert "no request was made" in machine.extract().out
    assert machine.extract("--refresh").code == 0
    assert machine.landing() == sorted([*undisturbed, empty])


def test_an_indicator_without_values_is_not_added(machine: Machine) -> None:
    API["no values"].check(machine.esios("add", "603"))


def test_a_catalogue_that_lost_the_name_is_reported_and_does_not_touch_the_extraction(
    machine: Machine, server: simulator.Server, undisturbed: list[Row]
) -> None:
    server.add(faults.catalogue_without(NAME))
    API["catalogue"].check(machine.esios("find", NAME))
    assert machine.extract("--indicator", NAME).code == 0
    assert machine.landing() == undisturbed
    server.clear_faults()
    assert machine.esios("find", NAME).out.splitlines()[0] == f"460\t{NAME}"


def test_every_request_carries_the_key_in_its_header_and_nowhere_else(
    machine: Machine, server: simulator.Server
) -> None:
    assert machine.extract().code == 0
    assert server.requests
    for request in server.requests:
        assert request.key_ok
        assert KEY not in f"{request.path} {request.parameters}"
