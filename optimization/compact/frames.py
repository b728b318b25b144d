"""`shrink`: a DataFrame that is already in memory, at each level. Values, index and names are kept."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from optimization.compact.choices import LEVELS, check_choice
from optimization.compact.columns import encoded_column, same_column
from optimization.compact.compressed import Compressed, Node, compress, expanded
from optimization.compact.lossy import lossy, parsed
from optimization.compact.packed import arrow_array
from optimization.compact.plan import Plan
from optimization.compact.usable import column_bytes, series_array, series_of_values
from optimization.counted import counted
from optimization.files import BadInput


def shrink(
    df: pd.DataFrame, level: str = "usable", *, allow: Iterable[str] = (), verify: bool = True
) -> pd.DataFrame | pa.Table | Compressed:
    """The same values as `df` in the least memory, at a level as `load_csv` has them; `df` stays as it is.

    Types keep their meaning: text stays text, whole numbers whole, floats floats (32 bits where each is exact),
    categories categories with their order; the index and the column names are kept. A column of a dtype that has no
    smaller form is passed on as it is. With `verify` every value is compared afterwards. BadInput, with the column, for
    what the level cannot hold; a warning for what an allowed step lost.
    """
    check_choice("level", level, LEVELS)
    if not isinstance(df, pd.DataFrame):
        raise BadInput(f"shrink takes a DataFrame, not {type(df).__name__}: read a file with load_csv")
    steps = parsed(tuple(allow))
    lost: dict[Any, str] = {}
    result = _usable(df, steps, verify, lost) if level == "usable" else _smaller(df, level, steps, verify, lost)
    for name, what in lost.items():
        warnings.warn(f"column {name!r} is lossy: {what}", stacklevel=2)
    return result


def _smaller(
    frame: pd.DataFrame, level: str, steps: dict[str, int], verify: bool, lost: dict[Any, str]
) -> pa.Table | Compressed:
    """The levels packed and compressed."""
    if frame.columns.nlevels > 1:
        raise BadInput(
            "column names of several levels cannot be names of an Arrow table: join them, or use level='usable'"
        )
    if not frame.columns.is_unique:
        raise BadInput("column names occur twice: rename them, or use level='usable'")
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        raise BadInput("column names are equal as text: rename them, or use level='usable'")
    changed = [name for name in frame.columns if not isinstance(name, str)]
    if changed:
        warnings.warn(f"column names become text: {', '.join(map(repr, changed[:5]))}", stacklevel=3)
    packed: dict[str, pa.Array] = {}
    nodes: dict[str, list[Node]] = {}
    plans: dict[str, Plan] = {}
    for place, name in enumerate(names):
        before = frame.iloc[:, place]
        try:
            packed[name], plans[name], what = _packed(name, before, steps)
            if what:
                lost[name] = what
            if level == "compressed":
                nodes[name] = compress(packed.pop(name))
            if verify and not what:
                after = (
                    series_of_values(plans[name], expanded(nodes[name]).chunks)
                    if level == "compressed"
                    else pa.table({name: packed[name]}).to_pandas()[name].array
                )
                _check(name, before, pd.Series(after, index=frame.index, copy=False))
        except (pa.ArrowException, OverflowError, TypeError, UnicodeError) as error:
            raise BadInput(
                f"column {name!r} ({before.dtype}) holds values that no Arrow type has ({error}): use "
                f"level='usable', or convert it first"
            ) from error
    index = None if _is_default(frame.index) else frame.index
    if level == "compressed":
        return Compressed(len(frame), nodes, plans, index)
    from optimization.compact.keep import KEY, plans_json

    metadata: dict[bytes, bytes] = {KEY: plans_json(plans).encode()}
    if index is not None:
        # The index as pandas keeps it in Arrow tables, so that to_pandas() puts it back.
        bare = pa.Table.from_pandas(pd.DataFrame(index=index), preserve_index=True)
        for place, name in enumerate(bare.column_names):
            packed[name] = bare.column(place).combine_chunks()
        known = json.loads((bare.schema.metadata or {})[b"pandas"])
        metadata[b"pandas"] = json.dumps({**known, "column_indexes": []}).encode()
    return pa.table(list(packed.values()), names=list(packed)).replace_schema_metadata(metadata)


def _is_default(index: pd.Index) -> bool:
    return isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1 and index.name is None


def _usable(frame: pd.DataFrame, steps: dict[str, int], verify: bool, lost: dict[Any, str]) -> pd.DataFrame:
    columns: list[pd.Series] = []
    for place, name in enumerate(frame.columns):
        before = frame.iloc[:, place]
        after, what = _narrow(name, before, steps)
        if column_bytes(after) > column_bytes(before):
            after, what = before.copy(), ""
        if what:
            lost[name] = what
        elif verify:
            _check(name, before, after)
        columns.append(after)
    result = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=frame.index)
    result.columns = frame.columns
    result.attrs = dict(frame.attrs)
    return result


def _narrow(name: Any, before: pd.Series, steps: dict[str, int]) -> tuple[pd.Series, str]:
    """A column in its smallest working dtype, and what a lossy step lost ("": nothing)."""
    if isinstance(before.dtype, pd.CategoricalDtype):
        return before.copy(), ""  # its codes are as narrow as they can be, its categories are part of its meaning
    encoded = encoded_column(name, before)
    if encoded is None:
        return before.copy(), ""
    plan, chunks = encoded
    plan, chunks, what = lossy(plan, chunks, steps)
    array, _ = series_array(plan, chunks, len(before))
    return pd.Series(array, index=before.index, name=before.name, copy=False), what


def _packed(name: str, series: pd.Series, steps: dict[str, int]) -> tuple[pa.Array, Plan, str]:
    kept = Plan(name, "kept", type=str(series.dtype), why=f"{series.dtype} as it is")
    if isinstance(series.dtype, pd.CategoricalDtype):
        return pa.Array.from_pandas(series), kept, ""
    encoded = encoded_column(name, series)
    if encoded is None:
        array = pa.Array.from_pandas(series)
        array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
        if isinstance(series.dtype, np.dtype) and series.dtype.kind == "M":
            return (*_moments(name, array), "")
        return array, kept, ""
    plan, chunks = encoded
    plan, chunks, what = lossy(plan, chunks, steps)
    array, plan = arrow_array(plan, chunks, len(series))
    return (pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array), plan, what


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
    return stored, replace(kept, type=f"{array.type} in {counted(width, 'byte')}", why="offsets from the first")


def _check(name: Any, before: pd.Series, after: pd.Series) -> None:
    if not same_column(before, after):
        raise BadInput(
            f"column {name!r} ({before.dtype}) does not come back the same: use level='usable', or convert it first "
            "(verify=False passes it on)"
        )
