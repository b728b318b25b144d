"""The DDL, grants and container files as a DBA runs them: clean T-SQL, repeatable, complete."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DDL = ROOT / "extract" / "warehouse" / "ddl" / "sqlserver"
FILES = [*sorted(DDL.glob("*.sql")), ROOT / "docker" / "sqlserver" / "init.sql"]
# What sqlcmd puts in their place.
VARIABLES = {
    "MARTS": "dbo", "EXTRACTOR": "user1", "DBT": "user1", "READER": "user1",
    "DATABASE": "mock_db", "LOGIN": "user1", "LOGIN_PASSWORD": "secret", "FOR_TESTS": "0",
}  # fmt: skip


def rendered(file: Path) -> str:
    return re.sub(r"\$\((\w+)\)", lambda found: VARIABLES[found[1]], file.read_text("utf-8"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_file_is_clean_tsql(file: Path, tmp_path: Path) -> None:
    copy = tmp_path / file.name
    copy.write_text(rendered(file), "utf-8")
    command = (
        sys.executable,
        "-m",
        "sqlfluff",
        "lint",
        "--dialect",
        "tsql",
        "--templater",
        "raw",
        "--disable-progress-bar",
    )
    only = ("--rules", "capitalisation.keywords,aliasing,ambiguous,convention.terminator", str(copy))
    done = subprocess.run([*command, *only], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "PRS" not in done.stdout, done.stdout
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", sorted(DDL.glob("raw_esios.*.sql")), ids=lambda file: file.name)
def test_every_table_and_index_is_made_only_if_it_is_missing(file: Path) -> None:
    for batch in re.split(r"(?im)^go$", file.read_text("utf-8")):
        made = re.search(r"^\s*create (?:table|(?:unique )?(?:clustered |nonclustered )?index)\b", batch, re.MULTILINE)
        if made:
            guard = batch[: made.start()]
            assert re.search(r"if (object_id\(.+\) is null|not exists \()", guard), f"{file.name}: {made[0].strip()}"


def test_both_engines_have_the_same_raw_tables_and_columns() -> None:
    def columns(file: Path) -> list[str]:
        text = re.sub(r"--.*", "", file.read_text("utf-8"))
        body = re.search(r"create table[^(]+\((.*?)\n\s*\);", text, re.DOTALL)
        assert body is not None, file
        words = [line.split()[0] for line in body[1].splitlines() if line.strip()]
        return [word for word in words if word not in ("constraint", "primary")]

    here = {file.name: columns(file) for file in DDL.glob("raw_esios.*.sql")}
    there = {file.name: columns(file) for file in (DDL.parent / "duckdb").glob("raw_esios.*.sql")}
    assert here == there


def test_the_payload_keeps_every_character_compactly() -> None:
    text = (DDL / "raw_esios.indicator_responses.sql").read_text("utf-8")
    assert "payload varchar(max) collate Latin1_General_100_BIN2_UTF8 not null" in text


def test_no_role_is_granted_the_deletion_of_raw_rows() -> None:
    text = re.sub(r"--.*", "", (DDL / "grants.sql").read_text("utf-8"))
    granted = re.findall(r"grant ([\w\s,]+) on schema::raw_esios", text)
    assert granted
    assert not any("delete" in rights or "control" in rights or "alter" in rights for rights in granted)
    assert "deny" not in text  # it would hold for logins with several of the roles, too
