"""The registry of indicators: what is extracted, how it is asked for, and what is plausible. Reads one file.

The file is shared with dbt, where it is the properties file of the model `esios_indicators`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from extract.errors import UsageError
from extract.settings import ROOT

REGISTRY = ROOT / "dbt_project" / "models" / "registry" / "esios_indicators.yml"
DEMAND_FORECAST = "demand_forecast"
CADENCES = {"hour": 60, "fifteen_minutes": 15}


@dataclass(frozen=True)
class Indicator:
    """One registered indicator. Days are Madrid days; plausible values are in `unit`."""

    id: int
    name: str
    role: str
    unit: str
    cadence: str
    time_agg: str
    geo_id: int
    first_day: date
    published_ahead_days: int
    revision_horizon_days: int
    plausible_min: float
    plausible_max: float
    plausible_step: float


@cache
def entries(path: Path = REGISTRY) -> tuple[dict[str, Any], ...]:
    """The registry's entries as they are written, thresholds and all; `UsageError` if the file cannot be read."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
        return tuple(document["models"][0]["config"]["meta"]["indicators"])
    except (OSError, yaml.YAMLError, LookupError, TypeError) as error:
        raise UsageError(f"cannot read the registry {path} ({type(error).__name__})", "restore it from git") from None


@cache
def registry(path: Path = REGISTRY) -> tuple[Indicator, ...]:
    """Every registered indicator, in the file's order; `UsageError` names the entry and the key that is wrong."""
    return tuple(_indicator(entry, path) for entry in entries(path))


def _indicator(entry: dict[str, Any], path: Path) -> Indicator:
    wanted = Indicator.__dataclass_fields__
    missing = [key for key in wanted if entry.get(key) is None]
    if missing:
        raise UsageError(f"indicator {entry.get('id')} lacks {', '.join(missing)}", f"complete its entry in {path}")
    if entry["cadence"] not in CADENCES or entry["time_agg"] not in ("average", "sum"):
        raise UsageError(
            f"indicator {entry['id']} has cadence {entry['cadence']!r} and time_agg {entry['time_agg']!r}",
            f"use {' | '.join(CADENCES)} and average | sum in {path}",
        )
    try:
        # A text in the file: dbt keeps the file as JSON, which knows no dates.
        first_day = date.fromisoformat(str(entry["first_day"]))
    except ValueError:
        raise UsageError(
            f"indicator {entry['id']} has first_day {entry['first_day']!r}", f'write it as "yyyy-mm-dd" in {path}'
        ) from None
    return Indicator(**{key: entry[key] for key in wanted} | {"first_day": first_day})


def default_indicators() -> list[Indicator]:
    """What a command without `--indicator` means: the indicators that feed `demand_forecast_esios`."""
    return [indicator for indicator in registry() if indicator.role == DEMAND_FORECAST]


def find_indicators(wanted: Iterable[str]) -> list[Indicator]:
    """Ids or exact names → registered indicators, in the order given, each once; `UsageError` for any other."""
    found = {indicator.id: indicator for indicator in (_find(text.strip()) for text in wanted)}
    return list(found.values())


def _find(text: str) -> Indicator:
    for indicator in registry():
        if text == str(indicator.id) or text == indicator.name:
            return indicator
    near = get_close_matches(text, [indicator.name for indicator in registry()], n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    known = ", ".join(str(indicator.id) for indicator in registry())
    raise UsageError(
        f"indicator {text!r} is not registered{hint}",
        f"registered are {known}; to add one, look up its id with `esios find TEXT` "
        f"and add an entry to {REGISTRY.relative_to(ROOT)}",
    )
