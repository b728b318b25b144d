"""Hostile CSV files: each cell is loaded as Python's csv module reads it, or the file is refused with the line."""

from __future__ import annotations

import csv
import io
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from extract.errors import UsageError
from extract.file_kinds import kind_of
from extract.load import load_file
from extract.warehouse.duckdb import DuckDB


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDB]:
    with DuckDB(tmp_path_factory.mktemp("hostile") / "w.duckdb") as opened:
        opened.execute("create table t (a varchar, b varchar)")
        yield opened


def loaded(warehouse: DuckDB, folder: Path, content: str | bytes) -> list[tuple[str, str]] | str:
    """The rows that a load adds, NULL as an empty text; or why it refuses the file."""
    file = folder / f"{uuid.uuid4().hex}.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    warehouse.execute("delete from t")
    try:
        load_file(warehouse, file, "t")
    except UsageError as error:
        assert list(warehouse.rows("select * from t")) == []
        return str(error)
    finally:
        file.unlink()
    return list(warehouse.rows("select coalesce(a, ''), coalesce(b, '') from t order by rowid"))


def as_python_reads_it(content: str) -> list[tuple[str, ...]] | None:
    """The rows below the header; None where the file is not CSV of two columns."""
    try:
        records = [record for record in csv.reader(io.StringIO(content, newline=""), strict=True) if record]
    except csv.Error:
        return None
    return None if any(len(record) != 2 for record in records) else [tuple(record) for record in records[1:]]


def has_a_backslash_before_a_quote_in_quotes(content: str) -> bool:
    """By the grammar of RFC 4180, quoted cell by quoted cell."""
    quoted = re.compile(r'(?:^|(?<=[,\r\n]))"((?:[^"]|"")*)"(?=[,\r\n]|$)')
    return any('\\"' in cell[0] for cell in quoted.finditer(content))


cells = st.text(st.sampled_from('ab1 ",\\\n\r;\té🎉'), max_size=5)
ends = st.sampled_from(["\n", "\r\n", "\n\n", "\r"])


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def spelled(cell: str, always: bool) -> str:
    return quoted(cell) if always or re.search(r'[",\r\n]', cell) else cell


rows = st.lists(st.tuples(cells, cells, st.booleans(), ends), max_size=6)


@settings(max_examples=40)
@given(drawn=rows)
@example([("first\\", "second, last", False, "\n")])
@example([("", "", False, "\n"), ("", "", True, "\n")])
def test_what_is_written_by_the_rules_is_loaded_as_it_was_meant(
    warehouse: DuckDB, tmp_path: Path, drawn: list[tuple[str, str, bool, str]]
) -> None:
    content = "a,b\n" + "".join(f"{spelled(a, always)},{spelled(b, always)}{end}" for a, b, always, end in drawn)
    found = loaded(warehouse, tmp_path, content)
    if has_a_backslash_before_a_quote_in_quotes(content):
        assert isinstance(found, str)
        assert re.search(r'line \d+: \\" in a quoted cell', found)
    else:
        assert found == [(a, b) for a, b, _, _ in drawn]


@settings(max_examples=80)
@given(body=st.text(st.sampled_from('ab",,\\\n\n\r"'), max_size=24))
@example('"\r\r\n')
@example("a,b\r\r\nb,a\r\r\n")
@example('a,b"\n"')
@example('"a"b,c\n')
@example('a,"b" \n')
def test_anything_else_is_loaded_as_python_reads_it_or_refused(warehouse: DuckDB, tmp_path: Path, body: str) -> None:
    content = f"a,b\n{body}"
    found = loaded(warehouse, tmp_path, content)
    meant = as_python_reads_it(content)
    if isinstance(found, str):
        assert "line " in found or "row " in found or "is empty" in found, found
        if meant is not None:
            assert '\\"' in body, found
    else:
        assert found == meant


SPARK = [
    ('id,x\n1,"a \\"b\\" c"\n2,plain\n', 2),
    ('id,x\n1,"ends with a backslash \\"\n2,plain\n3,"x\\"y"\n', 2),
    ('id,x\n1,"first\\"\n2,"second, last"\n', 2),
    ('id,x\n1,plain\n2,"C:\\dir\\"\n', 3),
    ('id,x\n1,"two\nlines"\n2,"a\\\\"\n', 4),
    ('id,x\n1,"a\\""b"\n', 2),
]


@pytest.mark.parametrize(("content", "line"), SPARK)
def test_a_backslash_before_a_quote_is_refused_with_its_line_however_the_quotes_pair_up(
    warehouse: DuckDB, tmp_path: Path, content: str, line: int
) -> None:
    for delimiter, spelling in ((",", content), (";", content.replace(",", ";"))):
        found = loaded(warehouse, tmp_path, spelling.replace(f"id{delimiter}x", f"a{delimiter}b"))
        assert isinstance(found, str)
        assert f'line {line}: \\" in a quoted cell' in found


def test_backslashes_elsewhere_are_characters_like_any_other(warehouse: DuckDB, tmp_path: Path) -> None:
    content = 'a,b\nC:\\dir\\,"\\x"\n5\\" pipe,"\\n, ""q"""\n'
    assert loaded(warehouse, tmp_path, content) == [("C:\\dir\\", "\\x"), ('5\\" pipe', '\\n, "q"')]


FORMATS: dict[str, bytes] = {
    "workbook": b"PK\x03\x04\x14\0\0\0\x08\0",
    "xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 40,
    "SQLite": b"SQLite format 3\0" + b" " * 80,
    "DuckDB": b"\x12\x34\x56\x78\x9a\xbc\xde\xf0DUCK" + b"\x01",
    "gzip": b"\x1f\x8b\x08\0",
    "bzip2": b"BZh91AY&SY\x0c\xe4\xb8",
    "xz": b"\xfd7zXZ\0\0\x04",
    "zstd": b"\x28\xb5\x2f\xfd\x04",
    "7z": b"7z\xbc\xaf\x27\x1c\0\x04",
    "Parquet": b"PAR1\x15\x04\x15",
    "Arrow": b"ARROW1\0\0\xff\xff",
    "ORC": b"ORC\n\x1d\n\x01",
    "HDF5": b"\x89HDF\r\n\x1a\n",
    "pickle": b"\x80\x04\x95\x10\0",
    "PDF": b"%PDF-1.7\n%\xe2\xe3",
    "page": b"\n<!DOCTYPE html><html><body>Log in, please</body></html>",
    "XML": b"\xef\xbb\xbf<?xml version='1.0'?><rows><row a='1'/></rows>",
    "UTF-16 without a mark": "a,b\n1,2\n".encode("utf-16-le"),
    "UTF-16": "a,b\n1,2\n".encode("utf-16"),
    "UTF-32": "a,b\n1,2\n".encode("utf-32"),
    "NUL": b"a,b\n1,\0\n",
}


@pytest.mark.parametrize("what", FORMATS)
@pytest.mark.parametrize("rest", [b"", b"\na,b\n1,2\n"])
def test_what_is_not_csv_is_refused_by_what_it_is(warehouse: DuckDB, tmp_path: Path, what: str, rest: bytes) -> None:
    found = loaded(warehouse, tmp_path, FORMATS[what] + rest)
    assert isinstance(found, str)
    assert re.search(r"\.csv is (a|an|UTF-16)\b.*: .*nothing was written$", found), found


@pytest.mark.parametrize("header", ["ORC,b", "BZhang,b", "PAR1,b", "PARENT,b", "DUCK,b", "FEA1,b", "xyz12345DUCK,b"])
def test_a_column_may_have_the_name_of_a_format(header: str) -> None:
    assert kind_of(f"{header}\n1,2\n".encode()) is None
