"""The whole way on each engine, by the real commands. On SQL Server every story has a database of its own.

`MSSQL_SERVER` and its companions name the server; the login must be allowed to create databases.
`ESIOS_TEST_DBT_OVERLAY` names a folder with what a server that only resembles SQL Server needs: `macros/*.sql` (they
take the place of macros of the same name), `dbt_project.yml` (lists are added to the project's), `arguments` (of `dbt
build`). It is applied to a copy of the project.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from extract.errors import EsiosError
from extract.settings import load_settings
from extract.warehouse import Warehouse, connect

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
HAS_SPARK = all(find_spec(package) for package in ("deltalake", "pysail", "pyspark"))
NO_SPARK = "pysail is not installed: `make test-spark` installs it and runs these tests"
NO_SERVER = "MSSQL_SERVER is not set: `make test-sqlserver` starts a SQL Server and runs these tests on it"
MACRO = re.compile(r"\{%-?\s*macro\s+(\w+)\(")


@dataclass(frozen=True)
class Finished:
    """A command that ended."""

    code: int
    out: str
    err: str

    def ok(self) -> Finished:
        """Itself, if the command succeeded."""
        assert self.code == 0, f"exit {self.code}\n{self.out[-3000:]}\n{self.err[-3000:]}"
        return self


@dataclass(frozen=True)
class Home:
    """One engine with an empty warehouse, a copy of the dbt project, and the commands that work on them."""

    engine: str
    folder: Path
    variables: dict[str, str]
    build_arguments: tuple[str, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("ESIOS_", "MSSQL_", "DBT_"))}
        return clean | {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "ESIOS_DBT_PROJECT_DIR": str(self.folder / "project"),
            "DBT_TARGET_PATH": str(self.folder / "target"),
            "DBT_LOG_PATH": str(self.folder / "logs"),
            **self.variables,
        }

    def __call__(self, *command: str, timeout: float = 280, **more: str) -> Finished:
        done = subprocess.run(
            command, env=self.environment | more, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def extract(self, *arguments: str, simulator: tuple[str, ...] = ()) -> Finished:
        """`esios extract …` over a simulated ESIOS whose clock stands still, so that all engines get the same data."""
        served = (sys.executable, "-m", "simulator", "--now", "2019-06-01T12:00:00+02:00", *simulator, "--")
        return self(*served, "esios", "extract", *arguments)

    def build(self, *arguments: str) -> Finished:
        """`dbt build …`."""
        return self("dbt", "--no-use-colors", "build", *arguments, *self.build_arguments)

    @contextmanager
    def warehouse(self) -> Iterator[Warehouse]:
        """An open connection to the warehouse."""
        with connect(load_settings(self.environment, dotenv=self.folder / "no.env")) as warehouse:
            yield warehouse

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """A query's rows; `{mart}` in it stands for the schema of the published tables."""
        with self.warehouse() as warehouse:
            return list(warehouse.rows(sql.replace("{mart}", warehouse.default_schema)))


def copy_of_the_project(to: Path, overlay: Path | None) -> tuple[str, ...]:
    """Copy dbt_project; gives the further arguments of `dbt build`."""
    shutil.copytree(ROOT / "dbt_project", to, ignore=shutil.ignore_patterns("target", "logs"))
    if overlay is None:
        return ()
    texts = [file.read_text("utf-8") for file in (overlay / "macros").glob("*.sql")]
    replaced = {name for text in texts for name in MACRO.findall(text)}
    for file in (to / "macros").rglob("*.sql"):
        text = file.read_text("utf-8")
        for name in replaced & set(MACRO.findall(text)):
            text = re.sub(rf"\{{%-?\s*macro\s+{name}\(.*?\{{%-?\s*endmacro\s*-?%\}}", "", text, flags=re.DOTALL)
        file.write_text(text, "utf-8")
    shutil.copytree(overlay / "macros", to / "macros" / "overlay")
    if (overlay / "dbt_project.yml").is_file():
        project = yaml.safe_load((to / "dbt_project.yml").read_text("utf-8"))
        for key, value in yaml.safe_load((overlay / "dbt_project.yml").read_text("utf-8")).items():
            project[key] = [*project.get(key, []), *value] if isinstance(value, list) else value
        (to / "dbt_project.yml").write_text(yaml.safe_dump(project, sort_keys=False), "utf-8")
    arguments = overlay / "arguments"
    return tuple(arguments.read_text("utf-8").split()) if arguments.is_file() else ()


def mssql_variables() -> dict[str, str]:
    """The server's variables as given, without the place for the marts."""
    return {name: value for name, value in os.environ.items() if name.startswith("MSSQL_")}


@contextmanager
def database_of_its_own(folder: Path) -> Iterator[dict[str, str]]:
    """A new, empty database on the server; its variables. Dropped at the end."""
    given = {"ESIOS_TARGET": "sqlserver", **mssql_variables()}
    settings = load_settings(given, dotenv=folder / "no.env")
    name = f"esios_test_{uuid.uuid4().hex[:10]}"
    master = replace(settings, mssql=replace(settings.mssql, database="master"))
    with connect(master) as server:
        for left in reversed(range(5)):
            try:
                server.run_script(f"create database {name}")
                break
            except EsiosError as error:
                if "does not permit" in error.message:
                    pytest.skip(f"{settings.mssql.user} may not create databases on {settings.mssql.server} ({error})")
                if not left:
                    raise
                time.sleep(1)  # another worker copies the server's model database at this moment (1807)
    try:
        yield given | {"MSSQL_DATABASE": name}
    finally:
        with connect(master) as server:
            with suppress(EsiosError):  # ends what is still connected, where the server knows this
                server.run_script(f"alter database {name} set single_user with rollback immediate")
            server.run_script(f"drop database {name}")


@contextmanager
def home(engine: str, folder: Path) -> Iterator[Home]:
    """A home for one engine."""
    given = os.environ.get("ESIOS_TEST_DBT_OVERLAY")
    overlay = Path(given) if given and engine == "sqlserver" else None
    arguments = copy_of_the_project(folder / "project", overlay)
    if engine == "duckdb":
        yield Home(
            engine, folder, {"ESIOS_TARGET": "duckdb", "ESIOS_DUCKDB_PATH": str(folder / "esios.duckdb")}, arguments
        )
        return
    if engine == "spark":
        yield Home(engine, folder, {"ESIOS_TARGET": "spark", "ESIOS_LAKE": str(folder / "lake")}, arguments)
        return
    with database_of_its_own(folder) as variables:
        yield Home(engine, folder, variables, arguments)
