"""The SQL Server side without a server: both branches compile to clean T-SQL, the profile carries any password."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest
from dbt.config.runtime import load_profile
from dbt.flags import set_from_args
from dbt_common.context import set_invocation_context

from tests.warehouses.project import PROFILES, PROJECT, ROOT

# How the incremental branch of each model says where it starts; without a database there is nothing before it.
WHAT_IS_NEW = {
    "stg_esios__indicator_responses": "not exists",
    "stg_esios__response_entries": "landed.extracted_at_utc between",
    "stg_esios__areas": "entries.response_id > 0",
    "esios_value_versions": "staged.response_id > 0 and staged.indicator_id in (460)",
    "demand_forecast_esios": "versions.last_response_id > 0 and versions.indicator_id in (460)",
    "due_days": "staged.response_id > 0 and staged.indicator_id in (460)",
    "period_checks": "versions.last_response_id > 0 and versions.indicator_id in (460)",
    "week_checks": "periods.madrid_day between cast('2017-12-16' as date)",
    "daily_measures": "checks.madrid_day between cast('2017-12-30' as date)",
}


# Each in one process, with the garbage left for its end: half of their time would be imports and looking for it.
COMPILE = """
import gc, sys
gc.disable()
from dbt.cli.main import dbtRunner
given = sys.argv[1:]
for branch in ("false", "true"):
    where = [f"--{name}-path={given[0]}/{branch}" for name in ("target", "log")]
    if not dbtRunner().invoke([*given[1:], *where, "--vars", f"assume_incremental: {branch}"]).success:
        sys.exit(branch)
"""
LINT = "import gc; gc.disable(); from sqlfluff.cli.commands import cli; cli()"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders `false` and `true`: every model, test and analysis without and with tables to add to."""
    folder = tmp_path_factory.mktemp("tsql")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DBT_", "MSSQL_"))}
    subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-c", COMPILE, str(folder), "compile", "--quiet"),
            *("--no-introspect", "--no-populate-cache", "--target", "sqlserver"),
            *("--project-dir", str(PROJECT), "--profiles-dir", str(PROFILES)),
        ],
        env=environment,
        check=True,
        timeout=280,
    )
    return folder


def statements(folder: Path) -> dict[Path, str]:
    """The compiled statements in a folder, by file."""
    return {file: file.read_text("utf-8") for file in (folder / "compiled" / "esios_elt").rglob("*.sql")}


@pytest.mark.parametrize("incremental", ["false", "true"])
def test_every_model_compiles_and_an_increment_says_where_it_starts(compiled: Path, incremental: str) -> None:
    files = {file.stem: text for file, text in statements(compiled / incremental).items()}
    models = {file.stem for file in (PROJECT / "models").rglob("*.sql")}
    assert models <= files.keys()
    increments = {name for name, mark in WHAT_IS_NEW.items() if mark in files[name]}
    assert increments == (WHAT_IS_NEW.keys() if incremental == "true" else set())


def test_every_model_test_and_analysis_is_clean_tsql_in_both_branches(compiled: Path) -> None:
    branches = statements(compiled / "false") | statements(compiled / "true")
    once = {text: file for file, text in branches.items()}  # most are the same in both, and need no second look
    assert len(once) < 0.75 * len(branches)
    lint = subprocess.run(
        [
            *(sys.executable, "-c", LINT, "lint", "--dialect", "tsql", "--templater", "raw"),
            *("--exclude-rules", "layout,references.keywords", "--disable-progress-bar"),
            *map(str, once.values()),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert lint.returncode == 0, lint.stdout


def test_an_engine_without_its_macros_fails_at_compile_time() -> None:
    engine = "".join(file.read_text("utf-8") for file in (PROJECT / "macros" / "engine").glob("*.sql"))
    dispatched = set(re.findall(r"adapter\.dispatch\('(\w+)'\)", engine))
    assert len(dispatched) > 20
    assert "default__" not in engine.replace("no default__", "").replace("No default__", "")
    for name in dispatched:
        for each in ("duckdb", "sqlserver", "spark"):
            assert f"macro {each}__{name}(" in engine


def test_fabric_has_each_macro_of_spark() -> None:
    made = runpy.run_path(str(PROJECT / "build_fabricspark.py"))
    written = (PROJECT / "macros" / "engine" / "fabricspark.sql").read_text("utf-8")
    assert written == made["forwards"](), "python dbt_project/build_fabricspark.py"


def test_models_never_ask_for_the_engine() -> None:
    for file in [*(PROJECT / "models").rglob("*.*"), *(PROJECT / "tests").rglob("*.*")]:
        assert "target.type" not in file.read_text("utf-8"), file


@pytest.mark.parametrize("password", ["123", "0123", "1e5", "true", "null", "{{ x }}'\";%", "{% if %}", "#a", "{#ñ€ "])
def test_a_password_reaches_the_adapter_as_it_was_typed(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setenv("DBT_ENV_SECRET_MSSQL_PASSWORD", password)
    monkeypatch.setenv("ESIOS_TARGET", "sqlserver")
    monkeypatch.setenv("DBT_PROFILES_DIR", str(PROFILES))
    set_invocation_context(dict(os.environ))
    set_from_args(Namespace(PROFILES_DIR=str(PROFILES)), None)
    credentials = load_profile(str(PROJECT), {}).credentials
    assert getattr(credentials, "PWD") == password  # noqa: B009 - a field of one adapter only
    assert (getattr(credentials, "encrypt"), getattr(credentials, "trust_cert")) == (True, False)  # noqa: B009
