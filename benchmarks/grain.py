"""The models at scale, 200 indicators × 5 years of hours on DuckDB, and one more day: `make bench-grain` runs it.

The landing is generated (nothing is asked of anybody); the registry is the project's with as many entries more.
The yardstick is the one query that explodes and deduplicates the same payloads.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.main_job import ROOT, Measured, fresh_warehouse, interleaved, measure, median, say
from extract.windows import cut

FIRST_DAY = date(2020, 1, 1)
FIRST_ID = 20_000
LANDED_TOGETHER = 20
REGISTRY = Path("models") / "registry" / "esios_indicators.yml"
DDL = ROOT / "extract" / "warehouse" / "ddl" / "duckdb"
# One response of each indicator for one window: hourly values that differ by indicator and hour.
LAND = """
insert into raw_esios.indicator_responses
select
    id, $start, $until, 'https://api.esios.ree.es/indicators/' || id || '?time_trunc=hour&geo_ids%5B%5D=8741', payload,
    sha256(payload), 'benchmark', $extracted
from (
    select
        id,
        '{"indicator":{"name":"Indicator ' || id || '","id":' || id || ',"values_updated_at":null,"values":['
        || string_agg(
            '{"value":' || round(20000 + 5000 * sin(id + epoch(hour) / 13750.9871), 1)
            || ',"datetime":"' || strftime(madrid, '%Y-%m-%dT%H:%M:%S.000')
            || case when hour(madrid - hour) = 1 then '+01:00' else '+02:00' end
            || '","datetime_utc":"' || strftime(hour, '%Y-%m-%dT%H:%M:%SZ') || '","tz_time":"'
            || strftime(hour, '%Y-%m-%dT%H:%M:%S.000Z') || '","geo_id":8741,"geo_name":"Península"}', ',' order by hour
        ) || ']}}' as payload
    from range($first_id, $end_id) as ids (id)
    cross join (
        select hour, timezone('Europe/Madrid', hour at time zone 'UTC') as madrid
        from range($start, $until, interval 1 hour) as hours (hour)
    )
    group by id
)
"""
CHECK = """
insert into raw_esios.window_checks
select indicator_id, window_start_utc, window_end_utc, run_id, extracted_at_utc, payload_sha256
from raw_esios.indicator_responses where extracted_at_utc = $extracted
"""
# The yardstick, in a process of its own: newest value of each instant, typed.
EXPLODE = """
import sys, duckdb
with duckdb.connect(sys.argv[1], config={"threads": 2}) as connection:
    connection.execute("set timezone = 'UTC'; set enable_progress_bar = false")
    connection.execute('''
        create table exploded as
        select indicator_id, geo_id, period_start_utc, arg_max(value, extracted_at_utc) as value
        from (
            select
                indicator_id, extracted_at_utc, cast(entry.geo_id as integer) as geo_id,
                cast(entry.value as double) as value,
                cast(entry.datetime as timestamp with time zone) at time zone 'UTC' as period_start_utc
            from (
                select indicator_id, extracted_at_utc, unnest(from_json(json_extract(payload, '$.indicator.values'),
                    '[{"datetime": "VARCHAR", "value": "VARCHAR", "geo_id": "VARCHAR"}]')) as entry
                from raw_esios.indicator_responses
            )
        )
        group by indicator_id, geo_id, period_start_utc''')
    print(connection.execute("select count(*) from exploded").fetchone()[0])
"""


def project(folder: Path, indicators: int) -> Path:
    """A copy of the dbt project whose registry has so many entries more."""
    copy = folder / "dbt_project"
    shutil.copytree(ROOT / "dbt_project", copy, ignore=shutil.ignore_patterns("target", "logs"))
    registry = yaml.safe_load((copy / REGISTRY).read_text("utf-8"))
    [model] = [one for one in registry["models"] if one["name"] == "esios_indicators"]
    entries = model["config"]["meta"]["indicators"]
    entries += [
        {
            **{"id": FIRST_ID + number, "name": f"Indicator {FIRST_ID + number}", "role": "benchmark", "kind": "power"},
            **{"areas": [8741], "cadence": "hour", "first_day": str(FIRST_DAY)},
            **{"published_ahead_days": 0, "revision_horizon_days": 14},
        }
        for number in range(indicators)
    ]
    (copy / REGISTRY).write_text(yaml.safe_dump(registry, allow_unicode=True, sort_keys=False), "utf-8")
    return copy


def land(warehouse: Path, indicators: int, first_day: date, last_day: date) -> int:
    """A response an indicator and quarter, each extracted when its window had ended; gives how many values.

    Some at a time are written into the file, as the extractor does (extract/warehouse/duckdb.py): DuckDB reads what was
    written together as one block.
    """
    with duckdb.connect(str(warehouse), config={"threads": 2}) as connection:
        connection.execute("set timezone = 'UTC'; set max_vacuum_tasks = 0; set checkpoint_threshold = '4MB'")
        for file in sorted(DDL.glob("*.sql"), key=lambda file: len(file.stem)):
            connection.execute(file.read_text("utf-8"))
        values = 0
        for window in cut(first_day, last_day, "quarter"):
            extracted = window.end_utc + timedelta(hours=1)
            where = {"start": window.start_utc, "until": window.end_utc, "extracted": extracted}
            end_id = FIRST_ID + indicators
            for first_id in range(FIRST_ID, end_id, LANDED_TOGETHER):
                some = {"first_id": first_id, "end_id": min(first_id + LANDED_TOGETHER, end_id)}
                connection.execute(LAND, {**where, **some})
            connection.execute(CHECK, {"extracted": extracted})
            values += indicators * int((window.end_utc - window.start_utc) / timedelta(hours=1))
    return values


def last_day_of(years: int) -> date:
    """The last day of so many years from the first one on."""
    return date(FIRST_DAY.year + years, 1, 1) - timedelta(days=1)


def dbt_build(copy: Path) -> list[str]:
    """The command that builds a copy of the project."""
    return [f"{ROOT}/.venv/bin/dbt", "build", "--project-dir", str(copy), "--exclude-resource-type", "unit_test"]


def processor_time(runs: list[Measured]) -> float:
    """Median seconds of both processors: what another's work beside it changes least."""
    return statistics.median(run.cpu_seconds for run in runs)


def full_build(build: list[str], environment: dict[str, str], warehouse: Path) -> tuple[Measured, Measured]:
    """The yardstick and `dbt build`, each from the landing alone."""
    landed = str(shutil.copy(warehouse, warehouse.with_name("landed.duckdb")))
    exploded = measure([sys.executable, "-c", EXPLODE, landed], environment)
    Path(landed).unlink()
    return exploded, measure(build, environment)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--indicators", type=int, default=200)
    parser.add_argument("--years", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, fresh_warehouse() as environment:
        build = dbt_build(project(Path(folder), chosen.indicators))
        warehouse = Path(environment["ESIOS_DUCKDB_PATH"])
        histories = {}
        for years in (1, chosen.years):
            warehouse.unlink(missing_ok=True)
            began = datetime.now()
            values = land(warehouse, chosen.indicators, FIRST_DAY, last_day_of(years))
            landing_seconds = (datetime.now() - began).total_seconds()
            exploded, built = full_build(build, environment, warehouse)
            assert int(exploded.output) == values, (exploded.output, values)
            rows = f"{values:,} values ({landing_seconds:.0f} s to land)"
            say(
                f"dbt build of {rows} / exploding query, wall", f"{built.seconds / exploded.seconds:.2f} x", "at most 6"
            )
            say("  of it dbt build; exploding query", f"{built.seconds:.1f} s; {exploded.seconds:.1f} s")
            cpu_ratio = built.cpu_seconds / exploded.cpu_seconds
            say("  the same by processor time", f"{cpu_ratio:.2f} x ({built.cpu_seconds:.1f} s)")
            say("  peak memory of dbt build", f"{built.peak_mb:.0f} MB", "under 4096")
            day = last_day_of(years) + timedelta(days=1)
            land(warehouse, chosen.indicators, day, day)
            histories[years] = Path(shutil.copy(warehouse, warehouse.with_name(f"{years}.duckdb")))

        def one_more_day(years: int) -> Measured:
            shutil.copy(histories[years], warehouse)
            return measure(build, environment)

        many, one = interleaved(chosen.rounds, lambda: one_more_day(chosen.years), lambda: one_more_day(1))
        say("dbt build of one more day of all, wall", f"{median(many):.1f} s", "at most 20 s")
        say(f"  the same after {chosen.years} years / after one", f"{median(many) / median(one):.2f} x", "at most 1.3")
        cpu_ratio = processor_time(many) / processor_time(one)
        say("  the same by processor time", f"{cpu_ratio:.2f} x ({processor_time(many):.1f} s)")
        say("  peak memory", f"{statistics.median(run.peak_mb for run in many):.0f} MB")


if __name__ == "__main__":
    main()
