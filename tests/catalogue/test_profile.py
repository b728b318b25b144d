"""What few requests show of an indicator: areas from the values, cadence and its change, the first day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import simulator
from extract.catalogue.lookup import Lookup
from extract.catalogue.profile import MAX_REQUESTS, QUARTER_HOURLY_FROM, Cadence, Profile, read_values
from extract.catalogue.profile import profile as profile_of
from extract.windows import DAY, midnight_utc
from simulator import catalogue, demand, faults
from simulator.catalogue import FIVE, PENINSULA, POWER, QUARTER, Indicator, Series
from tests.catalogue.conftest import NOON_UTC

SPOT = {3: "España", 1: "Portugal", 2: "Francia", 8826: "Alemania", 8827: "Bélgica", 8828: "Países Bajos"}
ODD = 99_001  # an indicator of the test's own


def learnt(lookup: Lookup, indicator: int | str) -> Profile:
    return lookup.profile(lookup.entry(str(indicator)))


def hourly_then_quarters(day: str) -> tuple[Cadence, ...]:
    return Cadence(None, "hour"), Cadence(date.fromisoformat(day), "fifteen_minutes")


@pytest.mark.parametrize(
    ("indicator", "cadences", "first_day", "is_exact", "newest"),
    [
        (600, hourly_then_quarters("2025-10-01"), "2014-01-01", False, "2026-11-27 22:45"),
        (2387, hourly_then_quarters("2026-01-01"), "2021-06-01", False, "2026-11-27 22:45"),
        # It changed at noon: the first whole day of quarter hours is the next.
        (460, hourly_then_quarters("2022-05-25"), "2014-01-01", True, "2026-12-04 22:45"),
        (541, (Cadence(None, "hour"),), "2014-01-01", True, "2026-11-28 22:00"),
        (1739, (Cadence(None, "hour"),), "2021-06-01", True, "2026-11-27 22:00"),
        (10034, (Cadence(None, "hour"),), "2015-06-01", True, "2026-11-28 22:00"),
        (10027, (Cadence(None, "hour"),), "2018-05-09", True, "2026-11-28 22:00"),
        (1161, (Cadence(None, "hour"),), "2014-01-01", True, "2026-11-23 22:00"),
        (10211, (Cadence(None, "hour"),), "2014-01-01", True, "2026-11-26 22:00"),
        (1293, (Cadence(None, "five_minutes"),), "2014-01-01", False, "2026-11-27 10:55"),
        (10033, (Cadence(None, "five_minutes"),), "2019-01-01", False, "2026-11-27 10:55"),
        (624, (Cadence(None, "day"),), "2016-03-01", True, "2026-11-25 23:00"),
        (461, (Cadence(None, "month"),), "2014-01-01", True, "2026-11-30 23:00"),
    ],
)
def test_cadence_first_day_and_newest_value_are_learnt_in_six_requests(
    lookup: Lookup,
    server: simulator.Server,
    indicator: int,
    cadences: tuple[Cadence, ...],
    first_day: str,
    is_exact: bool,
    newest: str,
) -> None:
    found = learnt(lookup, indicator)
    assert (found.cadences, str(found.first_day), found.first_day_is_exact) == (cadences, first_day, is_exact)
    assert f"{found.last:%Y-%m-%d %H:%M}" == newest
    assert found.notes == ()
    assert len(server.requests) == 1 + found.requests <= MAX_REQUESTS


def test_areas_are_learnt_from_the_values_not_from_the_head(lookup: Lookup) -> None:
    assert learnt(lookup, 600).areas == tuple(SPOT.items())
    assert dict(learnt(lookup, 1161).areas) == dict(catalogue.PROVINCES)
    assert len(learnt(lookup, 1001).areas) == 5
    assert learnt(lookup, 1739).areas == ((3, "España"),)


@pytest.mark.parametrize("indicator", [460, 600, 2387])
def test_no_request_for_values_reaches_across_a_day_on_which_the_cadence_changes(
    lookup: Lookup, server: simulator.Server, indicator: int
) -> None:
    found = learnt(lookup, indicator)
    changed_on = str(found.cadences[-1].from_day)
    asked = [request.parameters for request in server.requests if request.indicator == indicator]
    assert len(asked) >= 4
    for parameters in asked:
        assert not parameters["start_date"][0][:10] < changed_on <= parameters["end_date"][0][:10], parameters
        assert parameters["time_agg"] == ["average"]
        assert parameters.get("time_trunc") in (None, ["month"])


@pytest.mark.parametrize("clock", ["2025-10-01T09:00:00", "2025-09-30T20:00:00", "2025-10-03T12:00:00"])
def test_nor_does_the_first_one_in_the_days_of_a_change(lookup: Lookup, server: simulator.Server, clock: str) -> None:
    server.set_clock(clock)
    found = learnt(lookup, 600)
    values = [request.parameters for request in server.requests if request.indicator == 600]
    for parameters in values:
        assert not parameters["start_date"][0][:10] < "2025-10-01" <= parameters["end_date"][0][:10], parameters
    assert found.cadences[0] == Cadence(None, "hour")
    if clock > "2025-10-01":
        assert found.cadences == hourly_then_quarters("2025-10-01")


def test_an_indicator_without_values_says_where_they_were_looked_for(lookup: Lookup, server: simulator.Server) -> None:
    found = learnt(lookup, 603)
    assert (found.areas, found.cadences, found.last, found.first_year) == ((), (), None, None)
    assert found.notes == (
        "no values were found on 2026-11-15 … 2026-12-05, 2026-10-25 … 2026-11-14, 2026-09-01 … 2026-09-21, "
        "2025-01-01 … 2025-01-21",
    )
    assert len(server.requests) <= MAX_REQUESTS


def test_where_the_api_does_not_manage_years_the_rest_is_still_learnt(lookup: Lookup, server: simulator.Server) -> None:
    # Years at once are asked for twice at most, then left alone.
    server.add(faults.status(504, covering="2023-01-01", indicator=1739))
    found = learnt(lookup, 1739)
    assert (found.cadences, found.first_day) == ((Cadence(None, "hour"),), None)
    note = "the first day was not found: the API does not respond for 2015-01-01 … 2026-11-27"
    assert found.notes[0].startswith(note)

    assert sum(request.status == 504 for request in server.requests) == 2


# --- series of every kind ---------------------------------------------------------------------------------------------

DAYS = st.dates(date(2005, 1, 1), date(2026, 10, 1))


@example(first_day=date(2005, 1, 1), count=QUARTER, change=date(2022, 5, 25), ahead=-12, period="hour")
@example(first_day=date(2005, 1, 1), count=QUARTER, change=date(2022, 5, 25), ahead=-13, period="hour")
@given(
    first_day=DAYS,
    count=st.sampled_from([1, QUARTER, FIVE]),
    change=st.none() | st.sampled_from(QUARTER_HOURLY_FROM) | DAYS,
    ahead=st.integers(-20, 9),
    period=st.sampled_from(["hour", "hour", "day", "month"]),
)
@settings(max_examples=25)
def test_whatever_a_series_is_like_nothing_wrong_is_said_of_it_in_six_requests(
    lookup: Lookup,
    server: simulator.Server,
    first_day: date,
    count: int,
    change: date | None,
    ahead: int,
    period: str,
) -> None:
    changes = count == QUARTER and period == "hour" and change is not None
    assume(not changes or change > first_day + 7 * DAY)
    # Of five-minute values a year cannot be asked for at once: what is before 2014 is not found.
    assume(count != FIVE or period != "hour" or first_day.year >= 2014)
    finer_from = ((f"{change}T00:00:00" if changes else "2000-01-01T00:00:00", count),)
    series = Series(
        (lambda ordinal: (1.0,) * demand.hours_in_day(ordinal),), first_day=first_day, ahead_days=ahead, period=period,
        finer_from=finer_from if period == "hour" else (),
    )  # fmt: skip
    server.reset()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(catalogue.BY_ID, ODD, Indicator(ODD, "Odd", "Odd", None, POWER, series=series))
        server.bodies = type(server.bodies)()
        found = profile_of(lookup._patient, lookup._hasty, ODD, NOON_UTC, spent=1)
    assert len(server.requests) == found.requests <= MAX_REQUESTS - 1
    assert found.areas == (PENINSULA,)
    finest = {1: "hour", QUARTER: "fifteen_minutes", FIVE: "five_minutes"}[count] if period == "hour" else period
    # The cadences that are said hold: of the day itself, or coarser where the day of a change was not found.
    said = [cadence.cadence for cadence in found.cadences]
    # It is found where the first request finds values, which begins twelve days ago: one is left for it then.
    if changes and change in QUARTER_HOURLY_FROM and ahead >= -12:
        assert found.cadences == (Cadence(None, "hour"), Cadence(change, finest))
    elif changes and said != [finest]:
        assert said == ["hour"]
        assert "the day was not found" in found.notes[0]
    else:
        assert said == [finest]
    # A first day is not later than the first value, and never in another year.
    begins = (
        first_day if period != "month" or first_day.day == 1 else (first_day.replace(day=1) + 31 * DAY).replace(day=1)
    )
    if found.first_day_is_exact:
        assert found.first_day == begins
    elif found.first_day is not None:
        assert found.first_year == begins.year
        assert found.first_day <= begins
    else:
        assert found.notes


# --- reading values ---------------------------------------------------------------------------------------------------


def answer(*entries: dict[str, object], updated: object = None) -> dict[str, object]:
    return {"indicator": {"values": list(entries), "values_updated_at": updated}}


def at(hours: float, geo_id: object = 3, value: object = 1.5) -> dict[str, object]:
    moment = datetime(2026, 10, 25, tzinfo=UTC) + timedelta(hours=hours)
    return {"datetime": moment.isoformat(), "geo_id": geo_id, "geo_name": "España", "value": value}


def test_a_missing_hour_a_null_or_an_odd_entry_does_not_change_the_cadence() -> None:
    entries = [at(0), at(1), at(4), at(5, value="7.5"), at(6), at(7, value=None), at(8, value=True), at(9, geo_id="3")]
    odd = [{"datetime": "nonsense", "value": 1, "geo_id": 3}, {"datetime": None}, at(11, value="NaN"), at(12, value=[])]
    values = read_values(answer(*entries, *odd))
    assert values.cadence() == "hour"
    assert list(values.areas) == [3]
    assert len(values.areas[3][1]) == 6


def test_values_without_an_area_are_values_too() -> None:
    values = read_values(answer(at(0, None), at(1, None), at(2, "x")))
    assert (values.cadence(), list(values.areas)) == ("hour", [None])


def test_the_instants_of_two_areas_are_not_mixed() -> None:
    entries = [entry for hour in range(6) for entry in (at(hour, 3), at(hour + 0.25, 1))]
    assert read_values(answer(*entries)).cadence() == "hour"


@pytest.mark.parametrize(
    ("hours", "cadence"),
    [
        ([0, 1 / 12, 2 / 12], "five_minutes"),
        ([0, 1 / 6, 2 / 6], "ten_minutes"),
        ([-26, -2, 23], "day"),  # 25 October 2026 has 25 hours
        ([-2, 23 + 24 * 6], "7 days"),
        ([0, 12], "720 minutes"),
        ([0], None),
        ([], None),
    ],
)
def test_a_cadence_is_the_distance_of_neighbours(hours: list[float], cadence: str | None) -> None:
    assert read_values(answer(*map(at, hours))).cadence() == cadence


def test_months_of_every_length_are_months() -> None:
    firsts = [midnight_utc(date(2026, month, 1)).replace(tzinfo=UTC).isoformat() for month in range(1, 13)]
    entries = [{"datetime": first, "geo_id": 3, "value": 1} for first in firsts]
    for start in range(11):
        assert read_values(answer(*entries[start : start + 2])).cadence() == "month"


def test_a_profile_is_a_value_that_can_be_compared(lookup: Lookup, server: simulator.Server) -> None:
    found = learnt(lookup, 541)
    assert replace(found) == found
