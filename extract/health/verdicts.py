"""State → what is wrong, by one set of limits: the checks of `esios check`, the report's three verdicts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from itertools import starmap
from typing import Any

from extract import landing
from extract.counted import counted
from extract.errors import EXIT_DATA_INCOMPLETE
from extract.health.lines import area_text, gap_text, odd_day_text
from extract.health.report import Check, Problem, Report
from extract.health.state import OddDay, State, as_day
from extract.health.wording import alert_sentence, alerts
from extract.registry import entries

# A run that has not ended by then was killed, or hangs: the API's own limits end any window long before.
RUN_ENDS_WITHIN = timedelta(hours=6)
# As in `dbt source freshness` (dbt_project/models/staging/esios/_esios__sources.yml): three missed days are a fault.
STALE_AFTER_HOURS = 72
_MINUTE = "%Y-%m-%d %H:%M"
_SECOND = "%Y-%m-%d %H:%M:%S"


def judge(state: State, now_utc: datetime, days: int | None = None) -> Report:
    """Every check. `days`: judge only so many Madrid days, up to the newest due one of each indicator and area."""
    if not state.has_landing:
        nothing = Problem("nothing-landed", "nothing is landed yet: run `esios extract`")
        return Report(now_utc, (Check("last run", "never", (nothing,)),), EXIT_DATA_INCOMPLETE)
    since = {} if days is None else {key: day - timedelta(days=days - 1) for key, day in state.newest_due.items()}
    checks = (
        _check_runs(state, now_utc),
        _check_build(state),
        _check_freshness(state, now_utc),
        _check_completeness(state, since),
        _check_quality(state, since),
        *([_check_forecasts(state)] if state.forecasts else []),
    )
    code = 0 if all(check.ok for check in checks) else EXIT_DATA_INCOMPLETE
    return Report(now_utc, checks, code, indicators(state), state.forecasts, state.build)


def late_after_hours(indicator_id: int) -> float | None:
    """When a followed series is late: the registry's fresh_within_hours; None is not judged."""
    for entry in entries():
        if entry["id"] == indicator_id:
            limit: float | None = entry.get("fresh_within_hours")
            return limit
    return None


def freshness(indicator_id: int, last_response: datetime | None, now_utc: datetime) -> str:
    """`fresh`, `late` (beyond the registry's limit), `stale` (three missed days besides), or `unjudged`: no limit."""
    limit = late_after_hours(indicator_id)
    if limit is None:
        return "unjudged"
    if last_response is not None and now_utc - last_response <= timedelta(hours=limit):
        return "fresh"
    is_stale = last_response is None or now_utc - last_response > timedelta(hours=max(limit, STALE_AFTER_HOURS))
    return "stale" if is_stale else "late"


def indicators(state: State) -> list[dict[str, Any]]:
    """One dict for each indicator ever asked for: its last response, newest period, missing hours and verdicts."""
    verdicts = {row["indicator_id"]: row for row in state.days}
    missing: dict[int, float] = {}
    for gap in state.gaps:
        missing[gap["id"]] = missing.get(gap["id"], 0) + gap["hours"]
    names = {row["indicator_id"]: row["name"] for row in state.landed}
    rows = []
    for run in state.last_runs:
        one = run["indicator_id"]
        row = {
            "id": one,
            "name": names.get(one, "not registered"),
            "kept_up_to_date": one in state.followed,
            "last_run_status": run["status"],
            "last_run_started_at_utc": run["started_at_utc"],
            "last_answer_at_utc": state.last_response.get(one),
            "newest_period_start_utc": state.newest_period.get(one),
        }
        if one in verdicts:
            counts = {
                f"{verdict}_days": int(verdicts[one][f"{verdict}_days"]) for verdict in ("good", "suspect", "bad")
            }
            row |= {"missing_hours": missing.get(one, 0), **counts}
        rows.append(row)
    return rows


def summary(state: State, now_utc: datetime) -> dict[str, dict[str, Any]]:
    """`fresh`, `complete`, `good` for the top of the report: each a `verdict` with the counts and instants behind it.

    Verdicts: `yes`, `attention`, `no`, `unknown` (not built), `held` (of freshness: no series is followed).
    """
    return {"fresh": _fresh(state, now_utc), "complete": _complete(state), "good": _good(state)}


def _fresh(state: State, now_utc: datetime) -> dict[str, Any]:
    last_response = state.last_response
    newest_run = next((run["status"] for run in state.runs if run["status"] != landing.FORGOTTEN), None)
    found = {
        "last_answer_utc": max(last_response.values(), default=None),
        "kept": [
            {"id": one, "last_answer_utc": last_response.get(one), "late_after_hours": late_after_hours(one)}
            for one in sorted(state.followed)
        ],
        "newest_run": newest_run,
        "stale_after_hours": STALE_AFTER_HOURS,
    }
    if not state.followed:
        return {"verdict": "held" if last_response else "unknown", **found}
    ages = {freshness(one, last_response.get(one), now_utc) for one in state.followed}
    if "stale" in ages:
        return {"verdict": "no", **found}
    return {"verdict": "attention" if "late" in ages or newest_run == "failed" else "yes", **found}


def _complete(state: State) -> dict[str, Any]:
    if not state.judged:
        return {"verdict": "unknown", "missing_hours": None, "gaps": None}
    verdict = "no" if state.gaps else "yes"
    return {"verdict": verdict, "missing_hours": state.missing_hours, "gaps": len(state.gaps)}


def _good(state: State) -> dict[str, Any]:
    beyond_gaps = [day for day in state.odd_days if _beyond_gaps(day)]
    counts: dict[str, Any] = {
        "suspect_hours": len(state.suspect),
        "quarantined": len(state.quarantined),
        "withdrawn_hours": len(state.withdrawn),
        "bad_days": sum(day.verdict == "bad" for day in beyond_gaps),
        "suspect_days": sum(day.verdict == "suspect" for day in beyond_gaps),
    }
    if not state.judged:
        return {"verdict": "unknown", **dict.fromkeys(counts)}
    if counts["bad_days"]:
        return {"verdict": "no", **counts}
    return {"verdict": "attention" if any(counts.values()) else "yes", **counts}


def _beyond_gaps(day: OddDay) -> tuple[tuple[str, int, float | None], ...]:
    """The findings other than missing periods: gaps are reported by the hour."""
    return tuple(found for found in day.findings if found[0] != "missing")


def _check_runs(state: State, now_utc: datetime) -> Check:
    problems = []
    for run in state.last_runs:
        key, when = f"last-run {run['indicator_id']}", f"{run['started_at_utc']:{_SECOND}} UTC"
        if run["status"] == "running" and now_utc - run["started_at_utc"] > RUN_ENDS_WITHIN:
            problems.append(Problem(key, f"{run['indicator_id']}: the run of {when} never ended; start another one"))
        elif run["status"] not in ("succeeded", "running"):
            why = f": {run['error']}" if run["error"] else ""
            problems.append(Problem(key, f"{run['indicator_id']}: the run of {when} {run['status']}{why}"))
    if not state.last_runs:
        problems.append(Problem("last-run", "no extract has run yet: run `esios extract`"))
    last = max((run["started_at_utc"] for run in state.last_runs), default=None)
    return Check("last run", f"{last:{_SECOND}} UTC" if last else "never", tuple(problems))


def _check_build(state: State) -> Check:
    build, landed = state.build, state.last_extracted
    if build is None:
        return Check("last build", "never", (Problem("build", "nothing is built yet: run `dbt build`"),))
    problems = [Problem(f"build {name}", f"{name} failed: see the output of dbt") for name in build["broken"]]
    if landed and (build["published_at_utc"] is None or landed > build["published_at_utc"] + timedelta(seconds=1)):
        problems.append(
            Problem("build behind", f"what was landed up to {landed:{_SECOND}} UTC is not built: run `dbt build`")
        )
    return Check("last build", f"dbt {build['command']}, {build['started_at_utc']:{_SECOND}} UTC", tuple(problems))


def _check_freshness(state: State, now_utc: datetime) -> Check:
    """Only series that are followed can be stale: a historical span is fixed on purpose."""
    forecasts = {entry["id"] for entry in entries() if entry.get("due_after_hours") is None}
    last_response = state.last_response
    problems = []
    for one in sorted(state.followed):
        response_at, newest = last_response.get(one), state.newest_period.get(one)
        if freshness(one, response_at, now_utc) in ("late", "stale"):
            when = f"{response_at:{_SECOND}} UTC" if response_at else "never"
            limit = counted(late_after_hours(one) or 0, "hour")
            text = f"{one}: last response {when}, more than {limit} ago"
            problems.append(Problem(f"stale {one}", text))
        this_hour = now_utc.replace(minute=0, second=0, microsecond=0)
        if one in forecasts and newest is not None and newest < this_hour:
            text = f"{one}: the newest value is for {newest:{_MINUTE}} UTC, which is past"
            problems.append(Problem(f"short {one}", text))
    if not state.followed:
        return Check("freshness", "no series is followed, so none can be stale")
    oldest = min((last_response[one] for one in state.followed if one in last_response), default=None)
    return Check(
        "freshness", f"last responses {oldest:{_SECOND}} UTC or later" if oldest else "no response yet", tuple(problems)
    )


def _check_completeness(state: State, since: Mapping[tuple[int, int], date]) -> Check:
    gaps = [gap for gap in state.gaps if gap["gap_end_utc"].date() >= since.get((gap["id"], gap["geo_id"]), date.min)]
    problems = tuple(
        Problem(f"gap {gap['id']} {gap['geo_id']} {gap['gap_start_utc']:{_MINUTE}}", f"missing: {gap_text(gap)}")
        for gap in gaps
    )
    hours = sum(gap["hours"] for gap in gaps)
    return Check(
        "completeness", f"{counted(hours, 'hour')} missing" if gaps else "no hour that is due is missing", problems
    )


def _check_quality(state: State, since: Mapping[tuple[int, int], date]) -> Check:
    problems = []
    for day in state.odd_days:
        found = _beyond_gaps(day)
        if found and day.day >= since.get((day.indicator_id, day.geo_id), date.min):
            key = f"{day.verdict} {day.indicator_id} {day.geo_id} {day.day}"
            problems.append(Problem(key, f"{day.verdict}: {odd_day_text(day, found)}"))
    days = len(problems)
    without_time: dict[int, int] = {}
    for entry in state.quarantined:
        if entry["period_start_utc"] is None:
            without_time[entry["indicator_id"]] = without_time.get(entry["indicator_id"], 0) + 1
    for one, count in sorted(without_time.items()):
        what = f"{counted(count, 'entry')} without a readable time"
        problems.append(Problem(f"no-time {one}", f"quarantined: {one} {what}"))
    notes = tuple(area_text(area) for area in state.unregistered_areas)
    # Missing periods are the completeness check's: a day may be bad for them alone, with good values.
    parts = [f"{counted(days, 'day')} with findings on values"] if days else []
    if without_time:
        parts.append(f"{counted(sum(without_time.values()), 'entry')} without a readable time")
    return Check("quality", ", ".join(parts) or "no value has a finding", tuple(problems), notes)


def _check_forecasts(state: State) -> Check:
    """Only the newest judged day, and only its alerts: a warning is for the report."""
    problems = [
        Problem(
            f"forecast {row['forecast']} {row['actual_indicator_id']}",
            f"{row['forecast']} on {as_day(row['madrid_day'])}: {'; '.join(starmap(alert_sentence, alerts(row)))}",
        )
        for row in state.forecasts
        if row["alert_level"] == "alert"
    ]
    levels = ", ".join(f"{row['forecast']} {row['alert_level']}" for row in state.forecasts)
    return Check("forecasts", levels, tuple(problems))
