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
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402 - the line above makes the imports below possible
import pandas as pd  # noqa: E402

from optimization import generate, speed  # noqa: E402
from optimization.distance import compare, machine  # noqa: E402

SCRIPT = ROOT / "optimization" / "speed.py"
AS_USUAL = """
import sys, numpy as np, pandas as pd
df = pd.read_csv(sys.argv[1])
lat, lon = df["latitude"].to_numpy(), df["longitude"].to_numpy()
df["distance"] = np.sin(lat / 2) ** 2 + np.cos(lat) * np.cos(lon) * np.sin(lon / 2) ** 2
df.to_csv(sys.argv[2], index=False)
"""


def say(goal: str, figure: str, met: bool | None = None) -> None:
    """One line of the result."""
    mark = "" if met is None else ("met" if met else "MISSED")
    print(f"  {goal:<74}{figure:>18}  {mark}", flush=True)


def medians(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median seconds of each way, measured in turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, work in ways.items():
            started = time.perf_counter()
            work()
            if turn:  # the first round warms up
                times[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in times.items()}


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
    """Watches the peak memory of a process. The peak that wait4() tells is no use: it starts with the parent's own."""

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
    """The formula in memory, warm."""
    del folder
    print("kernel, warm")
    for rows in (10**6, 10**7):
        lat, lon = columns(rows)
        seconds = medians(
            {
                "numpy": partial(speed.function_to_apply, lat, lon),
                "one": partial(compare.on_one_core, lat, lon),
                "all": partial(speed.distance, lat, lon),
                "sum": partial(np.add, lat, lon),
                "sums": partial(compare.sum_of, lat, lon),
            },
            max(5, rounds),
        )
        plain = seconds["numpy"]
        figures = ", ".join(f"{name} {value / rows * 1e9:.2f}" for name, value in seconds.items())
        print(f"  {rows:,} rows, ns a row: {figures}")
        say(
            f"{rows:,} rows, all cores: times plain numpy (30)",
            f"{plain / seconds['all']:.1f}",
            plain >= 30 * seconds["all"],
        )
        say(
            f"{rows:,} rows, one core: times plain numpy (18)",
            f"{plain / seconds['one']:.1f}",
            plain >= 18 * seconds["one"],
        )
        one, both = seconds["one"] / seconds["sum"], seconds["all"] / seconds["sums"]
        say(f"{rows:,} rows, one core: times a + b on one core (2.5 at most)", f"{one:.2f}", one <= 2.5)
        say(f"{rows:,} rows, all cores: times a + b on all cores (2.5 at most)", f"{both:.2f}", both <= 2.5)
    lat, lon = columns(1000)
    seconds = medians(
        {"numpy": lambda: speed.function_to_apply(lat, lon), "ours": lambda: speed.distance(lat, lon)}, 300
    )
    ratio = seconds["numpy"] / seconds["ours"]
    say("1,000 rows: distance() times plain numpy (0.9)", f"{ratio:.2f}", ratio >= 0.9)


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
    machine.load()  # kept from an earlier run, as after any first use
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


def bench_file(folder: Path, rounds: int) -> None:
    """From file to file at 10⁷ rows, against pandas and numpy as usual."""
    print("from file to file, 10⁷ rows")
    source = data(folder, 10**7)
    ours = [process(SCRIPT, source, "--quiet", "--out", folder / "out.csv") for _ in range(min(rounds, 5))]
    usual, usual_peak = process("-c", AS_USUAL, source, folder / "usual.csv")
    ours.append(process(SCRIPT, source, "--quiet", "--out", folder / "out.csv"))
    seconds = statistics.median(taken for taken, _ in ours)
    peak = max(megabytes for _, megabytes in ours)
    print(f"  read_csv + numpy + to_csv {usual:.1f} s, {usual_peak:.0f} MB; speed.py {seconds:.2f} s, {peak:.0f} MB")
    say("times read_csv + numpy + to_csv (20)", f"{usual / seconds:.1f}", usual >= 20 * seconds)
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
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for part in options.parts or ("kernel", "ladder", "cold", "file"):
            PARTS[part](folder, options.rounds)


if __name__ == "__main__":
    main()
