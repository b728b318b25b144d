"""The suite on Spark: only where the extra `spark` is installed."""

from __future__ import annotations

from tests.integration.conftest import HAS_SPARK

collect_ignore_glob = [] if HAS_SPARK else ["test_*.py"]


def pytest_report_header() -> str | None:
    return None if HAS_SPARK else "tests/spark: left out, the extra is not installed: `make test-spark`"
