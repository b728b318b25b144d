"""The shape of the command line's help: verbs in sections, a sentence each, examples, exit codes. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from extract.errors import EXIT_CODES

SECTIONS = {
    "get": "Get data",
    "use": "Use it",
    "watch": "Watch it",
    "register": "Choose indicators",
}


class Verb(click.Command):
    """A verb of `esios`: its help begins with one sentence and ends with examples that can be typed as they stand."""

    def __init__(self, *arguments: Any, section: str, examples: Sequence[str], **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.section = section
        self.examples = tuple(examples)

    @property
    def sentence(self) -> str:
        """What it does, in one sentence."""
        return " ".join((self.help or "").partition("\n\n")[0].split())

    @property
    def remarks(self) -> list[str]:
        """What is to be known besides, a paragraph each."""
        return [" ".join(paragraph.split()) for paragraph in (self.help or "").split("\n\n")[1:]]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The examples, never wrapped: a wrapped one cannot be copied."""
        with formatter.section("Examples" if len(self.examples) > 1 else "Example"):
            for example in self.examples:
                formatter.write(f"{'':>{formatter.current_indent}}{example}\n")


class Verbs(click.Group):
    """`esios`: its verbs by section in the order in which they are written, each sentence whole; the exit codes."""

    command_class = Verb

    def verbs(self) -> dict[str, list[Verb]]:
        """Section → its verbs."""
        found: dict[str, list[Verb]] = {section: [] for section in SECTIONS}
        for verb in self.commands.values():
            assert isinstance(verb, Verb)
            found[verb.section].append(verb)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """A list of verbs for each section; `click` itself would cut long sentences."""
        width = max(map(len, self.commands))
        for section, verbs in self.verbs().items():
            with formatter.section(SECTIONS[section]):
                formatter.write_dl([(f"{verb.name:<{width}}", verb.sentence) for verb in verbs])
        with formatter.section("Exit codes"):
            formatter.write_dl([(f"{code:<{width}}", meaning) for code, meaning in EXIT_CODES.items()])
