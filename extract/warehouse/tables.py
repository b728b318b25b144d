"""What the connector says about tables: names, columns, keys, streamed rows. No I/O, no engine, nothing heavy."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from extract.errors import UsageError

_CLOSING = {'"': '"', "[": "]"}


@dataclass(frozen=True)
class TableName:
    """A table's schema and name, as they are (unquoted). `schema=None` means the engine's target schema."""

    schema: str | None
    name: str

    @classmethod
    def parse(cls, text: str) -> TableName:
        """Read `table`, `schema.table`, or either part quoted: `"any.thing"`, `[any thing]`.

        Inside quotes every character stands for itself and the closing one is doubled (`"a ""b"" c"`, `[a]]b]`).
        `UsageError` if the text is empty, a quote stays open, or there are more than two parts.

        >>> TableName.parse('raw_esios."odd.name"')
        TableName(schema='raw_esios', name='odd.name')
        """
        parts = list(_parts(text))
        if len(parts) > 2:
            raise UsageError(
                f"the table name {text!r} has {len(parts)} parts",
                "write it as table or schema.table; the database comes from the configuration",
            )
        return cls(parts[0] if len(parts) == 2 else None, parts[-1])

    def within(self, schema: str) -> TableName:
        """The same name with `schema` filled in where there was none."""
        return self if self.schema is not None else TableName(schema, self.name)

    def __str__(self) -> str:
        return self.name if self.schema is None else f"{self.schema}.{self.name}"


def _parts(text: str) -> Iterator[str]:
    remedy = 'write it as table or schema.table, a part with dots inside as "a.b"'
    at = 0
    while True:
        closing = _CLOSING.get(text[at : at + 1])
        if closing is None:
            end = text.find(".", at)
            end = len(text) if end < 0 else end
            part = text[at:end].strip()
        else:
            part, end = "", at + 1
            while True:
                close = text.find(closing, end)
                if close < 0:
                    raise UsageError(f"the table name {text!r} opens a quote that nothing closes", remedy)
                part += text[end:close]
                end = close + 1
                if text[end : end + 1] != closing:
                    break
                part += closing
                end += 1
        if not part or "\0" in part or (end < len(text) and text[end] != "."):
            raise UsageError(f"{text!r} is not a valid table name", remedy)
        yield part
        if end >= len(text):
            return
        at = end + 1


class Kind(StrEnum):
    """What a column holds, whatever the engine calls its type."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    TEXT = "text"
    BINARY = "binary"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"  # without a zone; the project's instants are naive UTC
    INSTANT = "instant"  # with a zone or an offset
    TIME = "time"
    UUID = "uuid"
    OTHER = "other"  # passed to the engine as it is, which may refuse it


@dataclass(frozen=True)
class Grid:
    """The moments that a column of dates and times keeps: `offsets_us` within each step of `step_us` microseconds."""

    step_us: int
    words: str  # for messages
    offsets_us: tuple[int, ...] = (0,)

    @classmethod
    def of_decimals(cls, digits: int) -> Grid | None:
        """For a fraction of `digits` decimals of a second; None from 6 on: a microsecond is all that drivers carry."""
        words = {0: "whole seconds", 1: "1 decimal of a second"}
        return None if digits >= 6 else cls(10 ** (6 - digits), words.get(digits, f"{digits} decimals of a second"))

    def holds(self, moment: dt.datetime) -> bool:
        """Whether `moment` is one of them."""
        microseconds = (moment.replace(tzinfo=None) - dt.datetime.min) // dt.timedelta(microseconds=1)
        return microseconds % self.step_us in self.offsets_us


@dataclass(frozen=True)
class Column:
    """One column of a table, in the terms that the checks before a load need.

    `type` is the engine's own spelling, for messages. Bounds are included: `minimum` and `maximum` of the numbers of
    INTEGER and DECIMAL and of the size of FLOAT's (0 always fits); `earliest` and `latest` of DATE, TIMESTAMP and
    INSTANT, naive UTC. `precision` and `scale` count the decimal digits of DECIMAL; a FLOAT of `precision` 24 keeps as
    many binary digits. `grid` says which moments TIMESTAMP, INSTANT and TIME keep; None: every microsecond.
    `keeps_offset`: an INSTANT is kept with the offset it came with, not in UTC. `length` bounds TEXT and BINARY,
    counted in bytes of `encoding`, or in characters where `encoding` is None; with `encoding="utf-16-le"` it counts
    16-bit units, as SQL Server's nvarchar(n) does. A character that `encoding` does not know is refused.
    """

    name: str
    type: str
    kind: Kind
    nullable: bool = True
    has_default: bool = False
    generated: bool = False  # identity, computed, rowversion, period: the engine fills it, a file must not
    length: int | None = None
    encoding: str | None = None
    precision: int | None = None
    scale: int | None = None
    minimum: int | float | Decimal | None = None
    maximum: int | float | Decimal | None = None
    earliest: dt.datetime = dt.datetime.min
    latest: dt.datetime = dt.datetime.max
    grid: Grid | None = None
    keeps_offset: bool = False

    @property
    def may_be_absent(self) -> bool:
        """Whether a file may leave the column out: the engine then stores NULL, its default or its own value."""
        return self.nullable or self.has_default or self.generated


def row_number_name(columns: Iterable[str]) -> str:
    """What the staging table for `columns` calls its last column, which no column of the data may be called.

    It holds the 1-based number of the data row, so that a fault found by SQL can name it.
    """
    taken = {name.casefold() for name in columns}
    name = "_esios_row_number"
    while name in taken:
        name += "_"
    return name


@dataclass(frozen=True)
class Key:
    """A primary or unique key: its columns in the key's order."""

    columns: tuple[str, ...]
    primary: bool = False


@dataclass(frozen=True)
class Upserted:
    """What an upsert did, in rows."""

    inserted: int
    updated: int


class Rows:
    """Streamed result: iterate once for tuples of plain Python values; `columns` names them in order.

    Every engine gives the same Python types: int, float, decimal.Decimal, str, bytes, bool, datetime.date,
    datetime.datetime (naive; with tzinfo UTC for INSTANT), datetime.time, uuid.UUID, None.
    """

    def __init__(self, columns: Iterable[str], tuples: Iterable[tuple[Any, ...]]) -> None:
        self.columns = tuple(columns)
        self._tuples = tuples

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self._tuples)


def missing_table(table: TableName, existing: Iterable[TableName]) -> UsageError:
    """The error for a table that is not there: names it and the nearest ones that are."""
    spelled = {str(name).casefold(): str(name) for name in existing}
    bare = {str(name).rpartition(".")[2].casefold(): str(name) for name in spelled.values()}
    near = [spelled[n] for n in difflib.get_close_matches(str(table).casefold(), spelled, n=3, cutoff=0.6)]
    near += [bare[n] for n in difflib.get_close_matches(table.name.casefold(), bare, n=3, cutoff=0.6)]
    listed = list(dict.fromkeys(near)) or sorted(spelled.values())[:10]
    remedy = f"did you mean {' or '.join(listed[:4])}?" if near else f"existing tables: {', '.join(listed) or 'none'}"
    return UsageError(f"table {table} does not exist", f"{remedy} (tables are made by dbt or by you, never by a load)")
