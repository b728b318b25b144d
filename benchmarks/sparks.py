"""What stands for a cluster on this machine, for tests and benchmarks.

Sail with two workers; Spark itself in one process, with Iceberg tables and a Hive metastore in a folder.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from deltalake import DeltaTable

# They exchange what one process would hand on.
TWO_WORKERS = {
    "SAIL_MODE": "local-cluster",
    "SAIL_CLUSTER__WORKER_INITIAL_COUNT": "2",
    "SAIL_CLUSTER__WORKER_MAX_COUNT": "2",
}
# For a JVM that works on little for a minute or two: a third of such a build went into compiling what runs a few times.
SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
# Derby's metastore serves one process at a time, and has no table of locks for Iceberg.
DEFAULTS = """
spark.master local[2]
spark.driver.memory {memory}
spark.ui.enabled false
spark.driver.host 127.0.0.1
spark.driver.bindAddress 127.0.0.1
spark.driver.extraClassPath {jar}
spark.driver.extraJavaOptions {java} -Duser.timezone=UTC -Dderby.system.home={folder} -Dderby.stream.error.file={log}
spark.local.dir {folder}/local
spark.sql.ansi.enabled true
spark.sql.catalog.spark_catalog org.apache.iceberg.spark.SparkSessionCatalog
spark.sql.catalog.spark_catalog.type hive
spark.sql.catalogImplementation hive
spark.sql.extensions org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions
spark.sql.shuffle.partitions 2
spark.sql.warehouse.dir {folder}/warehouse
spark.hadoop.iceberg.engine.hive.lock-enabled false
spark.hadoop.javax.jdo.option.ConnectionURL jdbc:derby:;databaseName={folder}/metastore;create=true
"""
NAME_TABLES = """
import json, sys
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType
spark = SparkSession.builder.enableHiveSupport().getOrCreate()
spark.sql("create schema if not exists raw_esios")
for name, (place, schema) in json.loads(sys.argv[1]).items():
    fields = StructType.fromJson(json.loads(schema)) if schema else spark.read.parquet(place).schema
    columns = ", ".join(f"{field.name} {field.dataType.simpleString()}" for field in fields)
    spark.sql(f"create table if not exists raw_esios.{name} ({columns}) using parquet location '{place}'")
"""


def variables(folder: Path, memory: str = "3g", java: str = "") -> dict[str, str]:
    """The environment of a Spark of its own, everything of which lies in `folder`.

    `memory` is the JVM's heap, `java` more of its options.
    """
    found = find_spec("snowpark_connect_deps_iceberg")
    assert found, "Iceberg's jar comes in the package snowpark-connect-deps-iceberg"
    assert found.submodule_search_locations
    [jar] = Path(found.submodule_search_locations[0]).glob("jars/iceberg-spark-runtime-3.5_2.12-*.jar")
    (folder / "conf").mkdir(parents=True)
    (folder / "conf" / "spark-defaults.conf").write_text(
        DEFAULTS.format(jar=jar, folder=folder, log=folder / "derby.log", memory=memory, java=java), "utf-8"
    )
    return {"SPARK_CONF_DIR": str(folder / "conf"), "ESIOS_SPARK_FORMAT": "iceberg"}


def run_code(code: str, argument: str, environment: Mapping[str, str]) -> None:
    """Python code with one argument, in a process of its own, because the metastore serves one."""
    done = subprocess.run(
        [sys.executable, "-c", code, argument], env=dict(environment), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


def name_landed_tables(raw: Path, environment: Mapping[str, str]) -> None:
    """Name each folder of Parquet files in `raw` to the metastore as a table of raw_esios.

    With the columns of a Delta log there: without rows there may be no file that has them.
    """
    tables = {
        place.name: (str(place), DeltaTable(place).schema().to_json() if DeltaTable.is_deltatable(str(place)) else None)
        for place in raw.iterdir()
    }
    run_code(NAME_TABLES, json.dumps(tables), environment)
