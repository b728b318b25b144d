"""Any CSV text: read as Python's csv and pandas read it, or refused with the line. Never something else."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from optimization.compact import witness
from optimization.compact.cut import lines_in, records_end
from optimization.compact.parse import unique_names
from optimization.csv_rules import BrokenRecord, can_be_header, line_ends, records, unquoted
from optimization.distance.layout import number
from optimization.files import BadInput
from optimization.memory import LEVELS, load_file, texts
from optimization.speed import add_distance_to_file, distance
from tests.hostile_csv import Hostile, hostile
from tests.optimization.memory_files import same_field

# HOSTILE=3000 pytest … looks longer.
Result = TypeVar("Result")
ANY = settings(
    max_examples=int(os.environ.get("HOSTILE", "150")),
)


def expected_records(one: Hostile) -> list[list[str]] | None:
    """The records that must be loaded, header first; None: no reader can make a table of the text."""
    found = one.records()
    if not found or not one.is_closed() or not any(found[0]):
        return None
    if any(len(record) != len(found[0]) for record in found):
        return None
    return found


def outcome(work: Callable[[], Result]) -> tuple[Result | None, str]:
    """What was done, or why it was refused."""
    try:
        return work(), ""
    except BadInput as error:
        return None, str(error)


@ANY
@given(hostile(), st.sampled_from(LEVELS), st.sampled_from([64, 1 << 20]), st.booleans())
@example(Hostile('id,diag 4",price\n1,a,999.5\n2,5" nails,1\n3,b,2\n', ","), "usable", 64, True)
@example(Hostile("value\r\r\n1\r\r\n2\r\r\n", ","), "usable", 64, True)
@example(Hostile("id,b\r\r\n1,2\r\r\n", ","), "usable", 64, True)
@example(Hostile("a,b\n\ufeffx,1\n", ","), "packed", 64, True)
@example(Hostile('id,name,a\n,"",', ","), "usable", 64, True)
@example(Hostile('id,"say ""b"""\n, x \nid,"say ""b"""\n,-0.0\n', ","), "packed", 16, True)
def test_memory_loads_the_cells_that_csv_reads_or_names_the_line(
    tmp_path: Path, one: Hostile, level: str, chunk: int, told: bool
) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(one.data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("optimization.compact.source.Source.__init__.__defaults__", (None, None, None, chunk))
        loaded, refusal = outcome(lambda: load_file(path, level, delimiter=one.delimiter if told else None))
    if loaded is None:
        assert re.search(rf"^{re.escape(str(path))}(, (about )?line \d+:| is empty| is a binary file)", refusal)
        found = expected_records(one)
        if told and found is not None and can_be_header([name.encode() for name in found[0]]):
            assert len(found[0]) == 1
            assert "\r\r\n" in one.text, f"refused for no reason: {refusal}"
        return
    read = Hostile(one.text, loaded.delimiter, one.marked)
    found = expected_records(read)
    assert found is not None, "no reader makes a table of this"
    header, rows = found[0], found[1:]
    kept = rows if len(header) == 1 else [row for row in rows if row != header]
    assert len(loaded.notes) == min(len(rows) - len(kept), 6)
    assert loaded.rows == len(kept)
    for place, name in enumerate(unique_names(header)):
        back = texts(loaded.result, name).to_pylist()
        assert [
            (text, row[place]) for text, row in zip(back, kept, strict=True) if not same_field(text or "", row[place])
        ] == []


@ANY
@given(hostile())
def test_csv_and_pandas_agree_on_what_is_a_table(one: Hostile) -> None:
    """Where they do, there is no doubt what the cells are; the other tests compare with csv."""
    found, other = expected_records(one), one.by_pandas()
    if found is None or other is None or len(found[0]) == 1:
        return
    if has_a_lone_return(one):  # pandas 3.1 loses an empty first field behind one: 'id,id\r\r,a\r' gives a, ''
        return
    blank = [row for row in found if not any(field.strip(" ") for field in row[1:]) and not row[0].strip(" ")]
    if not blank:  # pandas leaves out a line of blanks
        assert other == found


@ANY
@given(hostile(), st.integers(1, 80))
def test_records_are_cut_alike_by_each_of_the_three_cutters(one: Hostile, size: int) -> None:
    data, delimiter = one.text.encode(), one.delimiter.encode()
    try:
        cut = list(records(data, delimiter))
    except BrokenRecord:
        assert not one.is_closed()
        return
    assert b"".join(record for _, record, _ in cut) == data
    read = [[unquoted(field).decode() for field in fields] for _, _, fields in cut]
    assert [row for row in read if row != [""]] == [row for row in one.records() if row != [""]]
    head = data[:size]
    ends = [offset + len(record) for offset, record, _ in cut]
    assert records_end(head, delimiter[0]) in [0, *ends]
    ended = sum(line.endswith(("\n", "\r")) for line in io.StringIO(one.text, newline=""))
    assert lines_in(data) == line_ends(data) == ended


degrees = (
    st.floats(-90, 90).map(repr) | st.integers(-180, 180).map(str) | st.sampled_from(["", "NA", '"1.5"', " 2 ", "inf"])
)


def has_a_lone_return(one: Hostile) -> bool:
    """Whether a CR without an LF ends a record: speed.py says so, and leaves the file to be fixed."""
    found = records(one.text.encode(), one.delimiter.encode())
    return any(record.endswith(b"\r") for _, record, _ in found)


@ANY
@given(
    hostile({"latitude": degrees, "longitude": degrees}), st.sampled_from(["numpy", "compiled"]), st.integers(8, 200)
)
@example(Hostile("id,latitude,longitude\r\r\n1,40.5,-3.25\r\r\n", ","), "compiled", 64)
@example(Hostile("id,latitude,longitude\r\r\n1,40.5,-3.25\r\r\n", ","), "numpy", 64)
@example(Hostile('latitude,longitude,size "\n1,2,3\n', ","), "compiled", 64)
def test_speed_keeps_every_cell_and_adds_one_or_names_the_line(
    tmp_path: Path, one: Hostile, kernel: str, chunk: int
) -> None:
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(one.data)
    out.unlink(missing_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        for engine in ("Portable", "Compiled"):
            patch.setattr(f"optimization.distance.text.{engine}.chunk", chunk)
        written, refusal = outcome(
            lambda: add_distance_to_file(str(source), str(out), kernel, delimiter=one.delimiter) or True
        )
    found = expected_records(one)
    if written is None:
        assert not out.exists()
        assert re.search(rf"{re.escape(str(source))}(, line \d+:| has (no column|\d columns)| ends its lines)", refusal)
        if found is not None and found[0].count("latitude") == found[0].count("longitude") == 1:
            header_again = any(row == found[0] for row in found[1:])
            assert header_again or has_a_lone_return(one), f"refused for no reason: {refusal}"
        return
    assert found is not None
    result = Hostile(out.read_bytes().decode("utf-8-sig" if one.marked else "utf-8"), one.delimiter).records()
    assert [row[:-1] for row in result] == found
    places = found[0].index("latitude"), found[0].index("longitude")
    for row in result[1:]:
        pair = [number(row[place].encode()) for place in places]
        assert (row[-1] == "") == (None in pair)
        if None not in pair:
            expected = distance([pair[0]], [pair[1]], "numpy")[0]
            np.testing.assert_allclose(float(row[-1]), expected, rtol=0, atol=4e-15)


@ANY
@given(hostile(), st.data())
@example(Hostile('a,b\n"x ""y"" and twelve more",12345678901\n\n,""\r\nq,r', ","), None)
def test_machine_code_and_csv_find_the_same_first_record_that_was_read_differently(one: Hostile, data: Any) -> None:
    """Of any columns: those that csv reads, and those with a text, a gap or a record changed."""
    found = expected_records(one)
    if found is None or len(found) == 1:
        return
    width, body = len(found[0]), one.text.encode()
    start = next(offset for number, (offset, _, _) in enumerate(records(body, one.delimiter.encode())) if number == 1)
    raw = [
        fields
        for _, record, fields in records(body[start:], one.delimiter.encode())
        if width == 1 or record.strip(b"\r\n")
    ]
    cells = [[None if field == b"" else unquoted(field).decode() for field in fields] for fields in raw]
    if data is not None and data.draw(st.booleans()):
        row, place = data.draw(st.integers(0, len(cells) - 1)), data.draw(st.integers(0, width - 1))
        cells[row][place] = data.draw(st.sampled_from([None, "", "x", one.delimiter, "\n", '"']) | st.text(max_size=20))
    if data is not None and data.draw(st.booleans()):
        cells = data.draw(st.sampled_from([cells[:-1], [*cells, cells[-1]], cells[1:], cells]))
    gap = data.draw(st.integers(0, 3)) if data is not None else 0  # the columns may be slices of longer ones
    columns = [pa.array([None] * gap + [row[place] for row in cells], pa.string()).slice(gap) for place in range(width)]
    table = pa.table(columns, names=[str(place) for place in range(width)])
    expected = witness.judged(body[start:], one.delimiter, table)
    witness.CODE.load()
    assert witness.disagreement(bytearray(body[start:]), ord(one.delimiter), table, len(body)) == expected
    if [[field or "" for field in row] for row in cells] != found[1:]:
        assert expected is not None
