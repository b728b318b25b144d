"""One value against its column: whether it fits without loss, and how the text of a CSV file is read. No engine.

`fit` is the one definition of what fits where.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import struct
import uuid
from collections.abc import Callable
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

from extract.warehouse.tables import Column, Kind

INT64 = (-(2**63), 2**63 - 1)
# One spelling a kind, the same for Python's `re` and Arrow's RE2, so that both ways read the same texts.
WHOLE = r"^[+-]?[0-9]+$"
NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?)?$"
_ANY_MOMENT = re.compile(
    r"^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[ T]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:\.([0-9]{1,9}))?"
    r" ?(Z|[+-][0-9]{2}:?[0-9]{2})?)?$"
)
_CLOCK = re.compile(r"^([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:\.([0-9]{1,9}))?$")
_WORDS = {"true": True, "t": True, "yes": True, "1": True, "false": False, "f": False, "no": False, "0": False}
# No column holds a whole number of more digits; to write such a number out could take all memory (1e999999999).
_MOST_DIGITS = 40
# SQL Server's own bound for the offset of a datetimeoffset.
_MOST_OFFSET = dt.timedelta(hours=14)
_TOO_FINE = "is finer than a microsecond"


class Misfit(Exception):
    """A value that its column cannot take: `value` (None: it is missing, or cannot be shown) and the reason."""

    def __init__(self, reason: str, value: Any = None) -> None:
        super().__init__(reason if value is None else f"{shown(value)} {reason}")
        self.reason = reason


def shown(value: Any) -> str:
    """A value as messages quote it."""
    text = ascii(value) if isinstance(value, str) and not _is_unicode(value) else None
    text = text or (repr(value) if isinstance(value, (str, bytes)) else str(value))
    return text if len(text) <= 60 else text[:57] + "..."


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


# -------------------------------------------------------------------- the one definition
def is_missing(value: Any) -> bool:
    """None, NaN, NaT and pandas' NA: all of them are NULL, on every engine."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, Decimal)) and math.isnan(value)


def fit(column: Column, value: Any, as_text: bool = False) -> Any:
    """`value` as the plain Python value that `column` keeps without loss, None for a missing one.

    `as_text`: `value` is text as a CSV file holds it. Raises `Misfit` with the reason, which quotes the value as given.
    """
    read = as_text and isinstance(value, str) and column.kind not in (Kind.TEXT, Kind.OTHER)
    if type(value).__module__ == "numpy":
        value = _from_numpy(column, value)
    if is_missing(value) or (read and not value.strip()):
        if not column.nullable:
            raise Misfit("is missing, and the column is NOT NULL")
        return None
    if read:
        try:
            return _FIT[column.kind](column, _READ[column.kind](value.strip()))
        except Misfit as misfit:
            raise Misfit(misfit.reason, value.strip()) from None
    return _FIT[column.kind](column, value)


def _from_numpy(column: Column, value: Any) -> Any:
    name = type(value).__name__
    if name in ("float16", "float32") and column.kind is Kind.DECIMAL:
        return Decimal(str(value))  # the shortest text that means it, which is longer for the same number as a float
    if name != "datetime64":
        return value.item() if getattr(value, "ndim", 1) == 0 else value
    rounded = value.astype("datetime64[us]")
    if rounded.item() is None:  # NaT
        return None
    if rounded != value:
        raise Misfit(_TOO_FINE, value)
    return rounded.item()


def _wrong(value: Any, wanted: str) -> Misfit:
    names = {str: "text", bytes: "binary", bool: "true/false"}
    kind = names.get(type(value), f"of type {type(value).__name__}")
    return Misfit(f"is {kind}, not {wanted}", value)


def _is_finite(value: float | Decimal) -> bool:
    return value.is_finite() if isinstance(value, Decimal) else isinstance(value, int) or math.isfinite(value)


def _whole(column: Column, value: Any) -> int:
    given = value
    low, high = whole_bounds(column)
    out_of_range = Misfit(f"is out of range ({low} to {high})", given)
    if isinstance(value, (float, Decimal)):
        if not _is_finite(value):
            raise Misfit("is not a finite number", given)
        if isinstance(value, Decimal) and value and value.adjusted() > _MOST_DIGITS:
            raise out_of_range
        if value != int(value):
            raise Misfit("would lose its fraction", given)
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(given, "a whole number")
    if not low <= value <= high:
        raise out_of_range
    return value


def whole_bounds(column: Column) -> tuple[int, int]:
    """The least and the greatest whole number of an INTEGER column."""
    low = INT64[0] if column.minimum is None else int(column.minimum)
    return low, INT64[1] if column.maximum is None else int(column.maximum)


def _decimal(column: Column, value: Any) -> Decimal:
    given = value
    if isinstance(value, float):
        value = Decimal(repr(value))  # the shortest text that means this float
    elif isinstance(value, int) and not isinstance(value, bool):
        value = Decimal(value)
    if not isinstance(value, Decimal):
        raise _wrong(given, "a number")
    if not _is_finite(value):
        raise Misfit("is not a finite number", given)
    precision, scale = column.precision or 38, column.scale or 0
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    trailing = len(digits) - len("".join(map(str, digits)).rstrip("0"))
    if value and exponent + trailing < -scale:
        raise Misfit(f"has more than {scale} decimal{'' if scale == 1 else 's'}", given)
    if column.minimum is not None and column.maximum is not None and not column.minimum <= value <= column.maximum:
        raise Misfit(f"is out of range ({column.minimum} to {column.maximum})", given)
    if value and value.adjusted() >= precision - scale:
        raise Misfit(f"is out of range ({precision - scale} digits before the point)", given)
    with localcontext(prec=precision + scale):
        return value.quantize(Decimal(1).scaleb(-scale))


def _float(column: Column, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise _wrong(value, "a number")
    if not _is_finite(value):
        raise Misfit("is not a finite number", value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    size = abs(number)
    if math.isinf(number) or (column.maximum is not None and size > column.maximum) or (value and not number):
        raise Misfit("is out of range", value)
    if number and column.minimum is not None and size < column.minimum:
        raise Misfit(f"is out of range (nothing between 0 and {column.minimum} fits)", value)
    if not isinstance(value, float) and not _is_exact(column, number, value):
        raise Misfit(f"would lose digits in {column.type}", value)
    return number


def _is_exact(column: Column, number: float, value: int | Decimal) -> bool:
    """Whether the column's nearest number to `value` still shows it: an integer itself, a decimal by its digits."""
    if column.precision == 24:
        number = struct.unpack("f", struct.pack("f", number))[0]
    if isinstance(value, int):
        return number == value
    if column.precision == 24:
        return any(Decimal(f"{number:.{digits}g}") == value for digits in range(1, 10))
    return Decimal(repr(number)) == value


def _text(column: Column, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(value, "text")
    if not _is_unicode(value):
        raise Misfit("holds half a surrogate pair, which is not text", value)
    if column.encoding is None:
        size, unit = len(value), "characters"
    else:
        try:
            size = len(value.encode(column.encoding))
        except UnicodeEncodeError as error:
            raise Misfit(f"holds {value[error.start]!r}, which {column.type} cannot keep", value) from None
        unit = f"bytes in {column.encoding}"
        if column.encoding == "utf-16-le":
            size, unit = size // 2, "characters"
    if column.length is not None and size > column.length:
        raise Misfit(f"has {size} {unit}, more than the {column.length} of {column.type}", value)
    return value


def _binary(column: Column, value: Any) -> bytes:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise _wrong(value, "binary")
    content = bytes(value)
    if column.length is not None and len(content) > column.length:
        raise Misfit(f"has {len(content)} bytes, more than the {column.length} of {column.type}", content)
    return content


def _boolean(column: Column, value: Any) -> bool:  # noqa: ARG001 - one signature for all kinds
    if isinstance(value, (bool, int)) and value in (0, 1):
        return bool(value)
    raise _wrong(value, "true or false (1 or 0)")


# -------------------------------------------------------------------- dates and times
def _date(column: Column, value: Any) -> dt.date:
    plain = _plain_moment(value)
    if isinstance(plain, dt.datetime):
        if plain.tzinfo is not None or plain.time() != dt.time():
            raise Misfit("is more than a date", value)
        plain = plain.date()
    if not isinstance(plain, dt.date):
        raise _wrong(value, "a date")
    _check_bounds(column, dt.datetime.combine(plain, dt.time()), value)
    return plain


def _timestamp(column: Column, value: Any) -> dt.datetime:
    moment = _in_utc(_moment(value), value).replace(tzinfo=None)
    _check_bounds(column, moment, value)
    _check_grid(column, moment, value)
    return moment


def _instant(column: Column, value: Any) -> dt.datetime:
    moment = _moment(value)
    utc = _in_utc(moment, value)
    _check_bounds(column, utc.replace(tzinfo=None), value)
    _check_grid(column, utc, value)
    offset = moment.utcoffset()
    if not column.keeps_offset or offset is None:
        return utc
    if offset % dt.timedelta(minutes=1) or abs(offset) > _MOST_OFFSET:
        raise Misfit(f"has an offset that {column.type} cannot keep (whole minutes, at most 14 hours)", value)
    return moment.astimezone(dt.timezone(offset))


def _time(column: Column, value: Any) -> dt.time:
    if not isinstance(value, dt.time) or value.tzinfo is not None:
        raise _wrong(value, "a time of day")
    _check_grid(column, dt.datetime.combine(dt.date.min, value), value)
    return value


def _moment(value: Any) -> dt.datetime:
    """A datetime with its zone as given; a date is its midnight."""
    plain = _plain_moment(value)
    if isinstance(plain, dt.date) and not isinstance(plain, dt.datetime):
        plain = dt.datetime.combine(plain, dt.time())
    if not isinstance(plain, dt.datetime):
        raise _wrong(value, "a date and time")
    return plain


def _plain_moment(value: Any) -> Any:
    """pandas' Timestamp as a datetime; finer than a microsecond is refused."""
    if getattr(value, "nanosecond", 0):
        raise Misfit(_TOO_FINE, value)
    return value.to_pydatetime() if hasattr(value, "to_pydatetime") else value


def _in_utc(moment: dt.datetime, value: Any) -> dt.datetime:
    try:
        return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
    except OverflowError:
        raise Misfit("is out of range", value) from None


def _check_bounds(column: Column, utc: dt.datetime, value: Any) -> None:
    if not column.earliest <= utc <= column.latest:
        raise Misfit(f"is out of range ({column.earliest} to {column.latest})", value)


def _check_grid(column: Column, moment: dt.datetime, value: Any) -> None:
    if column.grid is not None and not column.grid.holds(moment):
        raise Misfit(f"is finer than {column.type} keeps ({column.grid.words})", value)


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
# A reader's `Misfit` needs no value: `fit` quotes the text as it stands in the file.
def _read_number(text: str) -> Decimal:
    if re.match(NUMBER, text):
        try:
            return Decimal(text)
        except InvalidOperation:  # an exponent of twenty digits
            raise Misfit("is out of range") from None
    comma = " (the decimal sign is a point)" if re.match(r"^[+-]?[0-9]+,[0-9]+$", text) else ""
    raise Misfit(f"is not a number{comma}")


def _read_whole(text: str) -> int | Decimal:
    try:
        return int(text) if re.match(WHOLE, text) else _read_number(text)
    except ValueError:  # Python reads no more than 4,300 digits
        raise Misfit("is out of range") from None


def _read_float(text: str) -> float:
    """Like any reader of decimals: the nearest float. One that is nearest to 0 or to infinity is not it."""
    exact = _read_number(text)
    number = float(exact)
    if math.isinf(number) or (exact and not number):
        raise Misfit("is out of range")
    return number


def _read_date(text: str) -> dt.date:
    value = _parsed_moment(text, "a valid date (use yyyy-mm-dd)")
    return value.date() if value.time() == dt.time() and value.tzinfo is None else value


def _read_moment(text: str) -> dt.datetime:
    return _parsed_moment(text, "a valid date and time (use yyyy-mm-dd HH:MM:SS)")


def _parsed_moment(text: str, wanted: str) -> dt.datetime:
    parts = _ANY_MOMENT.match(text)
    if parts is None:
        raise Misfit(f"is not {wanted}")
    day, clock, fraction, zone = parts.groups()
    if fraction and fraction[6:].strip("0"):
        raise Misfit(_TOO_FINE)
    try:
        return dt.datetime.fromisoformat(
            f"{day}T{clock or '00:00'}{':00' if clock and len(clock) == 5 and fraction else ''}"
            + (f".{fraction[:6]:0<6}" if fraction else "")
            + (zone or "")
        )
    except ValueError as error:
        raise Misfit(f"is not {wanted}: {error}") from None


def _read_time(text: str) -> dt.time:
    parts = _CLOCK.match(text)
    if parts is None:
        raise Misfit("is not a valid time of day (use HH:MM:SS)")
    if parts[2] and parts[2][6:].strip("0"):
        raise Misfit(_TOO_FINE)
    try:
        return dt.time.fromisoformat(parts[1] + (f".{parts[2][:6]:0<6}" if parts[2] else ""))
    except ValueError as error:
        raise Misfit(f"is not a valid time of day (use HH:MM:SS): {error}") from None


def _read_boolean(text: str) -> bool:
    try:
        return _WORDS[text.lower()]
    except KeyError:
        raise Misfit("is neither true nor false (nor 1, 0, yes, no)") from None


def _read_binary(text: str) -> bytes:
    try:
        if text[:2] in ("0x", "0X"):
            return bytes.fromhex(text[2:])
    except ValueError:
        pass
    raise Misfit("is not binary (write 0x and pairs of hex digits)")


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
