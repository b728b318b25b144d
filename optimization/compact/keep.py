"""Keep a result in Parquet or Feather, and load it back with the same types. One file, written aside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from optimization.compact.compressed import Compressed, compress
from optimization.compact.packed import array_bytes
from optimization.compact.plan import Plan
from optimization.files import BadInput, written_aside

KEY = b"optimization"
ENDINGS = (".parquet", ".feather", ".arrow")


def plans_json(plans: dict[str, Plan]) -> str:
    return json.dumps([plan.to_json() for plan in plans.values()], ensure_ascii=False)


def plans_of(text: str | bytes) -> dict[str, Plan]:
    return {entry["name"]: Plan(**entry) for entry in json.loads(text)}


def check_ending(out: str | Path) -> str:
    """The ending of an output; BadInput where no format is meant by it."""
    ending = Path(out).suffix.lower()
    if ending not in ENDINGS:
        raise BadInput(f"--out {out}: the ending names the format, one of {', '.join(ENDINGS)}")
    return ending


def save(result: Any, out: str | Path) -> None:
    """Write a DataFrame, a packed table or a compressed one to Parquet or Feather, by the ending of `out`."""
    ending = check_ending(out)
    level = "usable"
    if isinstance(result, pd.DataFrame):
        table = pa.Table.from_pandas(result, preserve_index=None)
        plans = result.attrs.get("optimization", "[]")
    else:
        level = "compressed" if isinstance(result, Compressed) else "packed"
        table = result.to_arrow() if isinstance(result, Compressed) else result
        plans = (
            plans_json(result.plans)
            if isinstance(result, Compressed)
            else (table.schema.metadata or {}).get(KEY, b"[]").decode()
        )
    types = [str(field.type) for field in table.schema]
    kept: dict[str, Any] = {"level": level, "plans": plans, "types": types}
    if isinstance(result, pd.DataFrame):
        kept["dtypes"] = [str(dtype) for dtype in result.dtypes]
    if ending == ".parquet":
        # Parquet has no run ends; its own encoding of repeated values does the same.
        table = pa.table(
            [_without_runs(column) for column in table.columns], schema=None, names=table.column_names
        ).replace_schema_metadata(table.schema.metadata)
    table = table.replace_schema_metadata(
        {**(table.schema.metadata or {}), KEY: json.dumps(kept, ensure_ascii=False).encode()}
    )
    from pyarrow import feather, parquet  # 30 ms, which a load need not pay

    with written_aside(str(out)) as aside:
        if ending == ".parquet":
            parquet.write_table(table, aside, compression="zstd", use_dictionary=True)
        else:
            feather.write_feather(table, aside, compression="zstd" if level == "compressed" else "lz4")


def _without_runs(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_run_end_encoded(column.type):
        return column
    return pa.chunked_array([pc.run_end_decode(chunk).dictionary_encode() for chunk in column.chunks])


def load(path: str | Path) -> Any:
    """What `save` wrote, of the same types again: a DataFrame, a packed table or a compressed one."""
    from pyarrow import feather, parquet

    ending = check_ending(path)
    try:
        table = parquet.read_table(path) if ending == ".parquet" else feather.read_table(str(path), memory_map=False)
    except pa.ArrowInvalid as error:
        raise BadInput(f"{path}: no {ending[1:]} file ({error})") from error
    kept = (table.schema.metadata or {}).get(KEY)
    if kept is None:
        raise BadInput(f"{path} was not written by this program: read it with pandas, and shrink() the DataFrame")
    saved = json.loads(kept)
    rest = {key: value for key, value in (table.schema.metadata or {}).items() if key != KEY}
    if saved["level"] == "usable":
        frame = table.replace_schema_metadata(rest).to_pandas()
        for place, dtype in enumerate(saved["dtypes"]):
            if str(frame.dtypes.iloc[place]) != dtype:
                frame.isetitem(place, _typed(frame.iloc[:, place], table.column(place), dtype))
        frame.attrs["optimization"] = saved["plans"]
        return frame
    columns = [_as_before(column, kind) for column, kind in zip(table.columns, saved["types"], strict=True)]
    packed = pa.table(columns, names=table.column_names).replace_schema_metadata({**rest, KEY: saved["plans"].encode()})
    if saved["level"] == "packed":
        return packed
    nodes = {name: compress(packed.column(place).combine_chunks()) for place, name in enumerate(packed.column_names)}
    return Compressed(packed.num_rows, nodes, plans_of(saved["plans"]))


def _typed(series: pd.Series, column: pa.ChunkedArray, dtype: str) -> Any:
    """A column in the dtype it had: pandas reads Arrow's text as its own, Parquet has no seconds."""
    if dtype.endswith("[pyarrow]"):
        kind = {"date32[day]": "date32"}.get(dtype[: -len("[pyarrow]")], dtype[: -len("[pyarrow]")])
        return pd.Series(
            pd.arrays.ArrowExtensionArray(column.cast(pa.type_for_alias(kind))), index=series.index, copy=False
        )
    return series.astype(dtype)  # type: ignore[call-overload]


def _as_before(column: pa.ChunkedArray, kind: str) -> pa.Array:
    """A column in the type it had: index widths and runs that Parquet does not keep."""
    array = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    if str(array.type) == kind:
        return array
    if kind.startswith("run_end_encoded"):
        plain = array.dictionary.take(array.indices) if pa.types.is_dictionary(array.type) else array
        return pc.run_end_encode(plain)
    if kind.startswith("dictionary<"):
        if not pa.types.is_dictionary(array.type):  # Parquet keeps dictionaries of texts only
            array = array.dictionary_encode()
        index = kind.split("indices=")[1].split(",")[0]
        return pa.DictionaryArray.from_arrays(array.indices.cast(pa.type_for_alias(index)), array.dictionary)
    return array


def table_bytes(table: pa.Table) -> int:
    """The bytes of a packed table, dictionaries and texts included."""
    return sum(array_bytes(column) for column in table.columns)
