"""The soak tests take minutes: they are run by `make soak` (`pytest -m soak`) only."""

from __future__ import annotations

import pytest

from tests.faults.conftest import (
    bench,
    built,
    landed,
    landed_warehouse,
    machine,
    process_list,
    server,
    shared_places_stay_clean,
    undisturbed,
    undisturbed_days,
    worker_server,
    workplace,
)

__all__ = [
    "bench",
    "built",
    "landed",
    "landed_warehouse",
    "machine",
    "process_list",
    "server",
    "shared_places_stay_clean",
    "undisturbed",
    "undisturbed_days",
    "worker_server",
    "workplace",
]


def pytest_configure(config: pytest.Config) -> None:
    """The marker."""
    config.addinivalue_line("markers", "soak: takes minutes; run by `make soak` only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave them out unless they are asked for."""
    if "soak" not in config.option.markexpr:
        left_out = [item for item in items if item.get_closest_marker("soak")]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
