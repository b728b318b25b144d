"""How the SQL Server engine talks: connection strings, authentication, what errors mean. No server needed."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.errors import EsiosError, UsageError, WarehouseError
from extract.settings import MssqlSettings
from extract.warehouse import sqlserver_backend as driver
from extract.warehouse import sqlserver_connection as connection
from extract.warehouse import sqlserver_faults as faults

MSSQL = MssqlSettings(server="server.database.com", database="mock_db", user="user1", password="123abc")


def parts(text: str) -> dict[str, str]:
    """An ODBC connection string taken apart by the rules of MS-ODBCSTR."""
    found, at = {}, 0
    while at < len(text):
        equals = text.index("=", at)
        name, at = text[at:equals], equals + 2
        value = ""
        while True:
            close = text.index("}", at)
            value += text[at:close]
            at = close + 1
            if text[at : at + 1] != "}":
                break
            value, at = value + "}", at + 1
        found[name] = value
        at += 1
    return found


def test_the_task_s_example_becomes_an_encrypted_and_verified_connection() -> None:
    assert parts(connection.connection_string(MSSQL, "sql")) == {
        "Server": "server.database.com,1433",
        "Database": "mock_db",
        "Encrypt": "yes",
        "TrustServerCertificate": "no",
        "UID": "user1",
        "PWD": "123abc",
    }


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_a_password_may_hold_any_character(password: str) -> None:
    assert parts(connection.connection_string(replace(MSSQL, password=password), "sql"))["PWD"] == password


def test_a_password_with_a_nul_is_refused_without_being_shown() -> None:
    with pytest.raises(UsageError, match="NUL") as raised:
        connection.connection_string(replace(MSSQL, password="secret\0word"), "sql")
    assert "secret" not in str(raised.value)


def test_a_named_instance_takes_no_port() -> None:
    assert (
        parts(connection.connection_string(replace(MSSQL, server=r"host\instance"), "sql"))["Server"]
        == r"host\instance"
    )


def test_windows_authentication_sends_no_password() -> None:
    found = parts(connection.connection_string(MSSQL, "windows"))
    assert found["Trusted_Connection"] == "yes"
    assert "PWD" not in found
    assert "UID" not in found


@pytest.mark.parametrize(
    ("word", "way"),
    [
        ("sql", "sql"),
        ("Windows", "windows"),
        ("auto", "ActiveDirectoryDefault"),
        ("ActiveDirectoryMsi", "ActiveDirectoryMsi"),
        ("ServicePrincipal", "ActiveDirectoryServicePrincipal"),
        ("Active-Directory-Interactive", "ActiveDirectoryInteractive"),
        ("CLI", "cli"),
    ],
)
def test_the_words_of_dbt_name_the_same_ways(word: str, way: str) -> None:
    assert connection.authentication(replace(MSSQL, authentication=word)) == way


def test_an_unknown_way_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="MSSQL_AUTHENTICATION is 'kerberos5'") as raised:
        connection.authentication(replace(MSSQL, authentication="kerberos5"))
    assert "windows" in raised.value.remedy


def test_further_keywords_come_from_mssql_options() -> None:
    given_options = replace(MSSQL, options="MultiSubnetFailover=Yes; ApplicationIntent = ReadOnly;")
    found = parts(connection.connection_string(given_options, "sql"))
    assert (found["MultiSubnetFailover"], found["ApplicationIntent"]) == ("Yes", "ReadOnly")


@pytest.mark.parametrize("options", ["Encrypt=no", "PWD=x", "nonsense", "=x"])
def test_what_has_a_variable_of_its_own_is_refused_in_mssql_options(options: str) -> None:
    with pytest.raises(UsageError, match="MSSQL_OPTIONS"):
        connection.connection_string(replace(MSSQL, options=options), "sql")


def test_pyodbc_takes_the_newest_driver_then_the_wheel_s() -> None:
    installed = ["ODBC Driver 17 for SQL Server", "SQLite3", "ODBC Driver 18 for SQL Server"]
    assert connection.odbc_driver(installed) == "ODBC Driver 18 for SQL Server"
    assert Path(connection.odbc_driver([])).is_file()


def explained(found: faults.Fault) -> EsiosError:
    return faults.translated(found, "SQL Server host")


def test_a_deadlock_victim_may_be_run_again() -> None:
    assert isinstance(explained(faults.Fault("40001", 1205, "deadlocked")), faults.Deadlock)


def test_a_lost_connection_and_a_failed_statement_are_distinguished() -> None:
    assert isinstance(explained(faults.Fault("08S01", None, "Communication link failure")), faults.ConnectionLost)
    assert type(explained(faults.Fault("42000", 102, "Incorrect syntax"))) is WarehouseError


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (40613, "Database 'mock_db' on server 'host' is not currently available. Please retry the connection later."),
        (None, "Database 'mock_db' on server 'host' is not currently available. Please retry the connection later."),
        (40501, "The service is currently busy. Retry the request after 10 seconds."),
        (40197, "The service has encountered an error processing your request. Please try again."),
        (49918, "Cannot process request. Not enough resources to process request."),
    ],
)
def test_a_fault_that_passes_is_tried_again(number: int | None, text: str) -> None:
    assert isinstance(faults.cannot_connect(MSSQL, faults.Fault("HY000", number, text)), faults.NotReady)
    assert isinstance(explained(faults.Fault("HY000", number, text)), faults.ConnectionLost)


def test_a_missing_grant_names_the_script() -> None:
    found = explained(faults.Fault("42000", 229, "The INSERT permission was denied on the object 'x'"))
    assert "grants.sql" in found.remedy


def test_a_refused_row_is_the_caller_s_fault() -> None:
    assert explained(faults.Fault("23000", 2627, "Violation of PRIMARY KEY constraint")).exit_code == 2


def test_an_untrusted_certificate_names_both_remedies() -> None:
    text = "SSL Provider: certificate verify failed: self-signed certificate"
    found = faults.cannot_connect(MSSQL, faults.Fault("08001", -1, text))
    assert found.exit_code == 5
    assert "certificate of SQL Server server.database.com:1433 cannot be verified" in found.message
    assert "MSSQL_TRUST_SERVER_CERTIFICATE=yes" in found.remedy


def test_a_server_without_tls_and_one_that_cannot_be_trusted_are_distinguished() -> None:
    found = faults.cannot_connect(MSSQL, faults.Fault("08001", -1, "Encryption not supported on SQL Server."))
    assert "offers no TLS" in found.message
    assert "MSSQL_ENCRYPT=no" in found.remedy


def test_dbt_is_given_the_driver_and_the_windows_login() -> None:
    assert driver.dbt_environment(MSSQL) == {"MSSQL_WINDOWS_LOGIN": "no"}
    assert driver.dbt_environment(replace(MSSQL, authentication="windows")) == {
        "MSSQL_WINDOWS_LOGIN": "yes",
        "MSSQL_AUTHENTICATION": "sql",
    }
    given_driver = replace(MSSQL, backend="pyodbc", driver="/my/driver.so")
    assert driver.dbt_environment(given_driver)["MSSQL_DRIVER"] == "/my/driver.so"


def test_a_driver_that_cannot_be_loaded_is_reported_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyodbc", None)
    settings = replace(MSSQL, backend="pyodbc")
    for load in (driver.dbt_environment, driver.Pyodbc):
        with pytest.raises(WarehouseError, match="pyodbc cannot be loaded") as told:
            load(settings)
        assert "libodbc2" in told.value.remedy
