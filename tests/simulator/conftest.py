"""A simulated ESIOS per test, and a plain client that asks it as anybody would: over HTTP, with requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

import simulator

NOON = "2024-03-13T12:00:00"  # a Wednesday, in Madrid


class Client:
    """A client of one server; `values` gives the values list, `get` the response."""

    def __init__(self, server: simulator.Server) -> None:
        self.server = server
        self.session = requests.Session()
        self.session.trust_env = False  # a proxy or a CA bundle of the machine has no say here
        self.session.headers["x-api-key"] = "a token"

    def get(self, path: str = "/indicators/460", **parameters: Any) -> requests.Response:
        return self.session.get(self.server.url + path, params=parameters, timeout=30, allow_redirects=False)

    def answer(self, indicator: int, start: str, end: str, **parameters: Any) -> dict[str, Any]:
        response = self.get(f"/indicators/{indicator}", start_date=start, end_date=end, **parameters)
        assert response.status_code == 200, response.text
        return response.json()["indicator"]

    def values(self, indicator: int, start: str, end: str, **parameters: Any) -> list[dict[str, Any]]:
        return self.answer(indicator, start, end, **parameters)["values"]

    def hourly(self, start: str, end: str, indicator: int = 460) -> list[dict[str, Any]]:
        return self.values(indicator, start, end, time_trunc="hour", time_agg="average")


@pytest.fixture
def serve() -> Iterator[Callable[..., Client]]:
    """Starts servers (the clock stands at 2024-03-13 12:00 in Madrid unless set) and stops them after the test."""
    servers: list[simulator.Server] = []

    def start(**options: Any) -> Client:
        servers.append(simulator.serve(**{"clock": NOON, **options}))
        return Client(servers[-1])

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def esios(serve: Callable[..., Client]) -> Client:
    """A client of a server without faults."""
    return serve()
