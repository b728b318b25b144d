"""One dbt run at a time in a lake: Spark has no transaction over two tables, so two runs would append a response twice.

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

NAME = "_dbt_run"
LEASE = timedelta(minutes=2)
RENEWALS = 4  # in the time of a lease: three may fail
_TRY_AGAIN_S = 0.5


@contextmanager
def only_dbt_run(settings: Settings) -> Iterator[None]:
    """Hold the lake; `WarehouseError` where another run still does after `ESIOS_WAREHOUSE_WAIT_S` seconds."""
    with _lease(settings) if is_url(settings.lake) else _file_lock(settings):
        yield


def _wait_for(taken: Callable[[], str | None], settings: Settings) -> None:
    """Until `taken` gives None; else what it gives names who holds the lake."""
    give_up = time.monotonic() + settings.warehouse_wait_s
    while holder := taken():
        if time.monotonic() >= give_up:
            raise WarehouseError(
                f"another dbt run ({holder}) is at work in the lake {settings.lake}",
                "let it end, or raise ESIOS_WAREHOUSE_WAIT_S to wait for it longer",
            )
        time.sleep(_TRY_AGAIN_S)


@contextmanager
def _file_lock(settings: Settings) -> Iterator[None]:
    with lock_file(Path(settings.lake) / f"{NAME}.lock") as lock:
        _wait_for(lock.take, settings)
        yield


@contextmanager
def _lease(settings: Settings) -> Iterator[None]:
    lease = Lease(LakeStorage(settings))
    _wait_for(lease.take, settings)
    ended = threading.Event()
    renewing = threading.Thread(target=lease.renew_until, args=(ended,), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        ended.set()
        renewing.join()
        lease.write(timedelta())


@dataclass
class Lease:
    """A row of one Delta table: who may build until when. Who read an older version of it cannot write."""

    storage: LakeStorage
    holder: str = field(default_factory=lambda: f"process {os.getpid()} on {platform.node()}, {uuid.uuid4().hex[:8]}")
    version: int = -1

    @property
    def uri(self) -> str:
        return f"{self.storage.root}/{NAME}"

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
        once = CommitProperties(app_transactions=[Transaction(NAME, self.version + 1)], max_commit_retries=0)
        write_deltalake(table, pa.table(row, schema=_schema()), mode="overwrite", commit_properties=once)
        self.version += 1


def _schema() -> Any:
    import pyarrow as pa

    return pa.schema([("holder", pa.string()), ("until_utc", pa.timestamp("us", tz="UTC"))])
