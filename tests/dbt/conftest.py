"""The parsed project, once a worker, and an empty warehouse for each test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

sys.path.insert(0, str(Path(__file__).parent))  # the tests are modules without a package

from landed_warehouse import FILE, PROFILES, PROJECT, Warehouse


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """The parsed project."""
    folder = tmp_path_factory.mktemp("parsed")
    places = ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ESIOS_DUCKDB_PATH", str(folder / FILE))
        outcome = dbtRunner().invoke(
            [
                *("parse", "--quiet", "--project-dir", str(PROJECT), "--profiles-dir", str(PROFILES)),
                *("--target", "duckdb", *places),
            ]
        )
    DuckDBConnectionManager.close_all_connections()
    assert outcome.success, outcome.exception
    assert isinstance(outcome.result, Manifest)
    return outcome.result


@pytest.fixture
def warehouse(tmp_path: Path, manifest: Manifest) -> Iterator[Warehouse]:
    """An empty warehouse with its landing tables."""
    yield Warehouse(tmp_path, manifest)
    DuckDBConnectionManager.close_all_connections()
