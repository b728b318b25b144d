"""README.md, taken apart: the commands that it shows, what it shows them to print, and how that is compared."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.end_to_end.conftest import ROOT

README = (ROOT / "README.md").read_text("utf-8")
LEFT_OUT = "…"
_FILE = re.compile(r"\S+\.(csv|parquet|html)\b")
_NUMBER = re.compile(r"\d[\d,.]*")
_BLANKS = re.compile(r"\s+")


@dataclass(frozen=True)
class Shown:
    """A command of the README and the lines below it; `…` alone stands for lines that are left out."""

    command: str
    lines: tuple[str, ...]

    def differs_from(self, printed: str) -> str:
        """The first line that is missing in the output, or extra; empty if it has the shape that is shown.

        Numbers and the folders of files may differ. Where nothing is left out, a line follows the one before at once.
        """
        real = [shape(line) for line in printed.splitlines() if line.strip()]
        at, anywhere = 0, False
        for line in self.lines:
            if line == LEFT_OUT:
                anywhere = True
                continue
            places = range(at, len(real) if anywhere else min(at + 1, len(real)))
            found = next((n for n in places if real[n] == shape(line)), None)
            if found is None:
                return line
            at, anywhere = found + 1, False
        return "" if anywhere else "".join(real[at : at + 1])


def shape(line: str) -> str:
    """A line without what may differ: numbers, where files lie, widths."""
    return _BLANKS.sub(" ", _NUMBER.sub("0", _FILE.sub("FILE", line))).strip()


def shown() -> dict[str, Shown]:
    """Each command of the README's console blocks, without its comment."""
    found = {}
    for block in re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, *lines = part.splitlines()
            command = line.partition("#")[0].strip()
            found[command] = Shown(command, tuple(one for one in lines if one.strip()))
    return found
