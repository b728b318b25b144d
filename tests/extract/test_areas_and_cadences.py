"""Several areas and a cadence that changes: what is asked, and what an edit of the registry makes the next run ask."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

import simulator
from extract.extraction import Request, Summary, extract
from extract.registry import CadenceSpan, Indicator, find_indicators
from extract.settings import Settings
from extract.warehouse import connect
from simulator.server import Server
from tests.extract.conftest import MakeSettings

SPAIN, PORTUGAL, FRANCE, PENINSULA = 3, 1, 2, 8741
HOURS = (CadenceSpan(date.min, "hour"),)
QUARTERS_FROM_OCTOBER = (*HOURS, CadenceSpan(date(2025, 10, 1), "fifteen_minutes"))
PRICE = replace(find_indicators(["600"])[0], areas=(SPAIN, PORTUGAL, FRANCE), cadences=QUARTERS_FROM_OCTOBER)
# All of it is closed by then.
NOW = "2026-06-15T10:00:00"
HALF_YEAR = (date(2025, 7, 1), date(2025, 12, 31))


def run(
    settings: Settings,
    indicator: Indicator = PRICE,
    span: tuple[date | None, date | None] = HALF_YEAR,
    *,
    now: str = NOW,
    refresh: bool = False,
) -> Summary:
    clock: Callable[[], datetime] = lambda: datetime.fromisoformat(now)  # noqa: E731
    summary = extract(settings, Request([indicator], *span, refresh), now=clock, quiet=True)
    assert summary.error is None
    return summary


def asked(server: Server) -> list[tuple[str, str, list[str]]]:
    """(first day, cadence, areas) of each request since the last look, in order of days."""
    found = sorted(
        (
            request.parameters["start_date"][0][:10],
            request.parameters["time_trunc"][0],
            request.parameters.get("geo_ids[]", []),
        )
        for request in server.requests
    )
    server.reset()
    return found


def rows(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    with connect(settings) as warehouse:
        return list(warehouse.rows(sql))


def responses(settings: Settings) -> int:
    ((count,),) = rows(settings, "select count(*) from raw_esios.indicator_responses")
    return int(count)


@pytest.fixture
def server() -> Any:
    with simulator.serve(clock=f"{NOW}Z") as running:
        yield running


def test_all_areas_are_asked_for_at_once_and_the_cadence_changes_between_two_windows(
    settings_for: MakeSettings, server: Server
) -> None:
    settings = settings_for(server)
    run(settings)
    areas = ["3", "1", "2"]
    assert asked(server) == [
        ("2025-07-01", "hour", areas),
        ("2025-10-01", "fifteen_minutes", areas),
        ("2025-11-01", "fifteen_minutes", areas),
        ("2025-12-01", "fifteen_minutes", areas),
    ]
    payloads = rows(settings, "select payload from raw_esios.indicator_responses order by window_start_utc")
    counts = []
    for (payload,) in payloads:
        values = json.loads(payload)["indicator"]["values"]
        assert {value["geo_id"] for value in values} == {SPAIN, PORTUGAL, FRANCE}
        counts.append(len(values))
    hours = 92 * 24
    assert counts == [3 * hours, 3 * 4 * (31 * 24 + 1), 3 * 4 * 30 * 24, 3 * 4 * 31 * 24]
    run(settings)
    assert asked(server) == []


def test_months_are_asked_for_whole_so_that_none_is_summed_up_in_part(
    settings_for: MakeSettings, server: Server
) -> None:
    settings = settings_for(server, ESIOS_WINDOW="day")
    monthly = replace(PRICE, areas=(SPAIN,), cadences=(CadenceSpan(date.min, "month"),))
    run(settings, monthly, (date(2025, 1, 10), date(2025, 4, 20)))
    parameters = [request.parameters for request in server.requests]
    spans = sorted((one["start_date"][0][:10], one["end_date"][0][:10]) for one in parameters)
    assert spans == [("2025-02-01", "2025-02-28"), ("2025-03-01", "2025-03-31"), ("2025-04-01", "2025-04-30")]
    values = [
        value
        for (payload,) in rows(settings, "select payload from raw_esios.indicator_responses order by window_start_utc")
        for value in json.loads(payload)["indicator"]["values"]
    ]
    assert [value["datetime"][:10] for value in values] == ["2025-02-01", "2025-03-01", "2025-04-01"]
    server.reset()
    run(settings_for(server), monthly, (date(2025, 1, 10), date(2025, 4, 20)))
    assert asked(server) == []


def test_every_area_is_asked_for_by_naming_none(settings_for: MakeSettings, server: Server) -> None:
    settings = settings_for(server)
    run(settings, replace(PRICE, areas=None), (date(2025, 9, 30), date(2025, 9, 30)))
    assert asked(server) == [("2025-09-30", "hour", [])]
    # What came without a name is every area, so that a list of some asks nothing again.
    run(settings, PRICE, (date(2025, 9, 30), date(2025, 9, 30)))
    assert asked(server) == []


def test_an_area_that_is_added_makes_a_plain_run_ask_for_what_was_landed_without_it_and_only_for_that(
    settings_for: MakeSettings, server: Server
) -> None:
    settings = settings_for(server)
    alone = replace(PRICE, areas=(SPAIN,), cadences=HOURS, first_day=date(2025, 1, 1))
    both = replace(alone, areas=(SPAIN, PORTUGAL))
    since = (date(2025, 1, 1), date(2025, 12, 31))
    run(settings, alone, since)
    run(settings, both, (date(2025, 4, 1), date(2025, 6, 30)))
    assert len(asked(server)) == 5
    run(settings, both, (None, date(2025, 12, 31)))
    assert asked(server) == [
        ("2025-01-01", "hour", ["3", "1"]),
        ("2025-07-01", "hour", ["3", "1"]),
        ("2025-10-01", "hour", ["3", "1"]),
    ]
    before = responses(settings)
    run(settings, both, (None, date(2025, 12, 31)))
    run(settings, alone, (None, date(2025, 12, 31)))
    assert asked(server) == [], "what was asked for both holds the one as well"
    assert responses(settings) == before


def test_a_plain_run_without_dates_asks_for_the_area_that_was_added(settings_for: MakeSettings, server: Server) -> None:
    settings = settings_for(server)
    alone = replace(PRICE, areas=(SPAIN,), cadences=HOURS, first_day=date(2026, 1, 1), published_ahead_days=-60)
    run(settings, alone, (None, None))
    run(settings, alone, (None, None))
    assert len(asked(server)) == 2, "a quarter, and the days of the next one"
    run(settings, replace(alone, areas=(FRANCE, SPAIN)), (None, None))
    assert asked(server) == [("2026-01-01", "hour", ["2", "3"]), ("2026-04-01", "hour", ["2", "3"])]


def test_an_area_without_values_is_asked_for_once(settings_for: MakeSettings, server: Server) -> None:
    settings = settings_for(server)
    alone = replace(PRICE, areas=(SPAIN,), cadences=HOURS)
    run(settings, alone)
    before = responses(settings)
    with_nothing = replace(alone, areas=(SPAIN, PENINSULA))
    assert run(settings, with_nothing).total("responses_landed") == before, "a row each says what it was asked for"
    asked(server)
    assert "no request was made" in run(settings, with_nothing).text()
    assert run(settings, with_nothing, refresh=True).total("responses_landed") == 0, "the same to the same request"


def test_a_cadence_that_changed_makes_the_next_run_ask_again_from_that_day_on(
    settings_for: MakeSettings, server: Server
) -> None:
    settings = settings_for(server)
    hourly = replace(PRICE, cadences=HOURS)
    span = (date(2025, 4, 1), date(2025, 12, 31))
    run(settings, hourly, span)
    asked(server)
    run(settings, PRICE, span)
    assert [first for first, *_ in asked(server)] == ["2025-10-01", "2025-11-01", "2025-12-01"]


@pytest.mark.parametrize("sizes", [("quarter", "month"), ("month", "quarter"), ("day", ""), ("", "year"), ("year", "")])
def test_what_is_closed_stays_closed_when_the_windows_are_cut_otherwise(
    settings_for: MakeSettings, server: Server, sizes: tuple[str, str]
) -> None:
    span = (date(2025, 9, 20), date(2025, 10, 20))
    run(settings_for(server, ESIOS_WINDOW=sizes[0]), PRICE, span)
    first = {day for day, *_ in asked(server)}
    assert {"2025-09-20", "2025-10-01"} <= first, "no setting makes a window hold the change of cadence"
    run(settings_for(server, ESIOS_WINDOW=sizes[1]), PRICE, span)
    assert asked(server) == []


def test_a_month_is_closed_though_the_quarter_that_it_was_asked_in_is_not(
    settings_for: MakeSettings, server: Server
) -> None:
    hourly = replace(PRICE, cadences=HOURS)
    span = (date(2026, 1, 1), date(2026, 3, 31))
    run(settings_for(server), hourly, span, now="2026-03-31T10:00:00")
    asked(server)
    run(settings_for(server, ESIOS_WINDOW="month"), hourly, span, now="2026-03-31T12:00:00")
    assert [first for first, *_ in asked(server)] == ["2026-03-01"]


def test_a_warehouse_of_version_1_is_asked_for_nothing_that_is_closed(
    settings_for: MakeSettings, server: Server
) -> None:
    """Its rows and URLs, written as 1.0 wrote them: whole quarters, one area, hours."""
    settings = settings_for(server)
    url = (
        f"{server.url}/indicators/460?start_date=2017-01-01T00%3A00%3A00%2B01%3A00&end_date=2017-03-31T23%3A59%3A59%2B02%3A00"
        "&time_trunc=hour&time_agg=average&geo_ids%5B%5D=8741"
    )
    (demand,) = find_indicators(["460"])
    run(settings, demand, (date(2017, 4, 1), date(2017, 4, 1)))
    asked(server)
    with connect(settings) as warehouse:
        for table, columns in (("indicator_responses", "'{}', 'x', 'r', "), ("window_checks", "'r', ")):
            at = "timestamp '2018-01-01 00:00:00'"
            middle = f"'{url}', {columns}{at}" if table == "indicator_responses" else f"{columns}{at}, 'x'"
            warehouse.execute(
                f"insert into raw_esios.{table} values (460, timestamp '2016-12-31 23:00:00',"
                f" timestamp '2017-03-31 22:00:00', {middle})"
            )
    run(settings, demand, (date(2017, 1, 1), date(2017, 4, 1)))
    assert asked(server) == []
