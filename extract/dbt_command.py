"""`dbt` as typed in the activated environment: dbt's own command line, seeing the same settings as `esios`."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping

from extract.errors import EsiosError
from extract.settings import ROOT, Settings, configuration, load_settings
from extract.streams import exit_code_after_output, make_tolerant

PROJECT = ROOT / "dbt_project"
PROFILES = ROOT / "profiles"
# The subcommands that open the warehouse.
READS_WAREHOUSE = frozenset({"build", "run", "test", "compile", "docs", "source", "show", "run-operation", "retry"})


def prepare_environment(settings: Settings, environment: MutableMapping[str, str]) -> None:
    """Write what `profiles/profiles.yml` reads: checked settings; absolute paths, so that any folder will do."""
    mssql = settings.mssql
    environment.update(
        {
            "ESIOS_TARGET": settings.target,
            "ESIOS_DUCKDB_PATH": str(settings.duckdb_path),
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
    environment.setdefault("DBT_PROJECT_DIR", str(PROJECT))
    environment.setdefault("DBT_PROFILES_DIR", str(PROFILES))
    # No news about ourselves to anybody, and no look-up of newer versions: the machine may be closed to the outside.
    environment.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    environment.setdefault("DBT_VERSION_CHECK", "false")


def main() -> None:
    """Load the settings, then hand over to dbt."""
    make_tolerant()
    try:
        settings = load_settings()
        if settings.target == "duckdb" and READS_WAREHOUSE.intersection(sys.argv):
            _wait_for_file(settings)
    except EsiosError as error:
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    prepare_environment(settings, os.environ)
    for name, value in configuration().items():
        os.environ.setdefault(name, value)

    from dbt.cli.main import cli

    try:
        cli()
    except SystemExit as end:
        raise SystemExit(exit_code_after_output(end)) from None


def _wait_for_file(settings: Settings) -> None:
    """Until no other process holds the DuckDB file: dbt-duckdb's own tries lie ever further apart, and end sooner.

    A damaged file is told here, in one line, in place of dbt's traceback.
    """
    from extract.warehouse import connect

    settings.duckdb_path.parent.mkdir(parents=True, exist_ok=True)
    if settings.duckdb_path.exists():
        connect(settings).close()


if __name__ == "__main__":
    main()
