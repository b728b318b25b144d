"""The forget verb: takes back what is due of a span that was asked for by mistake. A landed response is never touched.

What is due follows from the windows that were checked; a row of the run log with the status `forgotten` takes its span
out of every check before it. A later extract of the span checks it again, and it is due again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from extract import landing
from extract.errors import UsageError
from extract.extraction import utc_now
from extract.landing import Run
from extract.registry import Indicator
from extract.warehouse import Warehouse
from extract.windows import DAY, Window, is_covered, without


@dataclass(frozen=True)
class Forgotten:
    """What was taken back: the Madrid days of an indicator, both included, and how many of them had been checked."""

    indicator_id: int
    start: date
    end: date
    checked_days: int

    def text(self) -> str:
        """For people."""
        return (
            f"{self.indicator_id} {self.start} … {self.end} (Madrid days, {self.checked_days} of them fetched): "
            "no longer due; landed responses stay"
        )


def plan(warehouse: Warehouse, indicator: Indicator, start: date, end: date) -> Forgotten:
    """What forgetting a span would take back; `UsageError` if nothing of it was ever asked for. Reads only."""
    if start > end:
        raise UsageError(f"--start {start} lies after --end {end}", "swap them")
    if not warehouse.exists(landing.RUNS):
        raise UsageError("nothing is landed yet, so nothing is due", "run `esios extract` first")
    span = Window(start, end + DAY)
    events = landing.events_since_forgotten(warehouse, indicator.id)
    checked = landing.still_checked(landing.checked_windows(warehouse, indicator.id), events)
    checked_days = span.days - sum(rest.days for rest in without(span, checked))
    # A run that was stopped may have checked nothing of its span, and the next plain run would resume it.
    forgotten = is_covered(span, landing.forgotten_spans(events))
    if not checked_days and (forgotten or not landing.was_requested(warehouse, indicator.id, span)):
        raise UsageError(
            f"nothing of indicator {indicator.id} from {start} to {end} is due",
            "see with `esios status` what was asked for",
        )
    return Forgotten(indicator.id, start, end, checked_days)


def forget(warehouse: Warehouse, planned: Forgotten, *, now: Callable[[], datetime] = utc_now) -> None:
    """Write the row of the run log. It holds for every check before it, even if the clock was set back."""

    def work() -> None:
        with warehouse.lock(landing.LOCK):
            at = max(now(), landing.newest_instant(warehouse, planned.indicator_id))
            row = Run(
                str(uuid.uuid4()), planned.indicator_id, at, planned.start, planned.end, at, status=landing.FORGOTTEN
            )
            landing.begin_run(warehouse, row)

    warehouse.atomically(work)
