"""What a cutoff costs: `esios export --indicator` with one against without, among many indicators and years.

    python benchmarks/as_known_at.py [--indicators 200] [--years 5] [--rounds 5]

460 is landed and built as ever, each month in four responses that revise it; the other indicators are copies of its
first versions in the tables that such an export reads. Both sides of each ratio are interleaved in one run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import duckdb

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.main_job import ROOT, Measured, fresh_warehouse, interleaved, measure, median, say

ESIOS = f"{ROOT}/.venv/bin/esios"
DBT = f"{ROOT}/.venv/bin/dbt"
DDL = ROOT / "extract" / "warehouse" / "ddl" / "duckdb"
FIRST_DAY = "2020-01-01"
# Four responses a month: a week before it, at its start, in its middle, at its end. Each changes what is still to come.
LANDING = """
insert into raw_esios.indicator_responses
with hours as (
    select timestamp '{first} 00:00' + to_hours(cast(n as integer)) as hour
    from range(cast({years} * 365.25 * 24 as bigint)) as r (n)
),
said as (
    select
        date_trunc('month', hour) as month,
        hour,
        issue,
        date_trunc('month', hour) + to_days(cast(15 * issue - 7 as integer)) as extracted,
        round(28000 + 6000 * sin(epoch(hour) / 13751) + 100 * least(issue, 2) * (epoch(hour) % 7), 1) as value
    from hours cross join range(4) as i (issue)
)
select
    460, month, month + interval 1 month, 'https://api.esios.ree.es/indicators/460?geo_ids%5B%5D=8741',
    '{{"indicator":{{"name":"Previsión diaria","id":460,"values_updated_at":"'
    || strftime(extracted - interval 1 hour, '%Y-%m-%dT%H:%M:%S.000Z') || '","values":['
    || string_agg(
        '{{"value":' || value || ',"datetime":"' || strftime(hour, '%Y-%m-%dT%H:%M:%SZ')
        || '","geo_id":8741,"geo_name":"Península"}}', ',' order by hour
    ) || ']}}}}' as payload,
    sha256(payload), 'bench', extracted
from said
group by month, issue, extracted
"""
COPIES = {
    "staging_esios.stg_esios__response_entries": (
        "response_id in (select response_id from esios_value_versions where version = 1)"
    ),
    "esios_value_versions": "version = 1",
}


def make_history(environment: dict[str, str], indicators: int, years: int) -> None:
    """The landing, the build, the copies."""
    with duckdb.connect(environment["ESIOS_DUCKDB_PATH"]) as connection:
        for file in sorted(DDL.glob("*.sql"), key=lambda file: len(file.stem)):
            connection.execute(file.read_text("utf-8"))
        connection.execute("insert into raw_esios.source values ('https://api.esios.ree.es')")
        connection.execute(LANDING.format(first=FIRST_DAY, years=years))
    measure([DBT, "run", "--select", "+esios_values", "stg_esios__counted_values"], environment)
    with duckdb.connect(environment["ESIOS_DUCKDB_PATH"]) as connection:
        for table, which in COPIES.items():
            connection.execute(
                f"insert into {table} by name select * exclude (n) replace (indicator_id + 100000 + n as indicator_id)"
                f" from {table} cross join range({indicators - 1}) as r (n) where {which}"
            )
        rows = connection.execute("select count(*) from esios_value_versions").fetchone()
        print(f"{indicators} indicators, {years} years, {rows[0] if rows else 0:,} versions")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--indicators", type=int, default=200)
    parser.add_argument("--years", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with fresh_warehouse() as environment:
        make_history(environment, options.indicators, options.years)
        folder = Path(environment["ESIOS_DUCKDB_PATH"]).parent

        def export(*cutoff: str) -> Measured:
            out = str(folder / "values.csv")
            return measure([ESIOS, "export", "--indicator", "460", *cutoff, "--out", out], environment)

        cutoffs = {
            "--as-of, at the end": ("--as-of", "2100-01-01"),
            "--as-of, in the middle of a month": ("--as-of", "2024-12-10"),
            "--known-before D-1T12:00": ("--known-before", "D-1T12:00"),
            "--known-before PT24H": ("--known-before", "PT24H"),
        }
        plain, *limited = interleaved(
            options.rounds, export, *(lambda cutoff=cutoff: export(*cutoff) for cutoff in cutoffs.values())
        )
        for name, runs in zip(cutoffs, limited, strict=True):
            ratio, seconds = median(runs) / median(plain), median(runs)
            say(f"export --indicator {name} / without", f"{ratio:.2f} x ({seconds:.2f} s)", "goal: at most 2")
        say("peak memory of an export with a cutoff", f"{max(run.peak_mb for runs in limited for run in runs):.0f} MB")


if __name__ == "__main__":
    main()
