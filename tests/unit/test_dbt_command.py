"""What dbt sees of the environment: the project's settings, and no option that a variable of another project sets."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest
from dbt.cli.main import cli

from extract.dbt_command import PROFILES, PROJECT, WHERE_DBT_WRITES, prepare_environment
from extract.settings import load_settings

SETTINGS = load_settings({"ESIOS_DUCKDB_PATH": "/tmp/x.duckdb"}, Path("/nonexistent/.env"))
OURS = {
    *WHERE_DBT_WRITES,
    *("DBT_PROJECT_DIR", "DBT_PROFILES_DIR", "DBT_SEND_ANONYMOUS_USAGE_STATS", "DBT_VERSION_CHECK"),
    *("DBT_ENV_SECRET_MSSQL_PASSWORD", "DBT_ENV_SECRET_AZURE_CLIENT_SECRET", "DBT_ENV_SECRET_SPARK_TOKEN"),
}


def variables_of_dbt() -> set[str]:
    """Every variable that the installed dbt reads for an option of any command."""
    commands: list[click.Command] = [cli, *cli.commands.values()]
    commands += [sub for command in commands if isinstance(command, click.Group) for sub in command.commands.values()]
    named = [parameter.envvar for command in commands for parameter in command.params]
    return {name for given in named if given for name in ([given] if isinstance(given, str) else given)}


def test_every_variable_that_dbt_reads_is_one_of_the_kind_that_is_taken_out() -> None:
    known = variables_of_dbt()
    assert len(known) > 40
    assert {"DBT_EMPTY", "DBT_TARGET", "DBT_WARN_ERROR"} <= {name.replace("DBT_ENGINE_", "DBT_") for name in known}
    assert [name for name in known if not name.startswith("DBT_")] == []


@pytest.mark.parametrize("value", ["true", "false", "", "/theirs", "0"])
def test_of_all_that_dbt_reads_only_our_own_is_left(value: str) -> None:
    known = variables_of_dbt()
    spelled = known | {name.replace("DBT_", "DBT_ENGINE_", 1) for name in known} | {"DBT_ENV_SECRET_X", "dbt_empty"}
    environment = dict.fromkeys(spelled, value)
    ignored = prepare_environment(SETTINGS, environment)
    left = {name: text for name, text in environment.items() if name.upper().startswith("DBT_")}
    assert set(left) == OURS
    assert left["DBT_PROJECT_DIR"] == str(PROJECT)
    assert left["DBT_PROFILES_DIR"] == str(PROFILES)
    assert left["DBT_SEND_ANONYMOUS_USAGE_STATS"] == "false"
    assert {"DBT_ENV_SECRET_X", "dbt_empty"} <= set(ignored)
    assert not set(ignored) & set(WHERE_DBT_WRITES)


def test_what_is_prepared_once_is_left_alone_when_prepared_again() -> None:
    environment = {"DBT_TARGET_PATH": "theirs", "PATH": os.environ["PATH"]}
    assert prepare_environment(SETTINGS, environment) == []
    before = dict(environment)
    assert before["DBT_TARGET_PATH"] == str(PROJECT / "theirs"), "relative to the dbt project, as dbt has it"
    assert prepare_environment(SETTINGS, environment) == []
    assert environment == before
