"""Measure the running time optimization against its goals and peers: interleaved rounds, medians, ratios.

python benchmarks/speed.py                      # everything but the file of 10⁸ rows
python benchmarks/speed.py kernel cold --rounds 15
python benchmarks/speed.py memory               # 10⁷ and 10⁸ rows: needs 13 GB of disk
python benchmarks/speed.py crossover            # what COMPILE_FROM_BYTES should be on this machine
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402 - the line above makes the imports below possible
import pandas as pd  # noqa: E402

from optimization import generate, speed  # noqa: E402
from optimization.distance import compare, machine  # noqa: E402
from optimization.files import cores  # noqa: E402

SCRIPT = ROOT / "optimization" / "speed.py"
AS_USUAL = """
import sys, numpy as np, pandas as pd
df = pd.read_csv(sys.argv[1])
lat, lon = df["latitude"].to_numpy(), df["longitude"].to_numpy()
df["distance"] = np.sin(lat / 2) ** 2 + np.cos(lat) * np.cos(lon) * np.sin(lon / 2) ** 2
df.to_csv(sys.argv[2], index=False)
"""
BY_POLARS = """
import sys, polars as pl
from optimization.speed import distance
def kernel(pair):
    return pl.Series(distance(*(pair.struct.field(name).to_numpy() for name in ("latitude", "longitude")), "compiled"))
made = pl.struct("latitude", "longitude").map_batches(kernel, return_dtype=pl.Float64, is_elementwise=True)
pl.scan_csv(sys.argv[1]).with_columns(made.alias("distance")).sink_csv(sys.argv[2])
"""


def say(goal: str, figure: str, met: bool | None = None) -> None:
    """One line of the result."""
    mark = "" if met is None else ("met" if met else "MISSED")
    print(f"  {goal:<74}{figure:>18}  {mark}", flush=True)


def in_turns(ways: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each way in each round, measured in turns; the first round, which warms up, is left out."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, work in ways.items():
            started = time.perf_counter()
            work()
            if turn:
                times[name].append(time.perf_counter() - started)
    return times


def medians(ways: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median seconds of each way, measured in turns."""
    return {name: statistics.median(values) for name, values in in_turns(ways, rounds).items()}


def process(*command: str | Path, folder: str = ".", **environment: str) -> tuple[float, float]:
    """(seconds, peak MB) of a process of its own."""
    started = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, *map(str, command)], cwd=folder, stderr=subprocess.DEVNULL, env={**os.environ, **environment}
    )
    watcher = _Peak(child.pid)
    code = child.wait()
    seconds = time.perf_counter() - started
    if code:
        raise SystemExit(f"{command} ended with {code}")
    return seconds, watcher.megabytes()


class _Peak(threading.Thread):
    """Watches the peak memory of a process. The peak of wait4() is useless: it starts with the parent's own."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._status, self._peak = Path(f"/proc/{pid}/status"), 0
        self.start()

    def run(self) -> None:
        while True:
            try:
                lines = self._status.read_text().splitlines()
            except OSError:
                return
            found = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
            if not found:  # it has ended
                return
            self._peak = found[0]
            time.sleep(0.02)

    def megabytes(self) -> float:
        self.join()
        return self._peak / 1024 if self._peak else float("nan")


def columns(rows: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(460)
    return random.uniform(-90, 90, rows), random.uniform(-180, 180, rows)


def bench_kernel(folder: Path, rounds: int) -> None:
    """The formula in memory against plain numpy and a streamed a + b, in turns: no cache is warm for any of them."""
    del folder
    print("kernel")
    for rows, most in ((10**6, 1.6), (10**7, 1.4)):
        lat, lon = columns(rows)
        times = in_turns(
            {
                "numpy": partial(speed.function_to_apply, lat, lon),
                "one": partial(compare.on_one_core, lat, lon),
                "all": partial(speed.distance, lat, lon),
                "sum": partial(np.add, lat, lon),
                "sums": partial(compare.sum_of, lat, lon),
            },
            max(25 if rows == 10**6 else 7, rounds),
        )
        seconds = {name: statistics.median(values) for name, values in times.items()}
        figures = ", ".join(f"{name} {value / rows * 1e9:.2f}" for name, value in seconds.items())
        print(f"  {rows:,} rows, ns a row: {figures}")
        over_numpy, over_sum = seconds["numpy"] / seconds["all"], seconds["all"] / seconds["sums"]
        least = 40 if rows == 10**6 else 30
        say(f"{rows:,} rows: distance() times plain numpy ({least})", f"{over_numpy:.1f}", over_numpy >= least)
        if rows == 10**6:
            slow = seconds["numpy"] / statistics.quantiles(times["all"], n=10)[-1]
            say(f"{rows:,} rows: the same, 90th percentile (25)", f"{slow:.1f}", slow >= 25)
        alone = seconds["numpy"] / seconds["one"]
        say(f"{rows:,} rows, one core: times plain numpy (18)", f"{alone:.1f}", alone >= 18)
        say(f"{rows:,} rows: times a + b on all cores ({most} at most)", f"{over_sum:.2f}", over_sum <= most)


def bench_few(folder: Path, rounds: int) -> None:
    """What a call costs: few rows, warm, alone and beside as many busy processes as there are cores."""
    del folder, rounds
    for busy in (False, True):
        spin = [sys.executable, "-c", "while True: pass"]
        others = [subprocess.Popen(spin) for _ in range(cores() if busy else 0)]
        try:
            for rows in (10, 100, 1000):
                lat, lon = columns(rows)
                ways = {"numpy": partial(speed.function_to_apply, lat, lon), "ours": partial(speed.distance, lat, lon)}
                seconds = medians(ways, 2000)
                ratio = seconds["numpy"] / seconds["ours"]
                what = f"{rows:,} rows{', busy machine' if busy else ''}: distance() times plain numpy (1)"
                say(what, f"{ratio:.2f}", ratio >= 1)
        finally:
            for other in others:
                other.kill()
                other.wait()


def bench_threads(folder: Path, rounds: int) -> None:
    """Threads as distance() chooses them against one thread, by size."""
    del folder
    print("threads against one thread (1.05 at most)")
    for rows in (100_000, 200_000, 250_000, 300_000, 500_000, 10**6, 2 * 10**6, 5 * 10**6, 10**7):
        lat, lon = columns(rows)
        ways = {"one": partial(compare.on_one_core, lat, lon), "all": partial(speed.distance, lat, lon)}
        seconds = medians(ways, max(rounds, min(101, 5 * 10**7 // rows)))
        ratio = seconds["all"] / seconds["one"]
        figures = ", ".join(f"{name} {value / rows * 1e9:.2f} ns" for name, value in seconds.items())
        say(f"{rows:,} rows: {figures} a row", f"{ratio:.2f}", ratio <= 1.05)


def bench_ladder(folder: Path, rounds: int) -> None:
    """Every peer, at 10⁶ rows."""
    del folder
    lat, lon = columns(10**6)
    df = pd.DataFrame({"latitude": lat, "longitude": lon})
    print("ladder")
    print(compare.table(compare.measure(df, rounds=min(rounds, 5)), len(df)))


def data(folder: Path, rows: int) -> Path:
    path = folder / f"in_{rows}.csv"
    if not path.exists():
        generate.write(str(path), rows)
    return path


def bench_cold(folder: Path, rounds: int) -> None:
    """The whole command, a new process each time, by kernel."""
    print(f"cold command, median of {rounds}: auto is at most 1.1 × the better kernel")
    for rows in (10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000):
        source = data(folder, rows)
        command = (SCRIPT, source, "--quiet", "--out", folder / "out.csv", "--kernel")
        seconds = medians({kernel: partial(process, *command, kernel) for kernel in speed.KERNELS}, rounds)
        ratio = seconds["auto"] / min(seconds["numpy"], seconds["compiled"])
        figures = ", ".join(f"{name} {value:.3f} s" for name, value in seconds.items())
        say(f"{rows:,} rows: {figures}", f"{ratio:.2f}", ratio <= 1.1)


def bench_crossover(folder: Path, rounds: int) -> None:
    """The first run of all, with no machine code kept: from which size on making it pays."""
    print("no machine code kept: where making it pays")
    empty = folder / "package"
    for rows in (10_000, 100_000, 300_000, 500_000, 700_000):
        source = data(folder, rows)
        seconds = {}
        for kernel in ("numpy", "compiled"):
            times = []
            for _ in range(min(rounds, 3)):
                shutil.rmtree(empty, ignore_errors=True)
                shutil.copytree(ROOT / "optimization", empty / "optimization", ignore=shutil.ignore_patterns("*.obj"))
                command = (empty / "optimization" / "speed.py", source, "--kernel", kernel, "--quiet")
                taken, _ = process(*command, "--out", folder / "out.csv", NUMBA_CACHE_DIR=str(empty / "cache"),
                                   XDG_CACHE_HOME=str(empty / "cache"))  # fmt: skip
                times.append(taken)
            seconds[kernel] = statistics.median(times)
        size = source.stat().st_size
        say(f"{size / 1e6:.1f} MB", f"numpy {seconds['numpy']:.2f} s, compiled {seconds['compiled']:.2f} s")


def fresh(path: Path) -> Path:
    """A file that is not there: to replace a large one takes the system half a second more, for every program."""
    path.unlink(missing_ok=True)
    return path


def bench_file(folder: Path, rounds: int) -> None:
    """From file to file at 10⁷ rows, against pandas and numpy as usual."""
    print("from file to file, 10⁷ rows")
    source = data(folder, 10**7)
    ways: dict[str, list[tuple[float, float]]] = {"speed.py": [], "polars": []}
    turns = min(rounds, 5)
    for turn in range(turns):
        if turn == turns // 2:  # once, and in the middle: it takes as long as all the others
            usual, usual_peak = process("-c", AS_USUAL, source, fresh(folder / "usual.csv"))
        out = fresh(folder / "out.csv")
        ways["speed.py"].append(process(SCRIPT, source, "--quiet", "--out", out))
        out = fresh(folder / "polars.csv")
        ways["polars"].append(process("-c", BY_POLARS, source, out, PYTHONPATH=str(ROOT)))
    seconds, polars = (statistics.median(taken for taken, _ in runs) for runs in ways.values())
    peak, polars_peak = (max(megabytes for _, megabytes in runs) for runs in ways.values())
    print(
        f"  read_csv + numpy + to_csv {usual:.1f} s, {usual_peak:.0f} MB; speed.py {seconds:.2f} s, {peak:.0f} MB; "
        f"polars streaming with the same kernel {polars:.2f} s, {polars_peak:.0f} MB"
    )
    say("times read_csv + numpy + to_csv (30)", f"{usual / seconds:.1f}", usual >= 30 * seconds)
    say("times polars streaming with the same kernel (1)", f"{polars / seconds:.2f}", polars > seconds)
    parquet = folder / "out.parquet"
    seconds = statistics.median(process(SCRIPT, source, "--quiet", "--out", parquet)[0] for _ in range(min(rounds, 3)))
    say("CSV to Parquet, the same", f"{usual / seconds:.1f}")
    seconds = statistics.median(
        process(SCRIPT, parquet, "--quiet", "--column", "again", "--out", folder / "again.parquet")[0] for _ in range(3)
    )
    say("Parquet of text columns to Parquet, the same", f"{usual / seconds:.1f}")


def bench_memory(folder: Path, rounds: int) -> None:
    """Peak memory from 10⁷ to 10⁸ rows."""
    del rounds
    print("memory of the whole process")
    source = data(folder, 10**7)
    large = folder / "in_large.csv"
    if not large.exists():
        with source.open("rb") as one, large.open("wb") as ten:
            ten.write(one.readline())
            start = one.tell()
            for _ in range(10):
                one.seek(start)
                shutil.copyfileobj(one, ten, 1 << 24)
    taken, peaks = [], []
    for path in (source, large):
        seconds, peak = process(SCRIPT, path, "--quiet", "--out", folder / "out.csv")
        taken.append(seconds)
        peaks.append(peak)
    print(f"  10⁷ rows {taken[0]:.1f} s, {peaks[0]:.0f} MB; 10⁸ rows {taken[1]:.1f} s, {peaks[1]:.0f} MB")
    say("peak at 10⁸ rows, times that at 10⁷ (1.3 at most)", f"{peaks[1] / peaks[0]:.2f}", peaks[1] < 1.3 * peaks[0])


PARTS = {
    "kernel": bench_kernel,
    "few": bench_few,
    "threads": bench_threads,
    "ladder": bench_ladder,
    "cold": bench_cold,
    "file": bench_file,
    "memory": bench_memory,
    "crossover": bench_crossover,
}


def main() -> None:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", type=Path, help="where the data sets are made and kept (default: made and removed)")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no part {', '.join(sorted(unknown))}")
    machine.load()  # made and kept by now, as after any first use
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for part in options.parts or ("kernel", "few", "threads", "ladder", "cold", "file"):
            PARTS[part](folder, options.rounds)


if __name__ == "__main__":
    main()
