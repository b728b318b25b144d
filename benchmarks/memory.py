"""Measure the memory optimization against its goals and peers: each in a process of its own, interleaved, medians.

python benchmarks/memory.py                      # the mixed data set, the hotels, the peak at 1 GB
python benchmarks/memory.py mixed --rows 200000 --rounds 1
python benchmarks/memory.py peak                 # needs 1 GB of disk
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.peak import peak_mb

ROOT = Path(__file__).resolve().parents[1]

LEVELS = ("usable", "packed", "compressed")
SIZES = {"usable": 175, "packed": 118, "compressed": 69}  # bytes a row at 10⁶ rows
TIMES = {"usable": 1.5, "packed": 1.6, "compressed": 2.0}  # times the time of pandas' default read_csv
PEAK = 0.25  # times pandas' own
HOTEL_GOALS = {"usable": 21e6, "packed": 9.3e6, "compressed": 1e6}
UNPROVEN = "this, usable, --no-verify"
CHECKED_ROWS = 20_000
_TRUE, _FALSE = {"true", "True", "Y", "yes", "1"}, {"false", "False", "N", "no", "0"}


# --- one loader in its own process -----------------------------------------------------------------------------------


def reduce_mem_usage(df: Any) -> Any:
    """The function of that name that goes round on Kaggle: the narrowest type whose range holds the values."""
    import numpy as np

    for name in df.columns:
        kind = df[name].dtype
        if kind.kind == "i":
            low, high = df[name].min(), df[name].max()
            for narrow in (np.int8, np.int16, np.int32):
                if low > np.iinfo(narrow).min and high < np.iinfo(narrow).max:
                    df[name] = df[name].astype(narrow)
                    break
        elif kind.kind == "f":
            low, high = df[name].min(), df[name].max()
            for half in (np.float16, np.float32):
                if low > np.finfo(half).min and high < np.finfo(half).max:
                    df[name] = df[name].astype(half)
                    break
        else:
            df[name] = df[name].astype("category")
    return df


def by_hand(df: Any) -> Any:
    """What a careful colleague types: downcast whole numbers, category for text that repeats."""
    import pandas as pd

    for name in df.columns:
        if df[name].dtype.kind == "i":
            df[name] = pd.to_numeric(df[name], downcast="integer")
        elif df[name].dtype.kind not in "fb" and df[name].nunique() < 0.5 * len(df):
            df[name] = df[name].astype("category")
    return df


def loaders(path: str, encoding: str) -> dict[str, Callable[[], Any]]:
    """Every way to load the file that is compared."""
    import pandas as pd

    def pandas_default() -> Any:
        return pd.read_csv(path, encoding=encoding)

    def pandas_objects() -> Any:
        df = pandas_default()
        return df.astype({name: object for name in df.columns if str(df[name].dtype) == "str"})

    def polars() -> Any:
        import polars as pl

        source: Any = path if encoding == "utf-8" else Path(path).read_bytes().decode(encoding).encode()
        return pl.read_csv(source, try_parse_dates=True, null_values=["NULL"], infer_schema_length=10_000)

    def polars_shrunk() -> Any:
        import polars as pl

        df = polars()
        df = df.select([series.shrink_dtype() for series in df])
        return df.with_columns(pl.col(pl.String).cast(pl.Categorical))

    def klib() -> Any:
        import klib as library

        return library.convert_datatypes(pandas_default())

    def df_compress() -> Any:
        import df_compress as library

        return library.compress(pandas_default())

    def diet() -> Any:
        import dietpandas as library

        return library.diet(pandas_objects())  # it does not know the str dtype of pandas 3

    def own(level: str, verify: bool = True) -> Callable[[], Any]:
        def load() -> Any:
            from optimization.memory import load_csv

            return load_csv(path, level, verify=verify)

        return load

    return {
        **{f"this, {level}": own(level) for level in LEVELS},
        UNPROVEN: own("usable", verify=False),
        "pandas, object strings": pandas_objects,
        "pandas 3 default": pandas_default,
        "pandas, pyarrow": lambda: pd.read_csv(path, encoding=encoding, engine="pyarrow", dtype_backend="pyarrow"),
        "polars, dates": polars,
        "polars, shrunk, Categorical": polars_shrunk,
        "downcast + category by hand": lambda: by_hand(pandas_default()),
        "reduce_mem_usage (Kaggle)": lambda: reduce_mem_usage(pandas_default()),
        "klib": klib,
        "df-compress": df_compress,
        "diet-pandas": diet,
    }


def size_of(table: Any) -> int:
    """The bytes that a loaded table takes, deep."""
    from optimization.memory import nbytes

    return int(table.estimated_size()) if hasattr(table, "estimated_size") else nbytes(table)


def moment(value: Any) -> datetime.datetime:
    """A date or timestamp of any library, to the microsecond."""
    hour, minute, second, micro = (int(getattr(value, part, 0)) for part in ("hour", "minute", "second", "microsecond"))
    return datetime.datetime(value.year, value.month, value.day, hour, minute, second, micro)


def moment_of(text: str) -> datetime.datetime:
    """The date or timestamp that a text says: ISO, or day/month/year."""
    if text[2:3] == "/":
        return datetime.datetime(int(text[6:10]), int(text[3:5]), int(text[:2]))
    return datetime.datetime.fromisoformat(text)


def same(value: Any, text: str) -> bool:
    """Whether a loaded value still says what the file's text says."""
    import pandas as pd

    try:
        if value is None or value is pd.NaT or value is pd.NA or value != value:  # NaN
            return text in ("", "NULL")
        if isinstance(value, str):
            return value == text
        if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
            return text in (_TRUE if value else _FALSE)
        if hasattr(value, "year"):
            return moment(value) == moment_of(text)
        if "." in text:
            return float(value) == float(text)
        return float(value).is_integer() and str(int(value)) == text
    except (ValueError, TypeError):
        return False


def lost_columns(table: Any, path: str, encoding: str) -> list[str]:
    """The columns in which some of the first rows no longer say what the file says."""
    import pandas as pd

    truth = pd.read_csv(path, encoding=encoding, dtype=str, keep_default_na=False, nrows=CHECKED_ROWS)
    if hasattr(table, "head") and hasattr(table, "estimated_size"):
        table = table.head(CHECKED_ROWS)
    elif hasattr(table, "slice"):
        table = table.slice(0, CHECKED_ROWS)
    elif not isinstance(table, pd.DataFrame):
        table = table.to_pandas()
    lost = []
    for name in truth:
        if isinstance(table, pd.DataFrame):
            values = table[name].iloc[:CHECKED_ROWS].astype(object).tolist() if name in table else []
        else:
            column = table[name]
            values = column.to_list() if hasattr(column, "to_list") else column.to_pylist()
        if len(values) != len(truth) or not all(map(same, values, truth[name].tolist())):
            lost.append(str(name))
    return lost


def child(name: str, path: str, encoding: str, check: bool) -> None:
    """Load once; print bytes, seconds, the peak of the process, and what was lost."""
    work = loaders(path, encoding)[name]
    cpu_before = time.process_time()
    started = time.perf_counter()
    try:
        table = work()
    except ImportError as error:
        print(json.dumps({"error": f"not installed ({error.name})"}))
        return
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu_before
    peak = peak_mb() * 2**20
    facts: dict[str, Any] = {"bytes": size_of(table), "seconds": seconds, "cpu": cpu, "peak": peak, "rows": len(table)}
    if check:
        facts["lost"] = lost_columns(table, path, encoding)
    print(json.dumps(facts))


def measured(name: str, path: str, encoding: str, check: bool) -> dict[str, Any]:
    """`child` in a process of its own."""
    # __file__ may be relative to where the caller stands
    command = [sys.executable, str(Path(__file__).resolve()), "child", "--name", name, "--path", path]
    command += ["--encoding", encoding]
    ran = subprocess.run(
        [*command, "--check"] if check else command, capture_output=True, text=True, check=False, cwd=ROOT
    )
    lines = ran.stdout.strip().splitlines()
    if ran.returncode or not lines:
        return {"error": (ran.stderr.strip().splitlines() or ["failed"])[-1][:70]}
    facts: dict[str, Any] = json.loads(lines[-1])
    return facts


# --- tables ----------------------------------------------------------------------------------------------------


def compare(path: str, encoding: str, rounds: int, names: list[str]) -> dict[str, dict[str, Any]]:
    """Each loader `rounds` times in turns: medians, and what it lost."""
    seen: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names:
            if not seen[name] or "error" not in seen[name][-1]:
                seen[name].append(measured(name, path, encoding, check=turn == 0))
                print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    result: dict[str, dict[str, Any]] = {}
    for name, runs in seen.items():
        if "error" in runs[-1]:
            result[name] = {"error": runs[-1]["error"]}
            continue
        middle = {
            key: statistics.median(run[key] for run in runs) for key in ("bytes", "seconds", "cpu", "peak", "rows")
        }
        result[name] = {**middle, "lost": runs[0]["lost"]}
    return result


def show(found: dict[str, dict[str, Any]], peer: str = "pandas 3 default") -> None:
    """The table of one data set, with ratios to pandas as it comes."""
    base = found[peer]
    print(
        f"  {'loader':<30}{'B/row':>9}{'MB':>9}{'seconds':>9}{'× pandas':>10}{'CPU s':>8}{'× pandas':>10}"
        f"{'peak MB':>9}{'× pandas':>10}"
        "  lost something?"
    )
    for name, facts in found.items():
        if "error" in facts:
            print(f"  {name:<30}  {facts['error']}")
            continue
        lost = facts["lost"]
        words = "no" if not lost else f"yes, {len(lost)}: " + ", ".join(lost[:4]) + (" …" if len(lost) > 4 else "")
        print(
            f"  {name:<30}{facts['bytes'] / facts['rows']:>9.1f}{facts['bytes'] / 1e6:>9.2f}{facts['seconds']:>9.2f}"
            f"{facts['seconds'] / base['seconds']:>10.2f}{facts['cpu']:>8.2f}{facts['cpu'] / base['cpu']:>10.2f}"
            f"{facts['peak'] / 1e6:>9.0f}"
            f"{facts['peak'] / base['peak']:>10.2f}  {words}"
        )


def say(goal: str, figure: str, met: bool) -> None:
    """One line of the result."""
    print(f"  {goal:<70}{figure:>18}  {'met' if met else 'MISSED'}", flush=True)


def mixed(folder: Path, rows: int, rounds: int) -> None:
    """The goals on the mixed data set."""
    from benchmarks.generate_mixed import write_csv

    path = folder / "mixed.csv"
    size = write_csv(path, rows)
    print(f"\nMixed data set: {rows:,} rows × 34 columns, {size / 1e6:.0f} MB of CSV")
    names = list(loaders(str(path), "utf-8"))
    found = compare(str(path), "utf-8", rounds, names)
    show(found)
    for level, goal in SIZES.items():
        facts = found[f"this, {level}"]
        figure = facts["bytes"] / rows
        say(
            f"{level}: at most {goal} B/row at 10⁶ rows, nothing lost",
            f"{figure:.1f} B/row",
            round(figure) <= goal and not facts["lost"],
        )
    for level, most in TIMES.items():
        ratio = found[f"this, {level}"]["seconds"] / found["pandas 3 default"]["seconds"]
        say(f"{level}: at most {most} × the time of pandas' default read_csv", f"{ratio:.2f} ×", ratio <= most)
    proven, unproven = found["this, usable"], found[UNPROVEN]
    print(
        f"  the proofs take {100 * (1 - unproven['seconds'] / proven['seconds']):.0f} % of the time and "
        f"{100 * (1 - unproven['cpu'] / proven['cpu']):.0f} % of the CPU time of loading (usable)"
    )
    read, again = second_reading(path)
    print(f"  the second reading of the bytes alone: {again:.2f} CPU s, where the first one takes {read:.2f}")


def second_reading(path: Path) -> tuple[float, float]:
    """CPU seconds that pyarrow takes to read the file as text, and that the independent reading takes to prove it."""
    from optimization.compact.parse import _read, unique_names
    from optimization.compact.source import Source
    from optimization.compact.witness import disagreement

    source = Source(path)
    names = unique_names(source.header)
    read = again = 0.0
    for chunk in source.chunks():
        started = time.process_time()
        table = _read(chunk, names, source, names).combine_chunks()
        middle = time.process_time()
        assert disagreement(chunk.data, ord(source.delimiter), table, source.size) is None
        read, again = read + middle - started, again + time.process_time() - middle
    return read, again


def hotels(folder: Path, rounds: int) -> None:
    """The goals on the task's data set (a made-up list where no file is given)."""
    from optimization.generate_hotels import VARIABLE, repeated, stand_in

    source = os.environ.get(VARIABLE, "")
    path = folder / "dataset_memory_optimization.csv"
    path.write_bytes(repeated(Path(source).read_bytes() if source else stand_in()))
    print(f"\nHotels × 256, Windows-1252: {'the file of ' if source else 'made up, for want of '}{VARIABLE}")
    found = compare(str(path), "windows-1252", rounds, list(loaders(str(path), "windows-1252")))
    show(found)
    for level, goal in HOTEL_GOALS.items():
        facts = found[f"this, {level}"]
        say(
            f"{level}: at most {goal / 1e6:g} MB, nothing lost",
            f"{facts['bytes'] / 1e6:.2f} MB",
            facts["bytes"] <= goal and not facts["lost"],
        )


def peak(folder: Path, gigabytes: float) -> None:
    """The peak of the whole process at 1 GB of CSV, against pandas' own."""
    from benchmarks.generate_mixed import write_csv

    path = folder / "gigabyte.csv"
    size = write_csv(path, int(2_925_000 * gigabytes))
    print(f"\nPeak of the whole process while loading {size / 1e9:.2f} GB of CSV")
    base = measured("pandas 3 default", str(path), "utf-8", check=False)
    print(f"  {'pandas 3 default':<70}{base['peak'] / 1e6:>15,.0f} MB")
    for level in LEVELS:
        facts = measured(f"this, {level}", str(path), "utf-8", check=False)
        if "error" in facts:
            say(f"{level}: at most {PEAK} × pandas' own", facts["error"], False)
            continue
        ratio = facts["peak"] / base["peak"]
        say(f"{level}: at most {PEAK} × pandas' own ({facts['peak'] / 1e6:,.0f} MB)", f"{ratio:.2f} ×", ratio <= PEAK)


def main() -> int:
    """The command."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("what", nargs="*", choices=["mixed", "hotels", "peak", "child", []], help="default: all")
    line.add_argument("--rows", type=int, default=1_000_000)
    line.add_argument("--rounds", type=int, default=3)
    line.add_argument("--gigabytes", type=float, default=1.0)
    for hidden in ("--name", "--path"):
        line.add_argument(hidden, help=argparse.SUPPRESS)
    line.add_argument("--encoding", default="utf-8", help=argparse.SUPPRESS)
    line.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    options = line.parse_args()
    if options.what == ["child"]:
        child(options.name, options.path, options.encoding, options.check)
        return 0
    wanted = options.what or ["mixed", "hotels", "peak"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "mixed" in wanted:
            mixed(folder, options.rows, options.rounds)
        if "hotels" in wanted:
            hotels(folder, options.rounds)
        if "peak" in wanted:
            peak(folder, options.gigabytes)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
