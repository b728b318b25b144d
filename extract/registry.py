"""The registry of indicators: what is extracted, how it is asked for, and what is plausible. Reads one file.

The file is shared with dbt, where it is the properties file of the model `esios_indicators`; macros/registry.sql fills
in the kinds' defaults and checks each key by the same rules, in the same words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from extract.errors import UsageError
from extract.settings import ROOT

REGISTRY = ROOT / "dbt_project" / "models" / "registry" / "esios_indicators.yml"
DEMAND_FORECAST = "demand_forecast"
# The length of a period in seconds; None: a calendar unit of Madrid, whose length varies.
CADENCES: dict[str, int | None] = {
    "five_minutes": 300,
    "ten_minutes": 600,
    "fifteen_minutes": 900,
    "hour": 3600,
    "day": None,
    "month": None,
}


@dataclass(frozen=True)
class CadenceSpan:
    """A cadence and the first Madrid day that it holds for; the first of an indicator holds from `date.min` on."""

    from_day: date
    cadence: str


@dataclass(frozen=True)
class Indicator:
    """One registered indicator. Days are Madrid days; plausible values are in `unit`; None is not judged.

    `areas` None: every area that the API has. `sealed`: from when on a value does not change, such as `D-1T20:30`.
    """

    id: int
    name: str
    role: str
    kind: str
    unit: str
    time_agg: str
    areas: tuple[int, ...] | None
    cadences: tuple[CadenceSpan, ...]
    first_day: date
    published_ahead_days: int
    revision_horizon_days: int
    plausible_min: float | None
    plausible_max: float | None
    plausible_step: float | None
    sealed: str | None
    caution: str | None
    watch_at: tuple[str, ...]


@cache
def entries(path: Path = REGISTRY) -> tuple[dict[str, Any], ...]:
    """The registry's entries, every key that the rules know in each, with the defaults of its kind.

    `UsageError` if the file cannot be read, or names the entry and the key that is wrong.
    """
    rules, kinds, listed = _meta(path)
    return tuple(_Checker(path, rules, kinds).merged(listed))


def read_again() -> None:
    """Forget what was read: the file has changed."""
    for cached in (_meta, entries, kinds, registry):
        cached.cache_clear()


@cache
def kinds(path: Path = REGISTRY) -> dict[str, dict[str, Any]]:
    """Each kind's defaults, as they are written; errors as in `entries`."""
    entries(path)
    return _meta(path)[1]


@cache
def _meta(path: Path) -> tuple[dict[str, Any], dict[str, Any], list[Any]]:
    """The rules, the kinds and the entries, as they are written."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
        # As dbt keeps it: JSON knows no dates, so that a day means the same with and without quotes.
        meta = json.loads(json.dumps(document["models"][0]["config"]["meta"], default=str))
        return dict(meta["rules"]), dict(meta["kinds"]), list(meta["indicators"])
    except (OSError, UnicodeError, yaml.YAMLError, LookupError, TypeError, ValueError) as error:
        raise UsageError(f"cannot read the registry {path} ({type(error).__name__})", "restore it from git") from None


class _Checker:
    """Entry and kind → entry with every key. The rules are the file's; dbt's macros/registry.sql says the same."""

    def __init__(self, path: Path, rules: dict[str, Any], kinds: dict[str, Any]) -> None:
        self.path, self.rules, self.kinds = path, rules, kinds

    def merged(self, listed: list[Any]) -> list[dict[str, Any]]:
        of_kind = {key: rule for key, rule in self.rules.items() if rule.get("in_kind")}
        for name, of_its_own in self.kinds.items():
            self._check(f"kind {name}", of_its_own, of_kind, is_kind=True)
        found: dict[int, dict[str, Any]] = {}
        for number, written in enumerate(listed, 1):
            own = written if isinstance(written, dict) else {}
            named = f"indicator {own.get('id') or f'number {number} of the list'}"
            kind = own.get("kind")
            if isinstance(kind, str) and kind not in self.kinds:
                raise self._refused(named, f"kind is '{kind}'", ", ".join(self.kinds))
            defaults = self.kinds.get(kind, {}) if isinstance(kind, str) else {}
            entry = {**defaults, **written} if isinstance(written, dict) else written
            self._check(named, entry, self.rules)
            if entry["id"] in found:
                raise UsageError(f"{named}: it is listed twice", f"delete one of the entries in {self.path}")
            low, high = entry.get("plausible_min"), entry.get("plausible_max")
            if low is not None and high is not None and low > high:
                raise UsageError(f"{named}: plausible_min is above plausible_max", f"swap them in {self.path}")
            found[entry["id"]] = dict.fromkeys(self.rules) | entry
        return list(found.values())

    def _check(self, named: str, entry: Any, rules: dict[str, Any], *, is_kind: bool = False) -> None:
        """Refuse the first key that is unknown, missing or wrong. A kind need not have all."""
        if not isinstance(entry, dict):
            raise self._refused(named, f"it is '{entry}'", "its keys and their values")
        for key in entry:
            if key not in rules:
                near = get_close_matches(str(key), rules, n=1)
                raise self._refused(
                    named, f"{key} is not a valid key", near[0] if near else f"one of {', '.join(rules)}"
                )
        for key, rule in rules.items():
            value = entry.get(key)
            if value is None:
                if not rule.get("optional") and not is_kind:
                    raise self._refused(named, f"{key} is missing", rule["write"])
            elif not self._is_right(value, key):
                raise self._refused(named, f"{key} is '{value}'", rule["write"])

    def _refused(self, named: str, fault: str, remedy: str) -> UsageError:
        return UsageError(f"{named}: {fault}", f"write {remedy} in {self.path}")

    def _is_right(self, value: Any, key: str) -> bool:
        rule = self.rules[key]
        if key == "cadence" and isinstance(value, list):
            return self._are_spans(value)
        if rule.get("list"):
            if value == rule.get("word"):
                return True
            items = value if isinstance(value, list) else []
            few = 0 < len(items) <= rule.get("most", len(items))
            return few and all(_matches(item, rule) for item in items) and len(items) == len(set(items))
        return _matches(value, rule)

    def _are_spans(self, spans: list[Any]) -> bool:
        for span in spans:
            if not isinstance(span, dict) or set(span) != {"from", "cadence"}:
                return False
            rules = {"cadence": self.rules["cadence"], "from": self.rules["first_day"]}
            if not all(_matches(span[key], rule) for key, rule in rules.items()):
                return False
        return bool(spans) and all(
            one["from"] < later["from"]
            # A month has one cadence.
            and ("month" not in (one["cadence"], later["cadence"]) or later["from"].endswith("-01"))
            for one, later in pairwise(spans)
        )


def _matches(value: Any, rule: dict[str, Any]) -> bool:
    """Text or number, as the rule says, and matching it."""
    if not isinstance(value, (int, float) if rule.get("number") else str) or not re.fullmatch(rule["like"], str(value)):
        return False
    try:
        return not rule.get("date") or bool(date.fromisoformat(str(value)))
    except ValueError:
        return False


@cache
def registry(path: Path = REGISTRY) -> tuple[Indicator, ...]:
    """Every registered indicator, in the file's order; errors as in `entries`."""
    return tuple(_indicator(entry) for entry in entries(path))


def _indicator(entry: dict[str, Any]) -> Indicator:
    cadence = entry["cadence"]
    written = [{"cadence": cadence}] if isinstance(cadence, str) else cadence
    starts = [date.min, *(date.fromisoformat(span["from"]) for span in written[1:])]
    plain = {key: entry[key] for key in Indicator.__dataclass_fields__ if key in entry}
    return Indicator(
        **plain
        | {
            "areas": None if entry["areas"] == "all" else tuple(entry["areas"]),
            "cadences": tuple(CadenceSpan(start, span["cadence"]) for start, span in zip(starts, written, strict=True)),
            "first_day": date.fromisoformat(entry["first_day"]),
            "watch_at": tuple(entry["watch_at"] or ()),
        }
    )


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
    add = f"`esios add {text}`" if text.isdecimal() else "`esios find TEXT` gives its id and `esios add ID`"
    raise UsageError(f"indicator {text!r} is not registered{hint}", f"{add} registers it; registered are {known}")
