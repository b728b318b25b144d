"""The suite on Spark: only where the extra `spark` is installed."""

from __future__ import annotations

from importlib.util import find_spec

IS_INSTALLED = all(find_spec(package) for package in ("deltalake", "pysail", "pyspark"))
collect_ignore_glob = [] if IS_INSTALLED else ["test_*.py"]


def pytest_report_header() -> str | None:
    return None if IS_INSTALLED else "tests/spark: left out, the extra is not installed: `make test-spark`"
