"""Progress of the extract verb on stderr: a bar on a terminal, a plain line a window elsewhere."""

from __future__ import annotations

import shutil
import sys
from typing import Any, Self

from tqdm import tqdm


class Progress:
    """Counts windows. `quiet` prints nothing but failures."""

    def __init__(self, total: int, *, quiet: bool = False) -> None:
        self._total, self._done, self._quiet = total, 0, quiet
        self._bar: Any = None
        if total and not quiet and sys.stderr.isatty():
            size = shutil.get_terminal_size()  # 80 x 24 where the terminal does not know; tqdm would draw nothing
            self._bar = tqdm(
                total=total, unit=" windows", desc="extract", file=sys.stderr, ncols=size.columns, nrows=size.lines
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def done(self, line: str) -> None:
        """The response of one window is committed."""
        self._done += 1
        if self._bar is not None:
            self._bar.update()
        elif not self._quiet:
            self._say(line)

    def failed(self, line: str) -> None:
        """One window could not be had; said in any case."""
        self._done += 1
        if self._bar is not None:
            self._bar.update()
        self._say(f"FAILED {line}")

    def _say(self, line: str) -> None:
        tqdm.write(f"extract {self._done}/{self._total}  {line}", file=sys.stderr)
