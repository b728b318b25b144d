"""A DataFrame's columns as chunks that the levels understand, and the proof that each value is still there."""

from __future__ import annotations

import datetime
from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from optimization.compact.encoded import Encoded, narrowed
from optimization.compact.numbers import as_decimal
from optimization.compact.plan import Plan, as_text, decide

PIECE_ROWS = 1 << 18


def encoded_column(name: Hashable, series: pd.Series) -> tuple[Plan, list[Encoded]] | None:
    """The chunks of a column of texts, numbers, booleans or dates; None for a dtype that is kept as it is."""
    dtype = series.dtype
    values = series
    if pd.api.types.is_object_dtype(dtype):
        kind = pd.api.types.infer_dtype(series, skipna=True)
        if kind == "string" and _one_gap(series):
            return _texts(str(name), series)
        if (
            kind == "date"
            and not any(isinstance(value, datetime.datetime) for value in series.dropna())
            and _one_gap(series)
        ):
            return _dates(str(name), series)
        if kind == "boolean" and not series.isna().any():
            values = series.astype(bool)
        else:
            return None
    if isinstance(dtype, pd.StringDtype):
        return _texts(str(name), series)
    if isinstance(dtype, pd.ArrowDtype):
        kind = dtype.pyarrow_dtype
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return _texts(str(name), series)
        if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
            return _numbers(str(name), series)
        return None
    if pd.api.types.is_bool_dtype(values.dtype) or pd.api.types.is_integer_dtype(values.dtype):
        return None if isinstance(values.dtype, pd.SparseDtype) else _numbers(str(name), values)
    if isinstance(values.dtype, np.dtype) and values.dtype.kind == "f" and values.dtype.itemsize in (4, 8):
        return _floats(str(name), values)
    return None


def _one_gap(series: pd.Series) -> bool:
    """Whether all missing objects are the same thing, None or NaN."""
    gaps = series[series.isna()]
    return len({type(gap) for gap in gaps}) <= 1


def _texts(name: str, series: pd.Series) -> tuple[Plan, list[Encoded]] | None:
    chunks = []
    for start in range(0, len(series), PIECE_ROWS):
        piece = series.iloc[start : start + PIECE_ROWS]
        try:
            array = pa.array(piece, pa.string(), from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError, OverflowError):
            return None  # lone surrogates and the like
        chunks += [as_text(part) for part in (array.chunks if isinstance(array, pa.ChunkedArray) else [array])]
    missing = "" if any(chunk.missing == "" for chunk in chunks) else None
    return Plan(name, "text", missing), chunks


def _dates(name: str, series: pd.Series) -> tuple[Plan, list[Encoded]] | None:
    array = pa.array(series, pa.date32(), from_pandas=True)
    days = array.cast(pa.int32()).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    valid = array.is_valid().to_numpy(zero_copy_only=False) if array.null_count else None
    return _whole(name, "date", days, valid, "YYYY-MM-DD")


def _numbers(name: str, series: pd.Series) -> tuple[Plan, list[Encoded]] | None:
    truth = pd.api.types.is_bool_dtype(series.dtype)
    valid = series.notna().to_numpy() if series.isna().any() else None
    if valid is None:
        wide = series.to_numpy(dtype="bool" if truth else "uint64" if _unsigned64(series) else "int64")
    else:
        wide = series.fillna(False if truth else 0).to_numpy(
            dtype="bool" if truth else "uint64" if _unsigned64(series) else "int64"
        )
    if truth:
        chunk = Encoded(
            "bool", len(series), values=wide.astype(np.uint8), valid=valid, missing="" if valid is not None else None
        )
        if valid is not None and not valid.any():
            return None
        return Plan(name, "bool", chunk.missing, "True/False", high=1, why="booleans, a bit each"), [chunk]
    return _whole(name, "int", wide, valid, "")


def _unsigned64(series: pd.Series) -> bool:
    return str(series.dtype).lower().startswith("uint64")


def _whole(
    name: str, kind: str, wide: np.ndarray, valid: np.ndarray | None, form: str
) -> tuple[Plan, list[Encoded]] | None:
    present = wide if valid is None else wide[valid]
    if not len(present):
        return None
    low, high = int(present.min()), int(present.max())
    if wide.dtype == np.uint64 and high < 1 << 63:
        wide = wide.astype(np.int64)
    values, base = narrowed(wide, valid, low, high)
    chunk = Encoded(
        kind,
        len(wide),
        values=values,
        valid=valid,
        base=base,
        form=form,
        low=low,
        high=high,
        missing="" if valid is not None else None,
    )
    return decide(name, [chunk]), [chunk]


def _floats(name: str, series: pd.Series) -> tuple[Plan, list[Encoded]] | None:
    numbers = series.to_numpy()
    gaps = np.isnan(numbers)
    valid = ~gaps if gaps.any() else None
    present = numbers if valid is None else numbers[valid]
    if not len(present) or not np.isfinite(present).all() or numbers.dtype != np.float64:
        return None
    encoded = as_decimal(present, plain=False)
    assert encoded.values is not None
    if valid is not None:
        values = np.zeros(len(numbers), encoded.values.dtype)
        values[valid] = encoded.values
        encoded.values, encoded.valid, encoded.missing = values, valid, ""
    encoded.length = len(numbers)
    return decide(name, [encoded]), [encoded]


def same_column(before: pd.Series, after: pd.Series) -> bool:
    """Whether two columns hold the same values, gaps in the same rows, whatever their dtypes."""
    gaps = before.isna().to_numpy()
    if not np.array_equal(gaps, after.isna().to_numpy()):
        return False
    first, second = before[~gaps], after[~gaps]
    if isinstance(before.dtype, np.dtype) and before.dtype.kind == "f":
        left, right = first.to_numpy(np.float64), second.to_numpy(np.float64)
        return bool(np.array_equal(left.view(np.int64), right.view(np.int64)))
    if isinstance(before.dtype, np.dtype) and before.dtype.kind in "iub":
        return bool(np.array_equal(first.to_numpy(), second.to_numpy(before.dtype)))
    if isinstance(before.dtype, pd.CategoricalDtype) and before.dtype != after.dtype:
        return False  # the categories, and their order, are part of the meaning
    step = 1 << 18
    return all(
        _same(first.iloc[at : at + step].astype(object).tolist(), second.iloc[at : at + step].astype(object).tolist())
        for at in range(0, len(first), step)
    )


def _same(left: Any, right: Any) -> bool:
    """Whether two Python values are the same: lists value by value, NaN equal to itself, True no 1, -0.0 no 0.0."""
    if isinstance(left, (list, tuple, np.ndarray)) and isinstance(right, (list, tuple, np.ndarray)):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, (bool, np.bool_)) != isinstance(right, (bool, np.bool_)):
        return False
    if isinstance(left, float) and isinstance(right, float):
        return left.hex() == right.hex()
    try:
        return bool(left == right)
    except (TypeError, ValueError):  # no such comparison
        return False
