"""A real, empty place on each engine for the connector's tests: every test has a schema of its own."""

from __future__ import annotations

import importlib.util
import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from extract.errors import EsiosError
from extract.settings import Settings, load_settings
from extract.warehouse import TableName, Warehouse, connect

NO_SERVER = "MSSQL_SERVER is not set: `make test-sqlserver` starts a SQL Server and runs these tests on it"

NO_DELTALAKE = "the package deltalake is not installed: `make test-spark` installs it and runs these tests"

# The words that the tests write their tables in → the engines' own types.
TYPES = {
    "duckdb": {
        "small": "smallint",
        "integer": "integer",
        "bigint": "bigint",
        "decimal": "decimal(18,4)",
        "float": "double",
        "text": "varchar",
        "short": "varchar",
        "binary": "blob",
        "boolean": "boolean",
        "date": "date",
        "timestamp": "timestamp",
        "seconds": "timestamp_s",
        "instant": "timestamptz",
        "time": "time",
        "uuid": "uuid",
    },
    "sqlserver": {
        "small": "smallint",
        "integer": "int",
        "bigint": "bigint",
        "decimal": "decimal(18,4)",
        "float": "float",
        "text": "nvarchar(max)",
        "short": "nvarchar(20)",
        "binary": "varbinary(max)",
        "boolean": "bit",
        "date": "date",
        "timestamp": "datetime2(6)",
        "seconds": "datetime2(0)",
        "instant": "datetimeoffset(6)",
        "time": "time(6)",
        "uuid": "uniqueidentifier",
    },
}
# What Delta tables, and so the lake's connector, do not have.
NOT_IN_DELTA = {
    "seconds": "a Delta table keeps every microsecond",
    "instant": "a Delta table has one type of instant, which is read as naive UTC",
    "time": "Delta has no type for a time of day",
    "uuid": "Delta has no type for a UUID",
    "default": "a Delta table of the oldest protocol has no defaults",
}
# In DuckDB's words, in which the lake's connector takes its DDL.
TYPES["spark"] = {word: type_ for word, type_ in TYPES["duckdb"].items() if word not in NOT_IN_DELTA}


@dataclass
class Place:
    """An open warehouse, the schema that belongs to the test, and a maker of tables."""

    warehouse: Warehouse
    schema: str
    settings: Settings
    environment: dict[str, str]
    made: list[TableName] = field(default_factory=list)

    @property
    def engine(self) -> str:
        return self.warehouse.engine

    def table(
        self, name: str = "t", *, key: Sequence[str] = (), unique: Sequence[str] = (), columns: dict[str, str]
    ) -> TableName:
        """Make a table; `columns`: names → a word of TYPES or an engine's type, `not null` or `default …` after it."""
        if self.engine == "spark":
            for spelled in columns.values():
                for word in NOT_IN_DELTA.keys() & set(spelled.split()):
                    pytest.skip(NOT_IN_DELTA[word])
        quote = self.warehouse.quote
        made = TableName(self.schema, name)
        lines = []
        for column, spelled in columns.items():
            word, _, rest = spelled.partition(" ")
            lines.append(f"{quote(column)} {TYPES[self.engine].get(word, word)} {rest}")
        for kind, names in (("primary key", key), ("unique", unique)):
            if names:
                lines.append(f"{kind} ({', '.join(map(quote, names))})")
        self.warehouse.run_script(f"create table {self.warehouse.sql_name(made)} ({', '.join(lines)})")
        self.made.append(made)
        return made

    def make_schema(self) -> None:
        self.warehouse.run_script(f"create schema {self.warehouse.quote(self.schema)}")

    def content(self, table: TableName, columns: str = "*", order: str = "1") -> list[tuple[object, ...]]:
        return list(self.warehouse.rows(f"select {columns} from {self.warehouse.sql_name(table)} order by {order}"))

    def clean(self) -> None:
        for table in reversed(self.made):
            self.warehouse.execute(f"drop table {self.warehouse.sql_name(table)}")
        self.warehouse.execute(f"drop schema {self.warehouse.quote(self.schema)}")


needs_deltalake = pytest.mark.skipif(importlib.util.find_spec("deltalake") is None, reason=NO_DELTALAKE)
needs_server = pytest.mark.skipif(not os.environ.get("MSSQL_SERVER"), reason=NO_SERVER)


@pytest.fixture(
    scope="session",
    params=["duckdb", pytest.param("sqlserver", marks=needs_server), pytest.param("spark", marks=needs_deltalake)],
)
def environment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The configuration of one engine, as a process that is started with it would see it."""
    if request.param == "duckdb":
        path = tmp_path_factory.mktemp("contract") / "warehouse" / "test.duckdb"
        return {"ESIOS_TARGET": "duckdb", "ESIOS_DUCKDB_PATH": str(path)}
    if request.param == "spark":
        return {"ESIOS_TARGET": "spark", "ESIOS_LAKE": str(tmp_path_factory.mktemp("contract") / "lake")}
    given = {name: value for name, value in os.environ.items() if name.startswith("MSSQL_")}
    return {"ESIOS_TARGET": "sqlserver", **given}


@pytest.fixture(scope="session")
def settings(environment: dict[str, str]) -> Settings:
    return load_settings(environment, dotenv=Path(os.devnull))


@pytest.fixture(scope="session")
def opened(settings: Settings) -> Iterator[list[Warehouse]]:
    """The connection that the tests hand on, because opening one costs more than most of them."""
    kept = [connect(settings)]
    yield kept
    kept[0].close()


@pytest.fixture
def place(settings: Settings, environment: dict[str, str], opened: list[Warehouse]) -> Iterator[Place]:
    try:
        opened[0].value("select 1")
    except EsiosError:  # the test before has closed it
        opened[0] = connect(settings)
    schema = f"test_{uuid.uuid4().hex[:12]}"
    place = Place(opened[0], schema, settings, environment)
    place.make_schema()
    yield place
    if place.engine == "sqlserver":  # the others go away with their folder
        place.clean()


@pytest.fixture
def warehouse(place: Place) -> Warehouse:
    return place.warehouse
