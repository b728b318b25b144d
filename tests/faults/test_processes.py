"""Processes that are killed, interrupted, or in each other's way: what remains, and that the next run completes it."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

import simulator
from simulator import faults
from tests.faults.conftest import Built
from tests.faults.kills import interrupt_extract, kill_build, kill_export, kill_extract, make_long_mart
from tests.faults.machine import Machine, Row
from tests.faults.table import PROCESS

SPAN = ("--start", "2017-01-01", "--end", "2017-02-28")


@pytest.mark.parametrize("seed", range(4))
def test_an_extract_that_is_killed_leaves_whole_windows_and_is_completed(
    machine: Machine, server: simulator.Server, undisturbed_days: list[Row], seed: int
) -> None:
    finished = kill_extract(machine, server, random.Random(seed))
    PROCESS["kill extract"].check(finished)
    left = machine.landing()
    assert set(left) <= set(undisturbed_days)
    assert machine.run_states() in ([], ["running"])
    server.latency_ms = 0
    assert machine.extract(ESIOS_WINDOW="day").code == 0
    assert machine.landing() == undisturbed_days


@pytest.mark.parametrize("seed", range(2))
def test_a_build_that_is_killed_is_completed_by_the_next(
    bench: Machine, landed_warehouse: Machine, built: Built, seed: int
) -> None:
    bench.land(landed_warehouse.warehouse)
    PROCESS["kill build"].check(kill_build(bench, random.Random(seed)))
    assert bench.mart() in ([], built.mart), "the table is there whole, or not yet"
    again = bench.dbt()
    assert again.code == 0, again.out
    assert bench.mart() == built.mart


def test_an_export_that_is_killed_leaves_the_old_file_whole(machine: Machine) -> None:
    make_long_mart(machine.warehouse)
    out = machine.folder / "out.csv"
    out.write_text("the old file\n")
    for seed in range(2):
        finished, written = kill_export(machine, out, random.Random(seed))
        PROCESS["kill export"].check(finished)
        assert written > 0, "it was killed while it wrote"
        assert out.read_text() == "the old file\n"
    for leftover in machine.folder.glob(".out.csv.*.tmp"):
        os.utime(leftover, (time.time() - 7200,) * 2)
    assert machine.esios("export", "--out", str(out)).code == 0
    with out.open() as file:
        assert sum(1 for _ in file) == 1 + 1_000_000
    assert list(machine.folder.glob(".out.csv.*.tmp")) == [], "what the killed ones left goes with the next export"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupted_extract_ends_cleanly_and_goes_on(
    machine: Machine, server: simulator.Server, undisturbed: list[Row], name: str
) -> None:
    server.add(faults.hang(covering="2017-02-10"))
    running = machine.start("esios", "extract", *SPAN, ESIOS_READ_TIMEOUT_S="60")
    running.wait_for("landed")
    began = time.monotonic()
    running.process.send_signal(getattr(signal, name))
    finished = machine.end(running)
    assert time.monotonic() - began < 20, "the request that is under way is not waited for"
    PROCESS[name].check(finished)
    assert machine.landing() == undisturbed[:1]
    assert machine.run_states() == ["interrupted"]
    server.clear_faults()
    assert machine.extract().code == 0
    assert machine.landing() == undisturbed


@pytest.mark.parametrize("seed", range(3))
def test_an_extract_that_is_interrupted_at_any_moment_ends_as_cleanly(
    machine: Machine, server: simulator.Server, undisturbed_days: list[Row], seed: int
) -> None:
    name, finished = interrupt_extract(machine, server, random.Random(f"interrupt {seed}"))
    if finished.code:  # otherwise all was landed by the time the signal came
        PROCESS[name].check(finished)
    assert "Traceback" not in finished.out
    assert machine.run_states() == (["interrupted"] if finished.code else ["succeeded"])
    assert set(machine.landing()) <= set(undisturbed_days)
    server.latency_ms = 0
    assert machine.extract(ESIOS_WINDOW="day").code == 0
    assert machine.landing() == undisturbed_days


def test_ctrl_c_during_the_main_jobs_build_ends_cleanly_and_goes_on(bench: Machine, built: Built) -> None:
    out = bench.folder / "out.csv"
    running = bench.start("esios", "run", *SPAN, "--out", str(out))
    running.wait_for("START sql incremental model")
    running.signal_group(signal.SIGINT)
    PROCESS["SIGINT in build"].check(bench.end(running))
    assert not out.exists()
    assert bench.mart() in ([], built.mart)
    again = bench.esios("run", *SPAN, "--out", str(out))
    assert again.code == 0, again.err
    assert bench.mart() == built.mart
    with out.open() as file:
        assert sum(1 for _ in file) == 1 + len(built.mart)


def test_two_extracts_at_once_land_each_response_once(
    machine: Machine, server: simulator.Server, undisturbed_days: list[Row]
) -> None:
    both_have_planned = threading.Barrier(2, timeout=120)

    def wait_for_both(document: Any) -> Any:
        both_have_planned.wait()
        return document

    server.add(faults.edit(wait_for_both, covering="2017-01-01"))
    running = [machine.start("esios", "extract", *SPAN, ESIOS_WINDOW="day", ESIOS_CONCURRENCY="1") for _ in range(2)]
    for one in running:
        PROCESS["two extracts"].check(machine.end(one))
    assert machine.landing() == undisturbed_days
    assert machine.run_states() == ["succeeded", "succeeded"]
    ((landed, checks),) = machine.rows(
        "select (select sum(responses_landed) from raw_esios.extract_runs), count(*) from raw_esios.window_checks"
    )
    assert (landed, checks) == (59, 118), "both were answered everything, and one of them landed it"


def test_an_extract_during_a_build_waits_and_comes_with_the_next_build(bench: Machine, built: Built) -> None:
    january = bench.esios("extract", "--start", "2017-01-01", "--end", "2017-01-31")
    assert january.code == 0, january.err
    building = bench.start("dbt", "--no-use-colors", "run")
    building.wait_for("START sql")
    extracted = bench.extract()
    PROCESS["extract in build"].check(extracted)
    assert bench.end(building).code == 0, building.told()
    assert bench.mart() == built.mart[: 31 * 24]
    bench.build_mart()
    assert bench.mart() == built.mart


def test_a_warehouse_that_stays_held_is_reported_after_the_wait(
    machine: Machine, server: simulator.Server, undisturbed: list[Row]
) -> None:
    with duckdb.connect(str(machine.warehouse)):
        began = time.monotonic()
        finished = machine.extract(ESIOS_WAREHOUSE_WAIT_S="1")
        assert time.monotonic() - began >= 1
    PROCESS["held"].check(finished)
    assert f"process {os.getpid()}" in finished.err
    assert server.requests == [], "nothing is asked that could not be landed"
    assert machine.extract().code == 0
    assert machine.landing() == undisturbed


def fake_time_library() -> str | None:
    """libfaketime, where the machine has it."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return str(found[0]) if found else None


WITH_A_CLOCK = (
    "import sys, datetime, extract.extraction as run\n"
    "clock = datetime.datetime.fromisoformat(sys.argv.pop(1))\n"
    "run.extract.__kwdefaults__['now'] = lambda: clock\n"
    "from extract.__main__ import main\n"
    "main()\n"
)


@pytest.mark.parametrize("how", ["the verb's clock", "libfaketime"])
def test_a_response_landed_after_the_clock_was_set_back_is_the_newest(
    bench: Machine, server: simulator.Server, built: Built, how: str
) -> None:
    def extract_at(moment: str) -> None:
        arguments = ("extract", *SPAN, "--refresh")
        if how == "libfaketime":
            library = fake_time_library()
            if library is None:
                pytest.skip("libfaketime is not installed (Debian: apt-get install faketime)")
            finished = bench.esios(*arguments, LD_PRELOAD=library, FAKETIME=f"@{moment}", TZ="UTC")
        else:
            finished = bench("python", "-c", WITH_A_CLOCK, moment, *arguments)
        PROCESS["clock"].check(finished)

    server.add(faults.revised_hours("2017-02-01T10:00:00", 500))
    extract_at("2026-03-10 10:00:00")
    server.clear_faults()
    extract_at("2026-03-08 10:00:00")
    ((first, last),) = bench.rows(
        "select min(extracted_at_utc), max(extracted_at_utc) from raw_esios.indicator_responses"
    )
    assert f"{first:%Y-%m-%d}" == f"{last:%Y-%m-%d}" == "2026-03-10", "the clock was the one of the test"
    bench.build_mart()
    assert bench.mart() == built.mart
