"""Windows: they cover the span exactly, in order, once, on Madrid midnights."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.registry import CADENCES, CadenceSpan
from extract.windows import (
    DAY,
    MADRID,
    MANY_AREAS,
    MOST_DAYS_OF_MANY_AREAS,
    MOST_VALUES,
    Window,
    api_parameters,
    asked_for,
    cut,
    cut_by_cadence,
    is_covered,
    joined,
    madrid_day,
    window_size,
)

days = st.dates(date(2000, 1, 1), date(2035, 12, 31))
settings = ["day", "month", "quarter", "year"]
sizes = st.sampled_from([*settings, "week", "half_month"])
by_periods = st.sampled_from([cadence for cadence in CADENCES if cadence != "month"])
areas = st.one_of(st.none(), st.integers(1, 80).map(lambda count: tuple(range(1, count + 1))))


@st.composite
def cadences(draw: st.DrawFn, one: st.SearchStrategy[str] = by_periods) -> tuple[CadenceSpan, ...]:
    """A series whose cadence changes up to four times, on any day."""
    changes = sorted(draw(st.sets(days, max_size=4)))
    return tuple(CadenceSpan(start, draw(one)) for start in [date.min, *changes])


def hours_in(window: Window) -> int:
    """How many hours a window has: 23, 24 or 25 a day."""
    return int((window.end_utc - window.start_utc) / timedelta(hours=1))


def hours_on(day: str) -> int:
    (window,) = cut(date.fromisoformat(day), date.fromisoformat(day), "day")
    return hours_in(window)


def test_the_days_on_which_clocks_change_have_23_and_25_hours() -> None:
    assert [hours_on(day) for day in ("2017-03-26", "2018-03-25")] == [23, 23]
    assert [hours_on(day) for day in ("2017-10-29", "2018-10-28")] == [25, 25]
    assert hours_on("2020-02-29") == 24


def test_two_years_are_eight_quarters_and_17520_hours() -> None:
    windows = list(cut(date(2017, 1, 1), date(2018, 12, 31), "quarter"))
    assert len(windows) == 8
    assert sum(map(hours_in, windows)) == 17_520
    assert windows[0].start_utc == datetime(2016, 12, 31, 23)
    assert windows[-1].end_utc == datetime(2018, 12, 31, 23)


@given(first=days, length=st.integers(0, 900), size=sizes)
def test_windows_cover_every_day_of_the_span_once_and_in_order(first: date, length: int, size: str) -> None:
    last = first + timedelta(days=length)
    windows = list(cut(first, last, size))
    assert windows[0].first_day == first
    assert windows[-1].end_day == last + timedelta(days=1)
    for one, next_one in pairwise(windows):
        assert one.end_day == next_one.first_day
        assert one.end_utc == next_one.start_utc
    assert all(window.first_day < window.end_day for window in windows)


@given(first=days, length=st.integers(0, 900), size=sizes)
def test_inner_edges_are_the_calendars_own(first: date, length: int, size: str) -> None:
    for window in list(cut(first, first + timedelta(days=length), size))[:-1]:
        edge = window.end_day
        assert size in ("day", "week") or edge.day == 1 or (size == "half_month" and edge.day == 16)
        assert size != "week" or edge.weekday() == 0
        assert size != "quarter" or edge.month in (1, 4, 7, 10)
        assert size != "year" or edge.month == 1


@given(day=days)
def test_edges_are_madrid_midnights_and_find_their_day_again(day: date) -> None:
    (window,) = cut(day, day, "day")
    local = window.start_utc.replace(tzinfo=UTC).astimezone(MADRID)
    assert (local.date(), local.hour, local.minute) == (day, 0, 0)
    assert madrid_day(window.start_utc) == day
    assert madrid_day(window.end_utc - timedelta(seconds=1)) == day
    assert 23 <= hours_in(window) <= 25


@given(first=days, length=st.integers(0, 400), size=sizes)
def test_the_api_is_asked_for_the_window_up_to_one_second_before_its_end(first: date, length: int, size: str) -> None:
    for window in cut(first, first + timedelta(days=length), size):
        asked = api_parameters(window, "hour", "average", [8741])
        start, end = (datetime.fromisoformat(str(asked[name])) for name in ("start_date", "end_date"))
        assert start.utcoffset() is not None
        assert end.utcoffset() is not None
        assert start.astimezone(UTC).replace(tzinfo=None) == window.start_utc
        assert end.astimezone(UTC).replace(tzinfo=None) == window.end_utc - timedelta(seconds=1)


def test_aggregation_and_grid_are_always_sent() -> None:
    asked = api_parameters(Window(date(2022, 5, 1), date(2022, 6, 1)), "fifteen_minutes", "sum", [3, 1])
    assert asked == {
        "start_date": "2022-05-01T00:00:00+02:00",
        "end_date": "2022-05-31T23:59:59+02:00",
        "time_trunc": "fifteen_minutes",
        "time_agg": "sum",
        "geo_ids[]": ["3", "1"],
    }
    assert api_parameters(Window(date(2022, 5, 1), date(2022, 6, 1)), "hour", "sum", None)["geo_ids[]"] == []


@pytest.mark.parametrize(
    ("cadence", "how_many", "setting", "size"),
    [
        ("hour", 1, "", "quarter"),
        ("hour", 5, "", "quarter"),
        ("hour", 10, "", "month"),
        ("hour", 15, "", "half_month"),
        ("hour", 52, "", "half_month"),
        ("hour", 80, "", "week"),
        ("hour", None, "", "half_month"),
        ("fifteen_minutes", 1, "", "quarter"),
        ("fifteen_minutes", 3, "", "month"),
        ("fifteen_minutes", None, "", "day"),
        ("ten_minutes", 1, "", "quarter"),
        ("five_minutes", 1, "", "month"),
        ("five_minutes", 80, "", "day"),
        ("day", 1, "", "year"),
        ("day", 15, "", "half_month"),
        ("month", 1, "", "year"),
        ("month", 80, "", "month"),
        ("hour", 1, "day", "day"),
        ("fifteen_minutes", 3, "year", "year"),
        ("month", 1, "day", "month"),
    ],
)
def test_the_window_fits_cadence_and_areas_unless_it_is_set(
    cadence: str, how_many: int | None, setting: str, size: str
) -> None:
    assert window_size(cadence, None if how_many is None else range(how_many), setting) == size


@given(first=days, length=st.integers(0, 900), series=cadences(), areas=areas, setting=st.sampled_from(["", *settings]))
def test_windows_cover_the_span_once_in_order_and_never_hold_a_change_of_cadence(
    first: date, length: int, series: tuple[CadenceSpan, ...], areas: tuple[int, ...] | None, setting: str
) -> None:
    span = Window(first, first + (length + 1) * DAY)
    windows = list(cut_by_cadence(span, series, areas, setting))
    assert (windows[0][0].first_day, windows[-1][0].end_day) == (span.first_day, span.end_day)
    assert all(one.end_day == other.first_day for (one, _), (other, _) in pairwise(windows))
    for window, cadence in windows:
        assert window.first_day < window.end_day
        newest = [one.cadence for one in series if one.from_day <= window.first_day][-1]
        assert cadence == newest
        assert not any(window.first_day < one.from_day < window.end_day for one in series)


@given(first=days, length=st.integers(0, 900), series=cadences(), areas=areas)
def test_no_window_holds_more_than_the_api_returns(
    first: date, length: int, series: tuple[CadenceSpan, ...], areas: tuple[int, ...] | None
) -> None:
    count = 52 if areas is None else len(areas)
    for window, cadence in cut_by_cadence(Window(first, first + (length + 1) * DAY), series, areas):
        seconds = CADENCES[cadence]
        periods = window.days if seconds is None else hours_in(window) * 3600 // seconds
        assert count * periods <= MOST_VALUES or window.days == 1
        assert count < MANY_AREAS or window.days <= MOST_DAYS_OF_MANY_AREAS


@given(first=days, length=st.integers(0, 900), areas=areas, setting=st.sampled_from(["", *settings]))
def test_months_are_asked_for_whole_and_each_that_begins_in_the_span_once(
    first: date, length: int, areas: tuple[int, ...] | None, setting: str
) -> None:
    span = Window(first, first + (length + 1) * DAY)
    windows = [window for window, _ in cut_by_cadence(span, [CadenceSpan(date.min, "month")], areas, setting)]
    assert all((window.first_day.day, window.end_day.day) == (1, 1) for window in windows)
    firsts = [day for day in (first + number * DAY for number in range(length + 1)) if day.day == 1]
    held = [
        day
        for window in windows
        for day in (window.first_day + number * DAY for number in range(window.days))
        if day.day == 1
    ]
    assert held == firsts


def test_600_turns_quarter_hourly_between_two_windows() -> None:
    series = (CadenceSpan(date.min, "hour"), CadenceSpan(date(2025, 10, 1), "fifteen_minutes"))
    windows = cut_by_cadence(Window(date(2025, 7, 1), date(2025, 12, 11)), series, (3, 1, 2))
    assert [(str(window), cadence) for window, cadence in windows] == [
        ("2025-07-01 … 2025-09-30", "hour"),
        ("2025-10-01 … 2025-10-31", "fifteen_minutes"),
        ("2025-11-01 … 2025-11-30", "fifteen_minutes"),
        ("2025-12-01 … 2025-12-10", "fifteen_minutes"),
    ]


def test_windows_are_cut_one_at_a_time() -> None:
    series = [CadenceSpan(date.min, "five_minutes")]
    windows = cut_by_cadence(Window(date(1, 1, 1), date(9999, 1, 1)), series, None)
    assert [str(next(windows)[0]) for _ in range(2)] == ["0001-01-01 … 0001-01-01", "0001-01-02 … 0001-01-02"]


def test_an_empty_span_has_no_windows() -> None:
    assert list(cut(date(2018, 1, 2), date(2018, 1, 1), "quarter")) == []


@given(first=days, length=st.integers(0, 500), size=sizes, data=st.data())
def test_a_window_is_covered_by_its_pieces_and_not_without_one_of_them(
    first: date, length: int, size: str, data: st.DataObject
) -> None:
    last = first + timedelta(days=length)
    whole = Window(first, last + timedelta(days=1))
    pieces = list(cut(first, last, size))
    assert is_covered(whole, reversed(pieces))
    missing = data.draw(st.integers(0, len(pieces) - 1))
    assert not is_covered(whole, pieces[:missing] + pieces[missing + 1 :])


@given(spans=st.lists(st.tuples(days, st.integers(1, 90)), max_size=8))
def test_joined_spans_hold_the_same_days_with_gaps_between_them(spans: list[tuple[date, int]]) -> None:
    windows = [Window(first, first + count * DAY) for first, count in spans]

    def held(some: list[Window]) -> set[date]:
        return {one.first_day + number * DAY for one in some for number in range(one.days)}

    together = joined(windows)
    assert held(together) == held(windows)
    assert all(one.end_day < other.first_day for one, other in pairwise(together))


ASKED = "https://api.esios.ree.es/indicators/600?time_trunc=hour&time_agg=average&geo_ids%5B%5D=3&geo_ids%5B%5D=1"


@pytest.mark.parametrize(
    ("url", "cadence", "time_agg", "areas", "enough"),
    [
        (ASKED, "hour", "average", (3, 1), True),
        (ASKED, "hour", "average", (1,), True),
        (ASKED, "hour", "average", (3, 1, 2), False),
        (ASKED, "hour", "average", None, False),
        (ASKED, "fifteen_minutes", "average", (3, 1), False),
        (ASKED, "hour", "sum", (3, 1), False),
        (ASKED.split("&geo_ids")[0], "hour", "average", (3, 1, 2), True),
        (ASKED.split("&geo_ids")[0], "hour", "average", None, True),
        ("https://api.esios.ree.es/x", "day", "sum", (7,), True),
        ("", "day", "sum", None, True),
    ],
)
def test_a_response_counts_if_it_was_asked_for_all_that_is_registered_now(
    url: str, cadence: str, time_agg: str, areas: tuple[int, ...] | None, enough: bool
) -> None:
    assert asked_for(url, cadence, time_agg, areas) is enough
