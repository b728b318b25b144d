"""The judged warehouse, shared by the tests that only read it."""

from __future__ import annotations

import pytest

from tests.warehouses.landed import Warehouse
from tests.warehouses.makers import Makers


@pytest.fixture(scope="module")
def warehouse(warehouses: Makers, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Years of clean values and the faults of the field, judged. Not to be changed."""
    return warehouses.judged(tmp_path_factory.mktemp("judged"))
