"""The command line of speed.py: one file or a folder, on this machine or a cluster, or the ladder of --compare."""

from __future__ import annotations

import argparse
from pathlib import Path

from optimization.distance.file import add_distance_to_file
from optimization.distance.formula import KERNELS
from optimization.files import EXIT_CODES, BadInput, guarded


def default_out(source: str) -> str:
    """`source` with _distance before its ending."""
    return str(Path(source).with_stem(Path(source).stem + "_distance"))


def _delimiter(text: str) -> str:
    text = "\t" if text in ("\\t", "tab") else text
    if len(text) != 1 or not text.isascii() or text in '"\n\r':
        raise argparse.ArgumentTypeError("one character, or tab")
    return text


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="optimization/speed.py",
        description="Add the column distance to a CSV or Parquet file (or to each file of a folder), as a stream.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("source", metavar="IN", help="CSV or Parquet file, or a folder of them")
    made.add_argument("--out", help="CSV or Parquet by its ending (default: IN with _distance before the ending)")
    made.add_argument("--kernel", choices=KERNELS, default="auto", help="auto (default): what is faster here")
    made.add_argument("--latitude", default="latitude", metavar="NAME", help="column of the latitude")
    made.add_argument("--longitude", default="longitude", metavar="NAME", help="column of the longitude")
    made.add_argument("--column", default="distance", metavar="NAME", help="name of the new column")
    made.add_argument("--delimiter", type=_delimiter, help="of the CSV (default: found out)")
    made.add_argument("--compare", action="store_true", help="measure every way of doing it; a table and a chart")
    made.add_argument("--rows", type=int, default=1_000_000, help="rows that --compare measures (default: 1,000,000)")
    made.add_argument("--chart", metavar="PATH", help="chart of --compare, PNG or SVG (default: OUT's name, .png)")
    made.add_argument("--engine", choices=("local", "dask"), default="local", help="dask: a task a part, any cluster")
    made.add_argument("--scheduler", metavar="ADDRESS", help="of a running dask cluster (default: one is started)")
    made.add_argument("--quiet", action="store_true", help="no progress bar")
    made.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code."""
    options = parser().parse_args(arguments)
    return guarded(lambda: _run(options), options.debug)


def _run(options: argparse.Namespace) -> None:
    source, out = options.source, options.out or default_out(options.source)
    names = (options.latitude, options.longitude)
    if options.compare:
        from optimization.distance import compare  # which imports pandas: a fifth of a second

        compare.run(source, names, options.delimiter, options.rows, options.chart or _beside(out, ".png"))
        return
    if options.scheduler and options.engine != "dask":
        raise BadInput("--scheduler belongs to --engine dask")
    if options.engine == "dask":
        from optimization.distance import cluster

        work = cluster.add_distance_to_files
        work(files_of(source, out), options.scheduler, options.kernel, *names, options.column, options.delimiter,
             options.quiet)  # fmt: skip
        return
    for one, other in files_of(source, out):
        add_distance_to_file(one, other, options.kernel, *names, options.column, options.delimiter, options.quiet)


def _beside(out: str, ending: str) -> str:
    return str(Path(out).with_suffix(ending))


def files_of(source: str, out: str) -> list[tuple[str, str]]:
    """(input, output) of a file, or of each CSV and Parquet file of a folder; BadInput where there is none."""
    given, wanted = Path(source), Path(out)
    if not given.is_dir():
        return [(source, out)]
    endings = (".csv", ".tsv", ".txt", ".parquet", ".pq")
    names = sorted(path.name for path in given.iterdir() if path.suffix.lower() in endings and path.name[0] != ".")
    if not names:
        raise BadInput(f"{source} holds no file that ends with {', '.join(endings)}")
    if wanted.is_file():
        raise BadInput(f"the input is a folder and the output {out} a file: give a folder with --out")
    if wanted.exists() and given.samefile(wanted):
        raise BadInput(f"the output {out} would overwrite the input: give another --out")
    wanted.mkdir(exist_ok=True)
    return [(str(given / name), str(wanted / name)) for name in names]
