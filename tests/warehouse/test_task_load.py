"""The task's Load, to the letter: the transformed DataFrame into the existing table `demand_forecast_esios`.

On SQL Server in the database, as the user and with the password that the variables give (the task's example: `mock_db`,
`user1`, `123abc`; `server.database.com` stands for the host).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from extract.__main__ import cli
from extract.errors import UsageError, WarehouseError
from extract.settings import Settings
from extract.warehouse import TableName, connect

from .conftest import NO_SERVER, Place

COLUMNS = {
    "name": "short not null",
    "id": "integer not null",
    "datetime": "timestamp not null",
    "demand_forecast": "float",
    "update_timestamp": "timestamp",
}
on_sql_server = pytest.mark.skipif("not os.environ.get('MSSQL_SERVER')", reason=NO_SERVER)


def transformed(first: dt.datetime = dt.datetime(2016, 12, 31, 23), hours: int = 24) -> pd.DataFrame:
    """What Transform hands over: the five columns, an hour a row."""
    hour = pd.date_range(first, periods=hours, freq="h").as_unit("us")
    return pd.DataFrame(
        {
            "name": "Demanda peninsular ñ",
            "id": 460,
            "datetime": hour,
            "demand_forecast": [23616.0 + n / 3 for n in range(hours)],
            "update_timestamp": hour[0],
        }
    )


def existing(place: Place, columns: dict[str, str] = COLUMNS) -> TableName:
    return place.table("demand_forecast_esios", key=["id", "datetime"], columns=columns)


def as_tuples(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    return [
        (r.name, r.id, r.datetime, r.demand_forecast, r.update_timestamp)
        for r in frame.itertuples(name="R", index=False)
    ]


def test_the_transformed_frame_goes_into_the_existing_table(place: Place) -> None:
    table = existing(place)
    assert place.warehouse.append(table, transformed()) == 24
    assert place.content(table, order="datetime") == as_tuples(transformed())


def test_a_table_that_holds_older_rows_keeps_them(place: Place) -> None:
    table = existing(place)
    older = transformed(dt.datetime(2015, 1, 1), 48)
    place.warehouse.append(table, older)
    place.warehouse.append(table, transformed())
    assert place.content(table, order="datetime") == as_tuples(older) + as_tuples(transformed())


def test_loading_the_same_frame_again_by_key_changes_nothing(place: Place) -> None:
    table = existing(place)
    place.warehouse.append(table, transformed())
    done = place.warehouse.upsert(transformed(hours=25), table)
    assert (done.inserted, done.updated) == (1, 24)
    assert place.content(table, order="datetime") == as_tuples(transformed(hours=25))


def test_a_missing_table_is_named_and_exits_2(place: Place) -> None:
    with pytest.raises(UsageError, match=r"table .*demand_forecast_esios does not exist") as raised:
        place.warehouse.append(TableName(place.schema, "demand_forecast_esios"), transformed())
    assert raised.value.exit_code == 2
    assert "never by a load" in raised.value.remedy


def test_a_missing_column_is_named_and_nothing_is_written(place: Place) -> None:
    table = existing(place)
    with pytest.raises(UsageError, match=r"'datetime' .* is missing from the data") as raised:
        place.warehouse.append(table, transformed().drop(columns=["datetime"]))
    assert raised.value.exit_code == 2
    assert place.content(table) == []


def test_a_column_that_the_table_does_not_have_is_named(place: Place) -> None:
    table = existing(place)
    with pytest.raises(UsageError, match="has no column 'demand'"):
        place.warehouse.append(table, transformed().rename(columns={"demand_forecast": "demand"}))
    assert place.content(table) == []


@pytest.mark.parametrize("environment", [pytest.param("sqlserver", marks=on_sql_server)], indirect=True)
def test_a_text_too_long_is_named_with_its_row_and_nothing_is_written(place: Place) -> None:
    table = existing(place)
    frame = transformed()
    frame.loc[6, "name"] = "x" * 21
    with pytest.raises(UsageError, match=r"row 7, column 'name' .*nvarchar\(20\).*21 characters") as raised:
        place.warehouse.append(table, frame)
    assert raised.value.exit_code == 2
    assert place.content(table) == []


@pytest.mark.parametrize("environment", [pytest.param("sqlserver", marks=on_sql_server)], indirect=True)
def test_a_wrong_password_is_reported_without_showing_it(settings: Settings) -> None:
    wrong = replace(settings, mssql=replace(settings.mssql, password="not;{the}'pass=\"word%"))
    with pytest.raises(WarehouseError) as raised:
        connect(wrong)
    assert raised.value.exit_code == 5
    assert f"refused the login of user {settings.mssql.user}" in str(raised.value)
    assert "MSSQL_PASSWORD" in raised.value.remedy
    assert wrong.mssql.password not in str(raised.value) + repr(wrong)


@pytest.mark.parametrize("environment", [pytest.param("sqlserver", marks=on_sql_server)], indirect=True)
def test_an_unknown_host_is_reported_with_the_remedy(settings: Settings) -> None:
    lost = replace(settings, mssql=replace(settings.mssql, server="server.database.invalid", login_timeout_s=2))
    with pytest.raises(WarehouseError, match=r"the host name server\.database\.invalid is unknown") as raised:
        connect(lost)
    assert raised.value.exit_code == 5
    assert "MSSQL_SERVER" in raised.value.remedy


@pytest.mark.parametrize("environment", [pytest.param("sqlserver", marks=on_sql_server)], indirect=True)
def test_a_port_where_nothing_listens_is_reported(settings: Settings) -> None:
    closed = replace(settings, mssql=replace(settings.mssql, port=1, login_timeout_s=2))
    with pytest.raises(WarehouseError, match="nothing listens on port 1"):
        connect(closed)


@pytest.mark.parametrize("environment", [pytest.param("sqlserver", marks=on_sql_server)], indirect=True)
def test_an_unknown_database_is_reported(settings: Settings) -> None:
    elsewhere = replace(settings, mssql=replace(settings.mssql, database="no_such_database"))
    with pytest.raises(WarehouseError, match="no database no_such_database") as raised:
        connect(elsewhere)
    assert "MSSQL_DATABASE" in raised.value.remedy


def run(environment: dict[str, str], arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(cli, list(arguments))
    return done.exit_code, done.output


def test_the_command_line_loads_the_same_from_a_file(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = existing(place)
    file = tmp_path / "forecast.csv"
    transformed().to_csv(file, index=False)
    if place.engine == "duckdb":
        place.warehouse.close()  # its file is one process's at a time
    command = ["load", str(file), "--table", str(table)]
    assert run(place.environment, command, monkeypatch)[0] == 0
    code, output = run(place.environment, command, monkeypatch)
    assert code == 2
    assert "is in" in output
    assert "already" in output
    with connect(place.settings) as after:
        rows = list(after.rows(f"select * from {after.sql_name(table)} order by datetime"))
    assert rows == as_tuples(transformed())


def test_the_command_line_exits_5_where_the_host_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "forecast.csv"
    transformed().to_csv(file, index=False)
    environment = {
        "ESIOS_TARGET": "sqlserver",
        "MSSQL_SERVER": "server.database.invalid",
        "MSSQL_DATABASE": "mock_db",
        "MSSQL_USER": "user1",
        "MSSQL_PASSWORD": "123abc",
        "MSSQL_LOGIN_TIMEOUT_S": "2",
    }
    code, output = run(environment, ["load", str(file), "--table", "demand_forecast_esios"], monkeypatch)
    assert code == 5
    assert "server.database.invalid" in output
    assert "123abc" not in output
    assert "Traceback" not in output
