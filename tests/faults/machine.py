"""The real commands on a machine of a test's own, what they leave behind, and the search for what must not be there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb

from tests.end_to_end.conftest import ROOT, Finished, Shell

# Texts that occur nowhere by chance: wherever one turns up, it was written there.
KEY = "f4ul7-k3y-0d9c51e7b2a84f6c"
PASSWORD = "f4ul7;p'a\"s%s}w{ord--8e1b"
SECRETS = (KEY, PASSWORD)
FIRST, LAST = "2017-01-01", "2017-02-28"
# Retries as in real life, only quicker.
QUICK = {
    "ESIOS_REQUESTS_PER_SECOND": "1000",
    "ESIOS_BURST": "1000",
    "ESIOS_BACKOFF_INITIAL_S": "0.01",
    "ESIOS_BACKOFF_MAX_S": "0.05",
    "ESIOS_MAX_TRIES": "4",
    "ESIOS_WINDOW": "month",
    "ESIOS_READ_TIMEOUT_S": "10",
    "ESIOS_WAREHOUSE_WAIT_S": "120",
}

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Running:
    """A command under way, and the file that takes what it says."""

    process: subprocess.Popen[bytes]
    file: Path

    def told(self) -> str:
        """What it has said so far."""
        return self.file.read_text("utf-8", errors="replace")

    def wait_for(self, words: str, timeout: float = 120) -> None:
        """Until it has said these words; fails if it ends without them."""
        self.wait_until(lambda: words in self.told(), timeout)

    def wait_until(self, reached: Callable[[], bool], timeout: float = 120) -> None:
        """Until something is so; fails if the command ends before."""
        give_up = time.monotonic() + timeout
        while not reached():
            assert self.process.poll() is None or reached(), self.told()
            assert time.monotonic() < give_up, self.told()
            time.sleep(0.002)

    def signal_group(self, number: int) -> None:
        """Send a signal to the command and what it started, as Ctrl-C in a terminal does."""
        # Once it was waited for, its number may be another's.
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)


@dataclass(frozen=True)
class Machine(Shell):
    """A folder with a warehouse in it, the commands that work on it, and everything that they said."""

    url: str = ""
    said: list[str] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Quick retries, the key of these tests, the server's address, and what `settings` adds."""
        return super().environment | QUICK | {"ESIOS_API_KEY": KEY, "ESIOS_BASE_URL": self.url} | self.settings

    @property
    def warehouse(self) -> Path:
        """The DuckDB file."""
        return Path(self.environment["ESIOS_DUCKDB_PATH"])

    def __call__(self, *command: str, timeout: float = 240, **more: str) -> Finished:
        """Run a command to its end and remember what it said."""
        finished = super().__call__(*command, timeout=timeout, **more)
        self.said.append(finished.out + finished.err)
        return finished

    def start(self, *command: str, **more: str) -> Running:
        """Start a command in a process group of its own, as a terminal does; `end` waits for it."""
        told = self.folder / "told"
        told.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile("wb", dir=told, delete=False) as file:
            process = subprocess.Popen(
                command,
                env=self.environment | more,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        return Running(process, Path(file.name))

    def end(self, running: Running, timeout: float = 240) -> Finished:
        """Wait for a started command."""
        code = running.process.wait(timeout)
        self.said.append(running.told())
        return Finished(code, running.told(), "")

    def extract(self, *arguments: str, **more: str) -> Finished:
        """`esios extract` of the tests' span."""
        return self.esios("extract", "--start", FIRST, "--end", LAST, *arguments, **more)

    def dbt(self, verb: str = "run", **more: str) -> Finished:
        """`dbt run`, or another verb."""
        return self("dbt", "--no-use-colors", verb, **more)

    def build_mart(self) -> None:
        """Bring the published table up to date, and what it is made of: half the time of a whole `dbt run`."""
        finished = self("dbt", "--no-use-colors", "run", "--select", "+demand_forecast_esios")
        assert finished.code == 0, finished.out

    def rows(self, sql: str) -> list[Row]:
        """What the warehouse returns; an empty list while there is none."""
        if not self.warehouse.exists():
            return []
        with duckdb.connect(str(self.warehouse), config={"autoinstall_known_extensions": "false"}) as connection:
            connection.execute("set timezone = 'UTC'")
            return connection.execute(sql).fetchall()

    def landing(self) -> list[Row]:
        """The landing table, value by value, less what names the run: its id, its time and the server's port."""
        if not self.rows("select 1 from duckdb_tables() where table_name = 'indicator_responses'"):
            return []
        found = self.rows(
            "select indicator_id, window_start_utc, window_end_utc, payload, payload_sha256, source_url"
            " from raw_esios.indicator_responses order by all"
        )
        return [(*row[:-1], urlsplit(row[-1])._replace(scheme="", netloc="").geturl()) for row in found]

    def land(self, file: Path) -> None:
        """Put a copy of a warehouse in place of ours."""
        shutil.copyfile(file, self.warehouse)

    def run_states(self) -> list[str]:
        """The states of the runs, in order."""
        if not self.rows("select 1 from duckdb_tables() where table_name = 'extract_runs'"):
            return []
        return [state for (state,) in self.rows("select status from raw_esios.extract_runs order by started_at_utc")]

    def mart(self) -> list[Row]:
        """The published table, value by value, but for the time stamps of revisions."""
        if not self.rows("select 1 from duckdb_tables() where table_name = 'demand_forecast_esios'"):
            return []
        return self.rows("select name, id, datetime, demand_forecast from demand_forecast_esios order by id, datetime")

    def empty(self) -> None:
        """Take everything away but what dbt has parsed."""
        for path in self.folder.iterdir():
            if path.name != "target":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.said.clear()

    def found_secrets(self) -> list[str]:
        """Where a key or a password is: in what was said, in a file's bytes or name, in a table's text."""
        places = ["what a command said" for text in self.said if holds_secret(text.encode())]
        places += [str(path) for path in files_with_secrets([self.folder])]
        for path in self.folder.rglob("*.duckdb"):
            places += tables_with_secrets(path)
        return places


class ProcessList:
    """The command lines of every process while the tests run, as anybody on the machine may read them."""

    def __init__(self, pause_s: float = 0.2, secrets: Sequence[str] = SECRETS) -> None:
        self.seen: set[bytes] = set()
        self._pause_s, self._secrets = pause_s, secrets
        self._ended = threading.Event()
        self._looking = threading.Thread(target=self._look, name="process list", daemon=True)

    def __enter__(self) -> ProcessList:
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._looking.join()

    def with_secrets(self) -> list[bytes]:
        """The command lines that hold a secret."""
        return [line for line in set(self.seen) if holds_secret(line, self._secrets)]

    def shows(self, words: str) -> bool:
        """Whether one of them had these words in it."""
        return any(words.encode() in line for line in set(self.seen))

    def _look(self) -> None:
        while not self._ended.wait(self._pause_s):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):  # it ended meanwhile
                    self.seen.add(path.read_bytes().replace(b"\0", b" "))


def holds_secret(content: bytes, secrets: Sequence[str] = SECRETS) -> bool:
    """Whether a secret is in there, plainly, as part of a URL, of JSON, or backwards as some logs write blobs."""
    from json import dumps
    from urllib.parse import quote, quote_plus

    forms = {form for secret in secrets for form in (secret, quote(secret), quote_plus(secret), dumps(secret)[1:-1])}
    return any(form.encode(kind) in content for form in forms for kind in ("utf-8", "utf-16-le"))


def files_with_secrets(folders: Iterable[Path]) -> list[Path]:
    """The files below the folders that hold a secret in their bytes or in their names."""
    found = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            try:
                if holds_secret(str(path).encode()) or (path.is_file() and holds_secret(path.read_bytes())):
                    found.append(path)
            except OSError:  # gone, or not to be read: a pipe, or a mount that just ended
                continue
    return found


def tables_with_secrets(path: Path) -> list[str]:
    """The tables of a DuckDB file that hold a secret: compressed, it would not show in the file's bytes.

    A view has no rows of its own: its SQL is searched.
    """
    try:
        connection = duckdb.connect(str(path), read_only=True)
    except duckdb.Error:  # damaged on purpose: its bytes are searched all the same
        return []
    with connection:
        texts = connection.execute(
            "select schema_name, table_name, list(column_name) from duckdb_columns() semi join duckdb_tables()"
            " using (database_oid, schema_oid, table_oid) where not duckdb_columns.internal"
            " and (data_type like '%VARCHAR%' or data_type in ('JSON', 'BLOB')) group by all"
        ).fetchall()
        found = []
        for schema, table, columns in [*texts, ("pg_catalog", "pg_views", ["definition"])]:
            schema_name, table_name, *names = (part.replace('"', '""') for part in (schema, table, *columns))
            words = ", ".join(f'cast("{name}" as varchar)' for name in names)
            secret_in = " or ".join(f"contains(concat_ws(' ', {words}), ?)" for _ in SECRETS)
            sql = f'select 1 from "{schema_name}"."{table_name}" where {secret_in} limit 1'
            if connection.execute(sql, SECRETS).fetchall():
                found.append(f"{path}: {schema}.{table}")
        return found
