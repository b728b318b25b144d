"""The tables that tests fill by hand have the names, columns and types of those that dbt builds."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from extract.warehouse.duckdb import DuckDB
from tests.known_values.histories import fill
from tests.warehouses.landed import Warehouse
from tests.warehouses.made import MadeWarehouse
from tests.warehouses.makers import Makers

# What views of the tables made by hand are made from.
HELPERS = {"main.names", "main.lost", "main.verdicts"}
COLUMNS = """select table_schema || '.' || table_name, column_name, data_type, table_type
from information_schema.columns join information_schema.tables using (table_catalog, table_schema, table_name)"""


def columns_of(file: Path) -> list[tuple[str, str, str, str]]:
    """(table, column, type, table or view) of all there is."""
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(COLUMNS).fetchall()


@pytest.fixture(scope="module")
def built(warehouses: Makers, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """What dbt builds of an empty landing."""
    warehouse = warehouses.empty(tmp_path_factory.mktemp("built"))
    warehouse.run()
    return warehouse


def report_tables(folder: Path) -> Path:
    """Those of the report's tests."""
    made = MadeWarehouse(folder)
    made.settings  # noqa: B018 - closes the file
    return made.path


def history_tables(folder: Path) -> Path:
    """Those of the tests of values as known at a cutoff."""
    with DuckDB(folder / "known.duckdb") as warehouse:
        warehouse.execute("create schema staging_esios")
        fill(warehouse, [])
    return folder / "known.duckdb"


@pytest.mark.parametrize("make", [report_tables, history_tables])
def test_tables_filled_by_hand_are_those_that_dbt_builds(built: Warehouse, tmp_path: Path, make) -> None:  # type: ignore[no-untyped-def]
    theirs = {(table, column): kind for table, column, kind, _ in columns_of(built.path)}
    ours = [row for row in columns_of(make(tmp_path)) if row[0] not in HELPERS]
    assert len(ours) > 20
    assert [row[:2] for row in ours if row[:2] not in theirs] == []
    # A view's types are those of what it is made from here.
    of_tables = {row[:2]: row[2] for row in ours if row[3] == "BASE TABLE"}
    assert of_tables == {name: theirs[name] for name in of_tables}
