"""Which windows a run asks for again: every day that may have changed or was landed without an area, and only these."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from extract.landing import SpanEvent, closed_days, windows_to_ask
from extract.registry import CadenceSpan, find_indicators
from extract.windows import DAY, Window, midnight_utc

FIRST = date(2025, 8, 1)
DAYS = [FIRST + number * DAY for number in range(150)]
HOURS = (CadenceSpan(date.min, "hour"),)
TURNED = (*HOURS, CadenceSpan(date(2025, 10, 1), "fifteen_minutes"))
PRICE = replace(find_indicators(["600"])[0], revision_horizon_days=14)

some_areas = st.one_of(st.none(), st.sets(st.integers(1, 3), min_size=1).map(lambda found: tuple(sorted(found))))


@st.composite
def windows(draw: st.DrawFn) -> Window:
    first = draw(st.integers(0, len(DAYS) - 2))
    return Window(DAYS[first], DAYS[draw(st.integers(first + 1, len(DAYS) - 1))])


@st.composite
def checks(draw: st.DrawFn) -> dict[Window, tuple[datetime, str]]:
    """When each window was last checked, and the URL of its newest response."""
    found = {}
    for window in draw(st.lists(windows(), max_size=6, unique=True)):
        at = midnight_utc(window.first_day) + timedelta(hours=draw(st.integers(0, 24 * 200)))
        areas = "".join(f"&geo_ids%5B%5D={area}" for area in draw(some_areas) or ())
        cadence = draw(st.sampled_from(["hour", "fifteen_minutes"]))
        found[window] = at, f"https://host/indicators/600?time_trunc={cadence}&time_agg=average{areas}"
    return found


@given(
    span=windows(),
    checked=checks(),
    areas=some_areas,
    cadences=st.sampled_from([HOURS, TURNED]),
    setting=st.sampled_from(["", "day", "month", "quarter"]),
    forgotten=st.one_of(st.none(), st.tuples(windows(), st.integers(0, 24 * 350))),
)
def test_what_is_left_out_is_closed_and_what_is_asked_is_not(
    span: Window,
    checked: dict[Window, tuple[datetime, str]],
    areas: tuple[int, ...] | None,
    cadences: tuple[CadenceSpan, ...],
    setting: str,
    forgotten: tuple[Window, int] | None,
) -> None:
    indicator = replace(PRICE, areas=areas, cadences=cadences)
    events = [SpanEvent(forgotten[0], midnight_utc(FIRST) + timedelta(hours=forgotten[1]), True)] if forgotten else []

    def is_closed(day: date) -> bool:
        cadence = [one.cadence for one in cadences if one.from_day <= day][-1]
        registered = {f"geo_ids%5B%5D={area}" for area in areas or ()}
        for window, (at, url) in checked.items():
            parts = url.split("?")[1].split("&")
            named = {part for part in parts if part.startswith("geo_ids")}
            if (
                window.first_day <= day < window.end_day
                and f"time_trunc={cadence}" in parts
                and (not named or (areas is not None and registered <= named))
                and at >= midnight_utc(day + DAY) + timedelta(days=14)
                and not any(event.span.first_day <= day < event.span.end_day and event.at_utc >= at for event in events)
            ):
                return True
        return False

    times, urls = ({window: pair[n] for window, pair in checked.items()} for n in (0, 1))
    closed = closed_days(indicator, times, urls, events)  # type: ignore[arg-type]
    asked = list(windows_to_ask(indicator, span, setting, closed, refresh=False))
    days_asked = {window.first_day + number * DAY for window, _ in asked for number in range(window.days)}
    for day in (span.first_day + number * DAY for number in range(span.days)):
        assert day in days_asked or is_closed(day)
    for window, _ in asked:
        assert not all(is_closed(window.first_day + number * DAY) for number in range(window.days))
    everything = list(windows_to_ask(indicator, span, setting, closed, refresh=True))
    assert set(asked) <= set(everything)
