"""The grants, as a DBA runs them: each role can do its work and nothing else. On a live server."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from extract.catalogue.entries import Entry
from extract.catalogue.landing import land_catalogue
from extract.errors import EsiosError, WarehouseError
from extract.settings import Settings, load_settings
from extract.warehouse import Warehouse, connect

from .conftest import NO_SERVER, ROOT, database_of_its_own

pytestmark = pytest.mark.skipif("not os.environ.get('MSSQL_SERVER')", reason=NO_SERVER)
DDL = ROOT / "extract" / "warehouse" / "ddl" / "sqlserver"
PASSWORD = "Long-enough-1"


@dataclass(frozen=True)
class Granted:
    """A database after the DBA's work, and one login for each role."""

    settings: Settings
    logins: dict[str, str]
    unsupported: list[str]  # what a server that only resembles SQL Server cannot grant

    @contextmanager
    def user(self, role: str) -> Iterator[Warehouse]:
        mssql = replace(self.settings.mssql, user=self.logins[role], password=PASSWORD)
        with connect(replace(self.settings, mssql=mssql)) as warehouse:
            yield warehouse


@pytest.fixture(scope="module")
def granted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Granted]:
    logins = {role: f"{role}_{uuid.uuid4().hex[:8]}" for role in ("EXTRACTOR", "DBT", "READER")}
    folder: Path = tmp_path_factory.mktemp("grants")
    with database_of_its_own(folder) as variables:
        settings = load_settings(variables, dotenv=folder / "no.env")
        with connect(settings) as dba:
            try:
                for login in logins.values():
                    dba.run_script(f"create login {login} with password = N'{PASSWORD}'")
            except EsiosError as error:
                drop(dba, logins)
                pytest.skip(f"{settings.mssql.user} may not create logins ({error})")
            try:
                unsupported = work_of_the_dba(dba, logins)
            except EsiosError:
                drop(dba, logins)
                raise
        yield Granted(settings, logins, unsupported)
        with connect(settings) as dba:
            drop(dba, logins)


def work_of_the_dba(dba: Warehouse, logins: dict[str, str]) -> list[str]:
    """Users, tables, and the grants twice; gives what the server says it does not support."""
    for login in logins.values():
        dba.run_script(f"create user {login} for login {login}")
    for file in [DDL / "raw_esios.sql", *DDL.glob("raw_esios.*.sql")]:
        dba.run_script(file.read_text("utf-8"))
    dba.run_script("create table dbo.demand_forecast_esios (id int not null primary key)")
    names = {**logins, "MARTS": "dbo"}
    grants = re.sub(r"\$\((\w+)\)", lambda found: names[found[1]], (DDL / "grants.sql").read_text("utf-8"))
    unsupported = []
    for batch in re.split(r"(?im)^go$", grants) * 2:
        try:
            dba.run_script(batch)
        except EsiosError as error:
            if "not currently supported" not in error.message:
                raise
            unsupported.append(error.message)
    return unsupported


def drop(dba: Warehouse, logins: dict[str, str]) -> None:
    for login in logins.values():
        for statement in (f"drop user {login}", f"drop login {login}"):
            with suppress(EsiosError):
                dba.run_script(statement)


def test_the_extractor_lands_without_any_ddl_right(granted: Granted) -> None:
    with granted.user("EXTRACTOR") as warehouse:
        warehouse.ensure_schema()  # finds every table, so it makes none
        assert warehouse.append("raw_esios.source", [{"source": "https://api.esios.ree.es"}]) == 1
        with pytest.raises(WarehouseError, match="permit"):
            warehouse.execute("create table raw_esios.mine (a int)")


def test_the_extractor_deletes_and_changes_no_response(granted: Granted) -> None:
    with granted.user("EXTRACTOR") as warehouse:
        with pytest.raises(WarehouseError, match="permit") as refused:
            warehouse.execute("delete from raw_esios.indicator_responses")
        assert "grants.sql" in refused.value.remedy
        with pytest.raises(WarehouseError, match="permit"):
            warehouse.execute("update raw_esios.indicator_responses set run_id = 'x'")
        assert warehouse.execute("update raw_esios.extract_runs set status = 'done'") == 0


def test_the_extractor_keeps_the_catalogue_twice_over(granted: Granted) -> None:
    with granted.user("EXTRACTOR") as warehouse:
        first = [Entry(460, "Previsión «diaria»", "", "Uno\ndos"), Entry(461, "Mensual", "", "")]
        source = str(warehouse.value("select max(source) from raw_esios.source") or "simulated")
        land_catalogue(warehouse, source, first, datetime(2026, 11, 27, 11))
        land_catalogue(warehouse, source, [Entry(460, "Previsión diaria", "", "日本")], datetime(2026, 11, 28, 11))
        kept = "select indicator_id, name, description, day(fetched_at_utc) from raw_esios.catalogue_entries order by 1"
        assert list(warehouse.rows(kept)) == [(460, "Previsión diaria", "日本", 28), (461, "Mensual", "", 27)]
        with pytest.raises(WarehouseError, match="permit"):
            warehouse.execute("delete from raw_esios.catalogue_entries")


def test_the_loader_writes_published_rows_and_deletes_none(granted: Granted) -> None:
    with granted.user("EXTRACTOR") as warehouse:
        assert warehouse.upsert(pa.table({"id": [1, 2]}), "demand_forecast_esios").inserted == 2
        with pytest.raises(WarehouseError, match="permit"):
            warehouse.execute("delete from dbo.demand_forecast_esios")


def test_dbt_builds_in_its_schemas_and_leaves_raw_rows_alone(granted: Granted) -> None:
    with granted.user("DBT") as warehouse:
        if granted.unsupported:
            pytest.skip(f"this server cannot grant what dbt needs ({granted.unsupported[0]})")
        warehouse.execute("create table staging_esios.t (a int)")
        warehouse.execute("drop table staging_esios.t")
        assert list(warehouse.rows("select count(*) from raw_esios.source")) in ([(0,)], [(1,)])
        with pytest.raises(WarehouseError, match="permit"):
            warehouse.execute("insert into raw_esios.source values ('x')")


def test_a_reader_reads_the_mart_and_no_raw_row(granted: Granted) -> None:
    with granted.user("READER") as warehouse:
        assert list(warehouse.rows("select count(*) from dbo.demand_forecast_esios")) in ([(0,)], [(2,)])
        with pytest.raises(WarehouseError, match="permit"):
            warehouse.execute("insert into dbo.demand_forecast_esios values (3)")
        with pytest.raises(WarehouseError, match="permit"):
            list(warehouse.rows("select count(*) from raw_esios.source"))
