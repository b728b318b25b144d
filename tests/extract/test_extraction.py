"""The extract verb, over real HTTP into a real file: what is asked, what is landed, and what a second run does."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

import simulator
from extract.errors import ApiUnavailable, KeyRefused, UsageError
from extract.extraction import Request, Summary, extract
from extract.registry import find_indicators
from extract.settings import Settings
from extract.warehouse import connect
from simulator import faults
from tests.extract.conftest import MakeSettings

(DEMAND,) = find_indicators(["460"])
YEAR = Request([DEMAND], date(2017, 1, 1), date(2017, 12, 31))


def at(text: str) -> Callable[[], datetime]:
    """A clock that stands still, naive UTC."""
    return lambda: datetime.fromisoformat(text)


def run(settings: Settings, request: Request = YEAR, now: str = "2026-01-15T10:00:00") -> Summary:
    return extract(settings, request, now=at(now), quiet=True)


def rows(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    with connect(settings) as warehouse:
        return list(warehouse.rows(sql))


def landed(settings: Settings) -> list[tuple[Any, ...]]:
    return rows(
        settings,
        "select window_start_utc, window_end_utc, payload_sha256 from raw_esios.indicator_responses order by all",
    )


def test_a_year_is_four_responses_byte_for_byte(settings_for: MakeSettings) -> None:
    with simulator.serve() as server:
        settings = settings_for(server)
        summary = run(settings)
    assert summary.error is None
    assert summary.text().startswith("extract: 4 of 4 windows fetched, 4 landed, 0 unchanged; 4 requests (0 retries)")
    found = rows(
        settings, "select payload, payload_sha256, source_url, indicator_id, run_id from raw_esios.indicator_responses"
    )
    assert len(found) == 4
    for payload, digest, url, indicator_id, run_id in found:
        assert hashlib.sha256(payload.encode()).hexdigest() == digest
        assert "sesame" not in url
        assert url.startswith(f"{settings.api.base_url}/indicators/460?")
        assert (indicator_id, run_id) == (460, summary.runs[0].run_id)
    edges = [(start, end) for start, end, _ in landed(settings)]
    assert edges[0] == (datetime(2016, 12, 31, 23), datetime(2017, 3, 31, 22))
    assert [end for _, end in edges[:-1]] == [start for start, _ in edges[1:]]


def test_the_run_log_describes_the_run(settings_for: MakeSettings) -> None:
    with simulator.serve(faults=[faults.status(503, times=1)]) as server:
        settings = settings_for(server)
        run(settings)
    ((status, start, end, windows, requests, retries, count, received, error),) = rows(
        settings,
        "select status, requested_start, requested_end, windows, requests, retries, responses_landed, bytes_received,"
        " error from raw_esios.extract_runs",
    )
    assert (status, start, end, error) == ("succeeded", date(2017, 1, 1), date(2017, 12, 31), None)
    assert (windows, requests, retries, count) == (4, 5, 1, 4)
    assert received > 1_000_000


def test_a_second_run_asks_nothing_and_adds_nothing(settings_for: MakeSettings) -> None:
    with simulator.serve() as server:
        settings = settings_for(server)
        run(settings)
        before = landed(settings)
        server.reset()
        summary = run(settings)
        assert server.requests == []
    assert "no request was made" in summary.text()
    assert landed(settings) == before


def test_refresh_asks_again_and_an_equal_response_adds_a_check_but_no_row(settings_for: MakeSettings) -> None:
    with simulator.serve() as server:
        settings = settings_for(server)
        run(settings)
        before = landed(settings)
        summary = run(settings, Request([DEMAND], YEAR.start, YEAR.end, refresh=True))
    assert summary.windows_answered == 4
    assert summary.total("responses_landed") == 0
    assert landed(settings) == before
    assert rows(settings, "select count(*) from raw_esios.window_checks") == [(8,)]


def test_a_changed_response_is_added_and_the_old_one_stays(settings_for: MakeSettings) -> None:
    with simulator.serve() as server:
        settings = settings_for(server)
        run(settings)
        server.add(faults.revised_hours("2017-02-01T10:00:00", 100))
        summary = run(settings, Request([DEMAND], YEAR.start, YEAR.end, refresh=True), now="2026-01-16T10:00:00")
    assert summary.total("responses_landed") == 1
    assert len(landed(settings)) == 5


def test_recent_windows_are_asked_again_until_they_close(settings_for: MakeSettings) -> None:
    span = Request([DEMAND], date(2025, 7, 1), date(2025, 12, 31))
    with simulator.serve(clock="2025-12-31T10:00:00Z") as server:
        settings = settings_for(server)
        run(settings, span, now="2025-12-31T10:00:00")
        server.reset()
        run(settings, span, now="2025-12-31T18:00:00")
        assert [request.parameters["start_date"] for request in server.requests] == [["2025-10-01T00:00:00+02:00"]]
        server.set_clock("2026-01-20T10:00:00Z")
        run(settings, span, now="2026-01-20T10:00:00")  # past the horizon: asked for the last time
        server.reset()
        run(settings, span, now="2026-03-01T10:00:00")
        assert server.requests == []


def test_without_dates_it_goes_on_where_the_last_run_ended(settings_for: MakeSettings) -> None:
    with simulator.serve(clock="2018-03-15T10:00:00Z") as server:
        settings = settings_for(server)
        run(settings, YEAR, now="2018-03-15T10:00:00")
        server.reset()
        run(settings, Request([DEMAND]), now="2018-03-15T10:00:00")
        (request,) = server.requests
        assert request.parameters["start_date"] == ["2018-01-01T00:00:00+01:00"]
        assert request.parameters["end_date"] == ["2018-03-22T23:59:59+01:00"], "D+7 is the last day published"
    (kept_up,) = rows(settings, "select requested_start from raw_esios.extract_runs where requested_end is null")
    assert kept_up == (date(2017, 1, 1),)


def test_without_dates_an_empty_warehouse_starts_on_the_registrys_first_day(settings_for: MakeSettings) -> None:
    with simulator.serve(clock="2017-02-10T10:00:00Z") as server:
        settings = settings_for(server)
        run(settings, Request([DEMAND]), now="2017-02-10T10:00:00")
        (request,) = server.requests
    assert request.parameters["start_date"] == [f"{DEMAND.first_day}T00:00:00+01:00"]
    assert request.parameters["end_date"] == ["2017-02-17T23:59:59+01:00"]


def test_a_run_that_lost_a_window_is_completed_by_the_next(settings_for: MakeSettings) -> None:
    with simulator.serve(faults=[faults.status(503, covering="2017-05-01")]) as server:
        settings = settings_for(server, ESIOS_MAX_TRIES="2")
        summary = run(settings)
        assert isinstance(summary.error, ApiUnavailable)
        assert summary.windows_answered == 3, "the other windows are landed all the same"
        assert rows(settings, "select status from raw_esios.extract_runs") == [("failed",)]
        server.reset()
        assert run(settings).error is None
        assert [request.parameters["start_date"] for request in server.requests] == [["2017-04-01T00:00:00+02:00"]]
    with simulator.serve() as server:
        undisturbed = settings_for(server, ESIOS_DUCKDB_PATH=str(settings.duckdb_path.with_name("undisturbed.duckdb")))
        run(undisturbed)
    assert landed(settings) == landed(undisturbed)


def test_a_plain_run_fills_the_hole_that_a_failed_first_run_left_in_front(settings_for: MakeSettings) -> None:
    with simulator.serve(clock="2017-09-10T10:00:00Z", faults=[faults.status(503, covering="2017-02-01")]) as server:
        settings = settings_for(server, ESIOS_MAX_TRIES="2")
        run(settings, Request([DEMAND]), now="2017-09-10T10:00:00")
        server.reset()
        run(settings, Request([DEMAND]), now="2017-09-10T10:00:00")
        assert "2017-01-01T00:00:00+01:00" in [request.parameters["start_date"][0] for request in server.requests]


def test_an_api_that_is_down_is_not_asked_for_every_window(settings_for: MakeSettings) -> None:
    with simulator.serve(faults=[faults.status(503)]) as server:
        settings = settings_for(server, ESIOS_MAX_TRIES="3")
        summary = run(settings, Request([DEMAND], date(2017, 1, 1), date(2024, 12, 31)))
        assert len(server.requests) <= 3 * 8
    assert isinstance(summary.error, ApiUnavailable)


def test_an_api_that_asks_us_to_wait_for_long_is_left_alone(settings_for: MakeSettings) -> None:
    with simulator.serve(faults=[faults.status(429, retry_after=7200)]) as server:
        settings = settings_for(server, ESIOS_CONCURRENCY="1")
        summary = run(settings, Request([DEMAND], date(2017, 1, 1), date(2024, 12, 31)))
        assert len(server.requests) <= 2, "one more may have been on its way"
    assert isinstance(summary.error, ApiUnavailable)


def test_a_refused_key_ends_the_run_at_once(settings_for: MakeSettings) -> None:
    with simulator.serve(refused_keys=["sesame"]) as server:
        settings = settings_for(server, ESIOS_CONCURRENCY="1")
        summary = run(settings)
        assert len(server.requests) <= 2
    assert isinstance(summary.error, KeyRefused)
    assert landed(settings) == []


def test_rows_of_two_sources_never_share_a_warehouse(settings_for: MakeSettings) -> None:
    with simulator.serve() as server:
        settings = settings_for(server)
        run(settings)
    with simulator.serve() as again:  # another port, the same simulated source
        assert run(settings_for(again), Request([DEMAND], date(2018, 1, 1), date(2018, 1, 31))).error is None
    with pytest.raises(UsageError, match=r"holds rows from simulated.*https://api\.esios\.ree\.es:443"):
        run(settings_for("https://api.esios.ree.es"))
    with connect(settings) as warehouse:
        warehouse.execute("update raw_esios.source set source = 'https://api.esios.ree.es:443'")
    with simulator.serve() as server, pytest.raises(UsageError, match="never share a warehouse"):
        run(settings_for(server), Request([DEMAND], date(2019, 1, 1), date(2019, 1, 31)))


def test_a_server_on_loopback_that_is_not_the_simulator_is_recognised_by_its_response(
    settings_for: MakeSettings,
) -> None:
    with simulator.serve() as server:
        settings = settings_for(server)
        with connect(settings) as warehouse:
            warehouse.ensure_schema()
            warehouse.execute("insert into raw_esios.source values (?)", (server.url,))
        summary = run(settings)
    assert isinstance(summary.error, UsageError)
    assert landed(settings) == []


def test_two_runs_at_once_double_nothing(settings_for: MakeSettings) -> None:
    with simulator.serve(latency_ms=30) as server:
        settings = settings_for(server)
        summaries: list[Summary] = []
        threads = [threading.Thread(target=lambda: summaries.append(run(settings))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [summary.error for summary in summaries] == [None] * 3
    assert len(landed(settings)) == 4
    assert sum(summary.total("responses_landed") for summary in summaries) == 4


def test_a_clock_that_was_set_back_does_not_make_the_newest_response_older(settings_for: MakeSettings) -> None:
    with simulator.serve() as server:
        settings = settings_for(server)
        run(settings, now="2026-01-15T10:00:00")
        server.add(faults.revised_hours("2017-02-01T10:00:00", 100))
        back = run(settings, Request([DEMAND], YEAR.start, YEAR.end, refresh=True), now="2026-01-14T10:00:00")
    newest = rows(settings, "select run_id from raw_esios.indicator_responses order by extracted_at_utc desc limit 1")
    assert newest == [(back.runs[0].run_id,)], "the answer that was landed last carries the newest time"


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2018-02-01", "2018-01-01", "lies after"),
        ("2026-02-01", None, "--start 2026-02-01 lies in the future"),
        ("2026-01-01", "2026-02-01", "--end 2026-02-01 lies in the future.*2026-01-22"),
    ],
)
def test_dates_that_make_no_sense_are_refused_before_anything_is_asked(
    settings_for: MakeSettings, start: str, end: str | None, words: str
) -> None:
    request = Request([DEMAND], date.fromisoformat(start), date.fromisoformat(end) if end else None)
    with simulator.serve() as server:
        with pytest.raises(UsageError, match=words):
            run(settings_for(server), request)
        assert server.requests == []


def test_several_indicators_run_one_log_row_each(settings_for: MakeSettings) -> None:
    with simulator.serve() as server:
        settings = settings_for(server)
        request = Request(find_indicators(["460", "Demanda real"]), date(2019, 1, 1), date(2019, 3, 31))
        summary = run(settings, request)
    assert summary.error is None
    counted = rows(settings, "select indicator_id, count(*) from raw_esios.indicator_responses group by 1 order by 1")
    assert counted == [(460, 1), (1293, 1)]
    logged = rows(settings, "select indicator_id, responses_landed, requests from raw_esios.extract_runs order by 1")
    assert logged == [(460, 1, 1), (1293, 1, 1)]


def test_every_indicator_is_asked_for_the_days_of_the_span_that_it_is_published_for(settings_for: MakeSettings) -> None:
    with simulator.serve(clock="2019-01-05T10:00:00Z") as server:
        settings = settings_for(server)
        everything = Request(find_indicators(["460", "1775", "1293"]), date(2018, 12, 31), date(2019, 1, 6), clip=True)
        assert run(settings, everything, now="2019-01-05T10:00:00").error is None
        nobody = Request(everything.indicators, date(2016, 1, 1), date(2016, 12, 31), clip=True)
        with pytest.raises(UsageError, match="no indicator is published from 2016-01-01 to 2016-12-31"):
            run(settings, nobody, now="2019-01-05T10:00:00")
    logged = rows(
        settings, "select indicator_id, requested_start, requested_end from raw_esios.extract_runs order by 1"
    )
    assert logged == [
        (460, date(2018, 12, 31), date(2019, 1, 6)),
        (1293, date(2018, 12, 31), date(2019, 1, 5)),
        (1775, date(2019, 1, 1), date(2019, 1, 6)),
    ]


def test_an_interrupt_while_the_run_log_is_written_is_in_the_run_log(settings_for: MakeSettings) -> None:
    asked: list[datetime] = []

    def clock() -> datetime:
        """The last time that it is asked, it is when the run log is written."""
        asked.append(datetime(2026, 1, 15, 10))
        if len(asked) == calls:
            raise KeyboardInterrupt
        return asked[-1]

    with simulator.serve() as server:
        calls = -1
        settings = settings_for(server)
        extract(settings, YEAR, now=clock, quiet=True)
        calls = len(asked)
        asked.clear()
        summary = extract(settings, Request([DEMAND], YEAR.start, YEAR.end, refresh=True), now=clock, quiet=True)
    assert summary.interrupted
    assert summary.windows_answered == 4
    states = rows(settings, "select status from raw_esios.extract_runs order by finished_at_utc, status desc")
    assert [state for (state,) in states] == ["succeeded", "interrupted"]
