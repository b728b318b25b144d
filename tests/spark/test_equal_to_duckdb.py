"""Spark builds from the same landing what DuckDB builds, value for value, at first and by increments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import duckdb
import pytest

from benchmarks import sparks
from tests.integration.conftest import Home, home

from .jvm import HAS_JVM_SPARK, NO_JVM_SPARK, TwinsOnJvm
from .plans import MOVING, STAYING, moved_payloads, payload_reads, statements_on_payloads
from .twins import Twins, in_utc, revised

pytestmark = pytest.mark.timeout(3000)
DONE = re.compile(r"Done\. .*")


@dataclass
class Seen:
    """What the builds left."""

    twins: Twins
    built: list[str] = field(default_factory=list)
    different: list[dict[str, Any]] = field(default_factory=list)


class TwinsOnCluster(Twins):
    """Sail's workers exchange what one process would hand on: plans are taken apart and sent."""


ON_SAIL = pytest.mark.skipif(HAS_JVM_SPARK, reason="Spark's client is hidden by Spark")
SPARKS = [
    pytest.param(Twins, id="sail", marks=ON_SAIL),
    pytest.param(TwinsOnCluster, id="sail-cluster", marks=ON_SAIL),
    pytest.param(TwinsOnJvm, id="spark", marks=pytest.mark.skipif(not HAS_JVM_SPARK, reason=NO_JVM_SPARK)),
]


@pytest.fixture(scope="module", params=SPARKS)
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """First build; then revised and unreadable responses, and another registration of one indicator."""
    folder = tmp_path_factory.mktemp("twins")
    (folder / "duckdb").mkdir()
    (folder / "spark").mkdir()
    with home("duckdb", folder / "duckdb") as one, home("spark", folder / "spark") as other:
        if request.param is TwinsOnJvm:
            other = replace(
                other, variables=other.variables | sparks.variables(folder / "jvm", java=sparks.SHORT_LIVED)
            )
        if request.param is TwinsOnCluster:
            other = replace(other, variables=other.variables | sparks.TWO_WORKERS)
        if request.param is not TwinsOnCluster:
            for each in (one, other):
                # Several statements for each build.
                _change(each, "dbt_project.yml", "responses_at_once: null", "responses_at_once: 15")
            # On DuckDB each table at once.
            _change(other, "dbt_project.yml", "rows_in_a_slice: null", "rows_in_a_slice: 1500")
        seen = Seen(twins := request.param(one, other))
        one.extract("--start", "2018-03-01", "--end", "2018-04-30").ok()
        one.extract("--start", "2018-03-01", "--end", "2018-04-15", "--indicator", "600", "--indicator", "1293").ok()
        # A year before, for the drift; its values are revised below.
        one.extract("--start", "2017-03-01", "--end", "2017-04-15", "--indicator", "1293").ok()
        twins.copy_landing()
        _build(seen)
        twins.land(revised(twins))
        for each in (one, other):
            _change(
                each, "models/registry/esios_indicators.yml", r"(- id: 600\n)", r"\1            sealed: D-1T14:00\n"
            )
            # What is a view on DuckDB, and the one that is written by periods: all rows are of the new text.
            local = "    1 as added,\n    lower(name) as name,"
            _change(each, "models/marts/demand_forecast_esios_local.sql", "^    name,$", local)
            _change(each, "models/marts/esios_values.sql", "^    unit,$", "    lower(unit) as unit,")
        _build(seen)
        # Nothing but responses: what is a view on DuckDB is written by the periods that are new or revised.
        one.extract("--start", "2018-05-01", "--end", "2018-05-02").ok()
        twins.copy_new_runs()
        twins.land(revised(twins, days_later=2))
        twins.land(revised(twins, days_later=-1)[:1])  # committed late: others of later extractions are staged already
        twins.kill_build_at("insert into staging_esios.demand_forecast_publications")
        _build(seen)
        yield seen


def _change(home: Home, file_name: str, text: str, other: str) -> None:
    """One place of a file in the home's own copy of the project."""
    file = home.folder / "project" / file_name
    changed, places = re.subn(text, other, file.read_text("utf-8"), flags=re.MULTILINE)
    assert places == 1
    file.write_text(changed, "utf-8")


def _build(seen: Seen) -> None:
    builds = seen.twins.build()
    for finished in builds:
        if finished.code:  # pytest shows it where a test fails
            print(finished.out[-3000:], finished.err[-20000:])
    done = [DONE.search(finished.out) for finished in builds]
    seen.built += [each[0] if each else "did not end" for each in done]
    seen.different.append(seen.twins.differences())


def test_every_model_and_test_ends_as_on_duckdb(seen: Seen) -> None:
    # Steps in between are no relations there.
    counts = [{name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", done)} for done in seen.built]
    for here, there in zip(counts[::2], counts[1::2], strict=True):
        assert there["ERROR"] == there["SKIP"] == 0
        assert there["WARN"] == here["WARN"]
        assert there["PASS"] > 50


def test_the_first_build_is_equal_in_every_relation(seen: Seen) -> None:
    assert len(seen.twins.relations()) >= 38
    assert seen.different[0] == {}


def test_each_increment_is_equal_in_every_relation(seen: Seen) -> None:
    assert seen.different[1:] == [{}, {}]


def test_revisions_are_present_for_the_comparison(seen: Seen) -> None:
    def rows(schema: str, table: str) -> int:
        return len(seen.twins.rows_of(schema, table)[1])

    assert rows("staging_esios", "stg_esios__rejected_values") > 10
    assert rows("staging_esios", "stg_esios__unregistered_areas") > 0
    assert rows("quality_esios", "quality_findings") > 10
    assert rows("esios", "esios_value_versions") > rows("esios", "esios_values") > 4000
    assert rows("quality_esios", "daily_quality") > 100
    drift = seen.twins.rows_of("monitoring_esios", "input_drift")[1]
    assert sum("ok" in row or "warn" in row or "alert" in row for row in drift) >= 2


def test_a_changed_model_is_replaced_in_all_rows(seen: Seen) -> None:
    # That they are DuckDB's is compared above.
    for table, column in (("esios_values", "unit"), ("demand_forecast_esios_local", "name")):
        with in_utc(duckdb.connect()) as reader:
            texts = reader.execute(
                f"select distinct {column} from read_parquet(?)", [seen.twins.files("esios", table)]
            ).fetchall()
        assert texts
        assert all(text == text.lower() for (text,) in texts)


def test_large_tables_are_first_written_by_slices(seen: Seen) -> None:
    if isinstance(seen.twins, TwinsOnCluster):
        pytest.skip("all at once there")
    sent = (seen.twins.spark.folder / "logs" / "dbt.log").read_text("utf-8")
    slices = {table: sent.count(f"insert into building_esios.{table} ") for table in ("period_checks", "input_drift")}
    assert slices["period_checks"] >= 3  # of time
    assert slices["input_drift"] >= 1  # of indicators


def test_payloads_are_opened_where_they_lie(seen: Seen) -> None:
    statements = statements_on_payloads(seen.twins.spark.folder / "logs" / "dbt.log")
    # At first, by increments, and where the last number does not tell what is staged.
    assert {node for node, _ in statements} == {"stg_esios__indicator_responses", "stg_esios__response_entries"}
    assert len(statements) >= 6
    assert any("not exists" in query for _, query in statements)
    plans = seen.twins.plans([query for _, query in statements])
    assert [moved for plan in plans for moved in moved_payloads(plan)] == []
    reads: dict[str, int] = {}
    for (node, _), plan in zip(statements, plans, strict=True):  # where nothing is new, the plan is empty
        reads[node] = max(reads.get(node, 0), payload_reads(plan))
    assert reads == {"stg_esios__indicator_responses": 1, "stg_esios__response_entries": 1}


def test_a_plan_that_moves_payloads_is_known_by_its_operators(seen: Seen) -> None:
    plans = seen.twins.plans([*MOVING, *STAYING])
    moves = [moved_payloads(plan) for plan in plans]
    assert [query for query, moved in zip(MOVING, moves, strict=False) if not moved] == []
    assert [moved for moved in moves[len(MOVING) :] if moved] == []
    scans = [query.count("raw_esios.indicator_responses") for query in (*MOVING, *STAYING)]
    assert [payload_reads(plan) for plan in plans] == scans


def test_the_unit_tests_pass(seen: Seen) -> None:
    if isinstance(seen.twins, TwinsOnCluster):
        pytest.skip("they prove the SQL, which is the same: Sail alone runs them")
    # dbt asks relations for the columns of a unit test's rows: the steps in between must be such for once.
    as_tables = ("--vars", "steps_as: table")
    steps = ("stg_esios__judged_entries", "stg_esios__indicator_values")
    seen.twins.spark("dbt", "run", "--select", *steps, *as_tables).ok()
    output = seen.twins.spark("dbt", "--no-use-colors", "test", "--select", "test_type:unit", *as_tables).ok().out
    passed = re.search(r"PASS=(\d+) WARN=0 ERROR=0 SKIP=0", output)
    assert passed, output[-2000:]
    assert int(passed[1]) >= 12
    assert seen.twins.differences() == seen.different[-1]
