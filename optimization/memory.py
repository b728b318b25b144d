"""Load a CSV file in the least memory that loses nothing, and say per column what it took, what it takes and why."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a script: the repository's root, not this folder, is where `optimization` lies
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import pandas as pd

from optimization._files import BadInput, Progress
from optimization._memory_load import Reading, scan, settle, verify
from optimization._memory_usable import deep_bytes, reader, series_array

LEVELS = ("usable", "packed", "compressed")


def load_csv(path: str | Path, level: str = "usable", encoding: str | None = None, *, delimiter: str | None = None, verify_after: bool = True) -> Any:
    reading = Reading(encoding, delimiter)
    source = reading.open(str(path))
    scanned = scan(source, reading)
    plans, columns = settle([source], reading, scanned)
    arrays = {}
    for name in list(columns):
        arrays[name], plans[name] = series_array(plans[name], columns.pop(name), scanned.rows)
    frame = pd.DataFrame(arrays, copy=False)
    if verify_after:
        verify([source], reading, plans, {name: reader(frame[name]) for name in plans}, set())
    frame.attrs["plans"] = plans
    return frame


def nbytes(x: Any) -> int:
    return deep_bytes(x)
