"""The main job against its peers, whole process against whole process: `make bench` runs it.

Every comparison interleaves both sides in the same run and quotes the ratio of medians; the machine may be noisy.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SPAN = ["--start", "2017-01-01", "--end", "2018-12-31"]
# 460 begins in 2017: as many years as there are by now, all of them closed.
LAST_DAY = date.today() - timedelta(days=60)
YEARS = (LAST_DAY - date(2017, 1, 1)).days // 365
# In an environment of its own: its command is called `esios` as well.
PEERS = ROOT / ".venv-peers" / "bin" / "python"
# The peer that is asked for the same span over the same server; it lands nothing.
PYTHON_ESIOS = """
import sys
from esios import ESIOSClient
client = ESIOSClient(token="benchmark", base_url=sys.argv[1], cache=False)
frame = client.indicators.get(460).historical("2017-01-01", "2018-12-31")
assert len(frame) >= 17_496, len(frame)
"""


@dataclass(frozen=True)
class Measured:
    """One finished process: wall seconds, peak memory of its largest process in MB, standard output, CPU seconds."""

    seconds: float
    peak_mb: float
    output: str
    cpu_seconds: float


# Between us and the command: Linux gives the peak of who starts a process on to it (ru_maxrss, through fork and exec).
SMALL_PROCESS = """
import json, os, subprocess, sys, time
began = time.perf_counter()
process = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(process.pid, 0)
seconds = time.perf_counter() - began
with open(sys.argv[1], "w") as result:
    json.dump([os.waitstatus_to_exitcode(status), seconds, usage.ru_maxrss, usage.ru_utime + usage.ru_stime], result)
"""


def measure(command: Sequence[str], environment: Mapping[str, str], ok: Sequence[int] = (0,)) -> Measured:
    """Run a command to its end and account for it as the operating system does."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        done = subprocess.run(
            [sys.executable, "-S", "-c", SMALL_PROCESS, str(result), *command],
            env=dict(environment),
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        if not result.exists():
            raise SystemExit(f"{command[0]} could not be run:\n{done.stderr}")
        code, seconds, peak_kb, cpu_seconds = json.loads(result.read_text("utf-8"))
    if code not in ok:
        raise SystemExit(f"{' '.join(command)} ended with {code}:\n{done.stderr}")
    return Measured(seconds, peak_kb / 1024, done.stdout, cpu_seconds)


def interleaved(rounds: int, *sides: Callable[[], Measured]) -> list[list[Measured]]:
    """A B A B …, after one uncounted round."""
    runs: list[list[Measured]] = [[] for _ in sides]
    for round_number in range(rounds + 1):
        for side, results in zip(sides, runs, strict=True):
            result = side()
            if round_number:
                results.append(result)
    return runs


def median(runs: Sequence[Measured]) -> float:
    """Median wall seconds."""
    return statistics.median(run.seconds for run in runs)


@contextmanager
def fresh_warehouse(**more: str) -> Iterator[dict[str, str]]:
    """An environment whose warehouse and dbt target are empty and temporary."""
    with tempfile.TemporaryDirectory() as folder:
        yield {
            **{name: value for name, value in os.environ.items() if not name.startswith(("ESIOS_", "MSSQL_", "DBT_"))},
            "ESIOS_DUCKDB_PATH": f"{folder}/esios.duckdb",
            "DBT_TARGET_PATH": f"{folder}/target",
            "DBT_LOG_PATH": f"{folder}/logs",
            **more,
        }


@contextmanager
def simulated(*options: str) -> Iterator[dict[str, str]]:
    """What to set for a simulated ESIOS, which runs in a process of its own."""
    command = [sys.executable, "-m", "simulator", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        try:
            yield {"ESIOS_BASE_URL": url, "ESIOS_API_KEY": "benchmark"}
        finally:
            server.terminate()


def say(what: str, figure: str, goal: str = "") -> None:
    """One line of the table."""
    print(f"{what:<72} {figure:>24}   {goal}", flush=True)


def whole_job(rounds: int) -> None:
    """`make run` after set-up against a bare `dbt build` of the same project, both from an empty warehouse."""
    with fresh_warehouse() as environment:
        measure(["make", "run"], environment)  # dbt's parse cache is warm for both sides afterwards
        warehouse = Path(environment["ESIOS_DUCKDB_PATH"])
        landed = warehouse.with_name("landed.duckdb")

        def make_run() -> Measured:
            warehouse.unlink(missing_ok=True)
            return measure(["make", "run"], environment)

        def dbt_build() -> Measured:
            shutil.copy(landed, warehouse)
            return measure([f"{ROOT}/.venv/bin/dbt", "build"], environment)

        warehouse.unlink()
        measure(["make", "extract"], environment)
        shutil.copy(warehouse, landed)
        job, build = interleaved(rounds, make_run, dbt_build)
    say(
        "make run / bare dbt build, wall",
        f"{median(job) / median(build):.2f} x ({median(job):.1f} s)",
        "goal: at most 4",
    )


def backfill(rounds: int) -> None:
    """Two years against a simulator with 100 ms latency, beside python-esios 2.4.2 without landing."""
    with simulated("--latency-ms", "100") as api, fresh_warehouse(**api) as environment:
        warehouse = Path(environment["ESIOS_DUCKDB_PATH"])

        def ours() -> Measured:
            warehouse.unlink(missing_ok=True)
            return measure([f"{ROOT}/.venv/bin/esios", "extract", *SPAN], environment)

        def python_esios() -> Measured:
            return measure([str(PEERS), "-c", PYTHON_ESIOS, api["ESIOS_BASE_URL"]], environment)

        ours_runs, peer_runs = interleaved(rounds, ours, python_esios)
        peak = max(run.peak_mb for run in ours_runs)
        ratio = median(ours_runs) / median(peer_runs)
        say(
            "backfill of two years / python-esios 2.4.2, wall",
            f"{ratio:.2f} x ({median(ours_runs):.2f} s)",
            "goal: at most 1",
        )
        say("peak memory of the extractor", f"{peak:.0f} MB", "goal: under 150")
        again = measure([f"{ROOT}/.venv/bin/esios", "extract", *SPAN, "--json"], environment)
        say("requests of a rerun", str(json.loads(again.output)["requests"]), "goal: 0")


def span_of(years: int) -> list[str]:
    """The last so many years."""
    return ["--start", str(LAST_DAY - timedelta(days=365 * years - 1)), "--end", str(LAST_DAY)]


def long_span() -> None:
    """Every indicator and area for all their years: memory must not grow with indicators, areas or span.

    Beside one year of 460 it needs what a larger window does (three areas in quarter hours). Besides, DuckDB keeps some
    of what it has written until the file is closed, which is whenever the next response is waited for: of 460, nine
    years need 7 to 13 MB more than one.
    """

    def peak_mb(*arguments: str) -> float:
        with simulated() as api, fresh_warehouse(**api, ESIOS_REQUESTS_PER_SECOND="1000") as environment:
            return measure([f"{ROOT}/.venv/bin/esios", "extract", *arguments], environment).peak_mb

    everything = peak_mb("--all", *span_of(YEARS))
    for name, goal, arguments in (
        ("one year of 460", 1.4, span_of(1)),
        ("all for one year", 1.1, ["--all", *span_of(1)]),
    ):
        ratio = everything / peak_mb(*arguments)
        say(
            f"peak memory, all for {YEARS} years / {name}",
            f"{ratio:.2f} x ({everything:.0f} MB)",
            f"goal: at most {goal}",
        )


def against(base: Path, rounds: int) -> None:
    """Backfill, rerun and main job beside the same of another checkout, which has its own `.venv`."""
    with simulated("--latency-ms", "100") as api, fresh_warehouse(**api) as environment:

        def extract(tree: Path, warehouse: str, keep: bool) -> Measured:
            path = Path(environment["ESIOS_DUCKDB_PATH"]).with_name(warehouse)
            if not keep:
                path.unlink(missing_ok=True)
            command = [f"{tree}/.venv/bin/esios", "extract", *SPAN]
            return measure(command, environment | {"ESIOS_DUCKDB_PATH": str(path)})

        for what, keep in (("backfill of two years", False), ("rerun without a request", True)):
            sides = (
                partial(extract, tree, f"{side}.duckdb", keep) for side, tree in (("ours", ROOT), ("theirs", base))
            )
            compare(what, *interleaved(rounds, *sides))

    def job(tree: Path) -> Measured:
        with fresh_warehouse() as environment:
            return measure(
                ["make", "-C", str(tree), "run"], environment | {"DBT_TARGET_PATH": f"{tree}/dbt_project/target"}
            )

    compare("make run", *interleaved(rounds, lambda: job(ROOT), lambda: job(base)))


def compare(what: str, ours: Sequence[Measured], theirs: Sequence[Measured]) -> None:
    """One line: the ratio of medians to another checkout's."""
    ratio = median(ours) / median(theirs)
    say(f"{what} / the same of the other checkout, wall", f"{ratio:.2f} x ({median(ours):.2f} s)", "goal: at most 1.1")


def incremental_build(rounds: int) -> None:
    """An incremental `dbt build` (one new day) after all years of history against one after two years."""
    with simulated() as api, fresh_warehouse(**api, ESIOS_REQUESTS_PER_SECOND="1000") as environment:
        warehouse = Path(environment["ESIOS_DUCKDB_PATH"])
        histories = {}
        for years in (2, YEARS):
            warehouse.unlink(missing_ok=True)
            measure([f"{ROOT}/.venv/bin/esios", "extract", *span_of(years)], environment)
            measure([f"{ROOT}/.venv/bin/dbt", "build"], environment)
            day = str(LAST_DAY + timedelta(days=1))
            measure([f"{ROOT}/.venv/bin/esios", "extract", "--start", day, "--end", day], environment)
            histories[years] = shutil.copy(warehouse, warehouse.with_name(f"{years}.duckdb"))

        def build(years: int) -> Measured:
            shutil.copy(histories[years], warehouse)
            return measure([f"{ROOT}/.venv/bin/dbt", "build"], environment)

        all_years, two = interleaved(rounds, lambda: build(YEARS), lambda: build(2))
    ratio = median(all_years) / median(two)
    say(f"incremental dbt build after {YEARS} / two years, wall", f"{ratio:.2f} x", "goal: at most 1.3")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--against", type=Path, metavar="CHECKOUT", help="only compare with this one, made by `make setup`"
    )
    arguments = parser.parse_args()
    rounds = arguments.rounds
    if arguments.against:
        against(arguments.against.resolve(), rounds)
        return
    backfill(rounds)
    whole_job(rounds)
    long_span()
    incremental_build(rounds)


if __name__ == "__main__":
    main()
