"""`shrink` for DataFrames of every dtype, and results that are kept and loaded back."""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from benchmarks.generate_mixed import write_csv
from optimization.compact.plan import Plan
from optimization.files import BadInput
from optimization.memory import LEVELS, load, load_csv, nbytes, save, shrink

N = 400


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    towns = np.array(["Ávila", "Burgos", "Cádiz"], dtype=object)[rng.integers(0, 3, N)]
    gaps = towns.copy()
    gaps[::7] = None
    columns = pd.DataFrame(
        {
            "int64": rng.integers(-100, 100, N),
            "big": rng.integers(0, 2**63 - 1, N),
            "uint64": rng.integers(0, 2**64 - 1, N, dtype=np.uint64),
            "Int64": pd.array([None if n % 5 == 0 else n for n in range(N)], dtype="Int64"),
            "float64": rng.normal(size=N),
            "halves": rng.integers(0, 10, N) / 2,
            "prices": np.where(rng.random(N) < 0.1, np.nan, np.round(rng.random(N) * 100, 2)),
            "float32": rng.normal(size=N).astype("float32"),
            "minus zero": np.where(rng.random(N) < 0.5, -0.0, 1.5),
            "infinite": np.where(rng.random(N) < 0.5, np.inf, 1.5),
            "bool": rng.random(N) < 0.5,
            "boolean": pd.array([None if n % 3 == 0 else n % 2 == 0 for n in range(N)], dtype="boolean"),
            "object text": pd.Series(towns, dtype=object),
            "object gaps": pd.Series(gaps, dtype=object),
            "str": pd.Series(towns, dtype="str"),
            "arrow text": pd.Series([f"unique text {n}" for n in range(N)], dtype="string[pyarrow]"),
            "category": pd.Categorical(towns, categories=["Cádiz", "Ávila", "Burgos", "unused"], ordered=True),
            "moment": pd.date_range("2020-01-01", periods=N, freq="h"),
            "zoned": pd.date_range("2020-03-28", periods=N, freq="h", tz="Europe/Madrid"),
            "delta": pd.to_timedelta(np.arange(N), unit="s"),
            "period": pd.period_range("2020-01", periods=N, freq="D"),
            "day": pd.Series([datetime.date(2020, 1, 1) + datetime.timedelta(days=n) for n in range(N)], dtype=object),
            "decimal": pd.Series([decimal.Decimal("1.10")] * N, dtype=object),
            "mixed": pd.Series([1, "one", None, 1.5] * (N // 4), dtype=object),
            "empty": pd.Series([None] * N, dtype=object),
        }
    )
    columns.index = pd.Index([f"row {n}" for n in range(N)], name="key")
    return columns


def assert_same(before: pd.DataFrame, after: pd.DataFrame) -> None:
    assert after.index.equals(before.index)
    assert after.index.name == before.index.name
    assert list(after.columns) == list(before.columns)
    for name in before:
        assert after[name].isna().tolist() == before[name].isna().tolist(), name
        assert after[name].dropna().astype(object).tolist() == before[name].dropna().astype(object).tolist(), name


def test_usable_keeps_values_index_and_names_of_every_dtype_and_the_input(frame: pd.DataFrame) -> None:
    copy = frame.copy(deep=True)
    small = shrink(frame)
    pd.testing.assert_frame_equal(frame, copy)
    assert_same(frame, small)
    assert nbytes(small) < nbytes(frame)
    kinds = {name: str(small[name].dtype) for name in small}
    assert kinds["int64"] == "int8[pyarrow]"
    assert kinds["halves"] == "float32"
    assert kinds["object text"] == kinds["str"] == "category"
    assert kinds["period"] == "period[D]"
    assert small["category"].cat.ordered
    assert small["category"].cat.categories.tolist() == ["Cádiz", "Ávila", "Burgos", "unused"]
    assert np.signbit(small["minus zero"].to_numpy()).tolist() == np.signbit(frame["minus zero"].to_numpy()).tolist()


@pytest.mark.parametrize("level", ["packed", "compressed"])
def test_packed_and_compressed_give_the_same_values_back(frame: pd.DataFrame, level: str) -> None:
    frame = frame.drop(columns=["mixed"])
    small = shrink(frame, level)
    assert nbytes(small) < nbytes(frame)
    assert_same(frame, small.to_pandas())


def test_values_that_arrow_cannot_hold_are_named(frame: pd.DataFrame) -> None:
    with pytest.raises(BadInput, match=r"column 'mixed' \(object\) holds values that no Arrow type has"):
        shrink(frame, "packed")


def test_names_that_occur_twice_are_kept_at_usable() -> None:
    twice = pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"])
    assert shrink(twice).to_numpy().tolist() == [[1, 2], [3, 4]]
    with pytest.raises(BadInput, match="column names occur twice"):
        shrink(twice, "packed")


def test_an_empty_frame_and_something_else() -> None:
    assert shrink(pd.DataFrame()).shape == (0, 0)
    gaps = pd.DataFrame({"a": pd.Series([None] * 400, dtype="str"), "b": range(400)})
    assert all(shrink(gaps, level).to_pandas()["a"].isna().all() for level in ("packed", "compressed"))
    assert shrink(pd.DataFrame({"a": []}), "compressed").to_pandas().shape == (0, 1)
    with pytest.raises(BadInput, match="shrink takes a DataFrame, not list"):
        shrink([1, 2])  # type: ignore[arg-type]


@pytest.mark.parametrize("ending", [".parquet", ".feather"])
@pytest.mark.parametrize("level", LEVELS)
def test_a_result_is_kept_and_loads_back_to_the_same_types(tmp_path: Path, level: str, ending: str) -> None:
    write_csv(tmp_path / "in.csv", 2000)
    result = load_csv(tmp_path / "in.csv", level)
    save(result, tmp_path / f"optimized{ending}")
    back = load(tmp_path / f"optimized{ending}")
    assert type(back) is type(result)
    assert nbytes(back) == pytest.approx(nbytes(result), rel=0.05)
    if isinstance(result, pd.DataFrame):
        pd.testing.assert_frame_equal(back, result)
        assert back.attrs == result.attrs
    elif isinstance(result, pa.Table):
        assert back.schema.types == result.schema.types
        assert back.to_pylist() == result.to_pylist()
    else:
        pd.testing.assert_frame_equal(back.to_pandas(), result.to_pandas())
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(BadInput, match="was not written by this program"):
        load(tmp_path / "other.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    with pytest.raises(BadInput, match="no parquet file"):
        load(tmp_path / "bad.parquet")


def an_ordered_category() -> pd.Series:
    words = ["low", "mid", "high"]
    return pd.Series(pd.Categorical(words * 50, categories=[*words, "never"], ordered=True))


@pytest.mark.parametrize("level", LEVELS)
def test_a_category_keeps_its_categories_and_their_order(level: str) -> None:
    frame = pd.DataFrame({"ordered": an_ordered_category(), "plain": pd.Categorical(["b", "a", "b"] * 50)})
    back = shrink(frame, level)
    back = back if level == "usable" else back.to_pandas()
    for name in frame:
        assert back[name].dtype == frame[name].dtype
        assert back[name].tolist() == frame[name].tolist()


@pytest.mark.parametrize("level", ["packed", "compressed"])
def test_a_category_that_lost_its_order_is_seen(monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    frame = pd.DataFrame({"ordered": an_ordered_category()})
    bare = pa.Array.from_pandas(frame["ordered"])
    unordered = pa.DictionaryArray.from_arrays(bare.indices, bare.dictionary)
    monkeypatch.setattr("optimization.compact.frames._packed", lambda *_: (unordered, Plan("ordered", "kept"), ""))
    with pytest.raises(BadInput, match=r"column 'ordered' .* does not come back the same"):
        shrink(frame, level)


ODD = {
    "ints beyond 64 bits": [2**70, 1] * 20,
    "texts and numbers": [1, "1", 1.0, None] * 10,
    "texts and bytes": ["a", b"a"] * 20,
    "dates and moments": [datetime.date(2020, 1, 1)] * 150 + [datetime.datetime(2020, 1, 1, 5)] * 10,
    "lone surrogates": ["\ud800", "a"] * 20,
    "truth and numbers": [True, 1] * 20,
    "complex numbers": [1j, 2.0] * 20,
    "classes": [int, str] * 20,
    "sets": [{1}, {2}] * 20,
}


@pytest.mark.parametrize("kind", ODD)
def test_what_arrow_cannot_hold_is_kept_as_it_is_or_refused_by_column(kind: str) -> None:
    frame = pd.DataFrame({"odd": pd.Series(ODD[kind], dtype=object)})
    kept = shrink(frame)["odd"].tolist()
    assert [(type(one), one) for one in kept] == [(type(one), one) for one in ODD[kind]]
    for level in ("packed", "compressed"):
        with pytest.raises(BadInput, match=r"column 'odd' \(object\) .*use level='usable', or convert it first"):
            shrink(frame, level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "values",
    [[[1], [2, 3]] * 20, pd.interval_range(0, 40), [{"a": 1}, {"a": 2}] * 20, [decimal.Decimal("1.10")] * 40],
    ids=["lists", "intervals", "dicts", "decimals"],
)
def test_nested_values_and_intervals_come_back(level: str, values: Any) -> None:
    frame = pd.DataFrame({"x": pd.Series(values)})
    back = shrink(frame, level)
    back = back if level == "usable" else back.to_pandas()
    found = [list(one) if isinstance(one, np.ndarray) else one for one in back["x"].tolist()]
    assert found == frame["x"].tolist()


def test_nan_beside_a_gap_is_kept_or_refused() -> None:
    numbers = pd.arrays.FloatingArray(np.array([np.nan, 1.0] * 20), np.array([False, True] * 20))
    frame = pd.DataFrame({"x": numbers})
    kept = shrink(frame)["x"]
    assert kept.isna().tolist() == [False, True] * 20
    assert np.isnan(kept.iloc[0])
    for level in ("packed", "compressed"):
        with pytest.raises(BadInput, match="does not come back the same"):
            shrink(frame, level)


@pytest.mark.parametrize("level", ["packed", "compressed"])
def test_names_that_arrow_does_not_have_are_refused_or_said(level: str) -> None:
    several = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")]))
    with pytest.raises(BadInput, match="column names of several levels"):
        shrink(several, level)
    with pytest.warns(UserWarning, match="column names become text: 0, 1"):
        assert list(shrink(pd.DataFrame([[1, 2]]), level).to_pandas().columns) == ["0", "1"]
