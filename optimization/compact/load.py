"""Load a CSV file, or a folder of them, at a level: read, decide, build, prove."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimization.compact.build import Loaded, assemble
from optimization.compact.choices import ENGINES, LEVELS, check_choice
from optimization.compact.lossy import parsed
from optimization.compact.parse import unique_names
from optimization.compact.plan import Plan, decide, refreshed
from optimization.compact.release import reused
from optimization.compact.scan import NotLossless, Reading, Scanned, check_names, scan, settle
from optimization.compact.schema import read_schema
from optimization.compact.source import Source
from optimization.counted import counted
from optimization.files import BadInput, Progress

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from optimization.compact.compressed import Compressed

CSV_ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".csv.zst", ".tsv.zst")


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
    header: bool | None = None,
    keep_repeated_header: bool = False,
) -> pd.DataFrame | pa.Table | Compressed:
    """Load a CSV file (or a folder of them) in the least memory that loses nothing.

    `level` usable gives a DataFrame in which every column works; packed a `pyarrow.Table`; compressed an object with
    `nbytes`, `column(name) -> Series` and `to_pandas()`. `encoding` and `delimiter` None: found out. `header` True: the
    first record holds the names, whatever they look like; False: none does; None: it does, and is refused where all
    that it holds are values. `schema`: a file that an earlier load wrote; it is followed to the letter. `verify`: the
    file is read in a second way, and its texts are compared with the result. `allow` opens lossy steps by name
    (`float32`, `decimals=2`, `seconds`). `engine` dask reads the files of a folder on the cluster at `scheduler` (None:
    a local one). A record that is the header again is left out, unless `keep_repeated_header`.

    Raises BadInput (a message with file, line and remedy) for an input that cannot be loaded as it is. Warns of what
    was left out or lost: what the command prints as notes.
    """
    loaded = load_file(
        path,
        level,
        encoding,
        delimiter=delimiter,
        schema=schema,
        verify=verify,
        allow=allow,
        engine=engine,
        scheduler=scheduler,
        header=header,
        keep_repeated_header=keep_repeated_header,
    )
    for note in loaded.notes:
        warnings.warn(note, stacklevel=2)
    return loaded.result


def load_file(
    path: str | Path,
    level: str = "usable",
    encoding: str | None = None,
    *,
    schema: str | Path | None = None,
    allow: Iterable[str] = (),
    engine: str = "local",
    scheduler: str | None = None,
    **reading_options: Any,
) -> Loaded:
    """The same as `load_csv`, with the report beside the result. `reading_options` are the fields of `Reading`."""
    check_choice("level", level, LEVELS)
    check_choice("engine", engine, ENGINES)
    steps = parsed(tuple(allow))
    given = read_schema(schema) if schema is not None else None
    reading = Reading(encoding, **reading_options)
    sources = [reading.open(file) for file in files_of(path)]
    names = unique_names(sources[0].header)
    for source in sources[1:]:
        check_names(source, unique_names(source.header), names)
    size = sum(source.size for source in sources)
    with reused(), Progress(size, "reading", quiet=reading.quiet) as progress:
        if engine == "dask":
            from optimization.compact.cluster import scan_on_cluster

            scanned, plans = scan_on_cluster(sources, reading, given, scheduler)
        else:
            scanned = _scan_all(sources, reading, given, progress)
            plans = {name: given[name] if given else decide(name, scanned.columns[name]) for name in names}
        columns = settle(sources, reading, scanned, plans)
    if given:
        plans = {name: refreshed(plans[name], columns[name]) for name in names}
    notes = [f"{file}, line {line:,}: the header again, left out" for file, line in scanned.repeated_headers[:5]]
    if len(scanned.repeated_headers) > 5:
        notes.append(f"{counted(len(scanned.repeated_headers) - 5, 'more repeated header')}, left out")
    with reused():
        loaded, lost, wrong = assemble(plans, columns, scanned.rows, level, steps, reading.verify)
    for name, row in wrong.items():
        raise NotLossless(f"{path}: column {name!r} does not give row {row + 1:,} back: please report this")
    loaded.encoding, loaded.delimiter = sources[0].encoding_name, sources[0].delimiter
    loaded.notes = [*notes, *(f"column {name!r} is lossy: {what}" for name, what in lost.items())]
    return loaded


def _scan_all(sources: list[Source], reading: Reading, given: dict[str, Plan] | None, progress: Progress) -> Scanned:
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
