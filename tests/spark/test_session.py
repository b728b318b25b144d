"""The session in which dbt builds: which zone, which server, and what is said where there is none."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest

from tests.integration.conftest import ROOT, Home

pytestmark = pytest.mark.timeout(300)


def empty_lake(folder: Path, **variables: str) -> Home:
    """Commands of the project itself on a lake with nothing in it."""
    here = {
        "ESIOS_TARGET": "spark",
        "ESIOS_LAKE": str(folder / "lake"),
        "ESIOS_DBT_PROJECT_DIR": str(ROOT / "dbt_project"),
    }
    return Home("spark", folder, here | variables)


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


def test_a_session_in_another_zone_is_refused(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    profile = tmp_path / "profiles" / "profiles.yml"
    text = profile.read_text("utf-8")
    assert "spark.sql.session.timeZone: UTC" in text
    profile.write_text(
        text.replace("spark.sql.session.timeZone: UTC", "spark.sql.session.timeZone: Europe/London"), "utf-8"
    )
    arguments = ("--select", "esios_indicators", "--profiles-dir", str(profile.parent))
    refused = empty_lake(tmp_path)("dbt", "--no-use-colors", "run", *arguments)
    assert refused.code == 2
    assert (
        "the Spark session's time zone is Europe/London, and every instant would be shifted:"
        " set spark.sql.session.timeZone to UTC"
    ) in refused.out
    assert not (tmp_path / "lake" / "staging_esios").exists()


def test_a_server_that_is_not_there_is_named_at_once(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nowhere = f"127.0.0.1:{taken.getsockname()[1]}"
        done = empty_lake(tmp_path, SPARK_REMOTE=f"sc://{nowhere}")("dbt", "run", timeout=60)
    assert done.code == 5
    assert last_line(done.err) == (
        f"Error: no server at SPARK_REMOTE, {nowhere} (Connection refused):"
        " start that server, or unset SPARK_REMOTE to build with Sail"
    )


@pytest.mark.parametrize("remote", ["localhost:15002", "http://localhost:15002", "sc://", "sc://localhost:port"])
def test_what_is_no_address_of_a_server_is_refused(tmp_path: Path, remote: str) -> None:
    done = empty_lake(tmp_path, SPARK_REMOTE=remote)("dbt", "run", timeout=60)
    assert done.code == 2
    assert last_line(done.err) == (
        "Error: SPARK_REMOTE is not the address of a Spark Connect server: set it to sc://HOST:PORT"
    )


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("ESIOS_SPARK_FORMAT", "hudi", "set it to one of delta, iceberg"),
        ("ESIOS_SPARK_SERVICE", "emr", "set it to one of databricks, fabric"),
    ],
)
def test_a_word_that_is_none_is_refused(tmp_path: Path, name: str, value: str, remedy: str) -> None:
    done = empty_lake(tmp_path, **{name: value})("dbt", "parse", timeout=60)
    assert done.code == 2
    assert last_line(done.err) == f"Error: {name} is {value!r}: {remedy}"
