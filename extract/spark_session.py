"""The Spark session that dbt works in: a server that is there, or Sail, a Spark Connect server, in this process.

`SPARK_REMOTE` names a running Spark Connect server; without it (and without a Spark of one's own, `SPARK_CONF_DIR`)
Sail listens on a free loopback port and ends with the process. Its catalogue lives as long as its session: the tables
of the lake are registered at the start.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from extract.errors import EsiosError, UsageError, WarehouseError
from extract.settings import STORAGE_VARIABLES, Settings, is_url

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HOW_TO_INSTALL = "run `make setup-spark`"
A_DAY_S = "86400"
# Where the environment says nothing else.
SAIL = {
    # It forgets a session, with all of its catalogue, after five minutes of silence.
    "SAIL_SPARK__SESSION_TIMEOUT_SECS": A_DAY_S,
    # Few rows, by the files' own statistics, are not dealt out to all processors: payloads stay where they were read.
    "SAIL_EXECUTION__USE_ROW_NUMBER_ESTIMATES_TO_OPTIMIZE_PARTITIONING": "true",
    # What it orders, groups and joins at once; beyond it rows go to temporary files, as DuckDB's do (profiles.yml).
    "SAIL_RUNTIME__MEMORY_POOL__TYPE": "fair",
    "SAIL_RUNTIME__MEMORY_POOL__FAIR__MAX_SIZE": str(3 * 2**30),
    # As a cluster (SAIL_MODE): a statement is as many tasks at once as it reads files, and no worker leaves meanwhile.
    "SAIL_CLUSTER__WORKER_TASK_SLOTS": "4096",
    "SAIL_CLUSTER__WORKER_MAX_IDLE_TIME_SECS": A_DAY_S,
    "RUST_LOG": "error",  # its own news is not dbt's
}
DEFAULT_PORT = 15002  # Spark Connect's
THRIFT_PORT = 10000
HTTPS_PORT = 443
FABRIC = "api.fabric.microsoft.com"  # as in profiles.yml
KNOCK_S = 15.0
# Sail 0.7 encodes any other character of a folder's name as in a URL, without a word: it reads nothing there and writes
# beside it.
_READ_AS_THEY_STAND = re.compile(r"[A-Za-z0-9/_.,:@+=&!$()-]+")
# Behind `sc://HOST:PORT`: nothing, or `/;token=…;use_ssl=true`. A path would be shown, and could hold the token.
_PARAMETERS = re.compile(r"(/(;[^;=]+=[^;]*)*;?)?")


@contextmanager
def spark_session(settings: Settings) -> Iterator[str]:
    """The session of this process, ready for dbt's `method: session`, which takes the one that is there.

    The value is the lake's place in the words of this Spark.
    """
    # Of pandas, which no model uses.
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
    with _sail(settings) as lake:
        try:
            from pyspark.sql import SparkSession
        except ImportError:
            raise UsageError("ESIOS_TARGET is spark, and pyspark is not installed", HOW_TO_INSTALL) from None

        with _translating(f"no Spark session on the lake {settings.lake}"):
            session = SparkSession.builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
        try:
            if settings.spark_format == "delta":
                register_tables(session, replace(settings, lake=lake))
            yield lake
        finally:
            session.stop()  # or the client looks for its server once more at the end of the process, and waits


@contextmanager
def _translating(what: str) -> Iterator[None]:
    try:
        yield
    except EsiosError:
        raise
    except Exception as error:  # whatever the server says: Spark's, Sail's and gRPC's errors have no common base
        raise WarehouseError(f"{what} ({_first_line(error)})", "check SPARK_REMOTE and ESIOS_LAKE") from None


@contextmanager
def _sail(settings: Settings) -> Iterator[str]:
    """Sail for as long as needed, where no other Spark is named. The value is the lake's place in its words."""
    if remote := os.environ.get("SPARK_REMOTE"):
        _knock_at_connect_server(remote)
        yield settings.lake
        return
    if os.environ.get("SPARK_CONF_DIR"):
        yield settings.lake
        return
    if settings.spark_format == "iceberg":
        raise UsageError(
            "ESIOS_SPARK_FORMAT is iceberg, and Sail would have forgotten its Iceberg tables at the next run",
            "set SPARK_REMOTE or SPARK_CONF_DIR to a Spark with a catalogue, or ESIOS_SPARK_FORMAT=delta",
        )
    for name, value in SAIL.items():
        os.environ.setdefault(name, value)
    try:
        from pysail.spark import SparkConnectServer
    except ImportError:
        raise UsageError("no SPARK_REMOTE is set, and Sail is not installed", HOW_TO_INSTALL) from None

    from extract.warehouse.lake_storage import LakeStorage

    # It looks for them in the environment alone, where plain http to this machine is to be allowed too.
    options = LakeStorage(settings).options or {}
    os.environ.update({name: value for name, value in options.items() if name.startswith(STORAGE_VARIABLES)})
    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    host, port = server.listening_address or ("127.0.0.1", 0)
    os.environ["SPARK_REMOTE"] = f"sc://{host}:{port}"
    try:
        yield _plain_place(settings.lake)
    finally:
        del os.environ["SPARK_REMOTE"]
        server.stop()


def _plain_place(lake: str) -> str:
    """A name of the lake that Sail reads as it stands: its own, or that of a link to it, the same each time.

    A place that changed would have dbt parse the project again.
    """
    if is_url(lake) or _READ_AS_THEY_STAND.fullmatch(lake):
        return lake
    digest = hashlib.sha256(lake.encode()).hexdigest()[:16]
    link = Path(tempfile.gettempdir(), f"esios-lake-{os.getuid()}-{digest}")
    with suppress(OSError):  # it is there already, or may not be made: what counts is what is there
        link.symlink_to(lake)
    # The folder of temporary files is everybody's: somebody else's link could lead elsewhere tomorrow.
    is_ours = link.is_symlink() and link.lstat().st_uid == os.getuid() and link.readlink() == Path(lake)
    if not (is_ours and _READ_AS_THEY_STAND.fullmatch(str(link))):
        raise UsageError(
            f"ESIOS_LAKE is {lake!r}, a name that Sail cannot read, and {link} could not be made a link to it",
            "set ESIOS_LAKE to a folder whose path has no blanks and only plain letters, or TMPDIR to such a one",
        )
    return str(link)


def knock_at_thrift_server() -> None:
    """`WarehouseError` unless a server listens where the profile looks for the Thrift server."""
    host, port = (os.environ.get(f"ESIOS_SPARK_{name}", "") for name in ("HOST", "PORT"))
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise UsageError(f"ESIOS_SPARK_PORT is {port!r}", "set it to a port of 1 to 65535")
    _knock(
        host or "localhost", int(port or THRIFT_PORT), "ESIOS_SPARK_HOST", "start that server, or correct its address"
    )


def knock_at_service(service: str) -> None:
    """`WarehouseError` unless somebody listens at a service's address: its client would try for a quarter of an hour.

    A proxy is asked by that client, and not here.
    """
    host = os.environ.get("ESIOS_SPARK_HOST", "") if service == "databricks" else FABRIC
    if not host:
        raise UsageError(f"ESIOS_SPARK_SERVICE is {service}, and ESIOS_SPARK_HOST is missing", "set ESIOS_SPARK_HOST")
    if "https" not in getproxies() or proxy_bypass(host):
        setting = "ESIOS_SPARK_HOST" if service == "databricks" else "ESIOS_SPARK_SERVICE"
        _knock(host, HTTPS_PORT, setting, "correct that address, or check the network")
    adapter = {"databricks": "databricks", "fabric": "fabricspark"}[service]
    if find_spec(f"dbt.adapters.{adapter}") is None:
        raise UsageError(
            f"ESIOS_SPARK_SERVICE is {service}, and dbt-{adapter} is not installed",
            "install it in an environment of its own, as docs/spark.md says",
        )


def _knock_at_connect_server(remote: str) -> None:
    """The same at `sc://host:port/…`."""
    address = urlsplit(remote)
    try:
        host, port = address.hostname, address.port or DEFAULT_PORT
    except ValueError:
        host = None
    if address.scheme != "sc" or not host or not _PARAMETERS.fullmatch(address.path):
        raise UsageError("SPARK_REMOTE is not the address of a Spark Connect server", "set it to sc://HOST:PORT")
    _knock(host, port, "SPARK_REMOTE", "start that server, or unset SPARK_REMOTE to build with Sail")


def _knock(host: str, port: int, setting: str, remedy: str) -> None:
    """Check that a server listens there: Spark's and dbt's own clients would ask for minutes."""
    try:
        socket.create_connection((host, port), timeout=KNOCK_S).close()
    except OSError as error:
        raise WarehouseError(f"no server at {setting}, {host}:{port} ({error.strerror or error})", remedy) from None


def register_tables(session: SparkSession, settings: Settings) -> None:
    """Register the lake's tables in the session's catalogue. One that keeps its tables itself knows most of them.

    With their columns: Sail takes what a statement says, and reads none from the table. One that Spark cannot read is
    an error, even if no model reads it: dbt would make one that it does not find again.
    """
    from extract.warehouse.lake_storage import LakeStorage

    lake = LakeStorage(settings)
    tables = lake.tables()
    for schema in {table.schema for table in tables}:
        with _translating(f"no schema {schema} on the lake {settings.lake}"):
            session.sql(f"create schema if not exists `{schema}`").collect()
    for table in tables:
        place = lake.uri(table)
        with _translating(f"{table} in the lake {settings.lake} cannot be read by Spark"):
            columns = ", ".join(
                f"`{column.name}` {column.dataType.simpleString()}{'' if column.nullable else ' not null'}"
                for column in session.read.format("delta").load(place).schema
            )
            session.sql(
                f"create table if not exists `{table.schema}`.`{table.name}` ({columns}) using delta location '{place}'"
            ).collect()


def _first_line(error: BaseException) -> str:
    """What a server or a client says, without the token that SPARK_REMOTE may hold (`sc://HOST:PORT/;token=…`)."""
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    _, _, parameters = os.environ.get("SPARK_REMOTE", "").removeprefix("sc://").partition("/")
    for secret in (parameters, *(part.partition("=")[2] for part in parameters.split(";"))):
        text = text.replace(secret.strip(), "…") if secret.strip() else text
    return text[:200]
