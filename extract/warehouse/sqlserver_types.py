"""SQL Server's types as the checks before a load need them. No I/O.

Sources: Microsoft's Transact-SQL reference, "Data types", a page a type: bounds, digits, grids.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from extract.warehouse.tables import Column, Grid, Kind

_WHOLE_NUMBERS = {
    "tinyint": (0, 255),
    "smallint": (-(2**15), 2**15 - 1),
    "int": (-(2**31), 2**31 - 1),
    "bigint": (-(2**63), 2**63 - 1),
}
_MONEY: dict[str, dict[str, Any]] = {
    "money": {"precision": 19, "minimum": Decimal("-922337203685477.5808"), "maximum": Decimal("922337203685477.5807")},
    "smallmoney": {"precision": 10, "minimum": Decimal("-214748.3648"), "maximum": Decimal("214748.3647")},
}


def column_of(
    name: str,
    type_name: str | None,
    max_length: int,
    precision: int,
    scale: int,
    nullable: bool,
    has_default: int,
    generated: int,
    collation: str | None,
    code_page: int | None,
) -> Column:
    """One row of the catalogue as the checks need it. `max_length` counts bytes, -1 is `max`."""
    spelled = (type_name or "unknown").lower()
    common: dict[str, Any] = {
        "nullable": bool(nullable),
        "has_default": bool(has_default),
        "generated": bool(generated) or spelled in ("timestamp", "rowversion"),
    }
    if spelled in _WHOLE_NUMBERS:
        low, high = _WHOLE_NUMBERS[spelled]
        return Column(name, spelled, Kind.INTEGER, minimum=low, maximum=high, **common)
    if spelled in ("decimal", "numeric"):
        return Column(name, f"{spelled}({precision},{scale})", Kind.DECIMAL, precision=precision, scale=scale, **common)
    if spelled in _MONEY:
        return Column(name, spelled, Kind.DECIMAL, scale=4, **_MONEY[spelled], **common)
    if spelled in ("varchar", "char", "nvarchar", "nchar", "text", "ntext", "varbinary", "binary", "image"):
        return _sized(name, spelled, max_length, collation, code_page, common)
    if spelled in ("datetime2", "datetimeoffset", "time"):
        kind = {"datetime2": Kind.TIMESTAMP, "datetimeoffset": Kind.INSTANT, "time": Kind.TIME}[spelled]
        typed = f"{spelled}({scale})"
        return Column(name, typed, kind, grid=Grid.of_decimals(scale), keeps_offset=kind is Kind.INSTANT, **common)
    traits = _OTHERS.get(spelled, {"kind": Kind.OTHER})
    return Column(name, spelled, **traits, **common)


_OTHERS: dict[str, dict[str, Any]] = {
    # No denormal numbers: the documented range is -max to -min, 0, min to max.
    "float": {"kind": Kind.FLOAT, "minimum": 2.2250738585072014e-308, "maximum": 1.7976931348623157e308},
    "real": {"kind": Kind.FLOAT, "precision": 24, "minimum": 1.1754943508222875e-38, "maximum": 3.4028234663852886e38},
    "bit": {"kind": Kind.BOOLEAN},
    "date": {"kind": Kind.DATE},
    "datetime": {
        "kind": Kind.TIMESTAMP,
        # counts 1/300 s, and shows them as .000, .003, .007
        "grid": Grid(10_000, "thousandths of a second that end in 0, 3 or 7", (0, 3_000, 7_000)),
        "earliest": dt.datetime(1753, 1, 1),
        "latest": dt.datetime(9999, 12, 31, 23, 59, 59, 997_000),
    },
    "smalldatetime": {
        "kind": Kind.TIMESTAMP,
        "grid": Grid(60_000_000, "whole minutes"),
        "earliest": dt.datetime(1900, 1, 1),
        "latest": dt.datetime(2079, 6, 6, 23, 59),
    },
    "uniqueidentifier": {"kind": Kind.UUID},
}


def _sized(
    name: str, spelled: str, max_length: int, collation: str | None, code_page: int | None, common: dict[str, Any]
) -> Column:
    wide = spelled in ("nvarchar", "nchar", "ntext")
    unlimited = max_length < 0 or spelled in ("text", "ntext", "image")
    length = None if unlimited else max_length // 2 if wide else max_length
    size = "" if spelled in ("text", "ntext", "image") else "(max)" if length is None else f"({length})"
    if spelled in ("varbinary", "binary", "image"):
        return Column(name, spelled + size, Kind.BINARY, length=length, **common)
    encoding = "utf-16-le" if wide else _encoding(collation, code_page)
    return Column(name, spelled + size, Kind.TEXT, length=length, encoding=encoding, **common)


def _encoding(collation: str | None, code_page: int | None) -> str:
    """Python's name of a varchar's encoding, from its collation."""
    if code_page == 65001 or (collation or "").upper().endswith("_UTF8"):
        return "utf-8"
    return f"cp{code_page or 1252}"
