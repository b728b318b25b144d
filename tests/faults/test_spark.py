"""dbt on Spark: which session it builds in, one run at a time, and what is said where there is none."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from extract.dbt_build import build
from extract.errors import WarehouseError
from extract.settings import load_settings
from extract.spark_session import _first_line
from extract.warehouse.lake_lock import only_dbt_run
from tests.end_to_end.conftest import Finished
from tests.faults.table import SPARK
from tests.integration.conftest import HAS_SPARK, NO_SPARK, ROOT, Home
from tests.spark.lakes import land, month, newer_table

pytestmark = pytest.mark.timeout(300)
HOLD = """
import time
from extract.warehouse.lake_lock import only_dbt_run
from extract.settings import load_settings
from extract.spark_session import _first_line
with only_dbt_run(load_settings()):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def lake(tmp_path: Path) -> Home:
    """Commands of the project itself on a lake with nothing in it."""
    place = {"ESIOS_TARGET": "spark", "ESIOS_LAKE": str(tmp_path / "lake"), "ESIOS_WAREHOUSE_WAIT_S": "0"}
    return Home("spark", tmp_path, place | {"ESIOS_DBT_PROJECT_DIR": str(ROOT / "dbt_project")})


def dbt(lake: Home, *arguments: str, **more: str) -> Finished:
    done = lake("dbt", "--no-use-colors", *arguments, timeout=120, **more)
    return Finished(done.code, done.out, done.err)


def esios(lake: Home, *arguments: str, **more: str) -> Finished:
    done = lake("esios", *arguments, timeout=120, ESIOS_API_KEY="key", **more)
    return Finished(done.code, done.out, done.err)


def built(lake: Home) -> list[str]:
    """The schemas of what dbt left in the lake."""
    return [place.name for place in (lake.folder / "lake").glob("*") if place.is_dir()]


def test_a_server_that_does_not_run_is_named_at_once(lake: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nowhere = f"sc://127.0.0.1:{taken.getsockname()[1]}"
        SPARK["no Spark server"].check(dbt(lake, "run", SPARK_REMOTE=nowhere))
    assert built(lake) == []


def test_so_is_a_thrift_server_by_dbt_and_by_the_whole_run(lake: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        place = {"ESIOS_SPARK_HOST": "127.0.0.1", "ESIOS_SPARK_PORT": str(taken.getsockname()[1])}
        finished = dbt(lake, "run", ESIOS_SPARK_METHOD="thrift", **place)
        SPARK["no Thrift server"].check(finished)
        for name, value in {**lake.environment, "ESIOS_SPARK_METHOD": "thrift", **place}.items():
            monkeypatch.setenv(name, value)
        settings = load_settings(os.environ, dotenv=lake.folder / "no.env")
        with pytest.raises(WarehouseError, match="dbt could not begin"):
            build(settings, quiet=True)
    assert built(lake) == []


def test_a_service_that_cannot_be_reached_is_named_before_its_client_tries(lake: Home) -> None:
    services = {"ESIOS_SPARK_SERVICE": "databricks", "ESIOS_SPARK_HOST": "databricks.invalid", "HTTPS_PROXY": ""}
    SPARK["no Spark service"].check(dbt(lake, "run", **services, https_proxy=""))
    missing = dbt(lake, "run", **services | {"ESIOS_SPARK_HOST": ""})
    assert (missing.code, missing.err) == (
        2,
        "Error: ESIOS_SPARK_SERVICE is databricks, and ESIOS_SPARK_HOST is missing: set ESIOS_SPARK_HOST\n",
    )
    assert built(lake) == []


@pytest.mark.parametrize("port", ["0", "65536", "1e4", "ten"])
def test_a_port_that_is_none_is_refused(lake: Home, port: str) -> None:
    finished = dbt(lake, "run", ESIOS_SPARK_METHOD="thrift", ESIOS_SPARK_PORT=port)
    assert (finished.code, finished.err) == (
        2,
        f"Error: ESIOS_SPARK_PORT is '{port}': set it to a port of 1 to 65535\n",
    )


@pytest.mark.parametrize(
    "remote",
    [
        "localhost:15002",
        "http://localhost:15002",
        "sc://",
        "sc://localhost:port",
        "sc://localhost:15002/token=sesame",
        "sc://localhost:15002/;token=sesame;x",
    ],
)
def test_another_address_is_refused_and_no_token_in_it_shown(lake: Home, remote: str) -> None:
    refused = dbt(lake, "--debug", "build", SPARK_REMOTE=remote)
    SPARK["no Spark address"].check(refused)
    assert "sesame" not in refused.out + refused.err


def test_what_a_client_says_is_shown_without_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_REMOTE", "sc://host:15002/;use_ssl=true;token=sesame")
    for said in ("no way to sc://host:15002/;use_ssl=true;token=sesame", "refused: Bearer sesame\nmore", ""):
        assert "sesame" not in _first_line(RuntimeError(said))


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("ESIOS_SPARK_FORMAT", "hudi", "format of a lake"),
        ("ESIOS_SPARK_SERVICE", "emr", "Spark service"),
        ("ESIOS_SPARK_METHOD", "odbc", "method of Spark"),
    ],
)
def test_a_word_that_is_not_known_is_refused(lake: Home, name: str, value: str, fault: str) -> None:
    for refused in (dbt(lake, "parse", **{name: value}), esios(lake, "status", **{name: value})):
        SPARK[fault].check(refused)


@pytest.mark.skipif(not HAS_SPARK, reason=NO_SPARK)
def test_iceberg_tables_are_not_built_where_they_would_be_forgotten(lake: Home) -> None:
    SPARK["Iceberg on Sail"].check(dbt(lake, "run", ESIOS_SPARK_FORMAT="iceberg"))
    assert built(lake) == []


@pytest.mark.skipif(not HAS_SPARK, reason=NO_SPARK)
def test_a_table_that_spark_cannot_read_is_named_and_dbt_ends_at_once(lake: Home) -> None:
    newer_table(lake.folder / "lake" / "esios" / "of_somebody_else", "columnMapping")
    log = lake.folder / "lake" / "esios" / "of_somebody_else" / "_delta_log" / f"{0:020}.json"
    log.write_text("no JSON", "utf-8")
    SPARK["unreadable table"].check(lake("dbt", "--no-use-colors", "run", timeout=60))


@pytest.mark.skipif(not HAS_SPARK, reason=NO_SPARK)
def test_dbt_debug_finds_its_session_and_empty_variables_count_as_unset(lake: Home) -> None:
    empty = dict.fromkeys(("ESIOS_SPARK_METHOD", "ESIOS_SPARK_PORT", "ESIOS_SPARK_HOST", "SPARK_REMOTE"), "")
    finished = dbt(lake, "debug", **empty)
    assert finished.code == 0, finished.out
    assert "Connection test: [OK connection ok]" in finished.out


def test_a_run_is_refused_while_another_is_at_work(lake: Home) -> None:
    with only_dbt_run(load_settings(lake.environment, dotenv=lake.folder / "no.env")):
        refused = dbt(lake, "build")
    SPARK["another dbt run"].check(refused)
    assert f"(process {os.getpid()})" in refused.err
    assert built(lake) == []


def test_a_killed_run_frees_the_lake_at_once(lake: Home) -> None:
    command = [sys.executable, "-c", HOLD]
    with subprocess.Popen(command, env=lake.environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        holder.send_signal(signal.SIGKILL)
    assert holder.returncode == SPARK["killed dbt run"].code
    with only_dbt_run(load_settings(lake.environment, dotenv=lake.folder / "no.env")):
        assert (lake.folder / "lake" / "_dbt_run.lock").read_text("utf-8") == f"process {os.getpid()}"


@pytest.mark.skipif(not HAS_SPARK, reason=NO_SPARK)
def test_a_storage_that_fails_is_named_with_the_remedy(lake: Home) -> None:
    nowhere = {
        "ESIOS_LAKE": "s3://lake/a",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "sesame",
        "AWS_SECRET_ACCESS_KEY": "sesame-secret",
        "AWS_REGION": "eu-south-2",
    }
    finished = esios(lake, "status", **nowhere)
    SPARK["storage out of reach"].check(finished)
    assert "sesame" not in finished.out + finished.err
    SPARK["no lake yet"].check(esios(lake, "export"))
    with lake.warehouse() as warehouse:
        warehouse.ensure_schema()
        land(warehouse, month(1), b"whole")
    next((lake.folder / "lake" / "raw_esios" / "indicator_responses").glob("*.parquet")).unlink()
    SPARK["damaged lake"].check(esios(lake, "status"))
    shutil.rmtree(lake.folder / "lake")
    (lake.folder / "lake").write_text("a file")
    SPARK["file for a lake"].check(esios(lake, "extract", "--start", "2018-01-01", "--end", "2018-01-01"))
    assert (lake.folder / "lake").read_text() == "a file"


@pytest.mark.skipif(not HAS_SPARK, reason=NO_SPARK)
@pytest.mark.parametrize("feature", ["deletionVectors", "columnMapping"])
def test_a_table_that_needs_another_reader_is_refused(lake: Home, feature: str) -> None:
    table = lake.folder / "lake" / "esios" / "esios_values"
    newer_table(table, feature)
    SPARK["newer Delta"].check(esios(lake, "export", "--table", "esios_values"))
    for verb in (
        ("export", "--table", "esios_catalogue"),
        ("status",),
        ("report", "--out", str(lake.folder / "r.html")),
    ):
        SPARK["Iceberg lake"].check(esios(lake, *verb, ESIOS_SPARK_FORMAT="iceberg"))


def in_another_zone(profiles: Path) -> None:
    """The project's profiles with sessions in London, which is on UTC in winter alone."""
    shutil.copytree(ROOT / "profiles", profiles)
    profile = profiles / "profiles.yml"
    text = profile.read_text("utf-8")
    assert text.count("spark.sql.session.timeZone: UTC") == 2
    profile.write_text(text.replace("timeZone: UTC", "timeZone: Europe/London"), "utf-8")


@pytest.mark.skipif(not HAS_SPARK, reason=NO_SPARK)
def test_a_session_in_another_zone_is_refused(lake: Home) -> None:
    in_another_zone(lake.folder / "profiles")
    arguments = ("--select", "esios_indicators", "--profiles-dir", str(lake.folder / "profiles"))
    SPARK["Spark in another zone"].check(dbt(lake, "run", *arguments))
    assert built(lake) == []


@pytest.mark.skipif(not HAS_SPARK, reason=NO_SPARK)
def test_so_it_is_by_the_whole_run(lake: Home) -> None:
    copy = lake.folder / "copy"  # of the project itself: `esios` takes no other profiles
    for part in ("extract", "simulator", "dbt_project"):
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("target", "logs", "__pycache__"))
    in_another_zone(copy / "profiles")
    run = ("-m", "extract", "run", "--start", "2018-01-01", "--end", "2018-01-02")
    done = subprocess.run(
        [sys.executable, "-m", "simulator", "--", sys.executable, *run],
        env=lake.environment | {"ESIOS_DBT_PROJECT_DIR": str(copy / "dbt_project")},
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    SPARK["Spark in another zone"].check(Finished(done.returncode, done.stdout, done.stderr))
    assert "Error: dbt refused to begin: read its message above; nothing was built" in done.stderr
    assert built(lake) == ["raw_esios"], "what was landed stays"
