"""What a few cheap requests show of an indicator: areas, cadence and its changes, first day, how far it is published.

Everything is learnt from values: the areas in a response's head may be missing or incomplete, and nothing in it says
how long a period is. Values are asked for as they come (no `time_trunc`), on single days and never across a day on
which series are known to have changed their cadence; only *whether* a month holds anything is asked over years.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

from extract.api import EsiosClient
from extract.errors import ApiUnavailable
from extract.windows import DAY, MADRID, madrid_day, midnight_utc

# What an indicator may cost, the catalogue included.
MAX_REQUESTS = 6
# Nothing is looked for before; most series begin with e·sios itself, which is of 2014.
EARLIEST = date(2000, 1, 1)
USUAL_FIRST_YEAR = 2014
# The days from which on series come in quarter hours, each the first whole one (460 changed at noon of the day before):
# demand forecasts, day-ahead prices, tariff components.
QUARTER_HOURLY_FROM = (date(2022, 5, 25), date(2025, 10, 1), date(2026, 1, 1))
# With forty areas or more the API returns 504 beyond so many days.
SAFE_DAYS = 21
# A year of five-minute values times out at the API, a quarter takes some 15 s.
_TOO_FINE_FOR_YEARS = ("five_minutes", "ten_minutes")
_SECONDS = {300: "five_minutes", 600: "ten_minutes", 900: "fifteen_minutes", 3600: "hour"}
_HOUR = timedelta(hours=1)
CADENCE_WORDS = (*_SECONDS.values(), "day", "month")  # the finest first
_CADENCE_FROM = 10  # distances that say a cadence


@dataclass(frozen=True)
class Values:
    """The values of one response: name and instants (naive UTC, ascending) of each area; None: values without one."""

    areas: Mapping[int | None, tuple[str, tuple[datetime, ...]]]
    updated_at: datetime | None

    @property
    def first(self) -> datetime | None:
        """The earliest instant."""
        return min((instants[0] for _, instants in self.areas.values()), default=None)

    @property
    def last(self) -> datetime | None:
        """The latest instant."""
        return max((instants[-1] for _, instants in self.areas.values()), default=None)

    def with_earlier(self, earlier: Values) -> Values:
        """These and those of an earlier span that adjoins."""
        areas = {area: (name, (*instants, *self._instants(area))) for area, (name, instants) in earlier.areas.items()}
        return Values({**self.areas, **areas}, self.updated_at or earlier.updated_at)

    def _instants(self, area: int | None) -> tuple[datetime, ...]:
        return self.areas[area][1] if area in self.areas else ()

    def cadence(self, *, latest: bool = False) -> str | None:
        """The cadence of the first values, or of the latest; None where they are too few.

        The distance that most of an area's neighbours have, so that a missing value does no harm.
        """
        counted: Counter[str] = Counter()
        for _, instants in self.areas.values():
            pairs = list(pairwise(instants))
            for one, next_one in pairs[-_CADENCE_FROM:] if latest else pairs[:_CADENCE_FROM]:
                counted[_distance(one, next_one)] += 1
        return counted.most_common(1)[0][0] if counted else None


def _distance(one: datetime, next_one: datetime) -> str:
    """The cadence word for two instants in a row, or their distance in words."""
    span = next_one - one
    if span < DAY - _HOUR:
        return _SECONDS.get(int(span.total_seconds()), f"{span.total_seconds() / 60:g} minutes")
    first, second = (moment.replace(tzinfo=UTC).astimezone(MADRID) for moment in (one, next_one))
    if first.time() == second.time():
        days = (second.date() - first.date()).days
        if days == 1:
            return "day"
        if first.day == second.day == 1 and days <= 31:
            return "month"
        return f"{days} days"
    return f"{span.total_seconds() / 3600:g} hours"


def read_values(document: Mapping[str, Any]) -> Values:
    """The values of a response. What has no number or no readable instant is left out."""
    indicator = document["indicator"]
    names: dict[int | None, str] = {}
    instants: dict[int | None, set[datetime]] = {}
    for entry in indicator["values"]:
        at = _instant(entry.get("datetime"))
        if at is not None and _is_number(entry.get("value")):
            area = _area(entry.get("geo_id"))
            names.setdefault(area, str(entry.get("geo_name") or ""))
            instants.setdefault(area, set()).add(at)
    return Values(
        {area: (names[area], tuple(sorted(found))) for area, found in instants.items()},
        _instant(indicator.get("values_updated_at")),
    )


def _is_number(value: Any) -> bool:
    """Also as a text, which staging reads."""
    if isinstance(value, bool):
        return False
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError, OverflowError):
        return False


def _area(value: Any) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _instant(text: Any) -> datetime | None:
    """An ISO text with its offset → naive UTC; None for anything else."""
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else None
    except (TypeError, ValueError, OverflowError):
        return None


@dataclass(frozen=True)
class Cadence:
    """A cadence and the Madrid day from which on it holds; None: from the first value on."""

    from_day: date | None
    cadence: str


@dataclass(frozen=True)
class Profile:
    """What was learnt. Days are Madrid days, instants naive UTC.

    `magnitude`: what the head calls the values' kind ("Precio"). `cadences` is empty where none was found; where a
    change was seen but not its day, it is the coarsest one, to which the API brings all of them. `first_day` None: not
    known. `notes`: what could not be learnt, a sentence each. `requests`: what it cost.
    """

    magnitude: str
    areas: tuple[tuple[int, str], ...] = ()
    cadences: tuple[Cadence, ...] = ()
    first_day: date | None = None
    first_day_is_exact: bool = False
    last: datetime | None = None
    updated_at: datetime | None = None
    requests: int = 0
    notes: tuple[str, ...] = field(default=())

    @property
    def first_year(self) -> int | None:
        """The first year with values."""
        return self.first_day.year if self.first_day else None


def profile(patient: EsiosClient, hasty: EsiosClient, indicator_id: int, now: datetime, spent: int) -> Profile:
    """Ask what is needed, at most `MAX_REQUESTS` less what was `spent` already. `now`: naive UTC.

    `hasty` gives up soon: for the one kind of request that the API may not manage. Errors are the client's.
    """
    return _Inquiry(patient, hasty, indicator_id, madrid_day(now), MAX_REQUESTS - spent).run()


class _Inquiry:
    def __init__(self, patient: EsiosClient, hasty: EsiosClient, indicator_id: int, today: date, left: int) -> None:
        self.patient, self.hasty, self.id, self.today, self.left = patient, hasty, indicator_id, today, left
        self.granted = left
        self.head: Mapping[str, Any] = {}
        self.notes: list[str] = []
        self.seen: dict[date, str] = {}

    def ask(
        self, first_day: date, end_day: date, *, area: int | None = None, by: str = "", hasty: bool = False
    ) -> Values:
        """The values of the Madrid days from `first_day` up to and without `end_day`."""
        last_second = datetime.combine(end_day, time(), MADRID) - timedelta(seconds=1)
        parameters = {
            "start_date": datetime.combine(first_day, time(), MADRID).isoformat(),
            "end_date": last_second.isoformat(),
            # Never left to the API, whose default adds up.
            "time_agg": "average",
            **({"time_trunc": by} if by else {}),
            **({"geo_ids[]": str(area)} if area is not None else {}),
        }
        self.left -= 1
        document = (self.hasty if hasty else self.patient).indicator(self.id, parameters).document
        self.head = document["indicator"]
        return read_values(document)

    def run(self) -> Profile:
        newest, cadence = self._newest()
        if not newest.areas:
            return self._profile()
        if None in newest.areas:
            self.notes.append("there are values that name no area")
        if cadence is None:
            self.notes.append("too few values to find the cadence")
        assert newest.last is not None
        last_day = madrid_day(newest.last)
        if cadence:
            self.seen[last_day] = cadence
        cadences, absent, present = self._changes(cadence, last_day)
        first_day, exact = self._first_day(newest, cadences, absent, present)
        return self._profile(
            areas=tuple((area, newest.areas[area][0]) for area in self._areas(newest)),
            cadences=self._that_fit(cadences),
            first_day=first_day,
            first_day_is_exact=exact,
            last=newest.last,
            updated_at=newest.updated_at,
        )

    def _profile(self, **learnt: Any) -> Profile:
        magnitudes = [item.get("name") for item in self._listed("magnitud")]
        return Profile(
            magnitude=next((name for name in magnitudes if isinstance(name, str)), ""),
            requests=self.granted - self.left,
            notes=tuple(self.notes),
            **learnt,
        )

    def _listed(self, key: str) -> list[dict[str, Any]]:
        """A list of objects in the head, whatever else the API put there."""
        value = self.head.get(key)
        return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []

    def _newest(self) -> tuple[Values, str | None]:
        """The newest values, and their cadence: near today, else in the weeks before, months ago, or last year."""
        near, before = self.today - 12 * DAY, self.today - (12 + SAFE_DAYS) * DAY
        month = (before.replace(day=1) - DAY).replace(day=1)
        last_year = date(self.today.year - 1, 1, 1)
        spans = [(near, self.today + 9 * DAY), (before, near)]
        spans += [(first_day, first_day + SAFE_DAYS * DAY) for first_day in (month, last_year)]
        newest = Values({}, None)
        for number, span in enumerate(spans):
            found = self.ask(*_on_one_side(*span, self.today))
            # The first two adjoin: what neither shows alone, they may show together.
            newest = newest.with_earlier(found)
            cadence = newest.cadence(latest=True)
            if cadence:
                return newest, cadence
            if number and newest.areas:
                # One value in three weeks or more, on the first of a month: what else could it be?
                return newest, "month" if _are_month_starts(newest) else None
        days = ", ".join(f"{first_day} … {end_day - DAY}" for first_day, end_day in spans)
        self.notes.append(f"no values were found on {days}")
        return newest, None

    # ---------------------------------------------------------------- history
    def _changes(self, cadence: str | None, last_day: date) -> tuple[tuple[Cadence, ...], date, date]:
        """The cadences, oldest first, and two days between which the series begins: absent on the first.

        Only quarter hours are known to have been something else before.
        """
        absent, present = EARLIEST - DAY, last_day
        if cadence != "fifteen_minutes":
            return ((Cadence(None, cadence),) if cadence else ()), absent, present
        days = [day for day in QUARTER_HOURLY_FROM if day <= last_day]
        before: Values | None = None
        # The last of these days before which it was something else, by halves. One request is kept for the first day.
        low, high = 0, len(days)
        while low < high and self.left > 1:
            middle = (low + high) // 2
            found = self._look(days[middle] - DAY, cadence)
            if found.cadence() == cadence:
                high, present = middle, days[middle] - DAY
            else:
                low, before = middle + 1, found
                absent = absent if found.areas else days[middle] - DAY
        if before is None or not before.areas:
            return (Cadence(None, cadence),), absent, present
        changed_on, earlier = days[low - 1], before.cadence()
        present = changed_on - DAY
        # The day before may show it itself: it begins with one and ends with the other.
        if earlier and (
            before.cadence(latest=True) == cadence
            or (self.left > 1 and self._look(changed_on, cadence).cadence() == cadence)
        ):
            return (Cadence(None, earlier), Cadence(changed_on, cadence)), absent, present
        return (Cadence(None, cadence),), absent, present

    def _look(self, day: date, cadence: str | None) -> Values:
        """The values of one day; of some more where it has too few for the cadence, or may have a gap."""
        days = {"hour": 7, "day": 7, "month": 62}.get(cadence or "", 1)
        found = self.ask(day - (days - 1) * DAY, day + DAY)
        seen = found.cadence()
        if seen:
            self.seen[day] = seen
        return found

    def _that_fit(self, cadences: tuple[Cadence, ...]) -> tuple[Cadence, ...]:
        """The cadences if all that was seen fits; else the coarsest that was seen, with a note."""

        def due(day: date) -> str:
            return [span.cadence for span in cadences if span.from_day is None or span.from_day <= day][-1]

        odd = sorted(day for day, cadence in self.seen.items() if cadences and cadence != due(day))
        if not odd:
            return cadences
        coarsest = max(self.seen.values(), key=lambda word: CADENCE_WORDS.index(word) if word in CADENCE_WORDS else -1)
        later = min((day for day in self.seen if day > odd[-1]), default=odd[-1])
        self.notes.append(
            f"the cadence changed between {odd[-1]} ({self.seen[odd[-1]]}) and {later} ({self.seen[later]}), the day "
            f"was not found: {coarsest} serves for all time, the API aggregates what is finer"
        )
        return (Cadence(None, coarsest),)

    def _first_day(
        self, newest: Values, cadences: Sequence[Cadence], absent: date, present: date
    ) -> tuple[date | None, bool]:
        """The first day with values, after `absent` and up to `present`; whether it is the very day."""
        cadence = cadences[0].cadence if cadences else None
        if cadence in _TOO_FINE_FOR_YEARS:
            return self._first_year_by_halves(cadence, present), False
        # Where one area must do, the head's first; where no value names one, all.
        area = next(iter(self._areas(newest)), None)
        if self.left > 3:
            end_of_first = date(USUAL_FIRST_YEAR, 12, 31)
            if self._look(end_of_first, cadence).areas:
                present = end_of_first
            else:
                absent = end_of_first
        if not self.left:
            return None, False
        try:
            months = self.ask(absent + DAY, present + DAY, area=area, by="month", hasty=True)
        except ApiUnavailable:
            self.notes.append(f"the first day was not found: the API does not respond for {absent + DAY} … {present}")
            return None, False
        if months.first is None:
            self.notes.append(f"the first day was not found: area {area} has no values before {present}")
            return None, False
        month = madrid_day(months.first).replace(day=1)
        if cadence == "month":
            return month, True
        if not self.left:
            return month, False
        next_month = (month.replace(day=1) + 31 * DAY).replace(day=1)
        found = self.ask(month, min(next_month, present + DAY), area=area)
        begun_with = found.cadence()
        if begun_with:
            self.seen[month] = begun_with
        return (madrid_day(found.first), True) if found.first else (month, False)

    def _first_year_by_halves(self, cadence: str | None, present: date) -> date | None:
        """The first of January of the first year with values from 2014 on, by looking at the last days of years."""
        low, high = USUAL_FIRST_YEAR, present.year
        while low < high and self.left:
            middle = (low + high) // 2
            if self._look(date(middle, 12, 31), cadence).areas:
                high = middle
            else:
                low = middle + 1
        if low < high:
            self.notes.append(f"the first year was not found: it is one of {low} … {high}")
            return None
        return date(low, 1, 1)

    def _areas(self, newest: Values) -> list[int]:
        """The areas of the values: first those that the head names, in its order, then the others by their id."""
        known = {area for area in newest.areas if area is not None}
        geos = self._listed("geos")
        named = [area for geo in geos if (area := _area(geo.get("geo_id"))) in known and area is not None]
        return list(dict.fromkeys([*named, *sorted(known)]))


def _on_one_side(first_day: date, end_day: date, today: date) -> tuple[date, date]:
    """The days without those beyond a known change of cadence, seen from today."""
    for day in QUARTER_HOURLY_FROM:
        if first_day < day < end_day:
            return (day, end_day) if day <= today else (first_day, day)
    return first_day, end_day


def _are_month_starts(values: Values) -> bool:
    instants: Iterable[datetime] = (at for _, found in values.areas.values() for at in found)
    return all(madrid_day(at).day == 1 and midnight_utc(madrid_day(at)) == at for at in instants)
