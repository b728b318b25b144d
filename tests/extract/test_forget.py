"""The forget verb: what is due of a span is taken back, landed responses stay, and plain runs leave it alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import simulator
from extract.errors import UsageError
from extract.forget import Forgotten, forget, plan
from extract.indicators import find_indicators
from extract.landing import SpanEvent, forgotten_spans, still_checked
from extract.run import Request, Summary, extract
from extract.settings import Settings
from extract.warehouse import connect
from extract.windows import DAY, Window, without
from tests.extract.conftest import MakeSettings

(DEMAND,) = find_indicators(["460"])
NOW = "2018-03-15T10:00:00"


def at(text: str) -> Callable[[], datetime]:
    return lambda: datetime.fromisoformat(text)


def run(settings: Settings, start: str | None = None, end: str | None = None, now: str = NOW) -> Summary:
    span = (date.fromisoformat(text) if text else None for text in (start, end))
    return extract(settings, Request([DEMAND], *span), now=at(now), quiet=True)


def forgotten(settings: Settings, start: str, end: str, now: str = NOW) -> Forgotten:
    with connect(settings) as warehouse:
        planned = plan(warehouse, DEMAND, date.fromisoformat(start), date.fromisoformat(end))
        forget(warehouse, planned, now=at(now))
    return planned


def rows(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    with connect(settings) as warehouse:
        return list(warehouse.rows(sql))


def asked(server: simulator.Server) -> list[tuple[str, str]]:
    found = sorted((r.parameters["start_date"][0][:10], r.parameters["end_date"][0][:10]) for r in server.requests)
    server.reset()
    return found


def test_the_run_log_says_it_and_no_response_is_touched(settings_for: MakeSettings) -> None:
    with simulator.serve(clock=f"{NOW}Z") as server:
        settings = settings_for(server)
        run(settings, "2017-01-01", "2017-06-30")
    landed = rows(settings, "select * from raw_esios.indicator_responses order by all")
    checks = rows(settings, "select * from raw_esios.window_checks order by all")
    assert forgotten(settings, "2017-01-10", "2017-02-08").checked_days == 30
    assert rows(settings, "select * from raw_esios.indicator_responses order by all") == landed
    assert rows(settings, "select * from raw_esios.window_checks order by all") == checks
    log = "select status, indicator_id, requested_start, requested_end, windows, requests from raw_esios.extract_runs"
    assert rows(settings, log + " where status = 'forgotten'") == [
        ("forgotten", 460, date(2017, 1, 10), date(2017, 2, 8), 0, 0)
    ]


def test_a_plain_run_never_asks_for_it_again(settings_for: MakeSettings) -> None:
    with simulator.serve(clock=f"{NOW}Z") as server:
        settings = settings_for(server)
        run(settings, "2017-01-01", "2017-02-28")
        asked(server)
        forgotten(settings, "2017-02-10", "2017-12-31")
        run(settings)
        assert asked(server) == [("2018-01-01", "2018-03-22")]
        forgotten(settings, "2018-02-01", "2018-02-28")
        run(settings)
        assert asked(server) == [("2018-03-01", "2018-03-22")], "January is closed, February forgotten"


def test_asking_for_it_again_fetches_it_again_and_keeps_it(settings_for: MakeSettings) -> None:
    with simulator.serve(clock=f"{NOW}Z") as server:
        settings = settings_for(server)
        run(settings, "2017-01-01", "2017-03-31")
        forgotten(settings, "2017-02-01", "2017-02-28", now="2018-03-16T10:00:00")
        asked(server)
        run(settings, "2017-01-01", "2017-01-31", now="2018-03-17T10:00:00")
        assert asked(server) == [], "January was not forgotten"
        summary = run(settings, "2017-02-01", "2017-02-28", now="2018-03-17T11:00:00")
        assert asked(server) == [("2017-02-01", "2017-02-28")]
        assert summary.total("responses_landed") == 1, "the first response for this window"
        run(settings, "2017-02-01", "2017-02-28", now="2018-03-17T12:00:00")
        assert asked(server) == []
    ((checked, given_up),) = rows(
        settings,
        "select (select max(checked_at_utc) from raw_esios.window_checks),"
        " (select max(started_at_utc) from raw_esios.extract_runs where status = 'forgotten')",
    )
    assert checked > given_up


def test_it_holds_for_every_check_before_it_even_if_the_clock_was_set_back(settings_for: MakeSettings) -> None:
    with simulator.serve(clock=f"{NOW}Z") as server:
        settings = settings_for(server)
        run(settings, "2017-01-01", "2017-03-31")
        forgotten(settings, "2017-01-01", "2017-03-31", now="2001-01-01T00:00:00")
        with pytest.raises(UsageError, match="is due"):
            forgotten(settings, "2017-01-01", "2017-03-31")


def test_what_an_interrupted_run_asked_for_can_be_forgotten_before_it_is_fetched(settings_for: MakeSettings) -> None:
    with simulator.serve(clock=f"{NOW}Z") as server:
        settings = settings_for(server)
        run(settings, "2017-01-01", "2017-01-31")
        with connect(settings) as warehouse:
            warehouse.execute("delete from raw_esios.window_checks")
        assert forgotten(settings, "2017-01-01", "2017-12-31").checked_days == 0
        asked(server)
        run(settings)
        assert asked(server) == [("2018-01-01", "2018-03-22")]


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("2017-03-01", "2017-02-01", "swap them"),
        ("2018-01-01", "2018-01-31", "nothing of indicator 460 from 2018-01-01 to 2018-01-31 is due"),
    ],
)
def test_what_makes_no_sense_is_refused(settings_for: MakeSettings, start: str, end: str, message: str) -> None:
    with simulator.serve(clock=f"{NOW}Z") as server:
        settings = settings_for(server)
        run(settings, "2017-01-01", "2017-01-31")
    forgotten(settings, "2017-01-01", "2017-12-31")
    with pytest.raises(UsageError, match=message):
        forgotten(settings, start, end)


dates = st.integers(0, 60).map(lambda n: date(2017, 1, 1) + n * DAY)
spans = st.tuples(dates, st.integers(1, 30)).map(lambda drawn: Window(drawn[0], drawn[0] + drawn[1] * DAY))


def days_of(windows: list[Window]) -> set[date]:
    return {window.first_day + n * DAY for window in windows for n in range(window.days)}


@given(span=spans, cuts=st.lists(spans, max_size=6))
def test_what_is_left_of_a_span_is_each_day_that_no_cut_holds(span: Window, cuts: list[Window]) -> None:
    left = without(span, cuts)
    assert days_of(left) == days_of([span]) - days_of(cuts)
    assert left == sorted(left)
    assert sum(window.days for window in left) == len(days_of(left)), "no day twice"


@given(events=st.lists(st.tuples(spans, st.booleans()), max_size=8))
def test_the_last_word_on_a_day_counts(events: list[tuple[Window, bool]]) -> None:
    log = [SpanEvent(span, datetime(2018, 1, 1 + n), is_forgotten) for n, (span, is_forgotten) in enumerate(events)]
    told: dict[date, bool] = {}
    for event in log:
        told |= dict.fromkeys(days_of([event.span]), event.is_forgotten)
    assert days_of(forgotten_spans(log)) == {day for day, is_forgotten in told.items() if is_forgotten}


@given(checks=st.lists(spans, max_size=6), events=st.lists(st.tuples(spans, st.booleans()), max_size=6))
def test_a_check_counts_for_the_days_that_were_not_forgotten_after_it(
    checks: list[Window], events: list[tuple[Window, bool]]
) -> None:
    checked = {span: datetime(2018, 1, 1 + 2 * n) for n, span in enumerate(checks)}
    log = [SpanEvent(span, datetime(2018, 1, 2 + 2 * n), is_forgotten) for n, (span, is_forgotten) in enumerate(events)]
    newest: dict[date, datetime] = {}
    for span, instant in checked.items():
        later = days_of([event.span for event in log if event.is_forgotten and event.at_utc >= instant])
        for day in days_of([span]) - later:
            newest[day] = max(instant, newest.get(day, instant))
    left = still_checked(checked, log)
    found: dict[date, datetime] = {}
    for span, instant in left.items():
        for day in days_of([span]):
            found[day] = max(instant, found.get(day, instant))
    assert found == newest
