"""The extract verb: due windows → API → landing, with progress, run log and summary. One thread writes, several ask."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from extract import landing
from extract.allocator import return_large_blocks
from extract.api import EsiosClient, Interrupted, Response
from extract.counted import counted
from extract.errors import ApiClosed, ApiUnavailable, EsiosError, KeyRefused, UsageError, WarehouseError
from extract.landing import Run
from extract.progress import Progress
from extract.registry import Indicator
from extract.settings import Settings, require_api_key
from extract.warehouse import Warehouse, connect
from extract.windows import DAY, Window, api_parameters, madrid_day, without

# Where several things failed, the run ends as the first of these says.
GRAVEST_FIRST = (WarehouseError, UsageError, KeyRefused, ApiUnavailable)
# So many failed windows in a row, without a response meanwhile: the API is down, and not only a window odd.
API_IS_DOWN_AFTER = 4


@dataclass(frozen=True)
class Request:
    """What to extract. Days are Madrid days, both included; without either the series is followed.

    `clip`: of each indicator only the days that it is published for, where a day beyond them is refused otherwise.
    """

    indicators: Sequence[Indicator]
    start: date | None = None
    end: date | None = None
    refresh: bool = False
    clip: bool = False


@dataclass
class Summary:
    """What a run did, over all its indicators. `errors` holds one error for each thing that failed."""

    runs: list[Run] = field(default_factory=list)
    windows_answered: int = 0
    errors: list[EsiosError] = field(default_factory=list)
    interrupted: bool = False

    @property
    def error(self) -> EsiosError | None:
        """The gravest failure, or None."""
        by_gravity = (error for kind in GRAVEST_FIRST for error in self.errors if isinstance(error, kind))
        return next(by_gravity, None)

    def total(self, name: str) -> int:
        """A count of `extract_runs` (windows, requests, retries, responses_landed, bytes_received) over all runs."""
        return sum(getattr(run, name) for run in self.runs)

    def text(self) -> str:
        """The closing line for people."""
        windows, landed = self.total("windows"), self.total("responses_landed")
        if not windows:
            return "extract: everything asked for is landed and closed; no request was made"
        return (
            f"extract: {self.windows_answered} of {counted(windows, 'window')} fetched, {landed} landed, "
            f"{self.windows_answered - landed} unchanged; {counted(self.total('requests'), 'request')} "
            f"({counted(self.total('retries'), 'retry')}), {self.total('bytes_received') / 1e6:.1f} MB"
        )

    def document(self) -> dict[str, Any]:
        """The same for programs."""
        counts = ("windows", "requests", "retries", "responses_landed", "bytes_received")
        return {
            "windows_answered": self.windows_answered,
            **{name: self.total(name) for name in counts},
            "runs": [vars(run) for run in self.runs],
            "error": str(self.error) if self.error else None,
            "errors": [str(error) for error in self.errors],
            "exit_code": self.error.exit_code if self.error else 0,
        }


@dataclass(frozen=True)
class _Job:
    indicator: Indicator
    run: Run
    window: Window
    cadence: str

    def __str__(self) -> str:
        return f"{self.indicator.id} {self.window}"


@dataclass(frozen=True)
class _Plan:
    """What to ask of one indicator. The windows are cut when they are needed: memory does not grow with the span."""

    indicator: Indicator
    run: Run
    spans: Sequence[Window]
    closed: Mapping[str, Sequence[Window]]
    setting: str
    refresh: bool

    def jobs(self) -> Iterator[_Job]:
        for span in self.spans:
            for window, cadence in landing.windows_to_ask(
                self.indicator, span, self.setting, self.closed, self.refresh
            ):
                yield _Job(self.indicator, self.run, window, cadence)


@dataclass(frozen=True)
class _Failure:
    error: EsiosError
    no_response: bool = False  # to any request while this window was asked for


def utc_now() -> datetime:
    """The clock of the landing: naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def extract(
    settings: Settings, request: Request, *, now: Callable[[], datetime] = utc_now, quiet: bool = False
) -> Summary:
    """Land every window of the request that may hold something new.

    Each window is committed on its own, so that a run killed anywhere loses at most the windows in flight. Wrong usage
    and a warehouse that cannot be opened raise before anything is asked; what fails later is in `Summary.errors`, and
    what was landed stays.
    """
    require_api_key(settings)
    return_large_blocks()
    today = madrid_day(now())
    spans = [(indicator, span) for indicator in request.indicators if (span := _span(indicator, request, today))]
    if not spans:
        raise UsageError(
            f"no indicator is published from {request.start} to {request.end or 'today'}", "check --start and --end"
        )
    summary = Summary()
    with _Session(settings) as session:
        session.warehouse.ensure_schema()
        landing.refuse_other_source(landing.recorded_source(session.warehouse), settings.api.base_url)
        plans = []
        for indicator, span in spans:
            plans.append(_plan(session.warehouse, settings, indicator, span, request, now()))
            summary.runs.append(plans[-1].run)
        session.release()
        try:
            if summary.total("windows"):
                _work_through(settings, session, plans, summary, now, quiet)
        except KeyboardInterrupt:  # after the last response
            summary.interrupted = True
            session.renew()
        _close_runs(session, summary, now)
    return summary


def _span(indicator: Indicator, request: Request, today: date) -> tuple[date | None, date] | None:
    """First and last day to ask for; the first is None where the run log decides (no dates given). None: no day."""
    start, end = request.start, request.end
    last_published = today + timedelta(days=indicator.published_ahead_days)
    if start and end and start > end:
        raise UsageError(f"--start {start} lies after --end {end}", "swap them")
    if request.clip:
        start, end = start and max(start, indicator.first_day), end and min(end, last_published)
        if (start or indicator.first_day) > (end or last_published):
            return None
    for option, day in (("--start", start), ("--end", end)):
        if day and day > last_published:
            raise UsageError(
                f"{option} {day} lies in the future",
                f"the last day that indicator {indicator.id} is published for is {last_published}",
            )
        if day and day < indicator.first_day:
            raise UsageError(
                f"{option} {day} lies before the first day of indicator {indicator.id}, {indicator.first_day}",
                "check the year, or change first_day in dbt_project/models/registry/esios_indicators.yml",
            )
    first = indicator.first_day if start is None and end is not None else start
    return first, end or last_published


def _plan(
    warehouse: Warehouse,
    settings: Settings,
    indicator: Indicator,
    span: tuple[date | None, date],
    request: Request,
    now_utc: datetime,
) -> _Plan:
    first, last = span
    events = landing.events_since_forgotten(warehouse, indicator.id)
    checked = landing.checked_windows(warehouse, indicator.id)
    closed = landing.closed_days(indicator, checked, landing.newest_urls(warehouse, indicator.id), events)
    forgotten: list[Window] = []
    if first is None:
        # From where any run began, so that the holes of a killed one are filled as well.
        requested = landing.first_requested_day(warehouse, indicator.id) or indicator.first_day
        first = max(requested, indicator.first_day)
        forgotten = landing.forgotten_spans(events)
    run = Run(str(uuid.uuid4()), indicator.id, now_utc, first, request.end and last)
    spans = without(Window(first, last + DAY), forgotten)
    plan = _Plan(indicator, run, spans, closed, settings.api.window, request.refresh)
    run.windows = sum(1 for _ in plan.jobs())
    landing.begin_run(warehouse, run)
    return plan


def _work_through(
    settings: Settings,
    session: _Session,
    plans: Sequence[_Plan],
    summary: Summary,
    now: Callable[[], datetime],
    quiet: bool,
) -> None:
    client = EsiosClient(settings.api)
    in_vain = 0
    try:
        jobs = (job for plan in plans for job in plan.jobs())
        with Progress(summary.total("windows"), quiet=quiet) as progress:
            for job, outcome in _outcomes(client, jobs, settings.api.concurrency, session.release):
                if isinstance(outcome, Response):
                    added = landing.land(session.warehouse, job.run, job.window, outcome, now())
                    job.run.responses_landed += added
                    summary.windows_answered += 1
                    in_vain = 0
                    progress.done(f"{job}: {'landed' if added else 'unchanged'}, {len(outcome.body):,} bytes")
                else:
                    progress.failed(f"{job}: {outcome.error}")
                    _record(summary, job.run, outcome.error)
                    in_vain = in_vain + 1 if outcome.no_response else 0
                    hopeless = isinstance(outcome.error, ApiClosed) or not isinstance(outcome.error, ApiUnavailable)
                    if hopeless or in_vain >= max(API_IS_DOWN_AFTER, settings.api.concurrency):
                        break
    except KeyboardInterrupt:
        summary.interrupted = True
        session.renew()
    except EsiosError as error:  # the landing failed: nothing that follows could land either
        for run in summary.runs:
            _record(summary, run, error)
    finally:
        client.stop()
        client.close()
        for run in summary.runs:
            traffic = client.traffic[run.indicator_id]
            run.requests, run.retries, run.bytes_received = traffic.requests, traffic.retries, traffic.bytes_received


def _record(summary: Summary, run: Run, error: EsiosError) -> None:
    if error not in summary.errors:
        summary.errors.append(error)
    run.status = "failed"
    run.error = run.error or str(error)[:1000]


def _close_runs(session: _Session, summary: Summary, now: Callable[[], datetime]) -> None:
    """Write into the run log how the runs ended; an interrupt may come even now, and then it says so."""
    try:
        _write_ends(session, summary, now)
    except KeyboardInterrupt:
        summary.interrupted = True
        session.renew()
        _write_ends(session, summary, now)


def _write_ends(session: _Session, summary: Summary, now: Callable[[], datetime]) -> None:
    for run in summary.runs:
        if run.status != "failed":
            run.status = "interrupted" if summary.interrupted else "succeeded"
        run.finished_at_utc = now()
    try:
        for run in summary.runs:
            landing.finish_run(session.warehouse, run)
    except WarehouseError as error:
        # Where the landing has failed already, that is what counts, not that its log is incomplete as well.
        if not isinstance(summary.error, WarehouseError):
            raise error from None


def _outcomes(
    client: EsiosClient, jobs: Iterator[_Job], concurrency: int, idle: Callable[[], None]
) -> Iterator[tuple[_Job, Response | _Failure]]:
    """Ask for the windows, a few at a time, in order; give outcomes as they come, responses first.


    `idle` is called whenever there is nothing to hand over. Responses wait in memory only as long as the caller is
    busy: at most twice `concurrency` windows are under way, however long the span.
    """
    under_way: dict[Future[Response | _Failure], _Job] = {}
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="esios")
    try:
        while True:
            while len(under_way) < 2 * concurrency and (job := next(jobs, None)) is not None:
                under_way[pool.submit(_ask, client, job)] = job
            if not under_way:
                return
            if not any(future.done() for future in under_way):
                idle()
            finished, _ = wait(under_way, return_when=FIRST_COMPLETED)
            # Responses before failures, of which one may end the run: what has come is landed all the same.
            outcomes = [(under_way.pop(future), future.result()) for future in list(under_way) if future in finished]
            yield from sorted(outcomes, key=lambda outcome: isinstance(outcome[1], _Failure))
    finally:
        client.stop()
        pool.shutdown(wait=False, cancel_futures=True)


def _ask(client: EsiosClient, job: _Job) -> Response | _Failure:
    began = time.monotonic()
    indicator = job.indicator
    parameters = api_parameters(job.window, job.cadence, indicator.time_agg, indicator.areas)
    try:
        return client.indicator(indicator.id, parameters)
    except EsiosError as error:
        return _Failure(error, no_response=client.last_success < began)
    except Interrupted:
        return _Failure(ApiUnavailable("stopped before the response came"))


class _Session:
    """The open warehouse of a run. `release()` lets other processes at a file that only one may hold."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: Warehouse | None = None

    def __enter__(self) -> _Session:
        return self

    def __exit__(self, *_: object) -> None:
        if self._open is not None:
            self._open.close()

    @property
    def warehouse(self) -> Warehouse:
        """The connection, opened when needed."""
        if self._open is None:
            self._open = connect(self._settings)
        return self._open

    def release(self) -> None:
        """Close it if the engine's file keeps others out; the next use opens it again."""
        if self._open is not None and self._open.exclusive:
            self.renew()

    def renew(self) -> None:
        """Close it, whatever an interrupt left half-done in it; the next use opens another."""
        # Forgotten before it is closed: an interrupt in between must not leave a closed one for the run log.
        closing, self._open = self._open, None
        if closing is not None:
            closing.close_for_now()
