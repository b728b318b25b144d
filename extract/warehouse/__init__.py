"""The generic connector: one protocol (`base.Warehouse`), one module an engine, found by the name in ESIOS_TARGET.

To add an engine: write `extract/warehouse/<engine>.py` with `open_warehouse(settings, read_only, create)`, its DDL in
`ddl/<engine>/`, and run tests/warehouse against it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from extract.errors import UsageError
from extract.warehouse.base import RAW_SCHEMA, Warehouse
from extract.warehouse.tables import Column, Key, Kind, Rows, TableName, Upserted

if TYPE_CHECKING:
    from extract.settings import Settings

__all__ = [
    "RAW_SCHEMA",
    "Column",
    "Key",
    "Kind",
    "Rows",
    "TableName",
    "Upserted",
    "Warehouse",
    "connect",
]

# Where the connector's module is not called as the engine is: Spark's tables are Delta tables.
_MODULES = {"spark": "delta"}


def connect(settings: Settings, read_only: bool = False, create: bool = True) -> Warehouse:
    """Open the warehouse that the settings name; close it, or use it as a context manager.

    `create=False` (and `read_only`) never makes a new, empty DuckDB file: `UsageError` says how to fill one.
    `WarehouseError` where it cannot be reached or opened, or stays held by another process.
    """
    module = f"{__name__}.{_MODULES.get(settings.target, settings.target)}"
    try:
        engine = import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise UsageError(f"there is no warehouse engine {settings.target!r}", "set ESIOS_TARGET=duckdb") from None
    warehouse: Warehouse = engine.open_warehouse(settings, read_only=read_only, create=create)
    return warehouse
