"""A large table is first written by slices of time: what one statement writes, value for value, and all of it or nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from tests.integration.conftest import BIN, ROOT, Home, home
from tests.warehouses import judged
from tests.warehouses.landed import Warehouse
from tests.warehouses.makers import Makers

# Some days of the densest months; in all other tests a table is written at once.
SLICED = ("--vars", "rows_in_a_slice: 500")
SLICED_TABLES = ("esios_value_versions", "period_checks", "week_checks", "daily_measures")
CLOCKS = {"judged_at_utc", "published_at_utc", "built_at_utc", "rebuilt_at_utc"}
# The results of dbt's own runs.
NOT_COMPARED = ("dbt_results", "test_history")


def landed(warehouses: Makers, folder: Path, source: Warehouse) -> Warehouse:
    """What was landed elsewhere, with nothing built."""
    warehouse = warehouses.empty(folder)
    tables = [name for (name,) in source.rows("select table_name from duckdb_tables() where schema_name = 'raw_esios'")]
    copies = [f"insert into raw_esios.{name} by name from source.raw_esios.{name}" for name in tables]
    warehouse.execute(f"attach '{source.path}' as source (read_only)", *copies)
    return warehouse


def statements(warehouse: Warehouse, model: str) -> int:
    """How many statements its last run wrote the rows with."""
    [file] = (warehouse.folder / "target" / "run").rglob(f"{model}.sql")
    return file.read_text("utf-8").count("insert into") + 1


def differences(one: Warehouse, other: Warehouse) -> dict[str, int]:
    """How many rows of a relation only one of them has: of each that is not the same."""
    with duckdb.connect(str(one.path)) as connection:
        connection.execute(f"set timezone = 'UTC'; attach '{other.path}' as other (read_only)")
        relations = connection.execute(
            "select schema, name, list(column_name) from (select schema_name as schema, table_name as name, column_name"
            " from duckdb_columns() where database_name = current_database() and schema_name <> 'raw_esios')"
            " group by all"
        ).fetchall()
        assert len(relations) > 35
        found = {}
        for schema, name, columns in relations:
            kept = ", ".join(f'"{column}"' for column in columns if column not in CLOCKS)
            here, there = (f'select {kept} from {where}{schema}."{name}"' for where in ("", "other."))
            [(count,)] = connection.execute(
                f"select count(*) from ((({here}) except all ({there})) union all (({there}) except all ({here})))"
            ).fetchall()
            if count and name not in NOT_COMPARED:
                found[f"{schema}.{name}"] = count
    return found


def land_more(warehouse: Warehouse) -> None:
    """A month more, and a revision of a day far back."""
    judged.land(warehouse, 460, "2021-01-01", "2021-01-31", judged.days("2021-01-01", "2021-01-31"), "2021-06-02 10:00")
    revised = {at: value + 1_000 for at, value in judged.days("2018-03-24", "2018-03-26").items()}
    judged.land(warehouse, 460, "2018-03-24", "2018-03-26", revised, "2021-06-02 11:00")


@pytest.fixture(scope="module")
def pair(warehouses: Makers, tmp_path_factory: pytest.TempPathFactory) -> tuple[Warehouse, Warehouse]:
    """The same landing, built at once and by slices."""
    whole = warehouses.judged(tmp_path_factory.mktemp("whole"))
    sliced = landed(warehouses, tmp_path_factory.mktemp("sliced"), whole)
    sliced.run(*SLICED)
    return whole, sliced


def test_a_first_build_by_slices_writes_what_one_statement_writes(pair: tuple[Warehouse, Warehouse]) -> None:
    whole, sliced = pair
    for table in SLICED_TABLES:
        assert statements(sliced, table) > 20, table
    assert differences(whole, sliced) == {}


def test_an_increment_and_a_full_refresh_by_slices_are_those_of_one_statement(
    warehouses: Makers, pair: tuple[Warehouse, Warehouse], tmp_path: Path
) -> None:
    twins = []
    for number, one in enumerate(pair):
        folder = tmp_path / str(number)
        folder.mkdir()
        shutil.copy(one.path, folder)
        twins.append(warehouses.empty(folder))
        land_more(twins[number])
    whole, sliced = twins
    whole.run()
    sliced.run(*SLICED)
    assert differences(whole, sliced) == {}
    whole.run("--full-refresh")
    assert statements(whole, "week_checks") == 1
    sliced.run("--full-refresh", *SLICED)
    assert statements(sliced, "week_checks") > 20
    assert differences(whole, sliced) == {}


