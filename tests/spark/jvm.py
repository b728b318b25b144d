"""Spark itself on this machine with Iceberg tables, the second proof: where Java and the whole pyspark are there."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.sparks import name_landed_tables, run_code

from .twins import Twins, with_zones

_PYSPARK = find_spec("pyspark")
HAS_JVM_SPARK = bool(
    shutil.which("java") and _PYSPARK and _PYSPARK.origin and (Path(_PYSPARK.origin).parent / "jars").is_dir()
)
NO_JVM_SPARK = "no Java, or only Spark's client: `make test-spark-jvm` runs these tests on Spark itself"
# In a process of its own, because the metastore serves one. Merges copy what they change: no file holds deletions.
LIST_FILES = """
import json, sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.enableHiveSupport().getOrCreate()
listed = []
for schema in ("esios", "staging_esios", "quality_esios", "monitoring_esios"):
    for table in spark.sql(f"show tables in {schema}").where("not isTemporary").collect():
        files = spark.table(f"{schema}.{table.tableName}.files").select("content", "file_path").collect()
        assert not any(file.content for file in files), table.tableName
        listed.append((schema, table.tableName, [file.file_path.removeprefix("file:") for file in files]))
json.dump(listed, open(sys.argv[1], "w"))
"""


@dataclass(frozen=True)
class TwinsOnJvm(Twins):
    """The landing as Parquet files, dbt's tables as Iceberg's."""

    # As if no table were small: only a hint keeps a join from an exchange. Without adaptive execution the plan is the
    # one that runs, with what it uses twice.
    explained_with: ClassVar[dict[str, str]] = {
        "spark.sql.autoBroadcastJoinThreshold": "-1",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.debug.maxToStringFields": "1000",
        "spark.sql.maxMetadataStringLength": "100000",
    }

    def copy_landing(self) -> None:
        super().copy_landing()
        name_landed_tables(self.lake / "raw_esios", self.spark.environment)

    def append(self, table: str, rows: pa.Table) -> None:
        place = self.lake / "raw_esios" / table
        place.mkdir(parents=True, exist_ok=True)
        pq.write_table(with_zones(rows), place / f"part-{len([*place.iterdir()])}.parquet")

    def tables(self) -> list[tuple[str, str]]:
        return [(schema, table) for schema, table, _ in self._listed()]

    def files(self, schema: str, table: str) -> list[str]:
        return next(files for one, other, files in self._listed() if (one, other) == (schema, table))

    def _listed(self) -> list[tuple[str, str, list[str]]]:
        """(schema, table, its files) as the last dbt left them; asked once for each."""
        listing, last_dbt = self.spark.folder / "listing.json", self.spark.folder / "target" / "run_results.json"
        if not listing.exists() or listing.stat().st_mtime_ns < last_dbt.stat().st_mtime_ns:
            run_code(LIST_FILES, str(listing), self.spark.environment)
        listed: list[tuple[str, str, list[str]]] = json.loads(listing.read_text("utf-8"))
        return listed
