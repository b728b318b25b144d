"""docs/as_known_at.md: its back-test, executed on a history that is made for it, prints what the page shows."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs"))  # the builders are scripts, not a package

import build_as_known_at as page

MARKDOWN = page.PAGE.read_text("utf-8")


@pytest.mark.timeout(900)
def test_the_back_test_of_the_page_prints_what_the_page_shows(tmp_path: Path) -> None:
    printed, namespace = page.outputs(MARKDOWN, page.make_history(tmp_path))
    assert printed == [shown for _, shown in page.parts(MARKDOWN)]
    errors = namespace["errors"]
    assert errors["corrected, judged on corrected"] < errors["known, judged on known"]
    assert errors["corrected, judged on corrected"] < errors["corrected, judged on known"]
    page.draw(errors, tmp_path / "errors.png")
    assert (tmp_path / "errors.png").read_bytes().startswith(b"\x89PNG")
    assert namespace["known"].index.min().isoformat() == "2024-01-01T23:00:00"


def test_every_file_and_option_that_the_page_names_is_there() -> None:
    from click.testing import CliRunner

    from extract.__main__ import cli

    help_text = CliRunner().invoke(cli, ["export", "--help"]).output
    options = set(re.findall(r"(?<!-)--[a-z][a-z-]+", MARKDOWN)) - {"--json"}
    assert len(options) > 8
    assert {option for option in options if option not in help_text} == set()
    for file in re.findall(r"`(dbt_project/[\w/.]+)`|\((\w+\.png)\)", MARKDOWN):
        assert (page.HERE.parent / file[0]).is_file() if file[0] else (page.HERE / file[1]).is_file()
