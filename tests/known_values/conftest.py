"""A DuckDB file whose tables hold a history, and settings that point at it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from extract.settings import Settings, load_settings
from extract.warehouse.duckdb import DuckDB

from .histories import Said, fill

Fill = Callable[[Sequence[Said]], Settings]


@pytest.fixture
def filled(tmp_path: Path) -> Fill:
    """Puts a history into a warehouse; gives its settings. The file is closed again."""
    path = tmp_path / "known.duckdb"
    environment = {"ESIOS_DUCKDB_PATH": str(path)}

    def make(history: Sequence[Said]) -> Settings:
        with DuckDB(path) as warehouse:
            warehouse.execute("create schema if not exists staging_esios")
            fill(warehouse, history)
        return load_settings(environment, dotenv=tmp_path / "no.env")

    return make
