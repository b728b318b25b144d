"""A build by Sail in lakes wherever they may lie: in a folder of any name, and on S3."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from extract.errors import UsageError
from extract.settings import ROOT
from extract.spark_session import _plain_place
from extract.warehouse import connect
from tests.integration.conftest import BIN
from tests.spark.lakes import SECRET, lake_settings, land, month, s3_server

pytestmark = pytest.mark.timeout(300)
NAMES = ["plain", "with blanks", "año 2018 电力", "~a*b", "(a)b+c,d=e&f@g:h!i$j"]
# What dbt asks of a session: read what was landed, make a table, add to it.
IN_A_SESSION = """
from extract.settings import load_settings
from extract.spark_session import spark_session
with spark_session(load_settings()) as lake:
    from pyspark.sql import SparkSession
    sql = SparkSession.builder.getOrCreate().sql
    print(sql("select count(*) as n from raw_esios.indicator_responses").collect()[0].n)
    sql("create schema if not exists esios").collect()
    made = f"create or replace table esios.made using delta location '{lake}/esios/made' as"
    sql(f"{made} select indicator_id, payload from raw_esios.indicator_responses").collect()
    sql("insert into esios.made select 1, 'ñ'").collect()
"""
BODY = b'{"indicator": {"id": 460, "name": "p", "values": [%s]}}' % (
    b'{"datetime": "2018-01-05T01:00:00.000+01:00", "value": 25000.5, "geo_id": 8741}'
)


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_of_any_name_holds_what_sail_writes_and_nothing_lies_beside_it(tmp_path: Path, name: str) -> None:
    place, temporary = tmp_path / "lakes" / name, tmp_path / "temporary"
    temporary.mkdir()
    with connect(lake_settings(place)) as warehouse:
        warehouse.ensure_schema()
        land(warehouse, month(1), BODY)
    script = tmp_path / "in_a_session.py"  # without a file pyspark looks for a Spark of its own
    script.write_text(IN_A_SESSION, "utf-8")
    variables = {"ESIOS_TARGET": "spark", "ESIOS_LAKE": str(place), "TMPDIR": str(temporary), "SPARK_REMOTE": ""}
    done = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | variables | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    with connect(lake_settings(place), read_only=True) as warehouse:
        assert list(warehouse.rows("select payload from esios.made order by 1")) == [(BODY.decode(),), ("ñ",)]
    assert [path.name for path in (tmp_path / "lakes").iterdir()] == [name]
    # What Sail reads as it stands needs no link.
    assert len(list(temporary.glob("esios-lake-*"))) == (name not in (NAMES[0], NAMES[-1]))


def test_a_link_of_somebody_else_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    lake = str(tmp_path / "a lake")
    link = Path(_plain_place(lake))
    assert link.readlink() == Path(lake)
    assert _plain_place(lake) == str(link)
    link.unlink()
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="set ESIOS_LAKE to a folder whose path has no blanks"):
        _plain_place(lake)


def test_dbt_builds_on_s3(tmp_path: Path) -> None:
    pytest.importorskip("moto", reason="moto, an S3 server for tests, is not installed: `make test-spark` installs it")
    with s3_server(tmp_path) as storage:
        variables = {"ESIOS_TARGET": "spark", "ESIOS_LAKE": "s3://lake/a/b/", **storage}
        made = lake_settings(variables["ESIOS_LAKE"], **variables)
        written = {"DBT_TARGET_PATH": str(tmp_path / "target"), "DBT_LOG_PATH": str(tmp_path / "logs")}
        environment = os.environ | variables | written | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
        for value, body in ((25000.5, BODY), (26000.5, BODY.replace(b"25000.5", b"26000.5"))):
            with connect(made) as warehouse:
                warehouse.ensure_schema()
                land(warehouse, month(1), body)
            done = subprocess.run(
                ["dbt", "--no-use-colors", "--log-level-file", "debug", "run", "--select", "+demand_forecast_esios"],
                env=environment,
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=200,
            )
            assert done.returncode == 0, done.stdout
            with connect(made, read_only=True) as warehouse:
                mart = warehouse.sql_name("demand_forecast_esios")
                assert list(warehouse.rows(f"select id, demand_forecast from {mart}")) == [(460, value)]
    left = [path for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert left == []
    assert SECRET not in done.stdout + done.stderr
