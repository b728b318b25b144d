"""What the extract tests share: settings that point at a server on loopback and at a DuckDB file of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import simulator
from extract.settings import Settings, load_settings

MakeSettings = Callable[..., Settings]


@pytest.fixture
def settings_for(tmp_path: Path) -> MakeSettings:
    """Settings for a server: quick retries, no politeness limit, a warehouse in the test's folder."""

    def make(server: simulator.Server | str, **more: str) -> Settings:
        environment = {
            "ESIOS_API_KEY": "sesame",
            "ESIOS_BASE_URL": server if isinstance(server, str) else server.url,
            "ESIOS_DUCKDB_PATH": str(tmp_path / "esios.duckdb"),
            "ESIOS_REQUESTS_PER_SECOND": "1000",
            "ESIOS_BURST": "1000",
            "ESIOS_BACKOFF_INITIAL_S": "0.01",
            "ESIOS_BACKOFF_MAX_S": "0.05",
            "ESIOS_READ_TIMEOUT_S": "5",
            **more,
        }
        return load_settings(environment, tmp_path / "no.env")

    return make
