"""The connector on a lake: Delta tables in folders, written by delta-rs, read by an embedded DuckDB. No Spark, no JVM.

Reading: a table that a query names becomes a view over the files of its newest snapshot, so SQL is DuckDB's. Inside a
transaction the first snapshot of each table stays.

Writing: what a transaction inserts, or changes, is collected in the embedded DuckDB and committed at its end, one
commit a table in the order in which they were first written: an insert as an append, an UPDATE or DELETE as the table
rewritten. Each of them is whole or absent, whenever the process ends; two tables are never one commit. There are no
locks: a commit fails where another process came first, and `atomically` does the work again.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import duckdb

from extract.errors import EsiosError, UsageError, WarehouseError
from extract.settings import Settings
from extract.warehouse.base import RAW_SCHEMA, packaged_ddl, read_ddl
from extract.warehouse.duckdb import DuckDB, column_of
from extract.warehouse.lake_storage import WrittenMeanwhile
from extract.warehouse.lake_upkeep import Upkeep
from extract.warehouse.tables import Column, Key, Kind, TableName, missing_table

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as pd
    from deltalake import CommitProperties, DeltaTable

T = TypeVar("T")
_MEMORY = Path(":memory:")
# What a transaction inserts, until it is committed.
_COLLECTED = "collected_rows"
_AS_DUCKDB = {
    "byte": "TINYINT",
    "short": "SMALLINT",
    "integer": "INTEGER",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "string": "VARCHAR",
    "binary": "BLOB",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "timestamp_ntz": "TIMESTAMP",
}
# At every so many versions of a table the commit joins its small files, because a query looks at each of them. Only
# small ones: what is joined already is not written again and again.
_JOIN_EVERY = 50
_JOINED_BYTES = 8 << 20
_LONGEST_PAUSE_S = 2.0
# How DuckDB begins what it says of a file that it could not read.
_READING_FILES = re.compile(r"reading the stream registered as 'files of ([^']+)' failed")
# A row that depends on nothing else is in for good at some time, however many others write.
_PATIENCE = 1_000


def open_warehouse(settings: Settings, read_only: bool = False, create: bool = True) -> Lake:
    """Open the lake at `settings.lake`; see `extract.warehouse.connect`."""
    return Lake(settings, read_only=read_only, create=create)


@dataclass
class _Written:
    """A table that the open transaction has written to, as it was before, and how."""

    snapshot: DeltaTable
    rewritten: bool = False  # else rows were added only
    collected: str = ""  # the quoted name of what collects them


class Lake(DuckDB):
    """The Delta tables of `settings.lake`, a folder a table. Any number of processes may have it open.

    A commit that comes second is tried again for `settings.warehouse_wait_s` seconds, then `WarehouseError`.
    """

    engine = "spark"
    exclusive = False

    def __init__(self, settings: Settings, *, read_only: bool = False, create: bool = True) -> None:
        self._upkeep = Upkeep(settings)
        self.storage = self._upkeep.storage
        if (read_only or not create) and not self.storage.is_there():
            raise UsageError(
                f"there is no lake at {settings.lake} yet", "make one with `make run`, or set ESIOS_LAKE to one"
            )
        self.default_schema = settings.target_schema
        self._format = settings.spark_format
        self._wait_s = settings.warehouse_wait_s
        self._snapshots: dict[TableName, DeltaTable] = {}
        self._datasets: dict[TableName, tuple[int, pd.Dataset]] = {}  # with the version that it shows
        self._pinned: dict[TableName, DeltaTable | None] = {}
        self._written: dict[TableName, _Written] = {}
        self._guarded: dict[TableName, str] = {}
        self._spill = tempfile.mkdtemp(prefix="esios-lake-")
        super().__init__(_MEMORY)
        with self.translating():
            self._connection.execute("set temp_directory = '{}'".format(self._spill.replace("'", "''")))
            self._connection.execute(f"create schema {_COLLECTED}")

    def close(self) -> None:
        try:
            super().close()
        finally:
            shutil.rmtree(self._spill, ignore_errors=True)

    def close_for_now(self) -> None:
        self.close()

    # ---------------------------------------------------------------- catalogue
    def tables(self) -> list[TableName]:
        if self._format == "iceberg":
            raise self._not_read("what dbt built")
        return self.storage.tables()

    @staticmethod
    def _not_read(what: object) -> UsageError:
        return UsageError(
            f"{what} is not read from an Iceberg lake (ESIOS_SPARK_FORMAT=iceberg)",
            "read it with Spark, or build with ESIOS_SPARK_FORMAT=delta",
        )

    def find_columns(self, table: TableName) -> list[Column]:
        snapshot = self._snapshot(table)
        if snapshot is None:
            return []
        return [_delta_column(field) for field in json.loads(snapshot.schema().to_json())["fields"]]

    def find_keys(self, table: TableName) -> list[Key]:
        """Delta has no keys; a packaged table has that of its DDL, which a load checks as everywhere."""
        if str(table) in packaged_ddl(self.ddl):
            self._blueprint.run_script(read_ddl(self.ddl, table.schema or ""))
            self._blueprint.run_script(read_ddl(self.ddl, str(table)))
        return self._blueprint.find_keys(table)

    def run_script(self, script: str) -> None:
        """Make in the lake what a script of DuckDB's DDL makes, where it is not there yet."""
        import pyarrow as pa

        drawn = self._blueprint
        before = set(drawn.tables())
        drawn.run_script(script)
        for table in set(drawn.tables()) - before:
            described = drawn.batches(f"select * from {drawn.sql_name(table)} limit 0").schema
            nullable = [column.nullable for column in drawn.find_columns(table)]
            fields = [_delta_field(*one) for one in zip(described, nullable, strict=True)]
            self.storage.create(table, pa.schema(fields))

    @cached_property
    def _blueprint(self) -> DuckDB:
        """Empty tables in memory that say what those of the lake are to be like."""
        return DuckDB(_MEMORY)

    # ---------------------------------------------------------------- snapshots and views
    def _snapshot(self, table: TableName) -> DeltaTable | None:
        """The newest snapshot; inside a transaction the one that it began with."""
        if table in self._pinned:
            return self._pinned[table]
        if self._format == "iceberg" and table.schema != RAW_SCHEMA:
            raise self._not_read(table)  # though a Delta table may lie there: of before the format was changed
        known = self._snapshots.get(table)
        if known is None:
            known = self.storage.find(table)
        else:
            with self.storage.translating(table):
                known.update_incremental()
        if known is not None:
            self._snapshots[table] = known
        if self.in_transaction:
            self._pinned[table] = known
        return known

    def _show(self, connection: duckdb.DuckDBPyConnection, table: TableName) -> None:
        """Make `table` a view for `connection`, unless there is none, or this transaction rewrites it."""
        written = self._written.get(table)
        if written is not None and written.rewritten:
            return
        snapshot = self._snapshot(table)
        if snapshot is None:
            return
        with self.translating():
            connection.register(f"files of {table}", self._dataset(table, snapshot))
            connection.execute(f"create schema if not exists {self.quote(table.schema or '')}")
            connection.execute(f"create or replace view {self.sql_name(table)} as {self._content(table)}")

    def _dataset(self, table: TableName, snapshot: DeltaTable) -> pd.Dataset:
        """The files of a snapshot, kept: making it takes time with each file, and a landing needs it nine times."""
        version = snapshot.version()
        if self._datasets.get(table, (-1, None))[0] != version:
            self._datasets[table] = (version, self.storage.dataset(table, snapshot))
        return self._datasets[table][1]

    def _content(self, table: TableName) -> str:
        """The query for what the table holds: its files, and what the open transaction has collected."""
        written = self._written.get(table)
        also = f" union all by name select * from {written.collected}" if written and written.collected else ""
        return f"select * from {self.quote(f'files of {table}')}{also}"

    # Within a query an instant has its zone, UTC, as it lies in the files: so that a filter on it reaches them.
    @staticmethod
    def outward_instant(instant: dt.datetime) -> dt.datetime:
        return instant.astimezone(dt.UTC).replace(tzinfo=None)

    def allow_payloads(self) -> None:
        """Nothing: they lie in files of few rows each."""

    def batches(self, sql: str, params: Sequence[Any] = (), size: int = 65_536) -> pa.RecordBatchReader:
        import pyarrow as pa

        reader = super().batches(sql, params, size)
        zoned = pa.types.is_timestamp
        schema = pa.schema([f.with_type(pa.timestamp("us")) if zoned(f.type) else f for f in reader.schema])

        def all_of_them() -> Iterator[pa.RecordBatch]:
            for batch in reader:
                arrays = [array.cast(field.type) for array, field in zip(batch.columns, schema, strict=True)]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)

        return pa.RecordBatchReader.from_batches(schema, all_of_them())

    def _stream(self, sql: str) -> duckdb.DuckDBPyConnection:
        stream = super()._stream(sql)
        for table in self._named(sql):
            self._show(stream, table)
        return stream

    def raise_for(self, error: duckdb.Error) -> NoReturn:
        """A file that DuckDB could not read is the storage's matter."""
        if found := _READING_FILES.search(str(error)):
            self.storage.raise_for(error, TableName(*found[1].split(".", 1)))
        super().raise_for(error)

    def _named(self, sql: str) -> list[TableName]:
        """The tables with a schema that a query names."""
        with self.translating():
            found = self._connection.execute("select json_serialize_sql(?)", [sql]).fetchall()[0][0]
        names: list[TableName] = []
        _collect_tables(json.loads(found), names)
        return [name for name in dict.fromkeys(names) if name.schema not in ("", "temp", _COLLECTED)]

    # ---------------------------------------------------------------- transactions
    def begin(self) -> None:
        self._forget_transaction()
        super().begin()

    def commit(self) -> None:
        """Commit each table that was written, in order, and drop what the embedded DuckDB has collected."""
        try:
            for table, written in self._written.items():
                self._commit_one(table, written)
        finally:
            self.rollback()

    def rollback(self) -> None:
        super().rollback()
        self._forget_transaction()

    def _forget_transaction(self) -> None:
        self._pinned, self._written, self._guarded = {}, {}, {}

    @contextmanager
    def lock(self, name: str, *tables: TableName | str) -> Iterator[None]:
        assert self.in_transaction, "a lock lasts until the transaction ends, so it needs one"
        for table in tables:
            self._guarded[self.resolve(table)] = name
        yield

    def atomically(self, work: Callable[[], T]) -> T:
        if self.in_transaction:
            return super().atomically(work)
        give_up = time.monotonic() + self._wait_s
        pause = 0.02
        while True:
            try:
                return super().atomically(work)
            except WrittenMeanwhile as lost:
                if time.monotonic() > give_up:
                    raise WarehouseError(
                        f"{lost.message}, again and again for {self._wait_s:g} s", "run it again when less is written"
                    ) from None
            time.sleep(random.uniform(0, pause))  # noqa: S311 - so that two do not meet again
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _write_to(self, table: TableName | str) -> tuple[TableName, _Written]:
        assert self.in_transaction, "what is written is committed with its transaction"
        name = self.resolve(table)
        if name not in self._written:
            snapshot = self._snapshot(name)
            if snapshot is None:
                raise missing_table(name, self.tables())
            self._show(self._connection, name)
            self._written[name] = _Written(snapshot)
        return name, self._written[name]

    def for_insert(self, table: TableName | str) -> str:
        name, written = self._write_to(table)
        if written.rewritten:
            return self.sql_name(name)
        if not written.collected:
            collected = self.quote(_COLLECTED, str(name))
            with self.translating():
                self._connection.execute(f"create table {collected} as select * from {self.sql_name(name)} limit 0")
            written.collected = collected
            self._show(self._connection, name)
        return written.collected

    def for_update(self, table: TableName | str) -> str:
        name, written = self._write_to(table)
        if not written.rewritten:
            whole = self.sql_name(name)
            with self.translating():
                self._connection.execute(f"drop view {whole}")
                self._connection.execute(f"create table {whole} as {self._content(name)}")
            written.rewritten = True
        return self.sql_name(name)

    def _commit_one(self, table: TableName, written: _Written) -> None:
        from deltalake import write_deltalake

        if not (written.rewritten or written.collected):
            return
        source = self.sql_name(table) if written.rewritten else written.collected
        with self.storage.translating(table), self.translating():
            write_deltalake(
                written.snapshot,
                self._rows_of(source, written.snapshot),
                mode="overwrite" if written.rewritten else "append",
                commit_properties=self._properties(table, written),
            )
        self._snapshots[table] = written.snapshot
        if written.snapshot.version() % _JOIN_EVERY == 0:
            with suppress(EsiosError):  # the commit stands; the next one joins them
                self._upkeep.join_small_files(table, _JOINED_BYTES)

    def _rows_of(self, source: str, snapshot: DeltaTable) -> pa.RecordBatchReader:
        """The collected rows in the columns and types of the Delta table."""
        import pyarrow as pa

        schema = pa.schema(snapshot.schema().to_arrow())
        columns = [self.quote(name) for name in schema.names]
        reader = self._connection.sql(f"select {', '.join(columns)} from {source}").to_arrow_reader(4096)

        def batches() -> Iterator[pa.RecordBatch]:
            for batch in reader:
                arrays = [array.cast(field.type) for array, field in zip(batch.columns, schema, strict=True)]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)

        return pa.RecordBatchReader.from_batches(schema, batches())

    def _properties(self, table: TableName, written: _Written) -> CommitProperties:
        """What makes a commit fail where another one came first.

        An insert under a lock: any other under the same lock, which an application transaction marks. A rewritten
        table: any other at all (deltalake 1.6.6 overlooks that a compaction has moved the rows, and would double them).
        """
        from deltalake import CommitProperties, Transaction

        if written.rewritten:
            return CommitProperties(max_commit_retries=0)
        lock = self._guarded.get(table)
        if lock is None:
            return CommitProperties(max_commit_retries=_PATIENCE)
        return CommitProperties(app_transactions=[Transaction(lock, written.snapshot.version() + 1)])

    # ---------------------------------------------------------------- loading
    @contextmanager
    def staging(self, table: TableName, columns: Sequence[Column]) -> Iterator[str]:
        self._show(self._connection, table)
        with super().staging(table, columns) as stage:
            yield stage


def _collect_tables(node: Any, names: list[TableName]) -> None:
    if isinstance(node, dict):
        if node.get("type") == "BASE_TABLE":
            names.append(TableName(node["schema_name"], node["table_name"]))
        for below in node.values():
            _collect_tables(below, names)
    elif isinstance(node, list):
        for below in node:
            _collect_tables(below, names)


def _delta_column(field: dict[str, Any]) -> Column:
    """A field of a Delta schema in the terms of the checks before a load."""
    spelled = field["type"] if isinstance(field["type"], str) else "nested"
    as_duckdb = _AS_DUCKDB.get(spelled, spelled.upper() if spelled.startswith("decimal") else "")
    if not as_duckdb:
        return Column(field["name"], spelled, Kind.OTHER, field["nullable"])
    return replace(column_of(field["name"], as_duckdb, field["nullable"], False), type=spelled)


def _delta_field(field: Any, nullable: bool) -> Any:
    """A column of DuckDB as Delta has it: an instant is in UTC, whatever reads it."""
    import pyarrow as pa

    kind = pa.timestamp("us", "UTC") if pa.types.is_timestamp(field.type) else field.type
    return field.with_type(kind).with_nullable(nullable)
