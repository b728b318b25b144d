"""What the catalogue's tests share: settings for a server on loopback, a visit to it, and a registry of their own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import simulator
from extract.catalogue.lookup import Lookup
from extract.registry import REGISTRY
from extract.settings import Settings, load_settings
from tests.end_to_end.conftest import ROOT, Shell
from tests.warm_commands import WarmCommands

__all__ = ["NOON", "NOON_UTC", "ROOT", "settings_of", "utc"]

NOON = "2026-11-27T12:00:00"
NOON_UTC = datetime(2026, 11, 27, 11)


def settings_of(server: simulator.Server, folder: Path, **more: str) -> Settings:
    """Settings for a server: quick retries, no politeness limit, a warehouse in the folder."""
    environment = {
        "ESIOS_API_KEY": "sesame",
        "ESIOS_BASE_URL": server.url,
        "ESIOS_DUCKDB_PATH": str(folder / "esios.duckdb"),
        "ESIOS_REQUESTS_PER_SECOND": "1000",
        "ESIOS_BURST": "1000",
        "ESIOS_BACKOFF_INITIAL_S": "0.01",
        "ESIOS_BACKOFF_MAX_S": "0.05",
        **more,
    }
    return load_settings(environment, folder / "no.env")


@pytest.fixture(scope="module")
def shared_server() -> Iterator[simulator.Server]:
    """One simulated ESIOS for the tests of a file, at noon of 2026-11-27."""
    with simulator.serve(clock=NOON) as server:
        yield server


@pytest.fixture
def server(shared_server: simulator.Server) -> simulator.Server:
    """The same, with nothing logged and nothing wrong."""
    shared_server.reset()
    shared_server.set_clock(NOON)
    return shared_server


@pytest.fixture
def lookup(server: simulator.Server, tmp_path: Path) -> Iterator[Lookup]:
    """A visit to the catalogue; its lines are in `lookup.said`."""
    said: list[str] = []
    visit = Lookup(settings_of(server, tmp_path), said.append, now=lambda: utc(server))
    visit.said = said  # type: ignore[attr-defined]
    with visit:
        yield visit


def utc(server: simulator.Server) -> datetime:
    """The server's clock, naive UTC."""
    return datetime.fromtimestamp(server.now, UTC).replace(tzinfo=None)


@pytest.fixture
def shell(tmp_path: Path, warm: WarmCommands) -> Shell:
    """A shell on a warehouse in the test's folder, which does not exist yet."""
    return Shell(tmp_path, warm=warm)


@pytest.fixture
def registry_file(tmp_path: Path) -> Path:
    """A copy of the registry's file, to be written to."""
    return Path(shutil.copy(REGISTRY, tmp_path / "esios_indicators.yml"))
