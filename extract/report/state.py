"""The three answers at the top of the report: fresh? complete? good? Each a verdict with the numbers behind it.

Verdicts: `yes`, `attention`, `no`, `unknown` (not built), `held` (of freshness: no series is kept up to date).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from extract import landing
from extract.areas import REJECTED
from extract.indicators import entries
from extract.report.clock import instant_text
from extract.report.quality import Judgement
from extract.status import GAPS, SUSPECT, WITHDRAWN, Status
from extract.warehouse import Warehouse

# As in `dbt source freshness` (dbt_project/models/staging/esios/_esios__sources.yml): three missed days are no hiccup.
# When a series counts as late is in the registry (fresh_within_hours); without that, after one missed day.
STALE_AFTER_HOURS = 72
LATE_AFTER_HOURS = 30


def judge(
    warehouse: Warehouse,
    status: Status,
    built: dict[str, bool],
    judgement: Judgement | None,
    now_utc: datetime,
) -> dict[str, dict[str, Any]]:
    """`fresh`, `complete`, `good`: each a dict with `verdict` and the counts and instants behind it."""
    return {
        "fresh": _fresh(_kept_series(warehouse), status, now_utc),
        "complete": _complete(status, built),
        "good": _good(status, built, judgement),
    }


def _last_answer(status: Status) -> datetime | None:
    return max((row["last_answer"] for row in status.landed if row["last_answer"]), default=None)


def _kept_series(warehouse: Warehouse) -> list[dict[str, Any]]:
    """Every series that was ever asked for without an end: id, last answer, and after how many hours it is late.

    A later run for a historical span does not change that; a run without an indicator was for several and counts for
    each (as in dbt_project/macros/freshness.sql).
    """
    if not warehouse.exists(landing.RUNS) or not warehouse.exists(landing.CHECKS):
        return []
    answers: dict[int, datetime] = dict(
        warehouse.rows(f"select indicator_id, max(checked_at_utc) from {landing.CHECKS} group by indicator_id")
    )
    endless = {row[0] for row in warehouse.rows(f"select indicator_id from {landing.RUNS} where requested_end is null")}
    kept = answers if None in endless else endless & answers.keys()
    limits = {entry["id"]: entry.get("fresh_within_hours") for entry in entries()}
    return [
        {
            "id": one_id,
            "last_answer_utc": instant_text(answers[one_id]),
            "late_after_hours": limits.get(one_id) or LATE_AFTER_HOURS,
        }
        for one_id in sorted(kept)
    ]


def _fresh(kept: list[dict[str, Any]], status: Status, now_utc: datetime) -> dict[str, Any]:
    last_answer = _last_answer(status)
    newest_run = next((run["status"] for run in status.runs if run["status"] != landing.FORGOTTEN), None)
    found = {
        "last_answer_utc": last_answer and instant_text(last_answer),
        "kept": kept,
        "newest_run": newest_run,
        "stale_after_hours": STALE_AFTER_HOURS,
    }
    if not kept:
        return {"verdict": "unknown" if last_answer is None else "held", **found}
    ages = [(now_utc - datetime.fromisoformat(one["last_answer_utc"][:-1])) / timedelta(hours=1) for one in kept]
    if max(ages) > STALE_AFTER_HOURS:
        return {"verdict": "no", **found}
    late = any(age > one["late_after_hours"] for age, one in zip(ages, kept, strict=True))
    return {"verdict": "attention" if late or newest_run == "failed" else "yes", **found}


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
