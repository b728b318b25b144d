"""Load a CSV file in the least memory that loses nothing, and say per column what it took, what it takes and why.

python optimization/memory.py dataset_memory_optimization.csv
>>> from optimization.memory import load_csv, shrink, nbytes
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if not __package__:  # run as a script: what makes `optimization` importable is the folder above
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from optimization.compact.choices import LEVELS
from optimization.files import BadInput

if TYPE_CHECKING:
    from optimization.compact.frames import shrink
    from optimization.compact.keep import load, save
    from optimization.compact.load import load_csv, load_file
    from optimization.compact.results import nbytes, plans_kept, texts
    from optimization.compact.schema import read_schema, write_schema

__all__ = [
    "LEVELS", "BadInput", "load", "load_csv", "load_file", "main", "nbytes", "plans_kept", "read_schema", "save",
    "shrink", "texts", "write_schema",
]  # fmt: skip
# Imported when they are asked for: the help of the command, or a wrong option, need not wait for pandas.
_HOMES = {
    "shrink": "frames", "load": "keep", "save": "keep", "load_csv": "load", "load_file": "load", "nbytes": "results",
    "plans_kept": "results", "texts": "results", "read_schema": "schema", "write_schema": "schema",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"optimization.compact.{_HOMES[name]}"), name)


def main(arguments: list[str] | None = None) -> int:
    """The command: its exit code."""
    from optimization.compact import command

    return command.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
