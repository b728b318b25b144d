"""A large table is first written by slices of time: what one statement writes, value for value, or nothing."""

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

# In all other tests a table is written at once.
SLICED = ("--vars", "rows_in_a_slice: 8000")
# An increment is smaller.
SLICED_SMALL = ("--vars", "rows_in_a_slice: 200")
SLICED_TABLES = ("esios_value_versions", "period_checks", "week_checks", "daily_measures")
# What a clock says, and the numbers of the judgements: how many builds there were.
NO_VALUES = {"judged_at_utc", "published_at_utc", "built_at_utc", "rebuilt_at_utc", "judgement", "due_judgement"}
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


def differences(one: Warehouse, other: Warehouse, only: str | None = None) -> dict[str, int]:
    """How many rows of a relation only one of them has: of each that is not the same, or of one alone."""
    with duckdb.connect(str(one.path)) as connection:
        connection.execute(f"set timezone = 'UTC'; attach '{other.path}' as other (read_only)")
        columns: dict[tuple[str, str], list[str]] = {}
        for schema, name, column, kind in connection.execute(
            "select schema_name, table_name, column_name, data_type from duckdb_columns()"
            " where database_name = current_database() and schema_name <> 'raw_esios'"
        ).fetchall():
            # Its last digits depend on the order of an addition.
            shown = f"printf('%.12g', \"{column}\")" if kind == "DOUBLE" else f'"{column}"'
            columns.setdefault((schema, name), []).extend([] if column in NO_VALUES else [shown])
        compared = {where: each for where, each in columns.items() if only in (None, where[1])}
        assert len(compared) > (0 if only else 35)
        found = {}
        for (schema, name), shown_columns in compared.items():
            kept = ", ".join(shown_columns)
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
        assert statements(sliced, table) > 5, table
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
    sliced.run(*SLICED_SMALL)
    assert differences(whole, sliced) == {}
    whole.run("--full-refresh")
    assert statements(whole, "week_checks") == 1
    sliced.run("--full-refresh", *SLICED)
    assert statements(sliced, "week_checks") > 5
    assert differences(whole, sliced) == {}


# A query that ends when somebody has written into a pipe, asked for by the last slice of all time alone.
WAITING = """from judged_periods
cross join (
    select max(waited) as waited
    from read_csv('{pipe}', header = false, auto_detect = false, columns = {{'waited': 'varchar'}})
    where date '9000-01-01' = cast('9000-01-01' as date)
) as pipe"""


@pytest.fixture
def killed(warehouses: Makers, pair: tuple[Warehouse, Warehouse], tmp_path: Path) -> Iterator[Home]:
    """A home with the landing, and a project whose week_checks waits in the last of its slices."""
    landed(warehouses, tmp_path, pair[0]).run_for("period_checks", "due_days")
    with home("duckdb", tmp_path) as one:
        model = tmp_path / "project" / "models" / "quality" / "week_checks.sql"
        text = model.read_text("utf-8")
        assert text.endswith("from judged_periods\n")
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        model.write_text(text.removesuffix("from judged_periods\n") + WAITING.format(pipe=pipe), "utf-8")
        yield one


def kill_in_the_last_slice(killed: Home, *arguments: str) -> None:
    """Build week_checks and kill dbt when all slices but the last have been written."""
    command = [str(BIN / "dbt"), "run", "--select", "week_checks", *SLICED, *arguments]
    dbt = subprocess.Popen(command, env=killed.environment, cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True)
    pipe = None
    while pipe is None and dbt.poll() is None:
        with suppress(OSError):  # nobody reads it yet
            pipe = os.open(killed.folder / "pipe", os.O_WRONLY | os.O_NONBLOCK)
        time.sleep(0.05)
    with suppress(ProcessLookupError):
        os.killpg(dbt.pid, signal.SIGKILL)
    output = dbt.communicate()[0].decode()
    assert pipe is not None, output
    os.close(pipe)
    assert dbt.returncode == -signal.SIGKILL


def test_a_build_that_is_killed_between_two_slices_leaves_nothing_of_them(
    warehouses: Makers, pair: tuple[Warehouse, Warehouse], killed: Home
) -> None:
    warehouse = warehouses.empty(killed.folder)
    tables = "select table_name from duckdb_tables() where table_name like 'week_checks%'"
    kill_in_the_last_slice(killed)
    assert warehouse.rows(tables) == []
    warehouse.run("--select", "week_checks", *SLICED)
    assert differences(pair[0], warehouse, "week_checks") == {}
    kill_in_the_last_slice(killed, "--full-refresh")
    assert warehouse.rows(tables) == [("week_checks",)]
    assert differences(pair[0], warehouse, "week_checks") == {}
    warehouse.run("--select", "week_checks", "--full-refresh", *SLICED)
    assert differences(pair[0], warehouse, "week_checks") == {}
