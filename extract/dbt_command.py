"""`dbt` as typed in the activated environment: dbt's own command line, seeing the same settings as `esios`."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from extract.errors import EsiosError, WarehouseError
from extract.settings import ROOT, Settings, configuration, load_settings
from extract.streams import end_at_once, exit_code_after_output, make_tolerant

PROJECT = ROOT / "dbt_project"
PROFILES = ROOT / "profiles"
# A copy of the dbt project to build instead: another commit's, or one with macros for a server that is being tried.
OTHER_PROJECT = "ESIOS_DBT_PROJECT_DIR"
# The only variables of dbt that count, and what they are without: relative to the dbt project.
WHERE_DBT_WRITES = {"DBT_TARGET_PATH": "target", "DBT_LOG_PATH": "logs"}
# The subcommands that open the warehouse.
WRITES_WAREHOUSE = frozenset({"build", "clone", "retry", "run", "run-operation", "seed", "snapshot"})
READS_WAREHOUSE = WRITES_WAREHOUSE | {"compile", "debug", "docs", "show", "source", "test"}

# What the macro refuse_other_zones says: a setting is wrong, not the project.
OTHER_ZONE = "the Spark session's time zone is"


def prepare_environment(settings: Settings, environment: MutableMapping[str, str]) -> list[str]:
    """Write what `profiles/profiles.yml` reads: checked settings; absolute paths, so that any folder will do.

    dbt reads a variable for each of its options, and more with every version (`DBT_EMPTY=true` builds empty tables):
    those of another project in somebody's shell must not count here. Only where dbt writes may be said that way. Gives
    the names of what was taken out.
    """
    given = {name: environment.pop(name) for name in list(environment) if name.upper().startswith("DBT_")}
    for name in [name for name, value in environment.items() if name.startswith("ESIOS_") and not value.strip()]:
        del environment[name]  # an empty variable counts as unset, and profiles.yml has defaults
    mssql = settings.mssql
    environment.update(
        {
            "ESIOS_TARGET": settings.target,
            "ESIOS_DUCKDB_PATH": str(settings.duckdb_path),
            "ESIOS_DUCKDB_MEMORY_GB": f"{settings.duckdb_memory_gb:g}",
            "ESIOS_DBT_OUTPUT": (settings.target == "spark" and settings.spark_service) or settings.target,
            "ESIOS_LAKE": settings.lake,
            "DBT_ENV_SECRET_SPARK_TOKEN": configuration().get("SPARK_TOKEN", ""),
            "ESIOS_SPARK_FORMAT": settings.spark_format,
            "ESIOS_SPARK_METHOD": settings.spark_method,
            "MSSQL_SERVER": mssql.server,
            "MSSQL_PORT": str(mssql.port),
            "MSSQL_DATABASE": mssql.database,
            "MSSQL_USER": mssql.user,
            # dbt blots out what is in DBT_ENV_SECRET_* from its logs and errors.
            "DBT_ENV_SECRET_MSSQL_PASSWORD": mssql.password,
            "MSSQL_SCHEMA": mssql.schema,
            "MSSQL_BACKEND": mssql.backend,
            "MSSQL_ENCRYPT": "yes" if mssql.encrypt else "no",
            "MSSQL_TRUST_SERVER_CERTIFICATE": "yes" if mssql.trust_server_certificate else "no",
            "MSSQL_AUTHENTICATION": mssql.authentication,
            "DBT_ENV_SECRET_AZURE_CLIENT_SECRET": configuration().get("AZURE_CLIENT_SECRET", ""),
        }
    )
    if settings.target == "sqlserver":
        from extract.warehouse import sqlserver_backend

        environment.update(sqlserver_backend.dbt_environment(mssql))
    project = Path(environment.get(OTHER_PROJECT) or PROJECT)
    environment["DBT_PROJECT_DIR"] = str(project)
    environment["DBT_PROFILES_DIR"] = str(PROFILES)
    for name, folder in WHERE_DBT_WRITES.items():
        environment[name] = str(project / (given.get(name) or folder))
    # No news about ourselves to anybody, and no look-up of newer versions: the machine may be closed to the outside.
    environment["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    environment["DBT_VERSION_CHECK"] = "false"
    return sorted(
        name for name, value in given.items() if environment.get(name) != value and name not in WHERE_DBT_WRITES
    )


def note_ignored(names: list[str]) -> None:
    """Say on stderr which variables do not count."""
    if names:
        print(f"Note: {', '.join(names)} ignored: give dbt its options on the command line", file=sys.stderr)


def main(faulty_project: int = 2) -> None:
    """Load the settings, then hand over to dbt.

    The exit code is dbt's, but 5 where the warehouse could not be used at all, and `faulty_project` where dbt could not
    read the project: dbt says 2 of both.
    """
    make_tolerant()
    _collect_seldom()
    try:
        settings = load_settings()
        if settings.target == "duckdb" and READS_WAREHOUSE.intersection(sys.argv):
            _wait_for_file(settings)
    except EsiosError as error:
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    os.environ.update(configuration())
    note_ignored(prepare_environment(settings, os.environ))

    try:
        with _warehouse_open(settings) as lake:
            os.environ["ESIOS_LAKE"] = lake
            from dbt.cli.main import cli

            cli()
    except EsiosError as error:
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except SystemExit as end:
        end.code = _exit_code(end, faulty_project)
        # To take dbt's objects apart one by one took a tenth of its time.
        end_at_once(exit_code_after_output(end))


def _collect_seldom() -> None:
    """dbt's objects live as long as it does: to look through them for cycles took a tenth of its time, for 60 MB."""
    gc.set_threshold(1_000_000, 20, 20)


def _exit_code(end: SystemExit, faulty_project: int) -> Any:
    """dbt's own, but for what stopped dbt as a whole: it says 2 of a faulty project and of a faulty warehouse alike.

    What a model or a test meets in the warehouse is part of dbt's results, and 1.
    """
    from dbt_common.exceptions import DbtDatabaseError

    stopped_by = getattr(end.__context__, "exception", None)
    if stopped_by is None or OTHER_ZONE in str(stopped_by):
        return end.code
    # dbt-spark hands on what its connection met in an error of another class.
    met_warehouse = isinstance(stopped_by, DbtDatabaseError) or "Database Error" in str(stopped_by)
    return WarehouseError.exit_code if met_warehouse else faulty_project


@contextmanager
def _warehouse_open(settings: Settings) -> Iterator[str]:
    """What dbt's connection needs around it, something on Spark alone. The value is the lake as dbt names it."""
    if settings.target != "spark" or not READS_WAREHOUSE.intersection(sys.argv):
        yield settings.lake
        return
    from extract.spark_session import knock_at_service, knock_at_thrift_server, spark_session
    from extract.warehouse.lake_lock import only_dbt_run

    with ExitStack() as around:
        if WRITES_WAREHOUSE.intersection(sys.argv):
            around.enter_context(only_dbt_run(settings))
        lake = settings.lake
        if settings.spark_service:
            knock_at_service(settings.spark_service)
        elif settings.spark_method == "thrift":
            knock_at_thrift_server()
        else:
            lake = around.enter_context(spark_session(settings))
        yield lake


def _wait_for_file(settings: Settings) -> None:
    """Until no other process holds the DuckDB file: dbt-duckdb's own tries lie ever further apart, and end sooner.

    A damaged file is reported here, in one line, in place of dbt's traceback.
    """
    from extract.warehouse import connect

    settings.duckdb_path.parent.mkdir(parents=True, exist_ok=True)
    if settings.duckdb_path.exists():
        connect(settings).close()


def main_when_asked() -> None:
    """Import dbt, which takes seconds, and go on when something comes by standard input (extract/dbt_build.py)."""
    _collect_seldom()
    import dbt.cli.main  # noqa: F401

    with suppress(ImportError):  # not installed: dbt says so when it looks for it
        import_module(f"dbt.adapters.{os.environ['ESIOS_TARGET']}")
    if sys.stdin.read():  # otherwise who started us has ended, or has no use for us
        main(faulty_project=WarehouseError.exit_code)


if __name__ == "__main__":
    main_when_asked()
