"""The workflow and the compose file, as far as they can be checked where no Docker engine runs."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
COMPOSE = ROOT / "compose.yml"


def workflow() -> dict[str, Any]:
    document = yaml.safe_load(WORKFLOW.read_text("utf-8"))
    assert isinstance(document, dict)
    return document


def compose() -> dict[str, Any]:
    document = yaml.safe_load(COMPOSE.read_text("utf-8"))
    assert isinstance(document, dict)
    return document


def make_targets() -> set[str]:
    texts = [file.read_text("utf-8") for file in chain([ROOT / "Makefile"], (ROOT / "mk").glob("*.mk"))]
    return {target for text in texts for target in re.findall(r"^([a-z-]+):(?!=)", text, flags=re.MULTILINE)}


@pytest.mark.parametrize(
    ("schema", "file"), [("vendor.github-workflows", WORKFLOW), ("vendor.compose-spec", COMPOSE)], ids=["ci", "compose"]
)
def test_the_file_fits_the_published_schema(schema: str, file: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_make_target_that_the_workflow_calls_exists() -> None:
    steps = chain.from_iterable(job["steps"] for job in workflow()["jobs"].values())
    called = {word for step in steps for word in re.findall(r"make ([a-z-]+)", step.get("run", ""))}
    assert {"setup", "lint", "test", "test-sqlserver", "docs"} <= called
    assert called <= make_targets()


def test_the_suite_runs_on_every_supported_python() -> None:
    assert workflow()["jobs"]["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]


def test_sql_server_runs_in_three_versions_on_both_drivers_and_once_case_sensitively() -> None:
    matrix = workflow()["jobs"]["sqlserver"]["strategy"]["matrix"]
    assert [tag[:4] for tag in matrix["tag"]] == ["2019", "2022", "2025"]
    assert matrix["backend"] == ["mssql-python", "pyodbc"]
    assert [one["collation"] for one in matrix["include"]] == ["Latin1_General_100_CS_AS_SC"]


def test_every_image_tag_is_pinned_to_a_cumulative_update() -> None:
    tags = re.findall(r"\d{4}-CU[\w.-]+|server:\S+latest\S*", COMPOSE.read_text("utf-8") + WORKFLOW.read_text("utf-8"))
    assert len(tags) >= 6
    assert all(re.fullmatch(r"20(19|22|25)-CU\d+(-GDR\d+)?-ubuntu-2\d\.04", tag) for tag in tags)


def test_the_container_listens_on_loopback_only_and_is_waited_for() -> None:
    services = compose()["services"]
    assert services["sqlserver"]["ports"] == ["127.0.0.1:${MSSQL_PORT:-1433}:1433"]
    assert "sqlcmd" in services["sqlserver"]["healthcheck"]["test"][1]
    assert services["init"]["depends_on"]["sqlserver"]["condition"] == "service_healthy"


def test_only_the_suite_s_own_container_gives_its_login_more_than_the_grants() -> None:
    text = (ROOT / "docker" / "sqlserver" / "init.sql").read_text("utf-8")
    batches = [batch for batch in re.split(r"(?im)^go$", text) if re.search(r"role \w+ add member|grant ", batch)]
    assert len(batches) == 2  # the server's roles, the database's
    assert all(re.search(r"^if \$\(FOR_TESTS\) = 1$", batch, re.MULTILINE) for batch in batches)
    suite = (ROOT / "mk" / "sqlserver.mk").read_text("utf-8")
    assert re.findall(r"MSSQL_FOR_TESTS=1 \$\(COMPOSE\) up", suite) == ["MSSQL_FOR_TESTS=1 $(COMPOSE) up"]
    assert "FOR_TESTS: ${MSSQL_FOR_TESTS:-0}" in COMPOSE.read_text("utf-8")


def test_the_init_step_runs_every_ddl_file() -> None:
    script = (ROOT / "docker" / "sqlserver" / "init.sh").read_text("utf-8")
    ddl = ROOT / "extract" / "warehouse" / "ddl" / "sqlserver"
    run = {"raw_esios.sql", *(file.name for file in ddl.glob("raw_esios.*.sql")), "grants.sql"}
    assert "for file in /ddl/raw_esios.sql /ddl/raw_esios.*.sql" in script
    assert "/ddl/grants.sql" in script
    assert run == {file.name for file in ddl.glob("*.sql")}
