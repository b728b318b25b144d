"""The check verb: fresh, complete, good, and did the last run and build end well? A face of health; reads only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from extract.errors import EsiosError
from extract.extraction import utc_now
from extract.health.report import Check, Problem, Report
from extract.health.state import read_state
from extract.health.verdicts import judge
from extract.settings import Settings
from extract.warehouse import Warehouse, connect


def run_check(
    settings: Settings,
    *,
    days: int | None = None,
    metrics: Path | None = None,
    notify_url: str | None = None,
    say: Callable[[str], None] = lambda _: None,
    now: Callable[[], datetime] = utc_now,
) -> Report:
    """Check, write the metrics, post a change to the webhook; then raise the error that stopped the reading, if any.

    Neither a metrics file that cannot be written nor a webhook that does not respond hides the result: `say` reports
    both.
    """
    from extract.health.notify import checked_url, post_change

    url = checked_url(notify_url) if notify_url else None
    failure: EsiosError | None = None
    try:
        with connect(settings, read_only=True) as warehouse:
            report = read_report(warehouse, now(), days)
    except EsiosError as error:
        failure = error
        report = _unreadable(error, now())
    if metrics is not None:
        from extract.health.metrics import write_metrics

        _attempt(lambda: write_metrics(report, metrics), say)
    if url is not None:
        _attempt(lambda: post_change(settings, report, url), say)
    if failure is not None:
        raise failure
    return report


def _attempt(work: Callable[[], None], say: Callable[[str], None]) -> None:
    try:
        work()
    except EsiosError as error:
        say(f"Warning: {error}")


def _unreadable(error: EsiosError, now_utc: datetime) -> Report:
    problem = Problem("warehouse", str(error))
    return Report(now_utc, (Check("warehouse", "could not be read", (problem,)),), error.exit_code)


def read_report(warehouse: Warehouse, now_utc: datetime, days: int | None = None) -> Report:
    """Ask the warehouse. `days`: judge only so many Madrid days, up to the newest due one of each area."""
    return judge(read_state(warehouse), now_utc, days)
