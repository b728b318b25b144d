"""Cut a span of Madrid days into API windows. Pure: no clock, no network, no disk.

A window is half-open, [start, end), and both edges are Madrid midnights. The API includes both ends, so the end that is
sent lies one second before the window's (esios-api.md: adjoining windows would repeat their edge).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MADRID = ZoneInfo("Europe/Madrid")
DAY = timedelta(days=1)
# Hourly values fit a quarter (2,209 at most); a year of finer ones times out at the API, a quarter takes some 15 s.
WINDOW_OF_CADENCE = {"hour": "quarter"}
FINER_WINDOW = "month"
_MONTHS_IN = {"month": 1, "quarter": 3, "year": 12}


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


def hours_in(window: Window) -> int:
    """How many hours a window has: 23, 24 or 25 a day."""
    return int((window.end_utc - window.start_utc) / timedelta(hours=1))


def cut(first_day: date, last_day: date, size: str) -> list[Window]:
    """Cut the days from `first_day` to `last_day`, both included, at the calendar's edges.

    `size` is day, month, quarter or year. The windows cover the span exactly, in order, without overlap; only the
    first and the last may be shorter than the calendar's own. An empty span gives no windows.
    """
    windows = []
    start, end = first_day, last_day + DAY
    while start < end:
        stop = min(_next_edge(start, size), end)
        windows.append(Window(start, stop))
        start = stop
    return windows


def _next_edge(day: date, size: str) -> date:
    if size == "day":
        return day + DAY
    months = _MONTHS_IN[size]
    index = (day.year * 12 + day.month - 1) // months * months + months
    return date(index // 12, index % 12 + 1, 1)


def window_size(cadence: str, setting: str = "") -> str:
    """The calendar unit to cut by: the setting where there is one, else what suits the cadence."""
    return setting or WINDOW_OF_CADENCE.get(cadence, FINER_WINDOW)


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


def api_parameters(window: Window, cadence: str, time_agg: str, geo_id: int) -> dict[str, str]:
    """The query for exactly this window: explicit offsets, aggregation never left to the API's default (sum)."""
    start = datetime.combine(window.first_day, time(), MADRID)
    last_second = datetime.combine(window.end_day, time(), MADRID) - timedelta(seconds=1)
    return {
        "start_date": start.isoformat(),
        "end_date": last_second.isoformat(),
        "time_trunc": cadence,
        "time_agg": time_agg,
        "geo_ids[]": str(geo_id),
    }
