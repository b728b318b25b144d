"""Random histories of what ESIOS said: versions built run by run are those of a full rebuild, and of a plain reading.

Each history is an indicator of its own, so that one warehouse and few runs of dbt hold many. A reader in Python, which
knows nothing of SQL, says what the versions must be.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import duckdb
import pytest
from dbt.contracts.graph.manifest import Manifest
from hypothesis import given
from hypothesis import strategies as st

from tests.warehouses.landed import MADRID, Warehouse, entry
from tests.warehouses.random_histories import Parsed, empty_warehouse, few_seeds, naive, registered

HISTORIES = 60
STAGES = 3
CADENCES = {"five_minutes": 5, "ten_minutes": 10, "fifteen_minutes": 15, "hour": 60, "day": None, "month": None}
VERSIONS = """select indicator_id, geo_id, period_start_utc, period_end_utc, version, value, known_from_utc,
    known_until_utc, response_id, confirmed_response_id, responses, last_response_id
from esios_value_versions order by indicator_id, geo_id, period_start_utc, version"""
Said = tuple[datetime, bool, int, float]


def edges(cadence: str, count: int) -> list[datetime]:
    """The starts of `count` periods and the end of the last, around a change of the clocks."""
    minutes = CADENCES[cadence]
    if minutes:
        first = datetime(2018, 10, 27, 23, tzinfo=UTC)
        return [first + timedelta(minutes=minutes * n) for n in range(count + 1)]
    if cadence == "day":
        return [datetime(2018, 3, 22 + n, tzinfo=MADRID).astimezone(UTC) for n in range(count + 1)]
    return [datetime(2018, 1 + n, 1, tzinfo=MADRID).astimezone(UTC) for n in range(count + 1)]


@dataclass
class Response:
    """One response: what it is sent as, and what a careful reader takes from it."""

    window: tuple[datetime, datetime]
    extracted: datetime
    run: str
    entries: list[dict[str, Any]] = field(default_factory=list)
    usable: dict[tuple[int, datetime], float] = field(default_factory=dict)


@dataclass
class History:
    """All that is ever said of one indicator, in the order in which it is landed, by stage."""

    indicator: int
    cadence: str
    areas: list[int] | str
    ends: dict[datetime, datetime]
    stages: list[list[Response]]


def history(draw: random.Random, indicator: int) -> History:
    """Late, repeated, withdrawn, revised and spilled-over responses, in any order."""
    cadence = draw.choice(list(CADENCES))
    edge = edges(cadence, draw.randint(2, 6))
    starts = edge[:-1]
    areas: list[int] | str = draw.choice([[8741], [8741], [3, 1, 2], "all"])
    named = [3, 1] if areas == "all" else list(areas)
    stages: list[list[Response]] = [[] for _ in range(STAGES)]
    # Few values and few instants, so that they repeat.
    moments = [datetime(2019, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(draw.randint(2, 6))]
    for number in range(draw.randint(1, 7)):
        first = draw.randrange(len(starts))
        last = draw.randrange(first, len(starts))
        response = Response((edge[first], edge[last + 1]), draw.choice(moments), f"{indicator}-{number}")
        spills = draw.random() < 0.4
        for area in named:
            for index, start in enumerate(starts):
                if first <= index <= last or (spills and draw.random() < 0.5):
                    say(draw, response, cadence, areas, area, start)
        if draw.random() < 0.3:  # an area that is not registered, where no other entry may be taken for it
            response.entries.append(entry(edge[-1], 777.0, geo_id=-1 if areas == "all" else 99))
        draw.shuffle(response.entries)
        stages[draw.randrange(STAGES)].append(response)
    return History(indicator, cadence, areas, dict(zip(starts, edge[1:], strict=True)), stages)


def say(
    draw: random.Random, response: Response, cadence: str, areas: list[int] | str, area: int, start: datetime
) -> None:
    """What a response says of one period of one area: mostly a value."""
    value = float(draw.choice([10, 20, 30]))
    kind = draw.choice(["value"] * 10 + ["again", "null", "text", "missing", "conflict", "parts", "no area"])
    said = [entry(start, value, geo_id=area, geo_name=f"area {area}")]
    if kind == "again":
        said.append(entry(start, int(value), geo_id=area))
    elif kind == "null":
        said = [entry(start, None, geo_id=area)]
    elif kind == "text":
        said = [entry(start, "n/d", geo_id=area)]
    elif kind == "missing":
        said = []
    elif kind == "conflict":
        said.append(entry(start, value + 1, geo_id=area))
    elif kind == "parts":
        said.append(entry(start + timedelta(minutes=1), value, geo_id=area))
    elif kind == "no area" and areas == [area]:
        del said[0]["geo_id"], said[0]["geo_name"]
    response.entries += said
    if kind in ("value", "again", "no area"):
        response.usable[area, start] = value


def versions_of(one: History, landed: list[tuple[int, Response]]) -> Iterator[tuple[Any, ...]]:
    """The rows that must be there after some numbered responses, by the rule's words."""
    said: dict[tuple[int, datetime], list[Said]] = defaultdict(list)
    for number, response in landed:
        for (area, start), value in response.usable.items():
            in_window = response.window[0] <= start < response.window[1]
            said[area, start].append((response.extracted, in_window, number, value))
    for (area, start), values in said.items():
        versions: list[dict[str, Any]] = []
        seen_in_window = False
        for moment in sorted({at for at, _, _, _ in values}):
            now = [one for one in values if one[0] == moment]
            now_in_window = [one for one in now if one[1]]
            if not now_in_window and seen_in_window:
                continue
            seen_in_window = seen_in_window or bool(now_in_window)
            _, _, number, value = max(now_in_window or now, key=lambda one: one[2])
            if not versions or versions[-1]["value"] != value:
                if versions:
                    versions[-1]["until"] = moment
                versions.append({"value": value, "from": moment, "until": None, "first": number, "count": 0})
            versions[-1] |= {"last": number, "count": versions[-1]["count"] + 1}
        highest = max(number for _, _, number, _ in values)
        for place, each in enumerate(versions, start=1):
            instants = (start, one.ends[start])
            known = (each["from"], each["until"])
            yield (
                *(one.indicator, area, *map(naive, instants), place, each["value"], *map(naive, known)),
                *(each["first"], each["last"], each["count"], highest),
            )


def land(warehouse: Warehouse, responses: list[tuple[History, Response]]) -> None:
    """All in one transaction, in a random order of commits that is the list's."""
    rows = []
    for one, response in responses:
        payload = json.dumps({"indicator": {"name": "x", "id": one.indicator, "values": response.entries}})
        window = [naive(instant) for instant in response.window]
        sha = sha256(payload.encode()).hexdigest()
        rows.append((one.indicator, *window, "https://h/x", payload, sha, response.run, naive(response.extracted)))
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.executemany("insert into raw_esios.indicator_responses values (?, ?, ?, ?, ?, ?, ?, ?)", rows)


@pytest.fixture(scope="module")
def parsed(manifest: Manifest) -> Parsed:
    return Parsed(manifest)


@given(seed=st.integers(0, 2**32 - 1))
@few_seeds
def test_versions_of_any_history_are_those_of_a_full_rebuild_and_of_a_plain_reading(parsed: Parsed, seed: int) -> None:
    draw = random.Random(seed)
    histories = [history(draw, 1000 + number) for number in range(HISTORIES)]
    project = registered(
        parsed.manifest, [{"id": one.indicator, "cadence": one.cadence, "areas": one.areas} for one in histories]
    )
    with empty_warehouse(parsed.manifest) as warehouse:

        def build(*more: str) -> list[tuple[Any, ...]]:
            outcome = warehouse.invoke("run", "--select", "+esios_values", *more, manifest=project.deepcopy())
            assert outcome.success, outcome.exception or [result.message for result in outcome.result or []]
            return warehouse.rows(VERSIONS)

        for stage in range(STAGES):
            responses = [(one, response) for one in histories for response in one.stages[stage]]
            draw.shuffle(responses)
            land(warehouse, responses)
            found = build()
            numbers = dict(
                warehouse.rows("select run_id, response_id from staging_esios.stg_esios__indicator_responses")
            )
            expected = [
                row
                for one in histories
                for row in versions_of(
                    one, [(numbers[response.run], response) for said in one.stages[: stage + 1] for response in said]
                )
            ]
            assert found == sorted(expected, key=lambda row: (row[0], row[1], row[2], row[4]))
        assert build() == found, "where nothing is new nothing changes"
        assert build("--full-refresh") == found, "a full rebuild gives the same"
        assert build("--full-refresh", "--vars", "rows_in_a_slice: 10") == found, "by slices of time, too"
        newest = [(row[0], row[1], row[2], row[5]) for row in found if row[7] is None]
        values = "select indicator_id, geo_id, period_start_utc, value from esios_values order by 1, 2, 3"
        assert warehouse.rows(values) == newest
        assert len(newest) > HISTORIES
