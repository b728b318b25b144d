"""The command line of memory.py: one load, its report per column, what is kept of it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from optimization.compact.choices import ENGINES, LEVELS, STEPS
from optimization.counted import counted
from optimization.files import EXIT_CODES, BadInput, check_paths, check_source, guarded, written_aside

DESCRIPTION = (
    "Load a CSV file in the least memory that loses nothing, and say per column what it took, what it takes and why."
)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    line = argparse.ArgumentParser(
        prog="memory.py",
        description=DESCRIPTION,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    line.add_argument("source", metavar="IN", help="a CSV file, plain, .gz or .zst, or a folder of them")
    line.add_argument(
        "--level",
        choices=LEVELS,
        default="usable",
        help="usable: works in pandas (default); packed: any Arrow type; compressed",
    )
    line.add_argument("--encoding", help="such as utf-8 or windows-1252 (default: found out)")
    line.add_argument("--delimiter", help="such as ';' (default: found out)")
    line.add_argument(
        "--schema", metavar="FILE", help="write the inferred schema to FILE; if FILE exists, follow it, in one pass"
    )
    line.add_argument("--out", metavar="FILE", help="keep the result: .parquet, .feather or .arrow")
    line.add_argument("--picture", metavar="FILE", help="draw memory per column before and after: .png or .svg")
    line.add_argument("--report", metavar="FILE", help="write the report per column as JSON")
    line.add_argument(
        "--allow",
        metavar="STEP",
        action="append",
        default=[],
        help="lossy steps, by name: " + "; ".join(f"{k}: {v}" for k, v in STEPS.items()),
    )
    line.add_argument("--no-verify", action="store_true", help="do not compare the texts with the file's after loading")
    line.add_argument(
        "--header",
        choices=("first", "none"),
        help="first: the first line holds the names, whatever they look like; none: it is data (default: names, and "
        "a first line of values alone is refused)",
    )
    line.add_argument("--keep-repeated-header", action="store_true", help="a record equal to the header is data")
    line.add_argument("--engine", choices=ENGINES, default="local", help="dask: the files of a folder on a cluster")
    line.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a dask cluster, such as tcp://10.0.0.1:8786 (default: a local one)"
    )
    line.add_argument("--json", action="store_true", help="the report as JSON on stdout")
    line.add_argument("--quiet", action="store_true", help="no progress bar")
    line.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return line


def run(options: argparse.Namespace) -> int:
    """One load, reported on stdout."""
    from optimization.compact import keep, report
    from optimization.compact.load import load_file
    from optimization.compact.results import nbytes
    from optimization.compact.schema import write_schema

    if options.out:
        keep.check_ending(options.out)
    check_source(options.source)
    if options.out:
        check_paths(options.source, options.out)
    if options.picture and Path(options.picture).suffix.lower() not in (".png", ".svg"):
        raise BadInput(f"--picture {options.picture}: the ending names the format, .png or .svg")
    for out in (options.picture, options.report, options.schema):
        if out and not Path(out).resolve().parent.is_dir():
            raise BadInput(f"the folder of {out} does not exist: mkdir -p {Path(out).parent}")
    known = bool(options.schema) and Path(options.schema).is_file()  # a pipe is written to
    steps = [step for words in options.allow for step in words.split(",")]
    loaded = load_file(
        options.source,
        options.level,
        options.encoding,
        delimiter=options.delimiter,
        schema=options.schema if known else None,
        verify=not options.no_verify,
        allow=steps,
        engine=options.engine,
        scheduler=options.scheduler,
        header=None if options.header is None else options.header == "first",
        keep_repeated_header=options.keep_repeated_header,
        quiet=options.quiet,
    )
    if options.schema and not known:
        write_schema(loaded, options.schema)
    if options.out:
        keep.save(loaded.result, options.out)
    total = nbytes(loaded.result)
    facts = {
        "source": options.source,
        "level": options.level,
        "rows": loaded.rows,
        "encoding": loaded.encoding,
        "delimiter": loaded.delimiter,
        "bytes_before": sum(column.before for column in loaded.columns),
        "bytes": total,
        "verified": not options.no_verify,
        "notes": loaded.notes,
    }
    text = report.as_json(loaded.columns, **facts)
    if options.report:
        with written_aside(options.report) as aside:
            Path(aside).write_text(text, encoding="utf-8")
    if options.picture:
        with written_aside(options.picture) as aside:
            report.picture(
                loaded.columns,
                loaded.rows,
                aside,
                f"{Path(options.source).name}, {options.level}",
                Path(options.picture).suffix[1:],
            )
    if options.json:
        print(text)
        return 0
    print(report.table(loaded.columns, loaded.rows))
    checked = (
        "not compared with the file"
        if options.no_verify
        else "every text compared with the file" + (" but for the lossy columns" if steps else "")
    )
    print(
        f"{counted(loaded.rows, 'row')}, {loaded.encoding}, delimiter {loaded.delimiter!r}, {options.level}: "
        f"{total / 1e6:,.2f} MB; {checked}"
    )
    for note in loaded.notes:
        print(f"note: {note}", file=sys.stderr)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """The command: exit code 0 or, with one line on stderr, 2."""
    options = parser().parse_args(arguments)
    return guarded(lambda: run(options), options.debug)
