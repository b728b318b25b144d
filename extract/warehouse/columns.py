"""The checks before a load: columns matched by name, every value held against the table's type. No engine, no I/O.

`values.fit` says what fits where, value by value. Columns of Arrow data go through vectorised casts that are at least
as strict; only where such a cast refuses is `fit` asked, which then either names the row or, for a spelling that the
cast does not know, converts it.
"""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

from extract.errors import UsageError
from extract.warehouse.tables import Column, Kind, row_number_name
from extract.warehouse.values import DAY, INT64, MOMENT, NUMBER, WHOLE, Misfit, fit, whole_bounds

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

BATCH_ROWS = 65_536
BATCH_BYTES = 32 * 1024 * 1024
_UNWRITTEN = "fix the data; nothing was written"
# A number that is not 0, whatever its exponent.
_NOT_ZERO = r"^[+-]?[0.]*[1-9]"


# -------------------------------------------------------------------- names
def match_one(name: str, columns: Sequence[Column], table: str, what: str = "column") -> Column:
    """The column called `name`: exactly so, else the only one that differs in letter case alone."""
    exact = [column for column in columns if column.name == name]
    found = exact or [column for column in columns if column.name.casefold() == name.casefold()]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            f"{what} {name!r} may mean {' or '.join(column.name for column in found)} of {table}",
            "spell it as the table does; nothing was written",
        )
    by_name = {column.name.casefold(): column.name for column in columns}
    near = [by_name[n] for n in difflib.get_close_matches(name.casefold(), by_name, n=2)]
    raise UsageError(
        f"{table} has no {what} {name!r}",
        (f"did you mean {' or '.join(near)}? " if near else "take it out or rename it; ")
        + f"the table's columns are {', '.join(column.name for column in columns)}; nothing was written",
    )


def match(names: Sequence[str], columns: Sequence[Column], table: str) -> Plan:
    """Pair the data's columns with the table's by name. `UsageError` names an extra, doubled or missing column."""
    taken: dict[str, int] = {}
    for at, name in enumerate(names):
        column = match_one(name, columns, table)
        if column.name in taken:
            raise UsageError(f"column {column.name!r} of {table} comes twice in the data", "keep one of them")
        if column.generated:
            raise UsageError(
                f"column {column.name!r} of {table} is filled by the warehouse itself", "leave it out of the data"
            )
        taken[column.name] = at
    for column in columns:
        if column.name not in taken and not column.may_be_absent:
            raise UsageError(
                f"column {column.name!r} of {table} is missing from the data",
                f"it is {column.type} NOT NULL without a default: add it; the data has "
                f"{', '.join(map(repr, names)) or 'no columns'}; nothing was written",
            )
    if not taken:
        raise UsageError(f"the data has no column for {table}", f"its columns are {', '.join(c.name for c in columns)}")
    chosen = [column for column in columns if column.name in taken]
    return Plan(table, chosen, [taken[column.name] for column in chosen])


def require_key(key: Sequence[str], names: Sequence[str], table: str) -> None:
    """`UsageError` if the data leave a column of the upsert key out."""
    for name in key:
        if name not in names:
            raise UsageError(
                f"column {name!r}, part of the key of {table}, is missing from the data",
                "add it, or say which columns identify a row: --key a,b",
            )


# -------------------------------------------------------------------- rows as mappings
def is_mappings(data: Any) -> TypeGuard[Sequence[Mapping[str, Any]]]:
    """Whether `data` are rows as mappings (an empty list counts)."""
    return isinstance(data, (list, tuple)) and all(isinstance(row, Mapping) for row in data)


def checked_rows(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], table: str
) -> tuple[list[Column], list[tuple[Any, ...]]]:
    """Rows as mappings → the table's columns they fill, and tuples of fitting values in that order."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        return [], []
    plan = match(names, columns, table)
    pairs = [(names[at], column) for at, column in zip(plan.positions, plan.columns, strict=True)]
    tuples = []
    for number, row in enumerate(rows, 1):
        values = []
        for name, column in pairs:
            try:
                values.append(fit(column, row.get(name)))
            except Misfit as reason:
                raise _misfit(table, column, number, reason) from None
        tuples.append(tuple(values))
    return plan.columns, tuples


def _misfit(table: str, column: Column, row: int, reason: object) -> UsageError:
    return UsageError(f"row {row}, column {column.name!r} of {table} ({column.type}): {reason}", _UNWRITTEN)


# -------------------------------------------------------------------- frames and streams
def arrow_type(column: Column) -> pa.DataType | None:
    """The Arrow type of `column`'s values; None for OTHER, which goes as it comes."""
    import pyarrow as pa

    if column.kind is Kind.INTEGER:
        low, high = whole_bounds(column)
        if INT64[0] <= low and high <= INT64[1]:
            return pa.int64()
        return pa.uint64() if low >= 0 and high < 2**64 else pa.decimal128(38, 0)
    if column.kind is Kind.DECIMAL:
        return pa.decimal128(column.precision or 38, column.scale or 0)
    return {
        Kind.FLOAT: pa.float64(),
        Kind.TEXT: pa.large_string(),
        Kind.BINARY: pa.large_binary(),
        Kind.BOOLEAN: pa.bool_(),
        Kind.DATE: pa.date32(),
        Kind.TIMESTAMP: pa.timestamp("us"),
        Kind.INSTANT: pa.timestamp("us", "UTC"),
        Kind.TIME: pa.time64("us"),
        Kind.UUID: pa.string(),
    }.get(column.kind)


def carrier_type(column: Column) -> pa.DataType | None:
    """The Arrow type that takes them to the engine: text where each instant has an offset of its own."""
    import pyarrow as pa

    return pa.string() if column.keeps_offset else arrow_type(column)


def carried(column: Column, values: Iterable[Any]) -> pa.Array:
    """Fitting values as an Arrow array on their way to the engine."""
    import pyarrow as pa

    if column.keeps_offset:
        values = [None if value is None else value.isoformat(timespec="microseconds") for value in values]
    return pa.array(list(values), carrier_type(column))


def as_arrow(columns: Sequence[Column], tuples: Sequence[tuple[Any, ...]]) -> pa.Table:
    """Tuples of fitting values as an Arrow table."""
    import pyarrow as pa

    arrays = [carried(column, values) for column, values in zip(columns, zip(*tuples, strict=True), strict=True)]
    return pa.table(arrays, names=[column.name for column in columns])


Cells = Any  # a pyarrow.Array, or a list of Python values where Arrow has no common type for them


@dataclass(frozen=True)
class Source:
    """Data on the way in: the column names, and chunks of them, one `Cells` a column. Read once."""

    names: list[str]
    chunks: Iterator[list[Cells]]
    as_text: bool = False

    @classmethod
    def of(cls, data: Any, as_text: bool = False) -> Source:
        """From a DataFrame (its index is left out), an Arrow table, a stream of record batches, or a Source."""
        if isinstance(data, Source):
            return data
        if hasattr(data, "iloc") and hasattr(data, "dtypes"):
            return cls([str(name) for name in data.columns], _frame_chunks(data), as_text)
        if hasattr(data, "schema") and (hasattr(data, "to_batches") or hasattr(data, "read_next_batch")):
            batches: Iterable[pa.RecordBatch] = data.to_batches() if hasattr(data, "to_batches") else data
            return cls(list(data.schema.names), _batch_chunks(iter(batches)), as_text)
        if hasattr(data, "schema") and hasattr(data, "num_rows"):
            return cls(list(data.schema.names), _batch_chunks(iter([data])), as_text)
        stream: Iterator[Any] = iter(data) if isinstance(data, Iterable) else iter(())
        first: Any = next(stream, None)
        if not hasattr(first, "schema"):
            raise UsageError(
                f"cannot load {type(data).__name__}", "give a pandas DataFrame, a pyarrow Table or record batches"
            )

        def all_of_them() -> Iterator[pa.RecordBatch]:
            yield first
            yield from stream

        return cls(list(first.schema.names), _batch_chunks(all_of_them()), as_text)


def _frame_chunks(frame: pd.DataFrame) -> Iterator[list[Cells]]:
    import pyarrow as pa

    for start in range(0, len(frame), BATCH_ROWS):
        piece = frame.iloc[start : start + BATCH_ROWS]
        cells: list[Cells] = []
        for at in range(piece.shape[1]):
            series = piece.iloc[:, at]
            try:
                array = pa.array(series, from_pandas=True)
                if series.dtype == object and not _told_apart(array.type):
                    raise TypeError
                cells.append(pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array)
            except (pa.ArrowException, TypeError, ValueError, OverflowError):
                cells.append(list(series))
        yield cells


def _told_apart(inferred: pa.DataType) -> bool:
    """Whether Arrow's guess for a column of Python objects is sure to bend no value: a guessed date or time may cut
    (datetimes among dates, nanoseconds), a guessed float may round (large integers among floats), a guessed binary may
    hold texts.
    """
    import pyarrow.types as pt

    sure = (pt.is_string, pt.is_large_string, pt.is_boolean, pt.is_integer, pt.is_decimal, pt.is_null)
    return any(is_sure(inferred) for is_sure in sure)


def _batch_chunks(batches: Iterator[pa.RecordBatch]) -> Iterator[list[Cells]]:
    for batch in batches:
        if not batch.num_rows:
            continue
        rows = max(1, min(BATCH_ROWS, int(batch.num_rows * BATCH_BYTES / max(batch.nbytes, 1))))
        for start in range(0, batch.num_rows, rows):
            yield list(batch.slice(start, rows).columns)


@dataclass(frozen=True)
class Plan:
    """Which of the data's columns goes into which of the table's: `positions[i]` of the data into `columns[i]`."""

    table: str
    columns: list[Column]
    positions: list[int]

    def checked(self, source: Source, required: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
        """Record batches in the order and Arrow types of `columns`, then the row numbers; see `Warehouse.fill`.

        `required`: columns that must not be null although the table would take it (an upsert's key).
        """
        import pyarrow as pa

        start = 1
        names = [column.name for column in self.columns]
        names.append(row_number_name(names))
        for chunk in source.chunks:
            size = len(chunk[0])
            arrays = []
            for at, column in zip(self.positions, self.columns, strict=True):
                array = _Cast(self.table, column, source.as_text, start).cells(chunk[at])
                if array.null_count and (column.name in required or not column.nullable):
                    why = "NOT NULL" if not column.nullable else "part of the key"
                    row = start + array.is_null().index(True).as_py()
                    raise _misfit(self.table, column, row, f"is missing, and the column is {why}")
                arrays.append(array)
            arrays.append(pa.array(range(start, start + size), pa.int64()))
            start += size
            yield pa.RecordBatch.from_arrays(arrays, names=names)


class Counted:
    """Record batches passing through, counted: `rows` so far."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._batches = batches
        self.rows = 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            self.rows += batch.num_rows
            yield batch


@dataclass(frozen=True)
class _Cast:
    """Cells of one column of one chunk, whose first row has the number `start`, into the column's Arrow type."""

    table: str
    column: Column
    as_text: bool
    start: int

    def cells(self, cells: Cells) -> pa.Array:
        import pyarrow as pa
        import pyarrow.types as pt

        if isinstance(cells, list):
            return self._one_by_one(cells)
        if isinstance(cells, pa.ExtensionArray) and self.column.kind is not Kind.UUID:
            cells = cells.storage
        if pt.is_dictionary(cells.type):
            cells = cells.dictionary_decode()
        target = arrow_type(self.column)
        if target is None:
            return cells
        if pt.is_null(cells.type):
            return pa.nulls(len(cells), carrier_type(self.column))
        if pt.is_floating(cells.type):
            cells = _nan_to_null(cells)
        try:
            array = self._vectorised(cells, target)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            array = None
        if array is None:
            return self._one_by_one(_python_values(cells))
        suspect = self._suspect(array, cells)
        if suspect is not None:
            for at, value in zip(suspect, _python_values(cells.take(suspect)), strict=True):
                self._fit(int(at.as_py()), value)
        return _utc_texts(array) if self.column.keeps_offset else array

    def _vectorised(self, cells: pa.Array, target: pa.DataType) -> pa.Array | None:
        """A cast that is as strict as `fit`, or None where there is none. Values may still be out of bounds."""
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.types as pt

        kind, given = self.column.kind, cells.type
        text = _is_text(given)
        if text and kind is Kind.TEXT:
            return pc.cast(cells, target)
        if text and self.as_text:
            spelling = {
                Kind.INTEGER: WHOLE,
                Kind.DECIMAL: NUMBER,
                Kind.FLOAT: NUMBER,
                Kind.DATE: DAY,
                Kind.TIMESTAMP: MOMENT,
            }.get(kind)
            if spelling and pc.all(pc.match_substring_regex(cells, spelling), min_count=0).as_py():
                # Arrow reads no leading plus
                cells = pc.utf8_ltrim(cells, "+") if kind in (Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT) else cells
                return pc.cast(cells, target)
            return None
        if pt.is_integer(given) or pt.is_floating(given):
            if kind is Kind.DECIMAL:  # by way of text: exact, where a direct cast rounds or asks for more precision
                if pt.is_float16(given):  # Arrow writes more digits than mean it
                    return None
                return pc.cast(pc.cast(cells, pa.string()), target)
            if pt.is_integer(given) and self.column.precision == 24:
                cells = pc.cast(cells, pa.float32())  # refuses what would lose digits
            return pc.cast(cells, target) if kind in (Kind.INTEGER, Kind.FLOAT) else None
        if pt.is_decimal(given):
            return pc.cast(cells, target) if kind in (Kind.DECIMAL, Kind.INTEGER) else None
        if pt.is_boolean(given):
            return cells if kind is Kind.BOOLEAN else None
        if pt.is_date(given):
            return pc.cast(cells, target) if kind in (Kind.DATE, Kind.TIMESTAMP) else None
        if pt.is_timestamp(given) and kind is Kind.TIMESTAMP:
            return pc.cast(pc.cast(cells, pa.timestamp("us", given.tz)), target)  # an instant with a zone: in UTC
        if pt.is_timestamp(given) and kind is Kind.INSTANT and given.tz:
            # a zone has an offset for each season
            return None if self.column.keeps_offset and given.tz != "UTC" else pc.cast(cells, target)
        if pt.is_time(given):
            return pc.cast(cells, target) if kind is Kind.TIME else None
        if pt.is_binary(given) or pt.is_large_binary(given) or pt.is_fixed_size_binary(given):
            return pc.cast(cells, target) if kind is Kind.BINARY else None
        return None

    def _suspect(self, array: pa.Array, cells: pa.Array) -> pa.Array | None:
        """The positions of values that may break the column's bounds; `fit` decides. None: surely none does.

        `cells`: what `array` was cast from.
        """
        import pyarrow.compute as pc

        masks = [mask for mask in self._doubts(array, cells) if pc.any(mask, min_count=0).as_py()]
        if not masks:
            return None
        found = masks[0]
        for mask in masks[1:]:
            found = pc.or_(found, mask)
        return pc.indices_nonzero(pc.fill_null(found, False))

    def _doubts(self, array: pa.Array, cells: pa.Array) -> Iterator[pa.Array]:
        import pyarrow as pa
        import pyarrow.compute as pc

        column, kind = self.column, self.column.kind
        if kind is Kind.FLOAT:
            size = pc.abs(array)
            yield pc.invert(pc.is_finite(array))
            if column.maximum is not None:
                yield pc.greater(size, float(column.maximum))
            if column.minimum is not None:
                yield pc.and_(pc.less(size, float(column.minimum)), pc.greater(size, 0.0))
            if _is_text(cells.type):
                yield pc.and_(pc.equal(size, 0.0), pc.match_substring_regex(cells, _NOT_ZERO))
        elif kind is Kind.TEXT:
            size = pc.binary_length(array)  # of UTF-8: never less than characters, UTF-16 units or code page bytes
            if column.length is not None:
                yield pc.greater(size, column.length)
            if column.encoding not in (None, "utf-8", "utf-16-le"):
                yield pc.not_equal(size, pc.cast(pc.utf8_length(array), size.type))  # not plain ASCII
        elif kind is Kind.BINARY and column.length is not None:
            yield pc.greater(pc.binary_length(array), column.length)
        elif kind is Kind.INTEGER or (kind is Kind.DECIMAL and column.minimum is not None):
            bounds = whole_bounds(column) if kind is Kind.INTEGER else (column.minimum, column.maximum)
            low, high = (pa.scalar(bound, array.type) for bound in bounds)
            yield pc.or_(pc.less(array, low), pc.greater(array, high))
        elif kind in (Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT):
            low, high = (_moment_scalar(bound, array.type) for bound in (column.earliest, column.latest))
            yield pc.or_(pc.less(array, low), pc.greater(array, high))
        if column.grid is not None and kind in (Kind.TIMESTAMP, Kind.INSTANT, Kind.TIME):
            units, step = pc.cast(array, pa.int64()), column.grid.step_us
            rest = pc.subtract(units, pc.multiply(pc.divide(units, step), step))  # negative before 1970
            kept = [*column.grid.offsets_us, *(offset - step for offset in column.grid.offsets_us)]
            yield pc.and_(pc.is_valid(rest), pc.invert(pc.is_in(rest, pa.array(kept, pa.int64()))))

    def _one_by_one(self, values: Sequence[Any]) -> pa.Array:
        return carried(self.column, [self._fit(at, value) for at, value in enumerate(values)])

    def _fit(self, at: int, value: Any) -> Any:
        try:
            if isinstance(value, Misfit):
                raise value
            return fit(self.column, value, self.as_text)
        except Misfit as reason:
            raise _misfit(self.table, self.column, self.start + at, reason) from None


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow.types as pt

    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))


def _moment_scalar(moment: dt.datetime, kind: pa.DataType) -> pa.Scalar:
    import pyarrow as pa

    if pa.types.is_date(kind):
        return pa.scalar(moment.date(), kind)
    return pa.scalar(moment if kind.tz is None else moment.replace(tzinfo=dt.UTC), kind)


def _utc_texts(instants: pa.Array) -> pa.Array:
    """As `isoformat` writes them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.replace_substring(pc.cast(pc.cast(instants, pa.timestamp("us")), pa.string()), " ", "T")
    return pc.binary_join_element_wise(texts, "+00:00", "")


def _nan_to_null(cells: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    nan = pc.is_nan(cells)
    return pc.if_else(nan, pa.scalar(None, cells.type), cells) if pc.any(nan, min_count=0).as_py() else cells


def _python_values(cells: pa.Array) -> list[Any]:
    """Python values; one that Python cannot hold (a year after 9999) becomes its own `Misfit`."""
    import pyarrow.types as pt

    if pt.is_float16(cells.type) or pt.is_float32(cells.type):  # numpy's know their width; a null comes as NaN
        return list(cells.to_numpy(zero_copy_only=False))
    values: list[Any] = []
    for cell in cells:
        try:
            values.append(cell.as_py())
        except (ValueError, OverflowError):
            values.append(Misfit("is a date or time outside the years 1 to 9999, or finer than a microsecond"))
    return values
