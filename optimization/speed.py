"""Add the column `distance` to a DataFrame or to a file of any size, as fast as the machine can.

    python optimization/speed.py dataset_speed_optimization.csv
    from optimization.speed import distance, add_distance

The formula is kept as it was given. It wants radians, and the values are taken as they are: degrees are not converted.
It is not the haversine of two points either, for which longitude and latitude would be differences.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if not __package__:  # run as a script: what makes `optimization` importable is the folder above
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from optimization import _speed_machine
from optimization._files import BadInput, check_paths, cores, scratch

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

KERNELS = ("auto", "numpy", "compiled")
# Machine code that is kept from an earlier run is always the faster way, whatever the size. Where there is none, making
# it takes about as long as the numpy way needs for this much (`python benchmarks/speed.py crossover` measures it).
COMPILE_FROM_BYTES = 50_000_000
COMPILE_FROM_ROWS = 1_000_000
THREADS_FROM_ROWS = 200_000  # starting and joining a thread takes some 0.1 ms
PIECE = 1 << 16  # rows that a thread takes at a time: the results do not depend on the number of threads
NUMPY_PIECE = 1 << 14  # rows whose intermediate columns stay in the cache


def function_to_apply(lat: Any, lon: Any) -> Any:
    """The formula as it was given: the reference that everything here is tested against."""
    import numpy as np

    a = np.sin(lat/2)**2 + np.cos(lat) * np.cos(lon) * np.sin(lon/2)**2  # fmt: skip
    return a  # noqa: RET504 - as it was given


def distance(latitude: Any, longitude: Any, kernel: str = "auto") -> np.ndarray:
    """`function_to_apply` for each pair of two columns, as a new float64 array.

    Takes any one-dimensional array-likes of equal length: numpy arrays of any number type and stride, pandas, Arrow and
    polars columns, lists. Angles in radians. Missing values, NaN and infinities give NaN. The error is at most 4 units
    of 2⁻⁵² of the sum of the magnitudes of the two terms; the last digits depend on the kernel.

    `kernel`: "numpy", "compiled" (machine code, made by numba once and then kept), or "auto": compiled where the code
    is there already or 10⁶ rows pay for making it. BadInput (a ValueError) for text or unequal lengths.

    >>> distance([0.5, 1.0], [0.25, None])
    array([0.07442561,        nan])
    """
    import numpy as np

    a, b = _column(latitude, "latitude"), _column(longitude, "longitude")
    rows = len(a)
    if len(b) != rows:
        raise BadInput(f"latitude has {rows} values and longitude {len(b)}: they must have equal length")
    out = np.empty(rows)
    if chosen_kernel(kernel, rows >= COMPILE_FROM_ROWS) == "compiled":
        evaluate(a, b, out)
        return out
    with np.errstate(invalid="ignore"):
        for start in range(0, rows, NUMPY_PIECE):
            piece = slice(start, start + NUMPY_PIECE)
            out[piece] = function_to_apply(_float64(a[piece]), _float64(b[piece]))
    return out


def add_distance(df: pd.DataFrame, latitude: str = "latitude", longitude: str = "longitude") -> pd.DataFrame:
    """A new DataFrame with the column `distance`; the input stays as it is. BadInput for a missing or text column.

    A column `distance` that is there already is replaced in the result, as `df["distance"] = …` would.
    """
    if not hasattr(df, "assign"):
        raise BadInput(f"add_distance takes a pandas DataFrame, not {type(df).__name__}: use distance() for columns")
    for name in (latitude, longitude):
        if list(df.columns).count(name) != 1:
            shown = ", ".join(map(str, df.columns[:20]))
            raise BadInput(f"the DataFrame needs exactly one column {name}; it has: {shown}")
    return df.assign(distance=distance(df[latitude], df[longitude]))


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
        from optimization import _speed_parquet

        # Parquet is read and written by pyarrow: only the formula is left to gain from
        chosen = chosen_kernel(kernel, Path(source).stat().st_size >= 20 * COMPILE_FROM_BYTES)
        _speed_parquet.append_to_parquet(
            source, out, column, lambda a, b: distance(a, b, kernel=chosen), names, quiet
        )  # fmt: skip
        return
    from optimization import _speed_text

    layout = _speed_text.read_layout(source, latitude, longitude, delimiter)
    if column in layout.names:
        raise BadInput(f"{source} has a column {column} already: name the new one with --column")
    engine = text_engine(layout, kernel, Path(source).stat().st_size >= COMPILE_FROM_BYTES)
    if not out.lower().endswith((".parquet", ".pq")):
        _speed_text.append_column(layout, out, column, engine, quiet)
        return
    from optimization import _speed_parquet

    with scratch(out + ".csv") as text:  # computed and checked as text first, then packed
        _speed_text.append_column(layout, text, column, engine, quiet)
        _speed_parquet.text_to_parquet(text, out, column, quiet, layout.delimiter.decode())


def text_engine(layout: Any, kernel: str, large: bool, workers: int | None = None) -> Any:
    """What turns CSV text into CSV text with one more field.

    The kernel is the formula's. Reading and writing the numbers is machine code wherever that is at hand, or `large`
    pays for making it.
    """
    from optimization import _speed_text

    if kernel == "compiled" or chosen_kernel("auto", large) == "compiled":
        formula = _numpy_distance if kernel == "numpy" else None
        return _speed_text.Compiled(layout, _speed_machine.load(), formula, workers)
    return _speed_text.Portable(layout, _numpy_distance)


def _numpy_distance(latitude: Any, longitude: Any) -> Any:
    return distance(latitude, longitude, kernel="numpy")


def chosen_kernel(kernel: str, pays_for_compiling: bool) -> str:
    """ "numpy" or "compiled" for "auto"; what was asked for otherwise."""
    if kernel not in KERNELS:
        raise BadInput(f"no kernel {kernel!r}: choose {', '.join(KERNELS)}")
    if kernel != "auto":
        return kernel
    if _speed_machine.available() or (pays_for_compiling and _speed_machine.can_compile()):
        return "compiled"
    return "numpy"


def _column(values: Any, name: str) -> Any:
    """The values as something of numbers that has a length and gives slices: a numpy array, or `_Pieces` of one."""
    import numpy as np

    if not isinstance(values, np.ndarray):
        values = _from_library(values)
        if isinstance(values, _Pieces):
            return values
    elif isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(np.float64), np.nan)
    if values.ndim != 1:
        raise BadInput(f"{name} has {values.ndim} dimensions: give one column")
    if values.dtype.kind == "O":
        values = _from_objects(values, name)
    if values.dtype.kind not in "biuf":
        raise BadInput(f"{name} holds {values.dtype}, not numbers")
    return values


def _from_library(values: Any) -> Any:
    """A column of pandas, Arrow or polars, or a sequence, as a numpy array, or as `_Pieces` with NaN for missing."""
    import numpy as np

    library = type(values).__module__.partition(".")[0]
    if library == "pandas" and hasattr(values, "to_numpy") and hasattr(values, "dtype"):
        if isinstance(values.dtype, np.dtype) or values.dtype.kind not in "biuf":
            return values.to_numpy()
        kept = getattr(values, "array", values)
        return _Pieces(len(kept), lambda piece: kept[piece].to_numpy(dtype="float64", na_value=np.nan))
    if library == "pyarrow" and hasattr(values, "to_numpy"):
        import pyarrow as pa

        if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
            return _Pieces(len(values), lambda piece: values[piece].to_numpy(zero_copy_only=False))
        return values.to_numpy(zero_copy_only=False)
    return np.asarray(values)


class _Pieces:
    """A nullable column that becomes numpy slice by slice: no second copy of the whole."""

    def __init__(self, length: int, convert: Callable[[slice], Any]) -> None:
        self._length, self._convert = length, convert

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, piece: slice) -> Any:
        return self._convert(piece)


def _from_objects(values: np.ndarray, name: str) -> np.ndarray:
    """Numbers of any Python kind, None and pandas.NA, as float64; BadInput for text, which numpy would convert."""
    import numpy as np
    import pandas as pd

    numbers = np.full(len(values), np.nan)
    present = ~pd.isna(values)
    for row in np.flatnonzero(present):
        value = values[row]
        if isinstance(value, (str, bytes)):
            raise BadInput(f"{name} holds text in row {row}: {value[:60]!r}")
        try:
            numbers[row] = value
        except (TypeError, ValueError) as error:
            raise BadInput(f"{name} holds no number in row {row}: {error}") from error
    return numbers


def _float64(values: np.ndarray) -> np.ndarray:
    """The same numbers as contiguous float64 (the cosine of an int8 would be a float16); no copy where they are."""
    import numpy as np

    return np.ascontiguousarray(values, dtype=np.float64)


def evaluate(a: Any, b: Any, out: np.ndarray, threads: int | None = None) -> None:
    """The compiled formula into `out`, piece by piece; by default on a thread a core where that pays."""
    machine, rows = _speed_machine.load(), len(out)
    starts = iter(range(0, rows, PIECE))

    def work() -> None:
        for start in starts:
            piece = slice(start, start + PIECE)
            part, part_a, part_b = out[piece], _float64(a[piece]), _float64(b[piece])
            machine.evaluate(part_a.ctypes.data, part_b.ctypes.data, part.ctypes.data, len(part))

    if threads is None:
        threads = cores() if rows >= THREADS_FROM_ROWS else 1
    if threads == 1:
        work()
        return
    import threading

    helpers = [threading.Thread(target=work) for _ in range(threads - 1)]
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()


if __name__ == "__main__":
    from optimization import _speed_command

    sys.exit(_speed_command.main())
