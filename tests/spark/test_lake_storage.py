"""Where the lake lies: what is read, what is refused with which remedy, and what never reaches a message."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from extract import landing
from extract.errors import EsiosError, UsageError, WarehouseError
from extract.export import export_table
from extract.lake import optimize
from extract.landing import Run
from extract.settings import ROOT
from extract.warehouse import TableName, connect
from extract.warehouse.lake_lock import only_dbt_run
from extract.warehouse.lake_storage import LakeStorage
from tests.faults.table import SPARK
from tests.spark.lakes import (
    NOON,
    SECRET,
    assert_whole,
    count,
    lake_settings,
    land,
    month,
    newer_table,
    responses,
    s3_server,
)

deltalake = pytest.importorskip("deltalake", reason="deltalake is not installed: `make test-spark` installs it")
INSTANT = pa.timestamp("us", tz="UTC")
RESPONSES = ("raw_esios", "indicator_responses")


def esios(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    given = {name: value for name, value in os.environ.items() if not name.startswith(("ESIOS_", "AWS_", "AZURE_"))}
    return subprocess.run(
        [sys.executable, "-m", "extract", *arguments],
        env={**given, "ESIOS_TARGET": "spark", **variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )


def test_what_spark_builds_is_read_at_its_fixed_place(tmp_path: Path) -> None:
    """A partitioned table, as Spark writes it, with its instants in the old format of 12 bytes."""
    folder = tmp_path / "lake" / "esios" / "esios_values"
    for number in range(3):
        part = folder / f"indicator_id={number}"
        part.mkdir(parents=True)
        starts = [dt.datetime(2018, 1, 1, hour) for hour in range(24)]
        rows = pa.table({"period_start_utc": pa.array(starts, pa.timestamp("us")), "value": [float(number)] * 24})
        pq.write_table(rows, part / "part-0.parquet", use_deprecated_int96_timestamps=True)
    deltalake.convert_to_deltalake(
        str(folder),
        partition_by=deltalake.Schema([deltalake.Field("indicator_id", "integer")]),
        partition_strategy="hive",
    )
    # As Spark has it: instants with the zone UTC, and nothing wrong said of their bounds.
    log = folder / "_delta_log" / f"{0:020}.json"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for line in lines:
        line.get("add", {}).pop("stats", None)
        if "metaData" in line:
            line["metaData"]["schemaString"] = line["metaData"]["schemaString"].replace("timestamp_ntz", "timestamp")
        if "protocol" in line:
            line["protocol"] = {"minReaderVersion": 1, "minWriterVersion": 2}
    log.write_text("\n".join(map(json.dumps, lines)) + "\n")
    with connect(lake_settings(tmp_path / "lake"), read_only=True) as warehouse:
        assert [column.name for column in warehouse.columns("esios_values")] == [
            "period_start_utc",
            "value",
            "indicator_id",
        ]
        values = warehouse.sql_name("esios_values")
        found = warehouse.rows(
            f"select indicator_id, count(*), min(period_start_utc), sum(value) from {values}"
            " where period_start_utc >= ? and indicator_id > ? group by indicator_id order by indicator_id",
            (dt.datetime(2018, 1, 1, 20), 0),
        )
        assert list(found) == [(n, 4, dt.datetime(2018, 1, 1, 20), 4.0 * n) for n in (1, 2)]


def test_instants_are_filtered_in_files_of_many_row_groups(tmp_path: Path) -> None:
    made = lake_settings(tmp_path)
    hours = [dt.datetime(2018, 1, 1) + dt.timedelta(hours=n) for n in range(5_000)]
    rows = pa.table({"hour_utc": pa.array(hours, INSTANT), "n": range(5_000)})
    groups = deltalake.WriterProperties(max_row_group_size=100)
    deltalake.write_deltalake(LakeStorage(made).uri(TableName("esios", "t")), rows, writer_properties=groups)
    with connect(made, read_only=True) as warehouse:
        table = warehouse.sql_name("t")
        for first, last in ((0, 0), (17, 230), (4_999, 4_999)):
            sql = f"select min(n), max(n), count(*) from {table} where hour_utc between ? and ?"
            assert warehouse.first(sql, (hours[first], hours[last])) == (first, last, last - first + 1)


def test_a_reader_sees_one_version_of_a_table_and_the_next_query_the_newest(tmp_path: Path) -> None:
    made = lake_settings(tmp_path)
    with connect(made) as writer, connect(made, read_only=True) as reader:
        writer.ensure_schema()
        land(writer, month(1), b"one")
        assert len(responses(reader)) == 1
        with reader.transaction():
            assert len(responses(reader)) == 1
            land(writer, month(2), b"two")
            assert len(responses(reader)) == 1
        assert len(responses(reader)) == 2


def test_a_result_that_is_not_read_to_its_end_ends_no_process(tmp_path: Path) -> None:
    made = lake_settings(tmp_path)
    with connect(made) as warehouse:
        warehouse.ensure_schema()
        for number in range(1, 13):
            land(warehouse, month(number), os.urandom(400_000).hex().encode())
    code = (
        "from extract.settings import load_settings\nfrom extract.warehouse import connect\n"
        "warehouse = connect(load_settings(), read_only=True)\n"
        "print(len(next(iter(warehouse.rows('select payload from raw_esios.indicator_responses', batch=1)))[0]))"
    )
    for _ in range(3):
        ended = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "ESIOS_TARGET": "spark", "ESIOS_LAKE": str(tmp_path)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "800000\n", "")


@pytest.mark.parametrize("feature", ["deletionVectors", "columnMapping"])
def test_a_table_that_needs_a_newer_reader_is_refused_with_the_remedy(tmp_path: Path, feature: str) -> None:
    made = lake_settings(tmp_path)
    newer_table(Path(LakeStorage(made).uri(TableName("esios", "esios_values"))), feature)
    with (
        connect(made, read_only=True) as warehouse,
        pytest.raises(UsageError, match=r"needs a newer reader.*delta.enableDeletionVectors=false"),
    ):
        export_table(warehouse, "esios_values", tmp_path / "out.csv")


def test_iceberg_tables_are_refused_and_the_landing_is_read(tmp_path: Path) -> None:
    made = lake_settings(tmp_path, ESIOS_SPARK_FORMAT="iceberg")
    (tmp_path / "esios" / "esios_values" / "metadata").mkdir(parents=True)
    with connect(made) as warehouse:
        warehouse.ensure_schema()
        land(warehouse, month(1), b"one")
        assert len(responses(warehouse)) == 1
        for read in (
            warehouse.exists,
            lambda name: warehouse.value(f"select count(*) from {warehouse.sql_name(name)}"),
        ):
            with pytest.raises(UsageError, match="not read from an Iceberg lake"):
                read("esios_values")
    # Nor what was built there before as Delta.
    deltalake.write_deltalake(LakeStorage(made).uri(TableName("esios", "esios_values")), pa.table({"value": [1.0]}))
    for verb in (("status",), ("export", "--table", "esios_values"), ("export", "--indicator", "460")):
        refused = esios(*verb, ESIOS_LAKE=str(tmp_path), ESIOS_SPARK_FORMAT="iceberg")
        assert refused.returncode == 2, verb
        assert "not read from an Iceberg lake" in refused.stderr


@pytest.mark.parametrize("damage", ["missing", "cut off", "overwritten"])
@pytest.mark.parametrize("kind", ["*.parquet", "_delta_log/*1.json"])
def test_a_damaged_lake_is_named_with_the_remedy(tmp_path: Path, kind: str, damage: str) -> None:
    made = lake_settings(tmp_path)
    with connect(made) as warehouse:
        warehouse.ensure_schema()
        for number in (1, 2, 3):
            land(warehouse, month(number), b"x" * 1000)
    file = next(tmp_path.joinpath(*RESPONSES).glob(kind))
    content = file.read_bytes()
    file.unlink() if damage == "missing" else file.write_bytes(content[:99] if damage == "cut off" else b"no" * 500)
    fault = SPARK["damaged lake"]
    with connect(made) as warehouse:
        for work in (
            lambda: responses(warehouse),
            lambda: land(warehouse, month(1), b"another"),
            lambda: optimize(made, print),
        ):
            with pytest.raises(WarehouseError) as caught:
                work()
            assert all(words in str(caught.value) for words in fault.says), str(caught.value)
            assert "<unknown>" not in str(caught.value)
    file.write_bytes(content)
    with connect(made) as warehouse:
        assert land(warehouse, month(1), b"another")
    assert_whole(made)


def test_a_lake_that_is_not_there_yet_is_not_made_by_a_reader(tmp_path: Path) -> None:
    for read_only, create in ((True, True), (False, False)):
        with pytest.raises(UsageError, match="there is no lake at"):
            connect(lake_settings(tmp_path / "lake"), read_only=read_only, create=create)
    assert not (tmp_path / "lake").exists()


def test_a_file_in_the_place_of_the_lake_is_a_warehouse_error(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("no folder")
    with connect(lake_settings(tmp_path / "lake")) as warehouse, pytest.raises(WarehouseError):
        warehouse.ensure_schema()


def test_without_the_package_the_remedy_is_named(tmp_path: Path) -> None:
    """A module of that name that cannot be imported stands for one that is not installed."""
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['deltalake'] = None")
    refused = esios("status", ESIOS_LAKE=str(tmp_path), PYTHONPATH=str(tmp_path))
    assert refused.returncode == 2
    assert "needs the package deltalake" in refused.stderr
    assert "make setup-spark" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_storage_that_cannot_be_reached_is_code_5_and_no_secret_is_shown(tmp_path: Path) -> None:
    variables = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "sesame-access",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "eu-west-1",
        "ESIOS_WAREHOUSE_WAIT_S": "1",
    }
    for more in ((), ("--debug",), ("--json",)):
        ended = esios("status", *more, ESIOS_LAKE="s3://lake/a", **variables)
        assert ended.returncode == (1 if more == ("--debug",) else 5), ended.stderr
        assert "cannot be reached" in ended.stderr
        assert "check ESIOS_LAKE, AWS_ENDPOINT_URL and the network" in ended.stderr
        assert "sesame" not in ended.stdout + ended.stderr


def test_a_bucket_that_is_missing_and_a_lake_that_is_not_there_are_named(tmp_path: Path) -> None:
    pytest.importorskip("moto", reason="moto, an S3 server for tests, is not installed: `make test-spark` installs it")
    with s3_server(tmp_path) as variables:
        for place in ("s3://another/a", "s3://lake/nothing", "s3://lake"):
            with pytest.raises(UsageError, match=f"there is no lake at {place} yet"):
                connect(lake_settings(place, **variables), read_only=True)
        made = lake_settings("s3://another/a", **variables)
        with connect(made) as warehouse, pytest.raises(WarehouseError, match=r"is not there.*make the bucket"):
            warehouse.ensure_schema()


# ---------------------------------------------------------------- upkeep
def many_files(lake: Path, versions: int = 6) -> None:
    with connect(lake_settings(lake)) as warehouse:
        warehouse.ensure_schema()
        for version in range(versions):
            for number in (1, 2):
                land(warehouse, month(number), b'{"version": %d}' % version + b" " * 50_000)
            landing.begin_run(warehouse, Run(f"r{version}", 460, NOON, dt.date(2018, 1, 1), None))


def test_optimizing_joins_small_files_and_changes_no_row(tmp_path: Path) -> None:
    many_files(tmp_path)
    made = lake_settings(tmp_path)
    with connect(made) as warehouse:
        before = responses(warehouse)
        done = {one.table: one for one in optimize(made, print)}
        one = done["raw_esios.indicator_responses"]
        assert (one.files_before, one.files_after, one.files_deleted) == (12, 1, 0)
        assert responses(warehouse) == before
        assert land(warehouse, month(3), b"after")
    assert {one.files_after for one in optimize(made, print)} <= {0, 1}
    assert_whole(made)


def test_old_files_are_deleted_when_the_setting_says_so_and_no_sooner(tmp_path: Path) -> None:
    many_files(tmp_path)
    made = lake_settings(tmp_path, ESIOS_LAKE_KEEP_HOURS="2")
    assert {one.files_deleted for one in optimize(made, print)} == {0}
    table = tmp_path / "raw_esios" / "indicator_responses"
    files = set(table.glob("*.parquet"))
    assert len(files) == 13
    (table / "part-of-a-killed-extract.parquet").write_bytes(b"half")
    three_hours_ago = time.time() - 3 * 3600
    for file in table.rglob("*"):
        os.utime(file, (three_hours_ago, three_hours_ago))
    for log in (table / "_delta_log").glob("*.json"):
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        for line in lines:
            if "remove" in line:
                line["remove"]["deletionTimestamp"] = int(three_hours_ago * 1000)
        log.write_text("\n".join(map(json.dumps, lines)) + "\n")
    done = {one.table: one for one in optimize(made, print)}
    assert done["raw_esios.indicator_responses"].files_deleted == 13
    assert len(list(table.glob("*.parquet"))) == 1
    assert_whole(made)


def test_an_extract_goes_on_while_the_lake_is_optimized(tmp_path: Path) -> None:
    from tests.spark.lakes import python
    from tests.spark.test_lake_landing import LANDER

    made = lake_settings(tmp_path, ESIOS_LAKE_KEEP_HOURS="1")
    variables = {"ESIOS_TARGET": "spark", "ESIOS_LAKE": str(tmp_path)}
    process = python(LANDER, variables, "r", "4", "6")
    while process.poll() is None:
        optimize(made, print)
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert len(out.split()) == count(made, landing.RESPONSES) == count(made, landing.CHECKS) == 24
    assert_whole(made)


def test_what_dbt_builds_is_left_alone_while_dbt_builds(tmp_path: Path) -> None:
    many_files(tmp_path)
    made = lake_settings(tmp_path, ESIOS_WAREHOUSE_WAIT_S="0")
    mart = LakeStorage(made).uri(TableName("esios", "esios_values"))
    for number in range(3):
        deltalake.write_deltalake(mart, pa.table({"value": [float(number)]}), mode="append")
    with only_dbt_run(made), pytest.raises(WarehouseError, match="another dbt run"):
        optimize(made, print)
    files = {name: len(deltalake.DeltaTable(name).file_uris()) for name in (mart, f"{made.lake}/{'/'.join(RESPONSES)}")}
    assert list(files.values()) == [3, 1]
    assert {one.table: one.files_after for one in optimize(made, print)}["esios.esios_values"] == 1


def test_without_a_lake_there_is_nothing_to_optimize() -> None:
    refused = esios("lake", "optimize", ESIOS_TARGET="duckdb")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "set ESIOS_TARGET=spark" in refused.stderr


# ---------------------------------------------------------------- load and export
def test_predictions_are_loaded_by_their_key_and_exported_again(tmp_path: Path) -> None:
    variables = {"ESIOS_LAKE": str(tmp_path / "lake")}
    with connect(lake_settings(tmp_path / "lake")) as warehouse:
        warehouse.ensure_schema()
    header = "forecast,indicator_id,period_start_utc,predicted_value,predicted_at_utc\n"
    file = tmp_path / "predictions.csv"
    for value in ("1.5", "2.5"):
        file.write_text(f"{header}mine,1293,2018-01-01 00:00:00,{value},2017-12-31 10:00:00\n")
        done = esios("load", str(file), "--table", "raw_esios.predictions", "--mode", "upsert", "--json", **variables)
        assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"table": "raw_esios.predictions", "inserted": 0, "updated": 1}
    refused = esios("load", str(file), "--table", "raw_esios.predictions", **variables)
    assert refused.returncode == 2
    assert "is in raw_esios.predictions already" in refused.stderr
    out = tmp_path / "out.csv"
    assert esios("export", "--table", "raw_esios.predictions", "--out", str(out), **variables).returncode == 0
    assert out.read_text() == f"{header}mine,1293,2018-01-01 00:00:00,2.5,2017-12-31 10:00:00\n"


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("a,b\n1,x\n", "has no column 'a'"),
        ("forecast,indicator_id,period_start_utc,predicted_value\nm,1,2018-01-01,1\n", "'predicted_at_utc'"),
        (
            "forecast,indicator_id,period_start_utc,predicted_value,predicted_at_utc\nm,x,2018-01-01,1,2018-01-01\n",
            "row 1, column 'indicator_id'",
        ),
        (
            "forecast,indicator_id,period_start_utc,predicted_value,predicted_at_utc\nm,1,2018-01-01,,2018-01-01\n",
            "row 1, column 'predicted_value'",
        ),
    ],
)
def test_a_load_that_does_not_fit_is_refused_and_makes_no_version(tmp_path: Path, rows: str, says: str) -> None:
    made = lake_settings(tmp_path / "lake")
    with connect(made) as warehouse:
        warehouse.ensure_schema()
    (tmp_path / "rows.csv").write_text(rows)
    refused = esios("load", str(tmp_path / "rows.csv"), "--table", "raw_esios.predictions", ESIOS_LAKE=made.lake)
    assert refused.returncode == 2, refused.stderr
    assert says in refused.stderr
    snapshot = LakeStorage(made).find(TableName("raw_esios", "predictions"))
    assert snapshot is not None
    assert snapshot.version() == 0


def test_an_error_of_the_storage_is_never_a_traceback(tmp_path: Path) -> None:
    """Whatever delta-rs says, the class is ours."""
    storage = LakeStorage(lake_settings("s3://lake/a", AWS_SECRET_ACCESS_KEY=SECRET))
    said: list[tuple[Callable[[], BaseException], str]] = [
        (lambda: deltalake.exceptions.DeltaError(f"403 Forbidden for {SECRET}"), "may not be read or written"),
        (lambda: OSError("No space left on device"), "has no room left"),
        (lambda: OSError("Generic S3 error \x1b[31m↳\x1b[0m NoSuchBucket"), "is not there"),
        (lambda: OSError("something else " + "x" * 5000), "failed"),
    ]
    for make, words in said:
        with pytest.raises(EsiosError) as caught, storage.translating():
            raise make()
        assert words in caught.value.message
        assert caught.value.remedy
        assert caught.value.exit_code == 5
        assert len(str(caught.value)) < 600
        assert "sesame" not in str(caught.value)
        assert "\x1b" not in str(caught.value)
