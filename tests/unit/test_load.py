"""The load verb: CSV and Parquet files into a table of a real DuckDB file."""

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

from extract.errors import UsageError
from extract.load import Loaded, load_file
from extract.warehouse.duckdb import DuckDB


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[DuckDB]:
    with DuckDB(tmp_path / "w.duckdb") as opened:
        opened.execute(
            "create table t (id integer primary key, code varchar, price decimal(10,2), moment timestamp, ok boolean,"
            " weight double)"
        )
        opened.append("t", [{"id": 1, "code": "old"}])
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def write(folder: Path, content: str | bytes, name: str = "in.csv") -> Path:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def rows(warehouse: DuckDB, columns: str = "id, code") -> list[tuple[object, ...]]:
    return list(warehouse.rows(f"select {columns} from t order by id"))


def refused(warehouse: DuckDB, file: Path, table: str = "t", mode: str = "append", key: list[str] | None = None) -> str:
    before = rows(warehouse, "*")
    with pytest.raises(UsageError) as caught:
        load_file(warehouse, file, table, mode, key)
    assert caught.value.exit_code == 2
    assert caught.value.remedy
    assert "\n" not in str(caught.value)
    assert rows(warehouse, "*") == before
    return str(caught.value)


# ---------------------------------------------------------------- what goes in
def test_cells_are_read_by_the_types_of_the_table(warehouse: DuckDB, folder: Path) -> None:
    file = write(folder, "code,id,price,moment,ok,weight\n00501,2,12.50,2017-01-01 05:00:00,true,0.1\n,3,,,,\n")
    assert load_file(warehouse, file, "t") == Loaded("main.t", "append", 2, 0)
    assert rows(warehouse, "*")[1:] == [
        (2, "00501", Decimal("12.50"), dt.datetime(2017, 1, 1, 5), True, 0.1),
        (3, None, None, None, None, None),
    ]


@pytest.mark.parametrize(
    "content",
    [
        "id,code\n2,a\n3,b\n",
        "\ufeffid,code\n2,a\n3,b\n",
        "code;ID\r\na;2\r\nb;3\r\n",
        "id\tcode\n2\ta\n3\tb",
        '"id","code"\n"2","a"\n"3","b"\n',
        "\nid,code\n\n2,a\n\n3,b\n\n",
    ],
    ids=["plain", "with a BOM", "semicolons and CRLF", "tabs and no last line end", "quoted", "empty lines"],
)
def test_every_usual_spelling_of_csv_is_read(warehouse: DuckDB, folder: Path, content: str) -> None:
    assert load_file(warehouse, write(folder, content), "t").inserted == 2
    assert rows(warehouse)[1:] == [(2, "a"), (3, "b")]


def test_delimiters_quotes_and_line_breaks_live_inside_quotes(warehouse: DuckDB, folder: Path) -> None:
    file = write(folder, 'id,code\n2,"a, ""b"";\nc"\n3,🎉 Península\n4,5" nails\n')
    assert load_file(warehouse, file, "t").inserted == 3
    assert [code for _, code in rows(warehouse)[1:]] == ['a, "b";\nc', "🎉 Península", '5" nails']


def test_an_empty_cell_is_null_and_a_quoted_one_an_empty_text(warehouse: DuckDB, folder: Path) -> None:
    load_file(warehouse, write(folder, 'id,code,weight\n2,,\n3,"",""\n'), "t")
    assert rows(warehouse, "id, code, weight")[1:] == [(2, None, None), (3, "", None)]


def test_a_header_in_which_the_other_delimiter_is_quoted_is_read(warehouse: DuckDB, folder: Path) -> None:
    warehouse.execute('create table odd ("a;b;c" integer, d integer)')
    load_file(warehouse, write(folder, '"a;b;c",d\n1,2\n'), "odd")
    assert list(warehouse.rows("select * from odd")) == [(1, 2)]


def test_a_header_alone_loads_no_rows(warehouse: DuckDB, folder: Path) -> None:
    assert load_file(warehouse, write(folder, "id,code\n"), "t").inserted == 0
    assert "has no column 'cod'" in refused(warehouse, write(folder, "id,cod\n"))


def test_parquet_is_loaded_with_its_types(warehouse: DuckDB, folder: Path) -> None:
    data = pa.table({"code": ["00501", None], "id": pa.array([2, 3], pa.int64()), "price": [Decimal("12.50"), None]})
    pq.write_table(data, folder / "in.parquet")
    assert load_file(warehouse, folder / "in.parquet", "main.t").inserted == 2
    assert rows(warehouse, "id, code, price")[1:] == [(2, "00501", Decimal("12.50")), (3, None, None)]


def test_a_parquet_file_of_pandas_is_loaded(warehouse: DuckDB, folder: Path) -> None:
    frame = pd.DataFrame({"id": [2], "moment": pd.to_datetime(["2017-01-01"]), "code": ["x"], "weight": [1.5]})
    frame.to_parquet(folder / "in.PARQUET", index=False)
    assert load_file(warehouse, folder / "in.PARQUET", "t").inserted == 1
    assert rows(warehouse, "id, moment, code, weight")[1:] == [(2, dt.datetime(2017, 1, 1), "x", 1.5)]


# ---------------------------------------------------------------- modes and keys
def test_an_upsert_takes_the_primary_key_by_default(warehouse: DuckDB, folder: Path) -> None:
    file = write(folder, "id,code\n1,new\n2,b\n")
    assert load_file(warehouse, file, "t", "upsert") == Loaded("main.t", "upsert", 1, 1)
    assert load_file(warehouse, file, "t", "upsert") == Loaded("main.t", "upsert", 0, 2)
    assert rows(warehouse) == [(1, "new"), (2, "b")]


def test_an_upsert_takes_the_key_it_is_given(warehouse: DuckDB, folder: Path) -> None:
    warehouse.execute("create table keyless (a integer, b varchar, c double)")
    file = write(folder, "a,b,c\n1,x,1\n1,y,2\n")
    assert load_file(warehouse, file, "keyless", "upsert", ["a", "B"]).inserted == 2
    assert load_file(warehouse, file, "keyless", "upsert", ["a", "B"]).updated == 2
    assert "--key a,b" in refused(warehouse, file, "keyless", "upsert")
    assert "rows 1 and 2 have the same key (a = 1)" in refused(warehouse, file, "keyless", "upsert", ["a"])


def test_appending_a_key_that_exists_names_the_row(warehouse: DuckDB, folder: Path) -> None:
    told = refused(warehouse, write(folder, "id,code\n2,b\n1,a\n"))
    assert "row 2: a row with the key (id = 1) is in main.t already" in told


def test_a_wrong_mode_or_a_key_without_upsert_is_refused(warehouse: DuckDB, folder: Path) -> None:
    file = write(folder, "id,code\n2,b\n")
    assert "append or upsert" in refused(warehouse, file, mode="replace")
    assert "--mode upsert" in refused(warehouse, file, key=["id"])


# ---------------------------------------------------------------- what is refused
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("id,code\n2,a\n3\n", ["in.csv, line 3: 1 cell where the header has 2 columns"]),
        ("id,code\n2,a\n3,b,c\n", ["in.csv, line 3: 3 cells where the header has 2 columns"]),
        ('id,code\n2,"a\nb"\n3,b,c\n', ["in.csv, line 4: 3 cells"]),
        ('id,code\n2,a\n3,"cut off', ["in.csv, line 3: unexpected end of data"]),
        (b"id,code\n2,a\n3,\xf1\n", ["in.csv, line 3: byte 3 is not UTF-8", "save it as UTF-8"]),
        (b"id,c\xf3digo\n2,a\n", ["in.csv, line 1: byte 5 is not UTF-8"]),
        ("id,code\n2,a\n".encode("utf-16"), ["in.csv is UTF-16"]),
        ("", ["in.csv is empty"]),
        ("\ufeff\n\n", ["in.csv is empty"]),
        ("id,code\nx,a\n", ["row 1, column 'id' of main.t (INTEGER): 'x' is not a number"]),
        ("id,code\n2,a\n,b\n", ["row 2, column 'id'", "is missing, and the column is NOT NULL"]),
        ('id,price\n2,"12,5"\n', ["row 1, column 'price'", "the decimal sign is a point"]),
        ("id,price\n2,1.234\n", ["row 1, column 'price'", "more than 2 decimals"]),
        ("id,moment\n2,2017-02-30\n", ["row 1, column 'moment'", "is not a valid date"]),
        ("code\na\n", ["column 'id' of main.t is missing from the data"]),
        ("id,code,extra\n2,a,b\n", ["main.t has no column 'extra'", "id, code, price, moment, ok, weight"]),
        ("id,code,ID\n2,a,3\n", ["column 'id' of main.t comes twice"]),
        ("2,a\n3,b\n", ["main.t has no column '2'"]),
        ("id,code\n2,a\n3,b\n2,c\n", ["rows 1 and 3 have the same key (id = 2) of main.t"]),
    ],
)
def test_a_file_that_does_not_fit_changes_nothing_and_the_place_is_named(
    warehouse: DuckDB, folder: Path, content: str | bytes, expected: list[str]
) -> None:
    told = refused(warehouse, write(folder, content))
    for part in expected:
        assert part in told


def test_a_file_that_cannot_be_read_is_named(warehouse: DuckDB, folder: Path) -> None:
    assert "cannot read" in refused(warehouse, folder / "nothing.csv")
    (folder / "folder.csv").mkdir()
    assert "cannot read" in refused(warehouse, folder / "folder.csv")
    assert "*.csv or *.parquet" in refused(warehouse, write(folder, "x", "in.xlsx"))
    assert "not a readable Parquet file" in refused(warehouse, write(folder, "no parquet at all", "in.parquet"))


def test_a_parquet_file_that_was_cut_off_is_refused(warehouse: DuckDB, folder: Path) -> None:
    whole = folder / "whole.parquet"
    pq.write_table(pa.table({"id": range(2, 50_000), "code": [str(n) * 9 for n in range(2, 50_000)]}), whole)
    content = whole.read_bytes()
    assert "not a readable Parquet" in refused(warehouse, write(folder, content[: len(content) // 2], "cut.parquet"))
    spoiled = bytearray(content)
    spoiled[1000:90_000] = bytes(89_000)
    assert "not a readable Parquet" in refused(warehouse, write(folder, bytes(spoiled), "spoiled.parquet"))


def test_a_parquet_column_of_another_type_is_refused(warehouse: DuckDB, folder: Path) -> None:
    pq.write_table(pa.table({"id": ["2", "3"], "code": ["a", "b"]}), folder / "in.parquet")
    assert "row 1, column 'id' of main.t (INTEGER): '2' is text" in refused(warehouse, folder / "in.parquet")


def test_a_missing_table_is_reported_before_the_file_is_opened(warehouse: DuckDB, folder: Path) -> None:
    told = refused(warehouse, folder / "nothing.csv", "tt")
    assert "table main.tt does not exist" in told
    assert "main.t" in told


def test_a_fault_in_the_last_row_of_a_long_file_takes_everything_back(warehouse: DuckDB, folder: Path) -> None:
    lines = "".join(f"{n},a\n" for n in range(2, 200_000))
    assert "row 199999, column 'id'" in refused(warehouse, write(folder, f"id,code\n{lines}x,b\n"))


def test_a_row_longer_than_a_block_is_read_too(warehouse: DuckDB, folder: Path) -> None:
    lengths = [10, 3_000_000, 5_000_000, 10, 9_000_000]
    lines = "".join(f"{n},{'x' * length}\n" for n, length in enumerate(lengths, 2))
    assert load_file(warehouse, write(folder, f"id,code\n{lines}"), "t").inserted == 5
    assert rows(warehouse, "id, length(code)")[1:] == list(enumerate(lengths, 2))


MEMORY = """
import sys
from pathlib import Path
from extract.load import load_file
from extract.warehouse.duckdb import DuckDB
from benchmarks.peak import peak_mb
folder = Path(sys.argv[1])
warehouse = DuckDB(folder / "long.duckdb")
warehouse.execute("create table long (n integer, s varchar)")
warehouse.execute("set memory_limit = '60MB'")
text = "a text that is long enough to weigh something " * 20
for count in (100_000, 250_000):
    with (folder / "long.csv").open("w") as opened:
        opened.write("n,s\\n")
        opened.writelines(f"{n},{n} {text}\\n" for n in range(count))
    assert load_file(warehouse, folder / "long.csv", "long").inserted == count
    print(peak_mb())
"""


def test_the_memory_of_a_load_does_not_grow_with_the_file(folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", MEMORY, str(folder)], capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    small, large = map(int, done.stdout.split())
    assert large - small < 150  # MB, for 140 MB more in the file, which would weigh twice that
