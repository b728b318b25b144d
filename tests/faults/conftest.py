"""What the fault tests share: a server that misbehaves on demand, machines whose traces are searched for secrets."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import simulator
from tests.end_to_end.conftest import ROOT
from tests.faults.machine import Machine, ProcessList, Row, files_with_secrets
from tests.warehouses.templates import Templates
from tests.warm_commands import WarmCommands


@pytest.fixture(scope="session")
def worker_server() -> Iterator[simulator.Server]:
    """One simulated ESIOS for a worker."""
    with simulator.serve() as server:
        yield server


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmCommands]:
    """What a worker's commands are forked from."""
    commands = WarmCommands()
    yield commands
    commands.close()


@pytest.fixture(scope="session", autouse=True)
def process_list() -> Iterator[ProcessList]:
    """Looked at all the while: no command line of any process ever holds a secret."""
    with ProcessList() as watched:
        yield watched
    assert watched.with_secrets() == []


@pytest.fixture(scope="session", autouse=True)
def shared_places_stay_clean() -> Iterator[None]:
    """After a worker's tests: what the commands may have written outside of the tests' folders holds no secret."""
    yield
    places = ("dbt_project/logs", "dbt_project/target", "logs", "exports", "warehouse")
    assert files_with_secrets(ROOT / place for place in places) == []


@pytest.fixture
def server(worker_server: simulator.Server) -> Iterator[simulator.Server]:
    """The simulated ESIOS, without a fault at first."""
    worker_server.reset()
    yield worker_server
    worker_server.reset()
    worker_server.latency_ms = 0


@pytest.fixture
def machine(tmp_path: Path, server: simulator.Server, warm: WarmCommands) -> Iterator[Machine]:
    """An empty machine. Afterwards nothing on it may hold the key or the password."""
    here = Machine(tmp_path, server.url, warm=warm)
    yield here
    assert here.found_secrets() == []


@pytest.fixture(scope="session")
def landed_warehouse(
    tmp_path_factory: pytest.TempPathFactory, worker_server: simulator.Server, warm: WarmCommands
) -> Machine:
    """A machine on which the tests' span was extracted undisturbed."""
    machine = Machine(tmp_path_factory.mktemp("undisturbed"), worker_server.url, warm=warm)
    worker_server.reset()
    finished = machine.extract()
    assert finished.code == 0, finished.err
    return machine


@pytest.fixture(scope="session")
def undisturbed(landed_warehouse: Machine) -> list[Row]:
    """The landing table of the tests' span where nothing went wrong: two months, a window each."""
    landed = landed_warehouse.landing()
    assert len(landed) == 2
    return landed


@pytest.fixture(scope="session")
def undisturbed_days(
    tmp_path_factory: pytest.TempPathFactory, worker_server: simulator.Server, warm: WarmCommands
) -> list[Row]:
    """The landing table of the same span with a window a day."""
    machine = Machine(tmp_path_factory.mktemp("undisturbed-days"), worker_server.url, warm=warm)
    worker_server.reset()
    assert machine.extract(ESIOS_WINDOW="day").code == 0
    landed = machine.landing()
    assert len(landed) == 59
    return landed


@pytest.fixture(scope="session")
def workplace(
    templates: Templates,
    tmp_path_factory: pytest.TempPathFactory,
    worker_server: simulator.Server,
    warm: WarmCommands,
) -> Machine:
    """The machine of a worker's dbt tests: always the same folder, in which dbt finds the project parsed."""
    from tests.warehouses.project import leave_parsed

    machine = Machine(tmp_path_factory.mktemp("workplace"), worker_server.url, warm=warm)
    leave_parsed(templates, machine.folder / "target", machine.warehouse)
    return machine


@pytest.fixture
def bench(workplace: Machine, server: simulator.Server) -> Iterator[Machine]:
    """The worker's machine for dbt, empty but for what dbt has parsed. Searched for secrets afterwards."""
    workplace.empty()
    yield workplace
    assert workplace.found_secrets() == []


@dataclass(frozen=True)
class Built:
    """An undisturbed warehouse with its table: the file, the table's rows."""

    file: Path
    mart: list[Row]


@pytest.fixture(scope="session")
def built(landed_warehouse: Machine, workplace: Machine, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """What dbt makes of the undisturbed landing."""
    workplace.empty()
    workplace.land(landed_warehouse.warehouse)
    finished = workplace.dbt()
    assert finished.code == 0, finished.out
    file = tmp_path_factory.mktemp("built") / "esios.duckdb"
    shutil.copyfile(workplace.warehouse, file)
    mart = workplace.mart()
    assert len(mart) == 59 * 24
    return Built(file, mart)
