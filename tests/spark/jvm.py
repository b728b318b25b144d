"""Spark itself on this machine with Iceberg tables, the second proof: where Java and the whole pyspark are there."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.sparks import name_landed_tables, run_code

from .twins import Twins, with_zones

_PYSPARK = find_spec("pyspark")
HAS_JVM_SPARK = bool(
    shutil.which("java") and _PYSPARK and _PYSPARK.origin and (Path(_PYSPARK.origin).parent / "jars").is_dir()
)
NO_JVM_SPARK = "no Java, or only Spark's client: `make test-spark-jvm` runs these tests on Spark itself"
# In a process of its own, because the metastore serves one.
WRITE_TABLES = """
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.enableHiveSupport().config("spark.sql.session.timeZone", "UTC").getOrCreate()
for schema in ("esios", "staging_esios", "quality_esios", "monitoring_esios"):
    for table in spark.catalog.listTables(schema):
        if not table.isTemporary:
            spark.table(f"{schema}.{table.name}").coalesce(1).write.parquet(f"{sys.argv[1]}/{schema}/{table.name}")
"""


@dataclass(frozen=True)
class TwinsOnJvm(Twins):
    """The landing as Parquet files, dbt's tables as Iceberg's."""

    def copy_landing(self) -> None:
        super().copy_landing()
        name_landed_tables(self.lake / "raw_esios", self.spark.environment)

    def append(self, table: str, rows: pa.Table) -> None:
        place = self.lake / "raw_esios" / table
        place.mkdir(parents=True, exist_ok=True)
        pq.write_table(with_zones(rows), place / f"part-{len([*place.iterdir()])}.parquet")

    def tables(self) -> list[tuple[str, str]]:
        """As they are now: each is written to a place from which DuckDB reads it."""
        shutil.rmtree(self._copies, ignore_errors=True)
        run_code(WRITE_TABLES, str(self._copies), self.spark.environment)
        return [(place.parent.name, place.name) for place in self._copies.glob("*/*")]

    def files(self, schema: str, table: str) -> list[str]:
        return [str(file) for file in (self._copies / schema / table).glob("*.parquet")]

    @property
    def _copies(self) -> Path:
        return self.spark.folder / "copies"
