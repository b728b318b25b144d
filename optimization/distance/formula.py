"""The formula over whole columns, by numpy in blocks or by machine code on every core, and the choice of the kernel."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from optimization.counted import counted
from optimization.distance import machine
from optimization.distance.columns import as_column, as_float64, is_plain
from optimization.distance.threads import BLOCK, pieces, share, threads_for
from optimization.files import BadInput

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

KERNELS = ("auto", "numpy", "compiled")
# Machine code that is kept from an earlier run is always the faster way, whatever the size. Where there is none, making
# it takes about as long as the numpy way needs for this much (`python benchmarks/speed.py crossover` measures it).
COMPILE_FROM_BYTES = 50_000_000
COMPILE_FROM_ROWS = 1_000_000
FEW = 1024  # rows that are copied sooner than their address is asked for
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

    a, b = as_column(latitude, "latitude"), as_column(longitude, "longitude")
    rows = len(a)
    if len(b) != rows:
        raise BadInput(f"latitude has {counted(rows, 'value')} and longitude {len(b)}: they must have equal length")
    compiled = chosen_kernel(kernel, rows >= COMPILE_FROM_ROWS) == "compiled"
    if compiled and rows <= FEW:
        return _of_few(a, b, rows)
    if compiled:
        out = np.empty(rows)
        evaluate(a, b, out)
        return out
    with np.errstate(invalid="ignore"):
        if rows <= NUMPY_PIECE:
            return np.asarray(function_to_apply(as_float64(a[:]), as_float64(b[:])))
        out = np.empty(rows)
        for start in range(0, rows, NUMPY_PIECE):
            piece = slice(start, start + NUMPY_PIECE)
            out[piece] = function_to_apply(as_float64(a[piece]), as_float64(b[piece]))
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


def numpy_distance(latitude: Any, longitude: Any) -> Any:
    """`distance` by numpy alone."""
    return distance(latitude, longitude, kernel="numpy")


def chosen_kernel(kernel: str, pays_for_compiling: bool) -> str:
    """ "numpy" or "compiled" for "auto"; what was asked for otherwise."""
    if kernel != "auto":
        if kernel not in KERNELS:
            raise BadInput(f"no kernel {kernel!r}: choose {', '.join(KERNELS)}")
        return kernel
    if machine.available() or (pays_for_compiling and machine.can_compile()):
        return "compiled"
    return "numpy"


def evaluate(a: Any, b: Any, out: np.ndarray, threads: int | None = None) -> None:
    """The compiled formula into `out`, which is contiguous; by default on a thread a core where that pays."""
    code, rows = machine.load(), len(out)
    threads = threads or threads_for(rows)
    if is_plain(a) and is_plain(b):
        if threads == 1:
            code.evaluate(a.ctypes.data, b.ctypes.data, out.ctypes.data, rows)
            return
        states = (ctypes.c_int64 * (rows // BLOCK + 1))()

        def in_place(me: int) -> None:  # keeps the columns alive while it runs, which may be longer than this call
            spare, at = (ctypes.c_double * BLOCK)(), ctypes.addressof
            addresses = a.ctypes.data, b.ctypes.data, out.ctypes.data
            code.evaluate_shared(*addresses, rows, at(states), at(spare), me, threads)

        share(in_place, threads, wait=False)
        return
    of = pieces(rows, threads)

    def convert_first(me: int) -> None:
        for piece in of(me):
            part, part_a, part_b = out[piece], as_float64(a[piece]), as_float64(b[piece])
            code.evaluate(part_a.ctypes.data, part_b.ctypes.data, part.ctypes.data, len(part))

    share(convert_first, threads)


class _Room:
    """Memory at a known place: numpy takes longer to find the addresses of three arrays than a few rows take."""

    def __init__(self) -> None:
        import numpy as np

        columns = np.empty((3, FEW))
        self.a, self.b, self.out = columns
        self.addresses = [column.ctypes.data for column in columns]


_rooms: list[_Room] = []  # as many as there ever were threads here at the same time


def _of_few(a: Any, b: Any, rows: int) -> np.ndarray:
    """The compiled formula for FEW rows or less."""
    try:
        room = _rooms.pop()
    except IndexError:
        room = _Room()
    room.a[:rows], room.b[:rows] = a[:rows], b[:rows]  # converts as well
    machine.load().evaluate_few(*room.addresses, rows)
    made = room.out[:rows].copy()
    _rooms.append(room)
    return made
