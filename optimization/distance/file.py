"""One file in, the same file with one more column out: which reader, which kernel, which format."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

from optimization.distance import machine
from optimization.distance.formula import COMPILE_FROM_BYTES, chosen_kernel, distance, numpy_distance
from optimization.files import BadInput, check_paths, scratch


def add_distance_to_file(
    source: str,
    out: str,
    kernel: str = "auto",
    latitude: str = "latitude",
    longitude: str = "longitude",
    column: str = "distance",
    delimiter: str | None = None,
    quiet: bool = True,
) -> None:
    """Write the CSV or Parquet file `source` with one more column to `out`, as a stream; CSV or Parquet by its ending.

    Every other field of a CSV comes through byte for byte; memory does not depend on the size of the file.
    BadInput names the line of what cannot be used, and nothing is written then.
    """
    check_paths(source, out)
    with Path(source).open("rb") as file:
        parquet_in = file.read(4) == b"PAR1"
    names = (latitude, longitude)
    if parquet_in:
        from optimization.distance import parquet

        # Parquet is read and written by pyarrow: only the formula is left to gain from
        chosen = chosen_kernel(kernel, Path(source).stat().st_size >= 20 * COMPILE_FROM_BYTES)
        parquet.append_to_parquet(source, out, column, partial(distance, kernel=chosen), names, quiet)
        return
    from optimization.distance import text
    from optimization.distance.layout import read_layout

    layout = read_layout(source, latitude, longitude, delimiter)
    if column in layout.names:
        raise BadInput(f"{source} has a column {column} already: name the new one with --column")
    engine = text_engine(layout, kernel, Path(source).stat().st_size >= COMPILE_FROM_BYTES)
    if not out.lower().endswith((".parquet", ".pq")):
        text.append_column(layout, out, column, engine, quiet)
        return
    from optimization.distance import parquet

    with scratch(os.path.realpath(out) + ".csv") as packed:  # computed and checked as text first, then packed
        text.append_column(layout, packed, column, engine, quiet)
        parquet.text_to_parquet(packed, out, column, quiet, layout.delimiter.decode())


def text_engine(layout: Any, kernel: str, large: bool, workers: int | None = None) -> Any:
    """What turns CSV text into CSV text with one more field.

    The kernel is the formula's. Reading and writing the numbers is machine code wherever that is at hand, or `large`
    pays for making it.
    """
    from optimization.distance import text

    if kernel == "compiled" or chosen_kernel("auto", large) == "compiled":
        formula = numpy_distance if kernel == "numpy" else None
        return text.Compiled(layout, machine.load(), formula, workers)
    return text.Portable(layout, numpy_distance)
