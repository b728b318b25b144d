"""Column types × values at their bounds and just beyond, for each engine.

SQL Server's from Microsoft's Transact-SQL reference, "Data types", a page a type; DuckDB's from the "Data types" of its
manual.
What a driver cannot carry (nanoseconds, more than 38 digits) is beyond a bound of ours.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Bounds:
    """`fits`: (text as in a CSV file, value). `breaks`: (text, value or None where Python has none, the reason)."""

    fits: tuple[tuple[str, Any], ...]
    breaks: tuple[tuple[str, Any, str], ...]


def _whole(low: int, high: int) -> Bounds:
    return Bounds(
        fits=((str(low), low), (str(high), high), ("0", 0), ("1.0", 1)),
        breaks=(
            (str(low - 1), low - 1, f"is out of range ({low} to {high})"),
            (str(high + 1), high + 1, f"is out of range ({low} to {high})"),
            ("1e999999999", None, "is out of range"),
            ("0.5", 0.5, "would lose its fraction"),
            ("one", "one", "not a"),
        ),
    )


def _decimal(precision: int, scale: int) -> Bounds:
    most = Decimal(10) ** (precision - scale) if precision > scale else Decimal(1)
    last = Decimal((0, (9,) * precision, -scale))
    finest = Decimal((0, (1,), -scale))
    too_fine = Decimal((0, (1,), -scale - 1))
    return Bounds(
        fits=tuple((f"{value:f}", value) for value in (last, last.copy_negate(), finest, Decimal((0, (0,), -scale)))),
        breaks=(
            (f"{most:f}", most, "is out of range"),
            (f"-{most:f}", most.copy_negate(), "is out of range"),
            (f"{too_fine:f}", too_fine, f"has more than {scale} decimal"),
            ("1e400", None, "is out of range"),
        ),
    )


def _money(least: str, most: str, below: str, above: str) -> Bounds:
    reason = f"is out of range ({least} to {most})"
    return Bounds(
        fits=tuple((text, Decimal(text)) for text in (least, most, "0.0001", "-0.0001")),
        breaks=(
            (below, Decimal(below), reason),
            (above, Decimal(above), reason),
            ("0.00001", Decimal("0.00001"), "has more than 4 decimals"),
            ("1,5", "1,5", "not a"),
        ),
    )


def _text(*fits: str, breaks: tuple[tuple[str, str], ...]) -> Bounds:
    return Bounds(tuple((text, text) for text in fits), tuple((text, text, reason) for text, reason in breaks))


def _binary(*fits: bytes, breaks: tuple[tuple[bytes, str], ...] = ()) -> Bounds:
    return Bounds(
        fits=tuple((f"0x{value.hex()}", value) for value in fits),
        breaks=(*((f"0x{value.hex()}", value, why) for value, why in breaks), ("ff", "ff", "binary")),
    )


def _moments(fits: tuple[str, ...], breaks: tuple[tuple[str, str], ...]) -> Bounds:
    return Bounds(
        fits=tuple((text, dt.datetime.fromisoformat(text)) for text in fits),
        breaks=tuple((text, _moment(text), why) for text, why in breaks),
    )


def _moment(text: str) -> dt.datetime | None:
    """None where the text is finer, or later, than Python's own type."""
    try:
        return dt.datetime.fromisoformat(text) if len(text.rpartition(".")[2].partition("+")[0]) < 7 else None
    except ValueError:
        return None


_DATES = Bounds(
    fits=tuple((text, dt.date.fromisoformat(text)) for text in ("0001-01-01", "9999-12-31", "2024-02-29")),
    breaks=(
        ("0000-12-31", None, "is not a valid date"),
        ("10000-01-01", None, "is not a valid date"),
        ("2023-02-29", None, "is not a valid date"),
        ("2023-01-01 00:00:01", dt.datetime(2023, 1, 1, 0, 0, 1), "is more than a date"),
    ),
)
_UUIDS = Bounds(
    fits=tuple((str(uuid.UUID(int=n)), uuid.UUID(int=n)) for n in (0, 2**128 - 1)),
    breaks=(("123", "123", "not a UUID"), ("g" * 32, "g" * 32, "not a UUID")),
)
_BOOLEANS = Bounds(
    fits=(("0", False), ("1", True), ("false", False), ("True", True)),
    breaks=(("2", 2, "true"), ("-1", -1, "true"), ("maybe", "maybe", "true")),
)
_FOREVER = ("0001-01-01 00:00:00.000001", "9999-12-31 23:59:59.999999", "2018-10-28 02:30:00")
_NO_MOMENT = (
    ("0000-12-31 23:59:59", "is not a valid date and time"),
    ("10000-01-01 00:00:00", "is not a valid date and time"),
    ("2018-10-28 24:00:01", "is not a valid date and time"),
    ("9999-12-31 23:59:59.9999999", "is finer than a microsecond"),
)


def _times(digits: int, *breaks: tuple[str, Any, str]) -> Bounds:
    last = "23:59:59" + (f".{'9' * min(digits, 6)}" if digits else "")
    return Bounds(
        fits=(("00:00:00", dt.time(0)), (last, dt.time.fromisoformat(last)), ("05:30", dt.time(5, 30))),
        breaks=(
            ("24:00:00", None, "is not a valid time of day"),
            ("23:59:60", None, "is not a valid time of day"),
            ("23:59:59.9999999", None, "is finer than a microsecond"),
            *breaks,
        ),
    )


SQL_SERVER = {
    "bit": _BOOLEANS,
    "tinyint": _whole(0, 255),
    "smallint": _whole(-32_768, 32_767),
    "int": _whole(-2_147_483_648, 2_147_483_647),
    "bigint": _whole(-9_223_372_036_854_775_808, 9_223_372_036_854_775_807),
    "decimal(5,2)": _decimal(5, 2),
    "numeric(19,4)": _decimal(19, 4),
    "decimal(38,0)": _decimal(38, 0),
    "decimal(38,10)": _decimal(38, 10),
    "decimal(38,38)": _decimal(38, 38),
    "money": _money("-922337203685477.5808", "922337203685477.5807", "-922337203685477.5809", "922337203685477.5808"),
    "smallmoney": _money("-214748.3648", "214748.3647", "-214748.3649", "214748.3648"),
    "float": Bounds(
        fits=(
            ("1.7976931348623157e308", 1.7976931348623157e308),
            ("-2.2250738585072014e-308", -2.2250738585072014e-308),
            ("0.1", 0.1),
            ("0e-999", 0.0),
        ),
        breaks=(
            ("1e400", None, "is out of range"),
            ("-1.8e308", None, "is out of range"),
            ("2.2250738585072009e-308", 2.2250738585072009e-308, "is out of range"),
            ("1e-400", None, "is out of range"),
            ("inf", float("inf"), "is not a"),
            ("9007199254740993", 9007199254740993, "would lose digits"),
        ),
    ),
    "real": Bounds(
        fits=(
            ("3.4028234663852886e38", 3.4028234663852886e38),
            ("-1.1754943508222875e-38", -1.1754943508222875e-38),
            ("16777216", 16777216.0),
            ("-0.5", -0.5),
        ),
        breaks=(
            ("3.4028236e38", 3.4028236e38, "is out of range"),
            ("1.17549e-38", 1.17549e-38, "is out of range"),
            ("1e400", None, "is out of range"),
            ("16777217", 16777217, "would lose digits"),
        ),
    ),
    "date": _DATES,
    "datetime": _moments(
        fits=(
            "1753-01-01 00:00:00",
            "9999-12-31 23:59:59.997",
            "2018-10-28 02:30:00.003",
            "1899-12-31 23:59:59.007",
            "1969-12-31 23:59:59.993",
            "2018-10-28 02:30:00.990",
        ),
        breaks=(
            ("1752-12-31 23:59:59.997", "is out of range (1753-01-01 00:00:00 to 9999-12-31 23:59:59.997000)"),
            ("9999-12-31 23:59:59.998", "is out of range"),
            ("2018-10-28 02:30:00.001", "is finer than datetime keeps (thousandths of a second that end in 0, 3 or 7)"),
            ("1969-12-31 23:59:59.995", "is finer than datetime keeps"),
            ("2018-10-28 02:30:00.003333", "is finer than datetime keeps"),
        ),
    ),
    "smalldatetime": _moments(
        fits=("1900-01-01 00:00:00", "2079-06-06 23:59:00", "1969-12-31 23:59:00"),
        breaks=(
            ("1899-12-31 23:59:00", "is out of range (1900-01-01 00:00:00 to 2079-06-06 23:59:00)"),
            ("2079-06-07 00:00:00", "is out of range"),
            ("2018-10-28 02:30:29", "is finer than smalldatetime keeps (whole minutes)"),
            ("1969-12-31 23:59:59", "is finer than smalldatetime keeps"),
            ("2018-10-28 02:30:00.5", "is finer than smalldatetime keeps"),
        ),
    ),
    "datetime2(7)": _moments(_FOREVER, _NO_MOMENT),
    "datetime2(3)": _moments(
        ("0001-01-01 00:00:00.001", "9999-12-31 23:59:59.999"),
        (("1969-12-31 23:59:59.9995", "is finer than datetime2(3) keeps (3 decimals of a second)"),),
    ),
    "datetime2(0)": _moments(
        ("0001-01-01 00:00:00", "9999-12-31 23:59:59"),
        (("2018-10-28 02:30:00.1", "is finer than datetime2(0) keeps (whole seconds)"),),
    ),
    "datetimeoffset(7)": _moments(
        fits=(
            "0001-01-01 14:00:00+14:00",
            "9999-12-31 09:59:59.999999-14:00",
            "2018-10-28 02:30:00+02:00",
            "2018-10-28 02:30:00+01:00",
            "1969-12-31 23:59:59.999999-00:01",
        ),
        breaks=(
            ("0001-01-01 13:59:59+14:00", "is out of range"),
            ("9999-12-31 10:00:00-14:00", "is out of range"),
            ("2018-10-28 02:30:00+14:01", "has an offset that datetimeoffset("),
            ("2018-10-28 02:30:00-15:00", "has an offset that datetimeoffset("),
            ("2018-10-28 02:30:00.1234567+01:00", "is finer than a microsecond"),
        ),
    ),
    "datetimeoffset(0)": _moments(
        ("2018-10-28 02:30:00+05:45",), (("2018-10-28 02:30:00.5+05:45", "is finer than datetimeoffset(0) keeps"),)
    ),
    "time(7)": _times(7),
    "time(0)": _times(0, ("05:30:00.5", dt.time(5, 30, 0, 500_000), "is finer than time(0) keeps (whole seconds)")),
    "char(3)": _text("a€x", breaks=(("abcd", "more than the 3 of char(3)"), ("电", "which char(3) cannot keep"))),
    "varchar(20)": _text(
        *("Península €", "trailing  ", "x" * 20),
        breaks=(("x" * 21, "more than the 20 of varchar(20)"), ("Ω", "which varchar(20) cannot keep")),
    ),
    "varchar(8000)": _text("x" * 8000, breaks=(("x" * 8001, "has 8001 bytes in cp1252, more than the 8000"),)),
    "varchar(max)": _text("x" * 9000, breaks=()),
    "nchar(3)": _text("ñ€x", "😀x", breaks=(("😀😀", "has 4 characters, more than the 3"),)),
    "nvarchar(4000)": _text(
        *("電" * 4000, "😀" * 2000),
        breaks=(("電" * 4001, "more than the 4000"), ("😀" * 2000 + "x", "has 4001 characters")),
    ),
    "nvarchar(max)": _text("x" * 9000, "😀" * 5000, "trailing  ", " leading", 'a\r\nb\t"q"\\', breaks=()),
    "binary(3)": _binary(b"\x00\x01\xff", breaks=((b"1234", "has 4 bytes, more than the 3 of binary(3)"),)),
    "varbinary(8000)": _binary(b"", b"\xff" * 8000, breaks=((b"\xff" * 8001, "has 8001 bytes, more than the 8000"),)),
    "varbinary(max)": _binary(bytes(range(256)) * 40),
    "uniqueidentifier": _UUIDS,
}

DUCKDB = {
    "boolean": _BOOLEANS,
    "tinyint": _whole(-128, 127),
    "smallint": _whole(-32_768, 32_767),
    "integer": _whole(-2_147_483_648, 2_147_483_647),
    "bigint": _whole(-9_223_372_036_854_775_808, 9_223_372_036_854_775_807),
    "utinyint": _whole(0, 255),
    "usmallint": _whole(0, 65_535),
    "uinteger": _whole(0, 4_294_967_295),
    "ubigint": _whole(0, 18_446_744_073_709_551_615),
    "hugeint": _whole(1 - 10**38, 10**38 - 1),
    "uhugeint": _whole(0, 10**38 - 1),
    "decimal(5,2)": _decimal(5, 2),
    "decimal(18,4)": _decimal(18, 4),
    "decimal(38,0)": _decimal(38, 0),
    "decimal(38,38)": _decimal(38, 38),
    "double": Bounds(
        fits=(
            ("1.7976931348623157e308", 1.7976931348623157e308),
            ("5e-324", 5e-324),
            ("-0.1", -0.1),
            ("0e-999", 0.0),
        ),
        breaks=(
            ("1e400", None, "is out of range"),
            ("1e-400", None, "is out of range"),
            ("nan", "nan", "not a number"),
            ("9007199254740993", 9007199254740993, "would lose digits"),
        ),
    ),
    "real": Bounds(
        fits=(("3.4028234663852886e38", 3.4028234663852886e38), ("16777216", 16777216.0), ("-0.5", -0.5)),
        breaks=(
            ("3.4028236e38", 3.4028236e38, "is out of range"),
            ("1e400", None, "is out of range"),
            ("16777217", 16777217, "would lose digits"),
        ),
    ),
    "date": _DATES,
    "timestamp": _moments(_FOREVER, _NO_MOMENT),
    "timestamp_s": _moments(
        ("0001-01-01 00:00:00", "9999-12-31 23:59:59"), (("2018-10-28 02:30:00.1", "is finer than TIMESTAMP_S keeps"),)
    ),
    "timestamp_ms": _moments(
        ("0001-01-01 00:00:00.001", "9999-12-31 23:59:59.999"),
        (("1969-12-31 23:59:59.9995", "is finer than TIMESTAMP_MS keeps (3 decimals of a second)"),),
    ),
    "timestamp_ns": _moments(
        ("1677-09-21 00:12:43.145225", "2262-04-11 23:47:16.854775"),
        (
            ("1677-09-21 00:12:43.145224", "is out of range"),
            (
                "2262-04-11 23:47:16.854776",
                "is out of range (1677-09-21 00:12:43.145225 to 2262-04-11",
            ),
        ),
    ),
    "timestamptz": _moments(
        ("0001-01-01 14:00:00+14:00", "9999-12-31 09:59:59.999999-14:00", "2018-10-28 02:30:00+02:00"),
        (
            ("0001-01-01 13:59:59+14:00", "is out of range"),
            ("9999-12-31 10:00:00-14:00", "is out of range"),
            ("2018-10-28 02:30:00.1234567+01:00", "is finer than a microsecond"),
        ),
    ),
    "time": _times(6),
    "varchar": _text("x" * 9000, "😀" * 5000, "trailing  ", 'a\r\nb\t"q"\\', breaks=()),
    "blob": _binary(b"", bytes(range(256)) * 40),
    "uuid": _UUIDS,
}

# In DuckDB's words, in which the lake's connector takes its DDL: all the types that Delta has too.
_IN_DELTA = (
    *("boolean", "tinyint", "smallint", "integer", "bigint", "decimal(5,2)", "decimal(18,4)", "decimal(38,0)"),
    *("decimal(38,38)", "double", "real", "date", "timestamp", "varchar", "blob"),
)
TYPE_BOUNDS = {"sqlserver": SQL_SERVER, "duckdb": DUCKDB, "spark": {name: DUCKDB[name] for name in _IN_DELTA}}


def grouped(types: dict[str, Bounds]) -> dict[str, dict[str, Bounds]]:
    """Types that hold values of one kind, by the kind's name."""
    groups: dict[str, dict[str, Bounds]] = {}
    for spelled, bounds in types.items():
        kind = type(bounds.fits[0][1])
        name = {int: "numbers", float: "numbers", Decimal: "numbers", dt.time: "moments", dt.date: "moments"}.get(
            kind, {dt.datetime: "moments", bytes: "binary"}.get(kind, "others")
        )
        groups.setdefault(name, {})[spelled] = bounds
    return groups
