"""Kill a command at a seeded random moment. The moments follow what the command does, not how fast the machine is."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path
from random import Random

import duckdb

import simulator
from tests.end_to_end.conftest import Finished
from tests.faults.machine import FIRST, LAST, Machine

DAYS = 59
LONG_ROWS = 1_000_000


def kill_extract(machine: Machine, server: simulator.Server, chance: Random) -> Finished:
    """Kill an extract of a window a day once it has asked for some of them, or before it asks for the first."""
    server.latency_ms = 10
    asked = chance.randrange(DAYS)
    already = len(server.requests)
    running = machine.start("esios", "extract", "--start", FIRST, "--end", LAST, ESIOS_WINDOW="day")
    if asked:
        running.wait_until(lambda: len(server.requests) >= already + asked)
        time.sleep(chance.uniform(0, 0.03))
    else:
        time.sleep(chance.uniform(0, 1))
    running.signal_group(signal.SIGKILL)
    return machine.end(running)


def interrupt_extract(machine: Machine, server: simulator.Server, chance: Random) -> tuple[str, Finished]:
    """Send SIGINT or SIGTERM to an extract of a window a day at some moment after its first request; gives which."""
    name = chance.choice(["SIGINT", "SIGTERM"])
    server.latency_ms = 10
    enough = len(server.requests) + chance.randrange(1, DAYS)
    running = machine.start("esios", "extract", "--start", FIRST, "--end", LAST, ESIOS_WINDOW="day")
    running.wait_until(lambda: len(server.requests) >= enough)
    time.sleep(chance.uniform(0, 0.03))
    running.process.send_signal(getattr(signal, name))
    return name, machine.end(running)


def kill_build(machine: Machine, chance: Random) -> Finished:
    """Kill a build shortly after one of its models began."""
    running = machine.start("dbt", "--no-use-colors", "build", "--exclude-resource-type", "test", "unit_test")
    running.wait_for("START sql")
    found = re.search(r"\d+ of (\d+) START sql", running.told())
    number = chance.randint(1, int(found[1]) - 1 if found else 1)
    running.wait_for(f"{number} of ")
    time.sleep(chance.uniform(0, 0.1))
    running.signal_group(signal.SIGKILL)
    return machine.end(running)


def make_long_mart(path: Path) -> None:
    """A table of the mart's name that takes a second or two to write."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "create table demand_forecast_esios as select 'Previsión' as name, 460 as id,"
            " timestamp '1900-01-01' + to_hours(range::integer) as datetime, 20000.5 + range as demand_forecast,"
            f" timestamp '2018-01-01' as update_timestamp from range({LONG_ROWS})"
        )


def kill_export(machine: Machine, out: Path, chance: Random) -> tuple[Finished, int]:
    """Kill an export once it has written some bytes; gives how many."""
    known = set(out.parent.glob(f".{out.name}.*.tmp"))

    def written() -> int:
        return sum(path.stat().st_size for path in set(out.parent.glob(f".{out.name}.*.tmp")) - known)

    enough = chance.randint(1, 10_000_000)
    running = machine.start("esios", "export", "--out", str(out))
    running.wait_until(lambda: written() >= enough)
    running.signal_group(signal.SIGKILL)
    finished = machine.end(running)
    return finished, written()
