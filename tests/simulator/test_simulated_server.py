"""The simulated ESIOS as an HTTP server: keys, keep-alive, compression, concurrency, TLS, its log, its end."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import trustme

import simulator
from simulator import faults

QUARTER = {"start_date": "2017-01-01", "end_date": "2017-03-31T23:59:59", "time_trunc": "hour", "time_agg": "average"}


def code(server: simulator.Server, **headers: str) -> int:
    return requests.get(f"{server.url}/indicators", headers=headers, timeout=30).status_code


def test_any_key_is_accepted_and_none_is_401(esios):
    assert code(esios.server, **{"x-api-key": "anything"}) == 200
    response = requests.get(f"{esios.server.url}/indicators/460", timeout=30)
    assert (response.status_code, response.text.strip()) == (401, "HTTP Token: Access denied.")


def test_a_refused_key_is_403_as_json(serve):
    server = serve(refused_keys=["stale"]).server
    response = requests.get(f"{server.url}/indicators/460", headers={"x-api-key": "stale"}, timeout=30)
    assert (response.status_code, response.json()) == (403, {"Status": 403, "message": "Forbidden"})
    assert code(server, **{"x-api-key": "fresh"}) == 200


def test_with_one_key_every_other_is_refused(serve):
    server = serve(key="right").server
    assert code(server, **{"x-api-key": "right"}) == 200
    assert code(server, **{"x-api-key": "wrong"}) == 403
    assert code(server, Authorization='Token token="right"') == 401


def test_the_log_says_what_was_asked_and_never_the_key(esios):
    esios.get(start_date="2017-01-01", time_trunc="hour")
    requests.get(f"{esios.server.url}/indicators", timeout=30)
    first, second = esios.server.requests
    assert (first.number, first.path, first.indicator, first.status, first.key_ok) == (
        1,
        "/indicators/460",
        460,
        200,
        True,
    )
    assert first.parameters == {"start_date": ["2017-01-01"], "time_trunc": ["hour"]}
    assert first.headers["user-agent"].startswith("python-requests")
    assert (second.indicator, second.status, second.key_ok) == (None, 401, False)
    assert "a token" not in repr(esios.server.requests)
    assert "a token" not in requests.get(f"{esios.server.url}/_log", timeout=30).text


def test_connections_are_kept_alive_after_responses_and_errors_alike(esios):
    esios.server.add(faults.status(503, nth=2))
    for _ in range(4):
        esios.get(**QUARTER)
    assert len({request.connection for request in esios.server.requests}) == 1


def test_bodies_are_compressed_only_when_that_is_accepted(esios):
    packed = esios.session.get(f"{esios.server.url}/indicators/460", params=QUARTER, timeout=30)
    plain = esios.session.get(
        f"{esios.server.url}/indicators/460", params=QUARTER, headers={"Accept-Encoding": "identity"}, timeout=30
    )
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert int(packed.headers["Content-Length"]) < int(plain.headers["Content-Length"]) / 5
    assert packed.content == plain.content


def test_latency_does_not_serialise_connections(serve):
    server = serve(latency_ms=500).server

    def ask(_: int) -> int:
        return requests.get(f"{server.url}/indicators", headers={"x-api-key": "k"}, timeout=30).status_code

    started = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [200] * 8
    assert 0.5 <= time.monotonic() - started < 8 * 0.5


def test_every_response_names_the_simulator(esios):
    url = esios.server.url
    answers = [
        requests.get(f"{url}/indicators", timeout=30),
        requests.get(f"{url}/nothing", headers={"x-api-key": "k"}, timeout=30),
        requests.post(f"{url}/indicators", data=b"x", timeout=30),
        requests.request("BREW", f"{url}/indicators", timeout=30),
        requests.get(f"{url}/_log", timeout=30),
    ]
    assert [answer.status_code for answer in answers] == [401, 404, 405, 501, 200]
    assert {answer.headers["Server"] for answer in answers} == {"esios-simulator/1"}


def test_nonsense_on_the_wire_gets_a_response_and_does_no_harm(esios):
    with socket.create_connection(("127.0.0.1", esios.server.port), timeout=30) as wire:
        wire.sendall(b"\x00\x01 nonsense\r\n\r\n")
        assert b"400" in wire.recv(1000)
    assert esios.get().status_code == 200


def test_it_serves_tls(serve, tmp_path):
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    for number, blob in enumerate(certificate.cert_chain_pems):
        blob.write_to_path(tmp_path / "cert.pem", append=number > 0)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    client = serve(tls=(tmp_path / "cert.pem", tmp_path / "key.pem"))
    client.session.verify = str(tmp_path / "ca.pem")
    assert client.server.url.startswith("https://127.0.0.1:")
    assert len(client.hourly("2017-01-01", "2017-01-01T23:59:59")) == 24
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(client.server.url, timeout=30, verify=True)


def test_a_closed_server_accepts_no_more_and_drops_kept_connections(serve):
    client = serve()
    assert client.get().status_code == 200
    client.server.close()
    client.server.close()
    with pytest.raises(requests.exceptions.ConnectionError):
        client.get()


def test_reset_empties_faults_and_log(esios):
    esios.server.add(faults.firewall())
    assert esios.get().status_code == 403
    esios.server.reset()
    assert (esios.server.requests, esios.server.faults) == ([], [])
    assert esios.get().status_code == 200
    assert esios.server.requests[0].number == 1


def test_the_clock_may_be_a_function(serve):
    moments = iter([1_500_000_000.0] * 10)
    values = serve(clock=lambda: next(moments)).get("/indicators/460").json()["indicator"]["values"]
    assert values[0]["datetime"] == "2017-07-14T00:00:00.000+02:00"


def test_importing_it_starts_nothing_and_needs_no_pandas():
    script = (
        "import sys, threading, simulator\n"
        "assert threading.active_count() == 1\n"
        "assert not {'pandas', 'numpy', 'holidays', 'requests'} & set(sys.modules), sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)
