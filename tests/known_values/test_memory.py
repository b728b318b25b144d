"""The memory of an export at a cutoff, as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXPORT = """
import sys
from pathlib import Path
from extract.known_values import export_values
from extract.selection import Selection
from extract.warehouse.duckdb import DuckDB
from benchmarks.peak import peak_mb

file, out, count, form = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
VERSIONS = '''
    create table esios_value_versions as
    select
        460 as indicator_id, 8741 as geo_id, start as period_start_utc, start + interval 1 hour as period_end_utc,
        1 + issue as version, n / 8 + issue as value, start - to_hours(48 - 24 * issue) as known_from_utc,
        case when issue = 0 then start - to_hours(24) end as known_until_utc, null::timestamp as sealed_at_utc,
        1 + issue as response_id, 1 + issue as confirmed_response_id
    from (select n, timestamp '1990-01-01' + to_minutes(n) as start from range({count}) r(n)), range(2) i(issue)
'''
OTHERS = {
    "esios_values": "select 460 as indicator_id, 8741 as geo_id, 'n' as name, 'Península' as geo_name, 'MW' as unit",
    "staging_esios.stg_esios__indicator_responses": (
        "select 1 + n as response_id, timestamp '2100-01-01' as extracted_at_utc, null::timestamp"
        " as values_updated_at_utc from range(2) r(n)"
    ),
    "staging_esios.stg_esios__counted_values": (
        "select response_id, indicator_id, geo_id, period_start_utc, known_from_utc as extracted_at_utc"
        " from esios_value_versions"
    ),
}
with DuckDB(file) as warehouse:
    warehouse.execute("set memory_limit = '128MB'")
    warehouse.execute("create schema staging_esios")
    warehouse.execute(VERSIONS.format(count=count))
    for name, query in OTHERS.items():
        warehouse.execute(f"create table {name} as {query}")
    done = export_values(warehouse, Selection.of([460], known_before="PT30H", wide=form == "wide"), out)
assert done.written.rows == count, done.written.rows
print(peak_mb())
"""


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("form", ["long", "wide"])
def test_the_memory_of_an_export_does_not_grow_with_the_history(tmp_path: Path, ending: str, form: str) -> None:
    def peak(count: int) -> int:
        files = [str(tmp_path / f"{count}.duckdb"), str(tmp_path / f"out.{ending}")]
        command = [sys.executable, "-c", EXPORT, *files, str(count), form]
        done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
        assert done.stderr == ""
        return int(done.stdout)

    # MB: DuckDB's joins and sorting, which its limit bounds and temporary files take over, included.
    assert peak(400_000) - peak(40_000) < 200
