"""Forecast against actual."""

from __future__ import annotations

from typing import Any

from extract.warehouse import Warehouse


def read(warehouse: Warehouse) -> dict[str, Any] | None:
    return None
