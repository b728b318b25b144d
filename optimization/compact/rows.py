"""Slices of a loaded column of any level as plain Arrow values. No files, nothing is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from optimization.compact.packed_type import values_of

Rows = Callable[[int, int], pa.Array]


def rows_of(column: Any) -> Rows:
    """`rows(start, stop)` of a pandas column or array, or of a packed Arrow column: texts (perhaps as codes into a
    dictionary), integers, float64, date32, timestamps or booleans, null where missing.
    """
    if isinstance(column, (pa.Array, pa.ChunkedArray)):
        return _packed(column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column]))
    array = column.array if isinstance(column, pd.Series) else column
    if isinstance(array, pd.Categorical):
        texts = pa.array(array.categories, pa.string())
        codes = array.codes

        def coded(start: int, stop: int) -> pa.Array:
            part = codes[start:stop]
            gaps = part < 0
            return pa.DictionaryArray.from_arrays(pa.array(part, mask=gaps if gaps.any() else None), texts)

        return coded
    if isinstance(array, pd.arrays.ArrowExtensionArray):
        held = array.__arrow_array__()
        return _packed(held if isinstance(held, pa.ChunkedArray) else pa.chunked_array([held]))
    if isinstance(array, pd.arrays.IntegerArray):
        return lambda start, stop: pa.array(array[start:stop])
    if not isinstance(array, np.ndarray) and array.dtype.kind in "iufb":
        array = array.to_numpy()
    if array.dtype.kind == "f":
        return lambda start, stop: pa.array(array[start:stop].astype(np.float64), from_pandas=True)
    return lambda start, stop: pa.array(array[start:stop], from_pandas=True)


def _packed(column: pa.ChunkedArray) -> Rows:
    def rows(start: int, stop: int) -> pa.Array:
        parts = [_opened(part) for part in column.slice(start, stop - start).chunks if len(part)]
        if not parts:
            return pa.nulls(0) if not column.num_chunks else _opened(column.chunk(0).slice(0, 0))
        return parts[0] if len(parts) == 1 else pa.concat_arrays(parts)

    return rows


def _opened(part: pa.Array) -> pa.Array:
    """Codes stay codes: a dictionary of texts is compared as a whole."""
    if pa.types.is_dictionary(part.type) and pa.types.is_string(part.type.value_type):
        return part
    return values_of(part)
