"""Spark itself on this machine with Iceberg tables, the second proof: where Java and the whole pyspark are there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from .twins import Twins, with_zones

_PYSPARK = find_spec("pyspark")
HAS_JVM_SPARK = bool(
    shutil.which("java") and _PYSPARK and _PYSPARK.origin and (Path(_PYSPARK.origin).parent / "jars").is_dir()
)
NO_JVM_SPARK = "no Java, or only Spark's client: `make test-spark-jvm` runs these tests on Spark itself"
# Derby's metastore serves one process at a time, and has no table of locks for Iceberg.
DEFAULTS = """
spark.master local[2]
spark.driver.memory 3g
spark.ui.enabled false
spark.driver.host 127.0.0.1
spark.driver.bindAddress 127.0.0.1
spark.driver.extraClassPath {jar}
spark.driver.extraJavaOptions -Duser.timezone=UTC -Dderby.system.home={folder} -Dderby.stream.error.file={log}
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
# Each in a process of its own, because the metastore serves one.
NAME_TABLES = """
import json, sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.enableHiveSupport().getOrCreate()
spark.sql("create schema if not exists raw_esios")
for name, place in json.loads(sys.argv[1]).items():
    spark.sql(f"create table if not exists raw_esios.{name} using parquet location '{place}'")
"""
WRITE_TABLES = """
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.enableHiveSupport().config("spark.sql.session.timeZone", "UTC").getOrCreate()
for schema in ("esios", "staging_esios", "quality_esios", "monitoring_esios"):
    for table in spark.catalog.listTables(schema):
        if not table.isTemporary:
            spark.table(f"{schema}.{table.name}").coalesce(1).write.parquet(f"{sys.argv[1]}/{schema}/{table.name}")
"""


def variables(folder: Path) -> dict[str, str]:
    """The environment of a Spark of its own, everything of which lies in `folder`."""
    found = find_spec("snowpark_connect_deps_iceberg")
    assert found, "Iceberg's jar comes in the package snowpark-connect-deps-iceberg"
    assert found.submodule_search_locations
    [jar] = Path(found.submodule_search_locations[0]).glob("jars/iceberg-spark-runtime-3.5_2.12-*.jar")
    (folder / "conf").mkdir(parents=True)
    (folder / "conf" / "spark-defaults.conf").write_text(
        DEFAULTS.format(jar=jar, folder=folder, log=folder / "derby.log"), "utf-8"
    )
    return {"SPARK_CONF_DIR": str(folder / "conf"), "ESIOS_SPARK_FORMAT": "iceberg"}


@dataclass(frozen=True)
class TwinsOnJvm(Twins):
    """The landing as Parquet files, dbt's tables as Iceberg's."""

    def copy_landing(self) -> None:
        super().copy_landing()
        places = {place.name: str(place) for place in (self.lake / "raw_esios").iterdir()}
        self._spark(NAME_TABLES, json.dumps(places))

    def append(self, table: str, rows: pa.Table) -> None:
        place = self.lake / "raw_esios" / table
        place.mkdir(parents=True, exist_ok=True)
        pq.write_table(with_zones(rows), place / f"part-{len([*place.iterdir()])}.parquet")

    def tables(self) -> list[tuple[str, str]]:
        """As they are now: each is written to a place from which DuckDB reads it."""
        shutil.rmtree(self._copies, ignore_errors=True)
        self._spark(WRITE_TABLES, str(self._copies))
        return [(place.parent.name, place.name) for place in self._copies.glob("*/*")]

    def files(self, schema: str, table: str) -> list[str]:
        return [str(file) for file in (self._copies / schema / table).glob("*.parquet")]

    @property
    def _copies(self) -> Path:
        return self.spark.folder / "copies"

    def _spark(self, code: str, argument: str) -> None:
        command = [sys.executable, "-c", code, argument]
        done = subprocess.run(command, env=self.spark.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
