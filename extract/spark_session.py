"""The Spark session that dbt works in: a server that is there, or Sail, a Spark Connect server, in this process.

`SPARK_REMOTE` names a running Spark Connect server; without it (and without a Spark of one's own, `SPARK_CONF_DIR`)
Sail listens on a free loopback port and ends with the process. Its catalogue lives as long as its session: the tables
of the lake are registered at the start.
"""

from __future__ import annotations

import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from extract.errors import UsageError, WarehouseError
from extract.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HOW_TO_INSTALL = "run `make setup-spark`"
# Sail forgets a session, with all of its catalogue, after five minutes of silence.
A_DAY_S = "86400"
DEFAULT_PORT = 15002  # Spark Connect's
THRIFT_PORT = 10000
HTTPS_PORT = 443
FABRIC = "api.fabric.microsoft.com"  # as in profiles.yml
KNOCK_S = 15.0


@contextmanager
def spark_session(settings: Settings) -> Iterator[None]:
    """The session of this process, ready for dbt's `method: session`, which takes the one that is there."""
    # Of pandas, which no model uses.
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
    with _sail():
        try:
            from pyspark.sql import SparkSession
        except ImportError:
            raise UsageError("ESIOS_TARGET is spark, and pyspark is not installed", HOW_TO_INSTALL) from None

        try:
            session = SparkSession.builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
            if settings.spark_format == "delta":
                register_tables(session, settings)
        except Exception as error:  # whatever the server says: Spark's, Sail's and gRPC's errors have no common base
            raise WarehouseError(
                f"no Spark session on this lake ({_first_line(error)})", "check SPARK_REMOTE and ESIOS_LAKE"
            ) from None
        try:
            yield
        finally:
            session.stop()  # or the client looks for its server once more at the end of the process, and waits


@contextmanager
def _sail() -> Iterator[None]:
    """Sail for as long as needed, where no other Spark is named."""
    if remote := os.environ.get("SPARK_REMOTE"):
        _knock_at_connect_server(remote)
        yield
        return
    if os.environ.get("SPARK_CONF_DIR"):
        yield
        return
    os.environ.setdefault("SAIL_SPARK__SESSION_TIMEOUT_SECS", A_DAY_S)
    # Few rows, by the files' own statistics, are not dealt out to all processors: payloads stay where they were read.
    os.environ.setdefault("SAIL_EXECUTION__USE_ROW_NUMBER_ESTIMATES_TO_OPTIMIZE_PARTITIONING", "true")
    # As a cluster (SAIL_MODE): a statement is as many tasks at once as it reads files, and no worker leaves meanwhile.
    os.environ.setdefault("SAIL_CLUSTER__WORKER_TASK_SLOTS", "4096")
    os.environ.setdefault("SAIL_CLUSTER__WORKER_MAX_IDLE_TIME_SECS", A_DAY_S)
    os.environ.setdefault("RUST_LOG", "error")  # Sail's own news is not dbt's
    try:
        from pysail.spark import SparkConnectServer
    except ImportError:
        raise UsageError("no SPARK_REMOTE is set, and Sail is not installed", HOW_TO_INSTALL) from None

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    host, port = server.listening_address or ("127.0.0.1", 0)
    os.environ["SPARK_REMOTE"] = f"sc://{host}:{port}"
    try:
        yield
    finally:
        del os.environ["SPARK_REMOTE"]
        server.stop()


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


def _knock_at_connect_server(remote: str) -> None:
    """The same at `sc://host:port/…`."""
    address = urlsplit(remote)
    try:
        host, port = address.hostname, address.port or DEFAULT_PORT
    except ValueError:
        host = None
    if address.scheme != "sc" or not host:
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

    With their columns: Sail takes what a statement says, and reads none from the table.
    """
    from extract.warehouse.lake_storage import LakeStorage

    lake = LakeStorage(settings)
    tables = lake.tables()
    for schema in {table.schema for table in tables}:
        session.sql(f"create schema if not exists `{schema}`").collect()
    for table in tables:
        place = lake.uri(table)
        columns = ", ".join(
            f"`{column.name}` {column.dataType.simpleString()}{'' if column.nullable else ' not null'}"
            for column in session.read.format("delta").load(place).schema
        )
        session.sql(
            f"create table if not exists `{table.schema}`.`{table.name}` ({columns}) using delta location '{place}'"
        ).collect()


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
