"""What the drivers' errors mean: a SQLSTATE, a number or a wording becomes one of this project's errors.

Sources: ODBC's appendix A for the SQLSTATEs, Microsoft's "Database Engine events and errors" for the numbers.
"""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extract.errors import EsiosError, UsageError, WarehouseError

if TYPE_CHECKING:
    from extract.settings import MssqlSettings

# Azure SQL's passing faults, from Microsoft's "Troubleshoot transient connection errors"; a driver that gives no number
# is understood by its wording.
_PASSING = {4221, 10928, 10929, 40143, 40197, 40501, 40540, 40613, 42108, 42109, 49918, 49919, 49920}
_PASSING_WORDS = re.compile(
    r"is not currently available|service is currently busy|encountered an error processing your request"
    r"|not enough resources to process request|too many (create or update )?operations in progress"
    r"|is currently unavailable",
    re.IGNORECASE,
)


class Deadlock(WarehouseError):
    """SQL Server chose this transaction as a deadlock's victim and rolled it back: it may be run again as a whole."""


class ConnectionLost(WarehouseError):
    """The connection broke; the server rolls back what was open."""


class NotReady(WarehouseError):
    """The database moves to another machine, wakes up or is overloaded: a new try in some seconds may find it ready."""


@dataclass(frozen=True)
class Fault:
    """A driver's error taken apart: the SQLSTATE, SQL Server's own number where the driver gives it, and the text."""

    state: str
    number: int | None
    text: str


def taken_apart(state: str, error: BaseException) -> Fault:
    """A driver's error as a `Fault`; the text is one line without the drivers' prefixes."""
    text = str(getattr(error, "ddbc_error", "") or (error.args[-1] if error.args else error))
    number = re.search(r"\((-?\d+)\) \(SQL\w+\)", text)
    plain = re.sub(r"\((-?\d+)\) \(SQL\w+\)|\[(?:\w{5}|Microsoft|SQL Server|ODBC Driver[^\]]*)\]", "", text)
    return Fault(state, int(number[1]) if number else None, " ".join(plain.split())[:400])


def passing(found: Fault) -> bool:
    """Whether the server says that the fault will pass by itself."""
    return found.number in _PASSING or bool(_PASSING_WORDS.search(found.text))


def lost(found: Fault) -> bool:
    """Whether the connection is gone, or must be made again before another try."""
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
    return f"nothing listens on port {mssql.port}"


# A view that takes no rows: 4403 to 4457, those apart that say that it is broken. Tables that the server itself writes:
# the history of a system-versioned or a ledger table, and what was written to an append-only ledger table.
_NO_TARGET = {*range(4403, 4458), 13559, 13561, 37359} - {4413}
_NO_TARGET_WORDS = re.compile(
    r"is not updatable|cannot (update|insert into|modify) (the )?(column .* of )?view|of view or function .* failed"
    r"|temporal history table|ledger history table|append only ledger",
    re.IGNORECASE,
)
_CHECK_OPTION = re.compile(r"with check option|check option for view", re.IGNORECASE)


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
            f"{what} did not respond in time ({text})", "raise MSSQL_QUERY_TIMEOUT_S, or look for what blocks it"
        )
    if found.number == 229 or re.search(r"permission (was )?denied|permission denied", text, re.I):
        return WarehouseError(
            f"{what} does not permit this ({text})", "ask for the grants in extract/warehouse/ddl/sqlserver/grants.sql"
        )
    if _CHECK_OPTION.search(text) or found.state in ("23000", "44000") or found.number in (2601, 2627, 515, 547, 550):
        return UsageError(f"{what} refused a row ({text})", "fix the data; nothing was written")
    if found.number in _NO_TARGET or _NO_TARGET_WORDS.search(text):
        return UsageError(
            f"{what} takes no such rows there ({text})", "load into the table behind it; nothing was written"
        )
    if found.state in ("22001", "22003", "22007", "22008", "22018"):
        return UsageError(f"the data do not fit the table ({text})", "fix the data; nothing was written")
    return WarehouseError(f"{what} failed ({text})", "nothing half-done was kept; run it again with --debug for more")
