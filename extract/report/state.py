"""The three answers at the top of the report: fresh? complete? good? Each a verdict with the numbers behind it.

Verdicts: `yes`, `attention`, `no`, `unknown` (not built), `held` (of freshness: no series is kept up to date).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from extract import landing
from extract.report.clock import instant_text
from extract.report.quality import Judgement
from extract.status import GAPS, REJECTED, SUSPECT, WITHDRAWN, Status
from extract.warehouse import Warehouse

# As in `dbt source freshness` (dbt_project/models/staging/esios/_esios__sources.yml): one missed day, three of them.
LATE_AFTER_HOURS = 30
STALE_AFTER_HOURS = 72


def judge(
    warehouse: Warehouse,
    status: Status,
    built: dict[str, bool],
    judgement: Judgement | None,
    now_utc: datetime,
) -> dict[str, dict[str, Any]]:
    """`fresh`, `complete`, `good`: each a dict with `verdict` and the counts and instants behind it."""
    return {
        "fresh": _fresh(_last_check_of_kept_series(warehouse), status, now_utc),
        "complete": _complete(status, built),
        "good": _good(status, built, judgement),
    }


def _last_answer(status: Status) -> datetime | None:
    return max((row["last_answer"] for row in status.landed if row["last_answer"]), default=None)


def _last_check_of_kept_series(warehouse: Warehouse) -> datetime | None:
    """Of the series that are kept up to date (their newest run had no end), the oldest last answer, or None.

    A run without an indicator was for several: it counts for each that was ever asked for.
    """
    if not warehouse.exists(landing.RUNS) or not warehouse.exists(landing.CHECKS):
        return None
    answers: dict[int, datetime] = dict(
        warehouse.rows(f"select indicator_id, max(checked_at_utc) from {landing.CHECKS} group by indicator_id")
    )
    newest_end: dict[int, Any] = {}
    for indicator_id, end in warehouse.rows(
        f"select indicator_id, requested_end from {landing.RUNS} order by started_at_utc"
    ):
        for asked in answers if indicator_id is None else [indicator_id]:
            newest_end[asked] = end
    kept = [answers[asked] for asked, end in newest_end.items() if end is None and asked in answers]
    return min(kept, default=None)


def _fresh(last_check: datetime | None, status: Status, now_utc: datetime) -> dict[str, Any]:
    last_answer = _last_answer(status)
    newest_run = status.runs[0]["status"] if status.runs else None
    found = {
        "last_answer_utc": last_answer and instant_text(last_answer),
        "last_check_utc": last_check and instant_text(last_check),
        "newest_run": newest_run,
        "late_after_hours": LATE_AFTER_HOURS,
        "stale_after_hours": STALE_AFTER_HOURS,
    }
    if last_check is None:
        return {"verdict": "unknown" if last_answer is None else "held", **found}
    age = now_utc - last_check
    if age > timedelta(hours=STALE_AFTER_HOURS):
        return {"verdict": "no", **found}
    late = age > timedelta(hours=LATE_AFTER_HOURS) or newest_run == "failed"
    return {"verdict": "attention" if late else "yes", **found}


def _complete(status: Status, built: dict[str, bool]) -> dict[str, Any]:
    if status.table is None or not built[GAPS]:
        return {"verdict": "unknown", "missing_hours": None, "gaps": None}
    verdict = "no" if status.gaps else "yes"
    return {"verdict": verdict, "missing_hours": status.missing_hours, "gaps": len(status.gaps)}


def _good(status: Status, built: dict[str, bool], judgement: Judgement | None) -> dict[str, Any]:
    counts: dict[str, Any] = {
        "suspect_hours": len(status.suspect) if built[SUSPECT] else None,
        "quarantined": len(status.rejected) if built[REJECTED] else None,
        "withdrawn_hours": len(status.withdrawn) if built[WITHDRAWN] else None,
        "bad_days": None if judgement is None else judgement.count("bad"),
        "suspect_days": None if judgement is None else judgement.count("suspect"),
    }
    if status.table is None or None in (counts["suspect_hours"], counts["quarantined"], counts["withdrawn_hours"]):
        return {"verdict": "unknown", **counts}
    if counts["bad_days"]:
        return {"verdict": "no", **counts}
    return {"verdict": "attention" if any(counts.values()) else "yes", **counts}
