"""The simulated power system's curves: plausible, deterministic, with the right number of hours a day."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from itertools import pairwise
from statistics import mean

import pytest

from simulator import demand


def hours(curve, first: str, last: str) -> list[float]:
    days = range(date.fromisoformat(first).toordinal(), date.fromisoformat(last).toordinal() + 1)
    return [value for ordinal in days for value in curve(ordinal)]


def day(text: str) -> tuple[int, ...]:
    return demand.demand_mw(date.fromisoformat(text).toordinal())


def test_two_years_are_17520_hours_between_15_and_45_gigawatts():
    forecast = hours(demand.demand_mw, "2017-01-01", "2018-12-31")
    assert len(forecast) == 17_520
    assert min(forecast) > 15_000
    assert max(forecast) < 45_000


@pytest.mark.parametrize("curve", [demand.demand_mw, demand.actual_demand_mw, demand.demand_day_ahead_mw])
def test_demand_stays_within_bounds_and_steps_for_seventeen_years(curve):
    power = hours(curve, "2014-01-01", "2030-12-31")
    assert 15_000 < min(power) < 19_000
    assert 35_000 < max(power) < 45_000
    assert 3_000 < max(abs(after - before) for before, after in pairwise(power)) < 6_000


def test_a_year_adds_up_to_what_spain_consumes():
    assert 240 < sum(hours(demand.demand_mw, "2017-01-01", "2017-12-31")) / 1e6 < 260  # TWh; really about 253


def test_demand_is_low_at_night_and_on_sundays_and_holidays():
    assert min(day("2017-01-18")) == min(day("2017-01-18")[2:6])
    assert mean(day("2017-01-22")) < 0.9 * mean(day("2017-01-18"))
    # Friday 8 December 2017 is a national holiday, the one after it is not.
    assert mean(day("2017-12-08")) < 0.9 * mean(day("2017-12-15"))
    assert mean(day("2017-04-19")) < mean(day("2017-01-18")) > mean(day("2017-10-18"))


@pytest.mark.parametrize(
    ("when", "count"), [("2017-03-26", 23), ("2018-03-25", 23), ("2017-10-29", 25), ("2018-10-28", 25)]
)
def test_the_days_of_the_clock_changes_have_23_and_25_hours(when, count):
    assert len(day(when)) == count
    assert len(demand.solar_mw(date.fromisoformat(when).toordinal())) == count


def test_the_actual_demand_is_close_to_the_forecast_but_not_equal():
    forecast = hours(demand.demand_mw, "2017-01-01", "2017-12-31")
    actual = hours(demand.actual_demand_mw, "2017-01-01", "2017-12-31")
    errors = [abs(a - f) / f for a, f in zip(actual, forecast, strict=True)]
    assert 0.002 < mean(errors) < 0.02
    assert sum(error > 0 for error in errors) > 0.95 * len(errors)


def test_a_new_process_draws_the_same_curve():
    script = "from simulator import demand; print(demand.demand_mw(736330), demand.spot_price(736330))"
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    ).stdout
    assert told.strip() == f"{demand.demand_mw(736330)} {demand.spot_price(736330)}"


def test_there_is_no_sun_at_night_and_no_wind_without_end():
    sunny = demand.solar_mw(date(2017, 6, 21).toordinal())
    assert sunny[0] == sunny[23] == 0
    assert max(sunny) > 2_000
    assert all(0 < power <= 17_000 for power in hours(demand.wind_mw, "2017-01-01", "2018-12-31"))


def test_offset_spans_meet_at_the_clock_changes_of_the_time_zone():
    for year in (1999, 2017, 2024, 2036):
        for month in (3, 10):
            change = demand.clock_change(year, month)
            before, after = demand.offset_span(change - 1), demand.offset_span(change)
            assert before[1] == after[0] == change
            for span, instant in ((before, change - 1), (after, change)):
                moment = demand.datetime.fromtimestamp(instant, demand.MADRID)
                assert moment.utcoffset().total_seconds() == span[2]
