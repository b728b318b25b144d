"""README.md: short, every link leads somewhere, every figure is that of the page it points to."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from extract.__main__ import cli
from tests.end_to_end.readme import README, ROOT

PAGES = [
    ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/commands.md", "docs/tutorial.md")
]


def test_it_is_read_in_five_minutes() -> None:
    assert len(README.splitlines()) < 120
    assert max(map(len, README.splitlines())) <= 140


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_or_a_heading(page: Path) -> None:
    text = page.read_text("utf-8")
    headings = {
        re.sub(r"[^\w -]", "", head).strip().lower().replace(" ", "-") for head in re.findall(r"^#+ (.*)$", text, re.M)
    }
    lost = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, heading = target.partition("#")
        if "://" in target:
            continue
        if (file and not (page.parent / file).exists()) or (not file and heading not in headings):
            lost.append(target)
    assert lost == []


def test_every_command_of_a_shell_block_is_one() -> None:
    blocks = re.findall(r"^```(?:sh|console)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    lines = [line.lstrip("$ ") for block in blocks for line in block.splitlines()]
    typed = [shlex.split(line, comments=True) for line in lines if re.match(r"esios ", line)]
    typed += [shlex.split(text) for text in re.findall(r"`(esios [^`]+)`", README)]
    assert {words[1] for words in typed} >= {"run", "status", "watch", "find", "export"}
    for _, verb, *arguments in typed:
        if verb != "find":  # in passing, without its text
            cli.commands[verb].make_context(verb, arguments)


def test_the_figures_of_the_back_test_are_those_of_its_page() -> None:
    page = (ROOT / "docs" / "as_known_at.md").read_text("utf-8")
    hours, share, leak = re.search(  # type: ignore[union-attr]
        r"(\d+) hours; (\d+%) of them.*too small by ([\d.]+%)", page, re.DOTALL
    ).groups()
    text = " ".join(README.split())
    assert f"{share} of {hours} hours were revised" in text
    assert f"too small by {leak}." in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_and_script_that_is_named_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    makefiles = "".join(file.read_text("utf-8") for file in (ROOT / "Makefile", *(ROOT / "mk").glob("*.mk")))
    targets = set(re.findall(r"^([a-z-]+):", makefiles, re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)|^\$? ?make ([a-z-]+)", text, re.MULTILINE))
    assert {one or other for one, other in named} - targets == set()
    modules = re.findall(r"`python -m ((?:tests|docs)[\w.]+)", text)
    scripts = re.findall(r"`python ([\w/]+\.py)", text) + [f"{name.replace('.', '/')}.py" for name in modules]
    assert [script for script in scripts if not (ROOT / script).is_file()] == []


def test_every_home_of_a_rule_is_a_file() -> None:
    homes = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("| rule | home |\n")[2].partition("\n\n")[0]
    named = re.findall(r"`([\w/]+\.\w+|[\w/]+/)`", homes)
    assert len(named) > 15
    tops = ("extract", "dbt_project", "optimization")
    files = [f"/{file.relative_to(ROOT)}" for top in tops for file in (ROOT / top).rglob("*")]
    assert [name for name in named if not any(file.endswith(f"/{name.rstrip('/')}") for file in files)] == []
