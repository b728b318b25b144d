"""The models on Spark SQL beside DuckDB, 200 indicators × 1 and 5 years of hours: `make bench-spark` runs it.

The landing is generated once, on DuckDB, and copied to a lake. Sail runs inside dbt, Spark in a JVM that dbt starts:
time and memory are those of dbt and of what it starts. Each size is built once on each engine, then one more day of
all indicators. What Spark reads are the Parquet files of the same landing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter

import duckdb
import psutil
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import sparks
from benchmarks.grain import FIRST_DAY, dbt_build, land, last_day_of, project
from benchmarks.main_job import ROOT, fresh_warehouse, say

# A file of the lake holds about what a quarter of all indicators comes to.
ROWS_AT_ONCE = 500
JVM = ROOT / ".venv-spark-jvm"
# DuckDB first: the others are compared with it.
ENGINES = ("DuckDB", "Sail", "Sail, two workers", "Spark local[2]")
POLL_S = 0.2


@dataclass(frozen=True)
class Cost:
    """What a build took: wall and processor seconds, and the peak memory of all its processes in MB."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


@dataclass
class Watched:
    """A process and those it started: Spark's JVM is not waited for, so the system's own account leaves it out."""

    process: psutil.Process
    peak: int = 0
    cpu: dict[int, float] = field(default_factory=dict)
    ended: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Until it has ended."""
        while not self.ended.wait(POLL_S):
            resident = 0
            with suppress(psutil.NoSuchProcess):
                for one in (self.process, *self.process.children(recursive=True)):
                    with suppress(psutil.NoSuchProcess):
                        times = one.cpu_times()
                        self.cpu[one.pid] = times.user + times.system
                        resident += one.memory_info().rss
            self.peak = max(self.peak, resident)


def measure(command: Sequence[str], environment: Mapping[str, str]) -> Cost:
    """Run a command to its end and account for it and all that it starts."""
    with tempfile.TemporaryFile("w+") as out:
        began = perf_counter()
        process = subprocess.Popen(command, env=dict(environment), stdout=out, stderr=out, cwd=ROOT)
        watched = Watched(psutil.Process(process.pid))
        watcher = threading.Thread(target=watched.watch)
        watcher.start()
        code = process.wait()
        seconds = perf_counter() - began
        watched.ended.set()
        watcher.join()
        if code:
            out.seek(0)
            raise SystemExit(f"{' '.join(command)} ended with {code}:\n{out.read()[-3000:]}")
    return Cost(seconds, sum(watched.cpu.values()), watched.peak / 2**20)


def copy_landing(warehouse: Path, raw: Path, since: str = "1900-01-01") -> None:
    """What was landed after an instant, into a lake's raw tables."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        tables = connection.execute("select table_name from duckdb_tables() where schema_name = 'raw_esios'").fetchall()
        for (name,) in tables:
            columns = connection.execute(f"select * from raw_esios.{name} limit 0").description
            at = next((column[0] for column in columns if column[0] in ("extracted_at_utc", "checked_at_utc")), None)
            only = f" where {at} > '{since}'" if at else ""
            reader = connection.sql(f"select * from raw_esios.{name}{only}").to_arrow_reader(ROWS_AT_ONCE)
            schema = pa.schema(
                [pa.field(each.name, pa.timestamp("us", "UTC") if pa.types.is_timestamp(each.type) else each.type)
                 for each in reader.schema]
            )  # fmt: skip
            if DeltaTable.is_deltatable(str(raw / name)) and not at:
                continue
            written = 0
            for batch in reader:
                if batch.num_rows:
                    write_deltalake(raw / name, pa.Table.from_batches([batch]).cast(schema), mode="append")
                    written += batch.num_rows
            if not written and not DeltaTable.is_deltatable(str(raw / name)):
                write_deltalake(raw / name, schema.empty_table())


@dataclass(frozen=True)
class Landing:
    """One size, landed until a day and with one more: a DuckDB file and a lake's raw tables of each."""

    folder: Path
    values: int
    values_and_day: int

    @classmethod
    def make(cls, folder: Path, indicators: int, last_day: date) -> Landing:
        """Generated in a folder; one that is there already is taken as it is."""
        counts = folder / "values.json"
        if not counts.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            warehouse, day = folder / "landed.duckdb", last_day + timedelta(days=1)
            values = land(warehouse, indicators, FIRST_DAY, last_day)
            copy_landing(warehouse, folder / "raw")
            link(folder / "raw", folder / "raw-and-day")
            shutil.copy(warehouse, folder / "landed-and-day.duckdb")
            more = land(folder / "landed-and-day.duckdb", indicators, day, day)
            copy_landing(folder / "landed-and-day.duckdb", folder / "raw-and-day", since=str(day))
            counts.write_text(json.dumps([values, values + more]), "utf-8")
        return cls(folder, *json.loads(counts.read_text("utf-8")))


def link(old: Path, new: Path) -> None:
    """A folder of files that are only ever added to, at another place."""
    shutil.copytree(old, new, copy_function=os.link)


@dataclass(frozen=True)
class Bed:
    """One engine in a folder of its own, and the build of a copy of the project."""

    engine: str
    folder: Path
    build: list[str]
    environment: dict[str, str]

    @property
    def is_duckdb(self) -> bool:
        """The yardstick?"""
        return self.engine == "DuckDB"

    @property
    def lake(self) -> Path:
        """Where Spark's tables lie."""
        return self.folder / "lake"

    @property
    def warehouse(self) -> Path:
        """Where DuckDB's lie."""
        return self.folder / "esios.duckdb"

    def variables(self) -> dict[str, str]:
        """What dbt and its Spark need to know."""
        writes = {"DBT_TARGET_PATH": str(self.folder / "target"), "DBT_LOG_PATH": str(self.folder / "logs")}
        if self.is_duckdb:
            return self.environment | writes | {"ESIOS_DUCKDB_PATH": str(self.warehouse)}
        known = self.environment | writes | {"ESIOS_TARGET": "spark", "ESIOS_LAKE": str(self.lake)}
        if self.engine == "Sail, two workers":
            return known | sparks.TWO_WORKERS
        if self.engine == "Spark local[2]":
            sys.path.insert(0, str(JVM))
            spark = self.folder / "spark"
            conf = {"SPARK_CONF_DIR": str(spark / "conf"), "ESIOS_SPARK_FORMAT": "iceberg"}
            return known | {"PYTHONPATH": str(JVM)} | (conf if spark.exists() else sparks.variables(spark))
        return known

    def put(self, landing: Landing, name: str) -> None:
        """The landing `name` in the place of what was landed; what was built stays."""
        if self.is_duckdb:
            if name == "raw":
                shutil.copy(landing.folder / "landed.duckdb", self.warehouse)
            else:
                add_landed_rows(landing.folder / "landed-and-day.duckdb", self.warehouse)
            return
        shutil.rmtree(self.lake / "raw_esios", ignore_errors=True)
        link(landing.folder / name, self.lake / "raw_esios")
        if self.engine == "Spark local[2]" and name == "raw":
            sparks.name_landed_tables(self.lake / "raw_esios", self.variables())

    def run(self, versions: int) -> Cost:
        """One build, which leaves so many versions."""
        cost = measure(self.build, self.variables())
        assert self.versions() == versions, (self.versions(), versions)
        return cost

    def versions(self) -> int:
        """Rows of the largest mart."""
        if self.is_duckdb:
            with duckdb.connect(str(self.warehouse), read_only=True) as file:
                [(count,)] = file.sql("select count(*) from esios_value_versions").fetchall()
                return int(count)
        if self.engine == "Spark local[2]":  # a merge leaves files that count no more
            return self._counted_by_spark()
        files = pa.table(DeltaTable(self.lake / "esios" / "esios_value_versions").get_add_actions(flatten=True))
        return int(sum(files["num_records"].to_pylist()))

    def _counted_by_spark(self) -> int:
        place = self.folder / "count.txt"
        sparks.run_code(COUNT, str(place), self.variables())
        return int(place.read_text("utf-8"))

    def slowest(self, how_many: int) -> dict[str, float]:
        """Seconds of the slowest models and tests of the last build."""
        results = json.loads((self.folder / "target" / "run_results.json").read_text("utf-8"))["results"]
        times = {one["unique_id"].split(".")[2]: one["execution_time"] for one in results}
        return dict(sorted(times.items(), key=lambda each: -each[1])[:how_many])


COUNT = """
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.enableHiveSupport().getOrCreate()
open(sys.argv[1], "w").write(str(spark.table("esios.esios_value_versions").count()))
"""


def add_landed_rows(newer: Path, warehouse: Path) -> None:
    """What `newer` has landed and a warehouse has not."""
    with duckdb.connect(str(warehouse)) as file:
        file.execute(f"set max_vacuum_tasks = 0; attach '{newer}' as newer (read_only)")
        for table, at in (("indicator_responses", "extracted_at_utc"), ("window_checks", "checked_at_utc")):
            name = f"raw_esios.{table}"
            file.execute(f"insert into {name} select * from newer.{name} where {at} > (select max({at}) from {name})")


def report(engine: str, what: str, cost: Cost, beside: Cost | None) -> None:
    """One line of the table."""
    ratio = f", {cost.cpu_seconds / beside.cpu_seconds:.2f} x DuckDB's" if beside else ""
    say(f"{engine}: {what}", f"{cost.seconds:.1f} s, {cost.cpu_seconds:.1f} s CPU{ratio}, {cost.peak_mb:.0f} MB")


def compare(engine: str, sizes: Mapping[int, int], first: Mapping[int, Cost], day: Mapping[int, Cost]) -> None:
    """The longest history beside the shortest."""
    least, most = min(first), max(first)
    growth = sizes[most] / sizes[least]
    ways: dict[str, Callable[[Cost], float]] = {"wall": lambda cost: cost.seconds, "CPU": lambda cost: cost.cpu_seconds}
    for way, of in ways.items():
        more = of(first[most]) / of(first[least]) / growth
        say(f"{engine}: {growth:.1f} x the data / linear, {way}", f"{more:.2f} x", "at most 1.2")
        later = of(day[most]) / of(day[least])
        say(f"{engine}: one more day after {most} years / after {least}, {way}", f"{later:.2f} x", "at most 1.5")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--indicators", type=int, default=200)
    parser.add_argument("--years", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES[:2])
    parser.add_argument("--landings", type=Path, help="keep what is generated there, for the next time")
    parser.add_argument("--slowest", type=int, default=0, help="name so many of the slowest models and tests")
    chosen = parser.parse_args()
    sizes: dict[int, int] = {}
    costs: dict[str, tuple[dict[int, Cost], dict[int, Cost]]] = {engine: ({}, {}) for engine in chosen.engines}
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as temporary, fresh_warehouse() as environment:
        build = dbt_build(project(Path(temporary), chosen.indicators))
        for years in chosen.years:
            place = (chosen.landings or Path(temporary)) / f"{chosen.indicators}x{years}"
            landing = Landing.make(place, chosen.indicators, last_day_of(years))
            sizes[years] = landing.values
            for number, engine in enumerate(chosen.engines):
                bed = Bed(engine, Path(temporary) / f"{years}-{number}", build, environment)
                bed.folder.mkdir()
                first, day = costs[engine]
                for name, what, versions, into in (
                    ("raw", f"dbt build of {landing.values:,} values", landing.values, first),
                    ("raw-and-day", "one more day of all", landing.values_and_day, day),
                ):
                    bed.put(landing, name)
                    into[years] = bed.run(versions)
                    duckdb_took = costs.get("DuckDB", ({}, {}))[name == "raw-and-day"].get(years)
                    report(engine, what, into[years], duckdb_took if engine != "DuckDB" else None)
                    for node, seconds in bed.slowest(chosen.slowest).items():
                        say(f"    {node}", f"{seconds:.1f} s")
                shutil.rmtree(bed.folder)
            if not chosen.landings:
                shutil.rmtree(place)
    if len(chosen.years) > 1:
        for engine, (first, day) in costs.items():
            compare(engine, sizes, first, day)


if __name__ == "__main__":
    main()
