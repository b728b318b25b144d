"""The copy-landing verb: the raw tables from one warehouse into another, where `dbt build` then makes all the others.

A few rows at a time, each chunk one commit, so that a copy that was stopped resumes where it ended and memory does not
grow with the landing. Only rows that are missing on the other side are added; none is changed. Each chunk is read back
and compared, payloads by their hash.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from extract import landing
from extract.catalogue.landing import ENTRIES
from extract.counted import counted
from extract.errors import UsageError, WarehouseError
from extract.settings import TARGETS, Settings, configuration, load_settings
from extract.warehouse import Warehouse, connect

# Values of a table's group column, the first and the last; None: the whole table.
_Group = tuple[Any, Any] | None
PREDICTIONS = "raw_esios.predictions"
PAYLOAD = "payload"


@dataclass(frozen=True)
class _Copied:
    """A table to copy: by values of `group`, and of each in the order of `clock`, which few of its rows share; `key`
    identifies them.
    """

    table: str
    group: str | None
    clock: str
    key: tuple[str, ...]
    rows_at_once: int = 2_000


_WINDOW = ("indicator_id", "window_start_utc", "window_end_utc")
# Payloads of some 400 KB: few at once for the memory, not fewer because DuckDB opens 2,048 to give any of them.
# Responses before their checks, as an extract lands them.
TABLES = (
    _Copied(landing.RESPONSES, "indicator_id", "extracted_at_utc", (*_WINDOW, "extracted_at_utc"), 64),
    _Copied(landing.CHECKS, "indicator_id", "checked_at_utc", (*_WINDOW, "checked_at_utc", "run_id")),
    _Copied(landing.RUNS, None, "started_at_utc", ("run_id",)),
    _Copied(ENTRIES, None, "indicator_id", ("indicator_id",)),
    _Copied(
        PREDICTIONS,
        "indicator_id",
        "period_start_utc",  # many may share the instant at which they were made
        ("forecast", "indicator_id", "period_start_utc", "predicted_at_utc"),
    ),
)


@dataclass(frozen=True)
class TableCopy:
    """What became of one table: the rows of the source, which the target has now, and how many were new there."""

    table: str
    rows: int
    copied: int
    sha256: str  # over all rows of the source in order, of payloads their own hash


def other_settings(target: str) -> Settings:
    """The configuration in force, for another warehouse."""
    if target not in TARGETS:
        raise UsageError(f"there is no warehouse engine {target!r}", f"name one of {', '.join(TARGETS)}")
    return load_settings({**os.environ, **configuration(), "ESIOS_TARGET": target})


def copy_landing(here: Settings, there: Settings, say: Callable[[str], None]) -> list[TableCopy]:
    """Copy the raw tables from `here` to `there`; what was done, table by table.

    `UsageError` where both are the same, nothing is landed, or the other side holds rows of another source.
    `WarehouseError` where a row does not arrive as it was.
    """
    if here.target == there.target:
        raise UsageError(f"the landing is on {here.target} already", "name another warehouse with --to")
    with connect(here, read_only=True) as source, connect(there) as target:
        recorded = landing.recorded_source(source) if source.exists(landing.SOURCE) else None
        if recorded is None:
            raise UsageError(f"nothing is landed on {here.target}", "run `esios extract` first, or set ESIOS_TARGET")
        target.ensure_schema()
        _claim(target, recorded)
        source.allow_payloads()
        target.allow_payloads()
        done = []
        for copied in TABLES:
            if source.exists(copied.table):
                done.append(_copy_table(source, target, copied))
                say(f"{copied.table}: {counted(done[-1].rows, 'row')}, {done[-1].copied} copied now, all verified")
        return done


def _claim(target: Warehouse, recorded: str) -> None:
    """The other side is of the same source or of none yet."""
    held = landing.recorded_source(target)
    if held not in (None, recorded):
        raise UsageError(
            f"the other warehouse holds rows from {held}, this one from {recorded}",
            "rows of two sources never share a warehouse: name an empty one; nothing was copied",
        )

    def work() -> None:
        with target.lock(landing.LOCK, landing.SOURCE):
            landing.claim_source(target, recorded)

    target.atomically(work)


@dataclass(frozen=True)
class _Chunk:
    """Rows of a table, in the order of their keys: what one commit copies, and what is then compared."""

    copied: _Copied
    names: tuple[str, ...]
    group: _Group
    keys: list[tuple[Any, ...]]  # (clock, *key)

    @property
    def between(self) -> tuple[Any, Any]:
        """The first and the last clock."""
        return self.keys[0][0], self.keys[-1][0]

    def missing_in(self, warehouse: Warehouse) -> set[tuple[Any, ...]]:
        """The keys that a warehouse does not have."""
        return set(self.keys) - set(_keys(warehouse, self.copied, self.group, self.between))

    def rows(self, warehouse: Warehouse) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """The whole rows of the keys, in their order."""
        where, values = _where(self.copied, self.group, self.between)
        at = [self.names.index(name) for name in (self.copied.clock, *self.copied.key)]
        select = f"select {', '.join(self.names)} from {self.copied.table}{where}"
        keys = set(self.keys)
        rows = warehouse.rows(select, values, batch=self.copied.rows_at_once)
        found = {key: row for row in rows if (key := tuple(row[place] for place in at)) in keys}
        return {key: found[key] for key in sorted(found)}


def _copy_table(source: Warehouse, target: Warehouse, copied: _Copied) -> TableCopy:
    names = tuple(column.name for column in source.columns(copied.table))
    rows = added = 0
    total = hashlib.sha256()
    for group in _groups(source, copied):
        keys = _keys(source, copied, group)
        rows += len(keys)
        for start in range(0, len(keys), copied.rows_at_once):
            chunk = _Chunk(copied, names, group, keys[start : start + copied.rows_at_once])
            here = chunk.rows(source)
            added += _copy_chunk(here, target, chunk)
            total.update(_verified(here, target, chunk))
    return TableCopy(copied.table, rows, added, total.hexdigest())


def _groups(warehouse: Warehouse, copied: _Copied) -> list[_Group]:
    """The values of the group, from and to: a large one alone, of small ones as many as make a chunk."""
    if copied.group is None:
        return [None]
    sql = f"select {copied.group}, count(*) from {copied.table} group by {copied.group} order by {copied.group}"
    groups: list[_Group] = []
    rows = 0
    for value, count in warehouse.rows(sql):
        if groups and groups[-1] and rows + count <= copied.rows_at_once:
            groups[-1] = (groups[-1][0], value)
            rows += count
        else:
            groups.append((value, value))
            rows = count
    return groups


def _keys(
    warehouse: Warehouse, copied: _Copied, group: _Group, between: tuple[Any, Any] | None = None
) -> list[tuple[Any, ...]]:
    """(clock, *key) of the rows of a group in their order, with `between` only those whose clock lies there."""
    where, values = _where(copied, group, between)
    listed = ", ".join((copied.clock, *copied.key))
    return sorted(warehouse.rows(f"select {listed} from {copied.table}{where}", values))


def _where(copied: _Copied, group: _Group, between: tuple[Any, Any] | None) -> tuple[str, list[Any]]:
    limits = [(copied.group, group), (copied.clock, between)]
    conditions = [f"{column} between ? and ?" for column, limit in limits if limit]
    values = [value for _, limit in limits if limit for value in limit]
    return (f" where {' and '.join(conditions)}" if conditions else ""), values


def _copy_chunk(here: dict[tuple[Any, ...], tuple[Any, ...]], target: Warehouse, chunk: _Chunk) -> int:
    """Add the rows of a chunk that are missing in the target, in one commit; their count."""

    def work() -> int:
        with target.lock(landing.LOCK, chunk.copied.table):
            missing = chunk.missing_in(target)
            rows = [dict(zip(chunk.names, row, strict=True)) for key, row in here.items() if key in missing]
            target.append(chunk.copied.table, rows)
            return len(missing)

    return target.atomically(work)


def _verified(here: dict[tuple[Any, ...], tuple[Any, ...]], target: Warehouse, chunk: _Chunk) -> bytes:
    """The hash of a chunk's rows, the same on both sides; `WarehouseError` otherwise."""
    there = chunk.rows(target)
    hashes = [_hash(chunk.names, rows) for rows in (here, there)]
    if hashes[0] != hashes[1]:
        first, last = chunk.between
        of_group = ""
        if chunk.group:
            to = f" to {chunk.group[1]}" if chunk.group[1] != chunk.group[0] else ""
            of_group = f" of {chunk.copied.group} {chunk.group[0]}{to}"
        raise WarehouseError(
            f"{chunk.copied.table}{of_group}: the rows with {chunk.copied.clock} from {first} to {last} are"
            f" {len(here)} here and {len(there)} there, or differ",
            "what was copied before stays; look at these rows on both sides, then run it again",
        )
    return hashes[0]


def _hash(names: Sequence[str], rows: dict[tuple[Any, ...], tuple[Any, ...]]) -> bytes:
    hashed = hashlib.sha256()
    for row in rows.values():
        columns = zip(names, row, strict=True)
        hashed.update(repr([_canonical(name, value) for name, value in columns]).encode())
    return hashed.digest()


def _canonical(name: str, value: Any) -> Any:
    """A value as text that is the same on every engine: of a payload its hash, of a date no time."""
    if name == PAYLOAD:
        return hashlib.sha256(value.encode()).hexdigest()
    if name.startswith("requested_") and isinstance(value, date):
        return f"{value:%Y-%m-%d}"
    return str(value) if isinstance(value, datetime | date) else value
