"""`shrink` for DataFrames of every dtype, and results that are kept and loaded back."""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from benchmarks.generate_mixed import write_csv
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
