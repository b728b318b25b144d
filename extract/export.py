"""The export verb: a table → a CSV or Parquet file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from extract.errors import UsageError
from extract.files import output_path, written
from extract.settings import ROOT, Settings, load_settings
from extract.warehouse import Column, Kind, TableName, Warehouse, connect

if TYPE_CHECKING:
    import pandas as pd

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


def export_table(warehouse: Warehouse, table: str = MART, out: Path | None = None) -> Exported:
    """Write `table` to `out` (default: `exports/<table>.csv`), CSV or Parquet by the ending, streaming.

    CSV: header, UTF-8, `\\n`, `yyyy-mm-dd HH:MM:SS` (a fraction only where there is one), floats as `23616.0`, NULL as
    an empty cell, an empty text as `""`, quotes only where needed. `demand_forecast_esios`: its five columns ordered
    by datetime, id; any other table: all columns, ordered by its key, or by all of them. Engines give the same bytes.
    """
    name = warehouse.resolve(table)
    path = _target(name, out)
    mart, columns, statement = _selection(warehouse, name)
    try:
        with written(path) as file:
            if path.suffix.lower() == ".csv":
                rows = _write_csv(warehouse, statement, columns, mart, file)
            else:
                rows = _write_parquet(warehouse, statement, columns, mart, file)
    except OSError as error:
        raise UsageError(
            f"cannot write {path} ({error.strerror or error})", "make room, or choose another place with --out"
        ) from None
    return Exported(path, rows)


def demand_forecast(settings: Settings | None = None) -> pd.DataFrame:
    """The table `demand_forecast_esios` as a DataFrame, ordered by datetime, id; a row is an hour of an indicator.

    Columns: name (str), id (int64), datetime (datetime64, UTC, the hour's start), demand_forecast (float64, MW),
    update_timestamp (datetime64, UTC). `UsageError` where there is no warehouse or no table yet.
    """
    import pandas as pd

    with connect(settings or load_settings(), read_only=True) as warehouse:
        _, _, statement = _selection(warehouse, warehouse.resolve(MART))
        tuples = list(warehouse.rows(statement))
    types = {"name": "str", "id": "int64", "demand_forecast": "float64"}
    columns = zip(*tuples, strict=True) if tuples else ([] for _ in MART_COLUMNS)
    return pd.DataFrame(
        {
            name: pd.Series(list(values), dtype=types.get(name, "datetime64[us]"))
            for name, values in zip(MART_COLUMNS, columns, strict=True)
        }
    )


def _target(table: TableName, out: Path | None) -> Path:
    if out is None and not re.fullmatch(r"[\w .-]+", table.name):
        raise UsageError(f"the name of {table} makes no good file name", "name the file with --out")
    path = output_path(out or ROOT / "exports" / f"{table.name}.csv")
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"cannot tell from {path.name!r} what to write", f"end it in {' or '.join(ENDINGS)}")
    if path.is_dir():
        raise UsageError(f"{path} is a folder", "name a file with --out")
    return path


def _selection(warehouse: Warehouse, table: TableName) -> tuple[bool, list[Column], str]:
    """Whether it is the published mart, the columns to write, and the ordered query for them."""
    mart = str(table).casefold() == str(warehouse.resolve(MART)).casefold()
    if mart and not warehouse.exists(table):
        raise UsageError(
            f"there is no table {table} yet", "make it with `make run`, or with `dbt build` after an extract"
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
    return mart, columns, f"select {listed} from {warehouse.sql_name(table)}{ordered}"


def _write_csv(warehouse: Warehouse, statement: str, columns: list[Column], mart: bool, file: BinaryIO) -> int:
    names = MART_COLUMNS if mart else tuple(column.name for column in columns)
    file.write((",".join(map(_text, names)) + "\n").encode())
    formats = [_format(column, mart) for column in columns]
    count = 0
    lines: list[str] = []
    for row in warehouse.rows(statement):
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


def _format(column: Column, mart: bool) -> Callable[[Any], str]:
    if mart and column.name.casefold() == "demand_forecast":  # whatever number type a table that was there before has
        return lambda value: repr(float(value))
    forms: dict[Kind, Callable[[Any], str]] = {
        Kind.TEXT: _text,
        Kind.FLOAT: repr,
        Kind.DECIMAL: _decimal,
        Kind.BOOLEAN: lambda value: "true" if value else "false",
        Kind.BINARY: lambda value: "0x" + bytes(value).hex(),
        Kind.OTHER: lambda value: _text(str(value)),
    }
    return forms.get(column.kind, str)


def _decimal(value: Decimal) -> str:
    return format(value, "f")


def _text(value: str) -> str:
    """Quoted where a reader needs it. The csv module would write NULL and an empty text alike."""
    if value and not _SPECIAL.search(value):
        return value
    return '"' + value.replace('"', '""') + '"'


def _write_parquet(warehouse: Warehouse, statement: str, columns: list[Column], mart: bool, file: BinaryIO) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from extract.warehouse.columns import arrow_type

    names = MART_COLUMNS if mart else tuple(column.name for column in columns)
    with _rows_of(warehouse.batches(statement)) as reader:
        types = [arrow_type(column) or field.type for column, field in zip(columns, reader.schema, strict=True)]
        types = [pa.string() if kind == pa.large_string() else kind for kind in types]
        if mart:
            types[MART_COLUMNS.index("demand_forecast")] = pa.float64()
        schema = pa.schema(list(zip(names, types, strict=True)))
        count = 0
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for batch in reader:
                arrays = [pc.cast(array, kind) for array, kind in zip(batch.columns, types, strict=True)]
                writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
                count += batch.num_rows
    return count


@contextmanager
def _rows_of(reader: Any) -> Iterator[Any]:
    try:
        yield reader
    finally:
        reader.close()
