"""The describe verb: what the catalogue and the newest values say of an indicator, and what we have of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from extract import landing
from extract.catalogue.entries import Entry
from extract.catalogue.kinds import kind_of
from extract.catalogue.lookup import Lookup
from extract.catalogue.profile import Profile
from extract.counted import counted
from extract.errors import EsiosError
from extract.registry import Indicator, kinds, registry
from extract.settings import Settings
from extract.warehouse import connect

_MINUTE = "%Y-%m-%d %H:%M"


@dataclass(frozen=True)
class Landed:
    """What of an indicator is landed. Instants naive UTC; `last` is included."""

    first: datetime
    last: datetime
    responses: int
    checked_at: datetime


@dataclass(frozen=True)
class Description:
    """Everything `esios describe` shows. `registered` and `landed` None: it is not."""

    entry: Entry
    profile: Profile
    unit: str
    registered: Indicator | None
    landed: Landed | None
    requests: int

    def document(self) -> dict[str, Any]:
        """For programs."""
        seen, registered = self.profile, self.registered
        return {
            **self.entry.document(),
            "unit": self.unit or None,
            "magnitude": seen.magnitude or None,
            "areas": [{"geo_id": area, "geo_name": name} for area, name in seen.areas],
            "cadence": [
                {"from": str(span.from_day) if span.from_day else None, "cadence": span.cadence}
                for span in seen.cadences
            ],
            "first_year": seen.first_year,
            "first_day": str(seen.first_day) if seen.first_day_is_exact else None,
            "newest_period": seen.last,
            "updated_at": seen.updated_at,
            "is_registered": registered is not None,
            "role": registered.role if registered else None,
            "caution": registered.caution if registered else None,
            "landed": vars(self.landed) if self.landed else None,
            "requests": self.requests,
            "notes": list(seen.notes),
        }

    def text(self) -> str:
        """For people."""
        seen = self.profile
        lines = [
            ("indicator", f"{self.entry.id} {self.entry.title}"),
            ("short name", self.entry.short_name or "none"),
            ("unit", f"{self.unit or 'unknown'}{f' ({seen.magnitude})' if seen.magnitude else ''}"),
            ("areas", ", ".join(f"{area} {name}".strip() for area, name in seen.areas) or "unknown"),
            ("cadence", cadence_text(seen)),
            ("values", self._values()),
            ("registered", self._registered()),
            ("landed", self._landed()),
            *((("caution", self.registered.caution),) if self.registered and self.registered.caution else ()),
            *(("note", note) for note in seen.notes),
            ("description", self.entry.description.replace("\n", "\n" + " " * 13) or "none"),
        ]
        return "\n".join(f"{label:<12} {text}" for label, text in lines)

    def _values(self) -> str:
        seen = self.profile
        if seen.last is None:
            return "none found"
        since = seen.first_day if seen.first_day_is_exact else seen.first_year or "unknown"
        updated = f", updated {seen.updated_at:{_MINUTE}} UTC" if seen.updated_at else ""
        return f"since {since}, newest {seen.last:{_MINUTE}} UTC{updated}"

    def _registered(self) -> str:
        if self.registered is None:
            return f"no (`esios add {self.entry.id}`)"
        areas = "all" if self.registered.areas is None else ", ".join(map(str, self.registered.areas))
        return f"as {self.registered.role}, areas {areas}"

    def _landed(self) -> str:
        if self.landed is None:
            return "nothing"
        responses = counted(self.landed.responses, "response")
        return (
            f"{self.landed.first:{_MINUTE}} … {self.landed.last:{_MINUTE}} UTC, {responses}, "
            f"checked {self.landed.checked_at:{_MINUTE}} UTC"
        )


def describe(settings: Settings, wanted: str, lookup: Lookup) -> Description:
    """Ask ESIOS and the warehouse about one indicator, registered or not, in at most six requests.

    `UsageError` for an id or a name that is not in the catalogue; the client's errors. A warehouse that cannot be read
    costs a line, not the description.
    """
    entry = lookup.entry(wanted)
    profile = lookup.profile(entry)
    registered = next((indicator for indicator in registry() if indicator.id == entry.id), None)
    kind = kind_of(profile.magnitude)
    unit = registered.unit if registered else str(kinds().get(kind or "", {}).get("unit", ""))
    landed = landed_of(settings, entry.id, lookup.say)
    return Description(entry, profile, unit, registered, landed, 1 + profile.requests)


def cadence_text(profile: Profile) -> str:
    """`hour, from 2025-10-01 on fifteen_minutes`."""
    words = [f"from {span.from_day} on {span.cadence}" if span.from_day else span.cadence for span in profile.cadences]
    return ", ".join(words) or "unknown"


def landed_of(settings: Settings, indicator_id: int, say: Callable[[str], None]) -> Landed | None:
    """What is landed of an indicator; None without a warehouse, or if nothing is landed of it."""
    if not settings.may_be_there:
        return None
    try:
        with connect(settings, read_only=True) as warehouse:
            if not warehouse.exists(landing.RESPONSES):
                return None
            spans = warehouse.first(
                "select min(window_start_utc), max(window_end_utc), max(checked_at_utc)"
                f" from {landing.CHECKS} where indicator_id = ?",
                (indicator_id,),
            )
            count = f"select count(*) from {landing.RESPONSES} where indicator_id = ?"
            responses = warehouse.value(count, (indicator_id,))
    except EsiosError as error:
        say(f"what is landed is not shown ({error.message})")
        return None
    if spans is None or spans[0] is None:
        return None
    return Landed(spans[0], spans[1] - timedelta(minutes=1), responses, spans[2])
