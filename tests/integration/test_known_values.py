"""Values as known at a cutoff, on every engine: the rows of the oracle, the same bytes; and by the real commands."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.export import query_frame
from extract.known_values import export_values
from extract.selection import Selection
from extract.settings import load_settings
from extract.version_query import find
from extract.warehouse import Warehouse, connect
from extract.warehouse.duckdb import DuckDB
from tests.known_values.histories import Said, cutoffs, expected, fill, histories
from tests.known_values.test_known_values import rows_of

from .conftest import NO_SERVER, Home, database_of_its_own, home

pytestmark = pytest.mark.timeout(1500)
needs_server = pytest.mark.skipif("not os.environ.get('MSSQL_SERVER')", reason=NO_SERVER)
INDICATORS = [460, 600, 1775]
DAYS = ("--start", "2019-05-30", "--end", "2019-06-05")


# ---------------------------------------------------------------- the query
@pytest.fixture(scope="module")
def on_duckdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDB]:
    with DuckDB(tmp_path_factory.mktemp("known") / "known.duckdb") as warehouse:
        warehouse.execute("create schema if not exists staging_esios")
        yield warehouse


@pytest.fixture(scope="module")
def on_sqlserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    folder = tmp_path_factory.mktemp("known-sqlserver")
    with database_of_its_own(folder) as variables, connect(load_settings(variables, folder / "no.env")) as warehouse:
        warehouse.run_script("create schema staging_esios")
        yield warehouse


def bytes_of(warehouse: Warehouse, wanted: Selection, folder: Path) -> tuple[bytes, bytes]:
    """What the CSV and the Parquet file hold."""
    files = [folder / f"{warehouse.engine}.{ending}" for ending in ("csv", "parquet")]
    for file in files:
        export_values(warehouse, wanted, file)
    return files[0].read_bytes(), files[1].read_bytes()


@needs_server
@settings(max_examples=30)
@given(
    data=st.data(),
    versions=st.sampled_from(["latest", "first", "all"]),
    trust_sealing=st.booleans(),
    tz=st.sampled_from([None, "Europe/Madrid"]),
)
def test_both_engines_give_the_oracles_rows_in_the_same_bytes(
    on_duckdb: DuckDB,
    on_sqlserver: Warehouse,
    tmp_path: Path,
    data: st.DataObject,
    versions: str,
    trust_sealing: bool,
    tz: str | None,
) -> None:
    history: list[Said] = data.draw(histories())
    cutoff = data.draw(cutoffs(history))
    limits = {"known_before": cutoff} if isinstance(cutoff, str) else {"as_of": cutoff}
    for warehouse in (on_duckdb, on_sqlserver):
        fill(warehouse, history)
    wanted = Selection.of(INDICATORS, versions=versions, trust_sealing=trust_sealing, tz=tz, **limits)
    forms = [wanted]
    if versions != "all":
        forms.append(
            Selection.of(
                INDICATORS, "2018-03-25", "2018-10-28", versions=versions, wide=True, areas=[8741, 3], tz=tz, **limits
            )
        )
    for form in forms:
        assert bytes_of(on_sqlserver, form, tmp_path) == bytes_of(on_duckdb, form, tmp_path)
    naive = Selection.of(INDICATORS, versions=versions, trust_sealing=trust_sealing, **limits)
    known = find(on_sqlserver, naive)
    truth = expected(history, naive.cutoff, versions, trust_sealing)
    assert rows_of(query_frame(on_sqlserver, known.query)) == truth.rows
    assert known.not_known_yet == (truth.not_known_yet if naive.cutoff else 0)


# ---------------------------------------------------------------- the commands
@pytest.fixture(
    scope="module", params=["duckdb", pytest.param("sqlserver", marks=needs_server)], ids=["duckdb", "sqlserver"]
)
def revised(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Home, str, str]]:
    """A warehouse that saw a week of 460 and again a day later; the instant in between, and the values as of then."""
    with home(request.param, tmp_path_factory.mktemp(f"revised-{request.param}")) as place:
        built = ("--select", "+esios_values", "stg_esios__counted_values")
        land(place, "2019-06-01T12:00:00+02:00")
        place("dbt", "run", *built, *place.build_arguments).ok()
        then = dt.datetime.now(dt.UTC).isoformat()
        before = export(place, "before.csv")
        land(place, "2019-06-02T12:00:00+02:00")
        place("dbt", "run", *built, *place.build_arguments).ok()
        yield place, then, before


def land(place: Home, now: str) -> None:
    """What the simulated ESIOS says at that time."""
    served = (sys.executable, "-m", "simulator", "--now", now, "--")
    place(*served, "esios", "extract", *DAYS, "--refresh").ok()


def export(place: Home, name: str, *arguments: str) -> str:
    """The CSV of the command's values."""
    out = place.folder / name
    place("esios", "export", "--indicator", "460", *arguments, "--out", str(out)).ok()
    return out.read_text("utf-8")


def test_as_of_an_instant_between_two_extracts_is_what_the_first_had_said(revised: tuple[Home, str, str]) -> None:
    place, then, before = revised
    now = export(place, "now.csv")
    assert now != before
    assert len(now.splitlines()) > len(before.splitlines()) - 1
    assert export(place, "then.csv", "--as-of", then) == before
    told = place(
        "esios", "export", "--indicator", "460", "--as-of", then, "--json", "--out", str(place.folder / "then.csv")
    ).ok()
    document = json.loads(told.out)
    assert document["not_known_yet"] == len(now.splitlines()) - len(before.splitlines())
    assert document["rows"] == len(before.splitlines()) - 1


def test_as_of_now_is_the_view_esios_values(revised: tuple[Home, str, str]) -> None:
    place, _, _ = revised
    now = dt.datetime.now(dt.UTC).isoformat()
    assert export(place, "as-of-now.csv", "--as-of", now) == export(place, "now.csv")
    view = place.folder / "view.csv"
    place("esios", "export", "--table", "esios_values", "--out", str(view)).ok()
    assert view.read_text("utf-8") == export(place, "now.csv")


def test_nothing_of_a_backfill_was_known_before_it_was_landed(revised: tuple[Home, str, str]) -> None:
    place, _, before = revised
    header = before.splitlines()[0]
    for rule in ("D-1T12:00", "PT24H", "D+365T00:00"):
        assert export(place, "never.csv", "--known-before", rule).splitlines() == [header]
    assert len(export(place, "all.csv", "--versions", "all").splitlines()) > len(before.splitlines())
