"""Random histories of landing: what is judged run by run is what a full rebuild judges, at once or by slices of time.

Each history is an indicator of its own, so that one warehouse and few runs of dbt hold many: hours, quarter hours, days
and months, one area, several or all of them, windows that overlap, windows without any value, days asked for again or
forgotten, values that are revised, withdrawn, implausible or in quarantine.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

import duckdb
import pytest
from dbt.contracts.graph.manifest import Manifest
from hypothesis import given
from hypothesis import strategies as st

from tests.warehouses.landed import MADRID, Warehouse, entry
from tests.warehouses.random_histories import Parsed, empty_warehouse, few_seeds, naive, registered

HISTORIES = 12
STAGES = 2
SLICED = ("--vars", "rows_in_a_slice: 50")
CADENCES = {"hour": 60, "fifteen_minutes": 15, "day": None, "month": None}
# Around a change of the clocks, and long enough for comparisons with the week before.
FIRST, DAYS = date(2018, 10, 20), 11
MONTHS = [date(2017 + number // 12, 1 + number % 12, 1) for number in range(3, 3 + DAYS + 9)]
# All that is judged, but for the numbers and instants of the judgements themselves.
JUDGED = {
    "due_days": "judgement, checks_judged, last_checked_at_utc",
    "period_checks": "judgement, due_judgement",
    "week_checks": "judgement",
    "daily_quality": "judged_at_utc",
    "quality_findings": "",
    "missing_periods": "",
}


@dataclass
class Step:
    """What one run of the extractor or of `esios forget` leaves behind: rows of the landing tables."""

    responses: list[tuple[Any, ...]] = field(default_factory=list)
    checks: list[tuple[Any, ...]] = field(default_factory=list)
    forgotten: list[tuple[Any, ...]] = field(default_factory=list)


@dataclass
class History:
    """All that happens to one indicator, by stage."""

    indicator: int
    cadence: str
    areas: list[int] | str
    stages: list[Step]


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=MADRID).astimezone(UTC)


def day_of(cadence: str, number: int) -> date:
    """A day that a window may begin or end with: of months the first of one."""
    return MONTHS[number] if cadence == "month" else FIRST + timedelta(days=number)


def periods(cadence: str, first: date, end: date) -> Iterator[datetime]:
    """The starts of the periods of Madrid days, `end` not included."""
    if cadence == "month":
        yield from (midnight(month) for month in MONTHS if first <= month < end)
        return
    minutes = CADENCES[cadence]
    at = midnight(first)
    while at < midnight(end):
        yield at
        local = at.astimezone(MADRID).date()
        at = at + timedelta(minutes=minutes) if minutes else midnight(local + timedelta(days=1))


def value(draw: random.Random, cadence: str, at: datetime, area: int) -> float:
    """Mostly what is plausible of that hour, and the same whenever it is said again; of few values more are odd."""
    plain = 25_000 + 400.0 * at.astimezone(MADRID).hour + area % 7
    return draw.choice([plain] * (60 if CADENCES[cadence] else 8) + [plain + 300, plain * 4, 9_000.0, plain - 9_500])


def entries_of(draw: random.Random, one: History, areas: list[int], first: date, end: date) -> list[dict[str, Any]]:
    """The values of one response: some missing, some that nobody can use, sometimes none at all."""
    if draw.random() < 0.25:
        return []
    silent = {area for area in areas if draw.random() < 0.2}
    entries = []
    for at in periods(one.cadence, first, end):
        for area in areas:
            kind = draw.choice(["value"] * 40 + ["missing", "null", "conflict"])
            if area in silent or kind == "missing":
                continue
            said = None if kind == "null" else value(draw, one.cadence, at, area)
            entries.append(entry(at, said, geo_id=area))
            if kind == "conflict":
                entries.append(entry(at, 1.0, geo_id=area))
    return entries


def history(draw: random.Random, indicator: int) -> History:
    """Each response of an indicator is later than those before, as `land` guarantees, and each stage than the last."""
    areas: list[int] | str = draw.choice([[8741], [3, 1], "all", "all"])
    cadence = draw.choice(list(CADENCES))
    one = History(indicator, cadence, areas, [Step() for _ in range(STAGES)])
    # Sometimes within the days that are asked for, so that the last of them are not due yet.
    until = draw.choice([day_of(cadence, 4), day_of(cadence, 10), FIRST + timedelta(days=40)])
    at = midnight(until) + timedelta(hours=draw.randrange(24))
    for number, stage in enumerate(sorted(draw.randrange(STAGES) for _ in range(draw.randint(1, 6)))):
        step = one.stages[stage]
        at = max(at, midnight(FIRST + timedelta(days=60 * stage)))
        place = draw.randrange(DAYS - 1)
        first, end = day_of(cadence, place), day_of(cadence, place + draw.choice([1, 1, 3, 9]))
        window = (naive(midnight(first)), naive(midnight(end)))
        what = draw.choice(["response"] * 6 + ["check", "forgotten"])
        if what == "response":
            known = [3, 1, 2] if areas == "all" else list(areas)
            asked = [area for area in known if draw.random() < 0.8] or known
            payload = json.dumps(
                {"indicator": {"name": "x", "id": indicator, "values": entries_of(draw, one, asked, first, end)}}
            )
            named = "" if areas == "all" else "&".join(f"geo_ids%5B%5D={area}" for area in asked)
            sha = sha256(payload.encode()).hexdigest()
            run = f"{indicator}-{number}"
            step.responses.append((indicator, *window, f"https://h/x?{named}", payload, sha, run, naive(at)))
            step.checks.append((indicator, *window, run, naive(at), sha))
        elif what == "check":
            step.checks.append((indicator, *window, f"{indicator}-{number}", naive(at), "0" * 64))
        else:
            row = (f"{indicator}-{number}", naive(at), naive(at), "forgotten", indicator, first, end - timedelta(1))
            step.forgotten.append((*row, 0, 0, 0, 0, 0, None))
        at += timedelta(hours=draw.choice([1, 5, 30]))
    return one


def land(warehouse: Warehouse, steps: list[Step]) -> None:
    with duckdb.connect(str(warehouse.path)) as connection:
        for table, rows in (
            ("indicator_responses", [row for step in steps for row in step.responses]),
            ("window_checks", [row for step in steps for row in step.checks]),
            ("extract_runs", [row for step in steps for row in step.forgotten]),
        ):
            if rows:
                marks = ", ".join("?" for _ in rows[0])
                connection.executemany(f"insert into raw_esios.{table} values ({marks})", rows)


def judged(warehouse: Warehouse) -> dict[str, set[tuple[Any, ...]]]:
    return {
        name: set(warehouse.rows(f"select * {f'exclude ({without})' if without else ''} from quality_esios.{name}"))
        for name, without in JUDGED.items()
    }


@pytest.fixture(scope="module")
def parsed(manifest: Manifest) -> Parsed:
    return Parsed(manifest)


@given(seed=st.integers(0, 2**32 - 1))
@few_seeds
def test_what_is_judged_run_by_run_of_any_history_is_what_a_full_rebuild_judges(parsed: Parsed, seed: int) -> None:
    draw = random.Random(seed)
    histories = [history(draw, 1000 + number) for number in range(HISTORIES)]
    project = registered(
        parsed.manifest, [{"id": one.indicator, "cadence": one.cadence, "areas": one.areas} for one in histories]
    )
    with empty_warehouse(parsed.manifest) as warehouse:

        def build(*more: str) -> dict[str, set[tuple[Any, ...]]]:
            outcome = warehouse.invoke(
                *("run", "--select", "+quality_findings", "+daily_quality", *more), manifest=project.deepcopy()
            )
            assert outcome.success, outcome.exception or [result.message for result in outcome.result or []]
            return judged(warehouse)

        for stage in range(STAGES):
            land(warehouse, [one.stages[stage] for one in histories])
            found = build(*SLICED)
        for way, more in (("at once", ()), ("by slices", SLICED)):
            rebuilt = build("--full-refresh", *more)
            for name in JUDGED:
                assert found[name] - rebuilt[name] == set(), f"{name}: judged run by run only, and not {way}"
                assert rebuilt[name] - found[name] == set(), f"{name}: judged by a rebuild {way} only"
        assert {row[0] for row in found["daily_quality"]} >= {
            one.indicator for one in histories if one.areas != "all" and any(step.responses for step in one.stages)
        }


# Periods within the plausible range that are odd by their neighbours: (values by place, those of a later response).
NEIGHBOURS = [
    ([25_000, 25_000, 16_000], {3: 25_000, 4: 25_000}),  # the last one is a spike only when the next is known
    ([25_000, 16_000, 25_000, 25_000, 25_000], {0: 16_000}),  # no spike any more: the step is that of the third
    ([16_000, 16_000, 25_000, 25_000, 25_000], {0: 25_000}),  # now the second is one, and the third on its way back
    ([25_000, 25_000, 25_000, 16_000, 25_000], {2: 16_000, 4: 16_000}),
]


@pytest.mark.parametrize("cadence", [*CADENCES])
def test_a_later_value_changes_what_its_neighbours_are(manifest: Manifest, cadence: str) -> None:
    histories = [neighbours(1000 + number, cadence, *values) for number, values in enumerate(NEIGHBOURS)]
    project = registered(manifest, [{"id": one.indicator, "cadence": cadence, "areas": one.areas} for one in histories])
    columns = "indicator_id, period_start_utc, spike, step"
    with empty_warehouse(manifest) as warehouse:
        seen = []
        for stage, more in ((0, ()), (1, ()), (None, ("--full-refresh",))):
            if stage is not None:
                land(warehouse, [one.stages[stage] for one in histories])
            assert warehouse.invoke("run", "--select", "+daily_quality", *more, manifest=project.deepcopy()).success
            seen.append(warehouse.rows(f"select {columns} from quality_esios.period_checks order by all"))
    first, later, rebuilt = seen
    assert later == rebuilt
    known = {(row[0], row[1]) for row in first}
    assert set(first) != {row for row in later if (row[0], row[1]) in known}


def neighbours(indicator: int, cadence: str, first: list[int], later: dict[int, int]) -> History:
    """Two responses; of periods shorter than a day the first two are the last of a day."""
    one = History(indicator, cadence, [8741], [Step(), Step()])
    starts = sorted(periods(cadence, day_of(cadence, 0), day_of(cadence, 5)))
    if CADENCES[cadence]:
        until = starts.index(midnight(day_of(cadence, 1)))
        starts = starts[until - 2 : until + 3]
    for step, values, at in ((0, dict(enumerate(first)), 6), (1, later, 7)):
        window = (naive(starts[min(values)]), naive(starts[max(values)] + timedelta(minutes=15)))
        payload = json.dumps(
            {"indicator": {"name": "x", "id": indicator, "values": [
                entry(starts[place], float(said), geo_id=8741) for place, said in values.items()
            ]}}
        )  # fmt: skip
        row = (indicator, *window, "https://h/x?geo_ids%5B%5D=8741", payload, sha256(payload.encode()).hexdigest())
        one.stages[step].responses.append((*row, f"{indicator}-{step}", naive(midnight(date(2019, at, 1)))))
    return one
