"""The export verb: tables of a real DuckDB file to CSV and Parquet, byte for byte."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from extract.errors import EsiosError, UsageError, WarehouseError
from extract.export import Exported, export_table
from extract.known_values import demand_forecast_frame
from extract.load import load_file
from extract.selection import Selection
from extract.settings import load_settings
from extract.warehouse.duckdb import DuckDB

MART = (
    "create table demand_forecast_esios (name varchar, id integer, datetime timestamp, demand_forecast double,"
    " update_timestamp timestamp)"
)
STAMP = dt.datetime(2016, 12, 31, 10, 20, 30)


def hour(id_: int, at: int, value: float | None = 23616.0, name: str = "Previsión") -> dict[str, object]:
    return {
        "name": name,
        "id": id_,
        "datetime": dt.datetime(2017, 1, 1, at),
        "demand_forecast": value,
        "update_timestamp": STAMP,
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "w.duckdb"


@pytest.fixture
def warehouse(path: Path) -> Iterator[DuckDB]:
    with DuckDB(path) as opened:
        yield opened


@pytest.fixture
def mart(warehouse: DuckDB) -> DuckDB:
    warehouse.execute(MART)
    rows = [hour(461, 0, 1e22), hour(460, 1, 22000.25), hour(460, 0), hour(460, 2, None, 'a, "b"'), hour(459, 1, 0.1)]
    warehouse.append("demand_forecast_esios", rows)
    return warehouse


EXPECTED = (
    "name,id,datetime,demand_forecast,update_timestamp\n"
    "Previsión,460,2017-01-01 00:00:00,23616.0,2016-12-31 10:20:30\n"
    "Previsión,461,2017-01-01 00:00:00,1e+22,2016-12-31 10:20:30\n"
    "Previsión,459,2017-01-01 01:00:00,0.1,2016-12-31 10:20:30\n"
    "Previsión,460,2017-01-01 01:00:00,22000.25,2016-12-31 10:20:30\n"
    '"a, ""b""",460,2017-01-01 02:00:00,,2016-12-31 10:20:30\n'
)


def test_the_csv_has_the_five_columns_in_their_order_and_the_hours_in_theirs(mart: DuckDB, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder" / "out.csv"
    assert export_table(mart, out=out) == Exported(out, 5)
    assert out.read_bytes().decode() == EXPECTED
    assert [file.name for file in out.parent.iterdir()] == ["out.csv"]


def test_the_csv_replaces_the_one_that_was_there_and_keeps_a_link(mart: DuckDB, tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("old")
    link.symlink_to(real)
    export_table(mart, out=link)
    assert link.is_symlink()
    assert real.read_text() == EXPECTED


def test_a_mart_that_was_there_before_with_other_types_and_columns_gives_the_same_csv(
    warehouse: DuckDB, tmp_path: Path
) -> None:
    warehouse.execute(
        "create table demand_forecast_esios (loaded_by varchar, update_timestamp timestamp,"
        ' demand_forecast decimal(18,3), "DATETIME" timestamp_s, id bigint, name varchar)'
    )
    warehouse.execute(
        "insert into demand_forecast_esios values ('me', ?, 23616, ?, 460, 'Previsión')",
        (STAMP, dt.datetime(2017, 1, 1)),
    )
    export_table(warehouse, "Demand_Forecast_ESIOS", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines() == EXPECTED.splitlines()[:2]
    export_table(warehouse, out=tmp_path / "out.parquet")
    assert pq.read_schema(tmp_path / "out.parquet").field("demand_forecast").type == pa.float64()


def test_an_empty_mart_gives_a_header(warehouse: DuckDB, tmp_path: Path) -> None:
    warehouse.execute(MART)
    assert export_table(warehouse, out=tmp_path / "out.csv").rows == 0
    assert (tmp_path / "out.csv").read_text() == EXPECTED.splitlines()[0] + "\n"
    assert export_table(warehouse, out=tmp_path / "out.parquet").rows == 0
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 0


def test_the_parquet_file_holds_the_same(mart: DuckDB, tmp_path: Path) -> None:
    assert export_table(mart, out=tmp_path / "out.parquet") == Exported(tmp_path / "out.parquet", 5)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.schema.names == ["name", "id", "datetime", "demand_forecast", "update_timestamp"]
    assert [str(field.type) for field in table.schema] == [
        "string",
        "int64",
        "timestamp[us]",
        "double",
        "timestamp[us]",
    ]
    assert table["id"].to_pylist() == [460, 461, 459, 460, 460]
    assert table["demand_forecast"].to_pylist() == [23616.0, 1e22, 0.1, 22000.25, None]


ALL_TYPES = (
    "create table everything (i integer, u ubigint, h hugeint, d decimal(18,4), f double, r real, s varchar, x blob,"
    " b boolean, y date, t timestamp, z timestamptz, c time, g uuid)"
)
VALUES: list[object] = [
    -1, 2**64 - 1, 10**30, Decimal("12.5000"), 0.1, 0.5, "", b"\x00\xff", True, dt.date(2016, 2, 29),
    dt.datetime(2017, 1, 1, 0, 0, 0, 500), dt.datetime(2017, 1, 1, tzinfo=dt.UTC), dt.time(23, 59),
    "12345678-1234-5678-1234-567812345678",
]  # fmt: skip


def test_every_type_goes_out_and_comes_in_again_by_either_file(warehouse: DuckDB, tmp_path: Path) -> None:
    warehouse.execute(ALL_TYPES)
    warehouse.execute(f"insert into everything values ({', '.join('?' * len(VALUES))})", VALUES)
    warehouse.execute("insert into everything (i) values (null)")
    before = list(warehouse.rows("select * from everything order by i"))
    export_table(warehouse, "everything", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines() == [
        "i,u,h,d,f,r,s,x,b,y,t,z,c,g",
        ",,,,,,,,,,,,,",
        '-1,18446744073709551615,1000000000000000000000000000000,12.5000,0.1,0.5,"",0x00ff,true,2016-02-29,'
        "2017-01-01 00:00:00.000500,2017-01-01 00:00:00+00:00,23:59:00,12345678-1234-5678-1234-567812345678",
    ]
    export_table(warehouse, "everything", tmp_path / "out.parquet")
    for name in ("out.csv", "out.parquet"):
        warehouse.execute("delete from everything")
        load_file(warehouse, tmp_path / name, "everything")
        assert list(warehouse.rows("select * from everything order by i")) == before


def test_another_table_is_ordered_by_its_key_or_by_all_its_columns_nulls_first(
    warehouse: DuckDB, tmp_path: Path
) -> None:
    warehouse.execute("create table keyed (v varchar, k integer primary key)")
    warehouse.append("keyed", [{"v": "a", "k": 10}, {"v": "b", "k": 9}])
    export_table(warehouse, "keyed", tmp_path / "keyed.csv")
    assert (tmp_path / "keyed.csv").read_text() == "v,k\nb,9\na,10\n"
    warehouse.execute("create table keyless (v varchar, n integer)")
    warehouse.append("keyless", [{"v": "b", "n": 1}, {"v": "a", "n": 2}, {"v": "a", "n": 1}, {"v": None, "n": 3}])
    export_table(warehouse, "main.keyless", tmp_path / "keyless.csv")
    assert (tmp_path / "keyless.csv").read_text() == "v,n\n,3\na,1\na,2\nb,1\n"


def test_hostile_names_and_texts_are_only_names_and_texts(warehouse: DuckDB, tmp_path: Path) -> None:
    warehouse.execute('create table "a;--""b" ("x, y" varchar)')
    warehouse.append('"a;--""b"', [{"x, y": "line\nbreak"}, {"x, y": "ret\rurn"}, {"x, y": None}, {"x, y": "'; drop"}])
    export_table(warehouse, '"a;--""b"', tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == b'"x, y"\n""\n\'; drop\n"line\nbreak"\n"ret\rurn"\n'
    with pytest.raises(UsageError, match="--out"):
        export_table(warehouse, '"a;--""b"')


@pytest.mark.parametrize("name", ["out.xlsx", "out", "out.csv.gz"])
def test_an_ending_that_says_nothing_is_refused(mart: DuckDB, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"end it in \.csv or \.parquet"):
        export_table(mart, out=tmp_path / name)
    assert not (tmp_path / name).exists()


def test_a_missing_table_or_column_is_named(warehouse: DuckDB, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"table main\.demand_forecast_esios does not exist yet.*make run"):
        export_table(warehouse, out=tmp_path / "out.csv")
    with pytest.raises(UsageError, match=r"table main\.other does not exist"):
        export_table(warehouse, "other", tmp_path / "out.csv")
    warehouse.execute("create table demand_forecast_esios (name varchar, id integer, datetime timestamp)")
    with pytest.raises(UsageError, match="has no column 'demand_forecast'"):
        export_table(warehouse, out=tmp_path / "out.csv")
    assert list(tmp_path.glob("*out*")) == []


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_an_export_that_fails_half_way_leaves_the_old_file_and_nothing_beside_it(
    warehouse: DuckDB, tmp_path: Path, ending: str
) -> None:
    warehouse.execute(
        "create view broken as select case when n = 150000 then cast('x' || n as integer) else n end as n"
        " from range(200000) r(n)"
    )
    out = tmp_path / f"out.{ending}"
    out.write_text("old")
    with pytest.raises(EsiosError):
        export_table(warehouse, "broken", out)
    assert out.read_text() == "old"
    assert sorted(file.name for file in tmp_path.iterdir() if not file.name.startswith("w.duckdb")) == [out.name]


def test_a_place_that_cannot_be_written_is_a_usage_error(mart: DuckDB, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder.csv").mkdir()
    for out in (tmp_path / "file" / "out.csv", tmp_path / "folder.csv"):
        with pytest.raises(UsageError, match="--out"):
            export_table(mart, out=out)


# ---------------------------------------------------------------- size and speed
def test_two_years_are_exported_in_order_to_the_last_hour(warehouse: DuckDB, tmp_path: Path) -> None:
    warehouse.execute(MART)
    warehouse.execute(
        "insert into demand_forecast_esios select 'Previsión diaria', 460, timestamp '2017-01-01' + to_hours(n),"
        " 20000 + n / 8, timestamp '2016-12-31' from range(17520) r(n) order by random()"
    )
    assert export_table(warehouse, out=tmp_path / "out.csv").rows == 17_520
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[1] == "Previsión diaria,460,2017-01-01 00:00:00,20000.0,2016-12-31 00:00:00"
    assert lines[-1] == "Previsión diaria,460,2018-12-31 23:00:00,22189.875,2016-12-31 00:00:00"


MEMORY = """
import sys
from pathlib import Path
from extract.export import export_table
from extract.warehouse.duckdb import DuckDB
from benchmarks.peak import peak_mb
warehouse = DuckDB(Path(sys.argv[1]))
text = "a text that is long enough to weigh something " * 3
warehouse.execute("set memory_limit = '128MB'")
warehouse.execute(f"create view v as select n, '{text}' || n as s from range(" + sys.argv[3] + ") r(n)")
export_table(warehouse, "v", Path(sys.argv[2]))
print(peak_mb())
"""


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_memory_of_an_export_does_not_grow_with_the_table(tmp_path: Path, ending: str) -> None:
    def peak(count: int) -> int:
        files = [str(tmp_path / f"{count}.duckdb"), str(tmp_path / f"out.{ending}")]
        command = [sys.executable, "-c", MEMORY, *files, str(count)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.stderr == ""
        return int(done.stdout)

    assert peak(500_000) - peak(50_000) < 150  # MB, DuckDB's sorting included; as Python objects: 250


# ---------------------------------------------------------------- the DataFrame
def test_the_frame_has_the_five_columns_typed_and_ordered(mart: DuckDB, path: Path) -> None:
    mart.close()
    frame = demand_forecast_frame(
        Selection.of([460]), load_settings({"ESIOS_DUCKDB_PATH": str(path)}, dotenv=path.with_name("no.env"))
    )
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "name": "str",
        "id": "int64",
        "datetime": "datetime64[us]",
        "demand_forecast": "float64",
        "update_timestamp": "datetime64[us]",
    }
    assert frame["id"].tolist() == [460, 461, 459, 460, 460]
    assert frame["demand_forecast"].isna().tolist() == [False, False, False, False, True]
    assert frame["datetime"].tolist()[:3] == [pd.Timestamp("2017-01-01")] * 2 + [pd.Timestamp("2017-01-01 01:00")]


def test_the_frame_of_an_empty_table_keeps_its_types(warehouse: DuckDB, path: Path) -> None:
    warehouse.execute(MART)
    warehouse.close()
    frame = demand_forecast_frame(
        Selection.of([460]), load_settings({"ESIOS_DUCKDB_PATH": str(path)}, dotenv=path.with_name("no.env"))
    )
    kinds = ["str", "int64", "datetime64[us]", "float64", "datetime64[us]"]
    assert [str(kind) for kind in frame.dtypes] == kinds
    assert len(frame) == 0


def test_the_frame_without_a_warehouse_says_how_to_make_one(tmp_path: Path) -> None:
    settings = load_settings({"ESIOS_DUCKDB_PATH": str(tmp_path / "none.duckdb")}, dotenv=tmp_path / "no.env")
    with pytest.raises(UsageError, match="make run"):
        demand_forecast_frame(Selection.of([460]), settings)
    (tmp_path / "none.duckdb").write_text("this is no database")
    with pytest.raises(WarehouseError):
        demand_forecast_frame(Selection.of([460]), settings)
