"""Pages that run: their Python and commands, executed from top to bottom, with what the page shows them to print."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = "…"  # a line of its own: lines of the output that the page does not show
_COLOURS = re.compile(r"\x1b\[[\d;]*m")
SETS_UP = ("make", ".", "export")  # what the reader's shell does once


@dataclass(frozen=True)
class Step:
    """A piece of Python or one command, and the output that the page shows for it."""

    kind: str  # python or console
    code: str
    shown: str


def steps(markdown: str) -> Iterator[Step]:
    """What a reader runs, in order: fences of Python (a fence of text after one is its output) and of console lines."""
    fences = [token for token in MarkdownIt("commonmark").parse(markdown) if token.type == "fence"]
    for fence, following in zip(fences, [*fences[1:], None], strict=True):
        if fence.info == "python":
            shows_output = following is not None and following.info == "text"
            yield Step("python", fence.content, following.content if following and shows_output else "")
        elif fence.info == "console":
            for part in re.split(r"^\$ ", fence.content, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                if command.split()[0] not in SETS_UP:
                    yield Step("console", command.partition(" #")[0].strip(), output)


def run(found: Sequence[Step], folder: Path, database: Path) -> tuple[list[str], dict[str, Any]]:
    """Run the steps on a DuckDB file, with nothing else configured; gives what each printed, and Python's names.

    Files of the page (`exports/…`, `warehouse/…`) lie in `folder` instead. RuntimeError if a command fails; its exit
    code 1 (data missing or bad) is a result like others.
    """
    variables = {
        "ESIOS_DUCKDB_PATH": str(database),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    before = dict(os.environ)
    namespace: dict[str, Any] = {}
    printed = []
    for name in [name for name in os.environ if name.startswith(("ESIOS_", "MSSQL_", "DBT_"))]:
        del os.environ[name]
    os.environ.update(variables)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    try:
        for step in found:
            code = re.sub(r"\b(?:exports|warehouse)/", lambda _: f"{folder}/", step.code)
            printed.append(_python(code, namespace) if step.kind == "python" else _command(code))
    finally:
        os.environ.clear()
        os.environ.update(before)
    return printed, namespace


def _python(code: str, namespace: dict[str, Any]) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "page", "exec"), namespace)  # noqa: S102 (the page is ours)
    return out.getvalue()


def _command(code: str) -> str:
    done = subprocess.run(
        shlex.split(code), cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{code}: exit code {done.returncode}\n{done.stdout}")
    return _COLOURS.sub("", done.stdout)


def renewed(markdown: str, found: Sequence[Step], printed: Sequence[str]) -> str:
    """The page with the outputs of its Python as they are now. Commands' outputs are shortened by hand, and stay."""
    for step, output in zip(found, printed, strict=True):
        if step.kind == "python" and step.shown:
            shown, now = (f"{step.code}```\n\n```text\n{text}```" for text in (step.shown, output))
            markdown = markdown.replace(shown, now)
    return markdown
