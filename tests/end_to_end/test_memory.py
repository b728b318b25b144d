"""The extractor's memory: bounded by what is under way, whatever is asked for."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

import simulator
from benchmarks.main_job import measure


def peak_mb(folder: Path, *arguments: str) -> tuple[float, int]:
    """Peak memory of `esios extract` as the operating system counts it, and how many windows it landed."""
    with simulator.serve() as server:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("ESIOS_", "MSSQL_"))}
        environment |= {
            "ESIOS_BASE_URL": server.url,
            "ESIOS_API_KEY": "k",
            "ESIOS_REQUESTS_PER_SECOND": "1000",
            "ESIOS_DUCKDB_PATH": str(folder / "esios.duckdb"),
        }
        run = measure([sys.executable, "-m", "extract", "extract", "--json", *arguments], environment)
    return run.peak_mb, json.loads(run.output)["responses_landed"]


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is counted in KB on Linux only")
def test_memory_does_not_grow_with_indicators_areas_or_years(tmp_path: Path) -> None:
    # 100 MB and 127 to 130 MB, a larger window's worth more. With what glibc kept of each window it was 155 to 169.
    little, few = peak_mb(tmp_path / "little", "--start", "2025-01-01", "--end", "2025-12-31")
    much, many = peak_mb(tmp_path / "much", "--all", "--start", "2017-01-01", "--end", "2025-12-31")
    assert many > 40 * few
    assert much < 1.42 * little
