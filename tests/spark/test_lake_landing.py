"""The landing's contract on a lake, in a folder and on S3: append-only, whole, once, even if others write or die."""

from __future__ import annotations

import datetime as dt
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract import landing
from extract.catalogue.entries import Entry
from extract.catalogue.landing import land_catalogue
from extract.errors import UsageError
from extract.landing import Run
from extract.settings import Settings
from extract.warehouse import TableName, connect
from extract.warehouse.lake_lock import only_join
from extract.warehouse.lake_storage import LakeStorage
from extract.warehouse.lake_upkeep import Upkeep
from tests.spark.lakes import NOON, assert_whole, count, lake_settings, land, month, python, responses, s3_server

pytest.importorskip("deltalake", reason="deltalake is not installed: `make test-spark` installs it")

LANDER = """
import sys
from extract.settings import load_settings
from extract.warehouse import connect
from tests.spark.lakes import land, month
who, months, versions = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with connect(load_settings()) as warehouse:
    warehouse.ensure_schema()
    for version in range(versions):
        for number in range(1, months + 1):
            body = b'{"month": %d, "version": %d}' % (number, version) + b" " * 100_000
            print(int(land(warehouse, month(number), body, run_id=who)), flush=True)
"""
STEADY = """
import itertools, sys
from extract.settings import load_settings
from extract.warehouse import connect
from tests.spark.lakes import land, month
with connect(load_settings()) as warehouse:
    warehouse.ensure_schema()
    for number in itertools.count():
        land(warehouse, month(1 + number % 3), b"%s %d " % (sys.argv[1].encode(), number) + b"x" * 300_000)
        print(number, flush=True)
"""


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    if find_spec("moto") is None:
        pytest.skip("moto, an S3 server for tests, is not installed: `make test-spark` installs it")
    with s3_server(tmp_path_factory.mktemp("s3")) as variables:
        yield variables


@pytest.fixture(params=["folder", "s3"])
def variables(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The configuration of an empty lake."""
    if request.param == "folder":
        return {"ESIOS_TARGET": "spark", "ESIOS_LAKE": str(tmp_path / "lake")}
    return {"ESIOS_TARGET": "spark", "ESIOS_LAKE": f"s3://lake/{tmp_path.name}", **request.getfixturevalue("s3")}


@pytest.fixture
def lake(variables: dict[str, str]) -> Settings:
    made = lake_settings(variables["ESIOS_LAKE"], **variables)
    with connect(made) as warehouse:
        warehouse.ensure_schema()
    return made


def test_an_equal_response_adds_no_row_but_a_check(lake: Settings) -> None:
    with connect(lake) as warehouse:
        assert land(warehouse, month(1), b'{"a": 1}')
        assert not land(warehouse, month(1), b'{"a": 1}')
        assert land(warehouse, month(1), b'{"a": 2}')
        assert land(warehouse, month(1), b'{"a": 1}')
        assert [row[2] for row in responses(warehouse)] == ['{"a": 1}', '{"a": 2}', '{"a": 1}']
    assert count(lake, landing.CHECKS) == 4
    assert_whole(lake)


@pytest.mark.parametrize("variables", ["folder"], indirect=True)
@settings(max_examples=15)
@given(bodies=st.lists(st.tuples(st.integers(1, 2), st.sampled_from(["{}", "ñ 电力 🎉", '{"a": 1}'])), max_size=8))
def test_only_a_response_that_differs_from_the_newest_of_its_window_adds_a_row(
    lake: Settings, bodies: list[tuple[int, str]]
) -> None:
    with connect(lake) as warehouse:
        rows = len(responses(warehouse))
        newest = {
            number: warehouse.value(
                f"select payload from {landing.RESPONSES} where window_start_utc = ? order by extracted_at_utc desc",
                (month(number).start_utc,),
            )
            for number in (1, 2)
        }
        expected = 0
        for number, body in bodies:
            assert land(warehouse, month(number), body.encode()) == (newest[number] != body)
            expected += newest[number] != body
            newest[number] = body
        assert len(responses(warehouse)) == rows + expected
    assert_whole(lake)


def test_extracts_at_once_land_each_response_once_and_every_check(variables: dict[str, str]) -> None:
    processes = [python(LANDER, variables, f"run-{who}", "3", "2") for who in range(3)]
    landed = []
    for process in processes:
        out, err = process.communicate(timeout=200)
        assert process.returncode == 0, err
        landed += list(map(int, out.split()))
    made = lake_settings(variables["ESIOS_LAKE"], **variables)
    # A late process may find a newer version landed and land its own older one again: a change each time.
    assert sum(landed) == count(made, landing.RESPONSES) >= 6
    assert count(made, landing.CHECKS) == len(landed) == 18
    assert count(made, landing.SOURCE) == 1
    assert_whole(made)


def test_the_same_responses_from_several_extracts_at_once_are_landed_once(variables: dict[str, str]) -> None:
    processes = [python(LANDER, variables, f"run-{who}", "4", "1") for who in range(3)]
    for process in processes:
        assert process.communicate(timeout=200)[1] == ""
    made = lake_settings(variables["ESIOS_LAKE"], **variables)
    assert (count(made, landing.RESPONSES), count(made, landing.CHECKS)) == (4, 12)
    assert_whole(made)


def test_a_table_that_several_make_at_once_is_made_once(variables: dict[str, str]) -> None:
    storage = LakeStorage(lake_settings(variables["ESIOS_LAKE"], **variables))
    schema = pa.schema([("a", pa.int64())])
    with ThreadPoolExecutor(6) as pool:
        for number in range(15):
            table = TableName("raw_esios", f"made_{number}")
            list(pool.map(lambda _, table=table: storage.create(table, schema), range(6)))
            made = storage.find(table)
            assert made is not None
            assert made.version() == 0


@pytest.mark.parametrize("variables", ["folder"], indirect=True)
def test_a_kill_at_any_moment_loses_nothing_that_was_landed(variables: dict[str, str], lake: Settings) -> None:
    chance = Random(4)
    acknowledged = 0
    for turn in range(4):
        process = python(STEADY, variables, f"turn-{turn}")
        assert process.stdout
        for _ in range(chance.randrange(1, 8)):
            assert process.stdout.readline()
            acknowledged += 1
        time.sleep(chance.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        acknowledged += len(process.communicate()[0].split())
    kept, checks = count(lake, landing.RESPONSES), count(lake, landing.CHECKS)
    # A kill may come after the commit and before the word of it, or between a response and its check.
    assert acknowledged <= checks <= kept <= acknowledged + 4
    assert_whole(lake)
    with connect(lake) as warehouse:
        assert land(warehouse, month(1), b"after the kills")
    assert_whole(lake)


def test_a_response_whose_check_a_kill_prevented_is_checked_next_time_and_no_instant_repeats(lake: Settings) -> None:
    with connect(lake) as warehouse:
        land(warehouse, month(1), b"one", at=NOON + dt.timedelta(hours=1))
        with warehouse.transaction():
            warehouse.execute(f"delete from {warehouse.for_update(landing.CHECKS)}")
        assert not landing.checked_windows(warehouse, 460)
        assert land(warehouse, month(2), b"two", at=NOON)
        assert not land(warehouse, month(1), b"one", at=NOON)
        assert set(landing.checked_windows(warehouse, 460)) == {month(1), month(2)}
    assert_whole(lake)


def test_rows_of_two_sources_never_share_a_lake(lake: Settings) -> None:
    with connect(lake) as warehouse, connect(lake) as other:
        land(warehouse, month(1), b"one")
        with pytest.raises(UsageError, match=r"holds rows from simulated.*ESIOS_LAKE"):
            land(other, month(2), b"two", source="https://api.esios.ree.es")
        assert len(responses(warehouse)) == 1


def test_of_two_sources_that_come_at_once_one_is_refused(lake: Settings) -> None:
    """The second has read that the lake is empty, and learns at its commit that it no longer is."""
    tried: list[str] = []
    with connect(lake) as first, connect(lake) as second:

        def claim() -> None:
            with second.lock(landing.LOCK, landing.SOURCE):
                tried.append(str(landing.recorded_source(second)))
                if len(tried) == 1:
                    land(first, month(1), b"one")
                landing.claim_source(second, "https://api.esios.ree.es")

        with pytest.raises(UsageError, match="holds rows from simulated"):
            second.atomically(claim)
    assert tried == ["None", "simulated"]


def test_a_run_is_one_row_from_its_begin_to_its_end(lake: Settings) -> None:
    runs = [Run(f"r{n}", 460, NOON, dt.date(2018, 1, n + 1), None) for n in range(3)]
    with connect(lake) as one, connect(lake) as other:
        for run in runs:
            landing.begin_run(one, run)
        runs[0].status, runs[0].finished_at_utc, runs[0].error = "failed", NOON, 'it\'s "bad"'
        landing.finish_run(other, runs[0])
        runs[1].status, runs[1].windows = "succeeded", 8
        landing.finish_run(one, runs[1])
        found = one.records(f"select * from {landing.RUNS} order by run_id")
    assert found == [vars(run) for run in runs]


def test_runs_that_end_at_once_all_end(variables: dict[str, str], lake: Settings) -> None:
    code = """
import sys, datetime as dt
from extract import landing
from extract.settings import load_settings
from extract.warehouse import connect
with connect(load_settings()) as warehouse:
    for turn in range(4):
        run = landing.Run(f"{sys.argv[1]}-{turn}", 460, dt.datetime(2018, 1, 1), dt.date(2018, 1, 1), None)
        landing.begin_run(warehouse, run)
        run.status = "succeeded"
        landing.finish_run(warehouse, run)
"""
    for process in [python(code, variables, str(who)) for who in range(3)]:
        assert process.communicate(timeout=120)[1] == ""
    with connect(lake) as warehouse:
        found = list(warehouse.rows(f"select run_id, status from {landing.RUNS} order by run_id"))
    assert found == [(f"{who}-{turn}", "succeeded") for who in range(3) for turn in range(4)]


def test_the_catalogue_is_kept_as_it_was_fetched_last(lake: Settings) -> None:
    first = [Entry(1, "uno", "u", "one"), Entry(2, "dos", "d", "two")]
    second = [Entry(2, "dos", "d", "another text"), Entry(3, "tres", "t", "three")]
    with connect(lake) as warehouse:
        land_catalogue(warehouse, "simulated", first, NOON)
        land_catalogue(warehouse, "simulated", second, NOON + dt.timedelta(days=1))
        rows = list(
            warehouse.rows(
                "select indicator_id, description, fetched_at_utc from raw_esios.catalogue_entries order by 1"
            )
        )
    later = NOON + dt.timedelta(days=1)
    assert rows == [(1, "one", NOON), (2, "another text", later), (3, "three", later)]


@pytest.mark.parametrize("variables", ["folder"], indirect=True)
def test_small_files_are_joined_as_they_come(lake: Settings) -> None:
    checks = LakeStorage(lake)
    with connect(lake) as warehouse:
        name = warehouse.resolve(landing.CHECKS)
        files = []
        for _ in range(102):
            land(warehouse, month(1), b"the same")
            files.append(len(found.file_uris()) if (found := checks.find(name)) else 0)
        assert len(landing.checked_windows(warehouse, 460)) == 1
    assert (max(files), files[-1]) == (49, 4)
    assert count(lake, landing.CHECKS) == 102


@pytest.mark.parametrize("variables", ["folder"], indirect=True)
def test_a_rewritten_table_doubles_no_row_beside_a_compaction(lake: Settings) -> None:
    """deltalake 1.6.6 lets such a commit pass, and both the moved rows and the new ones would stay."""
    runs = [Run(f"r{n}", 460, NOON, dt.date(2018, 1, 1), None) for n in range(3)]
    tried = 0
    with connect(lake) as one, connect(lake) as other:
        landing.begin_run(one, runs[0])

        def work() -> None:
            nonlocal tried
            tried += 1
            runs_table = one.for_update(landing.RUNS)
            if tried == 1:
                landing.begin_run(other, runs[1])
                landing.begin_run(other, runs[2])
                assert Upkeep(lake).join_small_files(one.resolve(landing.RUNS))
            one.execute(f"update {runs_table} set status = ? where run_id = ?", ("failed", "r0"))

        one.atomically(work)
        rows = list(one.rows(f"select run_id, status from {landing.RUNS} order by run_id"))
    assert (tried, rows) == (2, [("r0", "failed"), ("r1", "running"), ("r2", "running")])


@pytest.mark.parametrize("variables", ["folder"], indirect=True)
def test_files_are_joined_by_one_process_at_a_time(lake: Settings, variables: dict[str, str]) -> None:
    """deltalake 1.6.6 commits both of two compactions that begin from one version: each row would be there twice."""
    code = """
from extract.lake import optimize
from extract.settings import load_settings
while True:
    optimize(load_settings(), print)
"""
    with connect(lake) as warehouse:
        warehouse.ensure_schema()
        joining = [python(code, variables) for _ in range(3)]
        try:
            for number in range(60):
                land(warehouse, month(1 + number % 12), f"response {number}".encode())
        finally:
            for process in joining:
                process.kill()
                assert process.communicate()[1] == ""
    assert_whole(lake)
    assert (count(lake, landing.RESPONSES), count(lake, landing.CHECKS)) == (60, 60)


@pytest.mark.parametrize("wait_s", ["0.1", "30"])
def test_a_process_that_joins_files_is_waited_for_and_left_alone(lake: Settings, wait_s: str) -> None:
    settings = replace(lake, warehouse_wait_s=float(wait_s))
    upkeep = Upkeep(settings)
    with connect(lake) as warehouse:
        for number in range(3):
            land(warehouse, month(1), f"{number}".encode())
        table = warehouse.resolve(landing.RESPONSES)
    assert upkeep.count_files(table) == 3
    freed = threading.Timer(1.0, (held := ExitStack()).close)
    assert held.enter_context(only_join(lake, 0.0))
    try:
        assert upkeep.join_small_files(table) is False
        freed.start()
        assert upkeep.join_small_files(table, wait=True) is (wait_s == "30")
    finally:
        freed.join()
    assert upkeep.join_small_files(table)
    assert upkeep.count_files(table) == 1
