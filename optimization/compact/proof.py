"""Prove that a loaded column holds what its chunks hold, value by value. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from optimization.compact.encode import texts_of
from optimization.compact.encoded import Encoded, null_mask, unit_of
from optimization.compact.plan import Plan

Rows = Callable[[int, int], pa.Array]


def first_difference(plan: Plan, chunks: list[Encoded], rows: Rows) -> int | None:
    """The first row of the first chunk in which the loaded column (`rows(start, stop)`) differs; None: nowhere.

    The chunks are those that `convert` made for the plan. Whole numbers, dates and times are compared as integers,
    floats bit by bit, texts letter by letter, and everywhere which rows are missing, and how that is spelled.
    """
    maps: dict[int, np.ndarray] = {}
    start = 0
    for chunk in chunks:
        values = rows(start, start + chunk.length)
        if not _agrees(plan, chunk, values, maps):
            for row in range(chunk.length):
                if not _agrees(plan, row_of(chunk, row), values.slice(row, 1), {}):
                    return start + row
            return start
        start += chunk.length
    return None


def row_of(chunk: Encoded, row: int) -> Encoded:
    """One row of a chunk."""
    return replace(
        chunk,
        length=1,
        values=None if chunk.values is None else chunk.values[row : row + 1],
        valid=None if chunk.valid is None else chunk.valid[row : row + 1],
        texts=chunk.texts.slice(row, 1) if chunk.kind == "text" and chunk.texts is not None else chunk.texts,
    )


def _agrees(plan: Plan, chunk: Encoded, values: pa.Array, maps: dict[int, np.ndarray]) -> bool:
    if len(values) != chunk.length:
        return False
    if plan.kind == "text":
        return _texts_agree(chunk, values, maps)
    if chunk.kind == "empty":
        return values.null_count == len(values) and (chunk.missing or "") == (plan.missing or "")
    mask = null_mask(values)
    valid = chunk.valid if chunk.valid is not None and not chunk.valid.all() else None
    if (mask is None) != (valid is None):
        return False
    if (
        mask is not None
        and valid is not None
        and ((mask == valid).any() or (chunk.missing or "") != (plan.missing or ""))
    ):
        return False
    if plan.kind == "float":
        if (chunk.plain or chunk.kind == "int") and not plan.plain:
            return False
        left = np.ascontiguousarray(chunk.floats(), np.float64).view(np.int64)
        right = _dense(values.cast(pa.float64()), 0.0).view(np.int64)
    elif plan.kind == "bool":
        assert chunk.values is not None
        left, right = chunk.values, _dense(values.cast(pa.bool_()).cast(pa.uint8()), 0)
    else:
        if chunk.form != plan.form:
            return False
        left, right = chunk.wide(), _integers(plan, values)
    same = np.asarray(left == right)
    return bool(same.all() if valid is None else same[valid].all())


def _dense(values: pa.Array, gap: float) -> np.ndarray:
    """As numpy, `gap` where missing."""
    filled: np.ndarray = (values.fill_null(gap) if values.null_count else values).to_numpy(zero_copy_only=False)
    return np.ascontiguousarray(filled)


def _integers(plan: Plan, values: pa.Array) -> np.ndarray:
    if plan.kind == "date":
        values = values.cast(pa.date32()).cast(pa.int32())
    elif plan.kind == "timestamp":
        values = values.cast(pa.timestamp(unit_of(plan.form), values.type.tz)).cast(pa.int64())
    return _dense(values, 0)


def _texts_agree(chunk: Encoded, values: pa.Array, maps: dict[int, np.ndarray]) -> bool:
    if chunk.missing:
        return False
    if chunk.kind != "dictionary" or not pa.types.is_dictionary(values.type):
        texts = texts_of(chunk)
        plain = values.cast(pa.string()) if values.type != pa.string() else values
        return texts is not None and bool(texts.equals(plain))
    assert chunk.texts is not None
    assert chunk.values is not None
    dictionary, codes = values.dictionary, values.indices
    # Both have one dictionary for many chunks: where each text of the one stands in the other is looked up once.
    key = id(chunk.texts)
    if key not in maps:
        found = pc.index_in(chunk.texts, value_set=dictionary)
        maps[key] = found.fill_null(-1).to_numpy(zero_copy_only=False)
    mask = null_mask(codes)
    valid = chunk.valid if chunk.valid is not None and not chunk.valid.all() else None
    if (mask is None) != (valid is None):
        return False
    if mask is not None and valid is not None and (mask == valid).any():
        return False
    same = maps[key][chunk.values] == _dense(codes, 0) if len(maps[key]) else np.zeros(chunk.length, np.bool_)
    return bool(same.all() if valid is None else same[valid].all())
