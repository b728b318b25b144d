"""Kill and interrupt at many seeded moments; after each, a plain run completes to the rows of an undisturbed one."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter

import pytest

import simulator
from tests.faults.conftest import Built
from tests.faults.kills import LONG_ROWS, interrupt_extract, kill_build, kill_export, kill_extract, make_long_mart
from tests.faults.machine import Machine, Row

pytestmark = pytest.mark.soak
SPAN = ("--start", "2017-01-01", "--end", "2017-02-28")


def seeds(variable: str, default: int) -> range:
    """How many, from the environment."""
    return range(int(os.environ.get(variable, default)))


def test_extracts_killed_at_random_moments(
    machine: Machine, server: simulator.Server, undisturbed_days: list[Row]
) -> None:
    windows_left: Counter[int] = Counter()
    for seed in seeds("SOAK_EXTRACTS", 60):
        machine.empty()
        finished = kill_extract(machine, server, random.Random(f"extract {seed}"))
        assert finished.code == -signal.SIGKILL, f"seed {seed}: {finished.out}"
        left = machine.landing()
        windows_left[len(left)] += 1
        assert set(left) <= set(undisturbed_days), f"seed {seed}"
        server.latency_ms = 0
        again = machine.extract(ESIOS_WINDOW="day")
        assert again.code == 0, f"seed {seed}: {again.err}"
        assert machine.landing() == undisturbed_days, f"seed {seed}"
    print(f"killed extracts left so many of 59 windows: {sorted(windows_left.items())}")
    assert len(windows_left) > 1, "the moments differed"


def test_one_extract_killed_again_and_again_still_gets_through(
    machine: Machine, server: simulator.Server, undisturbed_days: list[Row]
) -> None:
    for seed in seeds("SOAK_EXTRACTS", 60)[:10]:
        chance = random.Random(f"again {seed}")
        server.latency_ms = 10
        running = machine.start("esios", "extract", *SPAN, ESIOS_WINDOW="day")
        time.sleep(chance.uniform(0.2, 2))
        running.signal_group(signal.SIGKILL)
        machine.end(running)
        assert set(machine.landing()) <= set(undisturbed_days)
    server.latency_ms = 0
    assert machine.extract(ESIOS_WINDOW="day").code == 0
    assert machine.landing() == undisturbed_days


def test_extracts_interrupted_at_random_moments_end_cleanly(
    machine: Machine, server: simulator.Server, undisturbed_days: list[Row]
) -> None:
    codes: Counter[int] = Counter()
    for seed in seeds("SOAK_EXTRACTS", 60):
        machine.empty()
        _, finished = interrupt_extract(machine, server, random.Random(f"interrupt {seed}"))
        codes[finished.code] += 1
        # All may be landed by the time the signal comes.
        assert finished.code in (130, 0), f"seed {seed}: {finished.out}"
        assert "Traceback" not in finished.out, f"seed {seed}: {finished.out}"
        assert machine.run_states() == (["interrupted"] if finished.code else ["succeeded"]), f"seed {seed}"
        server.latency_ms = 0
        assert machine.extract(ESIOS_WINDOW="day").code == 0, f"seed {seed}"
        assert machine.landing() == undisturbed_days, f"seed {seed}"
    print(f"exit codes of interrupted extracts: {sorted(codes.items())}")
    assert codes[130] > 0


def test_builds_killed_at_random_moments(bench: Machine, landed_warehouse: Machine, built: Built) -> None:
    half_way = 0
    for seed in seeds("SOAK_BUILDS", 12):
        bench.empty()
        bench.land(landed_warehouse.warehouse)
        finished = kill_build(bench, random.Random(f"build {seed}"))
        assert finished.code == -signal.SIGKILL, f"seed {seed}: {finished.out}"
        mart = bench.mart()
        assert mart in ([], built.mart), f"seed {seed}"
        half_way += not mart
        again = bench.dbt()
        assert again.code == 0, f"seed {seed}: {again.out}"
        assert bench.mart() == built.mart, f"seed {seed}"
    print(f"killed builds: {half_way} before the table was there")


def test_exports_killed_at_random_moments(machine: Machine) -> None:
    make_long_mart(machine.warehouse)
    out = machine.folder / "out.csv"
    out.write_text("the old file\n")
    for seed in seeds("SOAK_EXPORTS", 15):
        finished, written = kill_export(machine, out, random.Random(f"export {seed}"))
        assert finished.code == -signal.SIGKILL, f"seed {seed}: {finished.out}"
        assert written > 0
        assert out.read_text() == "the old file\n", f"seed {seed}"
    assert machine.esios("export", "--out", str(out)).code == 0
    with out.open() as file:
        assert sum(1 for _ in file) == 1 + LONG_ROWS
