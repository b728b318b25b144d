"""How rows get into SQL Server: a staging table, the ways to fill it, the proof that it holds what was sent.

Of the ways that this server and driver have, the first that alters nothing is taken, always in the same order: bulk
copy, JSON, arrays of parameters. What each has shown is kept for the life of the process.
"""

from __future__ import annotations

import logging
import uuid
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

from extract.errors import EsiosError, WarehouseError
from extract.warehouse.base import Warehouse
from extract.warehouse.sqlserver_faults import ConnectionLost
from extract.warehouse.tables import Column, Kind, TableName, Upserted, row_number_name

if TYPE_CHECKING:
    import pyarrow as pa
    from tenacity import Retrying

    from extract.settings import MssqlSettings
    from extract.warehouse.sqlserver_backend import Backend
    from extract.warehouse.sqlserver_bulk import Tally

_log = logging.getLogger(__name__)
_AGAIN = "nothing was written; run it again"


@dataclass
class _Tried:
    """Which ways have kept every value on one server, for one set of column types, and which have not."""

    proven: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)


_tried: dict[tuple[Any, ...], _Tried] = {}


@dataclass
class Stage:
    """A staging table: its columns (`numbered`: with the row number), their collations, what was sent into it."""

    columns: list[Column]
    collations: dict[str, str | None]
    shared: bool = False
    name: str = ""
    tally: Tally | None = None

    @property
    def numbered(self) -> list[Column]:
        number = row_number_name(column.name for column in self.columns)
        return [*self.columns, Column(number, "bigint", Kind.INTEGER)]


class Loading(Warehouse):
    """The part of the connector that loads. `SqlServer` has the connection, and what is declared here."""

    mssql: MssqlSettings
    _backend: Backend
    _connection: Any
    _stages: dict[str, Stage]
    _what: str

    @abstractmethod
    def _translating(self) -> AbstractContextManager[None]: ...
    @abstractmethod
    def _cursor(self) -> AbstractContextManager[Any]: ...
    @abstractmethod
    def _run(self, sql: str) -> None: ...
    @abstractmethod
    def _fetch(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...
    @abstractmethod
    def _described(self, table: TableName) -> list[tuple[Column, str | None]]: ...
    @abstractmethod
    def _again(self, which: Callable[[BaseException], bool]) -> Retrying: ...
    @abstractmethod
    def _reconnect(self) -> None: ...

    # ---------------------------------------------------------------- loading
    def _load(self, data: Any, table: TableName, key: tuple[str, ...] | None, as_text: bool) -> Upserted:
        if self.in_transaction or not _readable_again(data):
            return super()._load(data, table, key, as_text)
        for attempt in self._again(lambda error: isinstance(error, ConnectionLost)):
            with attempt:
                try:
                    return super()._load(data, table, key, as_text)
                except ConnectionLost:
                    self._reconnect()
                    raise
        raise AssertionError("tenacity returns or raises")

    @contextmanager
    def staging(self, table: TableName, columns: Sequence[Column]) -> Iterator[str]:
        collations = {column.name: collation for column, collation in self._described(table)}
        stage = Stage(list(columns), collations)
        # The bulk copy comes over a connection of its own, so it needs a table that other connections see.
        stage.shared = self._bulk_copies(stage)
        with self._made(stage):
            yield stage.name

    @contextmanager
    def _made(self, stage: Stage) -> Iterator[None]:
        stage.name = self.quote(("##" if stage.shared else "#") + f"esios_stage_{uuid.uuid4().hex}")
        typed = [
            f"{self.quote(column.name)} {column.type}"
            # by name: a temporary table would otherwise take the collation of tempdb
            + (f" collate {collation}" if (collation := stage.collations.get(column.name)) else "")
            + " null"
            for column in stage.columns
        ]
        number = self.quote(stage.numbered[-1].name)
        self._run(f"create table {stage.name} ({', '.join(typed)}, {number} bigint not null)")
        self._stages[stage.name] = stage
        try:
            yield
        finally:
            if self._stages.pop(stage.name, None) and self._connection is not None:
                with suppress(EsiosError):  # gone already where its transaction was rolled back
                    self._run(f"drop table if exists {stage.name}")

    def fill(self, stage: str, columns: Sequence[Column], batches: Iterable[pa.RecordBatch]) -> None:  # noqa: ARG002
        from extract.warehouse import sqlserver_bulk as bulk

        staged = self._stages[stage]
        staged.tally = bulk.Tally(staged.columns, self._all_utf8)
        stream = bulk.pieces(batches, staged.tally)
        head = next(stream, None)
        if head is None:
            return
        pieces = chain([head], stream)
        if staged.shared and head.num_rows >= bulk.FEW_ROWS:
            self._bulk_copy(staged, head.schema, pieces)
            return
        # While the server takes one piece, the next is checked and written out. Still one statement at a time: whatever
        # else needs the connection waits for the piece on its way.
        with ThreadPoolExecutor(1, "esios-send") as sender:
            on_its_way: Future[None] | None = None

            def arrived() -> None:
                if on_its_way:
                    on_its_way.result()

            for piece in pieces:
                few = piece is head and piece.num_rows < bulk.FEW_ROWS
                takes_json = not few and self._takes_json(staged, piece, arrived)
                send = self._as_json(staged, piece) if takes_json else self._as_arrays(staged, piece)
                arrived()
                on_its_way = sender.submit(send)
            arrived()

    def _publish(
        self, stage: str, table: TableName, names: list[str], keys: list[tuple[str, ...]], key: tuple[str, ...] | None
    ) -> Upserted:
        from extract.warehouse.sqlserver_bulk import differing_column

        staged = self._stages[stage]
        if staged.shared:  # no other session changes it between the proof and the commit
            self._fetch(f"select count_big(*) from {stage} with (tablockx, holdlock)")
        difference = staged.tally and differing_column(self._fetch, stage, self.quote, staged.tally)
        if difference:
            raise WarehouseError(f"what {self._what} received for {table} is not what was sent: {difference}", _AGAIN)
        return super()._publish(stage, table, names, keys, key)

    def guarded(self, target: str) -> str:
        # The keys looked for stay as they are until the commit, even if others write: no double insert, no lost update.
        return f"{target} with (updlock, holdlock)"

    def mark(self, column: Column) -> str:
        # Drivers send a NULL of unknown type as varchar, and some values as ISO text: neither becomes every type by
        # itself (varchar to varbinary never does).
        plain = (Kind.TEXT, Kind.INTEGER, Kind.FLOAT, Kind.BOOLEAN, Kind.OTHER)
        if column.kind in plain:
            return "?"
        # The old types read no text with six decimals.
        value = "cast(? as datetime2(6))" if column.type in ("datetime", "smalldatetime") else "?"
        return f"cast({value} as {column.type})"

    # ---------------------------------------------------------------- ways to send
    @cached_property
    def _all_utf8(self) -> bool:
        """Whether even nvarchar is kept as UTF-8, as servers do that only speak SQL Server's protocol."""
        return bool(self._fetch("select datalength(N'a')")[0][0] == 1)

    def _as_json(self, stage: Stage, piece: pa.RecordBatch) -> Callable[[], None]:
        from extract.warehouse import sqlserver_bulk as bulk

        names = [self.quote(name) for name in piece.schema.names]
        sql, text = bulk.json_statement(stage.name, names, stage.numbered), bulk.json_text(piece)

        def send() -> None:
            self.execute(sql, (text,))

        return send

    def _as_arrays(self, stage: Stage, piece: pa.RecordBatch) -> Callable[[], None]:
        from extract.warehouse import sqlserver_bulk as bulk

        names = [self.quote(name) for name in piece.schema.names]
        marks = ", ".join(map(self.mark, stage.numbered))
        sql = f"insert into {stage.name} ({', '.join(names)}) values ({marks})"
        types, rows = bulk.parameters(stage.numbered, piece, self._backend.as_text)

        def send() -> None:
            with self._translating(), self._cursor() as cursor:
                self._backend.send_array(cursor, sql, types, rows, self.in_transaction)

        return send

    def _bulk_copy(self, stage: Stage, schema: pa.Schema, pieces: Iterable[pa.RecordBatch]) -> None:
        from extract.warehouse import sqlserver_bulk as bulk

        with self._translating(), self._cursor() as cursor:
            try:
                bulk.bulk_copy(cursor, stage.name[1:-1], schema, pieces, self.mssql.query_timeout_s)
            except (RuntimeError, ValueError, TypeError) as error:  # what the driver's core raises
                text = " ".join(str(error).split())[:400]
                raise WarehouseError(f"the bulk copy to {self._what} failed ({text})", _AGAIN) from error

    def _ways_tried(self, columns: Sequence[Column]) -> _Tried:
        """What the ways have shown for such columns on this server, in this process."""
        kinds = frozenset((column.kind, column.type) for column in columns)
        server = (self.mssql.server, self.mssql.port, self.mssql.database, self.mssql.backend, kinds)
        return _tried.setdefault(server, _Tried())

    def _bulk_copies(self, stage: Stage) -> bool:
        """Whether the driver has a bulk copy that keeps every value of such columns on this server."""
        if self._backend.name != "mssql-python":
            return False

        def send(probe: Stage, batch: pa.RecordBatch) -> None:
            self._bulk_copy(probe, batch.schema, [batch])

        return self._proven("bulkcopy", stage, send, shared=True)

    def _takes_json(self, stage: Stage, piece: pa.RecordBatch, arrived: Callable[[], None]) -> bool:
        """Whether this server reads such columns out of JSON without altering a value. `arrived`: see `_proven`."""
        from extract.warehouse import sqlserver_bulk as bulk

        if not bulk.json_fits(stage.columns) or bulk.holds(piece, bulk.NUL):
            return False

        def send(probe: Stage, batch: pa.RecordBatch) -> None:
            self._as_json(probe, batch)()

        escaped = bulk.holds(piece, bulk.ESCAPED)
        way = "json with escapes" if escaped else "json"
        return self._proven(way, stage, send, escapes=escaped, arrived=arrived)

    def _proven(
        self,
        way: str,
        stage: Stage,
        send: Callable[[Stage, pa.RecordBatch], None],
        shared: bool = False,
        escapes: bool = True,
        arrived: Callable[[], None] = lambda: None,
    ) -> bool:
        """Try `way` once on a table of the same columns with the values that are altered most easily.

        `arrived` returns when the connection is free for it.
        """
        from extract.warehouse import sqlserver_bulk as bulk

        tried = self._ways_tried(stage.columns)
        if way in tried.proven or way in tried.refused or self.in_transaction:  # a failure would end the transaction
            return way in tried.proven
        arrived()
        probe = Stage(stage.columns, stage.collations, shared=shared)
        batch = bulk.probe_batch(stage.columns, escapes)
        tally = bulk.Tally(stage.columns, self._all_utf8)
        try:
            with self._made(probe):
                send(probe, next(iter(bulk.pieces([batch], tally))))
                altered = bulk.differing_column(self._fetch, probe.name, self.quote, tally)
        except ConnectionLost:
            raise
        except EsiosError as error:
            altered = str(error)
        if altered:
            _log.debug("%s is not used on %s: %s", way, self._what, altered)
        (tried.refused if altered else tried.proven).add(way)
        return not altered


def _readable_again(data: Any) -> bool:
    """Whether the data can be read from the start a second time: frames and tables can, streams cannot."""
    return hasattr(data, "iloc") or hasattr(data, "to_batches") or isinstance(data, (list, tuple))
