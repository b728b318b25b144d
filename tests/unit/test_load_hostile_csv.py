"""`esios load` reads any CSV text as Python's csv does, or refuses it with the line; then the table is as it was."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from extract.errors import UsageError
from extract.load import load_file
from extract.warehouse.duckdb import DuckDB
from tests.hostile_csv import RAW, Hostile, hostile

NAMES = ("c0", "c1", "c2")
CELLS = st.sampled_from(RAW)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDB]:
    with DuckDB(tmp_path_factory.mktemp("hostile") / "w.duckdb") as opened:
        opened.execute(f"create table t ({', '.join(f'{name} varchar' for name in NAMES)})")
        yield opened


def is_plain(one: Hostile) -> bool:
    """Whether no reader can doubt the text: whole fields in quotes, lines that end with LF or CR LF, no zero byte."""
    try:
        strict = list(csv.reader(io.StringIO(one.text, newline=""), delimiter=one.delimiter, strict=True))
    except csv.Error:
        return False
    quoted = re.sub(r'"(?:[^"]|"")*"', "", one.text)
    if "\0" in one.text or '\\"' in one.text:
        return False
    return len(strict) == len(one.records()) and '"' not in quoted and "\r" not in quoted.replace("\r\n", "\n")


@settings(max_examples=150)
@given(hostile(dict.fromkeys(NAMES, CELLS), delimiters=",;\t", most_columns=0))
@example(Hostile('c0,c1,c2\n1,"a \\"b\\" c",x\n2,plain,y\n', ","))
@example(Hostile('c0,c1,c2\n1,"first\\",x\n2,"second, last",y\n', ","))
@example(Hostile('c0,c1,c2\n1,5" nails,x\n2,7" nails,y\n', ","))
@example(Hostile("c0,c1,c2\r\r\n1,2,3\r\r\n", ","))
def test_every_cell_is_loaded_as_csv_reads_it_or_the_line_is_named(
    warehouse: DuckDB, tmp_path: Path, one: Hostile
) -> None:
    warehouse.execute("delete from t")
    file = tmp_path / "in.csv"
    file.write_bytes(one.data)
    found = one.records()
    refusal = None
    try:
        load_file(warehouse, file, "t")
    except UsageError as error:
        refusal = str(error)
    rows = [tuple(row) for row in warehouse.rows(f"select {', '.join(NAMES)} from t")]
    if refusal is not None:
        assert rows == []
        if len(found) > 1:  # of a header alone there is nothing to load
            assert re.search(r"line \d+|row \d+|is a binary file", refusal), refusal
            assert not (is_plain(one) and all(len(row) == 3 for row in found)), f"refused for no reason: {refusal}"
        return
    header = [name.removeprefix("\ufeff") for name in found[0]]
    expected = [tuple(row[header.index(name)] for name in NAMES) for row in found[1:]]
    assert sorted(tuple(cell or "" for cell in row) for row in rows) == sorted(expected)
