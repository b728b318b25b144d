"""Every column of the level `usable` works in pandas: the operation matrix, against plain pandas columns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.generate_mixed import write_csv
from optimization.memory import load_csv

ROWS = 1500


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The mixed data set as loaded, and as plain object, float64 and datetime64[ns] columns."""
    path: Path = tmp_path_factory.mktemp("mixed") / "mixed.csv"
    write_csv(path, ROWS)
    loaded = load_csv(path)
    assert isinstance(loaded, pd.DataFrame)
    plain = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""]).astype(object)
    for name in plain:
        kind = kind_of(loaded[name])
        if kind == "number":
            plain[name] = (
                plain[name].astype("float64") if name != "external_id" else pd.to_numeric(plain[name].astype("Int64"))
            )
        elif kind == "moment":
            plain[name] = pd.to_datetime(
                plain[name], dayfirst=name == "birth_date", format="mixed" if name != "birth_date" else "%d/%m/%Y"
            )
        elif kind == "truth":
            plain[name] = plain[name].map({"true": True, "Y": True, "false": False, "N": False})
    return loaded, plain


def kind_of(series: pd.Series) -> str:
    dtype = str(series.dtype).lower()
    if dtype.startswith(("date", "timestamp")):
        return "moment"
    if dtype == "bool[pyarrow]":
        return "truth"
    return "number" if dtype.startswith(("int", "uint", "float")) else "text"


def values(result: Any) -> list[Any]:
    """A result as plain values: gaps None, numbers float, moments Timestamp."""
    items = result.tolist() if isinstance(result, pd.Series | pd.Index) else [result]
    out: list[Any] = []
    for item in items:
        if item is None or item is pd.NA or item is pd.NaT or (isinstance(item, float) and np.isnan(item)):
            out.append(None)
        elif isinstance(item, bool | np.bool_):
            out.append(bool(item))
        elif isinstance(item, int | float | np.number):
            out.append(float(item))
        elif isinstance(item, str | pd.Timedelta):
            out.append(item)
        else:
            out.append(pd.Timestamp(item))
    return out


NUMBERS: dict[str, Callable[[pd.Series], Any]] = {
    "times 5": lambda s: s * 5,
    "minus a number": lambda s: s - 300,
    "divided": lambda s: s / 7,
    "plus a float": lambda s: s + 0.5,
    "compared": lambda s: s.dropna() > 3,
    "sum": lambda s: s.astype("float64").sum(),
    "mean rounded": lambda s: round(float(s.mean()), 3) if s.notna().any() else 0,
    "largest": lambda s: s.max(),
    "smallest": lambda s: s.min(),
    "absolute": lambda s: s.abs(),
    "filled": lambda s: s.fillna(0),
}
TEXTS: dict[str, Callable[[pd.Series], Any]] = {
    "upper": lambda s: s.str.upper(),
    "length": lambda s: s.str.len(),
    "part": lambda s: s.str[1:3],
    "contains": lambda s: s.dropna().str.contains("a", regex=False),
    "split": lambda s: s.str.split(" ", n=1, expand=True)[0],
    "replaced": lambda s: s.str.replace("a", "b", regex=False),
    "equals": lambda s: s.dropna() == "paid",
}
MOMENTS: dict[str, Callable[[pd.Series], Any]] = {
    "year": lambda s: s.dt.year,
    "weekday": lambda s: s.dt.day_of_week,
    "a day later": lambda s: s + pd.Timedelta(days=1),
    "since the first": lambda s: (s - s.min()).dt.days,
    "largest": lambda s: s.max(),
}
TRUTHS: dict[str, Callable[[pd.Series], Any]] = {
    "not": lambda s: ~s.astype("boolean"),
    "sum": lambda s: s.sum(),
    "mean": lambda s: round(float(s.mean()), 9),
    "and": lambda s: s.dropna().astype(bool) & True,
}
ALL: dict[str, Callable[[pd.Series], Any]] = {
    "sorted": lambda s: s.sort_values(),
    "sorted down": lambda s: s.sort_values(ascending=False),
    "different": lambda s: s.nunique(),
    "duplicated": lambda s: s.duplicated(),
    "missing": lambda s: s.isna(),
    "first rows": lambda s: s.head(7),
    "chosen": lambda s: s[s.notna()],
    "is in": lambda s: s.isin(s.dropna().head(5).tolist()),
    "joined on end": lambda s: pd.concat([s, s]),
    "most frequent": lambda s: s.value_counts().iloc[0] if s.notna().any() else 0,
    "shifted": lambda s: s.shift(1),
    "copied": lambda s: s.copy(deep=True),
}
BY_KIND = {"number": NUMBERS, "text": TEXTS, "moment": MOMENTS, "truth": TRUTHS}


@pytest.mark.parametrize("operation", [*NUMBERS, *TEXTS, *MOMENTS, *TRUTHS, *ALL])
def test_an_operation_gives_what_plain_pandas_gives(frames: tuple[pd.DataFrame, pd.DataFrame], operation: str) -> None:
    loaded, plain = frames
    ran = 0
    for name in loaded:
        work = {**ALL, **BY_KIND[kind_of(loaded[name])]}.get(operation)
        if work is None:
            continue
        ran += 1
        got, expected = values(work(loaded[name])), values(work(plain[name]))
        if any(isinstance(item, float) for item in expected):
            assert [g is None for g in got] == [e is None for e in expected], name
            assert [g or 0.0 for g in got] == pytest.approx([e or 0.0 for e in expected], rel=1e-6), name
        else:
            assert got == expected, name
    assert ran > 0


def test_groups_by_every_column_are_those_of_plain_pandas(frames: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    loaded, plain = frames
    for name in loaded:
        got = pd.DataFrame({"key": loaded[name], "n": 1}).groupby("key", observed=True)["n"].sum()
        expected = pd.DataFrame({"key": plain[name], "n": 1}).groupby("key")["n"].sum()
        assert got.tolist() == expected.tolist(), name
        assert values(got.index) == values(expected.index), name


def test_every_column_can_be_summed_up_by_group(frames: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    loaded, plain = frames
    for name in loaded:
        if kind_of(loaded[name]) == "number" and name != "external_id":
            got = loaded.groupby("status", observed=True)[name].mean().astype("float64").tolist()
            assert got == pytest.approx(plain.groupby("status")[name].mean().tolist(), rel=1e-5, nan_ok=True), name


def test_a_merge_on_every_column_finds_the_same_rows(frames: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    loaded, plain = frames

    def matched(frame: pd.DataFrame, name: str) -> list[int]:
        left = pd.DataFrame({"key": frame[name].head(150), "left": range(150)}).dropna()
        right = pd.DataFrame({"key": frame[name].tail(1400).head(150), "right": range(150)}).dropna()
        both = left.merge(right, on="key")
        return sorted((both["left"] * 1000 + both["right"]).tolist())

    for name in loaded:
        assert matched(loaded, name) == matched(plain, name), name


def test_narrow_integers_never_wrap_round_in_silence(frames: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    loaded, _ = frames
    temperature = loaded["temperature"]
    assert str(temperature.dtype) == "int8[pyarrow]"
    assert (temperature + 100).max() == temperature.max() + 100
    assert temperature.sum() == int(temperature.astype("int64").sum())
