"""The two drivers of SQL Server behind one face."""

from __future__ import annotations

import datetime as dt
import importlib
import struct
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from extract.errors import UsageError, WarehouseError
from extract.warehouse.sqlserver_connection import authentication, connection_string, odbc_driver, quoted
from extract.warehouse.sqlserver_faults import Fault, taken_apart
from extract.warehouse.tables import Kind

if TYPE_CHECKING:
    from extract.settings import MssqlSettings

_UTF16 = "utf-16le"
# ODBC type codes that both drivers understand.
SQL_WCHAR, SQL_WLONGVARCHAR = -8, -10
SQL_CHAR, SQL_LONGVARBINARY = 1, -4
SQL_GUID, SQL_SS_TIMESTAMPOFFSET = -11, -155
_SQL_COPT_SS_ACCESS_TOKEN = 1256
# Where the driver itself has no such way, azure-identity gets the token.
_CREDENTIALS = {
    "cli": "AzureCliCredential",
    "environment": "EnvironmentCredential",
    "ActiveDirectoryDefault": "DefaultAzureCredential",
    "ActiveDirectoryDeviceCode": "DeviceCodeCredential",
}
_TOKEN_SCOPE = "https://database.windows.net/.default"  # noqa: S105 - an address, no secret


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
        """The SQLSTATE, empty where the driver gives none."""

    def fault(self, error: BaseException) -> Fault:
        """One of `errors` taken apart."""
        return taken_apart(self.state(error), error)

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
