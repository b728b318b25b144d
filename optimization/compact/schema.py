"""The schema file: the plans of all columns as JSON, written after one load and followed by the next."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from optimization.compact.build import Loaded
from optimization.compact.plan import KINDS, Plan
from optimization.compact.usable import int_type
from optimization.files import BadInput, written_aside

SCHEMA_VERSION = 1


def write_schema(loaded: Loaded, out: str | Path) -> None:
    """Keep the plans: bounds of whole numbers are those of their types, so that tomorrow's values have room."""
    entries = []
    for plan in loaded.plans.values():
        kept = replace(plan, type="", why=plan.why)
        if plan.kind == "int":
            name = int_type(int(plan.low), int(plan.high))
            bounds = np.iinfo(name)
            kept = replace(kept, low=int(bounds.min), high=int(bounds.max), type=name)
        elif plan.kind == "float":
            kept = replace(kept, type=plan.type if plan.type in ("float32", "float64") else "")
        elif plan.kind in ("date", "timestamp"):
            kept = replace(kept, low=-(1 << 62), high=1 << 62)
        entries.append(kept.to_json())
    with written_aside(str(out)) as aside:
        Path(aside).write_text(
            json.dumps({"version": SCHEMA_VERSION, "columns": entries}, ensure_ascii=False, indent=1), encoding="utf-8"
        )


def read_schema(path: str | Path) -> dict[str, Plan]:
    """The plans of a schema file; BadInput where it is none."""
    try:
        read = json.loads(Path(path).read_text(encoding="utf-8"))
        plans = {entry["name"]: Plan(**entry) for entry in read["columns"]}
        version = read["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{path}: no schema file ({error}); infer a new one by naming a file that does not exist yet"
        ) from error
    if version != SCHEMA_VERSION or any(plan.kind not in KINDS for plan in plans.values()):
        raise BadInput(f"{path}: a schema of another version ({version}); infer a new one")
    return plans
