"""Record batches → a staging table on SQL Server: three ways to send, and the sums that prove one.

What is sent is summed up on this side while it streams by (`Tally`), and again by the server (`differing_column`):
non-null count, exact sum, sum of DATALENGTH per column. Nothing counts before both agree.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from extract.counted import counted
from extract.warehouse.tables import Column, Kind, row_number_name

ROWS_A_SEND = 10_000
BYTES_A_SEND = 8 * 1024 * 1024
# A few rows are not worth a probe, nor the second connection of a bulk copy.
FEW_ROWS = 1_000
# A JSON text holds its rows in chunks of so many, each opened on its own: some servers' OPENJSON slows down with the
# length of what it opens, and takes half the time for chunks.
CHUNK_ROWS = 500
_EPOCH_DAY = dt.date(1970, 1, 1).toordinal() - 1  # days from 0001-01-01 to Arrow's day 0
_EPOCH_US = _EPOCH_DAY * 86_400_000_000
_OFFSET_ROOM = 2_000  # offsets are -840 to 840 minutes
_LOW_DIGITS = 18
_LOW_MODULUS = 1_000_000_000_000_000_000
_SAFE_PRECISION = 28  # up to here a sum of 10^10 values stays within decimal(38)

Execute = Callable[..., Any]  # execute(sql, params) → rows
ParameterType = tuple[int, int, int]


# -------------------------------------------------------------------- the sums that prove a load
@dataclass
class Sums:
    """What one column holds, expressed alike by both sides."""

    count: int = 0
    total: int = 0


@dataclass
class Tally:
    """The sums of the rows sent so far, a `Sums` a column.

    `utf8`: the server keeps every text as UTF-8, nvarchar too, and its DATALENGTH says so (SQL Server's does not).
    """

    columns: Sequence[Column]
    utf8: bool = False
    rows: int = 0
    sums: list[Sums] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sums = [Sums() for _ in self.columns]

    def add(self, batch: pa.RecordBatch) -> None:
        """Add one batch, whose first columns are `self.columns`."""
        self.rows += batch.num_rows
        for column, sums, array in zip(self.columns, self.sums, batch.columns, strict=False):
            values = array.drop_null()
            sums.count += len(values)
            if len(values):
                sums.total += _total(column, values, self.utf8)


def _total(column: Column, values: pa.Array, utf8: bool) -> int:
    kind = column.kind
    if kind is Kind.INTEGER:
        return _sum_decimal(values, 0) if pa.types.is_decimal(values.type) else _sum_whole(values.cast(pa.int64()))
    if kind is Kind.DECIMAL:
        if (column.precision or 38) > _SAFE_PRECISION:
            return sum(_low_digits(value) for value in values.to_pylist())
        return _sum_decimal(values, column.scale or 0)
    if kind is Kind.FLOAT:
        if column.type == "real":
            values = values.cast(pa.float32(), safe=False).cast(pa.float64())
        return _sum_whole(values.view(pa.int64()))
    if kind is Kind.BOOLEAN:
        return int(pc.sum(values.cast(pa.int64())).as_py())
    if kind is Kind.DATE:
        return _sum_whole(values.cast(pa.int32()).cast(pa.int64())) + _EPOCH_DAY * len(values)
    if kind is Kind.TIMESTAMP:
        return _sum_whole(values.cast(pa.int64())) + _EPOCH_US * len(values)
    if kind is Kind.INSTANT:
        return _instants(values)
    if kind is Kind.TIME:
        return _sum_whole(values.cast(pa.int64()))
    if kind is Kind.TEXT:
        return _text_bytes(column, values, utf8)
    if kind is Kind.BINARY:
        return (column.length or 0) * len(values) if _fixed(column) else int(pc.sum(pc.binary_length(values)).as_py())
    return 0


def _instants(texts: pa.Array) -> int:
    """Instants with their offsets, as `isoformat` writes them: microseconds in UTC, and the minutes of the offsets."""
    local = pc.utf8_slice_codeunits(texts, 0, 26).cast(pa.timestamp("us")).cast(pa.int64())
    hours, minutes = (pc.utf8_slice_codeunits(texts, at, at + 2).cast(pa.int64()) for at in (27, 30))
    east = pc.if_else(pc.equal(pc.utf8_slice_codeunits(texts, 26, 27), "+"), 1, -1)
    offsets = _sum_whole(pc.multiply(pc.add(pc.multiply(hours, 60), minutes), east))
    in_utc = _sum_whole(local) + _EPOCH_US * len(texts) - offsets * 60_000_000
    return in_utc * _OFFSET_ROOM + offsets


def _fixed(column: Column) -> bool:
    return column.type.startswith(("char", "nchar", "binary"))


def _sum_whole(values: pa.Array) -> int:
    """An exact sum of int64: the halves apart, since Arrow's own sum wraps around."""
    numbers = np.asarray(values)
    return (int((numbers >> 32).sum()) << 32) + int((numbers & 0xFFFFFFFF).sum())


def _sum_decimal(values: pa.Array, scale: int) -> int:
    total = pc.sum(values.cast(pa.decimal256(76, scale))).as_py()
    return _unscaled(total, scale)


def _unscaled(value: Decimal, scale: int) -> int:
    """The number without its point: 1.50 at scale 2 is 150. Exact, whatever the context's precision."""
    sign, digits, exponent = value.as_tuple()
    whole = int("".join(map(str, digits))) * int(10 ** (int(exponent) + scale))
    return -whole if sign else whole


def _low_digits(value: Decimal) -> int:
    """The last 18 digits, with the sign: so many fit into a sum, however long the column's numbers are."""
    sign, digits, _ = value.as_tuple()
    low = int("".join(map(str, digits))) % _LOW_MODULUS
    return -low if sign else low


def _text_bytes(column: Column, values: pa.Array, utf8: bool) -> int:
    if _fixed(column):
        values = pc.utf8_rtrim(values, " ")
    values = values.cast(pa.large_string())
    if utf8 or column.encoding == "utf-8":
        return int(pc.sum(pc.binary_length(values)).as_py())
    characters = int(pc.sum(pc.utf8_length(values)).as_py())
    if column.encoding == "utf-16-le":
        offsets = np.frombuffer(values.buffers()[1], dtype=np.int64)[values.offset : values.offset + len(values) + 1]
        data = np.frombuffer(values.buffers()[2] or b"", dtype=np.uint8)[offsets[0] : offsets[-1]]
        return 2 * (characters + int((data >= 0xF0).sum()))  # a four-byte UTF-8 sequence is a surrogate pair
    if (column.encoding or "").removeprefix("cp") in ("932", "936", "949", "950"):
        return sum(len(text.encode(column.encoding or "")) for text in values.to_pylist())
    return characters  # one byte a character


def _sql_total(column: Column, name: str) -> str:
    """The server's side of `_total`."""
    kind = column.kind
    if kind is Kind.DECIMAL:
        scale = column.scale or 0
        if (column.precision or 38) > _SAFE_PRECISION:
            digits = f"replace(convert(varchar(50), abs({name})), '.', '')"
            low = f"cast(right({digits}, {_LOW_DIGITS}) as decimal(38, 0))"
            return f"sum(sign({name}) * {low})"
        return f"sum(cast({name} as decimal(38, {scale})))"
    if kind is Kind.TEXT:
        text = f"rtrim({name})" if _fixed(column) else name
        return f"sum(cast(datalength({text}) as bigint))"
    if kind is Kind.BINARY:
        return f"sum(cast(datalength({name}) as bigint))"
    moment = {
        # as its own text: a cast may see the 1/300 s behind the three digits
        "datetime": f"cast(convert(varchar(23), {name}, 121) as datetime2(6))",
        # counts from 1900: as it is, it would draw the year 1 into its own bounds
        "smalldatetime": f"cast({name} as datetime2(6))",
    }.get(column.type, name)
    if kind is Kind.INSTANT:
        moment = f"cast(switchoffset({name}, '+00:00') as datetime2(6))"
    whole = {
        Kind.INTEGER: name,
        Kind.FLOAT: f"cast(cast(cast({name} as float) as binary(8)) as bigint)",  # its 64 bits
        Kind.BOOLEAN: f"cast({name} as int)",
        Kind.DATE: f"datediff(day, '0001-01-01', {name})",
        Kind.TIMESTAMP: f"datediff_big(microsecond, '0001-01-01', {moment})",
        Kind.INSTANT: f"cast(datediff_big(microsecond, '0001-01-01', {moment}) as decimal(19, 0)) * {_OFFSET_ROOM}"
        f" + datepart(tzoffset, {name})",
        Kind.TIME: f"datediff_big(microsecond, cast('00:00' as time(6)), {name})",
    }.get(kind)
    return "null" if whole is None else f"sum(cast({whole} as decimal(38, 0)))"


def differing_column(execute: Execute, stage: str, quote: Callable[[str], str], tally: Tally) -> str | None:
    """Compare the staging table with what was sent; the first difference in words, or None."""
    listed = ["count_big(*)"]
    for column in tally.columns:
        name = quote(column.name)
        listed += [f"count_big({name})", _sql_total(column, name)]
    found = [*execute(f"select {', '.join(listed)} from {stage}")][0]
    if found[0] != tally.rows:
        return f"{counted(tally.rows, 'row')} sent, {found[0]} arrived"
    for at, (column, sums) in enumerate(zip(tally.columns, tally.sums, strict=True)):
        count, total = found[1 + 2 * at], found[2 + 2 * at]
        if count != sums.count:
            return f"column {column.name!r} has {counted(count, 'value')}, {sums.count} sent"
        if total is None:
            continue
        if column.kind is Kind.DECIMAL and (column.precision or 38) <= _SAFE_PRECISION:
            total = _unscaled(Decimal(total), column.scale or 0)
        if int(total) != sums.total:
            what = "DATALENGTH" if column.kind in (Kind.TEXT, Kind.BINARY) else "sum"
            return (
                f"column {column.name!r} ({column.type}) arrived altered: its {what} is {total}, {sums.total} was sent"
            )
    return None


# -------------------------------------------------------------------- pieces of a stream
def pieces(batches: Iterable[pa.RecordBatch], tally: Tally) -> Iterator[pa.RecordBatch]:
    """The stream in pieces bounded in rows and bytes, each counted into `tally`; -0.0 goes as 0.0."""
    for batch in batches:
        clean = _without_negative_zero(batch)
        most = max(1, min(ROWS_A_SEND, int(clean.num_rows * BYTES_A_SEND / max(clean.nbytes, 1))))
        start = 0
        while start < clean.num_rows:
            piece = clean.slice(start, most)
            tally.add(piece)
            yield piece
            start += most


def _without_negative_zero(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = [pc.add(c, 0.0) if pa.types.is_float64(c.type) else c for c in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


# -------------------------------------------------------------------- way 1: OPENJSON
# Its types, which the staging table's own types then take over without loss.
_JSON_TYPES = {
    Kind.INTEGER: "bigint",
    Kind.FLOAT: "float",
    Kind.BOOLEAN: "bit",
    Kind.DATE: "date",
    Kind.TIMESTAMP: "datetime2(6)",
    Kind.INSTANT: "datetimeoffset(6)",
    Kind.TIME: "time(6)",
    Kind.UUID: "uniqueidentifier",
}


def json_statement(stage: str, names: Sequence[str], columns: Sequence[Column]) -> str:
    """One statement that takes a whole piece as one JSON text (SQL Server 2016 and later): one round trip a piece."""
    typed = ", ".join(f"c{at} {_json_type(column)} '$[{at}]'" for at, column in enumerate(columns))
    listed = ", ".join(f"c{at}" for at in range(len(columns)))
    return (
        f"insert into {stage} ({', '.join(names)}) select {listed}"
        f" from openjson(?) as chunks cross apply openjson(chunks.value) with ({typed})"
    )


def _json_type(column: Column) -> str:
    if column.kind is Kind.DECIMAL:
        return f"decimal({column.precision}, {column.scale})"
    if column.kind is Kind.TEXT:
        return f"nvarchar({column.length})" if column.length and column.length <= 4000 else "nvarchar(max)"
    if column.kind is Kind.INTEGER and (column.minimum is None or column.minimum < -(2**63)):
        return "decimal(38, 0)"
    return _JSON_TYPES[column.kind]


def json_fits(columns: Sequence[Column]) -> bool:
    """Whether JSON can carry these kinds; binary and unknown ones go as parameters."""
    return all(column.kind in _JSON_TYPES or column.kind in (Kind.DECIMAL, Kind.TEXT) for column in columns)


def json_text(piece: pa.RecordBatch) -> str:
    """A piece as an array of chunks, each an array of rows, each an array of values.

    Numbers are JSON numbers, all else is text that SQL Server reads exactly.
    """
    rows = list(zip(*map(_json_cells, piece.columns), strict=True))
    chunks = [rows[at : at + CHUNK_ROWS] for at in range(0, len(rows), CHUNK_ROWS)]
    return json.dumps(chunks, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _json_cells(array: pa.Array) -> Any:
    kind = array.type
    if pa.types.is_timestamp(kind):
        return pc.cast(array, pa.string()).to_pylist()  # ISO 8601 with a space, six digits
    if pa.types.is_decimal(kind) and kind.scale > 6:
        # Arrow writes the smallest as 1E-10, which SQL Server reads as a float only.
        return [None if value is None else f"{value:f}" for value in array.to_pylist()]
    if pa.types.is_decimal(kind) or pa.types.is_date(kind) or pa.types.is_time(kind):
        return pc.cast(array, pa.string()).to_pylist()
    return array.to_pylist()


def holds(piece: pa.RecordBatch, pattern: str) -> bool:
    """Whether a text of the piece matches `pattern`."""
    texts = (c for c in piece.columns if pa.types.is_large_string(c.type))
    return any(pc.any(pc.match_substring_regex(c, pattern), min_count=0).as_py() for c in texts)


# JSON readers treat U+0000 each in their own way.
NUL = r"\x00"
# What JSON must write as an escape sequence.
ESCAPED = r'["\\\x00-\x1f]'


# -------------------------------------------------------------------- way 2: arrays of parameters
def parameters(
    columns: Sequence[Column], piece: pa.RecordBatch, as_text: Collection[Kind]
) -> tuple[list[ParameterType], list[tuple[Any, ...]]]:
    """(ODBC type, size, digits) of each parameter, and the rows; kinds in `as_text` go as ISO texts.

    Sizes are as small as the piece allows, since they set the driver's buffers.
    """
    types: list[ParameterType] = []
    cells = []
    for column, array in zip(columns, piece.columns, strict=True):
        # The widest decimals too: not every server reads them whole as numbers.
        is_text = column.kind in as_text or (column.kind is Kind.DECIMAL and (column.precision or 38) > _SAFE_PRECISION)
        if is_text:
            types.append((-9, 48, 0))
            cells.append(_json_cells(array))
        else:
            types.append(_parameter(column, array))
            cells.append(array.to_pylist())
    return types, list(zip(*cells, strict=True))


def _parameter(column: Column, array: pa.Array) -> ParameterType:
    if column.kind is Kind.DECIMAL:
        return (3, column.precision or 38, column.scale or 0)
    if column.kind is Kind.INTEGER:
        return (-5, 19, 0)
    if column.kind is Kind.BINARY:
        longest = pc.max(pc.binary_length(array)).as_py() or 1
        return (-3 if longest <= 8000 else -4, longest, 0)
    if column.kind in (Kind.TEXT, Kind.OTHER):
        if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
            return (-9, 4000, 0)
        longest = 2 * (pc.max(pc.utf8_length(array)).as_py() or 1)  # every character may be a surrogate pair
        return (-9 if longest <= 4000 else -10, longest, 0)
    return {
        Kind.FLOAT: (8, 53, 0),
        Kind.BOOLEAN: (-7, 1, 0),
        Kind.DATE: (91, 10, 0),
        Kind.TIMESTAMP: (93, 26, 6),
        Kind.UUID: (-11, 36, 0),
    }.get(column.kind, (-9, 48, 0))


def probe_batch(columns: Sequence[Column], escapes: bool = True) -> pa.RecordBatch:
    """A few rows of the values that a wrong way is most likely to alter, in `columns` and a row number."""
    from extract.warehouse.columns import carrier_type

    hard: dict[Kind, list[Any]] = {
        Kind.INTEGER: [0, 1, None, 255],
        Kind.FLOAT: [0.1, -1.0 / 3, 2.0**53 + 2, None, 1.7976931348623157e308, 2.2250738585072014e-308, 23616.0]
        + [math.ldexp(math.sin(n), n % 60 - 30) for n in range(1, 60)],
        Kind.BOOLEAN: [True, False, None],
        Kind.DATE: [dt.date(1900, 1, 1), dt.date(2078, 12, 31), None],
        Kind.TIMESTAMP: [dt.datetime(1900, 1, 1), dt.datetime(2018, 10, 28, 2, 30), None],
        Kind.INSTANT: ["1900-01-01T00:00:00.000000+00:00", "2018-10-28T02:30:00.000000-01:30", None],
        Kind.TIME: [dt.time(0), dt.time(23, 59, 59), None],
        Kind.TEXT: ["", " ", "a", None, "'", "7", *(['"', "\\", "\n"] if escapes else [])],
        Kind.BINARY: [b"\x00", b"\xff", None],
        Kind.UUID: ["00112233-4455-6677-8899-aabbccddeeff", None],
    }
    size = max(len(values) for values in hard.values())
    arrays = []
    for column in columns:
        values: list[Any] = hard.get(column.kind, [None])
        if column.kind is Kind.DECIMAL:
            digits, scale = column.precision or 38, column.scale or 0
            values = [Decimal(0), Decimal((0, (9,) * digits, -scale)), Decimal((1, (1,) * digits, -scale)), None]
        if column.kind is Kind.TEXT and column.encoding in ("utf-8", "utf-16-le") and (column.length or 8) >= 4:
            values = [*values, "ñ€", "😀"]
        if column.kind is Kind.FLOAT and column.type == "real":
            values = [0.5, -3.25, None]
        kind = carrier_type(column) or pa.string()
        arrays.append(pa.array(list(itertools.islice(itertools.cycle(values), size)), kind))
    arrays.append(pa.array(range(1, size + 1), pa.int64()))
    names = [column.name for column in columns]
    return pa.RecordBatch.from_arrays(arrays, names=[*names, row_number_name(names)])


def bulk_copy(cursor: Any, stage: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch], timeout_s: int) -> None:
    """Way 3: TDS bulk load by mssql-python, straight from Arrow, over a connection of its own.

    `stage` must be visible to that connection: a global temporary table, made outside a transaction.
    Raises RuntimeError where the driver's core fails.
    """
    reader = pa.RecordBatchReader.from_batches(schema, batches)
    try:
        cursor.bulkcopy_arrow(
            stage, reader, batch_size=ROWS_A_SEND * 10, timeout=timeout_s, column_mappings=schema.names, keep_nulls=True
        )
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of the driver's core in Rust; no subclass of Exception
            raise
        raise RuntimeError(f"the driver's bulk copy broke off ({error})") from None
    finally:
        with suppress(Exception):
            reader.close()
