"""Cut a span of Madrid days into API windows. Pure: no clock, no network, no disk.

A window is half-open, [start, end), both edges are Madrid midnights, and it never holds a change of cadence. The API
includes both ends, so the end that is sent lies one second before the window's: adjoining ones would repeat their edge.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from extract.registry import CADENCES, CadenceSpan

MADRID = ZoneInfo("Europe/Madrid")
DAY = timedelta(days=1)
# The calendar units that a span can be cut by, and the most days that each has.
_DAYS_IN = {"year": 366, "quarter": 92, "month": 31, "half_month": 16, "week": 7, "day": 1}
_MONTHS_IN = {"month": 1, "quarter": 3, "year": 12}
# Of 40 areas and more, the API returns at most 21 days of hours (504 beyond); a quarter of one area's
# five-minute values, a third more, takes it some 15 s.
MOST_VALUES = 40 * 21 * 24
# From 15 areas on no window is longer than 21 days, whatever it holds.
MANY_AREAS, MOST_DAYS_OF_MANY_AREAS = 15, 21
# How many areas `all` may come to: the provinces.
_ASSUMED_AREAS = 52
# Of one area a year of hours would do; a quarter is what has always been asked for and tried.
_LONGEST_UNIT = {"day": "year", "month": "year"}
_LONGEST_UNIT_OF_HOURS = "quarter"


@dataclass(frozen=True, order=True)
class Window:
    """Whole Madrid days, `first_day` up to and without `end_day`."""

    first_day: date
    end_day: date

    @property
    def days(self) -> int:
        """How many Madrid days it has."""
        return (self.end_day - self.first_day).days

    @property
    def start_utc(self) -> datetime:
        """The first instant, naive UTC."""
        return midnight_utc(self.first_day)

    @property
    def end_utc(self) -> datetime:
        """The first instant after the window, naive UTC."""
        return midnight_utc(self.end_day)

    def __str__(self) -> str:
        return f"{self.first_day} … {self.end_day - DAY}"


def midnight_utc(day: date) -> datetime:
    """The instant at which a Madrid day begins, naive UTC."""
    return datetime.combine(day, time(), MADRID).astimezone(UTC).replace(tzinfo=None)


def madrid_day(instant_utc: datetime) -> date:
    """The Madrid day that a naive UTC instant falls on."""
    return instant_utc.replace(tzinfo=UTC).astimezone(MADRID).date()


def cut_by_cadence(
    span: Window, cadences: Sequence[CadenceSpan], areas: Collection[int] | None, setting: str = ""
) -> Iterator[tuple[Window, str]]:
    """Cut a span into windows, each with the cadence that the registry has for its days; in order, one at a time.

    The windows cover the span exactly, without overlap. Monthly values are asked for by whole months: the last window
    reaches to the end of the last month that begins in the span, and a month that began before is left out. `setting`
    is the calendar unit to cut by in place of the one that suits cadence and areas.
    """
    for number, one in enumerate(cadences):
        first = max(span.first_day, one.from_day)
        end = min([span.end_day, *(later.from_day for later in cadences[number + 1 : number + 2])])
        if one.cadence == "month":
            first, end = _first_of_month(first), _first_of_month(end)
        size = window_size(one.cadence, areas, setting)
        yield from ((window, one.cadence) for window in cut(first, end - DAY, size))


def cut(first_day: date, last_day: date, size: str) -> Iterator[Window]:
    """Cut the days from `first_day` to `last_day`, both included, at the calendar's edges.

    `size` is day, week, half_month, month, quarter or year. The windows cover the span exactly, in order, without
    overlap; only the first and the last may be shorter than the calendar's own. An empty span gives no windows.
    """
    start, end = first_day, last_day + DAY
    while start < end:
        stop = min(_next_edge(start, size), end)
        yield Window(start, stop)
        start = stop


def _next_edge(day: date, size: str) -> date:
    if size == "day":
        return day + DAY
    if size == "week":
        return day + (7 - day.weekday()) * DAY
    if size == "half_month":
        return day.replace(day=16) if day.day < 16 else _next_edge(day, "month")
    months = _MONTHS_IN[size]
    index = (day.year * 12 + day.month - 1) // months * months + months
    return date(index // 12, index % 12 + 1, 1)


def _first_of_month(day: date) -> date:
    """The day itself or the next first of a month."""
    return day if day.day == 1 else _next_edge(day, "month")


def window_size(cadence: str, areas: Collection[int] | None, setting: str = "") -> str:
    """The calendar unit to cut by: the setting where there is one, else the longest that the API returns reliably.

    `areas` None is every area, however many these are. No unit is shorter than a period.
    """
    shortest = "month" if cadence == "month" else "day"
    if setting:
        return setting if _DAYS_IN[setting] >= _DAYS_IN[shortest] else shortest
    count = _ASSUMED_AREAS if areas is None else len(areas)
    most_days = _DAYS_IN[_LONGEST_UNIT.get(cadence, _LONGEST_UNIT_OF_HOURS)]
    if count >= MANY_AREAS:
        most_days = min(most_days, MOST_DAYS_OF_MANY_AREAS)
    fitting = (
        unit
        for unit, days in _DAYS_IN.items()
        if days <= most_days and count * _most_periods(days, cadence) <= MOST_VALUES
    )
    unit = next(fitting, shortest)
    return unit if _DAYS_IN[unit] >= _DAYS_IN[shortest] else shortest


def _most_periods(days: int, cadence: str) -> int:
    """How many periods so many days have at most: an hour more where the clocks go back."""
    seconds = CADENCES[cadence]
    return days if seconds is None else (days * 86_400 + 3600) // seconds


def joined(windows: Iterable[Window]) -> list[Window]:
    """The same days in as few windows as possible, in order."""
    spans: list[Window] = []
    for window in sorted(windows):
        if spans and window.first_day <= spans[-1].end_day:
            spans[-1] = Window(spans[-1].first_day, max(spans[-1].end_day, window.end_day))
        else:
            spans.append(window)
    return spans


def without(span: Window, cuts: Iterable[Window]) -> list[Window]:
    """What is left of a span after the cuts: windows in order, none where nothing is left."""
    left = []
    start = span.first_day
    for one in sorted(cuts):
        if start < min(one.first_day, span.end_day):
            left.append(Window(start, min(one.first_day, span.end_day)))
        start = max(start, one.end_day)
    if start < span.end_day:
        left.append(Window(start, span.end_day))
    return left


def is_covered(window: Window, landed: Iterable[Window]) -> bool:
    """Whether the landed windows together hold every day of this one."""
    reached = window.first_day
    for other in sorted(landed):
        if other.first_day > reached:
            break
        reached = max(reached, other.end_day)
    return reached >= window.end_day


def api_parameters(
    window: Window, cadence: str, time_agg: str, areas: Collection[int] | None
) -> dict[str, str | list[str]]:
    """The query for exactly this window: explicit offsets, aggregation never left to the API's default (sum).

    `areas` None asks for every area, which the API does where none is named.
    """
    start = datetime.combine(window.first_day, time(), MADRID)
    last_second = datetime.combine(window.end_day, time(), MADRID) - timedelta(seconds=1)
    return {
        "start_date": start.isoformat(),
        "end_date": last_second.isoformat(),
        "time_trunc": cadence,
        "time_agg": time_agg,
        "geo_ids[]": [str(area) for area in areas or ()],
    }


def what_was_asked(url: str) -> tuple[str | None, str | None, frozenset[str] | None]:
    """Cadence, aggregation and areas in the URL of a response; None: not said, which of areas means all."""
    asked = parse_qs(urlsplit(url).query)
    cadence, time_agg = (asked.get(name, [None])[-1] for name in ("time_trunc", "time_agg"))
    return cadence, time_agg, frozenset(asked["geo_ids[]"]) if "geo_ids[]" in asked else None


def asked_for(url: str, cadence: str, time_agg: str, areas: Collection[int] | None) -> bool:
    """Whether the URL of a response asked for all of this: what it does not say may be anything."""
    its_cadence, its_agg, its_areas = what_was_asked(url)
    return (
        its_cadence in (None, cadence)
        and its_agg in (None, time_agg)
        and (its_areas is None or (areas is not None and its_areas >= {str(area) for area in areas}))
    )
