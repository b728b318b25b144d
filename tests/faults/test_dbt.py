"""What the job says of a dbt that ended badly: "nothing was built" only where that is so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end.conftest import ROOT, Finished, Shell
from tests.faults.table import PROCESS
from tests.integration.conftest import HAS_SPARK, NO_SPARK

needs_spark = pytest.mark.skipif(not HAS_SPARK, reason=NO_SPARK)
BUILD = """
import sys
from extract.errors import EsiosError
from extract.dbt_build import build
from extract.settings import load_settings
try:
    print(build(load_settings()))
except EsiosError as error:
    print(error)
    sys.exit(error.exit_code)
"""
# dbt is started before its turn; here it never comes.
WAITING = """
import sys
from extract.dbt_build import DbtBuild
from extract.settings import load_settings
with DbtBuild(load_settings()):
    print("waiting", flush=True)
    sys.stdin.read()
"""
ENDLESS = "select count(*) as n from range(1000000000) as a cross join range(1000000000) as b"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A dbt project of two models that takes seconds to build."""
    folder = tmp_path / "a project"
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text(
        "name: small\nprofile: esios\nversion: '1.0'\nflags: {send_anonymous_usage_stats: false}\n", "utf-8"
    )
    (folder / "models" / "a.sql").write_text("select 1 as n", "utf-8")
    (folder / "models" / "b.sql").write_text("select n from {{ ref('a') }}", "utf-8")
    return folder


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell on an empty warehouse."""
    return Shell(tmp_path)


def started(shell: Shell, project: Path, code: str = BUILD, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=shell.environment | {"ESIOS_DBT_PROJECT_DIR": str(project)} | more,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(job: subprocess.Popen[str]) -> Finished:
    out, err = job.communicate(timeout=200)
    return Finished(job.returncode, out, err)


@pytest.mark.parametrize("target", ["made here", "../beside", ""])
def test_results_are_found_where_dbt_writes_them(shell: Shell, project: Path, target: str) -> None:
    done = ended(started(shell, project, DBT_TARGET_PATH=target))
    assert (done.code, done.out) == (0, "[]\n"), done.err
    assert (project / (target or "target") / "run_results.json").is_file()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("models/b.sql", "select n from {{ ref('nowhere') }}"),
        ("models/b.sql", "select {{ n"),
        ("models/models.yml", "models: [{name: b, columns: none"),
        ("dbt_project.yml", "name: small\nprofile: another\n"),
    ],
)
@pytest.mark.parametrize("engine", ["duckdb", pytest.param("spark", marks=needs_spark)])
def test_a_faulty_project_has_built_nothing_and_ends_alike_on_each_engine(
    shell: Shell, project: Path, engine: str, file: str, text: str
) -> None:
    (project / file).write_text(text, "utf-8")
    place = {"ESIOS_TARGET": engine, "ESIOS_LAKE": str(shell.folder / "lake")}
    PROCESS["dbt cannot begin"].check(ended(started(shell, project, **place)))


def test_of_a_dbt_that_was_killed_half_way_it_is_not_said_that_nothing_was_built(shell: Shell, project: Path) -> None:
    (project / "models" / "b.sql").write_text(f"{ENDLESS} where a.range > (select n from {{{{ ref('a') }}}})", "utf-8")
    (project / "models" / "models.yml").write_text("models:\n  - name: b\n    config: {materialized: table}\n", "utf-8")
    job = started(shell, project)
    second = shell.folder / "target" / "run" / "small" / "models" / "b.sql"
    give_up = time.monotonic() + 100
    while not second.exists():
        assert time.monotonic() < give_up
        assert job.poll() is None
        time.sleep(0.1)
    for child in Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text("utf-8").split():
        os.kill(int(child), signal.SIGKILL)
    done = ended(job)
    PROCESS["dbt killed"].check(done)
    assert str(shell.folder / "target" / "run_results.json") in done.out
    assert "nothing was built" not in done.out + done.err


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_dbt_whose_turn_never_comes_ends_with_who_started_it_and_has_done_nothing(
    shell: Shell, project: Path, is_killed: bool
) -> None:
    waiting = started(shell, project, WAITING, DBT_TARGET_PATH="made here", DBT_LOG_PATH="logs")
    assert waiting.stdout is not None
    assert waiting.stdout.readline() == "waiting\n"
    if is_killed:
        waiting.kill()
    done = ended(waiting)  # the end of its output is dbt's end too: it writes to the same
    assert (done.code, done.out, done.err) == (-signal.SIGKILL if is_killed else 0, "", "")
    assert {path.name for path in project.iterdir()} == {"models", "dbt_project.yml"}
    assert not Path(shell.environment["ESIOS_DUCKDB_PATH"]).exists()
