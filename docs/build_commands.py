"""Write docs/commands.md from the command line itself and from the Makefile: `python -m docs.build_commands`."""

from __future__ import annotations

import re
from pathlib import Path

import click

from extract.__main__ import cli
from extract.errors import EXIT_CODES
from extract.verbs import SECTIONS, Verb, Verbs

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "commands.md"

# `esios` has them all: once for all verbs.
EVERYWHERE = {"as_json", "debug"}


def page(verbs: Verbs) -> str:
    """The page."""
    sections = verbs.verbs()
    lines = [
        "# Every command",
        "",
        "`. .venv/bin/activate` first; `esios` is `python -m extract`, and `dbt` typed there sees `.env` as well. Each",
        "verb has `--help`, `--json` (the result as JSON) and `--debug` (the traceback of an error). Progress",
        "goes to stderr, results to stdout. This page is made from the commands: `python -m docs.build_commands`.",
        "",
        "| verb | does |",
        "|---|---|",
    ]
    for section, found in sections.items():
        lines.append(f"| **{SECTIONS[section]}** | |")
        lines += [f"| [`esios {verb.name}`](#esios-{verb.name}) | {_cell(verb.sentence)} |" for verb in found]
    lines += ["", "## Exit codes", "", "| code | means |", "|---|---|"]
    lines += [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()]
    lines += [
        "",
        "Never a traceback for these. `esios extract` ends with 0 once every window that was asked for is landed,",
        "whatever it holds; `run`, `status` and `check` judge what it holds. `make` turns each into its own code, 2.",
    ]
    for found in sections.values():
        for verb in found:
            lines += ["", f"## esios {verb.name}", "", *_verb(verb)]
    lines += ["", "## make", "", "| target | does |", "|---|---|"]
    lines += [f"| `make {name}` | {_cell(does)} |" for name, does in make_targets()]
    lines += [
        "",
        "## dbt",
        "",
        "| command | does |",
        "|---|---|",
        "| `dbt build` | build and test the models |",
        "| `dbt source freshness` | is the last extraction recent enough? |",
        "| `dbt build --full-refresh` | the same from the landing alone, whatever was built before |",
    ]
    return "\n".join(lines) + "\n"


def make_targets() -> list[tuple[str, str]]:
    """Every target of the Makefile and of mk/ with what `make help` says of it, in alphabetical order."""
    texts = [path.read_text("utf-8") for path in (ROOT / "Makefile", *sorted((ROOT / "mk").glob("*.mk")))]
    return sorted(re.findall(r"^([a-z-]+):.*?## (.*)$", "\n".join(texts), re.MULTILINE))


def _verb(verb: Verb) -> list[str]:
    usage = " ".join(["esios", str(verb.name), *verb.collect_usage_pieces(click.Context(verb))])
    lines = [_text(verb.sentence)]
    for remark in verb.remarks:
        lines += ["", _text(remark)]
    lines += ["", "```sh", f"# {usage}", *verb.examples, "```"]
    options = [one for one in verb.params if isinstance(one, click.Option) and one.name not in EVERYWHERE]
    if options:
        lines += ["", "| option | |", "|---|---|"]
        for option in options:
            names, text = option.get_help_record(click.Context(verb)) or ("", "")
            lines.append(f"| `{_cell(names)}` | {_cell(text)} |")
    return lines


def _text(text: str) -> str:
    """Tags are names in angle brackets here, not HTML."""
    return text.replace("<", "&lt;")


def _cell(text: str) -> str:
    return _text(" ".join(text.split())).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(cli), "utf-8")
