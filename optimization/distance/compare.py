"""The ladder of speed.py --compare: every way of applying the formula, measured in turns, as a table and a chart."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from optimization.counted import counted
from optimization.distance import formula, machine
from optimization.distance.layout import read_layout
from optimization.distance.threads import pieces, share, threads_for
from optimization.files import BadInput, cores, optional, written_aside

Work = Callable[[], Any]
LIMIT = "a + b (the limit of the memory)"
ROUNDS = 7
FONT = 10.5  # points on 9 inches: 12 pixels or more where a page shows the chart 800 pixels wide


class Rung(NamedTuple):
    """One way: what it does, on how many rows, and how long that took (median, seconds)."""

    name: str
    rows: int
    seconds: float
    sampled: bool

    @property
    def ns_per_row(self) -> float:
        return self.seconds / self.rows * 1e9


def run(source: str, names: tuple[str, str], delimiter: str | None, rows: int, chart: str) -> None:
    """Measure the ladder on the first `rows` rows of a file, print the table and draw the chart."""
    if rows < 1000:
        raise BadInput("--rows must be 1,000 or more: less is over before it can be measured")
    df = coordinates(source, names, delimiter, rows)
    rungs = measure(df, lambda text: print(text, file=sys.stderr))
    print(table(rungs, len(df)))
    draw(rungs, len(df), chart)
    print(f"chart: {chart}")


def measure(df: pd.DataFrame, say: Callable[[str], None] = lambda _: None, rounds: int = ROUNDS) -> list[Rung]:
    """The rungs for a frame with the columns latitude and longitude, the slowest first, the limit last."""
    machine.load()
    ways = _ways(df)
    for _, rows, work in ways:
        if rows == len(df):
            work()  # warm: caches, threads, imports
    times: dict[str, list[float]] = {name: [] for name, _, _ in ways}
    for turn in range(rounds):
        say(f"round {turn + 1} of {rounds}")
        for name, _, work in ways:
            started = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - started)
    made = [Rung(name, rows, statistics.median(times[name]), rows < len(df)) for name, rows, _ in ways]
    return sorted(made, key=lambda rung: (rung.name == LIMIT, -rung.ns_per_row))


def _ways(df: pd.DataFrame) -> list[tuple[str, int, Work]]:
    """(name, rows, work) of each way. The slow ones run on a sample, as their time grows with the rows alone."""
    function_to_apply = formula.function_to_apply
    latitude, longitude = df["latitude"].to_numpy(), df["longitude"].to_numpy()
    total = len(df)
    samples = {rows: df.head(rows) for rows in (min(total, most) for most in (500, 5_000, 20_000, 50_000))}
    by_loop, by_apply, by_tuples, by_vectorize = (samples[min(total, most)] for most in (500, 5_000, 20_000, 50_000))

    def loop() -> list[Any]:
        list_results = []
        for i in range(0, len(by_loop)):
            r = function_to_apply(by_loop.iloc[i]["latitude"], by_loop.iloc[i]["longitude"])
            list_results.append(r)
        return list_results

    pairs = "latitude", "longitude"
    ways: list[tuple[str, int, Work]] = [
        ("the loop of the task (iloc)", len(by_loop), loop),
        (
            "DataFrame.apply",
            len(by_apply),
            lambda: by_apply.apply(lambda row: function_to_apply(row["latitude"], row["longitude"]), axis=1),
        ),
        (
            "itertuples",
            len(by_tuples),
            lambda: [function_to_apply(*row) for row in by_tuples[list(pairs)].itertuples(index=False, name=None)],
        ),
        (
            "np.vectorize",
            len(by_vectorize),
            lambda: np.vectorize(function_to_apply)(by_vectorize["latitude"], by_vectorize["longitude"]),
        ),
        ("pandas Series", total, lambda: function_to_apply(df["latitude"], df["longitude"])),
        ("plain numpy", total, lambda: function_to_apply(latitude, longitude)),
        ("speed.py --kernel numpy (blocks)", total, lambda: formula.distance(latitude, longitude, "numpy")),
        ("speed.py, one core", total, lambda: on_one_core(latitude, longitude)),
        (f"speed.py, {counted(cores(), 'core')}", total, lambda: formula.distance(latitude, longitude, "compiled")),
        (LIMIT, total, lambda: sum_of(latitude, longitude)),
    ]
    ways += _libraries(df, latitude, longitude)
    return ways


def _libraries(df: pd.DataFrame, lat: np.ndarray, lon: np.ndarray) -> list[tuple[str, int, Work]]:
    """The libraries that evaluate expressions, as far as they are installed."""
    ways: list[tuple[str, int, Work]] = []
    try:
        numexpr = optional("numexpr", "optimization")
        written = "sin(lat/2)**2 + cos(lat) * cos(lon) * sin(lon/2)**2"
        ways.append(("numexpr", len(df), lambda: numexpr.evaluate(written, {"lat": lat, "lon": lon})))
    except BadInput as error:
        print(f"left out: {error}", file=sys.stderr)
    try:
        pl = optional("polars", "optimization")
        frame = pl.DataFrame({"latitude": lat, "longitude": lon})
        a, b = pl.col("latitude"), pl.col("longitude")
        expression = ((a / 2).sin() ** 2 + a.cos() * b.cos() * (b / 2).sin() ** 2).alias("distance")
        ways.append(("polars", len(df), lambda: frame.select(expression)))
    except BadInput as error:
        print(f"left out: {error}", file=sys.stderr)
    return ways


def on_one_core(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """`distance` without its threads."""
    out = np.empty(len(latitude))
    formula.evaluate(latitude, longitude, out, threads=1)
    return out


def sum_of(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a + b into a new array, on the same threads as speed.py: no kernel can be faster than its memory."""
    out = np.empty_like(a)
    threads = threads_for(len(a))
    of = pieces(len(a), threads)

    def add(me: int) -> None:
        for piece in of(me):
            np.add(a[piece], b[piece], out[piece])

    share(add, threads)
    return out


def coordinates(source: str, names: tuple[str, str], delimiter: str | None, rows: int) -> pd.DataFrame:
    """The first rows of a CSV or Parquet file as two float64 columns; missing ones are dropped."""
    try:
        with Path(source).open("rb") as file:
            parquet = file.read(4) == b"PAR1"
        if parquet:
            df = pd.read_parquet(source, columns=list(names)).head(rows)
        else:
            layout = read_layout(source, *names, delimiter)
            df = pd.read_csv(source, usecols=list(names), nrows=rows, sep=layout.delimiter.decode(), encoding="latin-1")
        df = df[list(names)].astype("float64").dropna().reset_index(drop=True)
    except (ValueError, KeyError) as error:
        raise BadInput(f"{source}: {error}") from error
    if len(df) < 1000:
        raise BadInput(f"{source} has {counted(len(df), 'row')} with both coordinates: --compare needs 1,000 or more")
    return df.set_axis(["latitude", "longitude"], axis=1)


def table(rungs: list[Rung], rows: int) -> str:
    """The ladder as text; `~` marks a time that was measured on fewer rows."""
    by_name = {rung.name: rung for rung in rungs}
    numpy_ns, loop_ns = by_name["plain numpy"].ns_per_row, rungs[0].ns_per_row
    lines = [
        f"{rows:,} rows, medians of interleaved rounds, {counted(cores(), 'core')}",
        f"{'way':<36}{'ns a row':>12}{'this many rows':>16}{'× numpy':>10}{'× slowest':>12}",
    ]
    for rung in rungs:
        seconds = rung.ns_per_row * rows / 1e9
        lines.append(
            f"{rung.name:<36}{rung.ns_per_row:>12,.2f}{'~' if rung.sampled else ' ':>5}{seconds:>9,.4f} s"
            f"{numpy_ns / rung.ns_per_row:>10,.3g}{loop_ns / rung.ns_per_row:>12,.0f}"
        )
    lines.append("~ extrapolated from a sample")
    return "\n".join(lines)


def draw(rungs: list[Rung], rows: int, path: str) -> None:
    """The ladder as a bar chart on a logarithmic axis, with the memory's limit as a line; PNG or SVG by the ending."""
    matplotlib = optional("matplotlib", "optimization")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    ending = path.rpartition(".")[2].lower()
    if ending not in ("png", "svg"):
        raise BadInput(f"the chart {path} must end with .png or .svg")
    bars = [rung for rung in rungs if rung.name != LIMIT]
    limit = next(rung for rung in rungs if rung.name == LIMIT)
    figure, axes = pyplot.subplots(figsize=(9, 0.42 * len(bars) + 1.6), layout="constrained")
    colours = ["#1b6ca8" if rung.name.startswith("speed.py") else "#b9c4cc" for rung in bars]
    places = range(len(bars))
    axes.barh(places, [rung.ns_per_row for rung in bars], color=colours)
    for place, rung in enumerate(bars):
        shown = f"{rung.ns_per_row:,.0f}" if rung.ns_per_row >= 100 else f"{rung.ns_per_row:.3g}"
        label = f" {shown}{' (sample)' if rung.sampled else ''}"
        axes.text(rung.ns_per_row, place, label, va="center", fontsize=FONT)
    axes.axvline(limit.ns_per_row, color="#c0392b", linewidth=1.5)
    limit_label = f"  the memory's limit: a + b, {limit.ns_per_row:.2g} ns"
    axes.text(limit.ns_per_row, -0.75, limit_label, color="#c0392b", fontsize=FONT, va="center")
    axes.set_yticks(places, [rung.name for rung in bars], fontsize=FONT)
    axes.set_xscale("log")
    axes.set_xlim(limit.ns_per_row / 2, bars[0].ns_per_row * 40)
    axes.set_ylim(len(bars) - 0.4, -1.2)
    axes.set_xlabel("ns a row (logarithmic: shorter is faster)", fontsize=FONT)
    axes.tick_params(axis="x", labelsize=FONT)
    axes.set_title(f"One new column, {rows:,} rows, {counted(cores(), 'core')}", loc="left", fontsize=FONT + 2)
    axes.spines[["top", "right"]].set_visible(False)
    with written_aside(path) as aside:
        figure.savefig(aside, format=ending, dpi=150)
    pyplot.close(figure)
