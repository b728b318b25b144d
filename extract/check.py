"""The check verb: fresh, complete, good, and did the last run and build end well? Reads the warehouse only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from extract import landing
from extract.areas import REJECTED, entries_by_hour, unregistered_areas
from extract.errors import EXIT_DATA_INCOMPLETE, EsiosError
from extract.findings import Check, Problem, Report
from extract.in_a_row import Row, in_a_row
from extract.indicators import entries, registry
from extract.run import utc_now
from extract.settings import Settings
from extract.status import GAPS, gap_text
from extract.warehouse import Warehouse, connect
from extract.windows import DAY, madrid_day

DAILY = "quality_esios.daily_quality"
PERIODS = "quality_esios.indicator_hours"
DBT_RESULTS = "quality_esios.dbt_results"
ACCURACY = "monitoring_esios.forecast_accuracy_daily"
MART_MODEL = "demand_forecast_esios"
# A run that has not ended by then was killed, or hangs: the API's own limits end any window long before.
RUN_ENDS_WITHIN = timedelta(hours=6)
_HOUR = "%Y-%m-%d %H:%M"
_SECOND = "%Y-%m-%d %H:%M:%S"


def run_check(
    settings: Settings,
    *,
    days: int | None = None,
    metrics: Path | None = None,
    notify_url: str | None = None,
    say: Callable[[str], None] = lambda _: None,
    now: Callable[[], datetime] = utc_now,
) -> Report:
    """Check, write the metrics, tell the webhook of a change; then raise what kept the warehouse from being read.

    Neither a metrics file that cannot be written nor a webhook that does not answer hides the result: both are told
    with `say`.
    """
    from extract.notify import checked_url, tell_of_change

    url = checked_url(notify_url) if notify_url else None
    failure: EsiosError | None = None
    try:
        with connect(settings, read_only=True) as warehouse:
            report = read_report(warehouse, now(), days)
    except EsiosError as error:
        failure = error
        report = _unreadable(error, now())
    if metrics is not None:
        from extract.metrics import write_metrics

        _attempt(lambda: write_metrics(report, metrics), say)
    if url is not None:
        _attempt(lambda: tell_of_change(settings, report, url), say)
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
    """Ask the warehouse. `days`: judge only so many Madrid days, up to the newest due one of each indicator."""
    if not warehouse.exists(landing.RUNS):
        nothing = Problem("nothing-landed", "nothing is landed yet: run `esios extract`")
        return Report(now_utc, (Check("last run", "never", (nothing,)),), EXIT_DATA_INCOMPLETE)
    runs = _last_runs(warehouse)
    indicators = _indicators(warehouse, runs)
    build = _last_build(warehouse)
    forecasts = _forecasts(warehouse)
    since = _first_days(warehouse, days)
    checks = (
        _check_runs(runs, now_utc),
        _check_build(warehouse, build),
        _check_freshness(indicators, now_utc),
        _check_completeness(warehouse, since),
        _check_quality(warehouse, since),
        *([_check_forecasts(forecasts)] if forecasts else []),
    )
    code = 0 if all(check.ok for check in checks) else EXIT_DATA_INCOMPLETE
    return Report(now_utc, checks, code, indicators, forecasts, build)


# ── what the warehouse says ──────────────────────────────────────────────────────────────────────────────────────────


def _day(value: Any) -> date:
    """A DATE column as a date, whichever type the driver gives."""
    return value.date() if isinstance(value, datetime) else date.fromisoformat(str(value)[:10])


def _last_runs(warehouse: Warehouse) -> list[dict[str, Any]]:
    names = ", ".join(f"runs.{name}" for name in landing.Run.__dataclass_fields__)
    return warehouse.records(
        f"select {names} from {landing.RUNS} as runs where runs.status <> ?"
        f" and not exists (select 1 from {landing.RUNS} as later where later.indicator_id = runs.indicator_id"
        " and later.status <> ? and later.started_at_utc > runs.started_at_utc) order by runs.indicator_id",
        (landing.FORGOTTEN, landing.FORGOTTEN),
    )


def _indicators(warehouse: Warehouse, runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One dict for each indicator ever asked for: its last answer, newest period, missing hours and verdicts."""
    names = {indicator.id: indicator.name for indicator in registry()}
    answered: dict[int, datetime] = dict(
        warehouse.rows(f"select indicator_id, max(checked_at_utc) from {landing.CHECKS} group by indicator_id")
    )
    # Once asked for without an end, as dbt's freshness has it: a later run for a past span must not silence the alarm.
    kept = {row[0] for row in warehouse.rows(f"select indicator_id from {landing.RUNS} where requested_end is null")}
    newest: dict[int, datetime] = {}
    if warehouse.exists(PERIODS):
        sql = f"select indicator_id, max(period_start_utc) from {warehouse.sql_name(PERIODS)} group by indicator_id"
        newest = dict(warehouse.rows(sql))
    judged: dict[int, dict[str, Any]] = {}
    if warehouse.exists(DAILY):
        sql = (
            "select indicator_id, sum(missing_hours) as missing_hours,"
            " sum(case when verdict = 'good' then 1 else 0 end) as good_days,"
            " sum(case when verdict = 'suspect' then 1 else 0 end) as suspect_days,"
            " sum(case when verdict = 'bad' then 1 else 0 end) as bad_days"
            f" from {warehouse.sql_name(DAILY)} group by indicator_id"
        )
        judged = {row.pop("indicator_id"): row for row in warehouse.records(sql)}
    return [
        {
            "id": run["indicator_id"],
            "name": names.get(run["indicator_id"], "not registered"),
            "kept_up_to_date": run["indicator_id"] in kept,
            "last_run_status": run["status"],
            "last_run_started_at_utc": run["started_at_utc"],
            "last_answer_at_utc": answered.get(run["indicator_id"]),
            "newest_period_start_utc": newest.get(run["indicator_id"]),
            **{name: int(count) for name, count in judged.get(run["indicator_id"], {}).items()},
        }
        for run in runs
    ]


def _last_build(warehouse: Warehouse) -> dict[str, Any] | None:
    """The newest run of dbt that built or tested anything: when, and what did not end well."""
    if not warehouse.exists(DBT_RESULTS):
        return None
    results = warehouse.sql_name(DBT_RESULTS)
    of_builds = "command in ('build', 'run', 'test')"
    last = warehouse.first(
        f"select invocation_id, run_started_at_utc, command from {results} where {of_builds}"
        f" and run_started_at_utc = (select max(run_started_at_utc) from {results} where {of_builds})"
    )
    if last is None:
        return None
    failed = f"select name from {results} where invocation_id = ? and status in ('error', 'fail') order by name"
    broken = list(warehouse.rows(failed, (last[0],)))
    published = warehouse.value(
        f"select max(run_started_at_utc) from {results} where name = ? and status = 'success'", (MART_MODEL,)
    )
    return {
        "invocation_id": last[0],
        "command": last[2],
        "started_at_utc": last[1],
        "broken": [name for (name,) in broken],
        "published_at_utc": published,
    }


def _forecasts(warehouse: Warehouse) -> list[dict[str, Any]]:
    """The newest judged day of each forecast."""
    if not warehouse.exists(ACCURACY):
        return []
    # One pass: the view is worked out anew each time it is read.
    newest_first = "row_number() over (partition by forecast, actual_indicator_id order by madrid_day desc)"
    rows = warehouse.records(
        f"select * from (select *, {newest_first} as age from {warehouse.sql_name(ACCURACY)}) as aged where age = 1"
        " order by forecast, actual_indicator_id",
    )
    return [{name: value for name, value in row.items() if name != "age"} for row in rows]


def _first_days(warehouse: Warehouse, days: int | None) -> dict[int, date]:
    """From which Madrid day on each indicator is judged; empty: from the first."""
    if days is None or not warehouse.exists(DAILY):
        return {}
    daily = warehouse.sql_name(DAILY)
    newest = warehouse.rows(
        f"select indicator_id, max(madrid_day) from {daily} where hours_due > 0 group by indicator_id"
    )
    return {indicator: _day(day) - timedelta(days=days - 1) for indicator, day in newest}


# ── what that means ──────────────────────────────────────────────────────────────────────────────────────────────────


def _check_runs(runs: list[dict[str, Any]], now_utc: datetime) -> Check:
    problems = []
    for run in runs:
        key, when = f"last-run {run['indicator_id']}", f"{run['started_at_utc']:{_SECOND}} UTC"
        if run["status"] == "running" and now_utc - run["started_at_utc"] > RUN_ENDS_WITHIN:
            problems.append(Problem(key, f"{run['indicator_id']}: the run of {when} never ended; start another one"))
        elif run["status"] not in ("succeeded", "running"):
            why = f": {run['error']}" if run["error"] else ""
            problems.append(Problem(key, f"{run['indicator_id']}: the run of {when} {run['status']}{why}"))
    if not runs:
        problems.append(Problem("last-run", "no extract has run yet: run `esios extract`"))
    last = max((run["started_at_utc"] for run in runs), default=None)
    return Check("last run", f"{last:{_SECOND}} UTC" if last else "never", tuple(problems))


def _check_build(warehouse: Warehouse, build: dict[str, Any] | None) -> Check:
    if build is None:
        return Check("last build", "never", (Problem("build", "nothing is built yet: run `dbt build`"),))
    problems = [Problem(f"build {name}", f"{name} failed: see the output of dbt") for name in build["broken"]]
    landed = warehouse.value(f"select max(extracted_at_utc) from {landing.RESPONSES}")
    if landed and (build["published_at_utc"] is None or landed > build["published_at_utc"] + timedelta(seconds=1)):
        problems.append(
            Problem("build behind", f"what was landed up to {landed:{_SECOND}} UTC is not built: run `dbt build`")
        )
    return Check("last build", f"dbt {build['command']}, {build['started_at_utc']:{_SECOND}} UTC", tuple(problems))


def _check_freshness(indicators: list[dict[str, Any]], now_utc: datetime) -> Check:
    """Only series that are kept up to date can be stale: a historical span is held on purpose."""
    limits = {entry["id"]: entry for entry in entries()}
    kept = [row for row in indicators if row["kept_up_to_date"]]
    problems = []
    for row in kept:
        limit = limits.get(row["id"], {}).get("fresh_within_hours")
        answered, newest = row["last_answer_at_utc"], row["newest_period_start_utc"]
        if limit is not None and (answered is None or now_utc - answered > timedelta(hours=limit)):
            told = f"{answered:{_SECOND}} UTC" if answered else "never"
            problems.append(
                Problem(f"stale {row['id']}", f"{row['id']}: last answer {told}, more than {limit} hours ago")
            )
        this_hour = now_utc.replace(minute=0, second=0, microsecond=0)
        is_forecast = limits.get(row["id"], {}).get("due_after_hours") is None
        if is_forecast and newest is not None and newest < this_hour:
            text = f"{row['id']}: the newest value is for {newest:{_HOUR}} UTC, which is past"
            problems.append(Problem(f"short {row['id']}", text))
    if not kept:
        return Check("freshness", "no series is kept up to date, so none can be stale")
    oldest = min((row["last_answer_at_utc"] for row in kept if row["last_answer_at_utc"]), default=None)
    told = f"last answers {oldest:{_SECOND}} UTC or later" if oldest else "no answer yet"
    return Check("freshness", told, tuple(problems))


def _check_completeness(warehouse: Warehouse, since: dict[int, date]) -> Check:
    problems = []
    hours = 0
    named = set()
    if warehouse.exists(GAPS):
        gaps = warehouse.records(f"select * from {warehouse.sql_name(GAPS)} order by id, gap_start_utc")
        named = {indicator.id for indicator in registry() if indicator.role == "demand_forecast"}
        for gap in gaps:
            if gap["gap_end_utc"].date() < since.get(gap["id"], date.min):
                continue
            hours += gap["hours"]
            problems.append(Problem(f"gap {gap['id']} {gap['gap_start_utc']:{_HOUR}}", f"missing: {gap_text(gap)}"))
    unnamed = [row for row in _odd_days(warehouse, "missing_hours > 0", since) if row["indicator_id"] not in named]
    for days in _spans_of_nothing(unnamed):
        first, last = days[0], days[-1]
        missing = sum(row["missing_hours"] for row in days)
        hours += missing
        when = f"{first['madrid_day']}" + (f" … {last['madrid_day']}" if len(days) > 1 else "")
        of_due = f"{missing} of {sum(row['hours_due'] for row in days)} hours"
        text = f"missing: {first['indicator_id']} {when} (Madrid), {of_due}"
        problems.append(Problem(f"gap {first['indicator_id']} {first['madrid_day']}", text))
    told = f"{hours} hours are missing" if problems else "no hour that is due is missing"
    return Check("completeness", told, tuple(problems))


def _spans_of_nothing(days: list[dict[str, Any]]) -> list[list[Row]]:
    """The days in order, those in a row of which nothing is there together: an indicator may begin years later."""

    def same(row: Row) -> tuple[Any, Any]:
        nothing_there = row["missing_hours"] == row["hours_due"]
        return row["indicator_id"], nothing_there or row["madrid_day"]

    return in_a_row(days, "madrid_day", same, DAY)


def _check_quality(warehouse: Warehouse, since: dict[int, date]) -> Check:
    problems = []
    areas = unregistered_areas(warehouse)
    of_areas: Counter[tuple[int, date]] = Counter()
    for indicator, hour, entries_there in entries_by_hour(warehouse) if areas else ():
        of_areas[indicator, madrid_day(hour)] += entries_there
    for row in _odd_days(warehouse, "verdict <> 'good'", since):
        reasons = _beyond_areas(row["reasons"], of_areas[row["indicator_id"], row["madrid_day"]])
        if reasons:
            key = f"{row['verdict']} {row['indicator_id']} {row['madrid_day']}"
            text = f"{row['verdict']}: {row['indicator_id']} {row['madrid_day']} (Madrid): {'; '.join(reasons)}"
            problems.append(Problem(key, text))
    days = len(problems)
    problems += [Problem(f"area {area.indicator_id} {area.geo_id}", f"quarantined: {area.text()}") for area in areas]
    if warehouse.exists(REJECTED):
        without_time = warehouse.rows(
            f"select indicator_id, count(*) from {warehouse.sql_name(REJECTED)} where period_start_utc is null"
            " group by indicator_id order by indicator_id"
        )
        for indicator, count in without_time:
            text = f"quarantined: {indicator} {count} entries whose time cannot be read"
            problems.append(Problem(f"no-time {indicator}", text))
    told = f"{days} days are suspect or bad" if problems else "every day is good"
    return Check("quality", told, tuple(problems))


def _beyond_areas(reasons: str | None, entries_of_areas: int) -> list[str]:
    """The reasons of a day, less missing hours, which are gaps, and entries of areas, each of which is named once."""
    left = []
    for reason in (reasons or "").split("; "):
        name, _, count = reason.partition("entries put aside: ")
        if not name and count.isdigit():
            others = int(count) - entries_of_areas
            if others > 0:
                left.append(f"entries put aside: {others}")
        elif reason and not reason.endswith(" hours missing"):
            left.append(reason)
    return left


def _odd_days(warehouse: Warehouse, condition: str, since: dict[int, date]) -> list[dict[str, Any]]:
    if not warehouse.exists(DAILY):
        return []
    rows = warehouse.records(
        "select indicator_id, madrid_day, verdict, reasons, hours_due, missing_hours"
        f" from {warehouse.sql_name(DAILY)} where {condition} order by indicator_id, madrid_day",
    )
    for row in rows:
        row["madrid_day"] = _day(row["madrid_day"])
    return [row for row in rows if row["madrid_day"] >= since.get(row["indicator_id"], date.min)]


def _check_forecasts(forecasts: list[dict[str, Any]]) -> Check:
    """Only the newest judged day, and only its alerts: a warning is for the report."""
    problems = [
        Problem(
            f"forecast {row['forecast']} {row['actual_indicator_id']}",
            f"{row['forecast']} on {_day(row['madrid_day'])}: {row['alerts']}",
        )
        for row in forecasts
        if row["alert_level"] == "alert"
    ]
    told = ", ".join(f"{row['forecast']} {row['alert_level']}" for row in forecasts)
    return Check("forecasts", told, tuple(problems))
