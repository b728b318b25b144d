"""What a run of the tests makes once for all of its workers: a folder each, under the run's own temporary folder."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Templates:
    """Folders by name. The first that needs one makes it; the others wait for it. To be copied from, not written to."""

    root: Path

    @classmethod
    def of_this_run(cls, factory: pytest.TempPathFactory) -> Templates:
        """The same for every worker of pytest-xdist: their folders lie beside one another in the run's."""
        base = factory.getbasetemp()
        root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "templates"
        root.mkdir(exist_ok=True)
        return cls(root)

    def folder(self, name: str, make: Callable[[Path], object]) -> Path:
        """The folder of that name; `make` fills an empty one if it is not there yet."""
        made = self.root / name
        with (self.root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                unfinished = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.root))
                make(unfinished)
                unfinished.rename(made)
        return made
