"""Load a CSV file in the least memory that loses nothing, and say per column what it took, what it takes and why.

python optimization/memory.py dataset_memory_optimization.csv
>>> from optimization.memory import load_csv, shrink, nbytes
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __package__ in (None, ""):  # run as a script: the repository's root, not this folder, is where `optimization` lies
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from optimization._files import EXIT_CODES, BadInput, Progress, check_paths, cores, guarded, written_aside

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from optimization._memory_compressed import Compressed
    from optimization._memory_encode import Encoded
    from optimization._memory_load import Reading, Scanned
    from optimization._memory_plan import Plan
    from optimization._memory_report import ColumnReport
    from optimization._memory_source import Source

LEVELS = ("usable", "packed", "compressed")
CSV_ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".csv.zst", ".tsv.zst")
SCHEMA_VERSION = 1


@dataclass
class Loaded:
    """What `load_file` gives: the `result`, the plan and the report of each column, and what was noticed on the way."""

    result: Any
    plans: dict[str, Plan]
    columns: list[ColumnReport]
    rows: int
    encoding: str
    delimiter: str
    notes: list[str] = field(default_factory=list)


def load_csv(
    path: str | Path,
    level: str = "usable",
    encoding: str | None = None,
    *,
    delimiter: str | None = None,
    schema: str | Path | None = None,
    verify: bool = True,
    allow: Iterable[str] = (),
    engine: str = "local",
    scheduler: str | None = None,
    keep_repeated_header: bool = False,
) -> pd.DataFrame | pa.Table | Compressed:
    """Load a CSV file (or a folder of them) in the least memory that loses nothing.

    `level` usable gives a DataFrame in which every column works; packed a `pyarrow.Table`; compressed an object with
    `nbytes`, `column(name) -> Series` and `to_pandas()`. `encoding` and `delimiter` None: found out. `schema`: a file
    that an earlier load wrote; it is followed to the letter. `verify`: the texts are compared with the file afterwards.
    `allow` opens lossy steps by name (`float32`, `decimals=2`, `seconds`). `engine` dask reads the files of a folder on
    the cluster at `scheduler` (None: a local one).

    Raises BadInput (a message with file, line and remedy) for an input that cannot be loaded as it is.
    """
    return load_file(
        path,
        level,
        encoding,
        delimiter=delimiter,
        schema=schema,
        verify=verify,
        allow=allow,
        engine=engine,
        scheduler=scheduler,
        keep_repeated_header=keep_repeated_header,
    ).result


def load_file(
    path: str | Path,
    level: str = "usable",
    encoding: str | None = None,
    *,
    delimiter: str | None = None,
    schema: str | Path | None = None,
    verify: bool = True,
    allow: Iterable[str] = (),
    engine: str = "local",
    scheduler: str | None = None,
    keep_repeated_header: bool = False,
    quiet: bool = True,
) -> Loaded:
    """The same as `load_csv`, with the report beside the result."""
    from optimization._memory_load import NotLossless, Reading, check_names, settle
    from optimization._memory_lossy import parsed
    from optimization._memory_plan import decide, refreshed
    from optimization._memory_release import reused
    from optimization._memory_source import unique_names

    _check_choice("level", level, LEVELS)
    _check_choice("engine", engine, ("local", "dask"))
    steps = parsed(tuple(allow))
    given = read_schema(schema) if schema is not None else None
    reading = Reading(encoding, delimiter, not keep_repeated_header, quiet, verify)
    sources = [reading.open(file) for file in files_of(path)]
    names = unique_names(sources[0].header)
    for source in sources[1:]:
        check_names(source, unique_names(source.header), names)
    size = sum(source.size for source in sources)
    with reused(), Progress(size, "reading", quiet=quiet) as progress:
        if engine == "dask":
            from optimization._memory_dask import scan_on_cluster

            scanned, plans = scan_on_cluster(sources, reading, given, scheduler)
        else:
            scanned = _scan_all(sources, reading, given, progress)
            plans = {name: given[name] if given else decide(name, scanned.columns[name]) for name in names}
        columns = settle(sources, reading, scanned, plans)
    if given:
        plans = {name: refreshed(plans[name], columns[name]) for name in names}
    notes = [f"{file}, line {line:,}: the header again, left out" for file, line in scanned.repeated_headers[:5]]
    if len(scanned.repeated_headers) > 5:
        notes.append(f"{len(scanned.repeated_headers) - 5:,} more repeated headers, left out")
    with reused():
        loaded, lost, wrong = assemble(plans, columns, scanned.rows, level, steps, verify)
    for name, row in wrong.items():
        raise NotLossless(f"{path}: column {name!r} does not give row {row + 1:,} back: please report this")
    loaded.encoding, loaded.delimiter = sources[0].encoding_name, sources[0].delimiter
    loaded.notes = [*notes, *(f"column {name!r} is lossy: {what}" for name, what in lost.items())]
    return loaded


def _scan_all(sources: list[Source], reading: Reading, given: dict[str, Plan] | None, progress: Progress) -> Scanned:
    from optimization._memory_load import scan

    whole: Scanned | None = None
    for source in sources:
        part = scan(source, reading, given, progress)
        if whole is None:
            whole = part
            continue
        for name in whole.names:
            whole.columns[name] += part.columns[name]
        whole.rows += part.rows
        whole.repeated_headers += part.repeated_headers
    assert whole is not None
    return whole


def assemble(
    plans: dict[str, Plan],
    columns: dict[str, list[Encoded]],
    rows: int,
    level: str,
    steps: dict[str, int],
    verify: bool,
) -> tuple[Loaded, dict[str, str], dict[str, int]]:
    """The columns at a level, what the allowed lossy steps lost, and (`verify`) rows that differ from their chunks.

    The chunks are let go one column after another.
    """
    from optimization._memory_compressed import Compressed, compress, expanded
    from optimization._memory_lossy import lossy
    from optimization._memory_packed import array_bytes, arrow_array
    from optimization._memory_proof import first_difference
    from optimization._memory_release import release
    from optimization._memory_report import ColumnReport, before_bytes
    from optimization._memory_rows import rows_of
    from optimization._memory_usable import array_nbytes, series_array

    wrong: dict[str, int] = {}
    lost: dict[str, str] = {}
    done: dict[str, Any] = {}
    reports: dict[str, ColumnReport] = {}
    settled: dict[str, Plan] = {}

    def build(name: str) -> None:
        plan, chunks = plans[name], columns.pop(name)
        before = before_bytes(plan, chunks, rows)
        plan, chunks, what = lossy(plan, chunks, steps)
        if what:
            lost[name] = what
        if level == "usable":
            done[name], plan = series_array(plan, chunks, rows)
            after = array_nbytes(done[name])
        else:
            plan = replace(plan, type="")
            array, plan = arrow_array(plan, chunks, rows)
            after = array_bytes(array)
            done[name] = array
            if level == "compressed":
                done[name] = compress(array)
                after = sum(node.nbytes for node in done[name])
                array = expanded(done[name]) if verify else array
        if verify and not what:
            row = first_difference(plan, chunks, rows_of(done[name] if level == "usable" else array))
            if row is not None:
                wrong[name] = row
        if before >= 1 << 22:
            release()
        settled[name] = plan
        reports[name] = ColumnReport(name, plan.kind, before, after, plan.type, plan.missing or "", plan.why)

    order = list(columns)
    # Texts take by far the longest: begun last, one of them would keep a thread busy after the others are done.
    longest_first = sorted(order, key=lambda name: -sum(max(chunk.text_size, 0) for chunk in columns[name]))
    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(build, longest_first))
    result = _put_together(
        level, {name: done[name] for name in order}, {name: settled[name] for name in order}, rows, Compressed
    )
    lost = {name: lost[name] for name in order if name in lost}
    loaded = Loaded(result, {name: settled[name] for name in order}, [reports[name] for name in order], rows, "", "")
    return loaded, lost, wrong


def _put_together(
    level: str, columns: dict[str, Any], plans: dict[str, Plan], rows: int, compressed: type[Compressed]
) -> Any:
    from optimization._memory_files import KEY, plans_json

    if level == "usable":
        import pandas as pd

        frame = pd.DataFrame(columns, index=pd.RangeIndex(rows), copy=False)
        frame.attrs["optimization"] = plans_json(plans)
        return frame
    if level == "packed":
        import pyarrow as pa

        table = pa.table(list(columns.values()), names=list(columns))
        return table.replace_schema_metadata({KEY: plans_json(plans).encode()})
    return compressed(rows, columns, plans)


def shrink(
    df: pd.DataFrame, level: str = "usable", *, allow: Iterable[str] = (), verify: bool = True
) -> pd.DataFrame | pa.Table | Compressed:
    """The same values as `df` in the least memory, at a level as `load_csv` has them; `df` stays as it is.

    Types keep their meaning: text stays text, whole numbers whole, floats floats (32 bits where each is exact),
    categories
    categories with their order; the index and the column names are kept. A column of a dtype that has no smaller form
    is
    passed on as it is. With `verify` every value is compared afterwards.
    """
    from optimization import _memory_frames

    _check_choice("level", level, LEVELS)
    return _memory_frames.shrink(df, level, tuple(allow), verify)


def nbytes(x: pd.DataFrame | pa.Table | Compressed) -> int:
    """The bytes of a DataFrame, a `pyarrow.Table` or a compressed table: texts, dictionaries and index included."""
    import pandas as pd
    import pyarrow as pa

    if isinstance(x, pd.DataFrame):
        from optimization._memory_usable import deep_bytes

        return deep_bytes(x)
    if isinstance(x, pa.Table):
        from optimization._memory_files import table_bytes

        return table_bytes(x)
    return x.nbytes


def texts(x: pd.DataFrame | pa.Table | Compressed, name: str) -> pa.Array:
    """The texts of a loaded column as the file has them (null: an empty unquoted field); numbers in their shortest
    form.
    """
    import pandas as pd

    from optimization._memory_compressed import Compressed
    from optimization._memory_print import texts_back
    from optimization._memory_rows import rows_of

    plans = plans_kept(x)
    if name not in plans:
        raise BadInput(f"no column {name!r} that was loaded from a file: the columns are {', '.join(list(plans)[:20])}")
    place = list(plans).index(name)
    column = (
        x.iloc[:, place] if isinstance(x, pd.DataFrame) else x.arrow(name) if isinstance(x, Compressed) else x[place]
    )
    return texts_back(plans[name], rows_of(column)(0, len(column)))


def plans_kept(x: Any) -> dict[str, Plan]:
    """The plans that a result carries with it."""
    import pandas as pd

    from optimization._memory_compressed import Compressed
    from optimization._memory_files import KEY, plans_of

    if isinstance(x, Compressed):
        return x.plans
    if isinstance(x, pd.DataFrame):
        return plans_of(x.attrs.get("optimization", "[]"))
    return plans_of((x.schema.metadata or {}).get(KEY, b"[]"))


def save(x: pd.DataFrame | pa.Table | Compressed, out: str | Path) -> None:
    """Write a result to `out` (.parquet, .feather or .arrow), whole or not at all."""
    from optimization import _memory_files

    _memory_files.save(x, out)


def load(path: str | Path) -> pd.DataFrame | pa.Table | Compressed:
    """What `save` wrote, with the same types."""
    from optimization import _memory_files

    return _memory_files.load(path)


def _check_choice(what: str, value: str, offered: tuple[str, ...]) -> None:
    if value not in offered:
        raise BadInput(f"{what} {value!r}: one of {', '.join(offered)}")


def files_of(path: str | Path) -> list[str]:
    """The CSV files that are meant by a path: itself, or those in a folder, by name."""
    place = Path(path)
    if not place.exists():
        raise BadInput(f"{path}: no such file")
    if not place.is_dir():
        return [str(place)]
    found = sorted(
        str(file)
        for file in place.iterdir()
        if file.name.lower().endswith(CSV_ENDINGS) and not file.name.startswith(".")
    )
    if not found:
        raise BadInput(f"{path}: no CSV file in this folder (looked for {', '.join(CSV_ENDINGS)})")
    return found


# --- schema
# --------------------------------------------------------------------------------------------------------------------


def write_schema(loaded: Loaded, out: str | Path) -> None:
    """Keep the plans: bounds of whole numbers are those of their types, so that tomorrow's values have room."""
    import numpy as np

    from optimization._memory_usable import int_type

    entries = []
    for plan in loaded.plans.values():
        kept = replace(plan, type="", why=plan.why)
        if plan.kind == "int":
            name = int_type(int(plan.low), int(plan.high))
            bounds = np.iinfo(name)
            kept = replace(kept, low=int(bounds.min), high=int(bounds.max), type=name)
        elif plan.kind == "float":
            kept = replace(kept, type=plan.type if plan.type in ("float32", "float64") else "")
        elif plan.kind in ("date", "timestamp"):
            kept = replace(kept, low=-(1 << 62), high=1 << 62)
        entries.append(kept.to_json())
    with written_aside(str(out)) as aside:
        Path(aside).write_text(
            json.dumps({"version": SCHEMA_VERSION, "columns": entries}, ensure_ascii=False, indent=1), encoding="utf-8"
        )


def read_schema(path: str | Path) -> dict[str, Plan]:
    """The plans of a schema file; BadInput where it is none."""
    from optimization._memory_plan import KINDS, Plan

    try:
        told = json.loads(Path(path).read_text(encoding="utf-8"))
        plans = {entry["name"]: Plan(**entry) for entry in told["columns"]}
        version = told["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{path}: no schema file ({error}); infer a new one by naming a file that does not exist yet"
        ) from error
    if version != SCHEMA_VERSION or any(plan.kind not in KINDS for plan in plans.values()):
        raise BadInput(f"{path}: a schema of another version ({version}); infer a new one")
    return plans


# --- command line
# --------------------------------------------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """The command line."""
    from optimization._memory_lossy import STEPS

    line = argparse.ArgumentParser(
        prog="memory.py",
        description=__doc__.splitlines()[0] if __doc__ else "",
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
    line.add_argument("--keep-repeated-header", action="store_true", help="a record equal to the header is data")
    line.add_argument(
        "--engine", choices=("local", "dask"), default="local", help="dask: the files of a folder on a cluster"
    )
    line.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a dask cluster, such as tcp://10.0.0.1:8786 (default: a local one)"
    )
    line.add_argument("--json", action="store_true", help="the report as JSON on stdout")
    line.add_argument("--quiet", action="store_true", help="no progress bar")
    line.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return line


def run(options: argparse.Namespace) -> int:
    """One load, told on stdout."""
    from optimization import _memory_files, _memory_report

    if options.out:
        _memory_files.check_ending(options.out)
    check_paths(options.source, options.out or options.source + ".unused")
    if options.picture and Path(options.picture).suffix.lower() not in (".png", ".svg"):
        raise BadInput(f"--picture {options.picture}: the ending tells the format, .png or .svg")
    for out in (options.picture, options.report, options.schema):
        if out and not Path(out).resolve().parent.is_dir():
            raise BadInput(f"the folder of {out} does not exist: mkdir -p {Path(out).parent}")
    known = bool(options.schema) and Path(options.schema).exists()
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
        keep_repeated_header=options.keep_repeated_header,
        quiet=options.quiet,
    )
    if options.schema and not known:
        write_schema(loaded, options.schema)
    if options.out:
        save(loaded.result, options.out)
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
    told = _memory_report.as_json(loaded.columns, **facts)
    if options.report:
        with written_aside(options.report) as aside:
            Path(aside).write_text(told, encoding="utf-8")
    if options.picture:
        with written_aside(options.picture) as aside:
            _memory_report.picture(
                loaded.columns,
                loaded.rows,
                aside,
                f"{Path(options.source).name}, {options.level}",
                Path(options.picture).suffix[1:],
            )
    if options.json:
        print(told)
        return 0
    print(_memory_report.table(loaded.columns, loaded.rows))
    checked = (
        "not compared with the file"
        if options.no_verify
        else "every text compared with the file" + (" but for the lossy columns" if steps else "")
    )
    print(
        f"{loaded.rows:,} rows, {loaded.encoding}, delimiter {loaded.delimiter!r}, {options.level}: "
        f"{total / 1e6:,.2f} MB; {checked}"
    )
    for note in loaded.notes:
        print(f"note: {note}", file=sys.stderr)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """The command: exit code 0 or, with one line on stderr, 2."""
    options = parser().parse_args(arguments)
    return guarded(lambda: run(options), options.debug)


if __name__ == "__main__":
    raise SystemExit(main())
