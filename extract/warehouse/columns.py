"""The checks before a load: columns matched by name, every value held against the table's type. No engine, no I/O.

`fit` is the one definition of what fits where, value by value. Columns of Arrow data go through vectorised casts that
are at least as strict; only where such a cast refuses is `fit` asked, which then either names the row or, for a
spelling that the cast does not know, converts it.
"""

from __future__ import annotations

import datetime as dt
import difflib
import math
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation, localcontext
from typing import TYPE_CHECKING, Any, TypeGuard

from extract.errors import UsageError
from extract.warehouse.tables import ROW_NUMBER, Column, Kind

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

BATCH_ROWS = 65_536
BATCH_BYTES = 32 * 1024 * 1024
INT64 = (-(2**63), 2**63 - 1)
_UNWRITTEN = "mend the data; nothing was written"

# One spelling a kind, the same for Python's `re` and Arrow's RE2, so that both ways read the same texts.
_WHOLE = r"^[+-]?[0-9]+$"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?)?$"
_ANY_MOMENT = re.compile(
    r"^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[ T]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:\.([0-9]{1,9}))?"
    r" ?(Z|[+-][0-9]{2}:?[0-9]{2})?)?$"
)
_CLOCK = re.compile(r"^([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:\.([0-9]{1,9}))?$")
_WORDS = {"true": True, "t": True, "yes": True, "1": True, "false": False, "f": False, "no": False, "0": False}


class Misfit(Exception):
    """A value that its column cannot take; the text says why."""


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


# -------------------------------------------------------------------- one value
def is_missing(value: Any) -> bool:
    """None, NaN, NaT and pandas' NA: all of them are NULL, on every engine."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, Decimal)) and math.isnan(value)


def fit(column: Column, value: Any, as_text: bool = False) -> Any:
    """`value` as the plain Python value that `column` keeps without loss, None for a missing one.

    `as_text`: `value` is text as a CSV file holds it. Raises `Misfit` with the reason.
    """
    read = as_text and isinstance(value, str) and column.kind not in (Kind.TEXT, Kind.OTHER)
    if is_missing(value) or (read and not value.strip()):
        if not column.nullable:
            raise Misfit("is missing, and the column is NOT NULL")
        return None
    if type(value).__module__ == "numpy":
        value = _from_numpy(value)
    if read:
        return _FIT[column.kind](column, _READ[column.kind](value.strip()))
    return _FIT[column.kind](column, value)


def _from_numpy(value: Any) -> Any:
    if type(value).__name__ != "datetime64":
        return value.item() if getattr(value, "ndim", 1) == 0 else value
    rounded = value.astype("datetime64[us]")
    if rounded != value:
        raise Misfit(f"{value} is finer than a microsecond")
    return rounded.item()


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, (str, bytes)) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _wrong(value: Any, wanted: str) -> Misfit:
    names = {str: "text", bytes: "binary", bool: "true/false"}
    kind = names.get(type(value), f"of type {type(value).__name__}")
    return Misfit(f"{_shown(value)} is {kind}, not {wanted}")


def _whole(column: Column, value: Any) -> int:
    if isinstance(value, (float, Decimal)):
        if not math.isfinite(value):
            raise Misfit(f"{value} is no whole number")
        if value != int(value):
            raise Misfit(f"{_shown(value)} would lose its fraction")
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(value, "a whole number")
    low, high = _bounds(column)
    if not low <= value <= high:
        raise Misfit(f"{_shown(value)} is out of range ({low} to {high})")
    return value


def _bounds(column: Column) -> tuple[int, int]:
    low = INT64[0] if column.minimum is None else int(column.minimum)
    return low, INT64[1] if column.maximum is None else int(column.maximum)


def _decimal(column: Column, value: Any) -> Decimal:
    if isinstance(value, float):
        value = Decimal(repr(value))  # the shortest text that means this float
    elif isinstance(value, int) and not isinstance(value, bool):
        value = Decimal(value)
    if not isinstance(value, Decimal):
        raise _wrong(value, "a number")
    if not value.is_finite():
        raise Misfit(f"{value} is no finite number")
    precision, scale = column.precision or 38, column.scale or 0
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    trailing = len(digits) - len("".join(map(str, digits)).rstrip("0"))
    if value and exponent + trailing < -scale:
        raise Misfit(f"{_shown(value)} has more than {scale} decimal{'' if scale == 1 else 's'}")
    if value and value.adjusted() >= precision - scale:
        raise Misfit(f"{_shown(value)} is out of range ({precision - scale} digits before the point)")
    with localcontext(prec=precision + scale):
        return value.quantize(Decimal(1).scaleb(-scale))


def _float(column: Column, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise _wrong(value, "a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or (column.maximum is not None and abs(number) > column.maximum):
        raise Misfit(f"{_shown(value)} is out of range" if math.isfinite(value) else f"{value} is no finite number")
    exact = number == value if isinstance(value, int) else Decimal(repr(number)) == value
    if not isinstance(value, float) and not exact:
        raise Misfit(f"{_shown(value)} would lose digits in {column.type}")
    return number


def _text(column: Column, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(value, "text")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise Misfit(f"{_shown(value)!a} holds half a surrogate pair, which is no text") from None
    if column.encoding is None:
        size, unit = len(value), "characters"
    else:
        try:
            size = len(value.encode(column.encoding))
        except UnicodeEncodeError as error:
            raise Misfit(f"{_shown(value)} holds {value[error.start]!r}, which {column.type} cannot keep") from None
        unit = f"bytes in {column.encoding}"
        if column.encoding == "utf-16-le":
            size, unit = size // 2, "characters"
    if column.length is not None and size > column.length:
        raise Misfit(f"{_shown(value)} has {size} {unit}, more than the {column.length} of {column.type}")
    return value


def _binary(column: Column, value: Any) -> bytes:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise _wrong(value, "binary")
    content = bytes(value)
    if column.length is not None and len(content) > column.length:
        raise Misfit(f"{len(content)} bytes are more than the {column.length} of {column.type}")
    return content


def _boolean(column: Column, value: Any) -> bool:  # noqa: ARG001 - one signature for all kinds
    if isinstance(value, (bool, int)) and value in (0, 1):
        return bool(value)
    raise _wrong(value, "true or false (1 or 0)")


def _plain_moment(value: Any) -> Any:
    """pandas' Timestamp as a datetime; finer than a microsecond is refused."""
    if getattr(value, "nanosecond", 0):
        raise Misfit(f"{value} is finer than a microsecond")
    return value.to_pydatetime() if hasattr(value, "to_pydatetime") else value


def _date(column: Column, value: Any) -> dt.date:
    value = _plain_moment(value)
    if isinstance(value, dt.datetime):
        if value.tzinfo is not None or value.time() != dt.time():
            raise Misfit(f"{value} is more than a date")
        value = value.date()
    if not isinstance(value, dt.date):
        raise _wrong(value, "a date")
    _check_year(column, value)
    return value


def _check_year(column: Column, value: dt.date) -> None:
    low, high = int(column.minimum or 1), int(column.maximum or 9999)
    if not low <= value.year <= high:
        raise Misfit(f"{value} is out of range (years {low} to {high})")


def _moment(column: Column, value: Any) -> dt.datetime:
    """A datetime with its zone as given; a date is its midnight."""
    value = _plain_moment(value)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time())
    if not isinstance(value, dt.datetime):
        raise _wrong(value, "a date and time")
    _check_fraction(column, value, value.microsecond)
    return value


def _check_fraction(column: Column, value: Any, microsecond: int) -> None:
    scale = 6 if column.scale is None else min(column.scale, 6)
    if microsecond % 10 ** (6 - scale):
        raise Misfit(f"{value} is finer than {column.type} keeps")


def _to_utc(value: dt.datetime) -> dt.datetime:
    try:
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
    except OverflowError:
        raise Misfit(f"{value} is out of range") from None


def _timestamp(column: Column, value: Any) -> dt.datetime:
    moment = _to_utc(_moment(column, value)).replace(tzinfo=None)
    _check_year(column, moment)
    return moment


def _instant(column: Column, value: Any) -> dt.datetime:
    moment = _to_utc(_moment(column, value))
    _check_year(column, moment)
    return moment


def _time(column: Column, value: Any) -> dt.time:
    if not isinstance(value, dt.time) or value.tzinfo is not None:
        raise _wrong(value, "a time of day")
    _check_fraction(column, value, value.microsecond)
    return value


def _uuid(column: Column, value: Any) -> str:  # noqa: ARG001
    try:
        return str(value if isinstance(value, uuid.UUID) else uuid.UUID(value))
    except (ValueError, AttributeError, TypeError):
        raise _wrong(value, "a UUID") from None


def _anything(column: Column, value: Any) -> Any:  # noqa: ARG001
    return value


_FIT: dict[Kind, Callable[[Column, Any], Any]] = {
    Kind.INTEGER: _whole,
    Kind.DECIMAL: _decimal,
    Kind.FLOAT: _float,
    Kind.TEXT: _text,
    Kind.BINARY: _binary,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.TIMESTAMP: _timestamp,
    Kind.INSTANT: _instant,
    Kind.TIME: _time,
    Kind.UUID: _uuid,
    Kind.OTHER: _anything,
}


# -------------------------------------------------------------------- texts, as CSV files hold them
def _read_number(text: str) -> Decimal:
    if re.match(_NUMBER, text):
        try:
            return Decimal(text)
        except InvalidOperation:
            pass
    comma = " (the decimal sign is a point)" if re.match(r"^[+-]?[0-9]+,[0-9]+$", text) else ""
    raise Misfit(f"{_shown(text)} is no number{comma}")


def _read_whole(text: str) -> int | Decimal:
    try:
        return int(text) if re.match(_WHOLE, text) else _read_number(text)
    except ValueError:  # Python reads no more than 4,300 digits
        raise Misfit(f"{_shown(text)} is out of range") from None


def _read_float(text: str) -> float:
    return float(_read_number(text))  # like any reader of decimals: the nearest float


def _read_date(text: str) -> dt.date:
    value = _read_moment(text)
    return value.date() if value.time() == dt.time() and value.tzinfo is None else value


def _read_moment(text: str) -> dt.datetime:
    parts = _ANY_MOMENT.match(text)
    if parts is None:
        raise Misfit(f"{_shown(text)} is no date and time (write yyyy-mm-dd HH:MM:SS)")
    day, clock, fraction, zone = parts.groups()
    if fraction and fraction[6:].strip("0"):
        raise Misfit(f"{_shown(text)} is finer than a microsecond")
    try:
        return dt.datetime.fromisoformat(
            f"{day}T{clock or '00:00'}{':00' if clock and len(clock) == 5 and fraction else ''}"
            + (f".{fraction[:6]:0<6}" if fraction else "")
            + (zone or "")
        )
    except ValueError as error:
        raise Misfit(f"{_shown(text)} is no possible date and time ({error})") from None


def _read_time(text: str) -> dt.time:
    parts = _CLOCK.match(text)
    if parts is None or (parts[2] and parts[2][6:].strip("0")):
        raise Misfit(f"{_shown(text)} is no time of day (write HH:MM:SS)")
    try:
        return dt.time.fromisoformat(parts[1] + (f".{parts[2][:6]:0<6}" if parts[2] else ""))
    except ValueError as error:
        raise Misfit(f"{_shown(text)} is no possible time of day ({error})") from None


def _read_boolean(text: str) -> bool:
    try:
        return _WORDS[text.lower()]
    except KeyError:
        raise Misfit(f"{_shown(text)} is neither true nor false (nor 1, 0, yes, no)") from None


def _read_binary(text: str) -> bytes:
    try:
        if text[:2] in ("0x", "0X"):
            return bytes.fromhex(text[2:])
    except ValueError:
        pass
    raise Misfit(f"{_shown(text)} is no binary (write it as 0x and pairs of hex digits)")


_READ: dict[Kind, Callable[[str], Any]] = {
    Kind.INTEGER: _read_whole,
    Kind.DECIMAL: _read_number,
    Kind.FLOAT: _read_float,
    Kind.BINARY: _read_binary,
    Kind.BOOLEAN: _read_boolean,
    Kind.DATE: _read_date,
    Kind.TIMESTAMP: _read_moment,
    Kind.INSTANT: _read_moment,
    Kind.TIME: _read_time,
    Kind.UUID: str,
}


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
    """The Arrow type that carries `column`'s values to the engine; None for OTHER, which goes as it comes."""
    import pyarrow as pa

    if column.kind is Kind.INTEGER:
        low, high = _bounds(column)
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


def as_arrow(columns: Sequence[Column], tuples: Sequence[tuple[Any, ...]]) -> pa.Table:
    """Tuples of fitting values as an Arrow table."""
    import pyarrow as pa

    arrays = [
        pa.array(list(values), arrow_type(column))
        for column, values in zip(columns, zip(*tuples, strict=True), strict=True)
    ]
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
    (datetimes among dates, nanoseconds), a guessed float may round (large integers among floats).
    """
    import pyarrow.types as pt

    sure = (pt.is_string, pt.is_large_string, pt.is_binary, pt.is_boolean, pt.is_integer, pt.is_decimal, pt.is_null)
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
        names = [*(column.name for column in self.columns), ROW_NUMBER]
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
            return pa.nulls(len(cells), target)
        if pt.is_floating(cells.type):
            cells = _nan_to_null(cells)
        try:
            array = self._vectorised(cells, target)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            array = None
        if array is None:
            return self._one_by_one(_python_values(cells))
        suspect = self._suspect(array)
        if suspect is not None:
            for at, value in zip(suspect, _python_values(array.take(suspect)), strict=True):
                self._fit(int(at), value, as_text=False)
        return array

    def _vectorised(self, cells: pa.Array, target: pa.DataType) -> pa.Array | None:
        """A cast that is as strict as `fit`, or None where there is none. Values may still be out of bounds."""
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.types as pt

        kind, given = self.column.kind, cells.type
        text = pt.is_string(given) or pt.is_large_string(given) or pt.is_string_view(given)
        if text and kind is Kind.TEXT:
            return pc.cast(cells, target)
        if text and self.as_text:
            spelling = {
                Kind.INTEGER: _WHOLE,
                Kind.DECIMAL: _NUMBER,
                Kind.FLOAT: _NUMBER,
                Kind.DATE: _DAY,
                Kind.TIMESTAMP: _MOMENT,
            }.get(kind)
            if spelling and pc.all(pc.match_substring_regex(cells, spelling), min_count=0).as_py():
                # Arrow reads no leading plus
                cells = pc.utf8_ltrim(cells, "+") if kind in (Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT) else cells
                return pc.cast(cells, target)
            return None
        if pt.is_integer(given) or pt.is_floating(given):
            if kind is Kind.DECIMAL:  # by way of text: exact, where a direct cast rounds or asks for more precision
                return pc.cast(pc.cast(cells, pa.string()), target)
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
            return pc.cast(cells, target)
        if pt.is_time(given):
            return pc.cast(cells, target) if kind is Kind.TIME else None
        if pt.is_binary(given) or pt.is_large_binary(given) or pt.is_fixed_size_binary(given):
            return pc.cast(cells, target) if kind is Kind.BINARY else None
        return None

    def _suspect(self, array: pa.Array) -> pa.Array | None:
        """The positions of values that may break the column's bounds; `fit` decides. None: surely none does."""
        import pyarrow as pa
        import pyarrow.compute as pc

        column = self.column
        mask = None
        if column.kind is Kind.INTEGER:
            low, high = (pa.scalar(bound, array.type) for bound in _bounds(column))
            mask = pc.or_(pc.less(array, low), pc.greater(array, high))
        elif column.kind is Kind.FLOAT:
            limit = math.inf if column.maximum is None else float(column.maximum)
            mask = pc.or_(pc.invert(pc.is_finite(array)), pc.greater(pc.abs(array), limit))
        elif column.kind is Kind.TEXT:
            size = pc.binary_length(array)  # of UTF-8: never less than characters, UTF-16 units or code page bytes
            if column.length is not None:
                mask = pc.greater(size, column.length)
            if column.encoding not in (None, "utf-8", "utf-16-le"):
                foreign = pc.not_equal(size, pc.cast(pc.utf8_length(array), size.type))  # not plain ASCII
                mask = foreign if mask is None else pc.or_(mask, foreign)
        elif column.kind is Kind.BINARY and column.length is not None:
            mask = pc.greater(pc.binary_length(array), column.length)
        elif column.kind in (Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT):
            years = pc.year(array)
            mask = pc.or_(pc.less(years, int(column.minimum or 1)), pc.greater(years, int(column.maximum or 9999)))
        if column.kind in (Kind.TIMESTAMP, Kind.INSTANT, Kind.TIME) and column.scale is not None and column.scale < 6:
            units = pc.cast(array, pa.int64())
            step = 10 ** (6 - column.scale)
            uneven = pc.not_equal(pc.multiply(pc.divide(units, step), step), units)
            mask = uneven if mask is None else pc.or_(mask, uneven)
        if mask is None or not pc.any(mask, min_count=0).as_py():
            return None
        return pc.indices_nonzero(pc.fill_null(mask, False))

    def _one_by_one(self, values: Sequence[Any]) -> pa.Array:
        import pyarrow as pa

        fitting = [self._fit(at, value, self.as_text) for at, value in enumerate(values)]
        return pa.array(fitting, arrow_type(self.column))

    def _fit(self, at: int, value: Any, as_text: bool) -> Any:
        try:
            if isinstance(value, Misfit):
                raise value
            return fit(self.column, value, as_text)
        except Misfit as reason:
            raise _misfit(self.table, self.column, self.start + at, reason) from None


def _nan_to_null(cells: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    nan = pc.is_nan(cells)
    return pc.if_else(nan, pa.scalar(None, cells.type), cells) if pc.any(nan, min_count=0).as_py() else cells


def _python_values(cells: pa.Array) -> list[Any]:
    """Python values; one that Python cannot hold (a year after 9999) becomes its own `Misfit`."""
    values: list[Any] = []
    for cell in cells:
        try:
            values.append(cell.as_py())
        except (ValueError, OverflowError):
            values.append(Misfit("is a date or time outside the years 1 to 9999, or finer than a microsecond"))
    return values
