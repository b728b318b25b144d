"""The connector on DuckDB: one file, held by one process at a time, so it is opened for as short as possible."""

from __future__ import annotations

import datetime as dt
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import duckdb

from extract.errors import EsiosError, UsageError, WarehouseError
from extract.warehouse.base import Warehouse
from extract.warehouse.tables import Column, Grid, Key, Kind, Rows, TableName, row_number_name

if TYPE_CHECKING:
    import pyarrow as pa

    from extract.settings import Settings

# The last: another thread of ours is just closing the file.
_HELD = re.compile(
    r"could not set lock|conflicting lock|being used by another process|file handle conflict", re.IGNORECASE
)
# File too large: a limit of the user or of the file system.
_NO_ROOM = re.compile(r"no space left|disk full|file too large|quota exceeded", re.IGNORECASE)
_DAMAGED = re.compile(
    r"not a valid duckdb|corrupt|checksum|invalid.*header|serializ|could not read enough bytes", re.IGNORECASE
)
_RESTORE = "restore it from a backup, or move it away and let `make run` make a new one"
# Three headers of 4 KB each; a shorter file never held a row.
_HEADERS_BYTES = 3 * 4096
_WHOLE_NUMBERS = {
    "TINYINT": (-(2**7), 2**7 - 1),
    "SMALLINT": (-(2**15), 2**15 - 1),
    "INTEGER": (-(2**31), 2**31 - 1),
    "BIGINT": (-(2**63), 2**63 - 1),
    "HUGEINT": (1 - 10**38, 10**38 - 1),  # Arrow carries 38 digits
    "UTINYINT": (0, 2**8 - 1),
    "USMALLINT": (0, 2**16 - 1),
    "UINTEGER": (0, 2**32 - 1),
    "UBIGINT": (0, 2**64 - 1),
    "UHUGEINT": (0, 10**38 - 1),
}
_OTHERS: dict[str, dict[str, Any]] = {
    "FLOAT": {"kind": Kind.FLOAT, "precision": 24, "maximum": 3.4028234663852886e38},
    "DOUBLE": {"kind": Kind.FLOAT},
    "VARCHAR": {"kind": Kind.TEXT},
    "JSON": {"kind": Kind.TEXT},
    "BLOB": {"kind": Kind.BINARY},
    "BOOLEAN": {"kind": Kind.BOOLEAN},
    "DATE": {"kind": Kind.DATE},
    "TIME": {"kind": Kind.TIME},
    "TIMESTAMP": {"kind": Kind.TIMESTAMP},
    "TIMESTAMP_S": {"kind": Kind.TIMESTAMP, "grid": Grid.of_decimals(0)},
    "TIMESTAMP_MS": {"kind": Kind.TIMESTAMP, "grid": Grid.of_decimals(3)},
    # 64 bits of nanoseconds around 1970, of which drivers carry whole microseconds
    "TIMESTAMP_NS": {
        "kind": Kind.TIMESTAMP,
        "earliest": dt.datetime(1677, 9, 21, 0, 12, 43, 145225),
        "latest": dt.datetime(2262, 4, 11, 23, 47, 16, 854775),
    },
    "TIMESTAMP WITH TIME ZONE": {"kind": Kind.INSTANT},
    "UUID": {"kind": Kind.UUID},
}

# What is staged beyond this goes to temporary files beside the warehouse. 4 million rows under a primary key fit into
# half of it; DuckDB's own default would let a long load take 80 % of the machine.
MEMORY_LIMIT = "512MB"
# To give one payload DuckDB 2.0 opens 2,048: 1 GB, of quarters of hours. As in profiles.yml, where dbt reads them too.
PAYLOADS_LIMIT = "3GB"

# Within one process several connections share the file; between processes the file's own lock is enough.
_locks: dict[tuple[str, str], threading.Lock] = {}
_locks_guard = threading.Lock()


def open_warehouse(settings: Settings, read_only: bool = False, create: bool = True) -> DuckDB:
    """Open the file at `settings.duckdb_path`; see `extract.warehouse.connect`."""
    return DuckDB(settings.duckdb_path, read_only=read_only, create=create, wait_s=settings.warehouse_wait_s)


class DuckDB(Warehouse):
    """A connection to the DuckDB file at `path`, whose folder is made if need be.

    Where another process holds the file, opening is tried again for `wait_s` seconds, then `WarehouseError`.
    """

    engine = ddl = "duckdb"
    exclusive = True
    default_schema = "main"

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool = False,
        create: bool = True,
        wait_s: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.path = path
        self._streams: set[duckdb.DuckDBPyConnection] = set()
        self._held: list[threading.Lock] = []
        self._stages = 0
        if (read_only or not create) and not path.exists():
            raise UsageError(
                f"there is no warehouse at {path} yet", "make one with `make run`, or set ESIOS_DUCKDB_PATH"
            )
        if create and not read_only:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise WarehouseError(
                    f"cannot make the folder {path.parent} ({error.strerror})",
                    "set ESIOS_DUCKDB_PATH to a place where you may write",
                ) from None
        self._connection = self._open(read_only, wait_s, sleep, clock)
        with self.translating():
            self._set_up()

    def _set_up(self) -> None:
        # Set afterwards, not on opening: two connections of one process must agree on what they open with.
        # Never reach for the network: json, icu and parquet are built in, other extensions are not used.
        self._connection.execute("set autoinstall_known_extensions = false")
        self._connection.execute("set autoload_known_extensions = false")
        self._connection.execute("set global timezone = 'UTC'")  # for the cursors too
        self._connection.execute("set enable_progress_bar = false")  # it would write into the results on stdout
        self._connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        # DuckDB would merge small row groups whenever the file is closed: all payloads ever landed, read, compressed
        # and written again for each commit (160 of them: 0.8 s and 150 MB, growing). profiles.yml says so to dbt too.
        self._connection.execute("set max_vacuum_tasks = 0")
        # What is committed stays in memory until it is written into the file: little at a time.
        self._connection.execute("set checkpoint_threshold = '4MB'")

    def _open(
        self, read_only: bool, wait_s: float, sleep: Callable[[float], None], clock: Callable[[], float]
    ) -> duckdb.DuckDBPyConnection:
        give_up = clock() + wait_s
        pause = 0.01
        made_anew = False
        while True:
            try:
                return duckdb.connect(str(self.path), read_only=read_only)
            except duckdb.Error as error:
                left = give_up - clock()
                if not _HELD.search(str(error)):
                    if not (read_only or made_anew or _NO_ROOM.search(str(error))) and self._is_half_made():
                        self.path.unlink(missing_ok=True)
                        made_anew = True
                        continue
                    raise self._cannot_open(error) from None
                if left <= 0:
                    holder = re.search(r"PID (\d+)", str(error))
                    by = f" (process {holder[1]})" if holder else ""
                    raise WarehouseError(
                        f"the warehouse {self.path} is held by another process{by}, for {wait_s:g} s now",
                        "wait for it to end, or end it, then try again",
                    ) from None
                sleep(min(pause, left))
                pause = min(pause * 1.5, 0.25)

    def _is_half_made(self) -> bool:
        """Whether the file ends within the headers: a process ended, or the disk was full, while it was made."""
        if not self.path.is_file():  # a device or a pipe is never ours to remove
            return False
        try:
            with self.path.open("rb") as file:
                start = file.read(_HEADERS_BYTES)
        except OSError:
            return False
        return len(start) < _HEADERS_BYTES and (not start or start[8:12] == b"DUCK")

    def _cannot_open(self, error: duckdb.Error) -> WarehouseError:
        text = str(error)
        elsewhere = "set ESIOS_DUCKDB_PATH to a file that you may read and write"
        remedies = [
            (
                r"version number|older version|newer version|storage version",
                f"was written by another version of DuckDB than this one ({duckdb.__version__})",
                "run `make setup` for the pinned version, or move the file away and let `make run` make a new one",
            ),
            (
                _DAMAGED.pattern,
                "is damaged, or no DuckDB file at all",
                _RESTORE,
            ),
            (r"permission denied|read-only|readonly|not permitted", "may not be opened by this user", elsewhere),
            (r"is a directory|cannot open file|no such file", "is not a file that can be opened", elsewhere),
            (_NO_ROOM.pattern, "cannot be opened: the disk is full", "make room, then try again"),
        ]
        for pattern, what, remedy in remedies:
            if re.search(pattern, text, re.IGNORECASE):
                return WarehouseError(f"the warehouse {self.path} {what}", remedy)
        return WarehouseError(f"cannot open the warehouse {self.path} ({_one_line(text)})", elsewhere)

    # ---------------------------------------------------------------- life
    def close(self) -> None:
        for stream in self._streams:
            with suppress(duckdb.Error):
                stream.close()
        self._streams.clear()
        self._release()
        # Closing rolls back what is open, and writes the log into the file (checkpoint), which may fail on a full disk.
        with self.translating():
            self._connection.close()

    def close_for_now(self) -> None:
        # What is committed stays in the log beside the file, which the next to open reads. A checkpoint rewrites the
        # file's first block in place (DuckDB 2.0): a SIGKILL within that write, seen once in some 280, leaves a damaged
        # file. So there is one a run, not one a window.
        try:
            with suppress(WarehouseError), self.translating():
                self._connection.execute("pragma disable_checkpoint_on_shutdown")
        finally:  # an interrupt may come at any statement
            self.close()

    @contextmanager
    def translating(self) -> Iterator[None]:
        """Turn what DuckDB raises into this project's errors."""
        try:
            yield
        except duckdb.InterruptException:
            raise KeyboardInterrupt from None
        except duckdb.Error as error:
            self.raise_for(error)
        except RuntimeError as error:
            # What DuckDB makes of a signal during a query, whatever its handler raised.
            if "Query interrupted" in str(error):
                raise KeyboardInterrupt from None
            raise

    def raise_for(self, error: duckdb.Error) -> NoReturn:
        """Raise what an error of DuckDB means."""
        raise _translated(error) from error

    # ---------------------------------------------------------------- catalogue
    def tables(self) -> list[TableName]:
        sql = (
            "select schema_name, table_name as name from duckdb_tables()"
            " where not internal and not temporary and database_name = current_database()"
            " union all select schema_name, view_name from duckdb_views()"
            " where not internal and not temporary and database_name = current_database() order by 1, 2"
        )
        return [TableName(schema, name) for schema, name in self._fetch(sql)]

    def find_columns(self, table: TableName) -> list[Column]:
        # First whether it is there: a failing pragma would end the transaction around it. Then the pragma, because
        # duckdb_columns() walks the whole catalogue, the system's own tables included.
        there = self._fetch(
            "select 1 from duckdb_tables() where database_name = current_database()"
            " and lower(schema_name) = lower(?) and lower(table_name) = lower(?)"
            " union all select 1 from duckdb_views() where database_name = current_database()"
            " and lower(schema_name) = lower(?) and lower(view_name) = lower(?)",
            (table.schema, table.name) * 2,
        )
        if not there:
            return []
        sql = 'select name, type, not "notnull", dflt_value is not null from pragma_table_info(?) order by cid'
        return [column_of(*column) for column in self._fetch(sql, (self.sql_name(table),))]

    def find_keys(self, table: TableName) -> list[Key]:
        where = (
            " where database_name = current_database()"
            " and lower(schema_name) = lower(?) and lower(table_name) = lower(?)"
        )
        constraints = self._fetch(
            "select constraint_type, constraint_column_names from duckdb_constraints()"
            + where
            + " and constraint_type in ('PRIMARY KEY', 'UNIQUE') order by constraint_type, constraint_index",
            (table.schema, table.name),
        )
        keys = [Key(tuple(names), kind == "PRIMARY KEY") for kind, names in constraints]
        indexes = self._fetch(
            "select expressions from duckdb_indexes()" + where + " and is_unique order by index_name",
            (table.schema, table.name),
        )
        names = {column.name for column in self.find_columns(table)} if indexes else set()
        for (expressions,) in indexes:
            columns = tuple(_index_columns(expressions))
            if columns and set(columns) <= names:  # an index over an expression is not a key of columns
                keys.append(Key(columns))
        return list(dict.fromkeys(keys))

    def run_script(self, script: str) -> None:
        with self.translating():
            self._connection.execute(script)

    # ---------------------------------------------------------------- transactions
    def begin(self) -> None:
        with self.translating():
            self._connection.begin()

    def commit(self) -> None:
        try:
            with self.translating():
                self._connection.commit()
        except EsiosError:
            self.rollback()
            raise
        finally:
            self._release()

    def rollback(self) -> None:
        with suppress(duckdb.Error, RuntimeError):  # rolled back by itself, the connection gone, or interrupted again
            self._connection.rollback()
        self._release()

    @contextmanager
    def lock(self, name: str, *tables: TableName | str) -> Iterator[None]:  # noqa: ARG002
        assert self.in_transaction, "a lock lasts until the transaction ends, so it needs one"
        with _locks_guard:
            lock = _locks.setdefault((str(self.path), name), threading.Lock())
        if lock not in self._held:
            lock.acquire()
            self._held.append(lock)
        yield

    def _release(self) -> None:
        while self._held:
            self._held.pop().release()

    # ---------------------------------------------------------------- statements
    def execute(self, sql: str, params: Sequence[Any] = ()) -> int:
        with self.translating():
            done = self._connection.execute(sql, list(params))
            if [column[0] for column in done.description or ()] != ["Count"]:
                return -1
            count = done.fetchone()
            return int(count[0]) if count else -1

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        with self.transaction(), self.translating():
            self._connection.executemany(sql, [list(row) for row in rows])

    def rows(self, sql: str, params: Sequence[Any] = (), batch: int = 10_000) -> Rows:
        stream = self._stream(sql)
        try:
            with self.translating():
                stream.execute(sql, list(params))
        except EsiosError:
            self._end(stream)
            raise
        described = stream.description or []
        instants = [at for at, column in enumerate(described) if str(column[1]) == "TIMESTAMP WITH TIME ZONE"]

        def tuples() -> Iterator[tuple[Any, ...]]:
            try:
                with self.translating():
                    while found := stream.fetchmany(batch):
                        yield from (self._outward(row, instants) for row in found) if instants else found
            finally:
                self._end(stream)

        return Rows((column[0] for column in described), tuples())

    def batches(self, sql: str, params: Sequence[Any] = (), size: int = 65_536) -> pa.RecordBatchReader:
        import pyarrow as pa

        stream = self._stream(sql)
        try:
            with self.translating():
                # A relation, because the Arrow reader over an executed statement copies every row once more.
                reader: pa.RecordBatchReader = stream.sql(sql, params=list(params)).to_arrow_reader(size)
        except EsiosError:
            self._end(stream)
            raise

        def all_of_them() -> Iterator[pa.RecordBatch]:
            try:
                with self.translating():
                    yield from reader
            finally:
                self._end(stream)

        return pa.RecordBatchReader.from_batches(reader.schema, all_of_them())

    def _outward(self, row: tuple[Any, ...], instants: Sequence[int]) -> tuple[Any, ...]:
        """A row as the protocol gives it: its instants with a zone, which are at these places, in UTC."""
        values = list(row)
        for at in instants:
            if values[at] is not None:
                values[at] = self.outward_instant(values[at])
        return tuple(values)

    @staticmethod
    def outward_instant(instant: dt.datetime) -> dt.datetime:
        """An instant with a zone as the protocol gives it."""
        return instant.astimezone(dt.UTC)

    def micros(self, instant: str) -> str:
        return f"epoch_us({instant})"

    def allow_payloads(self) -> None:
        self.execute(f"set memory_limit = '{PAYLOADS_LIMIT}'")

    def _stream(self, sql: str) -> duckdb.DuckDBPyConnection:  # noqa: ARG002 - a lake looks what it names
        """Where to run a query: a connection of its own, so that other statements do not end the stream.

        Inside a transaction only the connection itself sees what that has done.
        """
        if self.in_transaction or self._stages:
            return self._connection
        with self.translating():
            stream = self._connection.cursor()
        self._streams.add(stream)
        return stream

    def _end(self, stream: duckdb.DuckDBPyConnection) -> None:
        if stream in self._streams:
            self._streams.discard(stream)
            with suppress(duckdb.Error):
                stream.close()

    def _fetch(self, sql: str, params: Sequence[Any] = ()) -> list[Any]:
        with self.translating():
            return self._connection.execute(sql, list(params)).fetchall()

    # ---------------------------------------------------------------- loading
    @contextmanager
    def staging(self, table: TableName, columns: Sequence[Column]) -> Iterator[str]:
        self._stages += 1
        name = self.quote("temp", f"stage_{self._stages}")
        listed = ", ".join(self.quote(column.name) for column in columns)
        number = self.quote(row_number_name(column.name for column in columns))
        try:
            # Made from a query: the types of the table without its constraints.
            self.execute(
                f"create temp table {self.quote(f'stage_{self._stages}')} as"
                f" select {listed}, cast(0 as bigint) as {number} from {self.sql_name(table)} limit 0"
            )
            yield name
        finally:
            with suppress(duckdb.Error):  # gone already where the transaction around it was rolled back
                self._connection.execute(f"drop table if exists {name}")
            self._stages -= 1

    def fill(self, stage: str, columns: Sequence[Column], batches: Iterable[pa.RecordBatch]) -> None:  # noqa: ARG002
        import pyarrow as pa

        for batch in batches:
            with self.translating():
                self._connection.register("incoming_batch", pa.Table.from_batches([batch]))
                try:
                    self._connection.execute(f"insert into {stage} select * from incoming_batch")
                finally:
                    self._connection.unregister("incoming_batch")


def column_of(name: str, spelled: str, nullable: bool, has_default: bool) -> Column:
    if spelled in _WHOLE_NUMBERS:
        low, high = _WHOLE_NUMBERS[spelled]
        return Column(name, spelled, Kind.INTEGER, nullable, has_default, minimum=low, maximum=high)
    if decimal := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", spelled):
        precision, scale = int(decimal[1]), int(decimal[2])
        return Column(name, spelled, Kind.DECIMAL, nullable, has_default, precision=precision, scale=scale)
    if spelled.startswith("ENUM("):
        return Column(name, spelled, Kind.TEXT, nullable, has_default)
    traits = _OTHERS.get(spelled, {"kind": Kind.OTHER})
    return Column(name, spelled, nullable=nullable, has_default=has_default, **traits)


def _index_columns(expressions: str) -> Iterator[str]:
    """DuckDB gives an index's columns as text: `[id, '"odd name"']`."""
    for part in re.findall(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[^\[\], ]+""", expressions):
        if part.startswith("'"):
            part = part[1:-1].replace("''", "'").replace("\\'", "'")
        yield part[1:-1].replace('""', '"') if part.startswith('"') else part


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]


def _translated(error: duckdb.Error) -> EsiosError:
    text = _one_line(str(error))
    if isinstance(error, duckdb.ConstraintException):
        return UsageError(text, "fix the data; nothing was written")
    if isinstance(error, duckdb.CatalogException) and "is not an table" in text:
        return UsageError(f"a view takes no rows ({text})", "load into the table behind it; nothing was written")
    if isinstance(error, duckdb.ConversionException | duckdb.OutOfRangeException) or "generated column" in text:
        return UsageError(f"the data do not fit the table ({text})", "fix the data; nothing was written")
    if _NO_ROOM.search(text):
        return WarehouseError(f"the disk is full ({text})", "make room, then run it again; nothing half-done was kept")
    if isinstance(error, duckdb.IOException | duckdb.SerializationException) and _DAMAGED.search(text):
        return WarehouseError(f"the warehouse is damaged ({text})", _RESTORE)
    if isinstance(error, duckdb.OutOfMemoryException):
        return WarehouseError(f"DuckDB ran out of memory ({text})", "free memory or disk for its temporary files")
    return WarehouseError(f"DuckDB failed ({text})", "nothing half-done was kept; run it again with --debug for more")
