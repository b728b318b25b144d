"""The connector on SQL Server 2019 and later, and Azure SQL; the driver is configuration."""

from __future__ import annotations

import datetime as dt
import re
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from tenacity import (
    Retrying,
    retry_if_exception,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random_exponential,
)

from extract.errors import EsiosError, WarehouseError
from extract.warehouse.sqlserver_backend import backend
from extract.warehouse.sqlserver_faults import ConnectionLost, Deadlock, NotReady, cannot_connect, translated
from extract.warehouse.sqlserver_loading import Loading, Stage
from extract.warehouse.sqlserver_types import column_of
from extract.warehouse.tables import Column, Key, Rows, TableName

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from extract.settings import Settings

T = TypeVar("T")
_TRIES = 5


def open_warehouse(settings: Settings, read_only: bool = False, create: bool = True) -> SqlServer:  # noqa: ARG001
    """Connect as the settings say; see `extract.warehouse.connect`. What may be written is a matter of grants."""
    return SqlServer(settings)


class SqlServer(Loading):
    """A connection to one SQL Server database.

    Deadlock victims are run again as whole transactions (`atomically`, `bulk_load`, `upsert`); so is a load whose
    connection broke, if its data can be read again.
    """

    engine = ddl = "sqlserver"

    def __init__(self, settings: Settings, *, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__()
        self.mssql = settings.mssql
        self.default_schema = settings.mssql.schema
        self._wait_ms = int(settings.warehouse_wait_s * 1000)
        self._sleep = sleep
        self._backend = backend(self.mssql)
        self._stages: dict[str, Stage] = {}
        self._what = f"SQL Server {self.mssql.server}"
        self._connection: Any = self._connect()

    # ---------------------------------------------------------------- life
    def _connect(self) -> Any:
        """A new connection; a database that is not ready is given some 45 seconds."""
        for attempt in Retrying(
            retry=retry_if_exception_type(NotReady),
            stop=stop_after_attempt(_TRIES + 1),
            wait=wait_exponential(multiplier=2, max=16),
            sleep=self._sleep,
            reraise=True,
        ):
            with attempt:
                return self._connect_once()
        raise AssertionError("tenacity returns or raises")

    def _connect_once(self) -> Any:
        try:
            connection = self._backend.connect()
        except self._backend.errors as error:
            raise cannot_connect(self.mssql, self._backend.fault(error)) from None
        cursor = connection.cursor()
        # One failed statement ends the whole transaction; and no session waits for a lock for ever.
        cursor.execute(f"set xact_abort on; set lock_timeout {self._wait_ms}")
        cursor.close()
        return connection

    def _reconnect(self) -> None:
        with suppress(*self._backend.errors):
            self._connection.close()
        self._stages.clear()
        self._connection = self._connect()

    def close(self) -> None:
        if self._connection is None:
            return
        self.rollback()
        with suppress(*self._backend.errors):
            self._connection.close()
        self._connection = None

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except self._backend.errors as error:
            raise translated(self._backend.fault(error), self._what) from error

    # ---------------------------------------------------------------- catalogue
    def tables(self) -> list[TableName]:
        sql = (
            "select schema_name(o.schema_id), cast(o.name as nvarchar(128)) from sys.objects as o"
            " where o.type in ('U', 'V') and o.is_ms_shipped = 0 order by 1, 2"
        )
        return [TableName(schema, name) for schema, name in self._fetch(sql)]

    def find_columns(self, table: TableName) -> list[Column]:
        return [column for column, _ in self._described(table)]

    def _described(self, table: TableName) -> list[tuple[Column, str | None]]:
        """The columns, each with its collation. Alias types are given as what they stand for."""
        sql = (
            "select cast(c.name as nvarchar(128)), t.name, c.max_length, c.precision, c.scale, c.is_nullable,"
            " case when c.default_object_id <> 0 then 1 else 0 end,"
            " case when c.is_identity = 1 or c.is_computed = 1 or c.generated_always_type <> 0 then 1 else 0 end,"
            " c.collation_name, cast(collationproperty(c.collation_name, 'CodePage') as int)"
            " from sys.columns as c"
            " left join sys.types as t on c.system_type_id = t.user_type_id"
            " where c.object_id = ? order by c.column_id"
        )
        number = self._object_id(table)
        return [] if number is None else [(column_of(*row), row[8]) for row in self._fetch(sql, (number,))]

    def _object_id(self, table: TableName) -> int | None:
        """The table's number. Asked first, so that nothing else looks at tables that others are making or dropping."""
        sql = (
            "select o.object_id from sys.objects as o inner join sys.schemas as s on o.schema_id = s.schema_id"
            " where s.name = ? and o.name = ? and o.type in ('U', 'V')"
        )
        found = self._fetch(sql, (table.schema or self.default_schema, table.name))
        return int(found[0][0]) if found else None

    def find_keys(self, table: TableName) -> list[Key]:
        sql = (
            "select i.index_id, i.is_primary_key, cast(c.name as nvarchar(128))"
            " from sys.indexes as i"
            " inner join sys.index_columns as x on i.object_id = x.object_id and i.index_id = x.index_id"
            " inner join sys.columns as c on x.object_id = c.object_id and x.column_id = c.column_id"
            " where i.object_id = ? and i.is_unique = 1 and i.has_filter = 0 and i.is_disabled = 0"
            " and x.is_included_column = 0"
            " order by i.is_primary_key desc, i.index_id, x.key_ordinal"
        )
        found: dict[int, tuple[bool, list[str]]] = {}
        number = self._object_id(table)
        for index, primary, name in [] if number is None else self._fetch(sql, (number,)):
            found.setdefault(index, (bool(primary), []))[1].append(name)
        return list(dict.fromkeys(Key(tuple(names), primary) for primary, names in found.values()))

    def run_script(self, script: str) -> None:
        for batch in re.split(r"(?im)^[ \t]*go[ \t]*$", script):
            if batch.strip():
                self._run(batch)

    # ---------------------------------------------------------------- transactions
    def begin(self) -> None:
        self._run("set xact_abort on; begin transaction")

    def commit(self) -> None:
        # What a statement brought about unseen shows here: RAISERROR dooms no transaction, but a trigger may have ended
        # this one, left it doomed, or opened another inside.
        sql = (
            "set nocount on; declare @state int, @open int, @aborts int;"
            " select @state = xact_state(), @open = @@trancount, @aborts = @@options & 16384;"
            " if @state = 1 and @open = 1 and @aborts <> 0 commit transaction;"
            " select @state, @open, @aborts; set nocount off"
        )
        try:
            state, is_open, aborts = self._fetch(sql)[0]
            if (state, is_open) != (1, 1) or not aborts:
                raise WarehouseError(
                    f"{self._what} has no whole transaction to commit (XACT_STATE {state}, @@TRANCOUNT {is_open},"
                    f" XACT_ABORT {'on' if aborts else 'off'})",
                    "nothing was written; look for a trigger or procedure that ends transactions or opens its own",
                )
        except ConnectionLost as error:
            raise WarehouseError(
                f"the connection to {self._what} was lost while it committed",
                "look whether the rows are there before running it again",
            ) from error
        except EsiosError:
            self.rollback()
            raise

    def rollback(self) -> None:
        if self._connection is not None:
            with suppress(EsiosError):
                self._run("if @@trancount > 0 rollback transaction")

    @contextmanager
    def lock(self, name: str, *tables: TableName | str) -> Iterator[None]:  # noqa: ARG002
        assert self.in_transaction, "a lock lasts until the transaction ends, so it needs one"
        sql = (
            "set nocount on; declare @granted int; exec @granted = sp_getapplock @Resource = ?,"
            " @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = ?; select @granted; set nocount off"
        )
        granted = self._fetch(sql, (f"esios-elt {name}"[:255], self._wait_ms))[0][0]
        if granted == -3:
            raise Deadlock(f"a deadlock on {self._what} over {name!r}", "nothing was written; run it again")
        if granted < 0:
            raise WarehouseError(
                f"another process holds {name!r} on {self._what}, for {self._wait_ms / 1000:g} s now",
                "wait for it to end, then try again",
            )
        yield

    def atomically(self, work: Callable[[], T]) -> T:
        if self.in_transaction:
            return work()
        for attempt in self._again(self._may_repeat):
            with attempt:
                try:
                    with self.transaction():
                        return work()
                except ConnectionLost:
                    if not self._stages:
                        self._reconnect()
                    raise
        raise AssertionError("tenacity returns or raises")

    def _may_repeat(self, error: BaseException) -> bool:
        # What was staged is gone with a lost connection: then `_load` starts again.
        return isinstance(error, Deadlock) or (isinstance(error, ConnectionLost) and not self._stages)

    def _again(self, which: Callable[[BaseException], bool]) -> Retrying:
        return Retrying(
            retry=retry_if_exception(which),
            stop=stop_after_attempt(_TRIES),
            wait=wait_random_exponential(multiplier=0.05, max=2),
            sleep=self._sleep,
            reraise=True,
        )

    # ---------------------------------------------------------------- statements
    def execute(self, sql: str, params: Sequence[Any] = ()) -> int:
        with self._translating(), self._cursor() as cursor:
            self._backend.execute(cursor, sql, params)
            return self._read_out(cursor)

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        with self.transaction():
            for row in rows:  # arrays of parameters would lose the errors behind a row's first result
                self.execute(sql, row)

    def rows(self, sql: str, params: Sequence[Any] = (), batch: int = 10_000) -> Rows:
        cursor = self._connection.cursor()
        try:
            with self._translating():
                self._backend.execute(cursor, sql, params)
        except EsiosError:
            self._end(cursor)
            raise
        names = [column[0] for column in cursor.description or ()]

        def tuples() -> Iterator[tuple[Any, ...]]:
            try:
                while True:
                    with self._translating():
                        found = cursor.fetchmany(batch)
                        if not found:
                            self._read_out(cursor)
                            return
                    for row in found:
                        yield tuple(map(_plain, row))
            finally:
                self._end(cursor)

        return Rows(names, tuples())

    def batches(self, sql: str, params: Sequence[Any] = (), size: int = 65_536) -> pa.RecordBatchReader:
        import pyarrow as pa

        cursor = self._connection.cursor()
        try:
            with self._translating():
                self._backend.execute(cursor, sql, params)
                first = [tuple(map(_for_arrow, row)) for row in cursor.fetchmany(size)]
        except EsiosError:
            self._end(cursor)
            raise
        described = cursor.description or ()
        schema = pa.schema([(name[0], _arrow(name, [row[at] for row in first])) for at, name in enumerate(described)])

        def all_of_them() -> Iterator[pa.RecordBatch]:
            found = first
            try:
                while found:
                    arrays = [
                        pa.array(list(values), kind.type)
                        for values, kind in zip(zip(*found, strict=True), schema, strict=True)
                    ]
                    yield pa.RecordBatch.from_arrays(arrays, schema=schema)
                    with self._translating():
                        found = [tuple(map(_for_arrow, row)) for row in cursor.fetchmany(size)]
                with self._translating():
                    self._read_out(cursor)
            finally:
                self._end(cursor)

        return pa.RecordBatchReader.from_batches(schema, all_of_them())

    def micros(self, instant: str) -> str:
        return f"datediff_big(microsecond, '1970-01-01', {instant})"

    def query(self, sql: str, params: Sequence[Any] = ()) -> pd.DataFrame:
        from extract.warehouse.frames import frame

        return frame(self.rows(sql, params))

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        cursor = self._connection.cursor()
        try:
            yield cursor
        finally:
            self._end(cursor)

    def _read_out(self, cursor: Any) -> int:
        """Read the results to their end, because an error behind the first one, as a trigger's, comes only there.

        Gives the rows that the last statement touched, -1 where unknown. A trigger's counts come before it, and
        mssql-python gives the first count only.
        """
        touched = int(cursor.rowcount)
        while cursor.nextset():
            touched = int(cursor.rowcount) if cursor.rowcount >= 0 else touched
        return touched

    def _end(self, cursor: Any) -> None:
        with suppress(*self._backend.errors):
            cursor.close()

    def _run(self, sql: str) -> None:
        """A batch without parameters, sent as it is: BEGIN TRANSACTION and DDL must not be inside a prepared call."""
        with self._translating(), self._cursor() as cursor:
            cursor.execute(sql)
            self._read_out(cursor)

    def _fetch(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._translating(), self._cursor() as cursor:
            self._backend.execute(cursor, sql, params)
            found = [tuple(row) for row in cursor.fetchall()]
            self._read_out(cursor)
            return found


def _plain(value: Any) -> Any:
    """What the drivers give as the protocol wants it: bytes, and instants in UTC."""
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.UTC)
    return bytes(value) if isinstance(value, bytearray) else value


def _for_arrow(value: Any) -> Any:
    return str(value) if isinstance(value, uuid.UUID) else _plain(value)


def _arrow(description: Sequence[Any], values: Sequence[Any]) -> pa.DataType:
    """The Arrow type of one column of a result: the driver's description, else the first value."""
    import pyarrow as pa

    first = next((value for value in values if value is not None), None)
    kind = description[1] if first is None else type(first)
    if kind is Decimal:
        return pa.decimal128(min(description[4] or 38, 38), description[5] or 0)
    if kind is dt.datetime:
        return pa.timestamp("us", "UTC" if first is not None and first.tzinfo is not None else None)
    return {
        int: pa.int64(),
        float: pa.float64(),
        bool: pa.bool_(),
        bytes: pa.binary(),
        bytearray: pa.binary(),
        dt.date: pa.date32(),
        dt.time: pa.time64("us"),
    }.get(kind, pa.string())
