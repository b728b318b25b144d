"""A request for values → the body that ESIOS sends. Pure: the clock comes in as an argument.

What a body depends on is first gathered in a `Plan` (a frozen dataclass); equal plans give equal bodies, so the server
may keep them.
"""

from __future__ import annotations

import csv
import json
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from pathlib import Path
from random import Random

from simulator import demand
from simulator.catalogue import BY_ID, Indicator, Series
from simulator.demand import HOUR, MADRID

TRUNCS = {
    "five_minutes": 300,
    "ten_minutes": 600,
    "fifteen_minutes": 900,
    "hour": HOUR,
    "day": 0,
    "month": 0,
    "year": 0,
}
# What the real API does not manage: so many areas over so long a span, and a year of five-minute values.
_MANY_AREAS, _MANY_AREAS_S = 40, 22 * 86_400
_FIVE_MINUTES_S = 300 * 86_400
# A rolling forecast is issued again at these local times of every day (seconds); the first takes in one day more.
ISSUE_TIMES_S = (0, 6 * HOUR + 37 * 60 + 31)
# A settled series changes so many days after its day: provisional, intermediate and final settlement.
SETTLED_AFTER_DAYS = (1, 100, 235)
_SETTLED_ERROR = (0.02, 0.005, 0.0)
_DAY = 86_400


class BadQuery(ValueError):
    """A parameter that ESIOS cannot read; the text names it."""


class UnknownIndicator(LookupError):
    """No indicator has this id."""


class BadSeries(ValueError):
    """A series file that cannot be read; the text says where, and how to fix it."""


@dataclass(frozen=True)
class Query:
    """One question: instants in seconds since 1970, both ends included."""

    indicator_id: int
    start: float
    end: float
    trunc: str = ""
    agg: str = "sum"
    geo_ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plan:
    """All that a body depends on. `start` > `end`: nothing is published there."""

    query: Query
    start: float
    end: float
    issue: int
    updated_at: int


@dataclass(frozen=True)
class Recorded:
    """A recorded series: instants (seconds since 1970, ascending) and their values."""

    instants: tuple[int, ...]
    values: tuple[float, ...]


# --- reading the question ---------------------------------------------------------------------------------------------


def parse_instant(text: str, name: str) -> float:
    """Seconds since 1970. A naive time is Madrid time; an offset or Z is honoured."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadQuery(f"{name} is not a date: {text!r}") from None
    try:
        return (moment.replace(tzinfo=MADRID) if moment.tzinfo is None else moment).timestamp()
    except (OverflowError, ValueError):
        raise BadQuery(f"{name} is out of range: {text!r}") from None


def parse_query(indicator_id: int, parameters: Mapping[str, Sequence[str]], now: float) -> Query:
    """The question in the URL's parameters; without dates it is today's (Madrid) values."""
    today = demand.madrid_ordinal(now)
    start_text, end_text = (_last(parameters, name) for name in ("start_date", "end_date"))
    trunc = _last(parameters, "time_trunc")
    agg = _last(parameters, "time_agg") or "sum"
    if trunc and trunc not in TRUNCS:
        raise BadQuery(f"time_trunc is none of {', '.join(TRUNCS)}: {trunc!r}")
    if agg not in ("sum", "average"):
        raise BadQuery(f"time_agg is neither sum nor average: {agg!r}")
    try:
        geo_ids = tuple(int(text) for name in ("geo_ids[]", "geo_ids") for text in parameters.get(name, ()) if text)
    except ValueError:
        raise BadQuery("geo_ids is not a number") from None
    return Query(
        indicator_id,
        parse_instant(start_text, "start_date") if start_text else demand.day_start(today),
        parse_instant(end_text, "end_date") if end_text else demand.day_start(today + 1) - 1,
        trunc,
        agg,
        geo_ids,
    )


def _last(parameters: Mapping[str, Sequence[str]], name: str) -> str:
    values = parameters.get(name) or [""]
    return values[-1].strip()


def load_series(path: Path) -> Recorded:
    """Read a CSV with the columns tz_time and value; `BadSeries` names the line that cannot be read."""
    found: dict[int, float] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            header = next((row for row in rows if any(cell.strip() for cell in row)), None)
            columns = [cell.strip().lower() for cell in header or ()]
            if "tz_time" not in columns or "value" not in columns:
                raise BadSeries(f"{path}: the first line must name the columns tz_time and value")
            time_at, value_at = columns.index("tz_time"), columns.index("value")
            for row in rows:
                if not any(cell.strip() for cell in row):
                    continue
                try:
                    moment = datetime.fromisoformat(row[time_at].strip())
                    value = float(row[value_at])
                except (ValueError, IndexError):
                    raise BadSeries(
                        f"{path}, line {rows.line_num}: not a time and a value: {','.join(row)[:80]}"
                    ) from None
                if not math.isfinite(value):
                    raise BadSeries(f"{path}, line {rows.line_num}: the value is not a finite number")
                instant = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
                if instant in found:
                    raise BadSeries(f"{path}, line {rows.line_num}: {row[time_at].strip()} is there twice")
                found[instant] = value
    except OSError as error:
        raise BadSeries(f"{path}: {error.strerror or error}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadSeries(f"{path}: no UTF-8 CSV file ({error})") from None
    if not found:
        raise BadSeries(f"{path}: no values")
    instants = sorted(found)
    return Recorded(tuple(instants), tuple(found[instant] for instant in instants))


# --- what is published, and since when --------------------------------------------------------------------------------


def plan(query: Query, now: float, recorded: Recorded | None = None) -> Plan:
    """What can be sent at `now` (seconds since 1970); `UnknownIndicator` if the catalogue has no such id."""
    indicator = BY_ID.get(query.indicator_id)
    if indicator is None:
        raise UnknownIndicator(f"no indicator has the id {query.indicator_id}")
    start, end = math.ceil(query.start), math.floor(query.end)
    nothing = Plan(query, 1, 0, 0, 0)
    if recorded is not None and query.indicator_id == 460:
        first, last = bisect_left(recorded.instants, start), bisect_right(recorded.instants, end)
        if first >= last:
            return nothing
        start, end = recorded.instants[first], recorded.instants[last - 1]
        # As in the recorded response: refreshed in the morning of the range's last day.
        return Plan(query, start, end, 0, demand.day_start(demand.madrid_ordinal(end)) + ISSUE_TIMES_S[-1])
    series = indicator.series
    if series is None:
        return nothing
    start = max(start, demand.day_start(series.first_day.toordinal()))
    end = min(end, published_until(series, now) - 1)
    if start > end:
        return nothing
    last_day = demand.madrid_ordinal(end)
    match series.revised:
        case "rolling":
            issue = last_issue(now)
            settled = issue >= demand.day_start(last_day + 1)
            # A day is final with the first issue after it, and nothing after that touches its range.
            return Plan(query, start, end, 0 if settled else issue, min(issue, demand.day_start(last_day + 1)))
        case "settled":
            return _settled_plan(query, start, end, now)
        case "live":
            return Plan(query, start, end, 0, min(demand.day_start(last_day + 1), int(now // 300) * 300))
        case _:
            published = demand.day_start(last_day - series.ahead_days) + series.published_at_s
            return Plan(query, start, end, 0, published)


def times_out(query: Query) -> bool:
    """Whether the API would take so long over this that its gateway gives up (504)."""
    indicator = BY_ID.get(query.indicator_id)
    if indicator is None or indicator.series is None:
        return False
    areas = len(query.geo_ids) or len(indicator.areas)
    span = query.end - query.start
    finest = max((count for _, count in indicator.series.finer_from), default=1)
    return (areas >= _MANY_AREAS and span > _MANY_AREAS_S) or (finest > 4 and span > _FIVE_MINUTES_S)


def last_issue(now: float) -> int:
    """The newest issue of a rolling forecast at `now`."""
    midnight = demand.day_start(demand.madrid_ordinal(now))
    return max(midnight + seconds for seconds in ISSUE_TIMES_S if midnight + seconds <= now)


def published_until(series: Series, now: float) -> int:
    """The first instant (seconds since 1970) that is not published yet."""
    today = demand.madrid_ordinal(now)
    if series.revised == "live":
        return int(now // 300) * 300
    if now < demand.day_start(today) + series.published_at_s:
        today -= 1
    return demand.day_start(today + series.ahead_days + 1)


def _settled_plan(query: Query, start: int, end: int, now: float) -> Plan:
    today = demand.madrid_ordinal(now)
    first, last = demand.madrid_ordinal(start), demand.madrid_ordinal(end)
    stamps = [min(last + after, today) for after in SETTLED_AFTER_DAYS if first + after <= today]
    final = last + SETTLED_AFTER_DAYS[-1] <= today
    return Plan(query, start, end, 0 if final else today, demand.day_start(max(stamps)))


# --- the values -------------------------------------------------------------------------------------------------------


def _hourly(series: Series, area: int, first: int, last: int, issue: int) -> list[float]:
    """The values of the UTC hours number `first` … `last` since 1970."""
    curve = series.curves[area]
    values: list[float] = []
    ordinal = demand.madrid_ordinal(first * HOUR)
    while demand.day_start(ordinal) <= last * HOUR:
        values.extend(_revised_day(series, curve, ordinal, issue) if issue else curve(ordinal))
        ordinal += 1
    skipped = first - demand.day_start(demand.madrid_ordinal(first * HOUR)) // HOUR
    return values[skipped : skipped + last - first + 1]


def _revised_day(series: Series, curve: Callable[[int], Sequence[float]], ordinal: int, issue: int) -> Sequence[float]:
    """A day's values as they stood at that issue (rolling: its instant; settled: the day of asking)."""
    final = curve(ordinal)
    first = demand.day_start(ordinal) // HOUR
    if series.revised == "settled":
        stage = sum(ordinal + after <= issue for after in SETTLED_AFTER_DAYS) - 1
        error = _SETTLED_ERROR[max(stage, 0)]
        return [round(value * (1 + error) + math.copysign(error, value), series.decimals) for value in final]
    if demand.day_start(ordinal + 1) <= issue:
        return final
    return [
        value
        if (first + i) * HOUR <= issue
        else float(round(value * (1 + demand.revision(first + i, issue, ((first + i) * HOUR - issue) / HOUR))))
        for i, value in enumerate(final)
    ]


@cache
def _finer_from(series: Series) -> tuple[tuple[int, int], ...]:
    return tuple((int(parse_instant(text, "finer_from")), count) for text, count in series.finer_from)


def periods_in_hour(series: Series, instant: int) -> int:
    """In how many periods the series comes at that instant: 1, 4 or 12 an hour."""
    count = 1
    for since, finer in _finer_from(series):
        if instant >= since:
            count = finer
    return count


def _within_hour(value: float, before: float, after: float, count: int, decimals: int) -> list[float]:
    """An hour's finer values: a slope whose parts add up to exactly `count` times the hour's value."""
    slope = (after - before) / 2
    digits = decimals or None
    return [value + round(slope * (k - (count - 1) / 2) / count, digits) for k in range(count)]


def _bucket(trunc: str) -> Callable[[int], int]:
    """The start of the day, month or year (Madrid) that an instant falls in."""

    def start(instant: int) -> int:
        day = demand.day_of(demand.madrid_ordinal(instant))
        if trunc == "month":
            day = day.replace(day=1)
        elif trunc == "year":
            day = day.replace(month=1, day=1)
        return demand.day_start(day.toordinal())

    return start


def _whole_days(series: Series, area: int, plan: Plan) -> Iterator[tuple[int, float, int]]:
    """(instant, sum, count) of each day or month that begins in the range."""
    begins = _bucket(series.period)
    for ordinal in range(demand.madrid_ordinal(plan.start), demand.madrid_ordinal(plan.end) + 1):
        instant = demand.day_start(ordinal)
        if begins(instant) == instant and plan.start <= instant <= plan.end:
            yield instant, series.curves[area](ordinal)[0], 1


def _native(series: Series, area: int, plan: Plan, whole_hours: bool) -> Iterator[tuple[int, float, int]]:
    """(instant, sum, count) of each period; an hour that lies whole in the range comes as one if `whole_hours`."""
    start, end = int(plan.start), int(plan.end)
    first, last = start // HOUR, end // HOUR
    values = _hourly(series, area, first - 1, last + 1, plan.issue)
    decimals = series.decimals
    changes = _finer_from(series)
    count = periods_in_hour(series, start)
    for i in range(1, len(values) - 1):
        hour = first + i - 1
        instant = hour * HOUR
        if changes and i > 1:
            count = periods_in_hour(series, instant)
        if count == 1:
            if start <= instant:
                yield instant, values[i], 1
            continue
        step = HOUR // count
        if whole_hours and start <= instant and instant + HOUR - step <= end:
            yield instant, values[i] * count, count
            continue
        for k, value in enumerate(_within_hour(values[i], values[i - 1], values[i + 1], count, decimals)):
            if start <= instant + k * step <= end:
                yield instant + k * step, value, 1


def _grouped(rows: Iterator[tuple[int, float, int]], query: Query, decimals: int | None) -> Iterator[tuple[int, float]]:
    """(period start, value): the rows of each asked period added up or averaged."""
    size = TRUNCS.get(query.trunc, 0)
    coarse = _bucket(query.trunc) if query.trunc in ("day", "month", "year") else None
    average = query.agg == "average"
    current, total, count = None, 0.0, 0

    def result() -> float:
        value = total / count if average else total
        return value if decimals is None or average else round(value, decimals)

    for instant, value, number in rows:
        bucket = coarse(instant) if coarse else (instant - instant % size if size else instant)
        if bucket != current:
            if current is not None:
                yield current, result()
            current, total, count = bucket, 0.0, 0
        total += value
        count += number
    if current is not None:
        yield current, result()


def _whole_hours(series: Series, area: int, plan: Plan) -> list[tuple[int, int, float]] | None:
    """The rows of a range of whole hours asked by the hour: the usual request, served without splitting hours.

    None where that does not hold: hours cut at an end of the range, or the series turning finer within it.
    """
    start, end = int(plan.start), int(plan.end)
    count = periods_in_hour(series, start)
    last = end // HOUR
    if count != periods_in_hour(series, end) or (
        count > 1 and (start % HOUR or end < (last + 1) * HOUR - HOUR // count)
    ):
        return None
    if plan.query.trunc != "hour" and (count > 1 or plan.query.trunc in ("day", "month", "year")):
        return None
    first = -(-start // HOUR)
    if last < first:
        return []
    factor = 1 if plan.query.agg == "average" else count
    instants = range(first * HOUR, (last + 1) * HOUR, HOUR)
    values = _hourly(series, area, first, last, plan.issue)
    if series.decimals and factor > 1:
        return [
            (instant, area, round(value * factor, series.decimals))
            for instant, value in zip(instants, values, strict=True)
        ]
    return [(instant, area, value * factor) for instant, value in zip(instants, values, strict=True)]


def values_of(plan: Plan, recorded: Recorded | None = None) -> list[tuple[int, int, float]]:
    """(period start in seconds since 1970, area's place in the indicator's list, value), as they are sent."""
    indicator = BY_ID[plan.query.indicator_id]
    if plan.start > plan.end:
        return []
    geo_ids = plan.query.geo_ids
    wanted = [area for area, (geo_id, _) in enumerate(indicator.areas) if not geo_ids or geo_id in geo_ids]
    if recorded is not None and indicator.id == 460:
        first, last = bisect_left(recorded.instants, plan.start), bisect_right(recorded.instants, plan.end)
        rows = ((recorded.instants[i], recorded.values[i], 1) for i in range(first, last))
        return [(instant, area, value) for instant, value in _grouped(rows, plan.query, None) for area in wanted]
    series = indicator.series
    if series is None:
        return []
    per_area = [_rows_of(series, area, plan) for area in wanted]
    if len(per_area) == 1:
        return per_area[0]
    mixed: list[tuple[int, int, float]] = []
    for together in zip(*per_area, strict=True):
        shuffled = list(together)
        # No stable order within an hour, yet the same one on every machine.
        Random(together[0][0]).shuffle(shuffled)  # noqa: S311
        mixed.extend(shuffled)
    return mixed


def _rows_of(series: Series, area: int, plan: Plan) -> list[tuple[int, int, float]]:
    if series.period != "hour":
        coarse = _whole_days(series, area, plan)
        # Nothing comes in finer periods than it has: hours of a daily series are its days.
        if TRUNCS.get(plan.query.trunc, 0):
            return [(instant, area, value) for instant, value, _ in coarse]
        return [(instant, area, value) for instant, value in _grouped(coarse, plan.query, series.decimals)]
    rows = _whole_hours(series, area, plan)
    if rows is not None:
        return rows
    by_hour = TRUNCS.get(plan.query.trunc, 1) in (0, HOUR)
    grouped = _grouped(_native(series, area, plan, by_hour), plan.query, series.decimals)
    return [(instant, area, value) for instant, value in grouped]


# --- the body ---------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=32768)
def _date_text(days: int) -> str:
    return date.fromordinal(days + 719_163).isoformat()


_OFFSETS = {HOUR: "+01:00", 2 * HOUR: "+02:00"}


def stamp(instant: int) -> str:
    """Madrid time with its offset, as ESIOS writes it: 2018-12-31T06:37:31.000+01:00."""
    return datetime.fromtimestamp(instant, UTC).astimezone(MADRID).isoformat(timespec="milliseconds")


@lru_cache(maxsize=4096)
def _clock(second_of_day: int) -> str:
    return f"{second_of_day // HOUR:02d}:{second_of_day % HOUR // 60:02d}:{second_of_day % 60:02d}"


def entries(rows: Sequence[tuple[int, int, float]], areas: Sequence[tuple[int, str]]) -> str:
    """The rows as the text of the response's `values` list, brackets left out."""
    tails = [f',"geo_id":{geo_id},"geo_name":{json.dumps(name, ensure_ascii=False)}}}' for geo_id, name in areas]
    parts = []
    since = until = offset = 0
    for instant, area, value in rows:
        if not since <= instant < until:
            since, until, offset = demand.offset_span(instant)
        day, second = divmod(instant, _DAY)
        local_day, local_second = divmod(instant + offset, _DAY)
        moment = f"{_date_text(day)}T{_clock(second)}"
        utc = moment
        if offset == HOUR and instant < since + HOUR:
            # The fault of the real API: the second 02:00 of the autumn night carries the instant of the first.
            utc = f"{_date_text(day)}T{_clock(second - HOUR)}"
        parts.append(
            f'{{"value":{float(value)!r},"datetime":"{_date_text(local_day)}T{_clock(local_second)}.000{_OFFSETS[offset]}",'
            f'"datetime_utc":"{utc}Z","tz_time":"{moment}.000Z"{tails[area]}'
        )
    return ",".join(parts)


@cache
def _opening(indicator_id: int) -> str:
    return json.dumps(BY_ID[indicator_id].header(), ensure_ascii=False, separators=(",", ":"))[:-1]


def body(plan: Plan, recorded: Recorded | None = None) -> bytes:
    """The response's body: UTF-8 JSON, compact, in the recorded shape."""
    indicator = BY_ID[plan.query.indicator_id]
    rows = values_of(plan, recorded)
    updated = f'"{stamp(plan.updated_at)}"' if rows else "null"
    text = entries(rows, indicator.areas)
    return f'{{"indicator":{_opening(indicator.id)},"values_updated_at":{updated},"values":[{text}]}}}}'.encode()


def catalogue_body(found: Sequence[Indicator]) -> bytes:
    """The catalogue's body."""
    listed = {"indicators": [indicator.entry() for indicator in found]}
    return json.dumps(listed, ensure_ascii=False, separators=(",", ":")).encode()
