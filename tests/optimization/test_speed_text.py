"""CSV in and out: every byte kept, every number read and written as Python does, every unusable line named."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimization.csv_rules import BOM
from optimization.distance import machine
from optimization.distance.layout import Layout, number, read_layout
from optimization.distance.text import MISSING, NUMBER, ODD, Compiled, Portable, append_column
from optimization.files import BadInput
from optimization.speed import add_distance_to_file, distance, function_to_apply

Append = Callable[..., bytes]


def numpy_distance(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    return distance(latitude, longitude, "numpy")


def portable(layout: Layout) -> Portable:
    return Portable(layout, numpy_distance)


def compiled(layout: Layout) -> Compiled:
    return Compiled(layout, machine.load(), numpy_distance, workers=2)


ENGINES = {"portable": portable, "compiled": compiled}


@pytest.fixture(params=sorted(ENGINES))
def append(request: pytest.FixtureRequest, tmp_path: Path) -> Append:
    """Bytes of a CSV → bytes of the CSV with the column, by each engine; `chunk` cuts the text finely."""

    def run(text: bytes, chunk: int = 1 << 20, **names: Any) -> bytes:
        source, out = tmp_path / "in.csv", tmp_path / "out.csv"
        source.write_bytes(text)
        layout = read_layout(str(source), "latitude", "longitude", names.get("delimiter"))
        engine = ENGINES[request.param](layout)
        engine.chunk = chunk
        append_column(layout, str(out), names.get("column", "distance"), engine, quiet=True)
        return out.read_bytes()

    return run


def shown(latitude: float, longitude: float) -> bytes:
    return repr(float(numpy_distance(np.array([latitude]), np.array([longitude]))[0])).encode()


HEAD = b"id,latitude,longitude,note\n"
D = shown(40.5, -3.25)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEAD + b"1,40.5,-3.25,x\n", HEAD[:-1] + b",distance\n1,40.5,-3.25,x," + D + b"\n"),
        (HEAD + b"1,40.5,-3.25,x", HEAD[:-1] + b",distance\n1,40.5,-3.25,x," + D),
        (b"latitude,longitude\r\n40.5,-3.25\r\n", b"latitude,longitude,distance\r\n40.5,-3.25," + D + b"\r\n"),
        (BOM + HEAD + b"1,40.5,-3.25,\n", BOM + HEAD[:-1] + b",distance\n1,40.5,-3.25,," + D + b"\n"),
        (b"latitude;longitude\n40.5;-3.25\n", b"latitude;longitude;distance\n40.5;-3.25;" + D + b"\n"),
        (b"latitude\tlongitude\n40.5\t-3.25\n", b"latitude\tlongitude\tdistance\n40.5\t-3.25\t" + D + b"\n"),
        (b"longitude|latitude\n-3.25|40.5\n", b"longitude|latitude|distance\n-3.25|40.5|" + D + b"\n"),
        (b'"latitude","longitude"\n"40.5","-3.25"\n', b'"latitude","longitude",distance\n"40.5","-3.25",' + D + b"\n"),
        (b"latitude,longitude\n 40.5 ,\t-3.25\n", b"latitude,longitude,distance\n 40.5 ,\t-3.25," + D + b"\n"),
        (b"latitude,longitude\n+40.50,-325e-2\n", b"latitude,longitude,distance\n+40.50,-325e-2," + D + b"\n"),
        (b"latitude,longitude\n,1\n1,NA\nnull,\n", b"latitude,longitude,distance\n,1,\n1,NA,\nnull,,\n"),
        (b'latitude,longitude\n"",1\nNaN,nan\n', b'latitude,longitude,distance\n"",1,\nNaN,nan,\n'),
        (b"latitude,longitude\ninf,1\n1,-Infinity\n", b"latitude,longitude,distance\ninf,1,nan\n1,-Infinity,nan\n"),
        (b"latitude,longitude\n0,0\n\n0,-0\n", b"latitude,longitude,distance\n0,0,0.0\n\n0,-0,0.0\n"),
        (b"latitude,longitude\n", b"latitude,longitude,distance\n"),
        (b"latitude,longitude", b"latitude,longitude,distance"),
        (b"a,a,latitude,longitude,\n1,2,0,0,3\n", b"a,a,latitude,longitude,,distance\n1,2,0,0,3,0.0\n"),
    ],
)  # fmt: skip
def test_the_text_comes_through_byte_for_byte_with_one_more_field(append: Append, text: bytes, expected: bytes) -> None:
    assert append(text) == expected


OTHER_FIELDS = [
    b'"a,b"', b'"line\nline"', b'"line\r\nline"', b'"he said ""no"""', b'5" pipe', b'""', b"", b"00501", b"+1", b"NA",
    b"1e5", b"1.50", b" padded ", b"caf\xe9", "café €".encode(), b"\xff\xfe\x80", b'"a\rb"', b"'", b'"x"tail', b"#",
    b"\\n", b"\x00",
]  # fmt: skip


@pytest.mark.parametrize("chunk", [16, 64, 1 << 20])
def test_quotes_newlines_and_any_bytes_in_other_fields_stay(append: Append, chunk: int) -> None:
    records = [b"%s,40.5,-3.25,%s" % (field, other) for field in OTHER_FIELDS for other in OTHER_FIELDS]
    text = b"a,latitude,longitude,b\n" + b"\n".join(records) + b"\n"
    expected = b"a,latitude,longitude,b,distance\n" + b"".join(record + b"," + D + b"\n" for record in records)
    assert append(text, chunk=chunk) == expected


fields = st.one_of(
    st.sampled_from(OTHER_FIELDS),
    st.binary(max_size=12).map(lambda raw: b'"' + raw.replace(b'"', b'""') + b'"'),
    st.binary(max_size=8).map(lambda raw: bytes(letter for letter in raw if letter not in b',"\n\r')),
)
coordinates = st.one_of(st.floats(allow_nan=False), st.integers(-180, 180), st.none())


@settings(max_examples=25)
@given(st.lists(st.tuples(fields, coordinates, coordinates, fields), max_size=20), st.sampled_from([b"\n", b"\r\n"]))
def test_any_fields_come_through_beside_their_value(append: Append, rows: list[tuple[Any, ...]], end: bytes) -> None:
    text, expected = b"a,latitude,longitude,b" + end, b"a,latitude,longitude,b,distance" + end
    for before, latitude, longitude, after in rows:
        pair = [b"" if value is None else repr(value).encode() for value in (latitude, longitude)]
        record = b",".join([before, *pair, after])
        value = b"" if latitude is None or longitude is None else shown(float(latitude), float(longitude))
        text += record + end
        expected += record + b"," + value + end
    assert append(text, chunk=40) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEAD + b"1,40.5,-3.25,x\n2,forty,-3.25,x\n", "line 3: latitude is not a number: 'forty'; correct it"),
        (HEAD + b'1,1,1,"a\nb"\n2,1,5 W,x\n', "line 4: longitude is not a number: '5 W'"),
        (HEAD + b"1,1_000,1,x\n", "line 2: latitude is not a number: '1_000'"),
        (b"latitude;longitude\n40,5;1\n", "line 2: latitude is not a number: '40,5'"),
        (HEAD + b"1,0x10,1,x\n", "line 2: latitude is not a number: '0x10'"),
        (HEAD + b"1,40.5,-3.25\n", "line 2: 3 fields where the header has 4"),
        (HEAD + b"1,1,1,x\n1,1,1,x,y\n", "line 3: 5 fields where the header has 4"),
        (HEAD + b"1,1,1,x\n   \n", "line 3: 1 field where the header has 4"),
        (HEAD + b'1,1,1,x\n2,1,1,"x\n3,1,1,y\n', "line 3: a quote is opened and never closed"),
        (HEAD + b'1,1,1,x\n2,1,1,"x""\n', "line 3: a quote is opened and never closed"),
        (b"lat,lon\n1,2\n", "no column latitude and longitude in its header (line 1: lat, lon): name the coordinates"),
        (b"latitude,lon\n1,2\n", "no column longitude in its header (line 1: latitude, lon)"),
        (b"latitude,longitude,latitude\n1,2,3\n", "has 2 columns named latitude: rename all but one"),
        (HEAD + b"1,1,1,a\rb\n", "line 2: a carriage return (CR) that no line feed follows"),
        (HEAD + b'1,1,1,"a\rb"\n2,1,1,x\r\r\n', "line 4: a carriage return (CR) that no line feed follows"),
        (b"latitude,longitude\r\r\n1,2\r\r\n", "line 1: a carriage return (CR) that no line feed follows"),
        (b"latitude,longitude\r1,2\r", "ends its lines with carriage returns alone"),
        ("latitude,longitude\n1,2\n".encode("utf-16"), "UTF-16"),
        (b"\x1f\x8b\x08\x00rest", "is compressed: unpack it first"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named_with_its_line(append: Append, tmp_path: Path, text: bytes, told: str) -> None:
    for chunk in (16, 1 << 20):
        with pytest.raises(BadInput) as caught:
            append(text, chunk=chunk)
        assert told in str(caught.value)
        assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_the_name_of_the_new_column_is_quoted_where_it_must_be(append: Append) -> None:
    assert append(b"latitude,longitude\n0,0\n", column='a "b", c') == b'latitude,longitude,"a ""b"", c"\n0,0,0.0\n'


def test_both_engines_and_pandas_agree_on_a_generated_file(tmp_path: Path) -> None:
    from optimization import generate

    source = tmp_path / "in.csv"
    generate.write(str(source), rows=30_000)
    written = []
    for engine in ENGINES.values():
        layout = read_layout(str(source), "latitude", "longitude", None)
        append_column(layout, str(tmp_path / "out.csv"), "distance", engine(layout), quiet=True)
        written.append((tmp_path / "out.csv").read_bytes())
    assert written[0] == written[1]
    before, after = (pd.read_csv(tmp_path / name, dtype=str, keep_default_na=False) for name in ("in.csv", "out.csv"))
    pd.testing.assert_frame_equal(after.drop(columns="distance"), before)
    expected = function_to_apply(
        before["latitude"].astype(float).to_numpy(), before["longitude"].astype(float).to_numpy()
    )
    assert after["distance"].tolist() == [repr(value) for value in expected.tolist()]


def test_the_generator_makes_the_same_bytes_each_time(tmp_path: Path) -> None:
    from optimization import generate

    for name in ("one.csv", "two.csv"):
        assert generate.main([str(tmp_path / name), "--rows", "1000"]) == 0
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    assert (tmp_path / "one.csv").read_bytes().count(b"\n") == 1001


# --- numbers ----------------------------------------------------------------------------------------------------------
def read_by_machine(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """(values, kinds) that the machine code reads from a column of texts."""
    text = "".join(f"{one},0\n" for one in texts).encode()
    rows = len(texts)
    ends, kinds, result = np.empty(rows, np.int64), np.empty(rows, np.uint8), np.zeros(4, np.int64)
    values, others = np.empty(rows), np.empty(rows)
    pointers = [array.ctypes.data for array in (ends, values, others, kinds, result)]
    address = ctypes.cast(ctypes.c_char_p(text), ctypes.c_void_p).value
    machine.load().read_rows(address, len(text), ord(","), 2, 0, 1, rows, *pointers)
    assert result.tolist() == [rows, int((kinds == ODD).sum()), -1, 0]
    return values, kinds


def written_by_machine(values: np.ndarray) -> list[str]:
    rows = len(values)
    text, out, result = b"\n" * rows, np.empty(rows * 27, np.uint8), np.zeros(1, np.int64)
    ends, kinds, values = np.arange(rows), np.zeros(rows, np.uint8), np.ascontiguousarray(values)
    pointers = [array.ctypes.data for array in (ends, kinds, values, out, result)]
    address = ctypes.cast(ctypes.c_char_p(text), ctypes.c_void_p).value
    machine.load().write_rows(address, rows, ord(","), rows, *pointers)
    return out[: result[0]].tobytes().decode().replace(",", "").split("\n")[:-1]


def some_floats() -> np.ndarray:
    random = np.random.default_rng(460)
    anything = np.frombuffer(random.bytes(8 * 60_000))
    edges = [
        0.0,
        -0.0,
        5e-324,
        2.2250738585072014e-308,
        1e-5,
        0.0001,
        0.1,
        1e15,
        9007199254740991.0,
        9.5e-5,
        123456789.0,
    ]
    powers = [2.0**k for k in range(-1074, 53)] + [10.0**k for k in range(-300, 16)]
    spread = 10.0 ** random.uniform(-320, 15.9, 20_000)
    values = np.concatenate([random.uniform(-1, 2, 40_000), spread, anything, edges, powers, np.arange(2000.0)])
    return values[np.abs(values) < 1e16]


def test_numbers_are_written_as_python_writes_them() -> None:
    values = some_floats()
    assert written_by_machine(values) == [repr(value) for value in values.tolist()]
    assert written_by_machine(np.array([math.nan])) == ["nan"]


@pytest.mark.parametrize("form", ["%r", "%.17g", "%.18e", "%.7f", "%.3f", "00%.12f", "%.19f", "+%.15g"])
def test_numbers_are_read_as_python_reads_them(form: str) -> None:
    texts = [form % abs(value) for value in some_floats().tolist()]
    values, kinds = read_by_machine(texts)
    expected = np.array([float(text) for text in texts])
    plain = kinds == NUMBER
    assert (values[plain] == expected[plain]).all()
    assert plain.mean() > 0.4, "most numbers are read by the machine code itself"
    assert set(kinds[~plain]) <= {ODD}


def test_numbers_half_way_between_two_floats_are_rounded_to_even() -> None:
    halves = [str((1 << 53) + 2 * k + 1) for k in range(2000)] + [f"{(1 << 54) + 4 * k + 2}e0" for k in range(2000)]
    values, kinds = read_by_machine(halves)
    assert (kinds == NUMBER).all()
    assert values.tolist() == [float(text) for text in halves]


@given(st.text(alphabet='0123456789+-.eE naif_x\t"', max_size=24))
def test_a_text_is_a_number_to_the_machine_only_if_it_is_one_to_python(text: str) -> None:
    field = text.replace('"', "")
    values, kinds = read_by_machine([field])
    if kinds[0] == NUMBER:
        expected = number(field.encode())
        assert expected is not None
        assert values[0].tobytes() == np.float64(expected).tobytes()
    elif kinds[0] == MISSING:
        assert field == ""


# --- memory and the public function -----------------------------------------------------------------------------------
def test_no_piece_is_larger_than_asked_for_however_large_the_file(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(b"latitude,longitude\n" + b"1.25,2.5\n" * 40_000)
    layout = read_layout(str(source), "latitude", "longitude", None)
    engine = compiled(layout)
    engine.chunk = 8192
    seen: list[int] = []
    kept = engine.append

    def watched(text: bytes) -> Any:
        seen.append(len(text))
        return kept(text)

    engine.append = watched  # type: ignore[method-assign]
    append_column(layout, str(tmp_path / "out.csv"), "distance", engine, quiet=True)
    assert max(seen) <= 8192 + 9
    assert sum(seen) == 360_000
    assert len(engine._rooms) <= engine.workers + 2, "working memory is used again"


@pytest.mark.parametrize("kernel", ["auto", "numpy", "compiled"])
def test_each_kernel_writes_a_file_within_rounding_of_the_reference(tmp_path: Path, kernel: str) -> None:
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    random = np.random.default_rng(460)
    frame = pd.DataFrame({"latitude": random.uniform(-90, 90, 500), "longitude": random.uniform(-180, 180, 500)})
    frame.to_csv(source, index=False)
    add_distance_to_file(str(source), str(out), kernel=kernel)
    got = pd.read_csv(out)
    expected = function_to_apply(frame["latitude"], frame["longitude"])
    np.testing.assert_allclose(got["distance"], expected, rtol=0, atol=2e-15)


def test_a_column_of_that_name_is_not_written_twice(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("latitude,longitude,distance\n1,2,3\n")
    with pytest.raises(BadInput, match="has a column distance already: name the new one with --column"):
        add_distance_to_file(str(tmp_path / "in.csv"), str(tmp_path / "out.csv"))
    add_distance_to_file(str(tmp_path / "in.csv"), str(tmp_path / "out.csv"), column="a")
    assert (tmp_path / "out.csv").read_text().startswith("latitude,longitude,distance,a\n1,2,3,")
