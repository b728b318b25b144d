"""Warehouse → all that there is to say of its health, read once. Knows no limits and no sentences.

Instants are naive UTC, days Madrid days. What dbt has not built yet is empty, and `built` says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from extract import landing
from extract.registry import CADENCES, Indicator, registry
from extract.warehouse import Warehouse

FINDINGS = "quality_esios.quality_findings"
OF_DAYS = "quality_esios.period_findings"
DAILY = "quality_esios.daily_quality"
PERIODS = "quality_esios.period_checks"
QUARANTINED = "staging_esios.stg_esios__rejected_values"
UNREGISTERED = "staging_esios.stg_esios__unregistered_areas"
ACCURACY = "monitoring_esios.forecast_accuracy_daily"
DBT_RESULTS = "quality_esios.dbt_results"
VALUES = "esios_values"
MART = "demand_forecast_esios"
RUNS_READ = 20
HOUR = timedelta(hours=1)
Row = dict[str, Any]


@dataclass(frozen=True)
class OddDay:
    """A Madrid day of one area that is not good: its verdict, and (code, periods, number) of each kind of finding."""

    indicator_id: int
    geo_id: int
    day: date
    verdict: str
    findings: tuple[tuple[str, int, float | None], ...]


@dataclass
class State:
    """What the warehouse says of itself."""

    has_landing: bool = False
    source: str | None = None
    landed: list[Row] = field(default_factory=list)  # one an indicator: windows, responses, span, last_answer
    runs: list[Row] = field(default_factory=list)  # the newest first
    last_runs: list[Row] = field(default_factory=list)  # the newest of each indicator
    last_extracted: datetime | None = None
    followed: frozenset[int] = frozenset()
    built: frozenset[str] = frozenset()  # which of the tables named above there are
    table: Row | None = None
    gaps: list[Row] = field(default_factory=list)
    suspect: list[Row] = field(default_factory=list)  # periods, with value and code
    withdrawn: list[Row] = field(default_factory=list)  # periods, with the value that stays
    quarantined: list[Row] = field(default_factory=list)  # entries that no later response has replaced
    unregistered_areas: list[Row] = field(default_factory=list)
    days: list[Row] = field(default_factory=list)  # one an indicator: how many days of each verdict
    odd_days: list[OddDay] = field(default_factory=list)
    newest_due: dict[tuple[int, int], date] = field(default_factory=dict)
    published: list[Row] = field(default_factory=list)  # one an area: name, unit, values, first and last period
    build: Row | None = None
    forecasts: list[Row] = field(default_factory=list)  # the newest judged day of each

    @property
    def judged(self) -> bool:
        """Whether dbt has built what names findings."""
        return FINDINGS in self.built

    @property
    def missing_hours(self) -> float:
        """Hours that are due and missing, of every area."""
        hours: float = sum(gap["hours"] for gap in self.gaps)
        return hours

    @property
    def newest_period(self) -> dict[int, datetime]:
        """The start of the newest period of each indicator that has a value."""
        found: dict[int, datetime] = {}
        for row in self.published:
            found[row["indicator_id"]] = max(row["last"], found.get(row["indicator_id"], row["last"]))
        return found

    @property
    def last_response(self) -> dict[int, datetime]:
        """When the newest response for each indicator came."""
        return {row["indicator_id"]: row["last_answer"] for row in self.landed}


def read_data(warehouse: Warehouse) -> State:
    """Ask the warehouse what is landed and published, and what of it is missing or bad: all that `status` shows."""
    state = State()
    names = (FINDINGS, OF_DAYS, DAILY, PERIODS, QUARANTINED, UNREGISTERED, ACCURACY, DBT_RESULTS, VALUES, MART)
    # One list: to ask for the columns of a view is to plan all views beneath it.
    there = set(warehouse.tables())
    state.built = frozenset(name for name in names if warehouse.resolve(name) in there)
    if warehouse.resolve(landing.RESPONSES) in there:
        state.has_landing = True
        state.source = landing.recorded_source(warehouse)
        state.landed = _landed(warehouse)
        state.runs = _runs(warehouse)
        state.last_runs = _last_runs(warehouse)
        state.last_extracted = warehouse.value(f"select max(extracted_at_utc) from {landing.RESPONSES}")
        state.followed = _followed(warehouse, {row["indicator_id"] for row in state.landed})
    if MART in state.built:
        state.table = _table(warehouse)
    if state.judged:
        state.gaps = _gaps(warehouse)
        state.suspect = _flagged_periods(warehouse, "coalesce(out_of_range, spike, step) is not null")
        state.withdrawn = _flagged_periods(warehouse, "withdrawn_at_utc is not null")
    if QUARANTINED in state.built:
        state.quarantined = _quarantined(warehouse)
    if UNREGISTERED in state.built:
        state.unregistered_areas = warehouse.records(
            f"select * from {warehouse.sql_name(UNREGISTERED)} order by indicator_id, geo_id"
        )
    if VALUES in state.built:
        state.published = _published(warehouse)
    return state


def read_state(warehouse: Warehouse) -> State:
    """Ask the warehouse for everything: the verdict of each day, the last build and the forecasts as well."""
    state = read_data(warehouse)
    if state.judged:
        _read_days(warehouse, state)
    state.build = _last_build(warehouse) if DBT_RESULTS in state.built else None
    state.forecasts = _forecasts(warehouse) if ACCURACY in state.built else []
    return state


def as_day(value: Any) -> date:
    """A DATE column as a date, whichever type the driver gives."""
    return value.date() if isinstance(value, datetime) else date.fromisoformat(str(value)[:10])


def _landed(warehouse: Warehouse) -> list[Row]:
    names = {indicator.id: indicator.name for indicator in registry()}
    checks = warehouse.records(
        "select indicator_id, min(window_start_utc) as first, max(window_end_utc) as last,"
        f" max(checked_at_utc) as last_answer from {landing.CHECKS} group by indicator_id order by indicator_id",
    )
    responses = warehouse.rows(f"select indicator_id, count(*) from {landing.RESPONSES} group by indicator_id")
    count: dict[int, int] = dict(responses)
    return [
        row
        | {
            "name": names.get(row["indicator_id"], "not registered"),
            "responses": count.get(row["indicator_id"], 0),
            "windows": len(landing.checked_windows(warehouse, row["indicator_id"])),
        }
        for row in checks
    ]


def _runs(warehouse: Warehouse) -> list[Row]:
    columns = ", ".join(landing.Run.__dataclass_fields__)
    return warehouse.records(f"select {columns} from {landing.RUNS} order by started_at_utc desc")[:RUNS_READ]


def _last_runs(warehouse: Warehouse) -> list[Row]:
    """The newest run of each indicator; a forgotten span is not a run."""
    columns = ", ".join(f"runs.{name}" for name in landing.Run.__dataclass_fields__)
    return warehouse.records(
        f"select {columns} from {landing.RUNS} as runs where runs.status <> ?"
        f" and not exists (select 1 from {landing.RUNS} as later where later.indicator_id = runs.indicator_id"
        " and later.status <> ? and later.started_at_utc > runs.started_at_utc) order by runs.indicator_id",
        (landing.FORGOTTEN, landing.FORGOTTEN),
    )


def _followed(warehouse: Warehouse, with_response: set[int]) -> frozenset[int]:
    """The series that are followed, as in dbt_project/macros/freshness.sql.

    Once asked for without an end, a series is followed: a later run for a past span must not silence the alarm. A run
    without indicator was for several and counts for each.
    """
    rows = warehouse.rows(f"select distinct indicator_id from {landing.RUNS} where requested_end is null")
    endless = {row[0] for row in rows}
    return frozenset(endless - {None} | (with_response if None in endless else set()))


def _table(warehouse: Warehouse) -> Row:
    datetime_column, rows = warehouse.quote("datetime"), warehouse.quote("rows")
    return warehouse.records(
        f"select count(*) as {rows}, min({datetime_column}) as first, max({datetime_column}) as last"
        f" from {warehouse.sql_name(MART)}"
    )[0]


def _published(warehouse: Warehouse) -> list[Row]:
    """The values of each area of each indicator: how many, from when to when."""
    return warehouse.records(
        "select indicator_id, geo_id, max(name) as name, max(geo_name) as geo_name, max(unit) as unit,"
        " count(*) as periods, min(period_start_utc) as first, max(period_start_utc) as last"
        f" from {warehouse.sql_name(VALUES)} group by indicator_id, geo_id order by indicator_id, geo_id"
    )


def _gaps(warehouse: Warehouse) -> list[Row]:
    rows = warehouse.records(
        "select indicator_id as id, geo_id, first_period_utc as gap_start_utc, last_period_utc as gap_end_utc, periods,"
        f" number as hours from {warehouse.sql_name(FINDINGS)} where code = 'missing'"
        " order by indicator_id, geo_id, first_period_utc"
    )
    return [row | {"hours": _whole(row["hours"])} for row in rows]


def _whole(number: float) -> float | int:
    return int(number) if number == int(number) else float(number)


def _flagged_periods(warehouse: Warehouse, condition: str) -> list[Row]:
    units = {indicator.id: indicator.unit for indicator in registry()}
    rows = warehouse.records(
        "select indicator_id as id, geo_id, period_start_utc, period_end_utc, value,"
        " case when withdrawn_at_utc is not null and coalesce(out_of_range, spike, step) is null then 'withdrawn'"
        " when out_of_range is not null then 'out_of_range' when spike is not null then 'spike' else 'step' end as code"
        f" from {warehouse.sql_name(PERIODS)} where has_finding = 1 and {condition}"
        " order by indicator_id, geo_id, period_start_utc"
    )
    return [row | {"unit": units.get(row["id"], "")} for row in rows]


def _quarantined(warehouse: Warehouse) -> list[Row]:
    """What a later response has replaced is history: an alarm that never ends is none."""
    known = {indicator.id: indicator for indicator in registry()}
    rows = warehouse.records(
        f"select * from {warehouse.sql_name(QUARANTINED)} where is_superseded = 0 order by response_id, datetime_text"
    )
    for row in rows:
        del row["is_superseded"]
        row["period_end_utc"] = _end_of(known.get(row["indicator_id"]), row["period_start_utc"])
    return rows


def _end_of(indicator: Indicator | None, start: datetime | None) -> datetime | None:
    if start is None or indicator is None:
        return start and start + HOUR
    spans = [span for span in indicator.cadences if span.from_day <= start.date()] or [indicator.cadences[0]]
    seconds = CADENCES[spans[-1].cadence]
    return start + (timedelta(seconds=seconds) if seconds else timedelta(days=1))


def _read_days(warehouse: Warehouse, state: State) -> None:
    daily = warehouse.sql_name(DAILY)
    counted = warehouse.rows(
        "select indicator_id, geo_id, verdict, count(*), max(case when periods_due > 0 then madrid_day end)"
        f" from {daily} group by indicator_id, geo_id, verdict order by indicator_id, geo_id"
    )
    days: dict[int, Row] = {}
    for indicator, geo, verdict, count, newest in counted:
        of_it = days.setdefault(
            indicator, {"indicator_id": indicator, "good_days": 0, "suspect_days": 0, "bad_days": 0}
        )
        of_it[f"{verdict}_days"] += count
        if newest is not None:
            day = as_day(newest)
            state.newest_due[indicator, geo] = max(day, state.newest_due.get((indicator, geo), day))
    state.days = list(days.values())
    found: dict[tuple[int, int, date], list[tuple[str, int, float | None]]] = {}
    rows = warehouse.rows(
        "select indicator_id, geo_id, madrid_day, code, sum(periods), max(abs(number)), max(number)"
        f" from {warehouse.sql_name(OF_DAYS)} where madrid_day is not null"
        " group by indicator_id, geo_id, madrid_day, code"
    )
    for indicator, geo, day, code, periods, size, number in rows:
        # A change with a sign is given with its sign.
        found.setdefault((indicator, geo, as_day(day)), []).append(
            (code, int(periods), number if code == "shifted" else size)
        )
    odd = warehouse.rows(
        f"select indicator_id, geo_id, madrid_day, verdict from {daily} where verdict <> 'good'"
        " order by indicator_id, geo_id, madrid_day"
    )
    state.odd_days = [
        OddDay(indicator, geo, as_day(day), verdict, tuple(found.get((indicator, geo, as_day(day)), ())))
        for indicator, geo, day, verdict in odd
    ]


def _last_build(warehouse: Warehouse) -> Row | None:
    """The newest run of dbt that built or tested anything: when, and what did not end well."""
    results = warehouse.sql_name(DBT_RESULTS)
    of_builds = "command in ('build', 'run', 'test')"
    last = warehouse.first(
        f"select invocation_id, run_started_at_utc, command from {results} where {of_builds}"
        f" and run_started_at_utc = (select max(run_started_at_utc) from {results} where {of_builds})"
    )
    if last is None:
        return None
    failed = f"select name from {results} where invocation_id = ? and status in ('error', 'fail') order by name"
    broken = [name for (name,) in warehouse.rows(failed, (last[0],))]
    published = warehouse.value(
        f"select max(run_started_at_utc) from {results} where name = ? and status = 'success'", (MART,)
    )
    return {
        "invocation_id": last[0],
        "command": last[2],
        "started_at_utc": last[1],
        "broken": broken,
        "published_at_utc": published,
    }


def _forecasts(warehouse: Warehouse) -> list[Row]:
    # One pass: the view is computed each time it is read.
    newest_first = "row_number() over (partition by forecast, actual_indicator_id order by madrid_day desc)"
    rows = warehouse.records(
        f"select * from (select *, {newest_first} as age from {warehouse.sql_name(ACCURACY)}) as aged where age = 1"
        " order by forecast, actual_indicator_id",
    )
    return [{name: value for name, value in row.items() if name != "age"} for row in rows]
