"""No log, table, file, process list or error holds the key or a password; each other test searches its own traces."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

import simulator
from simulator import faults
from tests.faults.machine import KEY, PASSWORD, Machine, ProcessList, holds_secret
from tests.faults.table import PROCESS, SECRET

SPAN = ("--start", "2017-01-01", "--end", "2017-02-28")
SQL_SERVER = {
    "ESIOS_TARGET": "sqlserver",
    "MSSQL_SERVER": "127.0.0.1",
    "MSSQL_PORT": "1",
    "MSSQL_DATABASE": "mock_db",
    "MSSQL_USER": "user1",
    "MSSQL_PASSWORD": PASSWORD,
    "MSSQL_LOGIN_TIMEOUT_S": "1",
}


def test_the_search_finds_a_secret_in_words_bytes_names_and_compressed_tables(tmp_path: Path) -> None:
    here = Machine(tmp_path)
    assert here.found_secrets() == []
    here.said.append(f"GET /indicators?x-api-key={KEY}")
    (tmp_path / "dbt.log").write_text(f"login failed for {PASSWORD}", "utf-8")
    (tmp_path / "utf-16.log").write_text(KEY, "utf-16")
    (tmp_path / f"{KEY}.txt").touch()
    with duckdb.connect(str(here.warehouse)) as connection:
        connection.execute("create table noted as select repeat(?, 3) || range as words from range(100000)", [KEY])
        connection.execute(f"create view seen as select '{KEY}' as words")
    assert holds_secret(b"https://user:f4ul7%3Bp%27a%22s%25s%7Dw%7Bord--8e1b@host")
    found = here.found_secrets()
    assert found[0] == "what a command said"
    names = {Path(place).name for place in found}
    assert {
        "dbt.log",
        "utf-16.log",
        f"{KEY}.txt",
        "esios.duckdb: main.noted",
        "esios.duckdb: pg_catalog.pg_views",
    } <= names


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no /proc on this system")
def test_the_process_list_shows_neither_key_nor_password(
    machine: Machine, server: simulator.Server, process_list: ProcessList
) -> None:
    server.add(faults.hang())
    extracting = machine.start("esios", "extract", *SPAN)
    parsing = machine.start("dbt", "--no-use-colors", "parse", **SQL_SERVER)
    parsing.process.wait(120)
    extracting.process.kill()
    machine.end(extracting)
    machine.end(parsing)
    assert process_list.shows("esios extract"), "it was looked at while it ran"
    assert process_list.shows("dbt --no-use-colors parse")
    assert process_list.with_secrets() == []


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no /proc on this system")
def test_a_secret_on_a_command_line_would_be_found() -> None:
    with ProcessList(pause_s=0.01, secrets=("s3cr3t-0f-th1s-t3st",)) as watched:
        telling = subprocess.Popen([sys.executable, "-c", "input()", "s3cr3t-0f-th1s-t3st"], stdin=subprocess.PIPE)
        give_up = time.monotonic() + 60
        while not watched.with_secrets() and time.monotonic() < give_up:
            time.sleep(0.01)
        telling.communicate(b"\n", timeout=120)
    assert len(watched.with_secrets()) == 1


@pytest.mark.parametrize("backend", ["mssql-python", "pyodbc"])
def test_a_sql_server_that_cannot_be_reached_is_reported_without_the_password(machine: Machine, backend: str) -> None:
    variables = {**SQL_SERVER, "MSSQL_BACKEND": backend}
    SECRET["unreachable"].check(machine.esios("status", **variables))
    assert machine.esios("extract", *SPAN, "--debug", **variables).code in (1, 5), "with its traceback"
    assert holds_secret(machine.said[-1].encode()) is False
    PROCESS["dbt unreachable"].check(machine("dbt", "--no-use-colors", "run", **variables))


def test_dbt_blots_out_the_password_in_what_it_writes(machine: Machine) -> None:
    debugging = machine("dbt", "--no-use-colors", "--log-level", "debug", "debug", **SQL_SERVER)
    assert debugging.code != 0
    written = [path for path in machine.folder.rglob("*") if path.is_file()]
    assert any(path.name == "dbt.log" for path in written), "there is a log to search"


def test_a_refused_key_is_not_shown_not_even_with_debug(machine: Machine, server: simulator.Server) -> None:
    server.add(faults.key_refused())
    SECRET["asked"].check(machine.extract())
    debugging = machine.extract("--debug")
    assert "Traceback" in debugging.err
    assert not holds_secret(debugging.err.encode())
    assert not any(holds_secret(str(request).encode()) for request in server.requests)
