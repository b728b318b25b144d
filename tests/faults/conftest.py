"""What the fault tests share: a server that misbehaves on demand, machines whose traces are searched for secrets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import simulator
from tests.faults.machine import Machine, Row


@pytest.fixture(scope="session")
def worker_server() -> Iterator[simulator.Server]:
    """One simulated ESIOS for a worker."""
    with simulator.serve() as server:
        yield server


@pytest.fixture
def server(worker_server: simulator.Server) -> Iterator[simulator.Server]:
    """The simulated ESIOS, without a fault at first."""
    worker_server.reset()
    yield worker_server
    worker_server.reset()


@pytest.fixture
def machine(tmp_path: Path, server: simulator.Server) -> Iterator[Machine]:
    """An empty machine. Afterwards nothing on it may hold the key or the password."""
    here = Machine(tmp_path, server.url)
    yield here
    assert here.found_secrets() == []


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, worker_server: simulator.Server) -> list[Row]:
    """The landing table of the tests' span where nothing went wrong: two months, a window each."""
    machine = Machine(tmp_path_factory.mktemp("undisturbed"), worker_server.url)
    worker_server.reset()
    finished = machine.extract()
    assert finished.code == 0, finished.err
    landed = machine.landing()
    assert len(landed) == 2
    return landed
