"""The judged warehouse, shared by the tests that only read it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "quality"))  # the tests are modules without a package

import judged_warehouse
from landed_warehouse import Warehouse


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Years of clean values and the faults of the field, judged. Not to be changed."""
    return judged_warehouse.judged(tmp_path_factory.mktemp("judged"))
