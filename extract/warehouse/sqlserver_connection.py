"""From settings to what the drivers read: the way to log in, the connection string, the driver's file. No I/O.

Sources: Microsoft's "DSN and connection string keywords" and "Using Microsoft Entra ID with the ODBC driver",
MS-ODBCSTR for the escaping of values.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from extract.errors import UsageError, WarehouseError

if TYPE_CHECKING:
    from extract.settings import MssqlSettings

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
_NEEDS_USER = ("sql", "ActiveDirectoryPassword", "ActiveDirectoryServicePrincipal")
# What MSSQL_OPTIONS may not say: each has its own variable, or would carry a secret.
_RESERVED = {
    "server", "addr", "address", "database", "uid", "pwd", "user id", "password", "authentication",
    "trusted_connection", "encrypt", "trustservercertificate", "driver", "dsn", "filedsn", "app",
}  # fmt: skip


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
