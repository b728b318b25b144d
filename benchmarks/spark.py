"""The models on Spark SQL beside DuckDB, 200 indicators × 1 and 5 years of hours: `make bench-spark` runs it.

The landing is generated once, on DuckDB, and copied to a lake. Sail runs inside dbt, so that its time and memory are
those of the one process that is measured. Each size is built once on both, then one more day of all indicators.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.grain import FIRST_DAY, dbt_build, land, last_day_of, project
from benchmarks.main_job import Measured, fresh_warehouse, measure, say

# A file of the lake holds about what a quarter of all indicators comes to.
ROWS_AT_ONCE = 500


def copy_landing(warehouse: Path, lake: Path, since: str = "1900-01-01") -> None:
    """What was landed after an instant, into the lake's raw tables."""
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
            batches = [batch for batch in reader if batch.num_rows] or [pa.RecordBatch.from_pylist([], reader.schema)]
            if DeltaTable.is_deltatable(str(lake / "raw_esios" / name)) and not at:
                continue
            for batch in batches:
                rows = pa.Table.from_batches([batch]).cast(schema)
                write_deltalake(lake / "raw_esios" / name, rows, mode="append")


def rows_in(lake: Path, schema: str, table: str) -> int:
    """How many rows a table of the lake has, from its files' statistics."""
    files = pa.table(DeltaTable(lake / schema / table).get_add_actions(flatten=True))
    return sum(files["num_records"].to_pylist())


def report(engine: str, what: str, run: Measured, beside: Measured | None = None) -> None:
    """One line of the table."""
    ratio = f", {run.seconds / beside.seconds:.2f} x DuckDB" if beside else ""
    say(f"{engine}: {what}", f"{run.seconds:.1f} s{ratio}, {run.peak_mb:.0f} MB")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--indicators", type=int, default=200)
    parser.add_argument("--years", type=int, nargs="+", default=[1, 5])
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder, fresh_warehouse() as environment:
        build = dbt_build(project(Path(folder), chosen.indicators))
        warehouse = Path(environment["ESIOS_DUCKDB_PATH"])
        sizes, first, days = {}, {}, {}
        for years in chosen.years:
            lake = Path(folder) / f"lake-{years}"
            on_spark = environment | {"ESIOS_TARGET": "spark", "ESIOS_LAKE": str(lake)}
            warehouse.unlink(missing_ok=True)
            sizes[years] = land(warehouse, chosen.indicators, FIRST_DAY, last_day_of(years))
            copy_landing(warehouse, lake)
            duck, sail = measure(build, environment), measure(build, on_spark)
            assert rows_in(lake, "esios", "esios_value_versions") == sizes[years]
            report("DuckDB", f"dbt build of {sizes[years]:,} values", duck)
            report("Sail", f"dbt build of {sizes[years]:,} values", sail, duck)
            day = last_day_of(years) + timedelta(days=1)
            sizes[years] += land(warehouse, chosen.indicators, day, day)
            copy_landing(warehouse, lake, since=str(day))
            duck_day, sail_day = measure(build, environment), measure(build, on_spark)
            assert rows_in(lake, "esios", "esios_value_versions") == sizes[years]
            report("DuckDB", "one more day of all", duck_day)
            report("Sail", "one more day of all", sail_day, duck_day)
            first[years], days[years] = (duck, sail), (duck_day, sail_day)
            shutil.rmtree(lake)
        least, most = min(chosen.years), max(chosen.years)
        growth = sizes[most] / sizes[least]
        for place, engine in enumerate(("DuckDB", "Sail")):
            longer = first[most][place].seconds / first[least][place].seconds
            say(f"{engine}: time of {growth:.1f} x the data / linear", f"{longer / growth:.2f} x", "at most 1.2")
            later = days[most][place].seconds / days[least][place].seconds
            say(f"{engine}: one more day after {most} years / after {least}", f"{later:.2f} x", "at most 1.5")


if __name__ == "__main__":
    main()
