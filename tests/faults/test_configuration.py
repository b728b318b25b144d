"""Configuration and input that make no sense are reported before anything is touched; names may hold anything."""

from __future__ import annotations

import json
import shutil
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

import simulator
from extract.registry import REGISTRY
from simulator import faults
from tests.end_to_end.conftest import ROOT, Finished
from tests.faults.conftest import Built
from tests.faults.machine import PASSWORD, Machine
from tests.faults.table import INPUT

SQL_SERVER = {
    "ESIOS_TARGET": "sqlserver",
    "MSSQL_SERVER": "127.0.0.1",
    "MSSQL_DATABASE": "mock_db",
    "MSSQL_USER": "user1",
    "MSSQL_PASSWORD": PASSWORD,
}
SPAN = ("--start", "2017-01-01", "--end", "2017-02-28")
# What each fault is: the arguments of `esios`, and the variables that differ.
VALUES = ("export", "--indicator", "460", "--out", "not-to-be-written.csv")
WRONG: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "no key": (("extract", *SPAN), {"ESIOS_API_KEY": ""}),
    "blank key": (("extract", *SPAN), {"ESIOS_API_KEY": "   "}),
    "key with a line break": (("extract", *SPAN), {"ESIOS_API_KEY": "abc\ndef"}),
    "plain http": (("extract", *SPAN), {"ESIOS_BASE_URL": "http://api.esios.ree.es"}),
    "no address": (("extract", *SPAN), {"ESIOS_BASE_URL": "api.esios.ree.es"}),
    "credentials in the address": (("extract", *SPAN), {"ESIOS_BASE_URL": f"https://u:{'x' * 8}@host"}),
    "port of the address": (("extract", *SPAN), {"ESIOS_BASE_URL": "https://host:abc"}),
    "port": (("status",), {**SQL_SERVER, "MSSQL_PORT": "abc"}),
    "port out of range": (("status",), {**SQL_SERVER, "MSSQL_PORT": "65536"}),
    "no server": (("status",), {**SQL_SERVER, "MSSQL_SERVER": ""}),
    "no password": (("status",), {**SQL_SERVER, "MSSQL_PASSWORD": "", "MSSQL_USER": ""}),
    "yes or no": (("status",), {**SQL_SERVER, "MSSQL_ENCRYPT": "perhaps"}),
    "number": (("extract", *SPAN), {"ESIOS_CONCURRENCY": "many"}),
    "window": (("extract", *SPAN), {"ESIOS_WINDOW": "decade"}),
    "target": (("status",), {"ESIOS_TARGET": "oracle"}),
    "lake": (("status",), {"ESIOS_TARGET": "spark", "ESIOS_LAKE": "gs://bucket/lake"}),
    "credentials of the lake": (("status",), {"ESIOS_LAKE": f"s3://u:{PASSWORD}@bucket/lake"}),
    "lake over http": (
        ("status",),
        {
            "ESIOS_TARGET": "spark",
            "ESIOS_LAKE": "s3://bucket/lake",
            "AWS_ENDPOINT_URL": "http://minio.example.com:9000",
        },
    ),
    "no lake to optimize": (("lake", "optimize"), {}),
    "copy to itself": (("copy-landing", "--to", "duckdb"), {}),
    "indicator": (("extract", *SPAN, "--indicator", "99999999"), {}),
    "indicator with quotes": (("extract", *SPAN, "--indicator", "460'; drop table x;--"), {}),
    "table": (("export", "--table", "no_such_table"), {}),
    "table with quotes": (("export", "--table", 'x"; drop table demand_forecast_esios;--'), {}),
    "not a date": (("extract", "--start", "2017-02-29"), {}),
    "dates out of order": (("extract", "--start", "2018-01-02", "--end", "2018-01-01"), {}),
    "start in the future": (("extract", "--start", str(date.today() + timedelta(days=400))), {}),
    "end in the future": (("extract", "--start", "2017-01-01", "--end", "2999-12-31"), {}),
    "start before the series": (("extract", "--start", "1917-01-01", "--end", "2017-01-31"), {}),
    "end before the series": (("extract", "--end", "1917-12-31"), {}),
    "forget unconfirmed": (("forget", "--indicator", "460", "--start", "2017-01-01", "--end", "2017-01-31"), {}),
    "forget what is not due": (
        ("forget", "--indicator", "460", "--start", "2018-01-01", "--end", "2018-01-31", "--yes"),
        {},
    ),
    "two cutoffs": ((*VALUES, "--as-of", "2018-01-01", "--known-before", "PT24H"), {}),
    "rule": ((*VALUES, "--known-before", "yesterday"), {}),
    "instant": ((*VALUES, "--as-of", "noon"), {}),
    "area": ((*VALUES, "--areas", "3"), {}),
    "list of areas": ((*VALUES, "--areas", "3;drop"), {}),
    "time zone": ((*VALUES, "--tz", "Madrid"), {}),
    "versions": ((*VALUES, "--versions", "newest"), {}),
    "all versions wide": ((*VALUES, "--versions", "all", "--wide"), {}),
    "table and indicator": ((*VALUES, "--table", "esios_values"), {}),
    "no indicator to export": (("export", "--wide"), {}),
    "unknown ending": (("export", "--out", "x.docx"), {}),
    "no file": (("load", "no-such.csv", "--table", "demand_forecast_esios"), {}),
}


@pytest.mark.parametrize("fault", WRONG)
def test_what_makes_no_sense_is_reported_and_touches_nothing(
    machine: Machine, server: simulator.Server, built: Built, fault: str
) -> None:
    machine.land(built.file)
    arguments, variables = WRONG[fault]
    before = machine.warehouse.read_bytes()
    INPUT[fault].check(machine.esios(*arguments, **variables))
    assert server.requests == []
    assert machine.warehouse.read_bytes() == before


def test_a_wrong_entry_of_the_registry_is_reported_and_touches_nothing(
    machine: Machine, server: simulator.Server, built: Built, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    for folder in ("extract", "dbt_project"):
        shutil.copytree(ROOT / folder, project / folder, ignore=shutil.ignore_patterns("target", "logs", "__pycache__"))
    registry = project / "dbt_project" / "models" / "registry" / "esios_indicators.yml"
    registry.write_text(registry.read_text("utf-8").replace("areas: [3, 1, 2]", "areas: España"), "utf-8")
    machine.land(built.file)
    before = machine.warehouse.read_bytes()
    command = f"import sys; sys.path.insert(0, {str(project)!r}); from extract.__main__ import main; main()"
    INPUT["registry"].check(machine(sys.executable, "-c", command, "extract", *SPAN))
    assert server.requests == []
    assert machine.warehouse.read_bytes() == before


def test_the_same_is_reported_to_programs(machine: Machine) -> None:
    finished = machine.esios("status", "--json", ESIOS_TARGET="oracle")
    document = json.loads(finished.out)
    assert (finished.code, document["exit_code"]) == (2, 2)
    assert document["error"].endswith("set it to one of duckdb, sqlserver, spark")


@pytest.mark.parametrize("command", [("make", "extract", "START=2017-02-29"), ("make", "extract", "END=2999-01-01")])
def test_make_passes_the_failure_on(machine: Machine, command: tuple[str, ...]) -> None:
    finished = machine(*command)
    assert finished.code == 2
    assert "Error" in finished.err
    assert "Traceback" not in finished.err


def test_dbt_refuses_the_same_configuration(machine: Machine) -> None:
    INPUT["target"].check(machine("dbt", "run", ESIOS_TARGET="oracle"))
    INPUT["port"].check(machine("dbt", "run", **{**SQL_SERVER, "MSSQL_PORT": "abc"}))


ODD_NAME = "Previsión \"diaria\"; drop table demand_forecast_esios;-- 'x' {{ 1 }} 日本 \U0001f50c"
ODD_FOLDER = "a b'c--\"ñ{{x}} 日本"
ODD_FILE = "we ird--ñ{{x}} 日本.duckdb"


@pytest.mark.parametrize("path", ["a;--.duckdb", "we'ird.duckdb", 'we"ird.duckdb', "a#b/x.duckdb", "a?b/x.duckdb"])
def test_a_path_that_dbt_could_not_build_in_is_refused_from_the_start(
    machine: Machine, server: simulator.Server, path: str
) -> None:
    INPUT["path"].check(machine.extract(ESIOS_DUCKDB_PATH=str(machine.folder / path)))
    INPUT["path"].check(machine("dbt", "run", ESIOS_DUCKDB_PATH=str(machine.folder / path)))
    assert server.requests == []
    assert not (machine.folder / path).exists()


@pytest.mark.parametrize("name", ["quality_esios.duckdb", "Quality_ESIOS.v2.db", "x/.quality_esios"])
def test_a_file_with_the_name_of_a_schema_is_refused_from_the_start(
    machine: Machine, server: simulator.Server, name: str
) -> None:
    for command in (("esios", "extract", *SPAN), ("esios", "status"), ("dbt", "run")):
        INPUT["database name"].check(machine(*command, ESIOS_DUCKDB_PATH=str(machine.folder / name)))
    assert server.requests == []
    assert not (machine.folder / name).exists()


def test_a_line_of_the_file_of_settings_that_cannot_be_read_is_named(machine: Machine) -> None:
    from extract.errors import UsageError
    from extract.settings import configuration

    file = machine.folder / ".env"
    file.write_text(f"ESIOS_TARGET=duckdb\n\nMSSQL_PASSWORD='{PASSWORD}\nMSSQL_SCHEMA='dbo'\n", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        configuration({"PATH": "x"}, file)
    file.unlink()
    machine.said.append(str(caught.value))
    INPUT["env line"].check(Finished(caught.value.exit_code, "", f"Error: {caught.value}"))


FILES = {
    "escaped quote": b'id,code\n1,"a \\"b\\" c"\n',
    "text after a quote": b'id,code\n1,"a"b\n',
    "workbook": b"PK\x03\x04\x14\0\0\0\x08\0",
}


@pytest.mark.parametrize("fault", FILES)
def test_a_file_that_would_be_altered_is_refused(machine: Machine, fault: str) -> None:
    with duckdb.connect(str(machine.warehouse)) as connection:
        connection.execute("create table t (id integer, code varchar)")
    file = machine.folder / "in.csv"
    file.write_bytes(FILES[fault])
    INPUT[fault].check(machine.esios("load", str(file), "--table", "t"))
    assert machine.rows("select * from t") == []


@pytest.mark.parametrize("name", ["folder.csv", "link.csv"])
def test_a_folder_is_not_an_output(machine: Machine, built: Built, name: str) -> None:
    machine.land(built.file)
    (machine.folder / "folder.csv").mkdir()
    (machine.folder / "link.csv").symlink_to("folder.csv")
    INPUT["output folder"].check(machine.esios("export", "--out", str(machine.folder / name)))
    assert list((machine.folder / "folder.csv").iterdir()) == []


# What people with dbt projects of their own have in their profiles.
THEIRS = {
    "DBT_EMPTY": "true",
    "DBT_ENGINE_EMPTY": "true",
    "DBT_DEFER": "true",
    "DBT_FAIL_FAST": "true",
    "DBT_FULL_REFRESH": "true",
    "DBT_INDIRECT_SELECTION": "empty",
    "DBT_LOG_FORMAT": "json",
    "DBT_PROFILE": "theirs",
    "DBT_PROFILES_DIR": "/nonexistent",
    "DBT_PROJECT_DIR": "/nonexistent",
    "DBT_STATE": "/nonexistent",
    "DBT_STORE_FAILURES": "true",
    "DBT_TARGET": "dev",
    "DBT_WARN_ERROR": "true",
    "DBT_WARN_ERROR_OPTIONS": '{"error": "all"}',
    "DBT_WRITE_JSON": "false",
}


def test_the_variables_of_another_dbt_project_do_not_count(bench: Machine, built: Built) -> None:
    bench.land(built.file)
    out = bench.folder / "out.csv"
    finished = bench.esios("run", "--start", "2017-01-01", "--end", "2017-02-28", "--out", str(out), **THEIRS)
    INPUT["dbt variables"].check(finished)
    assert bench.mart() == built.mart
    typed = bench("dbt", "--no-use-colors", "run", "--select", "demand_forecast_esios", **THEIRS)
    INPUT["dbt variables"].check(typed)
    assert typed.err.count("ignored") == 1
    assert bench.mart() == built.mart


def test_a_name_to_find_may_hold_quotes_and_semicolons(machine: Machine) -> None:
    INPUT["find"].check(machine.esios("find", "x'; drop table y;-- 日本"))


@pytest.mark.parametrize(
    ("key", "arguments"),
    [
        ("describe unknown", ("describe", "999999")),
        ("add registered", ("add", "541", "600")),
        ("add areas", ("add", "1001", "--areas", "8741,3")),
        ("add kind", ("add", "541", "--kind", "prices")),
    ],
)
def test_what_cannot_be_described_or_added_leaves_the_registry_as_it_was(
    machine: Machine, key: str, arguments: tuple[str, ...]
) -> None:
    before = REGISTRY.read_bytes()
    INPUT[key].check(machine.esios(*arguments))
    assert REGISTRY.read_bytes() == before


def test_dbt_builds_in_a_file_with_an_odd_name(
    bench: Machine, server: simulator.Server, landed_warehouse: Machine, built: Built
) -> None:
    folder = bench.folder / ODD_FOLDER
    folder.mkdir()
    bench.settings["ESIOS_DUCKDB_PATH"] = str(folder / ODD_FILE)
    try:
        bench.land(landed_warehouse.warehouse)
        server.add(faults.edit(renamed))
        assert bench.extract("--refresh").code == 0
        finished = bench.dbt()
        assert finished.code == 0, finished.out
        assert [row[1:] for row in bench.mart()] == [row[1:] for row in built.mart]
        assert {row[0] for row in bench.mart()} == {ODD_NAME}
        out = folder / "ou't;--.csv"
        assert bench.esios("export", "--out", str(out)).code == 0
        assert len(out.read_text("utf-8").splitlines()) == 1 + len(built.mart)
    finally:
        bench.settings.clear()


def renamed(document: dict[str, Any]) -> dict[str, Any]:
    """The response under an odd name."""
    document["indicator"]["name"] = ODD_NAME
    return document


def test_a_table_and_columns_with_odd_names_are_loaded_and_exported(machine: Machine) -> None:
    table, column = "od\"d;--' Tabelle ñ", "va\"l;--'ue 日本"
    quoted_table, quoted_column = (name.replace('"', '""') for name in (table, column))
    with duckdb.connect(str(machine.warehouse)) as connection:
        connection.execute(f'create table "{quoted_table}" (id integer primary key, "{quoted_column}" varchar)')
    file = machine.folder / "in;--'.csv"
    escaped = column.replace('"', '""')
    file.write_text(f'id,"{escaped}"\n1,"x\'); drop table t;--"\n2,ñ日本\n', encoding="utf-8")
    loaded = machine.esios("load", str(file), "--table", table, "--mode", "upsert", "--key", "id")
    assert loaded.code == 0, loaded.err
    assert machine.rows(f'select * from "{quoted_table}" order by id') == [(1, "x'); drop table t;--"), (2, "ñ日本")]
    out = machine.folder / "out.csv"
    assert machine.esios("export", "--table", table, "--out", str(out)).code == 0
    assert out.read_text("utf-8") == f'id,"{escaped}"\n1,x\'); drop table t;--\n2,ñ日本\n'
    INPUT["key column"].check(machine.esios("load", str(file), "--table", table, "--mode", "upsert", "--key", "id;--"))


def test_what_a_table_cannot_take_is_named_and_nothing_is_written(machine: Machine) -> None:
    with duckdb.connect(str(machine.warehouse)) as connection:
        connection.execute("create table t (v double)")
        connection.execute("create view seen as select v from t")
    file = machine.folder / "in.csv"
    file.write_text("v\n1.5\n1e400\n", encoding="utf-8")
    INPUT["beyond its type"].check(machine.esios("load", str(file), "--table", "t"))
    file.write_text("v\n1.5\n", encoding="utf-8")
    INPUT["view"].check(machine.esios("load", str(file), "--table", "seen"))
    assert machine.rows("select * from t") == []


def test_settings_from_a_file_with_anything_in_it(machine: Machine) -> None:
    from extract.errors import UsageError
    from extract.settings import configuration

    file = Path(machine.folder / ".env")
    file.write_text("MSSQL_PASSWORD='a#b;$x\"{{y}} ñ'\nESIOS_API_KEY=\n", encoding="utf-8")
    assert configuration({"PATH": "x"}, file)["MSSQL_PASSWORD"] == 'a#b;$x"{{y}} ñ'
    file.write_bytes(b"MSSQL_USER=\xff\xfe\n")
    with pytest.raises(UsageError, match="make it a readable UTF-8 file"):
        configuration({"PATH": "x"}, file)
