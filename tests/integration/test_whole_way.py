"""Everything that runs on DuckDB runs on SQL Server and on Spark, with the same values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from .conftest import HAS_SPARK, NO_SERVER, NO_SPARK, home
from .story import OLD_ROW, REVISED_HOUR, REVISED_VALUE, Story, tell

pytestmark = pytest.mark.timeout(1500)


@pytest.fixture(scope="session")
def on_duckdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with home("duckdb", tmp_path_factory.mktemp("duckdb")) as place:
        yield tell(place)


@pytest.fixture(scope="session")
def on_sqlserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with home("sqlserver", tmp_path_factory.mktemp("sqlserver")) as place:
        yield tell(place)


@pytest.fixture(scope="session")
def on_spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with home("spark", tmp_path_factory.mktemp("spark")) as place:
        yield tell(place)


needs_spark = pytest.mark.skipif(not HAS_SPARK, reason=NO_SPARK)
ENGINES = [
    pytest.param("on_duckdb", id="duckdb"),
    pytest.param("on_spark", id="spark", marks=needs_spark),
    pytest.param(
        "on_sqlserver",
        id="sqlserver",
        marks=pytest.mark.skipif("not os.environ.get('MSSQL_SERVER')", reason=NO_SERVER),
    ),
]
engines = pytest.mark.parametrize("engine", ENGINES)


@pytest.fixture
def story(request: pytest.FixtureRequest, engine: str) -> Story:
    told = request.getfixturevalue(engine)
    assert isinstance(told, Story)
    return told


@engines
def test_a_second_extract_lands_nothing_twice(story: Story) -> None:
    assert len(story.seen["landed"]) == 1
    assert story.seen["landed again"] == story.seen["landed"]


@engines
def test_the_first_build_keeps_what_the_table_held_before(story: Story) -> None:
    rows = story.seen["first build"]
    assert rows[0] == OLD_ROW
    assert len(rows) == 1 + 31 * 24 - 1  # March 2018 lost an hour
    assert rows[1][2] == dt.datetime(2018, 2, 28, 23)


@engines
def test_every_character_of_a_payload_is_kept(story: Story) -> None:
    assert story.seen["payload kept"] is True


@engines
def test_a_failed_build_loses_and_adds_nothing(story: Story, engine: str) -> None:
    assert story.seen["failed build"] != 0
    # Spark has no transaction over two tables: the rows are there, whole, and are published again with their log.
    moment = "after the revision" if engine == "on_spark" else "first build"
    assert story.seen["after the failed build"] == story.seen[moment]


@engines
def test_a_late_revision_changes_its_hour_and_no_other(story: Story) -> None:
    before = {row[2]: row[3] for row in story.seen["first build"]}
    after = {row[2]: row[3] for row in story.seen["after the revision"]}
    assert {hour for hour in after if after[hour] != before[hour]} == {REVISED_HOUR}
    assert after[REVISED_HOUR] == REVISED_VALUE
    assert after.keys() == before.keys()


@engines
def test_bad_values_do_not_stop_a_build(story: Story) -> None:
    assert story.seen["second build"] == ["ERROR=0", "SKIP=0"]


@engines
def test_what_cannot_be_read_is_quarantined_with_its_code(story: Story) -> None:
    assert story.seen["rejected"] == [
        ("2018-03-25T03:00:00.000+02:00", None, "value_null"),
        ("2018-03-25T04:00:00.000+02:00", "mucho", "value_not_number"),
        ("2018-03-25T05:00:00.000+05:00", "1.0", "offset_contradicts"),
        ("2018-03-25T06:00:00.000+02:00", "1.0", "two_values"),
        ("2018-03-25T06:00:00.000+02:00", "2.0", "two_values"),
    ]


@engines
def test_the_spring_day_has_23_hours_in_local_time(story: Story) -> None:
    local = story.seen["local"]
    assert [row[3] for row in local] == list(range(1, 24))
    assert [row[1].hour for row in local] == [0, 1, *range(3, 24)]
    assert [row[2] for row in local] == ["+01:00"] * 2 + ["+02:00"] * 21


@engines
def test_a_span_that_was_asked_for_by_dates_is_not_stale(story: Story) -> None:
    assert story.seen["freshness"] == 0


@engines
def test_the_documentation_knows_the_tables_columns(story: Story) -> None:
    catalogue = story.seen["catalogue"]
    mart = ["datetime", "demand_forecast", "id", "name", "update_timestamp"]
    assert catalogue["model.esios_elt.demand_forecast_esios"] == mart
    assert "payload" in catalogue["source.esios_elt.raw_esios.indicator_responses"]


@engines
def test_the_export_has_a_line_an_hour(story: Story) -> None:
    lines = story.seen["exported"].decode("utf-8").splitlines()
    assert lines[0] == "name,id,datetime,demand_forecast,update_timestamp"
    assert len(lines) == 1 + len(story.seen["after the revision"])
    assert lines[1] == "De antes: península,460,2017-06-01 10:00:00,24000.5,2017-05-31 09:00:00"


@engines
def test_esios_load_upserts_and_refuses_what_does_not_fit(story: Story) -> None:
    assert story.seen["loaded"] == [0, 0, 2]
    before = {row[2]: row for row in story.seen["after the revision"]}
    after = {row[2]: row for row in story.seen["after the load"]}
    assert after.keys() - before.keys() == {dt.datetime(2017, 6, 1, 11)}
    assert after[dt.datetime(2017, 6, 1, 10)][3] == 25000.25


@needs_spark
def test_spark_saw_the_same_value_for_value(on_duckdb: Story, on_spark: Story) -> None:
    assert on_spark.seen.keys() == on_duckdb.seen.keys()
    different = [moment for moment, seen in on_duckdb.seen.items() if on_spark.seen[moment] != seen]
    assert different == ["after the failed build"]


@pytest.mark.skipif("not os.environ.get('MSSQL_SERVER')", reason=NO_SERVER)
def test_both_engines_saw_the_same_value_for_value(on_duckdb: Story, on_sqlserver: Story) -> None:
    assert on_sqlserver.seen.keys() == on_duckdb.seen.keys()
    different = [moment for moment, seen in on_duckdb.seen.items() if on_sqlserver.seen[moment] != seen]
    assert different == []
