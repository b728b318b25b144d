"""The changelog names the version of the project, and what it sends a reader to is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")
NAME = re.compile(r"`(?:code = )?([a-z_]+)`")


def models() -> dict[str, set[str]]:
    """Every model that is described, with its columns."""
    found = {}
    for path in (ROOT / "dbt_project" / "models").rglob("*.yml"):
        for model in yaml.safe_load(path.read_text("utf-8")).get("models", []):
            found[model["name"]] = {column["name"] for column in model.get("columns", [])}
    return found


def data_tests() -> set[str]:
    """The data tests that have a name of their own."""
    texts = [path.read_text("utf-8") for path in (ROOT / "dbt_project" / "models").rglob("*.yml")]
    return {name for text in texts for name in re.findall(r"^ {8,}name: (\w+)$", text, re.MULTILINE)}


def renamed() -> list[tuple[str, str]]:
    """The rows of the table of names: what 1.0 had, what takes its place."""
    table = CHANGELOG.partition("| in 1.0 | in 2.0.0 |\n|---|---|\n")[2].partition("\n\n")[0]
    return [tuple(cell.strip() for cell in row.strip("|").split(" | ")) for row in table.splitlines()]  # type: ignore[misc]


def test_the_newest_version_is_that_of_the_package_and_of_the_dbt_project() -> None:
    newest = re.findall(r"^## \[([^]]+)]", CHANGELOG, re.MULTILINE)[0]
    package = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    dbt = yaml.safe_load((ROOT / "dbt_project" / "dbt_project.yml").read_text("utf-8"))["version"]
    assert (newest, package, dbt) == ("2.0.0", "2.0.0", "2.0.0")


def test_what_takes_the_place_of_a_name_is_a_model_or_a_column() -> None:
    known = models()
    present = set(known).union(*known.values(), data_tests())
    rows = renamed()
    assert len(rows) > 15
    lost = {name for _, replacement in rows for name in NAME.findall(replacement)} - present
    assert lost - {"two_values", "value_null"} == set()


def test_what_is_said_to_be_gone_is_gone() -> None:
    known = models()
    schemas = {"staging_esios": set(known), "quality_esios": set(known)}
    checked = 0
    for name, replacement in renamed():
        for owner, gone in re.findall(r"`([a-z_]+)\.([a-z_]+(?:`, `[a-z_]+)*)`", name):
            assert set(gone.split("`, `")) & (known | schemas)[owner] == set(), (name, replacement)
            checked += 1
    assert checked == 12
