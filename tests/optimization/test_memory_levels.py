"""What the three levels take, and what packed and compressed give back."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from benchmarks.generate_mixed import write_csv
from optimization.compact.compressed import expand, squeeze
from optimization.memory import LEVELS, load_csv, load_file, nbytes

ROWS = 20_000
HOTELS = os.environ.get("ESIOS_TEST_HOTELS", "")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mixed") / "mixed.csv"
    write_csv(path, ROWS)
    return path


def test_the_generator_gives_the_same_bytes_each_time(tmp_path: Path) -> None:
    sizes = [write_csv(tmp_path / name, 500) for name in ("a.csv", "b.csv")]
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert sizes[0] == (tmp_path / "a.csv").stat().st_size
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 501
    assert (tmp_path / "a.csv").read_text().splitlines()[0].count(",") == 33


def test_each_level_takes_less_than_the_one_before_and_all_far_less_than_pandas(mixed: Path) -> None:
    taken = [nbytes(load_csv(mixed, level)) for level in LEVELS]
    assert taken[0] > taken[1] > taken[2]
    default = int(pd.read_csv(mixed).memory_usage(deep=True).sum())
    assert taken[0] < 0.5 * default
    assert taken[2] < 0.18 * default


def test_all_levels_give_the_same_values(mixed: Path) -> None:
    usable, packed, compressed = (load_csv(mixed, level) for level in LEVELS)
    assert isinstance(usable, pd.DataFrame)
    assert isinstance(packed, pa.Table)
    whole = compressed.to_pandas()
    for name in usable:
        expected = usable[name].dropna().astype(object).tolist()
        assert compressed.column(name).dtype == usable[name].dtype, name
        assert whole[name].dropna().astype(object).tolist() == expected, name
        assert [value for value in packed.column(name).to_pylist() if value is not None] == expected, name
        frame = packed.select([name]).to_pandas()
        assert frame[name].dropna().astype(object).tolist() == expected, name
        assert frame[name].isna().tolist() == usable[name].isna().tolist(), name


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 6, 7, 8, 20])
def test_items_of_any_width_are_compressed_in_several_pieces(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setattr("optimization.compact.compressed.PIECE", 1 << 18)
    data = np.random.default_rng(1).integers(0, 50, 1_000_000 // width * width).astype(np.uint8)
    squeezed = squeeze(data, width)
    assert squeezed.nbytes < len(data)
    assert np.array_equal(expand(squeezed), data)


def test_nbytes_counts_texts_dictionaries_and_the_index() -> None:
    frame = pd.DataFrame({"t": ["a" * 1000] * 10}, dtype=object)
    assert nbytes(frame) >= 10_000
    coded = pa.table({"t": pa.array(["a" * 1000] * 10).dictionary_encode()})
    assert 1000 < nbytes(coded) < 1200
    named = pd.DataFrame({"n": np.zeros(10, np.int8)}, index=pd.Index([f"row {n}" for n in range(10)]))
    assert nbytes(named) > 10 + 10 * len("row 0")


def test_the_report_says_what_each_column_took_takes_and_why(mixed: Path) -> None:
    loaded = load_file(mixed)
    by_name = {column.name: column for column in loaded.columns}
    text = pd.read_csv(mixed, usecols=["token", "note", "quantity", "created_at"]).astype(
        {"token": object, "note": object, "created_at": object}
    )
    for name in ("token", "quantity", "created_at", "note"):
        assert by_name[name].before == pytest.approx(text[name].memory_usage(index=False, deep=True), rel=0.02), name
    assert by_name["zip"].why == "almost every text is different"
    assert by_name["quantity"].why == "whole numbers 1 … 12"
    assert sum(column.after for column in loaded.columns) == pytest.approx(nbytes(loaded.result), abs=200)


def test_lossy_steps_are_taken_only_when_named_and_give_their_largest_error(mixed: Path) -> None:
    exact, lossy = load_csv(mixed), load_file(mixed, allow=["float32", "seconds"])
    error = (exact["latitude"] - lossy.result["latitude"].astype("float64")).abs().max()
    assert 0 < error < 1e-5
    assert f"float32, largest error {error:.3g}" in next(c.why for c in lossy.columns if c.name == "latitude")
    assert str(lossy.result["latitude"].dtype) == "float32"
    assert str(lossy.result["paid_at"].dtype) == "datetime64[s]"
    assert any("paid_at" in note and "0.999 s" in note for note in lossy.notes)
    rounded = load_csv(mixed, "packed", allow=["decimals=1"])
    assert (
        max(abs(a - b) for a, b in zip(rounded["score"].to_pylist(), exact["score"].tolist(), strict=True))
        <= 0.05 + 1e-12
    )


@pytest.mark.skipif(not HOTELS, reason="ESIOS_TEST_HOTELS does not name the hotels CSV")
@pytest.mark.parametrize(("level", "most"), [("usable", 21e6), ("packed", 9.3e6), ("compressed", 1e6)])
def test_the_hotels_take_what_was_promised(tmp_path: Path, level: str, most: float) -> None:
    header, _, rows = Path(HOTELS).read_bytes().partition(b"\n")
    path = tmp_path / "dataset_memory_optimization.csv"
    path.write_bytes(header + b"\n" + rows * 256)
    loaded = load_file(path, level)
    assert loaded.encoding == "windows-1252"
    assert loaded.rows == 417_536
    assert nbytes(loaded.result) <= most
