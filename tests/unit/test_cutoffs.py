"""Cutoffs: what a user may write, and the instant that it means for each period, days of 23 and 25 hours included."""

from __future__ import annotations

import datetime as dt
import doctest
from contextlib import suppress
from itertools import pairwise
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import extract.cutoffs
from extract.cutoffs import AsOf, DayRule, LeadTime, alike_days, parse_rule
from extract.errors import UsageError

MADRID = ZoneInfo("Europe/Madrid")
HOUR = dt.timedelta(hours=1)
instants = st.datetimes(dt.datetime(1995, 1, 1), dt.datetime(2035, 12, 31))
day_rules = st.builds(
    DayRule, st.integers(-40, 10), st.times().map(lambda time: time.replace(microsecond=0, tzinfo=None, fold=0))
)


def madrid(instant_utc: dt.datetime) -> dt.datetime:
    """What the clocks of Madrid show then."""
    return instant_utc.replace(tzinfo=dt.UTC).astimezone(MADRID).replace(tzinfo=None, fold=0)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(extract.cutoffs) == doctest.TestResults(failed=0, attempted=4)


@pytest.mark.parametrize(
    ("rule", "period", "cutoff"),
    [
        ("D-1T12:00", "2018-07-02 00:00", "2018-07-01 10:00"),
        ("D-1T12:00", "2018-07-01 22:00", "2018-07-01 10:00"),  # the first hour of the 2nd in Madrid
        ("D-1T12:00", "2018-07-01 21:59", "2018-06-30 10:00"),  # the last minute of the 1st
        ("D-1T12:00", "2018-01-01 23:00", "2018-01-01 11:00"),
        # 2018-03-25 has 23 hours: noon before is 11 hours UTC, noon of the day itself 10.
        ("D-1T12:00", "2018-03-24 23:00", "2018-03-24 11:00"),
        ("D-1T12:00", "2018-03-25 21:00", "2018-03-24 11:00"),
        ("D-1T12:00", "2018-03-25 22:00", "2018-03-25 10:00"),
        # 2018-10-28 has 25.
        ("D-1T12:00", "2018-10-28 22:00", "2018-10-27 10:00"),
        ("D-1T12:00", "2018-10-28 23:00", "2018-10-28 11:00"),
        ("DT02:30", "2018-10-28 10:00", "2018-10-28 00:30"),  # comes twice: the first
        ("DT02:30", "2018-03-25 10:00", "2018-03-25 01:30"),  # is skipped: shown as 03:30
        ("DT00:00", "2018-10-28 10:00", "2018-10-27 22:00"),
        ("D+1T23:59:59", "2018-06-01 10:00", "2018-06-02 21:59:59"),
        ("PT24H", "2018-03-25 22:00", "2018-03-24 22:00"),
        ("P1D", "2018-03-25 22:00", "2018-03-24 22:00"),  # a lead of a day is 24 hours
        ("P1W", "2018-03-25 22:00", "2018-03-18 22:00"),
        ("P1DT1H30M", "2018-03-25 22:00", "2018-03-24 20:30"),
        ("PT0S", "2018-03-25 22:00", "2018-03-25 22:00"),
    ],
)
def test_a_rule_gives_the_cutoff_of_each_period(rule: str, period: str, cutoff: str) -> None:
    assert parse_rule(rule).cutoff(dt.datetime.fromisoformat(period)) == dt.datetime.fromisoformat(cutoff)


@given(day_rules, instants)
def test_a_day_rule_names_the_first_instant_at_which_madrid_shows_its_time(rule: DayRule, period: dt.datetime) -> None:
    shown = dt.datetime.combine(madrid(period).date() + dt.timedelta(days=rule.days), rule.clock)
    candidates = [shown - 2 * HOUR, shown - HOUR]
    assert rule.cutoff(period) == next((one for one in candidates if madrid(one) == shown), shown - HOUR)


@given(day_rules, instants, st.integers(0, 400), st.integers(0, 400 * 24 * 60))
def test_the_stretches_of_alike_days_give_every_period_the_rules_own_cutoff(
    rule: DayRule, first: dt.datetime, days: int, minute: int
) -> None:
    first_day, last_day = madrid(first).date(), madrid(first).date() + dt.timedelta(days=days)
    stretches = list(alike_days(rule, first_day, last_day))
    assert len(stretches) <= 12 + days // 30
    assert all(one.end_utc == later.start_utc for one, later in pairwise(stretches))
    assert (madrid(stretches[0].start_utc), madrid(stretches[-1].end_utc)) == (
        dt.datetime.combine(first_day, dt.time()),
        dt.datetime.combine(last_day + dt.timedelta(days=1), dt.time()),
    )
    span = stretches[-1].end_utc - stretches[0].start_utc
    period = stretches[0].start_utc + dt.timedelta(minutes=minute) % span
    found = next(one for one in stretches if one.start_utc <= period < one.end_utc)
    midnight = period - (period - found.start_utc) % found.day_length
    assert midnight + found.midnight_to_cutoff == rule.cutoff(period)


def test_without_days_there_are_no_stretches() -> None:
    assert list(alike_days(DayRule(-1, dt.time(12)), dt.date(2018, 1, 2), dt.date(2018, 1, 1))) == []


@given(st.integers(0, 99), st.integers(0, 999), st.integers(0, 99), st.integers(0, 5999), st.integers(0, 5999))
def test_a_lead_is_read_as_iso_8601_writes_it(weeks: int, days: int, hours: int, minutes: int, seconds: int) -> None:
    text = f"P{weeks}W{days}DT{hours}H{minutes}M{seconds}S"
    lead = dt.timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    assert LeadTime.parse(text) == LeadTime(lead)


WRONG_RULES = [
    "", " ", "D", "T12:00", "D-1", "D-1T", "D-1T12", "D-1T1200", "D-1T24:00", "D-1T12:60", "D-1T12:00:60", "d-1T12:00",
    "D1T12:00", "D--1T12:00", "D-1000T12:00", "D-1T12:00Z", "D-1T12:00[Europe/Madrid]", "D-1 12:00", "E-1T12:00",
    "P", "PT", "P1DT", "P1M", "P1Y", "PT-1H", "-PT1H", "PT1.5H", "24H", "1 day", "P1H", "PT1D", "PT1H1H", "PT1M1H",
    "2018-01-01", "now", "D-1T12:00\nx", "D-١T12:00", "PT٣H",
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG_RULES)
def test_what_is_not_a_rule_is_refused_with_both_ways_to_write_one(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not a valid rule: use D-1T12:00 .* PT24H") as refused:
        parse_rule(text)
    assert repr(text) in str(refused.value)


@given(st.text(alphabet="DPT-+0123456789:WHMS. ", max_size=14) | st.text())
def test_any_text_is_a_rule_or_a_usage_error(text: str) -> None:
    try:
        rule = parse_rule(text)
    except UsageError:
        return
    # Within the years that the API has values for, no rule that can be written goes off the calendar.
    try:
        assert isinstance(rule.cutoff(dt.datetime(2018, 1, 1)), dt.datetime)
    except OverflowError:
        assert isinstance(rule, LeadTime)
        assert rule.lead > dt.timedelta(days=365 * 2000)


@pytest.mark.parametrize(
    ("given_instant", "utc"),
    [
        ("2018-03-01T12:00:00", "2018-03-01 12:00:00"),
        (" 2018-03-01 12:00 ", "2018-03-01 12:00:00"),
        ("2018-03-01T12:00:00.123456Z", "2018-03-01 12:00:00.123456"),
        ("2018-03-01T12:00:00+01:00", "2018-03-01 11:00:00"),
        ("2018-03-01", "2018-03-01 00:00:00"),
        (dt.datetime(2018, 3, 1, 12), "2018-03-01 12:00:00"),
        (dt.datetime(2018, 10, 28, 2, 30, tzinfo=MADRID), "2018-10-28 00:30:00"),
        (dt.datetime(2018, 10, 28, 2, 30, fold=1, tzinfo=MADRID), "2018-10-28 01:30:00"),
        (pd.Timestamp("2018-03-01 12:00", tz="Europe/Madrid"), "2018-03-01 11:00:00"),
    ],
)
def test_an_instant_is_utc_unless_it_says_otherwise(given_instant: str | dt.datetime, utc: str) -> None:
    parsed = AsOf.parse(given_instant)
    assert parsed.instant_utc == dt.datetime.fromisoformat(utc)
    assert type(parsed.instant_utc) is dt.datetime
    assert parsed.cutoff(dt.datetime(1999, 1, 1)) == parsed.instant_utc


@pytest.mark.parametrize("wrong", ["", "yesterday", "2018-02-30T12:00", "12:00", "2018-03-01T25:00", 5, pd.NaT])
def test_what_is_not_an_instant_is_refused(wrong: object) -> None:
    with pytest.raises(UsageError, match="is not a valid instant: use yyyy-mm-ddTHH:MM:SS"):
        AsOf.parse(wrong)  # type: ignore[arg-type]


@given(st.text())
def test_any_text_is_an_instant_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        assert AsOf.parse(text).instant_utc.tzinfo is None


@given(day_rules, instants)
def test_a_day_rule_is_read_as_it_is_written(rule: DayRule, period: dt.datetime) -> None:
    days = f"{rule.days:+d}" if rule.days else ""
    assert parse_rule(f"D{days}T{rule.clock.isoformat()}").cutoff(period) == rule.cutoff(period)
