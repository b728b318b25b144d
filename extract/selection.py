"""Which values a user selects, checked: indicators, areas, days, cutoff, form. Reads the registry only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo

from extract.cutoffs import AsOf, Cutoff, DayRule, LeadTime, Rule, parse_rule
from extract.errors import UsageError
from extract.registry import Indicator, find_indicators

Which: TypeAlias = Literal["latest", "first", "all"]


@dataclass(frozen=True)
class Selection:
    """Which values. Days are Madrid days, both included; `areas` None: all that are registered; no cutoff: now."""

    indicators: tuple[Indicator, ...]
    start: dt.date | None = None
    end: dt.date | None = None
    areas: tuple[int, ...] | None = None
    cutoff: Cutoff | None = None
    versions: Which = "latest"
    trust_sealing: bool = False
    wide: bool = False
    zone: ZoneInfo | None = None

    @classmethod
    def of(
        cls,
        indicators: int | str | Iterable[int | str],
        start: dt.date | str | None = None,
        end: dt.date | str | None = None,
        *,
        areas: int | str | Iterable[int] | None = None,
        as_of: str | dt.datetime | None = None,
        known_before: str | Rule | None = None,
        versions: str = "latest",
        trust_sealing: bool = False,
        wide: bool = False,
        tz: str | ZoneInfo | None = None,
    ) -> Selection:
        """Check what a user says; `UsageError` names what is wrong and the remedy. Nothing is read for it."""
        listed = (
            list(indicators) if isinstance(indicators, Iterable) and not isinstance(indicators, str) else [indicators]
        )
        if not listed:
            raise UsageError("no indicator is named", "name at least one by its id or exact name")
        if as_of is not None and known_before is not None:
            raise UsageError("as of and known before are two cutoffs", "leave one of them out")
        if versions not in get_args(Which):
            raise UsageError(f"{versions!r} is not a valid choice of versions", f"use {', '.join(get_args(Which))}")
        if wide and versions == "all":
            raise UsageError("wide has room for one value a period", "use versions latest or first, or leave wide out")
        first, last = _day(start), _day(end)
        if first and last and first > last:
            raise UsageError(f"start {first} lies after end {last}", "swap them")
        found = tuple(find_indicators(str(one) for one in listed))
        return cls(
            found,
            first,
            last,
            _areas(areas, found),
            AsOf.parse(as_of) if as_of is not None else _rule(known_before),
            versions,  # type: ignore[arg-type]
            trust_sealing,
            wide,
            _zone(tz),
        )


def _day(given: dt.date | str | None) -> dt.date | None:
    if given is None:
        return None
    try:
        day = dt.date.fromisoformat(given) if isinstance(given, str) else given
        if isinstance(day, dt.datetime) and day == day and day.tzinfo is None and day.time() == dt.time():
            return day.date()  # how pandas writes a day
        if isinstance(day, dt.date) and not isinstance(day, dt.datetime):
            return day
    except ValueError:
        pass
    raise UsageError(f"{str(given)!r} is not a valid date", "use yyyy-mm-dd, a whole Madrid day")


def _rule(given: str | Rule | None) -> Rule | None:
    if given is None or isinstance(given, DayRule | LeadTime):
        return given
    return parse_rule(str(given))


def _zone(given: str | ZoneInfo | None) -> ZoneInfo | None:
    if given is None or isinstance(given, ZoneInfo):
        return given
    try:
        return ZoneInfo(given)
    except (ValueError, OSError, LookupError, TypeError):  # no such name, a path, a folder of the database, a number
        raise UsageError(f"{given!r} is not a time zone", "use a name such as Europe/Madrid or UTC") from None


def _areas(given: int | str | Iterable[int] | None, indicators: Sequence[Indicator]) -> tuple[int, ...] | None:
    """The areas, each once; where every indicator lists its own, an area that none has is refused here."""
    if given is None:
        return None
    if isinstance(given, str):
        given = area_ids(given)
    areas = tuple(dict.fromkeys(given if isinstance(given, Iterable) else [given]))
    if not areas:
        raise UsageError("no area is named", "name at least one by its id, or leave areas out for all")
    if all(indicator.areas is not None for indicator in indicators):
        refuse_unknown_areas(areas, {area for indicator in indicators for area in indicator.areas or ()})
    return areas


def area_ids(text: str) -> list[int]:
    """Ids with commas between them, as `--areas` takes them. `UsageError` for any other text."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"{text!r} is not a list of area ids", "use ID,ID as in 3,8741") from None


def refuse_unknown_areas(areas: Sequence[int], known: set[int]) -> None:
    unknown = [str(area) for area in areas if area not in known]
    if unknown:
        listed = ", ".join(map(str, sorted(known))) or "none yet"
        raise UsageError(f"no indicator asked for has the area {', '.join(unknown)}", f"their areas are {listed}")
