"""Random payloads through dbt: no entry is lost or counted twice, keys are unique, the newest response wins."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.api import parse
from tests.end_to_end.conftest import ROOT
from tests.faults.machine import Machine

MADRID = ZoneInfo("Europe/Madrid")
# Around the hour that Madrid repeats in October.
FIRST = datetime(2017, 10, 28, 22, tzinfo=UTC)
WINDOW = ("2017-10-27 22:00", "2017-10-31 23:00")
HOURS = 6
AREA = 8741
DDL = ROOT / "extract" / "warehouse" / "ddl" / "duckdb"
# In the order in which dbt builds them.
MODELS = {
    "esios_indicators": "staging_esios",
    "esios_indicator_areas": "staging_esios",
    "esios_indicator_cadences": "staging_esios",
    "stg_esios__indicator_responses": "staging_esios",
    "stg_esios__indicator_names": "staging_esios",
    "stg_esios__response_entries": "staging_esios",
    "stg_esios__judged_entries": "staging_esios",
    "stg_esios__indicator_values": "staging_esios",
    "stg_esios__rejected_values": "staging_esios",
    "stg_esios__unregistered_areas": "staging_esios",
    "esios_value_versions": "main",
    "demand_forecast_esios": "main",
}


@dataclass(frozen=True)
class Entry:
    """One entry as it is sent, and what it says to who reads it right: None where it cannot be read."""

    sent: str
    instant: datetime | None
    value: float | None
    area: int | None


def local(instant: datetime) -> str:
    """As the API writes it."""
    return instant.astimezone(MADRID).isoformat(timespec="milliseconds")


def hour(number: int) -> datetime:
    """An hour of the span."""
    return FIRST + timedelta(hours=number)


times = st.integers(0, HOURS - 1).flatmap(
    lambda number: st.sampled_from(
        [
            (local(hour(number)), hour(number)),
            (f"{hour(number):%Y-%m-%dT%H:%M:%SZ}", hour(number)),
            (local(hour(number)), hour(number)),
            (local(hour(number))[:-6] + "+05:00", None),
            (local(hour(number))[:-6], None),
            (f"{hour(number):%Y-%m-%d}T24:00:00.000+01:00", None),
            ("2017-13-01T00:00:00.000+01:00", None),
            ("mañana", None),
            ("", None),
            (None, None),
            (1509228000, None),
            ([], None),
        ]
    )
)
good_numbers = st.one_of(
    st.integers(-(10**15), 10**15), st.floats(allow_nan=False, allow_infinity=False, width=64), st.integers(0, 3)
)
values = st.one_of(
    good_numbers.map(lambda number: (json.dumps(number), float(number))),
    st.integers(0, 3).map(lambda number: (f'"{number}.5"', number + 0.5)),
    st.sampled_from(
        [
            *("null", '"n/d"', '"NaN"', '"-Infinity"', '""', '" 7"', "true", "[1]", '{"mw":1}', "1e400", '"1_0"'),
            # Cut to the length of their column they would be numbers, and others.
            *("1" + "0" * 400, f'"{"9" * 70}"', f'"0.{"0" * 70}1e80"'),
        ]
    ).map(lambda token: (token, None)),
    st.text(alphabet="añ\"'\\;-% {}日\x7f", max_size=80).map(lambda text: (json.dumps(text), None)),
)
areas = st.sampled_from([AREA, AREA, AREA, AREA, 8742, None, -1])


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """One entry, good or spoilt."""
    time, instant = draw(times)
    token, value = draw(values)
    area = draw(areas)
    place = "" if area is None else f',"geo_id":{area}'
    return Entry(f'{{"value":{token},"datetime":{json.dumps(time)}{place}}}', instant, value, area)


answers = st.lists(st.lists(entries(), max_size=8), min_size=1, max_size=3)


def readable(answer: Iterable[Entry]) -> dict[datetime, float]:
    """What a careful reader takes from one response for our area, hour by hour."""
    usable = [entry for entry in answer if entry.instant is not None and entry.value is not None]
    of_hour: dict[datetime, list[Entry]] = defaultdict(list)
    for entry in usable:
        assert entry.instant is not None
        of_hour[entry.instant].append(entry)
    found = {}
    for instant, there in of_hour.items():
        # An entry without an area may be any area's, so it is held against all of its hour.
        rivals = there if any(entry.area is None for entry in there) else [e for e in there if e.area == AREA]
        ours = {entry.value for entry in there if entry.area in (AREA, None)}
        if ours and len({entry.value for entry in rivals}) == 1:
            (value,) = ours
            assert value is not None
            found[instant.replace(tzinfo=None)] = value
    return found


class Staging:
    """The compiled models, run one after the other in a DuckDB in memory."""

    def __init__(self, compiled: dict[str, str]) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("set timezone = 'UTC'; attach ':memory:' as esios; use esios")
        self.connection.execute("create schema staging_esios")
        for file in sorted(DDL.glob("*.sql"), key=lambda path: len(path.stem)):
            self.connection.execute(file.read_text("utf-8"))
        self.compiled = compiled

    def build(self, payloads: list[str]) -> None:
        """Land the payloads, oldest first, and build every model again."""
        self.connection.execute("delete from raw_esios.indicator_responses")
        for number, payload in enumerate(payloads):
            self.connection.execute(
                "insert into raw_esios.indicator_responses values (460, ?, ?, 'url', ?, ?, 'run', ?)",
                [*WINDOW, payload, sha256(payload.encode()).hexdigest(), datetime(2018, 1, 1, number)],
            )
        for model, sql in self.compiled.items():
            self.connection.execute(f"create or replace table esios.{MODELS[model]}.{model} as {sql}")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """A query's rows."""
        return self.connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def staging(tmp_path_factory: pytest.TempPathFactory) -> Staging:
    """dbt compiles the models, as if nothing were built yet."""
    machine = Machine(tmp_path_factory.mktemp("compiled"), "http://127.0.0.1:9")
    finished = machine(
        *("dbt", "--no-use-colors", "compile", "--vars", "assume_incremental: false"),
        *("--select", *MODELS),
    )
    assert finished.code == 0, finished.out
    folder = machine.folder / "target" / "compiled" / "esios_elt" / "models"
    paths: dict[str, Path] = {path.stem: path for path in folder.rglob("*.sql")}
    return Staging({model: paths[model].read_text("utf-8") for model in MODELS})


@given(sent=answers)
@settings(max_examples=60)
def test_every_entry_is_readable_or_quarantined_once_and_the_newest_good_value_wins(
    staging: Staging, sent: list[list[Entry]]
) -> None:
    # Each response has a name of its own: a response equal to the newest one would not be landed.
    payloads = [
        f'{{"indicator":{{"name":"x{number}","id":460,"values_updated_at":null,'
        f'"values":[{",".join(entry.sent for entry in answer)}]}}}}'
        for number, answer in enumerate(sent)
    ]
    staging.build(payloads)
    distinct = staging.rows(
        "select count(*) from (select distinct landed.extracted_at_utc, left(entry ->> '$.datetime', 64),"
        " left(entry ->> '$.value', 65), left(entry ->> '$.geo_id', 32), left(entry ->> '$.geo_name', 100)"
        " from raw_esios.indicator_responses as landed,"
        " unnest(from_json(json_extract(payload, '$.indicator.values'), '[\"JSON\"]')) as opened (entry))"
    )
    counted = staging.rows(
        "select (select count(*) from staging_esios.stg_esios__indicator_values)"
        " + (select count(*) from staging_esios.stg_esios__rejected_values)"
        " + (select coalesce(sum(entries), 0) from staging_esios.stg_esios__unregistered_areas)"
    )
    assert counted == distinct, "each entry is in one of the three, once"
    unnamed = staging.rows("select * from staging_esios.stg_esios__rejected_values where code is null")
    assert unnamed == []

    expected: dict[datetime, float] = {}
    for answer in sent:
        expected |= readable(answer)
    mart = staging.rows("select datetime, demand_forecast from demand_forecast_esios")
    assert len(mart) == len({moment for moment, _ in mart}), "the key is unique"
    assert dict(mart) == expected


@given(
    body=st.one_of(
        st.binary(max_size=200), st.text(max_size=200).map(str.encode), st.integers(0, 200_000).map(lambda n: b"[" * n)
    )
)
@settings(max_examples=200)
def test_any_body_is_a_json_object_or_none(body: bytes) -> None:
    document = parse(body)
    assert document is None or isinstance(document, dict)


documents = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
        max_leaves=8,
    ),
    max_size=4,
)


@given(document=documents)
@settings(max_examples=100)
def test_a_json_object_is_read_as_it_was_written(document: dict[str, Any]) -> None:
    assert parse(json.dumps(document, ensure_ascii=False).encode()) == document
