"""Windows: they cover the span exactly, in order, once, on Madrid midnights."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.windows import MADRID, Window, api_parameters, cut, hours_in, is_covered, madrid_day, window_size

days = st.dates(date(2000, 1, 1), date(2035, 12, 31))
sizes = st.sampled_from(["day", "month", "quarter", "year"])


def hours_on(day: str) -> int:
    (window,) = cut(date.fromisoformat(day), date.fromisoformat(day), "day")
    return hours_in(window)


def test_the_days_on_which_clocks_change_have_23_and_25_hours() -> None:
    assert [hours_on(day) for day in ("2017-03-26", "2018-03-25")] == [23, 23]
    assert [hours_on(day) for day in ("2017-10-29", "2018-10-28")] == [25, 25]
    assert hours_on("2020-02-29") == 24


def test_two_years_are_eight_quarters_and_17520_hours() -> None:
    windows = cut(date(2017, 1, 1), date(2018, 12, 31), "quarter")
    assert len(windows) == 8
    assert sum(map(hours_in, windows)) == 17_520
    assert windows[0].start_utc == datetime(2016, 12, 31, 23)
    assert windows[-1].end_utc == datetime(2018, 12, 31, 23)


@given(first=days, length=st.integers(0, 900), size=sizes)
def test_windows_cover_every_day_of_the_span_once_and_in_order(first: date, length: int, size: str) -> None:
    last = first + timedelta(days=length)
    windows = cut(first, last, size)
    assert windows[0].first_day == first
    assert windows[-1].end_day == last + timedelta(days=1)
    for one, next_one in pairwise(windows):
        assert one.end_day == next_one.first_day
        assert one.end_utc == next_one.start_utc
    assert all(window.first_day < window.end_day for window in windows)


@given(first=days, length=st.integers(0, 900), size=sizes)
def test_inner_edges_are_the_calendars_own(first: date, length: int, size: str) -> None:
    for window in cut(first, first + timedelta(days=length), size)[:-1]:
        edge = window.end_day
        assert size == "day" or edge.day == 1
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
    ("cadence", "setting", "size"),
    [
        ("hour", "", "quarter"),
        ("fifteen_minutes", "", "month"),
        ("hour", "day", "day"),
        ("fifteen_minutes", "year", "year"),
    ],
)
def test_the_window_fits_the_cadence_unless_it_is_set(cadence: str, setting: str, size: str) -> None:
    assert window_size(cadence, setting) == size


def test_an_empty_span_has_no_windows() -> None:
    assert cut(date(2018, 1, 2), date(2018, 1, 1), "quarter") == []


@given(first=days, length=st.integers(0, 500), size=sizes, data=st.data())
def test_a_window_is_covered_by_its_pieces_and_not_without_one_of_them(
    first: date, length: int, size: str, data: st.DataObject
) -> None:
    last = first + timedelta(days=length)
    whole = Window(first, last + timedelta(days=1))
    pieces = cut(first, last, size)
    assert is_covered(whole, reversed(pieces))
    missing = data.draw(st.integers(0, len(pieces) - 1))
    assert not is_covered(whole, pieces[:missing] + pieces[missing + 1 :])
