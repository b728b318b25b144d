"""The narrowest column that pandas can work with: arithmetic, groupby, sort, merge, string methods."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from optimization.compact.chunks import (
    coded,
    exact_in_float32,
    placed,
    validity,
    whole_floats,
    whole_numbers,
    whole_texts,
)
from optimization.compact.encoded import Encoded, null_mask, text_parts, unit_of
from optimization.compact.packed_type import values_of
from optimization.compact.plan import Plan
from optimization.counted import counted

# pandas' codes are signed.
CATEGORY_CODES = (1 << 7, 1 << 15, 1 << 31)
_INTS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")


def int_type(low: int, high: int) -> str:
    """The narrowest integer type that holds low … high, signed where that costs nothing."""
    for name in _INTS:
        bounds = np.iinfo(name)
        if bounds.min <= low and high <= bounds.max:
            return name
    raise OverflowError(f"{low} … {high} is beyond 64 bits")


def series_array(
    plan: Plan, chunks: list[Encoded], rows: int
) -> tuple[pd.api.extensions.ExtensionArray | np.ndarray, Plan]:
    """The column as what a pandas Series takes, and the plan with its type and the reason."""
    if plan.kind == "empty":
        return _arrow(pa.nulls(rows, pa.int8())), replace(plan, type="int8[pyarrow]")
    if plan.kind == "bool":
        bits, nulls = validity(chunks, rows)
        values = np.packbits(whole_numbers(chunks, rows, np.dtype("u1")), bitorder="little")
        array = pa.Array.from_buffers(pa.bool_(), rows, [bits, pa.py_buffer(values)], nulls)
        return _arrow(array), replace(plan, type="bool[pyarrow]")
    if plan.kind == "int":
        name = plan.type.removesuffix("[pyarrow]").lower() if plan.type else int_type(int(plan.low), int(plan.high))
        bits, nulls = validity(chunks, rows)
        if name.endswith("64"):
            # Nothing narrower to gain: pandas' own, since Arrow refuses to add 0.5 to a whole number beyond 2**53.
            wide = whole_numbers(chunks, rows, np.dtype(name))
            if not nulls:
                return wide, replace(plan, type=name)
            return _masked(wide, bits), replace(plan, type=name.replace("int", "Int").replace("u", "U"))
        # Arrow integers, not numpy's: 100 + 100 in numpy's int8 is silently -56, in arrow's it is 200 or an error.
        array = pa.Array.from_buffers(
            pa.type_for_alias(name), rows, [bits, pa.py_buffer(whole_numbers(chunks, rows, np.dtype(name)))], nulls
        )
        return _arrow(array), replace(plan, type=f"{name}[pyarrow]")
    if plan.kind == "float":
        narrow = plan.type == "float32" or (not plan.type and exact_in_float32(chunks))
        if narrow and plan.type and not exact_in_float32(chunks) and "lossy" not in plan.why:
            narrow = False
        why = plan.why + (", each exact in 32 bits" if narrow and "lossy" not in plan.why else "")
        dtype = "float32" if narrow else "float64"
        return whole_floats(chunks, rows, np.dtype(dtype)), replace(plan, type=dtype, why=why)
    if plan.kind == "date":
        bits, nulls = validity(chunks, rows)
        array = pa.Array.from_buffers(
            pa.date32(), rows, [bits, pa.py_buffer(whole_numbers(chunks, rows, np.dtype("i4")))], nulls
        )
        return _arrow(array), replace(plan, type="date32[day][pyarrow]")
    if plan.kind == "timestamp":
        unit = unit_of(plan.form)
        stamps = whole_numbers(chunks, rows, np.dtype("i8"))
        for start, chunk in placed(chunks):
            if chunk.kind == "empty":
                stamps[start : start + chunk.length] = np.iinfo(np.int64).min
            elif chunk.valid is not None:
                stamps[start : start + chunk.length][~chunk.valid] = np.iinfo(np.int64).min
        moments = pd.array(stamps.view(f"M8[{unit}]"), copy=False)
        zone = plan.form.endswith(("Z", "+00:00", "+00"))
        if zone:
            moments = pd.Series(moments, copy=False).dt.tz_localize("UTC").array
        return moments, replace(plan, type=str(moments.dtype))
    return _text(plan, chunks, rows)


def _text(plan: Plan, chunks: list[Encoded], rows: int) -> tuple[pd.api.extensions.ExtensionArray, Plan]:
    found = coded(chunks, rows, CATEGORY_CODES, entry_bytes=8)
    if found is None:
        texts = whole_texts(chunks)
        name = "large_string[pyarrow]" if pa.types.is_large_string(texts.type) else "string[pyarrow]"
        why = "almost every text is different" if rows else "no rows"
        return _arrow(texts), replace(plan, type=name, why="; ".join(filter(None, (plan.why, why))))
    size = len(found.texts)
    mask = None
    if found.valid is not None:
        mask = ~np.unpackbits(np.frombuffer(found.valid, np.uint8), count=rows, bitorder="little").view(np.bool_)
    array = _category(found.codes, mask, found.texts)
    return array, replace(
        plan, type="category", why="; ".join(filter(None, (plan.why, counted(size, "different text"))))
    )


def series_of_values(plan: Plan, parts: list[pa.Array]) -> Any:
    """A packed column as what a pandas Series takes: the same kinds of type as `series_array` gives."""
    values = pa.chunked_array([values_of(part) for part in parts]) if parts else pa.chunked_array([], pa.null())
    if plan.kind == "empty":
        return _arrow(pa.nulls(len(values), pa.int8()))
    if plan.kind == "kept":  # a DataFrame's column of a dtype that is passed on
        return (
            (pa.chunked_array(parts) if len(parts) == 1 and pa.types.is_dictionary(parts[0].type) else values)
            .to_pandas()
            .array
        )
    if plan.kind == "int" and int_type(int(plan.low), int(plan.high)).endswith("64"):
        name = int_type(int(plan.low), int(plan.high))
        wide = values.fill_null(0).to_numpy().astype(name)
        if not values.null_count:
            return wide
        return _masked(wide, pa.py_buffer(np.packbits(values.is_valid().to_numpy(), bitorder="little")))
    if plan.kind == "int":
        return _arrow(values.cast(pa.type_for_alias(int_type(int(plan.low), int(plan.high)))))
    if plan.kind == "float":
        numbers = values.cast(pa.float64()).to_numpy()
        with np.errstate(over="ignore"):
            small = numbers.astype(np.float32)
        return small if np.array_equal(small.astype(np.float64), numbers, equal_nan=True) else numbers
    if plan.kind == "timestamp":
        moments = pd.array(values.cast(pa.timestamp(values.type.unit)).to_numpy(), copy=False)
        return pd.Series(moments, copy=False).dt.tz_localize("UTC").array if values.type.tz else moments
    if plan.kind != "text":
        return _arrow(values)
    if len(parts) == 1 and pa.types.is_dictionary(parts[0].type):
        codes, texts = parts[0].indices, parts[0].dictionary
        if (
            len(texts) * 8
            + text_parts(texts)[1].nbytes
            + len(codes) * (1 if len(texts) <= 128 else 2 if len(texts) <= 1 << 15 else 4)
            < values.nbytes
        ):
            return _category(codes.fill_null(0).to_numpy(zero_copy_only=False), null_mask(codes), texts)
    return (
        _arrow(values)
        if len(set(map(type, parts))) and not pa.types.is_run_end_encoded(parts[0].type)
        else _recoded(values)
    )


def _masked(wide: np.ndarray, bits: pa.Buffer | None) -> Any:
    """Integers with gaps in pandas' own form: the numbers and a mask."""
    assert bits is not None
    valid = np.unpackbits(np.frombuffer(bits, np.uint8), count=len(wide), bitorder="little")
    return pd.arrays.IntegerArray(wide, valid == 0)


def _recoded(values: pa.ChunkedArray) -> Any:
    found = values.combine_chunks().dictionary_encode()
    texts = found.dictionary
    order = pc.sort_indices(texts).to_numpy(zero_copy_only=False)
    rank = np.zeros(max(len(order), 1), np.int64)
    rank[order] = np.arange(len(order))
    mask = null_mask(found.indices)
    return _category(rank[found.indices.fill_null(0).to_numpy(zero_copy_only=False)], mask, texts.take(pa.array(order)))


def _category(codes: np.ndarray, mask: np.ndarray | None, texts: pa.Array) -> Any:
    size = len(texts)
    signed: Any = codes.astype(
        np.int8 if size <= CATEGORY_CODES[0] else np.int16 if size <= CATEGORY_CODES[1] else np.int32
    )
    if mask is not None:
        signed[mask] = -1
    # Sorted, so that sort_values and groupby give the order of the texts.
    return pd.Categorical.from_codes(signed, dtype=pd.CategoricalDtype(pd.Index(text_array(texts))), validate=False)


def text_array(texts: pa.Array | pa.ChunkedArray) -> Any:
    """pandas' own text dtype (`str`) over arrow texts."""
    return pd.StringDtype("pyarrow", na_value=np.nan).__from_arrow__(texts)  # type: ignore[attr-defined]


def _arrow(array: pa.Array | pa.ChunkedArray) -> pd.api.extensions.ExtensionArray:
    return pd.arrays.ArrowExtensionArray(array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array]))


def deep_bytes(frame: pd.DataFrame) -> int:
    """The bytes of a DataFrame, texts and index included."""
    total = int(frame.index.memory_usage(deep=True))
    for place in range(frame.shape[1]):
        total += column_bytes(frame.iloc[:, place])
    return total


def column_bytes(series: pd.Series) -> int:
    """The bytes of a column, texts included, the index left out."""
    if isinstance(series.array, pd.arrays.ArrowExtensionArray):
        return int(series.array.nbytes)
    return int(series.memory_usage(index=False, deep=True))


def array_nbytes(array: pd.api.extensions.ExtensionArray | np.ndarray) -> int:
    """The bytes of a column that is not a Series yet."""
    if isinstance(array, pd.Categorical):
        return int(array.memory_usage(deep=True))
    return int(array.nbytes)
