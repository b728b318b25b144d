"""A column of any library, or a list, as numbers that numpy or machine code can take. No formula, no files."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from optimization.files import BadInput

if TYPE_CHECKING:
    import numpy as np


def as_column(values: Any, name: str) -> Any:
    """The values as something of numbers that has a length and gives slices: a numpy array, or `Pieces` of one."""
    import numpy as np

    if type(values) is not np.ndarray:
        if not isinstance(values, np.ndarray):
            values = _from_library(values)
            if isinstance(values, Pieces):
                return values
        elif isinstance(values, np.ma.MaskedArray):
            values = np.ma.filled(values.astype(np.float64), np.nan)
    if values.ndim != 1:
        raise BadInput(f"{name} has {values.ndim} dimensions: give one column")
    kind = values.dtype.kind
    if kind == "O":
        return _from_objects(values, name)
    if kind not in "biuf":
        raise BadInput(f"{name} holds {values.dtype}, not numbers")
    return values


def _from_library(values: Any) -> Any:
    """A column of pandas, Arrow or polars, or a sequence, as a numpy array, or as `Pieces` with NaN for missing."""
    import numpy as np

    library = type(values).__module__.partition(".")[0]
    if library == "pandas" and hasattr(values, "to_numpy") and hasattr(values, "dtype"):
        if isinstance(values.dtype, np.dtype) or values.dtype.kind not in "biuf":
            return values.to_numpy()
        kept = getattr(values, "array", values)
        return Pieces(len(kept), lambda piece: kept[piece].to_numpy(dtype="float64", na_value=np.nan))
    if library == "pyarrow" and hasattr(values, "to_numpy"):
        import pyarrow as pa

        if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
            return Pieces(len(values), lambda piece: values[piece].to_numpy(zero_copy_only=False))
        return values.to_numpy(zero_copy_only=False)
    return np.asarray(values)


class Pieces:
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


def as_float64(values: np.ndarray) -> np.ndarray:
    """The same numbers as contiguous float64 (the cosine of an int8 would be a float16); no copy where they are."""
    import numpy as np

    return np.ascontiguousarray(values, dtype=np.float64)


def is_plain(values: Any) -> bool:
    """Whether the numbers lie in memory as machine code takes them: float64 of this machine, one after the other."""
    import numpy as np

    return isinstance(values, np.ndarray) and values.dtype == np.float64 and values.flags.c_contiguous
