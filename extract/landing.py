"""Response → landing row, what is already landed, and which windows are closed. Knows no engine and no network.

The landing is append-only: a response equal to the newest one for its indicator and window adds no row, only a check.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from extract.api import SIMULATED, Response, source_of
from extract.errors import UsageError
from extract.registry import Indicator
from extract.settings import is_loopback
from extract.warehouse import Warehouse
from extract.windows import (
    DAY,
    Window,
    asked_for,
    cut_by_cadence,
    is_covered,
    joined,
    madrid_day,
    what_was_asked,
    without,
)

RESPONSES = "raw_esios.indicator_responses"
CHECKS = "raw_esios.window_checks"
RUNS = "raw_esios.extract_runs"
SOURCE = "raw_esios.source"
# The status of a row of the run log that is not a run: from then on its span is no longer due (`esios forget`).
FORGOTTEN = "forgotten"
# Who decides by what is landed takes turns.
LOCK = "esios landing"
_MICROSECOND = timedelta(microseconds=1)


@dataclass
class Run:
    """One row of `extract_runs`: what was asked for, how far it came. `requested_end` None: followed."""

    run_id: str
    indicator_id: int
    started_at_utc: datetime
    requested_start: date
    requested_end: date | None
    finished_at_utc: datetime | None = None
    status: str = "running"
    windows: int = 0
    requests: int = 0
    retries: int = 0
    responses_landed: int = 0
    bytes_received: int = 0
    error: str | None = field(default=None)


@dataclass(frozen=True)
class SpanEvent:
    """What the run log says of a span of Madrid days: it was asked for or, `is_forgotten`, taken back at an instant."""

    span: Window
    at_utc: datetime
    is_forgotten: bool


def windows_to_ask(
    indicator: Indicator, span: Window, setting: str, closed: Mapping[str, Sequence[Window]], refresh: bool
) -> Iterator[tuple[Window, str]]:
    """The windows of a span that may hold something new, each with its cadence.

    A window is left out where every day of it is closed for its cadence (`closed_days`), unless `refresh`.
    """
    for window, cadence in cut_by_cadence(span, indicator.cadences, indicator.areas, setting):
        if refresh or not is_covered(window, closed[cadence]):
            yield window, cadence


def closed_days(
    indicator: Indicator,
    checked: Mapping[Window, datetime],
    urls: Mapping[Window, str],
    events: Sequence[SpanEvent],
) -> dict[str, list[Window]]:
    """By cadence, the days that cannot change any more: checked when their revision horizon had passed.

    A check counts if its response was asked for with that cadence and with every area that the registry has now; one
    that was forgotten since does not. `urls` are those of each window's newest response.
    """
    horizon = timedelta(days=indicator.revision_horizon_days)
    closed = {}
    for cadence in {one.cadence for one in indicator.cadences}:
        counting = {
            window: at
            for window, at in checked.items()
            if asked_for(urls.get(window, ""), cadence, indicator.time_agg, indicator.areas)
        }
        # A day closes on its own, so that it stays closed when the windows are cut otherwise.
        parts = (
            Window(window.first_day, min(window.end_day, madrid_day(at - horizon)))
            for window, at in still_checked(counting, events).items()
        )
        closed[cadence] = joined(part for part in parts if part.first_day < part.end_day)
    return closed


def checked_windows(warehouse: Warehouse, indicator_id: int) -> dict[Window, datetime]:
    """Every window that ever had a response, and when the last one came (naive UTC)."""
    sql = (
        "select window_start_utc, window_end_utc, max(checked_at_utc)"
        f" from {CHECKS} where indicator_id = ? group by window_start_utc, window_end_utc"
    )
    checked = {}
    for start, end, at in warehouse.rows(sql, (indicator_id,)):
        window = Window(madrid_day(start), madrid_day(end))
        # A row that somebody else landed off the day's edges covers no whole days: ask again.
        if (window.start_utc, window.end_utc) == (start, end):
            checked[window] = at
    return checked


def newest_urls(warehouse: Warehouse, indicator_id: int) -> dict[Window, str]:
    """The URL of each window's newest response, which says what was asked for."""
    sql = (
        "select window_start_utc, window_end_utc, source_url from (select window_start_utc, window_end_utc, source_url,"
        " row_number() over (partition by window_start_utc, window_end_utc order by extracted_at_utc desc) as age"
        f" from {RESPONSES} where indicator_id = ?) as responses where age = 1"
    )
    rows = warehouse.rows(sql, (indicator_id,))
    return {Window(madrid_day(start), madrid_day(end)): url for start, end, url in rows}


def events_since_forgotten(warehouse: Warehouse, indicator_id: int) -> list[SpanEvent]:
    """From the first span of an indicator that was forgotten on: what was forgotten and what was asked for, in order.

    Only runs with an end count: one that keeps a series up to date asks for nothing that was forgotten.
    """
    sql = (
        f"select requested_start, requested_end, started_at_utc, status from {RUNS} where indicator_id = ?"
        " and requested_end is not null and started_at_utc >="
        f" (select min(forgotten.started_at_utc) from {RUNS} as forgotten"
        " where forgotten.indicator_id = ? and forgotten.status = ?) order by started_at_utc"
    )
    return [
        SpanEvent(Window(_date(start), _date(end) + DAY), at, status == FORGOTTEN)
        for start, end, at, status in warehouse.rows(sql, (indicator_id, indicator_id, FORGOTTEN))
    ]


def forgotten_spans(events: Iterable[SpanEvent]) -> list[Window]:
    """The days that were not asked for again after they were forgotten."""
    forgotten: list[Window] = []
    for event in events:
        if event.is_forgotten:
            forgotten.append(event.span)
        else:
            forgotten = [rest for span in forgotten for rest in without(span, [event.span])]
    return forgotten


def still_checked(checked: Mapping[Window, datetime], events: Iterable[SpanEvent]) -> dict[Window, datetime]:
    """The checks less what was forgotten after them: a span that is asked for again must be checked again to be due."""
    forgotten = [event for event in events if event.is_forgotten]
    left: dict[Window, datetime] = {}
    for window, at in checked.items():
        for part in without(window, [event.span for event in forgotten if event.at_utc >= at]):
            left[part] = max(at, left.get(part, at))
    return left


def first_requested_day(warehouse: Warehouse, indicator_id: int) -> date | None:
    """The earliest day that any run asked for: where a run without dates begins to look for holes. None: no run yet."""
    sql = f"select min(requested_start) from {RUNS} where indicator_id = ? and status <> ?"
    earliest = _first_value(warehouse, sql, (indicator_id, FORGOTTEN))
    return None if earliest is None else _date(earliest)


def was_requested(warehouse: Warehouse, indicator_id: int, span: Window) -> bool:
    """Whether any run asked for a day of the span."""
    sql = (
        f"select count(*) from {RUNS} where indicator_id = ? and status <> ? and requested_start <= ?"
        " and (requested_end is null or requested_end >= ?)"
    )
    values = (indicator_id, FORGOTTEN, span.end_day - DAY, span.first_day)
    return bool(_first_value(warehouse, sql, values))


def _date(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value


def begin_run(warehouse: Warehouse, run: Run) -> None:
    """Write the run's row when it starts."""
    names = list(Run.__dataclass_fields__)
    marks = ", ".join("?" for _ in names)
    values = [getattr(run, name) for name in names]
    warehouse.atomically(
        lambda: warehouse.execute(
            f"insert into {warehouse.for_insert(RUNS)} ({', '.join(names)}) values ({marks})", values
        )
    )


def finish_run(warehouse: Warehouse, run: Run) -> None:
    """Complete the run's row when it ends, well or not."""
    names = [name for name in Run.__dataclass_fields__ if name != "run_id"]
    values = [*(getattr(run, name) for name in names), run.run_id]
    settings = ", ".join(f"{name} = ?" for name in names)
    warehouse.atomically(
        lambda: warehouse.execute(f"update {warehouse.for_update(RUNS)} set {settings} where run_id = ?", values)
    )


def recorded_source(warehouse: Warehouse) -> str | None:
    """Where this warehouse's rows come from, or None while it is empty."""
    source: str | None = _first_value(warehouse, f"select source from {SOURCE}")
    return source


def refuse_other_source(recorded: str | None, base_url: str) -> None:
    """Before the first request: `UsageError` if the configured address cannot be the one the rows came from.

    An address on this machine may be the simulator, whatever its port; its responses say so, and `land` checks again.
    """
    may_be_simulator = recorded == SIMULATED and is_loopback(urlsplit(base_url).hostname or "")
    if recorded not in (None, source_of(base_url)) and not may_be_simulator:
        raise other_source(str(recorded), source_of(base_url))


def claim_source(warehouse: Warehouse, source: str) -> None:
    """Before anything is written, within its transaction: an empty warehouse takes this source, another refuses it."""
    recorded = recorded_source(warehouse)
    if recorded is None:
        warehouse.execute(f"insert into {warehouse.for_insert(SOURCE)} (source) values (?)", (source,))
    elif recorded != source:
        raise other_source(recorded, source)


def other_source(recorded: str, offered: str) -> UsageError:
    """The error for rows that do not belong into this warehouse."""
    return UsageError(
        f"this warehouse holds rows from {recorded}, and the API configured now is {offered}",
        "rows of two sources never share a warehouse: name another one (ESIOS_DUCKDB_PATH, MSSQL_DATABASE or"
        " ESIOS_LAKE), or set ESIOS_BASE_URL back",
    )


def land(warehouse: Warehouse, run: Run, window: Window, response: Response, now_utc: datetime) -> bool:
    """Write one response, in one transaction; True if it added a row, False if it equals the newest one landed.

    Equal is the same body to the same request: where an area that was added has no values, the new row says that it was
    asked for. Two runs at once take turns here, so the same response never lands twice. `extracted_at_utc` never runs
    backwards within an indicator, even if the clock does: the newest response is the one that is landed last.
    """
    payload = response.body.decode("utf-8")
    digest = hashlib.sha256(response.body).hexdigest()
    key = (run.indicator_id, window.start_utc, window.end_utc)

    def work() -> bool:
        # In this order, for an engine that commits one table after another: a kill in between leaves a response without
        # its check, and the window is asked for again.
        with warehouse.lock(LOCK, SOURCE, RESPONSES):
            claim_source(warehouse, response.source)
            at = max(now_utc, newest_instant(warehouse, run.indicator_id) + _MICROSECOND)
            changed = _newest(warehouse, key) != (digest, what_was_asked(response.url))
            if changed:
                warehouse.execute(
                    f"insert into {warehouse.for_insert(RESPONSES)} (indicator_id, window_start_utc, window_end_utc,"
                    " source_url, payload, payload_sha256, run_id, extracted_at_utc) values (?, ?, ?, ?, ?, ?, ?, ?)",
                    (*key, response.url, payload, digest, run.run_id, at),
                )
            warehouse.execute(
                f"insert into {warehouse.for_insert(CHECKS)} (indicator_id, window_start_utc, window_end_utc, run_id,"
                " checked_at_utc, payload_sha256) values (?, ?, ?, ?, ?, ?)",
                (*key, run.run_id, at, digest),
            )
        return changed

    return warehouse.atomically(work)


def newest_instant(warehouse: Warehouse, indicator_id: int) -> datetime:
    """The last instant at which a response for an indicator came or a span of it forgotten; `datetime.min` if never.

    A kill may have kept the check of the last response from being written.
    """
    sql = (
        f"select max(newest.at) from (select max(checked_at_utc) as at from {CHECKS} where indicator_id = ?"
        f" union all select max(extracted_at_utc) from {RESPONSES} where indicator_id = ?"
        f" union all select max(started_at_utc) from {RUNS} where indicator_id = ? and status = ?) as newest"
    )
    values = (indicator_id, indicator_id, indicator_id, FORGOTTEN)
    newest: datetime | None = _first_value(warehouse, sql, values)
    return newest or datetime.min


def _newest(warehouse: Warehouse, key: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Digest of the newest response of a window, and what it was asked for."""
    sql = (
        f"select payload_sha256, source_url from {RESPONSES} where indicator_id = ? and window_start_utc = ?"
        " and window_end_utc = ? order by extracted_at_utc desc"
    )
    rows = list(warehouse.rows(sql, key))
    return (rows[0][0], what_was_asked(rows[0][1])) if rows else None


def _first_value(warehouse: Warehouse, sql: str, params: Sequence[Any] = ()) -> Any:
    """The first column of the first row, or None; read to the end, as the connector asks."""
    rows = list(warehouse.rows(sql, params))
    return rows[0][0] if rows else None
