"""One at a time in a lake: dbt runs, because Spark has no transaction over two tables, and processes that join files.

In a folder the operating system keeps the lock, and frees it with its process, however that ends. An object store has
no such lock: there a lease lies in a Delta table. It is renewed while the run lasts, and over a while after that.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from extract.errors import WarehouseError
from extract.lock_file import lock_file
from extract.settings import Settings, is_url
from extract.warehouse.lake_storage import LakeStorage

DBT_RUN = "_dbt_run"
JOIN = "_join"
LEASE = timedelta(minutes=2)
RENEWALS = 4  # in the time of a lease: three may fail
_TRY_AGAIN_S = 0.5

# Takes a lock: None where it is ours from then on, else who holds it.
Take = Callable[[], str | None]


@contextmanager
def only_dbt_run(settings: Settings) -> Iterator[None]:
    """Hold the lake; `WarehouseError` where another run still does after `ESIOS_WAREHOUSE_WAIT_S` seconds."""
    with _lock(settings, DBT_RUN) as take:
        if holder := _wait_for(take, settings.warehouse_wait_s):
            raise WarehouseError(
                f"another dbt run ({holder}) is at work in the lake {settings.lake}",
                "let it end, or raise ESIOS_WAREHOUSE_WAIT_S to wait for it longer",
            )
        yield


@contextmanager
def only_join(settings: Settings, wait_s: float) -> Iterator[bool]:
    """Whether files may be joined: not where another process still joins some after so many seconds.

    Of two compactions that begin from one version deltalake (1.6.6) commits both, and each row would be there twice.
    """
    with _lock(settings, JOIN) as take:
        yield _wait_for(take, wait_s) is None


def _wait_for(take: Take, wait_s: float) -> str | None:
    """None once the lock is ours, else who holds it at the end."""
    give_up = time.monotonic() + wait_s
    while (holder := take()) and time.monotonic() < give_up:
        time.sleep(_TRY_AGAIN_S)
    return holder


@contextmanager
def _lock(settings: Settings, name: str) -> Iterator[Take]:
    if is_url(settings.lake):
        with _lease(settings, name) as take:
            yield take
    else:
        with lock_file(Path(settings.lake) / f"{name}.lock") as lock:
            yield lock.take


@contextmanager
def _lease(settings: Settings, name: str) -> Iterator[Take]:
    lease = Lease(LakeStorage(settings), name)
    ended = threading.Event()
    renewing = threading.Thread(target=lease.renew_until, args=(ended,), daemon=True)

    def take() -> str | None:
        holder = lease.take()
        if holder is None:
            renewing.start()
        return holder

    try:
        yield take
    finally:
        if renewing.ident:
            ended.set()
            renewing.join()
            lease.write(timedelta())


@dataclass
class Lease:
    """A row of one Delta table: who has it until when. Who read an older version of it cannot write."""

    storage: LakeStorage
    name: str = DBT_RUN
    holder: str = field(default_factory=lambda: f"process {os.getpid()} on {platform.node()}, {uuid.uuid4().hex[:8]}")
    version: int = -1

    @property
    def uri(self) -> str:
        return f"{self.storage.root}/{self.name}"

    def take(self) -> str | None:
        """None where it is ours now, else who holds it. `WarehouseError` where the store fails."""
        import pyarrow as pa
        from deltalake import CommitProperties, DeltaTable, QueryBuilder
        from deltalake.exceptions import CommitFailedError

        with self.storage.translating():
            try:
                if not DeltaTable.is_deltatable(self.uri, storage_options=self.storage.options):
                    # Without trying again: the loser of a race would write a version of its own.
                    once, options = CommitProperties(max_commit_retries=0), self.storage.options
                    DeltaTable.create(
                        self.uri, _schema(), mode="ignore", storage_options=options, commit_properties=once
                    )
                table = DeltaTable(self.uri, storage_options=self.storage.options)
                query = QueryBuilder().register("lease", table).execute("select holder, until_utc from lease")
                for row in pa.table(query.read_all()).to_pylist():
                    if row["until_utc"] > datetime.now(UTC):
                        return f"{row['holder']}, until {row['until_utc']:%H:%M:%S} UTC unless it is renewed"
                self.version = table.version()
                self._commit(LEASE)
            except CommitFailedError:
                return "it has just begun"
        return None

    def renew_until(self, ended: threading.Event) -> None:
        """Renew it again and again. A process that could not until it was over ends itself: another may be at work."""
        over = time.monotonic() + LEASE.total_seconds()
        while not ended.wait(LEASE.total_seconds() / RENEWALS):
            begun = time.monotonic()
            if self.write(LEASE):
                over = begun + LEASE.total_seconds()
            elif time.monotonic() >= over:
                print(f"Error: the lease {self.uri} could not be renewed: run it again", file=sys.stderr, flush=True)
                os.kill(os.getpid(), signal.SIGTERM)

    def write(self, lasts: timedelta) -> bool:
        """Whether it is ours for so long from now on: not where another process wrote it, or the store fails."""
        from deltalake.exceptions import DeltaError

        try:
            self._commit(lasts)
        except (DeltaError, OSError):
            return False
        return True

    def _commit(self, lasts: timedelta) -> None:
        import pyarrow as pa
        from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

        row = {"holder": [self.holder], "until_utc": [datetime.now(UTC) + lasts]}
        table = DeltaTable(self.uri, version=self.version, storage_options=self.storage.options)
        once = CommitProperties(app_transactions=[Transaction(self.name, self.version + 1)], max_commit_retries=0)
        write_deltalake(table, pa.table(row, schema=_schema()), mode="overwrite", commit_properties=once)
        self.version += 1


def _schema() -> Any:
    import pyarrow as pa

    return pa.schema([("holder", pa.string()), ("until_utc", pa.timestamp("us", tz="UTC"))])
