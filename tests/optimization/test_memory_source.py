"""Files as they come: encodings, delimiters, quotes, compression, headers, ragged rows."""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from optimization.compact import parse
from optimization.compact.cut import records_end
from optimization.compact.parse import unique_names
from optimization.compact.source import Source
from optimization.files import BadInput
from optimization.memory import LEVELS, load_csv, load_file, texts
from tests.optimization.memory_files import csv_text, differences, written

HEADER = ["name", "town", "price"]
ROWS: list[list[str | None]] = [
    ["Café – bar", "Málaga", "1.5"],
    ["Núñez", "A Coruña", "2.5"],
    ["plain", None, "3.5"],
] * 5


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "windows-1252"])
def test_the_encoding_is_found_out(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(csv_text(HEADER, ROWS).encode(encoding))
    loaded = load_file(path)
    assert loaded.encoding == encoding
    assert differences(loaded.result, HEADER, ROWS) == []


def test_bytes_that_windows_1252_does_not_have_are_latin_1(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes("a,b\né\x81,1\n".encode("latin-1"))
    loaded = load_file(path)
    assert loaded.encoding == "latin-1"
    assert loaded.result["a"].iloc[0] == "é\x81"


def test_text_in_another_alphabet_is_recognised(tmp_path: Path) -> None:
    text = "Широка страна моя родная, много в ней лесов, полей и рек; я другой такой страны не знаю "
    path = tmp_path / "in.csv"
    path.write_bytes(csv_text(["песня", "строка"], [[text, str(n)] for n in range(40)]).encode("windows-1251"))
    assert load_csv(path)["песня"].iloc[0] == text


def test_a_first_byte_that_is_not_ascii_far_down_settles_the_encoding(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    rows: list[list[str | None]] = [[f"name {n}", "x", "1"] for n in range(30_000)]
    rows[-3] = ["Gatsby Hotel – an inn", "x", "1"]
    path.write_bytes(csv_text(HEADER, rows).encode("windows-1252"))
    loaded = load_file(path)
    assert loaded.encoding == "windows-1252"
    assert differences(loaded.result, HEADER, rows) == []


def test_the_encoding_can_be_given(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(csv_text(HEADER, ROWS).replace("–", "-").encode("cp850"))
    assert load_csv(path, encoding="cp850")["town"].iloc[0] == "Málaga"


@pytest.mark.parametrize(
    ("data", "encoding", "told"),
    [
        (b"a,b\nx,1\n\xff\xfe,2\n", "utf-8", "line 3: byte 0xff is not valid utf-8"),
        ("a,b\né,1\n".encode() + b"\xe9,2\n", None, None),
        (b"a,b\nx,1\n", "klingon", "unknown encoding 'klingon'"),
        (b"", None, "is empty"),
        (b"\n\n", None, "line 1: no header"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, data: bytes, encoding: str | None, told: str | None) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(data)
    if told is None:  # a UTF-8 character and a lone high byte: read as bytes of one encoding, none lost
        assert load_csv(path, encoding=encoding)["a"].tolist() == ["Ã©", "é"]
        return
    with pytest.raises(BadInput, match=told):
        load_csv(path, encoding=encoding)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_out(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(csv_text(HEADER, ROWS, delimiter).encode())
    loaded = load_file(path)
    assert loaded.delimiter == delimiter
    assert differences(loaded.result, HEADER, ROWS) == []


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system_are_read(tmp_path: Path, newline: str) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(csv_text(HEADER, ROWS, newline=newline).encode())
    assert differences(load_csv(path), HEADER, ROWS) == []


def test_the_last_line_needs_no_end(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b"a,b\n1,2\n3,4")
    assert load_csv(path)["b"].tolist() == [2, 4]


def test_gzip_and_zstd_are_read(tmp_path: Path) -> None:
    plain = csv_text(HEADER, ROWS).encode()
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(plain))
    with pa.CompressedOutputStream(str(tmp_path / "in.csv.zst"), "zstd") as out:
        out.write(plain)
    assert differences(load_csv(tmp_path / "in.csv.gz"), HEADER, ROWS) == []
    assert differences(load_csv(tmp_path / "in.csv.zst", "packed"), HEADER, ROWS) == []


def test_a_damaged_gzip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "in.csv.gz"
    path.write_bytes(gzip.compress(csv_text(HEADER, ROWS * 500).encode())[:-30])
    with pytest.raises(BadInput, match="damaged gzip"):
        load_csv(path)


def test_newlines_and_delimiters_inside_quotes_stay_inside(tmp_path: Path) -> None:
    rows: list[list[str | None]] = [["a\nb", 'say "x", twice', "1.5"], ["\n\n", ",,", "2.5"], ["", None, "3.5"]] * 3000
    path = written(tmp_path, HEADER, rows)
    source = Source(path, chunk_bytes=1000)
    whole = b"".join(chunk.data for chunk in source.chunks())
    assert whole == path.read_bytes()[len("name,town,price\n") :]
    assert differences(load_csv(path), HEADER, rows) == []


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (b"a,b\nc,d", 3),
        (b'"a\nb",c\nd', 7),
        (b'5" pipe,x\ny', 9),
        (b'5" pipe,"a\nb', -1),
        (b'5" pipe,1\n6" pipe,"a\nb', 9),
        (b'"a""\nb",c\n', 9),
        (b'x,""\ny', 4),
        (b"no end", -1),
    ],
)
def test_a_chunk_ends_where_a_record_ends(data: bytes, end: int) -> None:
    assert records_end(data, ord(",")) == end + 1


def test_a_ragged_row_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b'a,b\n"1\n2",2\n3,4\n5\n6,7\n')
    with pytest.raises(BadInput, match="line 5: 1 field where the header has 2"):
        load_csv(path)


@pytest.mark.parametrize("level", LEVELS)
def test_a_quote_that_is_never_closed_is_named_with_its_line(tmp_path: Path, level: str) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b'a,b\n1,"x\ny"\n5" pipe,"x\n2,y\n')
    with pytest.raises(BadInput, match="line 4: a quote that is never closed"):
        load_csv(path, level)


def test_a_record_without_an_end_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optimization.compact.source.RECORD_BYTES", 1 << 16)
    monkeypatch.setattr(Source.__init__, "__defaults__", (None, None, None, 4096))
    plain = b'a,b\n1,"x\n' + b"2,y\n" * 50_000
    (tmp_path / "in.csv").write_bytes(plain)
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(plain))
    for name in ("in.csv", "in.csv.gz"):
        with pytest.raises(BadInput, match="a record of more than 65,536 bytes"):
            load_csv(tmp_path / name)


def test_a_record_may_be_longer_than_what_is_parsed_at_a_time(tmp_path: Path) -> None:
    rows: list[list[str | None]] = [["short", "x", "1"], ["x,\n" * 900_000, "x", "2"], ["short", "x", "3"]]
    assert differences(load_csv(written(tmp_path, HEADER, rows)), HEADER, rows) == []


def test_a_repeated_header_is_left_out_and_said_or_kept(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b"id,name\n1,x\n2,y\nid,name\n3,z\n")
    loaded = load_file(path)
    assert loaded.result["id"].tolist() == [1, 2, 3]
    assert loaded.notes == [f"{path}, line 4: the header again, left out"]
    assert load_csv(path, keep_repeated_header=True)["id"].tolist() == ["1", "2", "id", "3"]


def test_a_name_that_occurs_twice_gets_a_number() -> None:
    assert unique_names(["a", "a", "a.1", "", "a"]) == ["a", "a.2", "a.1", "Unnamed: 3", "a.3"]


def test_a_file_without_rows_has_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b"a,b\n")
    frame = load_csv(path)
    assert (list(frame.columns), len(frame)) == (["a", "b"], 0)
    assert load_csv(path, "packed").num_rows == 0
    assert load_csv(path, "compressed").to_pandas().shape == (0, 2)


def test_ten_thousand_columns_are_loaded(tmp_path: Path) -> None:
    header = [f"column {n}" for n in range(10_000)]
    rows: list[list[str | None]] = [[str(n % 7) for n in range(10_000)] for _ in range(3)]
    frame = load_csv(written(tmp_path, header, rows))
    assert frame.shape == (3, 10_000)
    assert frame["column 9999"].tolist() == [3, 3, 3]


def test_a_column_alone_keeps_its_empty_lines(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b"a\n1\n\n3\n")
    assert load_csv(path)["a"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize("level", LEVELS)
def test_a_folder_of_files_is_one_table(tmp_path: Path, level: str) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    written(folder, HEADER, ROWS[:7], "b.csv")
    written(folder, HEADER, ROWS[7:], "c.csv")
    assert differences(load_csv(folder, level), HEADER, ROWS) == []
    written(folder, ["name", "city", "price"], ROWS, "d.csv")
    with pytest.raises(BadInput, match=r"d\.csv, line 1: .*missing: town; not expected: city"):
        load_csv(folder, level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "cells",
    [
        ["0.0", "-0.0"] * 40,
        ["0.0"] * 200 + ["-0.0"] * 200,
        ["-0.0"] * 300 + ["0.0"] * 300 + ["1.5"] * 300,
        ["0.0", "-2.25", "-0.0", "1.5", "123456.789"] * 200,
        ["-0.0"] * 60,
        ["-0.0", "0.1", "", "0.0"] * 100,
    ],
)
def test_both_zeros_come_back_in_runs_and_in_few_different_numbers(
    tmp_path: Path, level: str, cells: list[str]
) -> None:
    rows = [[cell or None, str(number)] for number, cell in enumerate(cells)]
    loaded = load_csv(written(tmp_path, ["zero", "row"], rows), level)
    assert texts(loaded, "zero").to_pylist() == [cell or None for cell in cells]
    frame = loaded if level == "usable" else loaded.to_pandas()
    signs = [math.copysign(1, value) for value in frame["zero"].dropna()]
    assert signs == [math.copysign(1, float(cell)) for cell in cells if cell]


@pytest.mark.parametrize(
    ("header", "row", "delimiter"),
    [
        ("Fecha;Precio (EUR, media)", "01/01/2023;0,14", ";"),
        ("a, x;b, y", "1,5;2,5", ";"),
        ("hora;precio, EUR;total, EUR", "1;1.234,56;0,5", ";"),
        ("id,tags;more,price", "1,a;b,2.5", ","),
        ("id,a|b", "1,x|y", ","),
        ("a;b,c;d", "x;1,y;2", ";"),
        ("one\ttwo, three", "1\t2,5", "\t"),
        ('"a;b","c;d"', '"1;2","3;4"', ","),
        ("only", "x;y", ","),
    ],
)
def test_the_body_shows_which_of_two_delimiters_it_is(tmp_path: Path, header: str, row: str, delimiter: str) -> None:
    (tmp_path / "in.csv").write_text("\n".join([header, *[row] * 5]) + "\n")
    assert load_file(tmp_path / "in.csv").delimiter == delimiter


def test_two_delimiters_that_cut_alike_are_left_to_the_caller(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("x;y,z\na;b,c\nd;e,f\n")
    with pytest.raises(
        BadInput, match="line 1: ',' and ';' cut the records alike: name the delimiter with --delimiter"
    ):
        load_csv(path)
    assert list(load_csv(path, delimiter=";").columns) == ["x", "y,z"]


def test_a_mark_inside_the_file_is_data_wherever_a_chunk_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[list[str | None]] = [["\ufeffx", str(n)] for n in range(50)]
    for chunk in (8, 64, 1 << 20):
        monkeypatch.setattr(Source.__init__, "__defaults__", (None, None, None, chunk))
        assert differences(load_csv(written(tmp_path, ["a", "b"], rows)), ["a", "b"], rows) == []


@pytest.mark.parametrize("encoding", ["cp037", "utf-7", "shift_jis", "gb18030", "cp424"])
def test_encodings_whose_bytes_are_not_ascii_are_decoded_before_they_are_cut(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "in.csv"
    rows: list[list[str | None]] = [["plain; +text", str(n)] for n in range(20)]
    path.write_bytes(csv_text(["a", "b"], rows).encode(encoding))
    assert differences(load_csv(path, encoding=encoding), ["a", "b"], rows) == []


@pytest.mark.parametrize("data", [b"a,b\nx,1\n\xc3", b"a,b\nx,1\ny\xe2\x82,2\n"])
def test_a_character_that_is_cut_off_is_not_utf_8(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "in.csv").write_bytes(data)
    with pytest.raises(BadInput, match=r"line 3: .*(is not valid utf-8|1 field where the header has 2)"):
        load_csv(tmp_path / "in.csv", encoding="utf-8")


def test_a_header_that_is_data_inside_quotes_is_not_a_repeated_header(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b'id,note\n1,5" pipe\n2,"\nid,note\n"\nid,note\n3,x\n')
    loaded = load_file(path)
    assert loaded.notes == [f"{path}, line 6: the header again, left out"]
    assert loaded.result["note"].tolist() == ['5" pipe', "\nid,note\n", "x"]


def test_a_reading_that_differs_from_the_bytes_is_refused_with_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong in the reading, the independent one sees it: a letter, a place, a gap, a record too few."""
    rows: list[list[str | None]] = [["x", "y"], ['q"', "a,b"], ["", None], ["l\nm", "z"], ["w", "v"]]
    path = written(tmp_path, ["a", "b"], rows)
    assert differences(load_csv(path), ["a", "b"], rows) == []
    read = parse._read

    def broken(change: Callable[[list[list[str | None]]], object]) -> Callable[..., pa.Table]:
        def reading(*given: Any) -> pa.Table:
            cells = [column.to_pylist() for column in read(*given).columns]
            records = [list(record) for record in zip(*cells, strict=True)]
            change(records)
            return pa.table(
                {
                    name: pa.array(found, pa.string())
                    for name, found in zip("ab", zip(*records, strict=True), strict=True)
                }
            )

        return reading

    changes: list[tuple[Callable[[list[list[str | None]]], object], int]] = [
        (lambda records: records[0].__setitem__(0, "X"), 2),
        (lambda records: records[0].reverse(), 2),
        (lambda records: records[1].__setitem__(slice(2), ['q",a', "b"]), 3),
        (lambda records: records[2].__setitem__(0, None), 4),
        (lambda records: records[2].__setitem__(1, ""), 4),
        (lambda records: records[3].__setitem__(0, "lm"), 5),
        (lambda records: records.pop(), 7),
        (lambda records: records.insert(0, ["x", "y"]), 3),
    ]
    for change, line in changes:
        monkeypatch.setattr(parse, "_read", broken(change))
        with pytest.raises(BadInput, match=f"line {line}: this record can be read in two ways"):
            load_csv(path)
