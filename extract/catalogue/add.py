"""The add verb: an indicator of the catalogue → its entry in the registry's file, checked before it is there."""

from __future__ import annotations

import math
import re
import shutil
import unicodedata
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from extract.catalogue.entries import Entry
from extract.catalogue.kinds import kind_of
from extract.catalogue.lookup import Lookup
from extract.catalogue.profile import CADENCE_WORDS, Profile
from extract.catalogue.registry_file import with_entries, yaml_lines
from extract.errors import DataIncomplete, UsageError
from extract.registry import REGISTRY, kinds, read_again, registry
from extract.windows import MADRID, madrid_day, midnight_utc

# With so many areas all are asked for: one that has no value just now would be left out of a list.
MANY_AREAS = 15
# Settled series are settled again for months; forecasts and live ones for days.
HORIZON_DAYS, SETTLED_HORIZON_DAYS = 14, 250
LIVE_WATCH = ["00:20", "06:45", "12:20", "18:20"]
_LIVE_LEAST_HOURS = 3
_WATCH_AFTER = timedelta(minutes=10)
_PERIODS = {"five_minutes": 300, "ten_minutes": 600, "fifteen_minutes": 900, "hour": 3600}


@dataclass(frozen=True)
class Options:
    """What the command line decides. `areas` None: as learnt; `kind` and `role` None: from the catalogue."""

    areas: str | Sequence[int] | None = None
    kind: str | None = None
    role: str | None = None


@dataclass(frozen=True)
class Added:
    """The new entries as they are written, and the lines of the file that hold them."""

    entries: tuple[dict[str, Any], ...]
    text: str
    path: Path
    notes: tuple[str, ...]


def read_areas(text: str | None) -> str | tuple[int, ...] | None:
    """`3,1,2` or `all` of the command line; `UsageError` for anything else."""
    if text is None or text.strip() == "all":
        return text and "all"
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch("[1-9][0-9]{0,8}", part) for part in parts):
        raise UsageError(f"{text!r} is not a list of areas", "use ids such as 3,1,2, or all")
    return tuple(dict.fromkeys(map(int, parts)))


def add(lookup: Lookup, wanted: Sequence[str], options: Options, *, dry_run: bool, path: Path = REGISTRY) -> Added:
    """Learn about each indicator, in at most six requests, and write all entries at once, or none.

    `UsageError` (2) for what is registered already, for unknown indicators, areas and kinds, and for a file that cannot
    be written; `DataIncomplete` (1) where the values do not show what an entry must say; the client's errors.
    """
    if options.kind is not None and options.kind not in kinds(path):
        raise UsageError(f"{options.kind!r} is not a valid kind", f"use one of {', '.join(kinds(path))}")
    chosen = list({entry.id: entry for entry in map(lookup.entry, wanted)}.values())
    for entry in chosen:
        refuse_registered(entry.id, path)
    made, notes = [], []
    for entry in chosen:
        profile = lookup.profile(entry)
        made.append(entry_for(entry, profile, options, lookup.now(), path))
        notes += [f"{entry.id}: {note}" for note in profile.notes]
    text = "\n".join(line for one in made for line in yaml_lines(one, indent=0))
    if not dry_run:
        write(path, made)
    return Added(tuple(made), text, path, tuple(notes))


def refuse_registered(indicator_id: int, path: Path = REGISTRY) -> None:
    """`UsageError` if the registry has the indicator."""
    if any(indicator.id == indicator_id for indicator in registry(path)):
        raise UsageError(f"indicator {indicator_id} is registered already", f"change its entry in {path}")


def entry_for(entry: Entry, profile: Profile, options: Options, now_utc: datetime, path: Path) -> dict[str, Any]:
    """The registry's entry, without what its kind gives. Keys in the order of the file's own entries."""
    kind = options.kind or kind_of(profile.magnitude)
    if kind is None:
        magnitude = repr(profile.magnitude) if profile.magnitude else "nothing"
        raise UsageError(
            f"indicator {entry.id} measures {magnitude}, for which the registry has no kind",
            f"name one with --kind: {', '.join(kinds(path))}",
        )
    words = [span.cadence for span in profile.cadences]
    if profile.last is None or not words or not set(words) <= set(CADENCE_WORDS):
        found = f"its values are {words[0]} apart" if words else "; ".join(profile.notes) or "it has no values"
        raise DataIncomplete(
            f"indicator {entry.id} cannot be registered: {found}", f"`esios describe {entry.id}` shows what is known"
        )
    first_day = profile.first_day or date(profile.last.year, 1, 1)
    return {
        "id": entry.id,
        "name": entry.title[:200],
        "role": options.role or role_of(entry),
        "kind": kind,
        "areas": _areas(entry.id, profile, options.areas),
        "cadence": _cadence(profile, first_day),
        "first_day": str(first_day),
        **_publication(profile, words[-1], now_utc),
    }


def role_of(entry: Entry) -> str:
    """A word for the role: the short name in lower case without accents, such as `prevision_eolica`."""
    plain = unicodedata.normalize("NFKD", entry.short_name or entry.title).encode("ascii", "ignore").decode().lower()
    word = re.sub("[^a-z0-9]+", "_", plain).strip("_")
    return (word if re.match("[a-z]", word) else f"indicator_{word or entry.id}")[:50].rstrip("_")


def _areas(indicator_id: int, profile: Profile, wanted: str | Sequence[int] | None) -> str | list[int]:
    known = [area for area, _ in profile.areas]
    if not known and wanted in (None, "all"):
        raise UsageError(f"the values of indicator {indicator_id} name no area", "say which one it is with --areas ID")
    if wanted is None:
        return known if len(known) <= MANY_AREAS else "all"
    if isinstance(wanted, str):
        return wanted
    unknown = [str(area) for area in wanted if known and area not in known]
    if unknown:
        listed = ", ".join(f"{area} {name}".strip() for area, name in profile.areas)
        raise UsageError(f"indicator {indicator_id} has no values for area {', '.join(unknown)}", f"it has {listed}")
    return list(wanted)


def _cadence(profile: Profile, first_day: date) -> str | list[dict[str, str]]:
    newest = profile.cadences[-1]
    if newest.from_day is None or newest.from_day <= first_day:
        return newest.cadence
    return [{"from": str(span.from_day or first_day), "cadence": span.cadence} for span in profile.cadences]


def _publication(profile: Profile, cadence: str, now_utc: datetime) -> dict[str, Any]:
    """How far ahead, for how long revised, when to look, and when a measured value is due."""
    assert profile.last is not None
    last_day, today = madrid_day(profile.last), madrid_day(now_utc)
    updated = profile.updated_at or midnight_utc(today)
    soon_after = updated.replace(tzinfo=UTC).astimezone(MADRID) + _WATCH_AFTER
    watch_at = [f"{soon_after:%H:%M}"]
    if _end_of(profile.last, cadence) > now_utc:
        # Published before its time. On a morning tomorrow may not be there yet, and will be in the afternoon.
        ahead = max(1 if cadence != "month" else 31, (last_day - today).days)
        return {"published_ahead_days": ahead, "revision_horizon_days": HORIZON_DAYS, "watch_at": watch_at}
    behind = (today - last_day).days
    if not behind:
        since = math.ceil((now_utc - profile.last) / timedelta(hours=1))
        due = max(_LIVE_LEAST_HOURS, since + 1)
        live = {"published_ahead_days": 0, "revision_horizon_days": HORIZON_DAYS, "due_after_hours": due}
        return live | {"watch_at": LIVE_WATCH}
    # It comes by whole days or months: the first hour of a day is so old when the day comes, and the next one waits.
    due = 24 * (behind + (31 if cadence == "month" else 1))
    settled = {"published_ahead_days": 0, "revision_horizon_days": SETTLED_HORIZON_DAYS, "due_after_hours": due}
    return settled | {"watch_at": watch_at}


def _end_of(period_start: datetime, cadence: str) -> datetime:
    """The end of the period that begins there, naive UTC."""
    if cadence in _PERIODS:
        return period_start + timedelta(seconds=_PERIODS[cadence])
    day = madrid_day(period_start)
    if cadence == "day":
        return midnight_utc(day + timedelta(days=1))
    return midnight_utc((day.replace(day=1) + timedelta(days=31)).replace(day=1))


def write(path: Path, entries: Sequence[dict[str, Any]]) -> None:
    """Put the entries at the end of the registry's list, all else in the file byte for byte as it was.

    Written aside, read and checked as every command reads it, then renamed. `UsageError`: the file stays as it was.
    """
    target = path.resolve()  # a link stays a link
    aside = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    try:
        try:
            with target.open(encoding="utf-8", newline="") as file:
                text = file.read()
            aside.write_bytes(with_entries(text, entries, path).encode())
            shutil.copymode(target, aside)
            registry(aside)
            aside.replace(target)
            read_again()
        finally:
            with suppress(FileNotFoundError):
                aside.unlink()
    except OSError as error:
        raise UsageError(f"cannot write {path} ({error.strerror or error})", "make it writable") from None
    except UsageError as error:
        # The names of files: what was read is what would have been written.
        message, remedy = (part.replace(str(aside), str(path)) for part in (error.message, error.remedy))
        raise UsageError(message, remedy) from None
