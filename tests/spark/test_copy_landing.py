"""The copy-landing verb: the raw tables from one warehouse to another, resumable, verified, nothing overwritten."""

from __future__ import annotations

import datetime as dt
import os
import signal
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from extract import copy_landing as verb
from extract import landing
from extract.catalogue.entries import Entry
from extract.catalogue.landing import land_catalogue
from extract.copy_landing import TABLES, copy_landing
from extract.errors import UsageError, WarehouseError
from extract.landing import Run
from extract.settings import Settings, load_settings
from extract.warehouse import connect
from tests.integration.conftest import database_of_its_own
from tests.spark.lakes import NOON, land, month, python
from tests.warehouse.conftest import needs_server

pytest.importorskip("deltalake", reason="deltalake is not installed: `make test-spark` installs it")

# Of no wider an alphabet than a stand-in for SQL Server knows; test_lake_landing has others.
BODIES = [b'{"a": 1}', '{"ñ": "Península €"}'.encode(), b"x" * 70_000, b'{"quote": "\'\\\\"}']


def places(folder: Path) -> dict[str, str]:
    return {"ESIOS_DUCKDB_PATH": str(folder / "esios.duckdb"), "ESIOS_LAKE": str(folder / "lake")}


def on(target: str, folder: Path) -> Settings:
    given = {name: value for name, value in os.environ.items() if name.startswith("MSSQL_")}
    return load_settings({**given, **places(folder), "ESIOS_TARGET": target}, Path(os.devnull))


def fill(settings: Settings, windows: int = 20) -> None:
    """A landing with everything in it: revisions, unchanged responses, runs of each end, a catalogue, predictions."""
    with connect(settings) as warehouse:
        warehouse.ensure_schema()
        for number in range(windows):
            for body in (BODIES[number % 4], b"revised", b"revised"):
                land(warehouse, month(number % 12 + 1, 2015 + number // 12), body, run_id=f"run {number}")
            run = Run(f"run {number}", 460, NOON, dt.date(2018, 1, 1), dt.date(2018, 1, 31) if number % 2 else None)
            landing.begin_run(warehouse, run)
            if number % 3:
                run.status, run.error, run.finished_at_utc = "failed", 'it\'s "bad"', NOON
                landing.finish_run(warehouse, run)
        land_catalogue(warehouse, "simulated", [Entry(1, "Generación", "", "a\nb"), Entry(2, "dos", "d", "")], NOON)
        rows = [
            {
                "forecast": "mine",
                "indicator_id": 1293,
                "period_start_utc": NOON + dt.timedelta(hours=hour),
                "predicted_value": hour / 7,
                "predicted_at_utc": NOON,
            }
            for hour in range(100)
        ]
        warehouse.append(verb.PREDICTIONS, rows)


def content(settings: Settings) -> dict[str, list[tuple[object, ...]]]:
    with connect(settings, read_only=True) as warehouse:
        tables = [*(one.table for one in TABLES), landing.SOURCE]
        return {table: sorted(map(repr, warehouse.rows(f"select * from {table}"))) for table in tables}


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("duckdb", "spark"),
        ("spark", "duckdb"),
        pytest.param("sqlserver", "spark", marks=needs_server),
        pytest.param("spark", "sqlserver", marks=needs_server),
    ],
)
def test_every_raw_table_arrives_as_it_was_and_a_second_copy_adds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: str, there: str
) -> None:
    with ExitStack() as stack:
        if "sqlserver" in (here, there):
            for name, value in stack.enter_context(database_of_its_own(tmp_path)).items():
                monkeypatch.setenv(name, value)
        copy_twice(tmp_path, here, there)


def copy_twice(tmp_path: Path, here: str, there: str) -> None:
    fill(on(here, tmp_path))
    first = copy_landing(on(here, tmp_path), on(there, tmp_path), print)
    assert [(one.table, one.rows, one.copied) for one in first] == [
        ("raw_esios.indicator_responses", 40, 40),
        ("raw_esios.window_checks", 60, 60),
        ("raw_esios.extract_runs", 20, 20),
        ("raw_esios.catalogue_entries", 2, 2),
        ("raw_esios.predictions", 100, 100),
    ]
    assert content(on(there, tmp_path)) == content(on(here, tmp_path))
    again = copy_landing(on(here, tmp_path), on(there, tmp_path), print)
    assert again == [replace(one, copied=0) for one in first]
    with connect(on(here, tmp_path)) as warehouse:
        land(warehouse, month(1), b"new")
    assert [one.copied for one in copy_landing(on(here, tmp_path), on(there, tmp_path), print)] == [1, 1, 0, 0, 0]


def test_a_copy_that_is_killed_is_resumed(tmp_path: Path) -> None:
    fill(on("duckdb", tmp_path), windows=130)
    variables = {**places(tmp_path), "ESIOS_TARGET": "duckdb"}
    code = (
        "import sys; from extract.__main__ import main; sys.argv = ['esios', 'copy-landing', '--to', 'spark']; main()"
    )
    chance = Random(7)
    responses = tmp_path / "lake" / "raw_esios" / "indicator_responses"
    killed = 0
    for _ in range(4):
        process = python(code, variables)
        wanted = len(list(responses.glob("*.parquet"))) + 1
        while process.poll() is None and len(list(responses.glob("*.parquet"))) < wanted:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
    assert killed >= 2
    copy_landing(on("duckdb", tmp_path), on("spark", tmp_path), print)
    assert content(on("spark", tmp_path)) == content(on("duckdb", tmp_path))


def test_two_copies_at_once_double_nothing(tmp_path: Path) -> None:
    fill(on("duckdb", tmp_path))
    variables = {**places(tmp_path), "ESIOS_TARGET": "duckdb"}
    code = (
        "import sys; from extract.__main__ import main; sys.argv = ['esios', 'copy-landing', '--to', 'spark']; main()"
    )
    for process in [python(code, variables) for _ in range(2)]:
        out, err = process.communicate(timeout=200)
        assert process.returncode == 0, err
        assert "222 rows on spark" in out
    assert content(on("spark", tmp_path)) == content(on("duckdb", tmp_path))


def test_an_extract_goes_on_in_the_other_warehouse_and_stays(tmp_path: Path) -> None:
    fill(on("duckdb", tmp_path), windows=2)
    with connect(on("spark", tmp_path)) as warehouse:
        warehouse.ensure_schema()
        land(warehouse, month(12, 2030), b"only there")
    copy_landing(on("duckdb", tmp_path), on("spark", tmp_path), print)
    with connect(on("spark", tmp_path)) as warehouse:
        assert warehouse.value(f"select count(*) from {landing.RESPONSES}") == 5


def test_rows_of_another_source_are_never_mixed(tmp_path: Path) -> None:
    fill(on("duckdb", tmp_path), windows=1)
    with connect(on("spark", tmp_path)) as warehouse:
        warehouse.ensure_schema()
        land(warehouse, month(1), b"one", source="https://api.esios.ree.es")
    before = content(on("spark", tmp_path))
    with pytest.raises(UsageError, match=r"holds rows from https://api.esios.ree.es, this one from simulated"):
        copy_landing(on("duckdb", tmp_path), on("spark", tmp_path), print)
    assert content(on("spark", tmp_path)) == before


def test_a_row_that_differs_on_the_other_side_is_named(tmp_path: Path) -> None:
    fill(on("duckdb", tmp_path), windows=3)
    copy_landing(on("duckdb", tmp_path), on("spark", tmp_path), print)
    with connect(on("spark", tmp_path)) as warehouse, warehouse.transaction():
        responses = warehouse.for_update(landing.RESPONSES)
        warehouse.execute(f"update {responses} set payload = payload || ' ' where payload like '%\"a\"%'")
    with pytest.raises(WarehouseError, match=r"indicator_responses of indicator_id 460: .* or differ"):
        copy_landing(on("duckdb", tmp_path), on("spark", tmp_path), print)


@pytest.mark.parametrize(
    ("here", "there", "says"),
    [
        ("duckdb", "duckdb", "on duckdb already"),
        ("spark", "duckdb", "there is no lake"),
        ("duckdb", "oracle", "oracle"),
    ],
)
def test_what_cannot_be_copied_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: str, there: str, says: str
) -> None:
    for name, value in places(tmp_path).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=says):
        copy_landing(on(here, tmp_path), verb.other_settings(there), print)


def test_memory_does_not_grow_with_the_landing(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom extract.copy_landing import copy_landing, other_settings\n"
        "from extract.settings import load_settings\nfrom extract.warehouse import duckdb\n"
        "from benchmarks.peak import peak_mb\n"
        "duckdb.PAYLOADS_LIMIT = '64MB'\n"  # what it may keep of a file that it has read
        "copy_landing(load_settings(), other_settings(sys.argv[1]), print)\n"
        "print(peak_mb())"
    )

    def peaks(windows: int) -> list[float]:
        """MB of a copy there, and of one back."""
        folder = tmp_path / str(windows)
        folder.mkdir()
        with connect(on("duckdb", folder)) as warehouse:
            warehouse.ensure_schema()
            for number in range(windows):
                land(warehouse, month(number % 12 + 1, 2000 + number // 12), os.urandom(125_000).hex().encode())
        found = []
        for here, there in (("duckdb", "spark"), ("spark", "duckdb")):
            # How many arenas threads open is chance, and each keeps what it had at most.
            variables = {**places(folder), "ESIOS_TARGET": here, "MALLOC_ARENA_MAX": "1"}
            if there == "duckdb":
                variables["ESIOS_DUCKDB_PATH"] = str(folder / "back.duckdb")
            out, err = python(code, variables, there).communicate(timeout=200)
            assert not err, err
            found.append(float(out.split()[-1]))
        return found

    # After eight chunks the peak is reached; then 80 MB more to copy.
    few, many = peaks(512), peaks(832)
    assert many[0] < few[0] + 60, (few, many)
    assert many[1] < few[1] + 60, (few, many)
