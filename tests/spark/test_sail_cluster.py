"""Sail as a cluster: the fault of its driver that the macro `for_workers` goes around."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import sparks

from .jvm import HAS_JVM_SPARK

pytestmark = pytest.mark.skipif(HAS_JVM_SPARK, reason="Spark's client is hidden by Spark")
WRITE = """
import sys
from pyspark.sql import SparkSession
from extract.settings import load_settings
from extract.spark_session import spark_session
with spark_session(load_settings()) as lake:
    for number, query in enumerate(sys.argv[1:]):
        place = f"using delta location '{lake}/written/t{number}'"
        try:  # "or replace": Sail tries twice, and the second try would find the table of the first
            SparkSession.active().sql(f"create or replace table t{number} {place} as {query}").collect()
            print("written")
        except Exception as error:
            print(str(error).splitlines()[0])
"""
ONE_PART = "select sum(id) as total from range(3)"
# As for_workers has it.
TWO_PARTS = f"select * from ({ONE_PART}) as rows_to_write union all select null from range(0, 0)"


def test_a_clusters_driver_knows_no_function_and_its_workers_do(tmp_path: Path) -> None:
    environment = os.environ | {"ESIOS_TARGET": "spark", "ESIOS_LAKE": str(tmp_path / "lake")} | sparks.TWO_WORKERS
    script = tmp_path / "write.py"  # pyspark-client looks for the main module's file
    script.write_text(WRITE, "utf-8")
    done = subprocess.run(
        [sys.executable, str(script), ONE_PART, TWO_PARTS],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    alone, with_a_branch = done.stdout.splitlines()
    assert with_a_branch == "written"
    # When a later Sail writes this as well, remove for_workers.
    assert alone.endswith("no UDF found for sum")
