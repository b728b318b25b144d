"""The connector's protocol: few verbs, the same on every engine; an engine fills in the abstract ones in one file.

The loading verbs work alike everywhere, in this order: match and check the columns; stream the checked rows into an
empty staging table; verify the staged count; then, in ONE transaction: look for key clashes, write, commit. Any fault
leaves the target as it was. Identifiers are always quoted (`quote`), values always bound (`?`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias, TypeVar

from extract.counted import counted
from extract.errors import UsageError, WarehouseError
from extract.warehouse.tables import Column, Key, Rows, TableName, Upserted, missing_table, row_number_name

if TYPE_CHECKING:  # heavy: a command that moves no frames must not pay for them
    import pandas as pd
    import pyarrow as pa

    from extract.warehouse.columns import Source

T = TypeVar("T")
Data: TypeAlias = "pd.DataFrame | pa.Table | pa.RecordBatchReader | Iterable[pa.RecordBatch] | Source"
RAW_SCHEMA = "raw_esios"
A_FEW = 50


class Warehouse(ABC):
    """An open connection to one warehouse. Use as a context manager; not to be shared between threads.

    Errors: `UsageError` (exit 2) where the caller's table, columns or rows do not fit, nothing written;
    `WarehouseError` (exit 5) where the warehouse itself fails.
    """

    engine: ClassVar[str]  # the word in ESIOS_TARGET

    ddl: ClassVar[str]  # the folder of the packaged DDL

    exclusive: ClassVar[bool] = False  # whether an open connection keeps every other process out

    default_schema: str  # where a table name without a schema lives: the schema of the marts

    def __init__(self) -> None:
        self._depth = 0

    # ---------------------------------------------------------------- life
    @abstractmethod
    def close(self) -> None:
        """Roll back what is open and let go of the connection. Twice does no harm."""

    def close_for_now(self) -> None:
        """Close, to be opened again soon: an engine may leave for the last close what tidies its file up."""
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---------------------------------------------------------------- names
    def quote(self, *names: str) -> str:
        """Identifiers quoted and joined by dots: `"schema"."table"`, any character inside."""
        return ".".join('"' + name.replace('"', '""') + '"' for name in names)

    def resolve(self, table: TableName | str) -> TableName:
        """A table's full name: text is parsed, a missing schema becomes `default_schema`."""
        name = TableName.parse(table) if isinstance(table, str) else table
        return name.within(self.default_schema)

    def sql_name(self, table: TableName | str) -> str:
        """The table's full, quoted name, to be put into a statement."""
        name = self.resolve(table)
        return self.quote(name.schema or self.default_schema, name.name)

    # ---------------------------------------------------------------- catalogue
    @abstractmethod
    def tables(self) -> list[TableName]:
        """Every table and view that the user can see, system ones left out."""

    @abstractmethod
    def find_columns(self, table: TableName) -> list[Column]:
        """The columns of a table or view in their order; empty if there is no such table. `table` has its schema."""

    @abstractmethod
    def find_keys(self, table: TableName) -> list[Key]:
        """The primary key first, then unique constraints and unique indexes (unfiltered). `table` has its schema."""

    def exists(self, table: TableName | str) -> bool:
        """Whether the table or view is there."""
        return bool(self.find_columns(self.resolve(table)))

    def columns(self, table: TableName | str) -> list[Column]:
        """The columns of a table or view, in order. `UsageError` names a missing table and the nearest existing."""
        name = self.resolve(table)
        found = self.find_columns(name)
        if not found:
            raise missing_table(name, self.tables())
        return found

    def keys(self, table: TableName | str) -> list[Key]:
        """The primary and unique keys of a table, the primary key first."""
        return self.find_keys(self.resolve(table))

    # ---------------------------------------------------------------- DDL
    def ensure_schema(self, schema: str = RAW_SCHEMA) -> None:
        """Make every packaged table of `schema` that is not there yet; no DDL is tried where all are.

        The files are `ddl/<folder>/<schema>.sql` (the schema) and `ddl/<folder>/<schema>.<table>.sql` (one each), so
        that an administrator can review and run them beforehand, and the extractor then needs no DDL rights.
        """
        names = sorted(name for name in packaged_ddl(self.ddl) if name.startswith(f"{schema}.") and name != schema)
        absent = [table for name in names if not self.exists(table := TableName(schema, name[len(schema) + 1 :]))]
        if not absent:
            return
        with self.transaction(), self.lock(f"ddl {schema}"):
            self.run_script(read_ddl(self.ddl, schema))
            for table in absent:
                if not self.exists(table):  # another process may have been first, before the lock was ours
                    self.run_script(read_ddl(self.ddl, f"{schema}.{table.name}"))

    @abstractmethod
    def run_script(self, script: str) -> None:
        """Run the text of a packaged DDL file: several statements, in the engine's own way of separating them."""

    # ---------------------------------------------------------------- transactions
    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: commit at the end of the block, roll back on any exception. A nested one joins the outer."""
        if self._depth:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
            return
        self.begin()
        self._depth = 1
        try:
            yield
        except BaseException:
            self._depth = 0
            self.rollback()
            raise
        self._depth = 0
        self.commit()

    @property
    def in_transaction(self) -> bool:
        """Whether a `transaction()` block is open."""
        return self._depth > 0

    @abstractmethod
    def begin(self) -> None:
        """Open the outermost transaction. For `transaction()` only."""

    @abstractmethod
    def commit(self) -> None:
        """Commit it; on failure roll back and raise. For `transaction()` only."""

    @abstractmethod
    def rollback(self) -> None:
        """Roll it back; must not raise (the connection may be gone). For `transaction()` only."""

    @abstractmethod
    def lock(self, name: str, *tables: TableName | str) -> AbstractContextManager[None]:
        """Keep every other process out of the same-named block, until the surrounding transaction ends.

        Only inside `transaction()`. `WarehouseError` if the lock does not come free in time. `tables`: those that the
        block both reads and writes, on what it read. An engine without locks lets the commit fail instead where one of
        them was written in a same-named block meanwhile; then `atomically` does the work again.
        """

    def atomically(self, work: Callable[[], T]) -> T:
        """Run `work` in one transaction and give what it returns.

        An engine with deadlock victims, or one whose commit may come second, overrides this to run `work` again as a
        whole; so `work` must be repeatable.
        Inside an open transaction it joins that one, and nothing is repeated.
        """
        with self.transaction():
            return work()

    # ---------------------------------------------------------------- statements
    def for_insert(self, table: TableName | str) -> str:
        """What an INSERT into `table` is to name, inside a transaction: the table itself, or what collects its rows."""
        return self.sql_name(table)

    def for_update(self, table: TableName | str) -> str:
        """What an UPDATE or DELETE on `table` is to name, inside a transaction; see `for_insert`."""
        return self.sql_name(table)

    @abstractmethod
    def execute(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Run one statement with its values bound to `?`; gives the rows it touched (-1 where unknown)."""

    @abstractmethod
    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each tuple of values, in one transaction."""

    @abstractmethod
    def rows(self, sql: str, params: Sequence[Any] = (), batch: int = 10_000) -> Rows:
        """A query's rows as a stream of tuples, `batch` fetched at a time; see `Rows` for the types.

        Read to the end before the next statement on the same connection.
        """

    @abstractmethod
    def batches(self, sql: str, params: Sequence[Any] = (), size: int = 65_536) -> pa.RecordBatchReader:
        """The same as a stream of Arrow record batches of `size` rows at most, for Parquet and other columnar uses.

        The types are the engine's nearest (`columns.arrow_type` says what a table's column is to be cast to). Read to
        the end before the next statement.
        """

    def query(self, sql: str, params: Sequence[Any] = ()) -> pd.DataFrame:
        """A query's rows as a DataFrame, of the same dtypes on every engine.

        int64 (Int64 with nulls), float64, bool (boolean with nulls), str, datetime64[us]; other types as objects.
        """
        from extract.warehouse.frames import frame

        return frame(self.rows(sql, params))

    def records(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """A query's rows, each as column → plain Python value: for a few of them, without a DataFrame library."""
        rows = self.rows(sql, params)
        return [dict(zip(rows.columns, row, strict=True)) for row in rows]

    def first(self, sql: str, params: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """A query's first row, None if there is none; the result is read to its end."""
        found = list(self.rows(sql, params))
        return found[0] if found else None

    def value(self, sql: str, params: Sequence[Any] = ()) -> Any:
        """The first column of a query's first row, None if there is no row."""
        found = self.first(sql, params)
        return found[0] if found else None

    def sort_key(self, column: Column) -> str:
        """What to order by for the same order on every engine: nulls first, texts by code point."""
        name = self.quote(column.name)
        return f"case when {name} is null then 0 else 1 end, {name}" if column.nullable else name

    @abstractmethod
    def micros(self, instant: str) -> str:
        """The SQL for the microseconds from 1970 to `instant`, SQL of a naive timestamp: the same whole number
        everywhere, with which plain arithmetic does what the engines' date functions do each in its own way.
        """

    def allow_payloads(self) -> None:  # noqa: B027 - most engines need nothing
        """Before many payloads are read: give the engine the memory that this takes."""

    # ---------------------------------------------------------------- loading
    def append(self, table: TableName | str, data: Data | Sequence[Mapping[str, Any]]) -> int:
        """Add rows to an existing table and give their count.

        A sequence of mappings (column → Python value) is the light way for a few rows: checked like any other, sent
        bound, no DataFrame library imported. More than `A_FEW` rows, a table with keys, and anything else go the way of
        `bulk_load`.
        """
        from extract.warehouse import columns as check

        name = self.resolve(table)
        if not check.is_mappings(data):
            return self.bulk_load(data, name)
        plan, tuples = check.checked_rows(data, self.columns(name), str(name))
        if len(tuples) > A_FEW or (tuples and self.keys(name)):
            return self.bulk_load(check.as_arrow(plan, tuples), name)
        names = ", ".join(self.quote(column.name) for column in plan)
        marks = ", ".join(map(self.mark, plan))
        values = f"({names}) values ({marks})"
        if tuples:
            self.atomically(lambda: self.execute_many(f"insert into {self.for_insert(name)} {values}", tuples))
        return len(tuples)

    def bulk_load(self, data: Data, table: TableName | str, *, as_text: bool = False) -> int:
        """Append a DataFrame, an Arrow table or a stream of record batches to an EXISTING table; gives the row count.

        Columns are matched by name, in any order; each value is checked against the table's type before anything is
        written. `as_text`: every cell is text as a CSV file holds it, to be read by the table's types.
        `UsageError` names the column, the row (1-based) and the remedy; then nothing was written.
        """
        return self._load(data, self.resolve(table), None, as_text).inserted

    def upsert(
        self, data: Data, table: TableName | str, key: Sequence[str] | None = None, *, as_text: bool = False
    ) -> Upserted:
        """Update the rows whose key is there already, insert the others; twice gives the same table.

        `key`: column names; by default the table's primary key, else its only unique key. Columns that the data leave
        out keep their values. Staged rows, then UPDATE and INSERT in one transaction: no MERGE, which has known races.
        """
        name = self.resolve(table)
        columns = self.columns(name)
        return self._load(data, name, self._key(name, columns, key), as_text)

    def _key(self, table: TableName, columns: list[Column], key: Sequence[str] | None) -> tuple[str, ...]:
        from extract.warehouse.columns import match_one

        if key:
            return tuple(dict.fromkeys(match_one(name, columns, str(table), "key column").name for name in key))
        keys = self.keys(table)
        if keys and (keys[0].primary or len(keys) == 1):
            return keys[0].columns
        several = "has several unique keys and no primary key" if keys else "has no primary or unique key"
        raise UsageError(f"{table} {several}", "say which columns identify a row: --key a,b")

    def _load(self, data: Data, table: TableName, key: tuple[str, ...] | None, as_text: bool) -> Upserted:
        from extract.warehouse import columns as check

        source = check.Source.of(data, as_text=as_text)
        plan = check.match(source.names, self.columns(table), str(table))
        names = [column.name for column in plan.columns]
        keys = [k.columns for k in self.keys(table) if set(k.columns) <= set(names)]
        if key is not None:
            check.require_key(key, names, str(table))
            keys = [key, *(k for k in keys if set(k) != set(key))]
        with self.staging(table, plan.columns) as stage:
            sent = check.Counted(plan.checked(source, required=key or ()))
            self.fill(stage, plan.columns, sent)
            staged = self.value(f"select count(*) from {stage}")
            if staged != sent.rows:
                raise WarehouseError(
                    f"{counted(sent.rows, 'row')} sent, but {staged} arrived in the staging table of {table}",
                    "nothing was written; try again, and report it if it happens again",
                )

            def publish() -> Upserted:
                with self.lock(f"load {table}", table):  # two loaders of one table take turns
                    return self._publish(stage, table, names, keys, key)

            return self.atomically(publish)

    def _publish(
        self, stage: str, table: TableName, names: list[str], keys: list[tuple[str, ...]], key: tuple[str, ...] | None
    ) -> Upserted:
        target = self.sql_name(table)
        number = self.quote(row_number_name(names))
        for columns in keys:
            self._refuse_duplicates(stage, number, columns, table)
        if key is None:
            for columns in keys:
                self._refuse_clash(stage, number, target, columns, table)
        listed = ", ".join(self.quote(name) for name in names)
        updated, fresh = 0, ""
        if key is not None:
            same = self._same_key(target, key)
            others = [name for name in names if name not in key]
            fresh = f" where not exists (select 1 from {target} where {same})"
            matched = f"select count(*) from {stage} as s where exists (select 1 from {target} where {same})"
            updated = self.value(matched)
            if others and updated:
                changes = ", ".join(f"{self.quote(name)} = s.{self.quote(name)}" for name in others)
                self.execute(f"update {self.for_update(table)} set {changes} from {stage} as s where {same}")
        staged = self.value(f"select count(*) from {stage}")
        if staged > updated:
            self.execute(f"insert into {self.for_insert(table)} ({listed}) select {listed} from {stage} as s{fresh}")
        return Upserted(inserted=staged - updated, updated=updated)

    def mark(self, column: Column) -> str:  # noqa: ARG002 - an engine's concern
        """The place of a bound value that goes into `column`."""
        return "?"

    def guarded(self, target: str) -> str:
        """`target` as it is read while looking for keys, with what keeps other writers off them until the commit."""
        return target

    def _same_key(self, target: str, key: Sequence[str]) -> str:
        return " and ".join(f"{target}.{self.quote(name)} = s.{self.quote(name)}" for name in key)

    def _refuse_duplicates(self, stage: str, number: str, key: tuple[str, ...], table: TableName) -> None:
        columns = ", ".join(self.quote(name) for name in key)
        given = " and ".join(f"{self.quote(name)} is not null" for name in key)
        repeated = (
            f"select min({number}) as first, max({number}) as later from {stage} where {given}"
            f" group by {columns} having count(*) > 1"
        )
        later = self.value(f"select min(later) from ({repeated}) as r")
        if later is not None:
            first = self.value(f"select first from ({repeated}) as r where later = ?", (later,))
            raise UsageError(
                f"rows {first} and {later} have the same key {self._key_values(stage, number, key, later)} of {table}",
                "keep one row a key; nothing was written",
            )

    def _refuse_clash(self, stage: str, number: str, target: str, key: tuple[str, ...], table: TableName) -> None:
        sql = (
            f"select min(s.{number}) from {stage} as s"
            f" where exists (select 1 from {self.guarded(target)} where {self._same_key(target, key)})"
        )
        row = self.value(sql)
        if row is not None:
            raise UsageError(
                f"row {row}: a row with the key {self._key_values(stage, number, key, row)} is in {table} already",
                "take it out of the file, or update such rows with --mode upsert; nothing was written",
            )

    def _key_values(self, stage: str, number: str, key: tuple[str, ...], row: int) -> str:
        columns = ", ".join(self.quote(name) for name in key)
        sql = f"select {columns} from {stage} where {number} = ?"
        values = self.first(sql, (row,)) or ()
        return "(" + ", ".join(f"{name} = {value}" for name, value in zip(key, values, strict=True)) + ")"

    @abstractmethod
    def staging(self, table: TableName, columns: Sequence[Column]) -> AbstractContextManager[str]:
        """An empty temporary table with `columns` (types and collations of `table`, all nullable) and the row number.

        The row number (bigint, called as `row_number_name` says) is its last column. The value is the table's quoted
        name; gone at the block's end.
        """

    @abstractmethod
    def fill(self, stage: str, columns: Sequence[Column], batches: Iterable[pa.RecordBatch]) -> None:
        """Send record batches into the staging table by the engine's fastest correct way.

        The batches are checked, have `columns` in this order in the Arrow types of `columns.carrier_type(column)`, then
        the row number as int64. At most one batch should be held at a time. The caller compares the row counts; an
        engine whose path may alter values verifies them here.
        """


def packaged_ddl(folder: str) -> list[str]:
    packaged = files("extract.warehouse") / "ddl" / folder
    return [file.name.removesuffix(".sql") for file in packaged.iterdir() if file.name.endswith(".sql")]


def read_ddl(folder: str, name: str) -> str:
    return (files("extract.warehouse") / "ddl" / folder / f"{name}.sql").read_text("utf-8")
