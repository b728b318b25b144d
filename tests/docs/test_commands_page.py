"""`esios --help`, `esios VERB --help` and docs/commands.md: each verb with a sentence, an example and a row."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from docs import build_commands
from extract import errors
from extract.__main__ import cli
from extract.verbs import SECTIONS, Verb

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "commands.md").read_text("utf-8")
VERBS = sorted(cli.commands)


def verb_of(name: str) -> Verb:
    verb = cli.commands[name]
    assert isinstance(verb, Verb)
    return verb


def shown(*arguments: str, columns: int = 80) -> str:
    """What is printed in a terminal of so many columns."""
    done = CliRunner(env={"COLUMNS": str(columns)}).invoke(cli, arguments, terminal_width=columns, prog_name="esios")
    assert done.exit_code == 0
    return done.output


def test_the_page_is_made_from_the_commands() -> None:
    assert build_commands.page(cli) == PAGE, "write it again: python -m docs.build_commands"


def test_the_page_has_every_target_of_make() -> None:
    named = {
        name
        for path in (ROOT / "Makefile", *(ROOT / "mk").glob("*.mk"))
        for name in re.findall(r"^\.PHONY: ([a-z-]+)$", path.read_text("utf-8"), re.MULTILINE)
    }
    assert set(re.findall(r"^\| `make ([a-z-]+)` \| \S", PAGE, re.MULTILINE)) == named


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_has_one_plain_sentence_and_a_row(name: str) -> None:
    sentence = verb_of(name).sentence
    assert re.fullmatch(r"[A-Z][^.]*(\.[a-z][^.]*)*\.", sentence), "one sentence"
    assert len(sentence) < 100
    assert f"| [`esios {name}`](#esios-{name}) | " in PAGE
    assert f"\n## esios {name}\n" in PAGE


@pytest.mark.parametrize("name", VERBS)
@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_verb_has_examples_that_can_be_typed_and_are_never_wrapped(name: str, columns: int) -> None:
    verb = verb_of(name)
    lines = [line.strip() for line in shown(name, "--help", columns=columns).splitlines()]
    assert verb.examples
    for example in verb.examples:
        program, typed, *arguments = shlex.split(example)
        assert (program, typed) == ("esios", name)
        verb.make_context(name, arguments)  # a wrong option or value is an error
        assert example in lines
        assert example in PAGE


@pytest.mark.parametrize("name", VERBS)
def test_every_option_is_explained(name: str) -> None:
    assert [one.name for one in verb_of(name).params if isinstance(one, click.Option) and not one.help] == []


@pytest.mark.parametrize("columns", [50, 80, 200])
def test_the_verbs_are_in_sections_and_no_sentence_is_cut_off(columns: int) -> None:
    text = shown("--help", columns=columns)
    flat = " ".join(text.split())
    for name in VERBS:
        assert f"{name} {verb_of(name).sentence}" in flat
    assert [title for title in SECTIONS.values() if f"\n{title}:\n" not in text] == []
    assert "..." not in text.partition("Get data:")[2]


def test_the_exit_codes_are_in_one_table_that_has_those_of_all_errors() -> None:
    kinds = [errors.EsiosError, *errors.EsiosError.__subclasses__()]
    assert {kind.exit_code for kind in kinds} | {0, errors.EXIT_INTERRUPTED} == set(errors.EXIT_CODES)
    flat = " ".join(shown("--help").partition("Exit codes:")[2].split())
    for code, meaning in errors.EXIT_CODES.items():
        assert f"{code} {meaning}" in flat
        assert f"| {code} | {meaning} |" in PAGE
