"""`shrink`: a DataFrame that is already in memory, at each level. Values, index and names are kept."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from optimization.compact.choices import LEVELS, check_choice
from optimization.compact.columns import encoded_column, same_column
from optimization.compact.compressed import Compressed, compress
from optimization.compact.lossy import lossy, parsed
from optimization.compact.packed import arrow_array
from optimization.compact.packed_type import values_of
from optimization.compact.plan import Plan
from optimization.compact.usable import column_bytes, series_array, series_of_values
from optimization.files import BadInput


def shrink(
    df: pd.DataFrame, level: str = "usable", *, allow: Iterable[str] = (), verify: bool = True
) -> pd.DataFrame | pa.Table | Compressed:
    """The same values as `df` in the least memory, at a level as `load_csv` has them; `df` stays as it is.

    Types keep their meaning: text stays text, whole numbers whole, floats floats (32 bits where each is exact),
    categories categories with their order; the index and the column names are kept. A column of a dtype that has no
    smaller form is passed on as it is. With `verify` every value is compared afterwards.
    """
    check_choice("level", level, LEVELS)
    frame = df
    if not isinstance(frame, pd.DataFrame):
        raise BadInput(f"shrink takes a DataFrame, not {type(frame).__name__}: read a file with load_csv")
    steps = parsed(tuple(allow))
    if level == "usable":
        return _usable(frame, steps, verify)
    if not frame.columns.is_unique:
        raise BadInput("column names occur twice: rename them, or use level='usable'")
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        raise BadInput("column names are equal as text: rename them, or use level='usable'")
    packed: dict[str, pa.Array] = {}
    plans: dict[str, Plan] = {}
    for place, name in enumerate(names):
        packed[name], plans[name] = _packed(name, frame.iloc[:, place], steps)
        if verify and "lossy" not in plans[name].why:
            _check(
                name,
                frame.iloc[:, place],
                pd.Series(_restored(plans[name], packed[name]), index=frame.index, copy=False),
            )
    index = None if _is_default(frame.index) else frame.index
    if level == "compressed":
        return Compressed(len(frame), {name: compress(array) for name, array in packed.items()}, plans, index)
    from optimization.compact.keep import KEY, plans_json

    metadata: dict[bytes, bytes] = {KEY: plans_json(plans).encode()}
    if index is not None:
        # The index as pandas keeps it in Arrow tables, so that to_pandas() puts it back.
        bare = pa.Table.from_pandas(pd.DataFrame(index=index), preserve_index=True)
        for place, name in enumerate(bare.column_names):
            packed[name] = bare.column(place).combine_chunks()
        told = json.loads((bare.schema.metadata or {})[b"pandas"])
        metadata[b"pandas"] = json.dumps({**told, "column_indexes": []}).encode()
    return pa.table(list(packed.values()), names=list(packed)).replace_schema_metadata(metadata)


def _is_default(index: pd.Index) -> bool:
    return isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1 and index.name is None


def _usable(frame: pd.DataFrame, steps: dict[str, int], verify: bool) -> pd.DataFrame:
    columns: list[pd.Series] = []
    for place, name in enumerate(frame.columns):
        before = frame.iloc[:, place]
        after, lost = _narrow(name, before, steps)
        if column_bytes(after) > column_bytes(before):
            after = before.copy()
        if verify and not lost:
            _check(name, before, after)
        columns.append(after)
    result = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=frame.index)
    result.columns = frame.columns
    result.attrs = dict(frame.attrs)
    return result


def _narrow(name: Any, before: pd.Series, steps: dict[str, int]) -> tuple[pd.Series, bool]:
    """A column in its smallest working dtype, and whether a lossy step changed it."""
    if isinstance(before.dtype, pd.CategoricalDtype):
        return before.copy(), False  # its codes are as narrow as they can be, its categories are part of its meaning
    encoded = encoded_column(name, before)
    if encoded is None:
        return before.copy(), False
    plan, chunks = encoded
    plan, chunks, lost = lossy(plan, chunks, steps)
    array, _ = series_array(plan, chunks, len(before))
    return pd.Series(array, index=before.index, name=before.name, copy=False), bool(lost)


def _packed(name: str, series: pd.Series, steps: dict[str, int]) -> tuple[pa.Array, Plan]:
    kept = Plan(name, "kept", type=str(series.dtype), why=f"{series.dtype} as it is")
    if isinstance(series.dtype, pd.CategoricalDtype):
        array = pa.Array.from_pandas(series)
        return array, kept
    encoded = encoded_column(name, series)
    if encoded is None:
        try:
            array = pa.Array.from_pandas(series)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise BadInput(
                f"column {name!r} ({series.dtype}) holds values that no Arrow type has ({error}): use "
                f"level='usable', or convert it first"
            ) from error
        array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
        if isinstance(series.dtype, np.dtype) and series.dtype.kind == "M":
            return _moments(name, array)
        return array, kept
    plan, chunks = encoded
    plan, chunks, _ = lossy(plan, chunks, steps)
    array, plan = arrow_array(plan, chunks, len(series))
    return (pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array), plan


def _moments(name: str, array: pa.Array) -> tuple[pa.Array, Plan]:
    """Timestamps as the narrowest offsets from the first of them, in the coarsest unit that is exact."""
    kept = Plan(name, "kept", type=str(array.type), why="timestamps as they are")
    if array.null_count == len(array):
        return array, kept
    numbers = array.cast(pa.int64())
    valid = array.is_valid().to_numpy(zero_copy_only=False) if array.null_count else None
    wide = numbers.fill_null(0).to_numpy(zero_copy_only=False)
    unit = array.type.unit
    per = 1
    for coarser, times in (
        ("s", {"ms": 10**3, "us": 10**6, "ns": 10**9}),
        ("ms", {"us": 10**3, "ns": 10**6}),
        ("us", {"ns": 10**3}),
    ):
        if unit in times and not (wide % times[unit]).any():
            per = times[unit]
            del coarser
            break
    present = wide if valid is None else wide[valid]
    low, high = int(present.min()) // per, int(present.max()) // per
    if high - low >= 1 << 56:
        return array, kept
    from optimization.compact.encoded import narrowed
    from optimization.compact.packed_type import PackedType, number_storage, store_numbers

    values, base = narrowed(wide // per, valid, low, high)
    width = max(1, ((high - low).bit_length() + 7) // 8)
    bits = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    codec = PackedType(number_storage(width), array.type, "number", base=base, times=per)
    stored = pa.ExtensionArray.from_storage(codec, store_numbers(values, width, bits, array.null_count))
    return stored, replace(kept, type=f"{array.type} in {width} bytes", why="offsets from the first")


def _restored(plan: Plan, array: pa.Array) -> Any:
    if plan.kind == "kept":
        return (
            pa.chunked_array([values_of(array) if not pa.types.is_dictionary(array.type) else array]).to_pandas().array
        )
    return series_of_values(plan, [array])


def _check(name: Any, before: pd.Series, after: pd.Series) -> None:
    if not same_column(before, after):
        raise BadInput(
            f"column {name!r} ({before.dtype}) does not come back the same: please report this; "
            f"verify=False passes it on"
        )
