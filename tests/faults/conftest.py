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

FILE = "esios.duckdb"


@pytest.fixture(scope="session")
def worker_server() -> Iterator[simulator.Server]:
    """One simulated ESIOS for a worker."""
    with simulator.serve() as server:
        yield server


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


@dataclass(frozen=True)
class Undisturbed:
    """Makes machines on which the tests' span was extracted undisturbed, which happens once a run of the tests."""

    templates: Templates
    folders: pytest.TempPathFactory
    server: simulator.Server
    warm: WarmCommands

    def machine(self, name: str, **settings: str) -> Machine:
        """A machine with a copy of what those settings land."""

        def extract(folder: Path) -> None:
            self.server.reset()
            finished = Machine(folder, self.server.url, warm=self.warm).extract(**settings)
            assert finished.code == 0, finished.err

        machine = Machine(self.folders.mktemp(name), self.server.url, warm=self.warm)
        machine.land(self.templates.folder(name, extract) / FILE)
        return machine


@pytest.fixture(scope="session")
def landed(
    templates: Templates,
    tmp_path_factory: pytest.TempPathFactory,
    worker_server: simulator.Server,
    warm: WarmCommands,
) -> Undisturbed:
    """Where nothing goes wrong."""
    return Undisturbed(templates, tmp_path_factory, worker_server, warm)


@pytest.fixture(scope="session")
def landed_warehouse(landed: Undisturbed) -> Machine:
    """A machine on which the tests' span was extracted undisturbed."""
    return landed.machine("undisturbed")


@pytest.fixture(scope="session")
def undisturbed(landed_warehouse: Machine) -> list[Row]:
    """The landing table of the tests' span where nothing went wrong: two months, a window each."""
    months = landed_warehouse.landing()
    assert len(months) == 2
    return months


@pytest.fixture(scope="session")
def undisturbed_days(landed: Undisturbed) -> list[Row]:
    """The landing table of the same span with a window a day."""
    days = landed.machine("undisturbed-days", ESIOS_WINDOW="day").landing()
    assert len(days) == 59
    return days


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
def built(
    templates: Templates, landed_warehouse: Machine, workplace: Machine, tmp_path_factory: pytest.TempPathFactory
) -> Built:
    """What dbt makes of the undisturbed landing, once a run of the tests."""

    def build(folder: Path) -> None:
        workplace.empty()
        workplace.land(landed_warehouse.warehouse)
        finished = workplace.dbt()
        assert finished.code == 0, finished.out
        shutil.copyfile(workplace.warehouse, folder / FILE)

    machine = Machine(tmp_path_factory.mktemp("built"))
    machine.land(templates.folder("undisturbed-built", build) / FILE)
    mart = machine.mart()
    assert len(mart) == 59 * 24
    return Built(machine.warehouse, mart)
