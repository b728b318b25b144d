"""Whatever the texts are, they come back: a property, and the cases that a property seldom meets."""

from __future__ import annotations

import string
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimization.memory import LEVELS, load_csv
from tests.optimization.memory_files import csv_text, differences, dtype_of, one_column, written

numbers = st.integers(-(10**20), 10**20).map(str) | st.integers(-300, 300).map(str)
decimals = st.decimals(-1000, 1000, places=3).map(str) | st.floats(allow_nan=False, allow_infinity=False).map(repr)
ODD = [
    "NA", "null", "", "00501", "+1", "-0", "-0.0", "1e5", "1E-7", "0x1A", ".5", "5.", " 7", "7 ", "nan", "inf",
    "NaN", "true", "False", "2020-02-29", "2019-02-29", "29/02/2020", "02/29/2020", "2020-01-01 00:00:00",
    "2020-01-01T24:00:00", "1_000", "１２", "٣", "é", "\u2028", "a\nb", "say \"x\"", "a,b",
]  # fmt: skip
odd = st.sampled_from(ODD)
dates = st.dates().map(str) | st.datetimes().map(lambda moment: str(moment.replace(microsecond=0)))
words = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=6)
fields = st.one_of(
    st.lists(st.one_of(kind, st.none()), min_size=1, max_size=40) for kind in (numbers, decimals, odd, dates, words)
) | st.lists(st.one_of(numbers, decimals, odd, dates, words, st.none()), min_size=1, max_size=40)


@settings(max_examples=120)
@given(fields, st.sampled_from(LEVELS))
def test_every_text_of_a_column_comes_back_at_every_level(values: list[str | None], level: str) -> None:
    header = ["c", "row"]
    rows = [[value, str(number)] for number, value in enumerate(values)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "in.csv"
        path.write_bytes(csv_text(header, rows).encode())
        assert differences(load_csv(path, level), header, rows) == []


@settings(max_examples=60)
@given(st.lists(st.lists(odd | words | st.none(), min_size=3, max_size=3), max_size=12), st.sampled_from(",;\t|"))
def test_every_field_of_a_table_comes_back_with_every_delimiter(rows: list[list[str | None]], delimiter: str) -> None:
    rows = [row for row in rows if row != [None] * 3]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "in.csv"
        path.write_bytes(csv_text(["first", "second", "third"], rows, delimiter).encode())
        loaded = load_csv(path, delimiter=delimiter, keep_repeated_header=True)
        assert differences(loaded, ["first", "second", "third"], rows) == []


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (["1", "2", "127"], "int8[pyarrow]"),
        (["0", "255"], "uint8[pyarrow]"),
        (["-1", "255"], "int16[pyarrow]"),
        (["1", None, "3"], "int8[pyarrow]"),
        (["9007199254740993", None], "Int64"),
        (["18446744073709551615", "0"], "uint64"),
        (["18446744073709551616", "0"], "category"),
        (["-1", "18446744073709551615"], "category"),
        (["00501", "10001"], "category"),
        (["+1", "2"], "category"),
        (["-0", "1"], "category"),
        (["0x1A", "12"], "category"),
        (["0.5", "1.25"], "float32"),
        (["0.1", "1.25"], "float64"),
        (["5", "5.5"], "float32"),
        (["1e5", "2.5"], "category"),
        (["1.0e5", "2.5"], "float32"),
        (["-0.0", "0.1"], "float64"),
        (["true", "false", None], "bool[pyarrow]"),
        (["Y", "N"], "bool[pyarrow]"),
        (["yes", "no", "NA"], "bool[pyarrow]"),
        (["true", "True"], "category"),
        (["2020-02-29", "1999-12-31"], "date32[day][pyarrow]"),
        (["2019-02-29", "1999-12-31"], "category"),
        (["31/12/1999", "01/02/2020"], "date32[day][pyarrow]"),
        (["03/04/2020", "01/02/2020"], "category"),
        (["2020-01-02", "03/04/2020"], "category"),
        (["2020-01-02", "2020-1-3"], "category"),
        (["2020-01-02 03:04:05", None], "datetime64[s]"),
        (["2020-01-02T03:04:05.678", "1900-01-01T00:00:00.000"], "datetime64[ms]"),
        (["2020-01-02T03:04:05Z", "1900-01-01T00:00:00Z"], "datetime64[s, UTC]"),
        (["2020-01-02 24:00:00", "2020-01-02 03:04:05"], "category"),
        (["1", "NA", "3"], "int8[pyarrow]"),
        (["1", "NA", None], "category"),
        (["1", "NA", "null"], "category"),
        (["1", "", "3"], "category"),
        ([None, None], "int8[pyarrow]"),
        (["1", "two"], "category"),
    ],
)
def test_a_type_is_taken_only_if_every_text_comes_back(tmp_path: Path, values: list[str | None], dtype: str) -> None:
    values = values * 20  # enough rows for a dictionary to pay
    assert dtype_of(tmp_path, values) == dtype
    rows = [[value, str(number)] for number, value in enumerate(values)]
    for level in LEVELS:
        assert differences(load_csv(one_column(tmp_path, values), level), ["c", "row"], rows) == []


@pytest.mark.parametrize("missing", ["NA", "-", "", None])
def test_gaps_among_values_that_never_repeat_leave_them_what_they_are(tmp_path: Path, missing: str | None) -> None:
    kinds = {
        "int": ([str(n * 7919 - 10**6) for n in range(900)], "int32[pyarrow]"),
        "big": ([str(n * 10**16 - 10**18) for n in range(900)], "Int64"),
        "decimal": ([f"{n * n}.{n:03d}" for n in range(900)], "float64"),
        "float": ([repr(n**0.5 + 0.1) for n in range(900)], "float64"),
        "date": ([f"{1000 + n}-02-28" for n in range(900)], "date32[day][pyarrow]"),
        "other_date": ([f"28/02/{1000 + n}" for n in range(900)], "date32[day][pyarrow]"),
        "stamp": ([f"{1900 + n}-02-28T01:02:03.{n:03d}Z" for n in range(900)], "datetime64[ms, UTC]"),
    }
    rows: list[list[str | None]] = [[column[n] for column, _ in kinds.values()] for n in range(900)]
    for n in range(0, 900, 7):
        rows[n] = [missing] * len(kinds)
    path = written(tmp_path, list(kinds), rows)
    for level in LEVELS:
        assert differences(load_csv(path, level), list(kinds), rows) == []
    if missing != "":  # an empty text in quotes is not a gap
        loaded = load_csv(path)
        assert [str(dtype) for dtype in loaded.dtypes] == [dtype for _, dtype in kinds.values()]


def test_a_column_that_turns_to_text_late_is_read_again_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import optimization.compact.source as source

    monkeypatch.setattr(source.Source.__init__, "__defaults__", (None, None, None, 4096))
    number = ["42.6875100000", "7", "2020-05-06", "2020-05-06 07:08:09", "12", "true", "31/12/1999", "NA"]
    rows: list[list[str | None]] = [[*number] for _ in range(2000)]
    rows[1990] = ["unknown", "x7", "6 May 2020", "later", "012", "maybe", "1999", None]
    path = tmp_path / "in.csv"
    header = list(string.ascii_lowercase[:8])
    path.write_bytes(csv_text(header, rows).encode())
    for level in LEVELS:
        assert differences(load_csv(path, level), header, rows) == []
    loaded = load_csv(path)
    assert loaded["a"].iloc[0] == "42.6875100000"
    assert loaded["a"].iloc[1990] == "unknown"


def test_day_and_month_are_decided_by_a_later_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import optimization.compact.source as source

    monkeypatch.setattr(source.Source.__init__, "__defaults__", (None, None, None, 4096))
    values = [f"{month:02d}/{day:02d}/2020" for month in range(1, 13) for day in range(1, 13)] * 10 + ["12/31/2020"]
    loaded = load_csv(one_column(tmp_path, values))
    assert str(loaded["c"].dtype) == "date32[day][pyarrow]"
    assert str(loaded["c"].iloc[1]) == "2020-01-02"
    assert str(loaded["c"].iloc[-1]) == "2020-12-31"
    assert differences(loaded, ["c"], [[value] for value in values]) == []


def test_one_word_after_many_numbers_or_dates_is_found_at_once(tmp_path: Path) -> None:
    """A pattern that tries every way to split them would not come back."""
    numbers = [f"{n}1234567890.1234567890" for n in range(60)]
    dates = [f"2020-01-02 {n:02d}:00:00" for n in range(60)]
    rows: list[list[str | None]] = [[one, two] for one, two in zip([*numbers, "x"], [*dates, "x"], strict=True)]
    assert differences(load_csv(written(tmp_path, ["a", "b"], rows)), ["a", "b"], rows) == []


@pytest.mark.parametrize("level", LEVELS)
def test_whole_numbers_up_to_the_last_of_64_bits_come_back(tmp_path: Path, level: str) -> None:
    rows: list[list[str | None]] = [
        ["9223372036854775808", "9223372036854775807", "18446744073709551616", None],
        ["1", "-9223372036854775808", "-1", "9007199254740993"],
    ]
    header = ["unsigned", "signed", "beyond", "gaps"]
    assert differences(load_csv(written(tmp_path, header, rows), level), header, rows) == []


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        (["1", "2", "4"], "3"),
        ([str(n) for n in range(500)], "2"),
        (["2020-01-02", "2020-01-03", "2020-01-05"] * 30, "2020-01-04"),  # of which each different text is read once
        (["0.25", "1.5", "4.75"] * 30, "1.51"),
    ],
)
def test_an_encoding_that_loses_something_is_named_with_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: list[str], wrong: str
) -> None:
    from optimization.compact import numbers
    from optimization.compact.scan import NotLossless

    def broken(*given: Any) -> Any:
        found, base = narrowed(*given)
        found[1] += 1
        return found, base

    narrowed = numbers.narrowed
    monkeypatch.setattr(numbers, "narrowed", broken)
    path = one_column(tmp_path, values)
    with pytest.raises(NotLossless, match="line 3: column 'c' does not give"):
        load_csv(path)
    assert str(load_csv(path, verify=False)["c"].iloc[1]) == wrong


@pytest.mark.parametrize(
    "text",
    ["2019-12-31", "31/12/2019", "2020.02.29", "2019-12-31 23:59:59", "1999-11-30T19:59", "2019-12-31T09:08:07.125Z",
     "2019-12-31 00:00:00,000001", "30-11-2019 10:20:30.123456789", "2020-02-29T12:34:56+00:00"],
)  # fmt: skip
def test_a_time_with_any_other_byte_anywhere_is_refused_or_comes_back(text: str) -> None:
    """What lets the texts of times go unprinted: no two texts of a form are read as one moment."""
    from optimization.compact.encode import same_texts
    from optimization.compact.times import encode_times

    taken = 0
    for place in range(len(text)):
        for byte in map(chr, range(128)):
            texts = pa.array([text[:place] + byte + text[place + 1 :]])
            encoded = encode_times(texts)
            if encoded is not None:
                taken += 1
                assert encoded.checked
                assert same_texts(encoded, texts), texts[0]
    assert taken > len(text)


def test_days_and_hours_that_are_none_are_refused() -> None:
    from optimization.compact.encode import same_texts
    from optimization.compact.times import encode_times

    days = [f"{year}-{month:02d}-{day:02d}" for year in (1900, 2000, 2023) for month in range(14) for day in range(33)]
    clocks = [f"2020-01-01 {hour:02d}:{minute:02d}:{minute:02d}" for hour in range(26) for minute in range(0, 63, 3)]
    read = [text for text in days + clocks if encode_times(pa.array([text])) is not None]
    assert all(same_texts(encode_times(pa.array([text])), pa.array([text])) for text in read)  # type: ignore[arg-type]
    assert len(read) == 365 + 366 + 365 + 24 * 20


@pytest.mark.parametrize("level", LEVELS)
def test_a_column_that_is_put_together_wrongly_is_named_with_the_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    from optimization.compact import packed, usable
    from optimization.compact.scan import NotLossless

    def broken(*given: Any, **named: Any) -> Any:
        found = whole_numbers(*given, **named)
        found[1] += 1
        return found

    whole_numbers = usable.whole_numbers
    monkeypatch.setattr(usable, "whole_numbers", broken)
    monkeypatch.setattr(packed, "whole_numbers", broken)
    with pytest.raises(NotLossless, match="column 'c' does not give row 2 back"):
        load_csv(written(tmp_path, ["c", "text"], [["1", "a"], ["2", "b"], ["300", "c"]]), level)


@pytest.mark.parametrize("level", LEVELS)
def test_texts_become_codes_while_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    """Small chunks, so that the dictionary grows many times, beside gaps, empty texts and texts that never repeat."""
    monkeypatch.setattr("optimization.compact.source.Source.__init__.__defaults__", (None, None, None, 4096))
    monkeypatch.setattr("optimization.compact.chunks.FLUSH_ROWS", 500)
    header = ["often", "growing", "gaps", "never", "late"]
    rows: list[list[str | None]] = [
        [
            f"t{n % 7}",
            f"text {n * n % 1501}",
            None if n % 3 else f"g{n % 211}",
            f"{n * 7919:x}h",
            "a" if n < 4000 else f"{n}b",
        ]
        for n in range(8000)
    ]
    rows[17][0] = ""
    assert differences(load_csv(written(tmp_path, header, rows), level), header, rows) == []
