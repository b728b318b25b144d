"""The export verb: a table → a CSV or Parquet file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from zoneinfo import ZoneInfo

from extract.errors import UsageError
from extract.files import output_path, written
from extract.settings import ROOT
from extract.warehouse import Column, Kind, TableName, Warehouse

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MART = "demand_forecast_esios"
# What is published, in this order, whatever else a table of this name that was there before may hold.
MART_COLUMNS = ("name", "id", "datetime", "demand_forecast", "update_timestamp")
MART_ORDER = ("datetime", "id")
ENDINGS = (".csv", ".parquet")
_SPECIAL = re.compile(r'[,"\r\n]')


@dataclass(frozen=True)
class Exported:
    """The file that was written, and how many rows are in it."""

    path: Path
    rows: int


@dataclass(frozen=True)
class Query:
    """What to write: an ordered statement that gives `columns`, named and typed as they are to be.

    With `zone` the naive UTC instants become instants of that zone.
    """

    statement: str
    columns: tuple[Column, ...]
    params: tuple[Any, ...] = ()
    zone: ZoneInfo | None = None


def export_table(warehouse: Warehouse, table: str = MART, out: Path | None = None) -> Exported:
    """Write `table` to `out` (default: `exports/<table>.csv`), CSV or Parquet by the ending, streaming.

    CSV: header, UTF-8, `\\n`, `yyyy-mm-dd HH:MM:SS` (a fraction only where there is one), floats as `23616.0`, NULL as
    an empty cell, an empty text as `""`, quotes only where needed. `demand_forecast_esios`: its five columns ordered
    by datetime, id; any other table: all columns, ordered by its key, or by all of them. Engines give the same bytes.
    """
    name = warehouse.resolve(table)
    path = checked_target(out or _default_target(name))
    return write_query(warehouse, _query_of(warehouse, name), path)


def write_query(warehouse: Warehouse, query: Query, path: Path) -> Exported:
    """Stream a query's rows into `path`, CSV or Parquet by the ending, whole or not at all; see `export_table`."""
    try:
        with written(path) as file:
            rows = (_write_csv if path.suffix.lower() == ".csv" else _write_parquet)(warehouse, query, file)
    except OSError as error:
        raise UsageError(
            f"cannot write {path} ({error.strerror or error})", "make room, or choose another place with --out"
        ) from None
    return Exported(path, rows)


def query_frame(warehouse: Warehouse, query: Query) -> pd.DataFrame:
    """A query's rows as a DataFrame: str, int64, float64, datetime64[us] (with the query's zone, if it has one)."""
    import pyarrow as pa

    batches, schema = _arrow(warehouse, query)
    frame: pd.DataFrame = pa.Table.from_batches(batches, schema).to_pandas()
    return frame


def demand_forecast_query(warehouse: Warehouse) -> Query:
    """The published table's five columns, ordered by datetime, id. `UsageError` where the table is not built yet."""
    return _query_of(warehouse, warehouse.resolve(MART))


def _default_target(table: TableName) -> Path:
    if not re.fullmatch(r"[\w .-]+", table.name):
        raise UsageError(f"the name of {table} makes no good file name", "name the file with --out")
    return ROOT / "exports" / f"{table.name}.csv"


def checked_target(out: Path) -> Path:
    """The absolute path of a file to write; `UsageError` where its ending says no format, or it is a folder."""
    path = output_path(out)
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"{path.name!r} does not say what to write", f"end it in {' or '.join(ENDINGS)}")
    if path.is_dir():
        raise UsageError(f"{path} is a folder", "name a file with --out")
    return path


def _query_of(warehouse: Warehouse, table: TableName) -> Query:
    """The columns to write of a table, in order: the published mart's five, or all."""
    mart = str(table).casefold() == str(warehouse.resolve(MART)).casefold()
    if mart and not warehouse.exists(table):
        raise UsageError(
            f"table {table} does not exist yet", "make it with `make run`, or with `dbt build` after an extract"
        )
    columns = warehouse.columns(table)
    by_name = {column.name.casefold(): column for column in columns}
    if mart:
        for name in MART_COLUMNS:
            if name not in by_name:
                raise UsageError(f"{table} has no column {name!r}", "rebuild it with `dbt build`")
        columns = [by_name[name] for name in MART_COLUMNS]
        order = [by_name[name] for name in MART_ORDER]
    else:
        keys = warehouse.keys(table)
        order = [by_name[name.casefold()] for name in keys[0].columns] if keys else columns
    listed = ", ".join(warehouse.quote(column.name) for column in columns)
    sorting = ", ".join(warehouse.sort_key(column) for column in order if column.kind is not Kind.OTHER)
    ordered = f" order by {sorting}" if sorting else ""
    statement = f"select {listed} from {warehouse.sql_name(table)}{ordered}"
    return Query(statement, tuple(map(_published, columns, MART_COLUMNS) if mart else columns))


def _published(column: Column, name: str) -> Column:
    """A column of the mart as it is published, whatever name and number type a table that was there before gave it."""
    return replace(column, name=name, kind=Kind.FLOAT if name == "demand_forecast" else column.kind)


def _write_csv(warehouse: Warehouse, query: Query, file: BinaryIO) -> int:
    file.write((",".join(_text(column.name) for column in query.columns) + "\n").encode())
    formats = [_format(column, query.zone) for column in query.columns]
    count = 0
    lines: list[str] = []
    for row in warehouse.rows(query.statement, query.params):
        lines.append(
            ",".join(["" if value is None else form(value) for value, form in zip(row, formats, strict=True)]) or '""'
        )
        if len(lines) == 5_000:
            count += _flush(lines, file)
    return count + _flush(lines, file)


def _flush(lines: list[str], file: BinaryIO) -> int:
    count = len(lines)
    if lines:
        file.write(("\n".join(lines) + "\n").encode("utf-8"))
        lines.clear()
    return count


def _format(column: Column, zone: ZoneInfo | None) -> Callable[[Any], str]:
    forms: dict[Kind, Callable[[Any], str]] = {
        Kind.TEXT: _text,
        Kind.FLOAT: lambda value: repr(float(value)),
        Kind.DECIMAL: _decimal,
        Kind.BOOLEAN: lambda value: "true" if value else "false",
        Kind.BINARY: lambda value: "0x" + bytes(value).hex(),
        Kind.OTHER: lambda value: _text(str(value)),
    }
    if zone:
        forms[Kind.TIMESTAMP] = lambda value: str(value.replace(tzinfo=UTC).astimezone(zone))
    return forms.get(column.kind, str)


def _decimal(value: Decimal) -> str:
    return format(value, "f")


def _text(value: str) -> str:
    """Quoted where a reader needs it. The csv module would write NULL and an empty text alike."""
    if value and not _SPECIAL.search(value):
        return value
    return '"' + value.replace('"', '""') + '"'


def _write_parquet(warehouse: Warehouse, query: Query, file: BinaryIO) -> int:
    import pyarrow.parquet as pq

    batches, schema = _arrow(warehouse, query)
    count = 0
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def _arrow(warehouse: Warehouse, query: Query) -> tuple[Iterator[pa.RecordBatch], pa.Schema]:
    """A query's rows as a stream of record batches, of the same types on every engine; to be read to its end."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from extract.warehouse.columns import arrow_type

    reader = warehouse.batches(query.statement, query.params)
    plain = [arrow_type(column) or field.type for column, field in zip(query.columns, reader.schema, strict=True)]
    plain = [pa.string() if kind == pa.large_string() else kind for kind in plain]
    zoned = pa.timestamp("us", query.zone.key) if query.zone else pa.timestamp("us")
    types = [zoned if kind == pa.timestamp("us") else kind for kind in plain]
    schema = pa.schema(list(zip((column.name for column in query.columns), types, strict=True)))

    def cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
        if kind == zoned and query.zone:
            return pc.cast(pc.assume_timezone(pc.cast(array, pa.timestamp("us")), "UTC"), kind)
        return pc.cast(array, kind)

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            for batch in reader:
                arrays = [cast(array, kind) for array, kind in zip(batch.columns, types, strict=True)]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)
        finally:
            reader.close()

    return batches(), schema
