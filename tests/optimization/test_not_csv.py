"""Files that are no CSV, and first lines that are no header: refused for what they are, in every interface."""

from __future__ import annotations

import bz2
import io
import lzma
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from optimization import memory, speed
from optimization.files import BadInput

CSV = b"latitude,longitude\n1,2\n"


def as_zip(folder: Path) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as book:
        book.writestr("xl/workbook.xml", "<workbook/>")
    return out.getvalue()


def as_tar(folder: Path) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("in.csv")
        member.size = len(CSV)
        archive.addfile(member, io.BytesIO(CSV))
    return out.getvalue()


def as_sqlite(folder: Path) -> bytes:
    connection = sqlite3.connect(folder / "base")
    connection.execute("create table t (a)")
    connection.commit()
    connection.close()
    return (folder / "base").read_bytes()


def as_duckdb(folder: Path) -> bytes:
    duckdb.connect(str(folder / "duck")).close()
    return (folder / "duck").read_bytes()


def as_feather(folder: Path) -> bytes:
    pd.DataFrame({"a": [1]}).to_feather(folder / "feather")
    return (folder / "feather").read_bytes()


def as_numpy(folder: Path) -> bytes:
    out = io.BytesIO()
    np.save(out, np.arange(3))
    return out.getvalue()


KINDS: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "workbook": (as_zip, "a zip archive, such as an Excel or OpenDocument workbook"),
    "old workbook": (lambda _: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "an old Excel workbook"),
    "SQLite": (as_sqlite, "an SQLite database, not CSV text: export the table as CSV"),
    "DuckDB": (as_duckdb, "a DuckDB database"),
    "bzip2": (lambda _: bz2.compress(CSV), "compressed with bzip2, not CSV text: unpack it first"),
    "xz": (lambda _: lzma.compress(CSV), "compressed with xz"),
    "tar": (as_tar, "a tar archive"),
    "Feather": (as_feather, "an Arrow or Feather file"),
    "numpy": (as_numpy, "a numpy array"),
    "PDF": (lambda _: b"%PDF-1.7\n%...", "a PDF document"),
    "HTML": (lambda _: b"\n<!DOCTYPE html>\n<title>Sign in, please</title>\n", "an HTML or XML page"),
    "XML": (lambda _: b'\xef\xbb\xbf<?xml version="1.0"?>\n<a>1,2</a>\n', "an HTML or XML page"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_not_csv_is_refused_as_what_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    make, told = KINDS[kind]
    path = tmp_path / "in.csv"
    path.write_bytes(make(tmp_path))
    with pytest.raises(BadInput, match=f"in.csv is {told}"):
        memory.load_csv(path)
    assert speed.main([str(path), "--out", str(tmp_path / "out.csv")]) == 2
    assert f"in.csv is {told}" in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    "data", [b"sep=;\r\nlatitude;longitude\r\n1,5;2\r\n", b"\xef\xbb\xbfsep=,\nlatitude,longitude\n1,2\n"]
)
def test_a_note_to_excel_is_refused_as_what_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: bytes
) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(data)
    with pytest.raises(BadInput, match="line 1: sep= is a note to Excel, not a header: remove that line"):
        memory.load_csv(path)
    assert speed.main([str(path), "--out", str(tmp_path / "out.csv")]) == 2
    assert "sep= is a note to Excel" in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()


def test_parquet_is_read_by_speed_and_refused_by_memory(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    pd.DataFrame({"latitude": [1.0], "longitude": [2.0]}).to_parquet(path)
    with pytest.raises(BadInput, match="is a Parquet file, not CSV text"):
        memory.load_csv(path)
    assert speed.main([str(path), "--out", str(tmp_path / "out.csv"), "--quiet"]) == 0


VALUES = [
    b"1.54659,2.8\n0.5,1.5\n1.54659,2.8\n",
    b"2020-01-01;0,5\n2020-01-02;0,75\n",
    b'"1","2"\n"1","2"\n',
    b"01/02/2020 10:00,12\n",
    b"NA,1\n,2\n",
    b"5\n6\n5\n",
    b"2019,2020\n1,2\n",
]


@pytest.mark.parametrize("data", VALUES)
def test_a_first_line_of_values_alone_is_not_a_header(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: bytes
) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(data)
    with pytest.raises(BadInput, match="line 1: all values and no name"):
        memory.load_csv(path)
    assert memory.main([str(path), "--quiet"]) == 2
    assert "--header none if this line is data, --header first if it holds the names" in capsys.readouterr().err


@pytest.mark.parametrize("data", VALUES)
@pytest.mark.parametrize("level", memory.LEVELS)
def test_the_caller_says_what_a_first_line_of_values_is_and_no_row_is_lost(
    tmp_path: Path, recwarn: pytest.WarningsRecorder, data: bytes, level: str
) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(data)
    rows = data.count(b"\n")
    without = memory.load_file(path, level, header=False)
    assert without.rows == rows
    assert list(without.plans)[0] == "column 1"
    assert memory.load_file(path, level, header=True).rows == rows - 1, "a row like the first line stays"
    assert memory.load_csv(path, level, header=False) is not None
    assert [str(warning.message) for warning in recwarn] == []


@pytest.mark.parametrize(
    "data", [b"id,2020\n1,2\n", b"year,NA\n1,2\n", b"x1,y1\n1,2\n", b"a\n1\n", b"T,F\n1,2\n", b"1st,2nd\n1,2\n"]
)
def test_a_first_line_with_a_name_is_a_header(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(data)
    assert list(memory.load_csv(path).columns) == data.split(b"\n")[0].decode().split(",")


def test_what_the_command_notes_the_functions_warn_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b"id,price\n1,0.123456789\nid,price\n2,0.7\n")
    note = f"{path}, line 3: the header again, left out"
    assert memory.main([str(path), "--quiet"]) == 0
    assert capsys.readouterr().err == f"note: {note}\n"
    with pytest.warns(UserWarning, match="line 3: the header again, left out") as told:
        frame = memory.load_csv(path)
    assert [str(one.message) for one in told] == [note]
    assert told[0].filename == __file__
    with pytest.warns(UserWarning, match="column 'price' is lossy: rounded to 2 decimals, largest error 0.00346"):
        memory.load_csv(path, allow=["decimals=2"])
    for level in memory.LEVELS:
        with pytest.warns(UserWarning, match="column 'price' is lossy: rounded to 2 decimals") as told:
            memory.shrink(frame, level, allow=["decimals=2"])
        assert told[0].filename == __file__
