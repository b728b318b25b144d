"""An empty warehouse for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.warehouses.landed import Warehouse
from tests.warehouses.makers import Makers


@pytest.fixture
def warehouse(warehouses: Makers, tmp_path: Path) -> Warehouse:
    """An empty warehouse with its landing tables."""
    return warehouses.empty(tmp_path)
