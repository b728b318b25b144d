"""How the SQL Server engine talks: two drivers behind one face, authentication, and what their errors mean.

Sources: Microsoft's "DSN and connection string keywords" and "Using Microsoft Entra ID with the ODBC driver",
MS-ODBCSTR for the escaping of values, the ODBC appendix A for the SQLSTATEs.
"""

from __future__ import annotations

import datetime as dt
import importlib
import os
import re
import socket
import struct
import sys
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from extract.errors import EsiosError, UsageError, WarehouseError
from extract.warehouse.tables import Kind

if TYPE_CHECKING:
    from extract.settings import MssqlSettings

_UTF16 = "utf-16le"
# ODBC type codes that both drivers understand.
SQL_WCHAR, SQL_WLONGVARCHAR = -8, -10
SQL_CHAR, SQL_LONGVARBINARY = 1, -4
SQL_GUID, SQL_SS_TIMESTAMPOFFSET = -11, -155
_SQL_COPT_SS_ACCESS_TOKEN = 1256
_TOKEN_SCOPE = "https://database.windows.net/.default"  # noqa: S105 - an address, no secret

# The words of dbt-sqlserver, so that one variable configures both; case, `-` and `_` do not matter.
_ENTRA = {
    "auto": "ActiveDirectoryDefault",
    "default": "ActiveDirectoryDefault",
    "activedirectorydefault": "ActiveDirectoryDefault",
    "msi": "ActiveDirectoryMsi",
    "activedirectorymsi": "ActiveDirectoryMsi",
    "serviceprincipal": "ActiveDirectoryServicePrincipal",
    "activedirectoryserviceprincipal": "ActiveDirectoryServicePrincipal",
    "activedirectorypassword": "ActiveDirectoryPassword",
    "activedirectoryintegrated": "ActiveDirectoryIntegrated",
    "activedirectoryinteractive": "ActiveDirectoryInteractive",
    "activedirectorydevicecode": "ActiveDirectoryDeviceCode",
}
# Where the driver itself has no such way, azure-identity gets the token.
_CREDENTIALS = {
    "cli": "AzureCliCredential",
    "environment": "EnvironmentCredential",
    "ActiveDirectoryDefault": "DefaultAzureCredential",
    "ActiveDirectoryDeviceCode": "DeviceCodeCredential",
}
_NEEDS_USER = ("sql", "ActiveDirectoryPassword", "ActiveDirectoryServicePrincipal")
# Azure SQL's passing faults, from Microsoft's "Troubleshoot transient connection errors"; a driver that tells no number
# is understood by its wording.
_PASSING = {4221, 10928, 10929, 40143, 40197, 40501, 40540, 40613, 42108, 42109, 49918, 49919, 49920}
_PASSING_WORDS = re.compile(
    r"is not currently available|service is currently busy|encountered an error processing your request"
    r"|not enough resources to process request|too many (create or update )?operations in progress"
    r"|is currently unavailable",
    re.IGNORECASE,
)
# What MSSQL_OPTIONS may not say: each has its own variable, or would carry a secret.
_RESERVED = {
    "server", "addr", "address", "database", "uid", "pwd", "user id", "password", "authentication",
    "trusted_connection", "encrypt", "trustservercertificate", "driver", "dsn", "filedsn", "app",
}  # fmt: skip


class Deadlock(WarehouseError):
    """SQL Server chose this transaction as a deadlock's victim and rolled it back: it may be run again as a whole."""


class ConnectionLost(WarehouseError):
    """The connection broke; the server rolls back what was open."""


class NotReady(WarehouseError):
    """The database moves to another machine, wakes up or is overloaded: a new try in some seconds may find it ready."""


# -------------------------------------------------------------------- connection strings
def quoted(value: str) -> str:
    """A value of an ODBC connection string, safe whatever it holds: in braces, a closing brace doubled."""
    if "\0" in value:
        raise UsageError("a connection setting holds a NUL character", "take it out of the MSSQL_ variables")
    return "{" + value.replace("}", "}}") + "}"


def authentication(mssql: MssqlSettings) -> str:
    """`sql`, `windows`, `cli`, `environment`, or the driver's own word for an Entra way."""
    word = re.sub(r"[-_ ]", "", mssql.authentication.lower()) or "sql"
    if word in ("sql", "windows", "cli", "environment"):
        return word
    if word in ("integrated", "trustedconnection", "windowslogin"):
        return "windows"
    if word not in _ENTRA:
        raise UsageError(
            f"MSSQL_AUTHENTICATION is {mssql.authentication!r}",
            f"set it to sql, windows, cli, environment, auto, msi, serviceprincipal or one of "
            f"{', '.join(sorted(set(_ENTRA.values())))}",
        )
    return _ENTRA[word]


def connection_string(mssql: MssqlSettings, way: str) -> str:
    """What both drivers read, without the driver's own parts. TLS and its certificate check are on unless set off."""
    # A named instance is found by the SQL Server Browser service, so it takes no port.
    server = mssql.server if "\\" in mssql.server or "," in mssql.server else f"{mssql.server},{mssql.port}"
    parts = {
        "Server": server,
        "Database": mssql.database,
        "Encrypt": "yes" if mssql.encrypt else "no",
        "TrustServerCertificate": "yes" if mssql.trust_server_certificate else "no",
    }
    if way == "windows":
        parts["Trusted_Connection"] = "yes"
    elif way in _NEEDS_USER:
        parts |= {"UID": mssql.user, "PWD": mssql.password}
    elif way.startswith("ActiveDirectory") and mssql.user:
        parts["UID"] = mssql.user  # the account of Interactive, the client id of a user-assigned identity
    if way.startswith("ActiveDirectory"):
        parts["Authentication"] = way
    parts |= _options(mssql.options)
    return ";".join(f"{name}={quoted(value)}" for name, value in parts.items())


def _options(text: str) -> dict[str, str]:
    """MSSQL_OPTIONS, `Key=value;Key=value`: further keywords of the connection string, such as MultiSubnetFailover."""
    found = {}
    for part in filter(str.strip, text.split(";")):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not name or name.lower() in _RESERVED:
            raise UsageError(
                f"MSSQL_OPTIONS holds {name!r}",
                "write Key=value;Key=value, and give server, database, user, password, TLS and authentication by "
                "their own MSSQL_ variables",
            )
        found[name] = value
    return found


@cache
def packaged_driver() -> str | None:
    """The file of Microsoft's ODBC driver inside the wheel mssql-python-odbc, for this platform."""
    try:
        package = importlib.import_module("mssql_python_odbc")
    except ImportError:
        return None
    root = Path(str(package.get_libs_dir()))
    family = {"linux": "linux", "darwin": "macos", "win32": "windows"}.get(sys.platform, "")
    found = sorted(
        [*root.glob(f"{family}/**/libmsodbcsql*"), *root.glob(f"{family}/**/msodbcsql18.dll")],
        key=lambda file: (not _native(file), str(file)),
    )
    return str(found[0]) if found and _native(found[0]) else None


def _native(file: Path) -> bool:
    machine = os.uname().machine if hasattr(os, "uname") else "x64"
    words = {"x86_64": {"x86_64", "x64"}, "aarch64": {"aarch64", "arm64"}}.get(machine, {machine})
    linux = (
        sys.platform != "linux" or ("alpine" if Path("/etc/alpine-release").exists() else "debian_ubuntu") in file.parts
    )
    return linux and bool(words & set(file.parts) or "universal2" in file.parts)


def odbc_driver(installed: Sequence[str]) -> str:
    """What pyodbc's DRIVER= takes where MSSQL_DRIVER says nothing: the newest installed, or the file in the wheel."""
    ours = sorted((name for name in installed if re.fullmatch(r"ODBC Driver (\d+) for SQL Server", name)), reverse=True)
    if ours:
        return ours[0]
    if driver := packaged_driver():
        return driver
    raise WarehouseError(
        "pyodbc finds no ODBC driver for SQL Server",
        "set MSSQL_BACKEND=mssql-python, which brings its own, or install msodbcsql18",
    )


def dbt_environment(mssql: MssqlSettings) -> dict[str, str]:
    """What dbt's profile needs to connect as this connector does: pyodbc's driver, Windows authentication."""
    found = {"MSSQL_WINDOWS_LOGIN": "no"}
    if authentication(mssql) == "windows":  # its own setting there, besides which there is no other
        found = {"MSSQL_WINDOWS_LOGIN": "yes", "MSSQL_AUTHENTICATION": "sql"}
    if mssql.backend == "pyodbc":
        found["MSSQL_DRIVER"] = mssql.driver or odbc_driver(_pyodbc().drivers())
    return found


def _pyodbc() -> Any:
    try:
        return importlib.import_module("pyodbc")
    except ImportError as error:  # a system library is missing
        raise WarehouseError(
            f"pyodbc cannot be loaded ({error})", "set MSSQL_BACKEND=mssql-python, or install unixODBC (libodbc2)"
        ) from None


# -------------------------------------------------------------------- the two drivers
class Backend(ABC):
    """A DB-API driver. Connections are in autocommit; transactions are the statements BEGIN, COMMIT, ROLLBACK."""

    name: ClassVar[str]
    as_text: ClassVar[frozenset[Kind]]  # kinds that its arrays of parameters carry safely only as ISO texts

    def __init__(self, mssql: MssqlSettings) -> None:
        self.mssql = mssql
        self.way = authentication(mssql)

    @property
    @abstractmethod
    def errors(self) -> tuple[type[BaseException], ...]:
        """The driver's exceptions."""

    @abstractmethod
    def connect(self) -> Any:
        """A connection; raises one of `errors`, or `UsageError` for settings that cannot work."""

    @abstractmethod
    def state(self, error: BaseException) -> str:
        """The SQLSTATE, empty where the driver tells none."""

    @abstractmethod
    def send_array(
        self,
        cursor: Any,
        sql: str,
        types: Sequence[tuple[int, int, int]],
        rows: Sequence[tuple[Any, ...]],
        in_transaction: bool = False,
    ) -> None:
        """Run `sql` once for each row by arrays of parameters; `types`: (ODBC type, size, digits) of each."""

    def execute(self, cursor: Any, sql: str, params: Sequence[Any] = ()) -> None:
        """Run one statement with its values bound; without values it goes as a plain batch."""
        if params:
            cursor.execute(sql, tuple(params))
        else:
            cursor.execute(sql)


class MssqlPython(Backend):
    """Microsoft's own driver for Python; brings everything it needs."""

    name = "mssql-python"
    # Its arrays count a decimal's sign against its size, drop the fraction of a time, and refuse years before 1753.
    as_text = frozenset({Kind.DECIMAL, Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.INSTANT, Kind.UUID})

    def __init__(self, mssql: MssqlSettings) -> None:
        super().__init__(mssql)
        try:
            self.module: Any = importlib.import_module("mssql_python")
        except ImportError as error:  # a system library is missing
            raise WarehouseError(
                f"mssql-python cannot be loaded ({error})",
                "on Debian or Ubuntu: apt-get install libltdl7 libkrb5-3 libgssapi-krb5-2",
            ) from None

    @property
    def errors(self) -> tuple[type[BaseException], ...]:
        return (self.module.exceptions.Exception, self.module.ConnectionStringParseError)

    def connect(self) -> Any:
        way = self.way
        provider = _credential(way) if way in ("cli", "environment") else None
        self.module.pooling(enabled=False)  # one connection for the life of a command: closed is closed
        connection = self.module.connect(
            connection_string(self.mssql, way),
            autocommit=True,
            timeout=self.mssql.login_timeout_s,
            native_uuid=True,
            token_provider=provider,
        )
        connection.timeout = self.mssql.query_timeout_s
        # As UTF-16, whatever the client's locale: a varchar in a UTF-8 collation arrives whole.
        connection.setdecoding(SQL_CHAR, encoding=_UTF16, ctype=SQL_WCHAR)
        return connection

    def state(self, error: BaseException) -> str:
        return _STATES.get(str(getattr(error, "driver_error", "")), "")

    def send_array(
        self,
        cursor: Any,
        sql: str,
        types: Sequence[tuple[int, int, int]],
        rows: Sequence[tuple[Any, ...]],
        in_transaction: bool = False,  # noqa: ARG002 - pyodbc's concern
    ) -> None:
        if any(kind[0] in (SQL_WLONGVARCHAR, SQL_LONGVARBINARY) for kind in types):
            for row in rows:  # its arrays hold no (max) values
                self.execute(cursor, sql, row)
            return
        cursor.setinputsizes(list(types))
        cursor.executemany(sql, list(rows))

    def execute(self, cursor: Any, sql: str, params: Sequence[Any] = ()) -> None:
        # It refuses dates before 1753 (the legacy type's limit), and its times lost a microsecond; ISO texts do not.
        at = [n for n, value in enumerate(params) if _early(value) or isinstance(value, dt.time)]
        super().execute(cursor, sql, _spelled(params, at))


def _early(value: Any) -> bool:
    return isinstance(value, dt.date) and value.year < 1753


# mssql-python keeps only the wording of the SQLSTATE (mssql_python/exceptions.py).
_STATES = {
    "Serialization failure": "40001",
    "Communication link failure": "08S01",
    "Connection failure during transaction": "08007",
    "Connection not open": "08003",
    "Client unable to establish connection": "08001",
    "Server rejected the connection": "08004",
    "Invalid authorization specification": "28000",
    "Timeout expired": "HYT00",
    "Connection timeout expired": "HYT01",
    "Query timeout expired": "HYT00",
    "Integrity constraint violation": "23000",
    "String data, right-truncated": "22001",
    "Numeric value out of range": "22003",
    "Base table or view not found": "42S02",
    "Column not found": "42S22",
    "Operation canceled": "HY008",
}


class Pyodbc(Backend):
    """pyodbc over Microsoft's ODBC driver: an installed one, or the file that mssql-python's wheel carries."""

    name = "pyodbc"
    as_text = frozenset({Kind.TIME, Kind.INSTANT, Kind.UUID})  # it has no parameter type for the first two

    def __init__(self, mssql: MssqlSettings) -> None:
        super().__init__(mssql)
        self.module = _pyodbc()

    @property
    def errors(self) -> tuple[type[BaseException], ...]:
        return (self.module.Error,)

    def connect(self) -> Any:
        before: Mapping[int, bytes] = {}
        way = self.way
        if way in _CREDENTIALS:
            token = _token(_credential(way)).encode(_UTF16)
            before = {_SQL_COPT_SS_ACCESS_TOKEN: struct.pack("<i", len(token)) + token}
        driver = self.mssql.driver or odbc_driver(self.module.drivers())
        self.module.pooling = False
        text = f"DRIVER={quoted(driver)};APP=esios-elt;" + connection_string(self.mssql, "token" if before else way)
        connection = self.module.connect(
            text, autocommit=True, timeout=self.mssql.login_timeout_s, attrs_before=dict(before)
        )
        connection.timeout = self.mssql.query_timeout_s
        connection.setdecoding(SQL_CHAR, encoding=_UTF16, ctype=SQL_WCHAR)
        connection.add_output_converter(SQL_GUID, lambda raw: None if raw is None else uuid.UUID(bytes_le=raw))
        connection.add_output_converter(SQL_SS_TIMESTAMPOFFSET, _offset_datetime)
        return connection

    def state(self, error: BaseException) -> str:
        return str(error.args[0]) if error.args else ""

    def send_array(
        self,
        cursor: Any,
        sql: str,
        types: Sequence[tuple[int, int, int]],
        rows: Sequence[tuple[Any, ...]],
        in_transaction: bool = False,
    ) -> None:
        # In autocommit, pyodbc ends a fast executemany with a commit of its own: it would end our transaction too.
        cursor.fast_executemany = not in_transaction
        # Its way to say nvarchar(max) and varbinary(max) is the size 0.
        cursor.setinputsizes([{-10: (-9, 0, 0), -4: (-3, 0, 0)}.get(kind[0], kind) for kind in types])
        cursor.executemany(sql, list(rows))

    def execute(self, cursor: Any, sql: str, params: Sequence[Any] = ()) -> None:
        at = [n for n, value in enumerate(params) if _unknown_to_pyodbc(value)]
        super().execute(cursor, sql, _spelled(params, at))


def _unknown_to_pyodbc(value: Any) -> bool:
    """Times of day, instants with an offset; and a fraction of a second, whose digits it asks of a type table that not
    every server gives. As ISO text the server reads them."""
    moment = isinstance(value, dt.datetime) and (value.tzinfo is not None or value.microsecond)
    return bool(moment) or isinstance(value, dt.time)


def _spelled(row: Sequence[Any], at: Sequence[int]) -> tuple[Any, ...]:
    values = list(row)
    for n in at:
        if values[n] is not None:
            values[n] = values[n].isoformat()
    return tuple(values)


def _offset_datetime(raw: bytes | None) -> dt.datetime | None:
    """SQL_SS_TIMESTAMPOFFSET_STRUCT, a type that pyodbc does not know."""
    if raw is None:
        return None
    year, month, day, hour, minute, second, fraction, off_hour, off_minute = struct.unpack("<h5HI2h", raw)
    zone = dt.timezone(dt.timedelta(hours=off_hour, minutes=off_minute))
    return dt.datetime(year, month, day, hour, minute, second, fraction // 1000, zone)


def _credential(way: str) -> Any:
    try:
        identity = importlib.import_module("azure.identity")
    except ImportError:
        raise UsageError(
            f"MSSQL_AUTHENTICATION={way} needs azure-identity", "install it: pip install 'esios-elt[azure]'"
        ) from None
    return getattr(identity, _CREDENTIALS[way])()


def _token(credential: Any) -> str:
    try:
        return str(credential.get_token(_TOKEN_SCOPE).token)
    except Exception as error:  # azure-identity's own tree of errors, which is only there if it is installed
        raise WarehouseError(
            f"Entra gave no token ({' '.join(str(error).split())[:300]})",
            "sign in (az login), or set the variables of the chosen MSSQL_AUTHENTICATION",
        ) from None


def backend(mssql: MssqlSettings) -> Backend:
    """The driver that MSSQL_BACKEND names."""
    return {"mssql-python": MssqlPython, "pyodbc": Pyodbc}[mssql.backend](mssql)


# -------------------------------------------------------------------- what went wrong
@dataclass(frozen=True)
class Fault:
    """A driver's error taken apart: the SQLSTATE, SQL Server's own number where the driver tells it, and the text."""

    state: str
    number: int | None
    text: str


def fault(backend: Backend, error: BaseException) -> Fault:
    """Take a driver's error apart; the text is one line without the drivers' prefixes."""
    text = str(getattr(error, "ddbc_error", "") or (error.args[-1] if error.args else error))
    number = re.search(r"\((-?\d+)\) \(SQL\w+\)", text)
    plain = re.sub(r"\((-?\d+)\) \(SQL\w+\)|\[(?:\w{5}|Microsoft|SQL Server|ODBC Driver[^\]]*)\]", "", text)
    return Fault(backend.state(error), int(number[1]) if number else None, " ".join(plain.split())[:400])


def passing(found: Fault) -> bool:
    """Whether the server says that the fault will pass by itself."""
    return found.number in _PASSING or bool(_PASSING_WORDS.search(found.text))


def lost(found: Fault) -> bool:
    """Whether the connection is gone, or is to be made anew before another try."""
    return (
        found.state in ("08S01", "08003", "08007")
        or bool(re.search(r"connection is (closed|dead)", found.text, re.IGNORECASE))
        or passing(found)
    )


def cannot_connect(mssql: MssqlSettings, found: Fault) -> EsiosError:
    """The error for a connection that did not come about; names the host, the user and the remedy, no secret."""
    where = f"{mssql.server}:{mssql.port}"
    who = f"user {mssql.user}" if mssql.user else f"MSSQL_AUTHENTICATION={mssql.authentication}"
    text = found.text
    if passing(found):
        return NotReady(f"SQL Server {where} is not ready for {who} ({text})", "try again in a minute")
    if found.number == 4060 or re.search(r"cannot open database|database .* does not exist", text, re.I):
        return WarehouseError(
            f"SQL Server {where} has no database {mssql.database} that {who} may open ({text})",
            "check MSSQL_DATABASE; docs/sqlserver.md has the script that creates it",
        )
    if found.state == "28000" or found.number in (18456, 18452):
        return WarehouseError(
            f"SQL Server {where} refused the login of {who} ({text})",
            "check MSSQL_USER and MSSQL_PASSWORD (in .env, single quotes keep every character)",
        )
    if re.search(r"encryption (is )?not supported", text, re.I):
        return WarehouseError(
            f"SQL Server {where} offers no TLS ({text})",
            "give the server a certificate, or, where you know the network, set MSSQL_ENCRYPT=no",
        )
    if re.search(r"ssl|certificate|tls|encryption", text, re.I):
        return WarehouseError(
            f"the TLS certificate of SQL Server {where} cannot be verified ({text})",
            "have the server's CA trusted on this machine, or, where you know the network, "
            "set MSSQL_TRUST_SERVER_CERTIFICATE=yes",
        )
    return WarehouseError(f"cannot reach SQL Server {where} for {who} ({_reachable(mssql) or text})", _REACH)


_REACH = "check MSSQL_SERVER and MSSQL_PORT, that the server runs and that no firewall is between"


def _reachable(mssql: MssqlSettings) -> str:
    """Why a driver that says only "time-out" could not connect: the host's name, or its port."""
    host = re.sub(r"^tcp:", "", mssql.server)
    if "\\" in host or "," in host:
        return ""
    try:
        addresses = socket.getaddrinfo(host, mssql.port, type=socket.SOCK_STREAM)
    except OSError:
        return f"the host name {host} is unknown"
    for family, kind, protocol, _, address in addresses:
        with suppress(OSError), socket.socket(family, kind, protocol) as probe:
            probe.settimeout(3)
            probe.connect(address)
            return ""
    return f"nothing answers on port {mssql.port}"


def translated(found: Fault, what: str) -> EsiosError:
    """The error for a statement that failed; `what` names the server."""
    text = found.text
    if found.state == "40001" or found.number == 1205:
        return Deadlock(f"a deadlock on {what} ended the transaction ({text})", "nothing was written; run it again")
    if lost(found):
        return ConnectionLost(f"the connection to {what} was lost ({text})", "nothing half-done was kept; run it again")
    if found.number == 1222 or "lock request time out" in text.lower() or "lock timeout" in text:
        return WarehouseError(
            f"another session holds what is needed on {what} ({text})", "wait for it to end, then run it again"
        )
    if found.state in ("HYT00", "HYT01", "HY008"):
        return WarehouseError(
            f"{what} did not answer in time ({text})", "raise MSSQL_QUERY_TIMEOUT_S, or look for what blocks it"
        )
    if found.number == 229 or re.search(r"permission (was )?denied|permission denied", text, re.I):
        return WarehouseError(
            f"{what} does not permit this ({text})", "ask for the grants in extract/warehouse/ddl/sqlserver/grants.sql"
        )
    if found.state == "23000" or found.number in (2601, 2627, 515, 547):
        return UsageError(f"{what} refused a row ({text})", "mend the data; nothing was written")
    if found.state in ("22001", "22003", "22007", "22008", "22018"):
        return UsageError(f"the data do not fit the table ({text})", "mend the data; nothing was written")
    return WarehouseError(f"{what} failed ({text})", "nothing half-done was kept; run it again with --debug for more")
