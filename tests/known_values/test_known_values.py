"""Values as known at a cutoff: nothing that came after it, and everything that was there; forms, zones, files."""

from __future__ import annotations

import csv
import datetime as dt
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import extract
from extract.cutoffs import AsOf, DayRule, LeadTime, parse_rule
from extract.errors import UsageError
from extract.known_values import NotKnownYet, NoValues, demand_forecast_frame, export_values, values_frame
from extract.selection import Selection
from extract.settings import Settings
from extract.warehouse.duckdb import DuckDB

from .conftest import Fill
from .histories import HOUR, Row, Said, cutoffs, expected, fill, histories

NOON = dt.datetime(2018, 6, 30, 10)  # of the day before, in Madrid
DAY = dt.datetime(2018, 6, 30, 22)  # midnight of 2018-07-01 in Madrid


def said(
    value: float, extracted: dt.datetime, period: dt.datetime = DAY, series: tuple[int, int] = (460, 8741)
) -> Said:
    return Said(*series, period, value, extracted, extracted - HOUR)


def values(*arguments: Any, settings: Settings, **limits: Any) -> pd.DataFrame:
    """`extract.values` on a warehouse of the test's own."""
    return values_frame(Selection.of(*arguments, **limits), settings)


def demand_forecast(*days: str, settings: Settings, **limits: Any) -> pd.DataFrame:
    """`extract.demand_forecast` likewise."""
    return demand_forecast_frame(Selection.of([460], *days, **limits), settings)


def instant(stamp: Any) -> dt.datetime | None:
    return None if pd.isna(stamp) else stamp.to_pydatetime()


def rows_of(frame: pd.DataFrame) -> list[Row]:
    names = ["indicator_id", "geo_id", "period_start_utc", "value", "known_from_utc", "published_at_utc"]
    return [
        Row(indicator, area, period.to_pydatetime(), value, known.to_pydatetime(), instant(published))
        for indicator, area, period, value, known, published in frame[names].itertuples(index=False)
    ]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What is left out warns; where a test is about that, it says so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotKnownYet)
        warnings.simplefilter("ignore", NoValues)
        yield


# ---------------------------------------------------------------- no leak
@pytest.fixture(scope="module")
def open_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDB]:
    """One file for all the examples of a property."""
    with DuckDB(tmp_path_factory.mktemp("known") / "known.duckdb") as warehouse:
        warehouse.execute("create schema if not exists staging_esios")
        yield warehouse


@settings(max_examples=100)
@given(data=st.data(), versions=st.sampled_from(["latest", "first", "all"]), trust_sealing=st.booleans())
def test_no_value_comes_out_that_was_extracted_after_its_cutoff_and_none_is_missing(
    open_file: DuckDB, data: st.DataObject, versions: str, trust_sealing: bool
) -> None:
    from extract.export import query_frame
    from extract.version_query import find

    history = data.draw(histories())
    given_cutoff = data.draw(cutoffs(history))
    fill(open_file, history)
    rule = given_cutoff if isinstance(given_cutoff, str) else None
    as_of = given_cutoff if isinstance(given_cutoff, dt.datetime) else None
    wanted = Selection.of(
        [460, 600, 1775], as_of=as_of, known_before=rule, versions=versions, trust_sealing=trust_sealing
    )
    known = find(open_file, wanted)
    rows = rows_of(query_frame(open_file, known.query))
    truth = expected(history, wanted.cutoff, versions, trust_sealing)
    assert rows == truth.rows
    assert known.not_known_yet == (truth.not_known_yet if wanted.cutoff else 0)
    if wanted.cutoff and not trust_sealing:
        assert all(row.known_from <= wanted.cutoff.cutoff(row.period) for row in rows)


@settings(max_examples=30)
@given(history=histories())
def test_as_of_now_is_esios_values(open_file: DuckDB, history: list[Said]) -> None:
    from extract.export import query_frame
    from extract.version_query import LONG, find

    fill(open_file, history)
    now = find(open_file, Selection.of([460, 600, 1775], as_of=dt.datetime(2030, 1, 1)))
    names = ", ".join(column.name for column in LONG.named)
    view = open_file.query(f"select {names} from esios_values order by indicator_id, geo_id, period_start_utc")
    found = query_frame(open_file, now.query)
    assert found.astype(object).where(found.notna(), None).values.tolist() == (
        view.astype(object).where(view.notna(), None).values.tolist()
    )
    assert now.not_known_yet == 0


@settings(max_examples=30)
@given(data=st.data())
def test_what_was_known_then_stays_what_was_known_then(open_file: DuckDB, data: st.DataObject) -> None:
    """Asked at once or years later: the same rows, publication times included."""
    from extract.export import query_frame
    from extract.version_query import find

    history = data.draw(histories())
    moment = data.draw(st.sampled_from(sorted({one.extracted for one in history})))
    wanted = Selection.of([460, 600, 1775], as_of=moment)
    by_then = [one for one in history if one.extracted <= moment]
    seen = []
    for landed in (by_then, history):
        fill(open_file, landed)
        seen.append(rows_of(query_frame(open_file, find(open_file, wanted).query)))
    assert seen[0] == seen[1]


# ---------------------------------------------------------------- what a cutoff means
HISTORY = [
    said(1.0, NOON - 3 * HOUR),
    said(2.0, NOON),
    said(3.0, NOON + HOUR),
    said(5.0, NOON, DAY + HOUR),
    said(6.0, DAY, DAY + 2 * HOUR),
]


@pytest.mark.parametrize(
    ("limits", "found", "left_out"),
    [
        ({}, [3.0, 5.0, 6.0], 0),
        ({"as_of": NOON}, [2.0, 5.0], 1),  # the cutoff itself is included
        ({"as_of": NOON - dt.timedelta(microseconds=1)}, [1.0], 2),
        ({"as_of": "2018-06-30T12:00:00+02:00"}, [2.0, 5.0], 1),
        ({"as_of": dt.datetime(2018, 1, 1)}, [], 3),
        ({"known_before": "D-1T12:00"}, [2.0, 5.0], 1),
        ({"known_before": DayRule(-1, dt.time(12))}, [2.0, 5.0], 1),
        ({"known_before": "PT12H"}, [2.0, 5.0], 1),
        ({"known_before": "PT11H"}, [3.0, 5.0], 1),
        ({"known_before": LeadTime(11 * HOUR)}, [3.0, 5.0], 1),
        ({"known_before": "PT2H"}, [3.0, 5.0, 6.0], 0),
        ({"versions": "first"}, [1.0, 5.0, 6.0], 0),
        ({"versions": "all"}, [1.0, 2.0, 3.0, 5.0, 6.0], 0),
        ({"versions": "all", "as_of": NOON}, [1.0, 2.0, 5.0], 1),
    ],
)
def test_each_cutoff_lets_through_what_was_known(
    filled: Fill, limits: dict[str, Any], found: list[float], left_out: int
) -> None:
    frame = values(460, settings=filled(HISTORY), **limits)
    assert frame["value"].tolist() == found
    assert frame.attrs["not_known_yet"] == left_out


def test_only_trusted_sealing_lets_a_backfill_pass_for_what_was_known(filled: Fill) -> None:
    # Sealed on D-1 at 20:30 in Madrid (18:30 UTC), landed years later, then corrected.
    late = dt.datetime(2024, 1, 1)
    place = filled([said(7.0, late, series=(1775, 8741)), said(8.0, late + HOUR, series=(1775, 8741)), said(9.0, late)])
    for known_before, trusted, found in [
        ("D-1T20:30", False, []),
        ("D-1T20:30", True, [7.0]),
        ("D-1T20:29:59", True, []),
    ]:
        frame = values([1775, 460], known_before=known_before, trust_sealing=trusted, settings=place)
        assert frame["value"].tolist() == found
        assert frame["known_from_utc"].tolist() == [late] * len(found)  # a fact, whatever counts
        assert frame.attrs["not_known_yet"] == 2 - len(found)
    assert values(1775, trust_sealing=True, settings=place)["value"].tolist() == [8.0]
    assert values(1775, as_of=late, trust_sealing=True, settings=place)["value"].tolist() == [7.0]


def test_what_is_left_out_is_warned_of_and_so_is_an_indicator_of_which_nothing_is_landed(filled: Fill) -> None:
    place = filled(HISTORY)
    with pytest.warns(
        NotKnownYet, match=r"^2 periods left out: not known yet at the cutoff \(2018-06-30 09:00:00 UTC\)$"
    ):
        values(460, as_of=NOON - HOUR, settings=place)
    with pytest.warns(NoValues, match=r"no value of indicator 600 .* is in the warehouse: .*extract --indicator 600"):
        assert values([460, 600], settings=place).attrs["not_known_yet"] == 0
    with pytest.warns(NoValues, match="in the warehouse from 2019-01-01 in areas 8741: "):
        assert len(values(460, "2019-01-01", areas=[8741], settings=place)) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(values(460, settings=place)) == 3


# ---------------------------------------------------------------- spans and areas
def test_start_and_end_are_whole_madrid_days_both_included_of_23_and_25_hours_too(filled: Fill) -> None:
    history = []
    for day in (dt.datetime(2018, 3, 24, 23), dt.datetime(2018, 10, 27, 22)):
        history += [said(float(n), NOON, day + n * HOUR) for n in range(-30, 60)]
    place = filled(history)
    for day, first, count in (
        ("2018-03-25", dt.datetime(2018, 3, 24, 23), 23),
        ("2018-10-28", dt.datetime(2018, 10, 27, 22), 25),
    ):
        for spelled in (day, dt.date.fromisoformat(day), pd.Timestamp(day)):
            frame = values(460, spelled, spelled, settings=place)
            assert frame["period_start_utc"].tolist() == [first + n * HOUR for n in range(count)]
    assert len(values(460, "2018-10-28", settings=place)) == 60
    assert len(values(460, end="2018-03-25", settings=place)) == 53
    assert values(460, "2018-03-25", "2018-03-25", as_of=NOON - HOUR, settings=place).attrs["not_known_yet"] == 23


def test_areas_limit_the_rows_in_both_forms(filled: Fill) -> None:
    place = filled([said(float(area), NOON, series=(600, area)) for area in (1, 2, 3)] + [said(9.0, NOON)])
    assert values(600, settings=place)["geo_id"].tolist() == [1, 2, 3]
    for spelled in ([3, 8741, 3], "3,8741", "8741, 3", np.array([3, 8741])):
        assert values(np.array([600, 460]), areas=spelled, settings=place)["value"].tolist() == [9.0, 3.0]
    assert values(np.int64(600), areas=np.int64(2), settings=place)["value"].tolist() == [2.0]
    wide = values([600, 460], areas=[3, 8741], wide=True, settings=place)
    assert list(wide.columns) == ["indicator_600_area_3", "indicator_460_area_8741"]
    with pytest.raises(UsageError, match=r"no indicator asked for has the area 77: their areas are .*8741"):
        values([600, 460], areas=77, settings=place)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"indicators": [99999]}, "indicator '99999' is not registered"),
        ({"indicators": []}, "no indicator is named"),
        ({"as_of": NOON, "known_before": "PT1H"}, "as of and known before are two cutoffs: leave one of them out"),
        ({"as_of": "then"}, "'then' is not a valid instant"),
        ({"known_before": "noon"}, "'noon' is not a valid rule"),
        ({"versions": "newest"}, "'newest' is not a valid choice of versions: use latest, first, all"),
        ({"versions": "all", "wide": True}, "wide has room for one value a period"),
        ({"start": "2018-02-30"}, "'2018-02-30' is not a valid date: use yyyy-mm-dd"),
        ({"start": dt.datetime(2018, 1, 1, 5)}, "'2018-01-01 05:00:00' is not a valid date"),
        ({"start": "2018-02-01", "end": "2018-01-01"}, "start 2018-02-01 lies after end 2018-01-01: swap them"),
        ({"areas": [1]}, "no indicator asked for has the area 1: their areas are 8741"),
        ({"areas": []}, "no area is named"),
        ({"areas": "8741,x"}, "'8741,x' is not a list of area ids: use ID,ID"),
        ({"tz": "Madrid"}, "'Madrid' is not a time zone: use a name such as Europe/Madrid"),
        ({"tz": "../../etc/passwd"}, "is not a time zone"),
        ({"tz": "Europe"}, "is not a time zone"),
    ],
)
def test_what_is_wrongly_asked_is_refused_before_anything_is_read(
    tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        Selection.of(**{"indicators": [460], **arguments})
    assert refused.value.remedy


# ---------------------------------------------------------------- the frame
TYPES = {
    "indicator_id": "int64", "name": "str", "geo_id": "int64", "geo_name": "str", "period_start_utc": "datetime64[us]",
    "period_end_utc": "datetime64[us]", "value": "float64", "unit": "str", "known_from_utc": "datetime64[us]",
    "published_at_utc": "datetime64[us]",
}  # fmt: skip


@pytest.mark.parametrize("limits", [{}, {"as_of": dt.datetime(2000, 1, 1)}, {"known_before": "D-1T12:00"}])
def test_the_frame_has_the_columns_of_esios_values_typed_with_rows_or_without(
    filled: Fill, limits: dict[str, Any]
) -> None:
    place = filled(HISTORY)
    for indicator in (460, 600):
        frame = values(indicator, settings=place, **limits)
        assert {name: str(kind) for name, kind in frame.dtypes.items()} == TYPES
        assert frame.index.equals(pd.RangeIndex(len(frame)))


def test_a_zone_makes_every_instant_aware_and_changes_none(filled: Fill) -> None:
    place = filled([said(float(n), NOON, dt.datetime(2018, 10, 27, 23) + n * HOUR) for n in range(4)])
    naive, aware = (values(460, tz=tz, settings=place) for tz in (None, "Europe/Madrid"))
    for name in TYPES:
        if name.endswith("_utc"):
            assert str(aware[name].dtype) == "datetime64[us, Europe/Madrid]"
            assert aware[name].dt.tz_convert("UTC").dt.tz_localize(None).equals(naive[name])
    assert [str(one) for one in aware["period_start_utc"]] == [
        "2018-10-28 01:00:00+02:00", "2018-10-28 02:00:00+02:00",
        "2018-10-28 02:00:00+01:00", "2018-10-28 03:00:00+01:00",
    ]  # fmt: skip
    wide = values(460, wide=True, tz="Europe/Madrid", settings=place)
    assert str(wide.index.dtype) == "datetime64[us, Europe/Madrid]"
    assert wide.index.is_unique


def test_wide_has_a_column_an_indicator_and_area_and_a_row_a_period_start(filled: Fill) -> None:
    history = [said(float(10 * n + area), NOON, DAY + n * HOUR, (600, area)) for n in range(3) for area in (3, 1)]
    place = filled([*history, said(500.0, NOON, DAY + HOUR), said(600.0, DAY, DAY + 7 * HOUR)])
    wide = values([460, 600], wide=True, as_of=NOON, settings=place)
    assert wide.index.name == "period_start_utc"
    assert wide.index.tolist() == [DAY, DAY + HOUR, DAY + 2 * HOUR]
    assert wide["indicator_460_area_8741"].tolist()[1] == 500.0
    assert wide["indicator_460_area_8741"].isna().tolist() == [True, False, True]
    assert wide["indicator_600_area_3"].tolist() == [3.0, 13.0, 23.0]
    assert wide["indicator_600_area_1"].tolist() == [1.0, 11.0, 21.0]
    assert wide.attrs["columns"]["indicator_600_area_1"] == [600, 1]
    assert wide.attrs["not_known_yet"] == 1


def test_the_columns_of_wide_do_not_hang_on_what_was_known(filled: Fill) -> None:
    place = filled([said(1.0, NOON, series=(600, 3)), said(1.0, NOON)])
    now, then = (values([600, 460], wide=True, as_of=at, settings=place) for at in (NOON, NOON - HOUR))
    assert list(now.columns) == list(then.columns)
    assert [str(kind) for kind in then.dtypes] == ["float64"] * len(then.columns)
    assert (len(now), len(then)) == (1, 0)


def test_the_public_names_are_functions_however_often_they_are_called(
    filled: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = filled(HISTORY)
    monkeypatch.setenv("ESIOS_DUCKDB_PATH", str(place.duckdb_path))
    monkeypatch.delenv("ESIOS_TARGET", raising=False)
    for _ in range(2):
        assert extract.values("460", as_of=NOON)["value"].tolist() == [2.0, 5.0]
        assert extract.demand_forecast(as_of=NOON)["demand_forecast"].tolist() == [2.0, 5.0]
    with pytest.warns(NotKnownYet) as caught:
        extract.values(460, as_of=NOON)
    assert caught[0].filename == __file__


# ---------------------------------------------------------------- the five columns
def test_the_demand_forecast_at_a_cutoff_has_the_tables_columns(filled: Fill) -> None:
    place = filled([*HISTORY, Said(460, 8741, DAY + HOUR, 5.0, NOON + dt.timedelta(seconds=1, microseconds=7), None)])
    frame = demand_forecast(as_of=NOON, settings=place)
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "name": "str", "id": "int64", "datetime": "datetime64[us]", "demand_forecast": "float64",
        "update_timestamp": "datetime64[us]",
    }  # fmt: skip
    assert frame["demand_forecast"].tolist() == [2.0, 5.0]
    assert frame["update_timestamp"].tolist() == [NOON - HOUR] * 2
    assert frame.attrs["not_known_yet"] == 1
    later = demand_forecast("2018-07-01", "2018-07-01", known_before="PT1H", settings=place)
    assert later["update_timestamp"].tolist() == [NOON, NOON + dt.timedelta(seconds=1), DAY - HOUR]


def test_the_demand_forecast_without_a_cutoff_is_the_table_within_the_days(filled: Fill) -> None:
    place = filled(HISTORY)
    with DuckDB(place.duckdb_path) as warehouse:
        warehouse.execute(
            "create table demand_forecast_esios as select 'n' as name, 460 as id, timestamp '2018-06-30 20:00'"
            " + to_hours(n) as datetime, n / 2 as demand_forecast, timestamp '2018-01-01' as update_timestamp"
            " from range(30) r(n)"
        )
    assert len(demand_forecast(settings=place)) == 30
    day = demand_forecast("2018-07-01", "2018-07-01", settings=place)
    assert day["datetime"].tolist() == [DAY + n * HOUR for n in range(24)]
    assert day.index.tolist() == list(range(24))
    assert len(demand_forecast("2018-07-02", settings=place)) == 4
    assert len(demand_forecast(end="2018-06-30", settings=place)) == 2


# ---------------------------------------------------------------- files
EXPECTED = (
    "indicator_id,name,geo_id,geo_name,period_start_utc,period_end_utc,value,unit,known_from_utc,published_at_utc\n"
    "460,Previsión diaria de la demanda eléctrica peninsular,8741,Península,2018-06-30 22:00:00,2018-06-30 23:00:00,"
    "2.0,MW,2018-06-30 10:00:00,2018-06-30 09:00:00\n"
    "460,Previsión diaria de la demanda eléctrica peninsular,8741,Península,2018-06-30 23:00:00,2018-07-01 00:00:00,"
    "5.0,MW,2018-06-30 10:00:00,2018-06-30 09:00:00\n"
)


def written(place: Any, wanted: Selection, out: Path) -> Any:
    with DuckDB(place.duckdb_path, read_only=True) as warehouse:
        return export_values(warehouse, wanted, out)


def test_the_csv_has_the_columns_of_esios_values(filled: Fill, tmp_path: Path) -> None:
    place, out = filled(HISTORY), tmp_path / "new" / "values.csv"
    done = written(place, Selection.of([460], as_of=NOON), out)
    assert out.read_text("utf-8") == EXPECTED
    assert (done.written.rows, done.written.path, done.known.not_known_yet, done.exit_code) == (2, out, 1, 0)
    assert done.notes() == ["1 period left out: not known yet at the cutoff (2018-06-30 10:00:00 UTC)"]
    assert [file.name for file in out.parent.iterdir()] == ["values.csv"]


def test_the_wide_csv_in_a_zone_shows_the_offset(filled: Fill, tmp_path: Path) -> None:
    place = filled([*HISTORY, said(7.5, NOON, DAY, (600, 3))])
    written(place, Selection.of([460, 600], areas=[3, 8741], wide=True, tz="Europe/Madrid"), tmp_path / "w.csv")
    assert (tmp_path / "w.csv").read_text("utf-8") == (
        "period_start_utc,indicator_460_area_8741,indicator_600_area_3\n"
        "2018-07-01 00:00:00+02:00,3.0,7.5\n2018-07-01 01:00:00+02:00,5.0,\n2018-07-01 02:00:00+02:00,6.0,\n"
    )


@pytest.mark.parametrize("tz", [None, "Europe/Madrid", "America/New_York"])
@pytest.mark.parametrize("wide", [False, True])
def test_csv_parquet_and_frame_hold_the_same(filled: Fill, tmp_path: Path, tz: str | None, wide: bool) -> None:
    place = filled([*HISTORY, said(7.5, NOON, DAY, (600, 3))])
    wanted = Selection.of([460, 600], known_before="PT3H", wide=wide, tz=tz)
    for name in ("v.csv", "v.parquet"):
        written(place, wanted, tmp_path / name)
    frame = values([460, 600], known_before="PT3H", wide=wide, tz=tz, settings=place)
    frame = frame.reset_index() if wide else frame
    table = pq.read_table(tmp_path / "v.parquet")
    assert table.schema.names == list(frame.columns)
    assert table.to_pandas().astype(str).equals(frame.astype(str))
    with (tmp_path / "v.csv").open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)
    assert header == list(frame.columns)
    assert lines == [["" if pd.isna(cell) else str(cell) for cell in row] for row in frame.itertuples(index=False)]


def test_nothing_is_written_where_something_is_wrong(filled: Fill, tmp_path: Path) -> None:
    place = filled([said(1.0, NOON, series=(600, 3))])
    out = tmp_path / "out"
    for arguments, name in (({"areas": [88]}, "v.csv"), ({}, "v.xlsx")):
        with pytest.raises(UsageError):
            written(place, Selection.of([600], **arguments), out / name)
    assert not out.exists()


def test_a_warehouse_without_the_table_says_what_to_do(tmp_path: Path) -> None:
    with (
        DuckDB(tmp_path / "empty.duckdb") as warehouse,
        pytest.raises(UsageError, match=r"does not exist yet.*dbt build"),
    ):
        export_values(warehouse, Selection.of([460]), tmp_path / "v.csv")
    built = {"esios_value_versions", "esios_values"}
    with DuckDB(tmp_path / "half.duckdb") as warehouse:
        for table in built:
            warehouse.execute(f"create table {table} (indicator_id integer)")
        with pytest.raises(
            UsageError, match=r"table staging_esios.stg_esios__counted_values does not exist yet: .*dbt build"
        ):
            export_values(warehouse, Selection.of([460], as_of="2018-01-01"), tmp_path / "v.csv")
    assert not (tmp_path / "v.csv").exists()
    assert AsOf.parse("2018-01-01") == Selection.of([460], as_of="2018-01-01").cutoff
    assert Selection.of([460], known_before="PT1H").cutoff == parse_rule("PT1H")
