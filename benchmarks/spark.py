"""The models on Spark SQL beside DuckDB, 200 indicators × 1 and 5 years of hours: `make bench-spark` runs it.

The landing is generated once, on DuckDB, and copied to a lake. Sail runs inside dbt, Spark in a JVM that dbt starts:
time and memory are those of dbt and of what it starts. Each size is built once on each engine, then one more day of
all indicators; what an engine cannot finish is said, with the reason. What Spark reads are the Parquet files of the
same landing.
"""

from __future__ import annotations

import argparse
import json
import os
import re
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
from extract.settings import Settings

# A file of the lake holds about what a quarter of all indicators comes to.
ROWS_AT_ONCE = 500
JVM = ROOT / ".venv-spark-jvm"
# DuckDB first: the others are compared with it.
ENGINES = ("DuckDB", "Sail", "Sail, two workers", "Spark local[2]")
POLL_S = 0.2
DUCKDB_MEMORY = "ESIOS_DUCKDB_MEMORY_GB"


@dataclass(frozen=True)
class Cost:
    """What a build took: wall and processor seconds, and the peak memory of all its processes in MB."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


@dataclass(frozen=True)
class Limits:
    """What a build may take."""

    memory_mb: int
    seconds: int


class Unfinished(Exception):
    """A build did not end well; says why."""


def first_error(output: str) -> str:
    """What dbt says behind its first failure."""
    plain = re.sub(r"\x1b\[\d*m", "", output)
    lines = [re.sub(r"^\d\d:\d\d:\d\d", "", line).strip() for line in plain.splitlines()]
    found = [number for number, line in enumerate(lines) if re.match(r"(Runtime|Compilation|Database) Error", line)]
    return " ".join(lines[found[0] : found[0] + 2])[:300] if found else ""


@dataclass
class Watched:
    """A process and those it started: Spark's JVM is not waited for, so the system's own account leaves it out."""

    process: psutil.Process
    limits: Limits
    peak: int = 0
    cpu: dict[int, float] = field(default_factory=dict)
    stopped_for: str = ""
    ended: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Until it has ended, or goes beyond a limit."""
        began = perf_counter()
        while not self.ended.wait(POLL_S):
            resident = 0
            with suppress(psutil.NoSuchProcess):
                for one in (self.process, *self.process.children(recursive=True)):
                    with suppress(psutil.NoSuchProcess):
                        times = one.cpu_times()
                        self.cpu[one.pid] = times.user + times.system
                        resident += one.memory_info().rss
            self.peak = max(self.peak, resident)
            if resident > self.limits.memory_mb * 2**20:
                self.stop(f"it took more than {self.limits.memory_mb:,} MB of memory")
            elif perf_counter() - began > self.limits.seconds:
                self.stop(f"it took more than {self.limits.seconds:,} s")

    def stop(self, reason: str) -> None:
        """End it, and what it started."""
        self.stopped_for = self.stopped_for or reason
        for one in (*self.process.children(recursive=True), self.process):
            with suppress(psutil.NoSuchProcess):
                one.kill()


def measure(command: Sequence[str], environment: Mapping[str, str], limits: Limits) -> Cost:
    """Run a command to its end and account for it and all that it starts; `Unfinished` where it fails."""
    with tempfile.TemporaryFile("w+") as out:
        began = perf_counter()
        process = subprocess.Popen(command, env=dict(environment), stdout=out, stderr=out, cwd=ROOT)
        watched = Watched(psutil.Process(process.pid), limits)
        watcher = threading.Thread(target=watched.watch)
        watcher.start()
        code = process.wait()
        seconds = perf_counter() - began
        watched.ended.set()
        watcher.join()
        if code:
            out.seek(0)
            output = out.read()
            print(output[-3000:], file=sys.stderr)
            raise Unfinished(watched.stopped_for or first_error(output) or f"it ended with {code}")
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
    def name(self) -> str:
        """The engine, and what DuckDB itself may hold in memory."""
        return f"{self.engine} with {self.environment[DUCKDB_MEMORY]} GB" if self.is_duckdb else self.engine

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

    def run(self, versions: int, limits: Limits) -> Cost:
        """One build, which leaves so many versions."""
        cost = measure(self.build, self.variables(), limits)
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


@dataclass(frozen=True, order=True)
class Size:
    """So many indicators, for so many years."""

    indicators: int
    years: int

    @classmethod
    def read(cls, text: str) -> Size:
        """`200x5`."""
        indicators, years = text.split("x")
        return cls(int(indicators), int(years))

    def __str__(self) -> str:
        return f"{self.indicators}x{self.years}"


@dataclass(frozen=True)
class Built:
    """What one engine took for one size."""

    values: int
    first: Cost
    day: Cost


def report(engine: str, what: str, cost: Cost, beside: Cost | None) -> None:
    """One line of the table."""
    ratio = f", {cost.cpu_seconds / beside.cpu_seconds:.2f} x DuckDB's" if beside else ""
    say(f"{engine}: {what}", f"{cost.seconds:.1f} s, {cost.cpu_seconds:.1f} s CPU{ratio}, {cost.peak_mb:.0f} MB")


WAYS: dict[str, Callable[[Cost], float]] = {"wall": lambda cost: cost.seconds, "CPU": lambda cost: cost.cpu_seconds}


def compare(engine: str, built: Mapping[Size, Built]) -> None:
    """Each size beside the largest that is smaller in years or in indicators alone, and beside the smallest."""
    for more in sorted(built):
        for less in {max((one for one in built if one.years == more.years and one < more), default=None),
                     max((one for one in built if one.indicators == more.indicators and one < more), default=None),
                     min(built)} - {None, more}:  # fmt: skip
            assert less
            here, there = built[more], built[less]
            growth = here.values / there.values
            named = f"{engine}: {less} -> {more}, {growth:.1f} x the data"
            for way, of in WAYS.items():
                linear = of(here.first) / of(there.first) / growth
                say(f"{named}: build / linear, {way}", f"{linear:.2f} x", "at most 1.2")
            say(f"{named}: peak memory", f"{here.first.peak_mb / there.first.peak_mb:.2f} x")
            if less.indicators == more.indicators:
                for way, of in WAYS.items():
                    say(f"{named}: one more day, {way}", f"{of(here.day) / of(there.day):.2f} x", "at most 1.5")


def build_both(bed: Bed, landing: Landing, limits: Limits, beside: Built | None, slowest: int) -> Built:
    """The whole landing, then one more day; each reported as it is done."""
    costs = []
    for name, what, versions, yardstick in (
        ("raw", f"dbt build of {landing.values:,} values", landing.values, beside.first if beside else None),
        ("raw-and-day", "one more day of all", landing.values_and_day, beside.day if beside else None),
    ):
        bed.put(landing, name)
        costs.append(cost := bed.run(versions, limits))
        report(bed.name, what, cost, yardstick)
        for node, seconds in bed.slowest(slowest).items():
            say(f"    {node}", f"{seconds:.1f} s")
    return Built(landing.values, *costs)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=Size.read, nargs="+", default=[Size(200, 1), Size(200, 5)], metavar="200x5")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES[:2])
    parser.add_argument("--landings", type=Path, help="keep what is generated there, for the next time")
    parser.add_argument("--slowest", type=int, default=0, help="name so many of the slowest models and tests")
    parser.add_argument("--memory-mb", type=int, default=psutil.virtual_memory().total // 2**20 * 3 // 4)
    parser.add_argument("--seconds", type=int, default=4 * 3600, help="end a build that takes longer, or more memory")
    parser.add_argument(
        "--duckdb-memory-gb", type=float, default=Settings.duckdb_memory_gb, help="what DuckDB may hold at most"
    )
    chosen = parser.parse_args()
    duckdb_memory = {DUCKDB_MEMORY: f"{chosen.duckdb_memory_gb:g}"}
    limits = Limits(chosen.memory_mb, chosen.seconds)
    built: dict[str, dict[Size, Built]] = {engine: {} for engine in chosen.engines}
    with (
        tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as temporary,
        fresh_warehouse(**duckdb_memory) as environment,
    ):
        for size in sorted(chosen.sizes):
            build = dbt_build(project(Path(temporary) / f"project-{size}", size.indicators))
            place = (chosen.landings or Path(temporary)) / str(size)
            landing = Landing.make(place, size.indicators, last_day_of(size.years))
            for number, engine in enumerate(chosen.engines):
                bed = Bed(engine, Path(temporary) / f"{size}-{number}", build, environment)
                bed.folder.mkdir()
                try:
                    beside = built.get("DuckDB", {}).get(size) if engine != "DuckDB" else None
                    built[engine][size] = build_both(bed, landing, limits, beside, chosen.slowest)
                except Unfinished as reason:
                    say(f"{bed.name}: {landing.values:,} values are not built", str(reason))
                shutil.rmtree(bed.folder)
            if not chosen.landings:
                shutil.rmtree(place)
    for engine, sizes in built.items():
        compare(engine, sizes)


if __name__ == "__main__":
    main()
