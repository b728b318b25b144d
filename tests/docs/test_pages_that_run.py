"""docs/as_known_at.md and docs/tutorial.md, executed on the demo history, print what the pages show."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from docs import build_as_known_at, build_tutorial, demo_history, running_pages
from extract.__main__ import cli
from tests.end_to_end.readme import Shown, shape

AS_KNOWN_AT = build_as_known_at.PAGE.read_text("utf-8")
TUTORIAL = build_tutorial.PAGE.read_text("utf-8")
TOLERANCE = 0.01  # of numbers that a model computes: other processors round otherwise


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with the landed mornings, made once."""
    database = tmp_path_factory.mktemp("history") / "demo.duckdb"
    said = demo_history.make_history(database)
    assert said.startswith("70 mornings, 2024-01-01 to 2024-03-10: ")
    return database


def differences(step: running_pages.Step, printed: str) -> str:
    """Where the output has not the shape that the page shows; of Python the numbers count as well."""
    if step.kind == "console":
        lines = tuple(line for line in step.shown.splitlines() if line.strip())
        return Shown(step.code, lines).differs_from(printed)
    if shape(step.shown) != shape(printed):
        return printed
    pairs = zip(numbers(step.shown), numbers(printed), strict=True)
    return "".join(f"{one} is now {other}\n" for one, other in pairs if other != pytest.approx(one, rel=TOLERANCE))


def numbers(text: str) -> list[float]:
    return [float(found) for found in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?", text)]


def test_the_back_test_prints_what_its_page_shows(history: Path, tmp_path: Path) -> None:
    database = Path(shutil.copy(history, tmp_path))
    found = list(running_pages.steps(AS_KNOWN_AT))
    printed, namespace = running_pages.run([build_as_known_at.BUILD, *found], tmp_path, database)
    wrong = [differences(step, output) for step, output in zip(found, printed[1:], strict=True)]
    assert [one for one in wrong if one] == [], "write them again: make pictures"
    errors = namespace["errors"]
    assert errors["corrected, judged on corrected"] < errors["known, judged on known"]
    assert errors["corrected, judged on corrected"] < errors["corrected, judged on known"]
    build_as_known_at.draw(errors, tmp_path / "errors.png")
    assert (tmp_path / "errors.png").read_bytes().startswith(b"\x89PNG")
    assert namespace["known"].index.min().isoformat() == "2024-01-01T23:00:00"


def test_the_tutorial_prints_what_it_shows_and_its_forecast_is_judged(history: Path, tmp_path: Path) -> None:
    database = Path(shutil.copy(history, tmp_path))
    first, *found = running_pages.steps(TUTORIAL)
    assert first.code == "python -m docs.demo_history warehouse/demo.duckdb"  # done: `history`
    printed, namespace = running_pages.run(found, tmp_path, database)
    wrong = [f"{step.code}: {differences(step, output)}" for step, output in zip(found, printed, strict=True)]
    assert [one for one in wrong if not one.endswith(": ")] == [], "write them again: make pictures"
    accuracy: pd.DataFrame = namespace["accuracy"]
    judged = accuracy[accuracy["forecast"] == "tutorial"]
    assert len(judged) == 21
    assert judged["mae"].sum() < 0.5 * judged["persistence_mae"].sum()
    assert judged["late_predictions"].sum() == 0  # they were made at noon of the day before
    assert "tutorial" in (tmp_path / "report.html").read_text("utf-8")


def test_a_history_is_not_made_over_a_file_that_exists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "demo.duckdb").write_bytes(b"mine")
    assert demo_history.main([str(tmp_path / "demo.duckdb")]) == 2
    assert "exists: name a new file, or delete it" in capsys.readouterr().err
    assert (tmp_path / "demo.duckdb").read_bytes() == b"mine"


@pytest.mark.parametrize(("page", "verb", "options"), [(AS_KNOWN_AT, "export", 8), (TUTORIAL, "load", 2)])
def test_every_file_and_option_that_a_page_names_is_present(page: str, verb: str, options: int) -> None:
    help_text = "".join(CliRunner().invoke(cli, [one, "--help"]).output for one in ("export", "load", "report", verb))
    named = set(re.findall(r"(?<![-\w])--[a-z][a-z-]+", page)) - {"--json", "--exclude-resource-type"}
    assert len(named) >= options
    assert {option for option in named if option not in help_text} == set()
    for source, picture in re.findall(r"`(dbt_project/[\w/.]+)`|\((\w+\.png)\)", page):
        file = running_pages.ROOT / source if source else running_pages.ROOT / "docs" / picture
        assert file.is_file(), file
