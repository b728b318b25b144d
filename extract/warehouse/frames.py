"""Streamed rows → a DataFrame whose dtypes depend on the values alone, not on the engine. No I/O of its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pandas as pd

from extract.warehouse.tables import Rows


def frame(rows: Rows) -> pd.DataFrame:
    """All the rows as a DataFrame; see `Warehouse.query` for the dtypes. Columns may share a name."""
    tuples = list(rows)
    columns = list(zip(*tuples, strict=True)) or [()] * len(rows.columns)
    made = pd.DataFrame({at: _series(values) for at, values in enumerate(columns)})
    made.columns = pd.Index(list(rows.columns))
    return made


def _series(values: Sequence[Any]) -> pd.Series[Any]:
    types = {type(value) for value in values}
    missing = type(None) in types
    types.discard(type(None))
    if types == {int}:
        try:
            return pd.Series(values, dtype="Int64" if missing else "int64")
        except OverflowError:
            return pd.Series(values, dtype="object")
    if types == {bool}:
        return pd.Series(values, dtype="boolean" if missing else "bool")
    if types == {float}:
        return pd.Series(values, dtype="float64")
    if types == {str}:
        return pd.Series(values, dtype="str")
    if types == {dt.datetime} and len({value.tzinfo for value in values if value is not None}) == 1:
        zone = next(value.tzinfo for value in values if value is not None)
        return pd.Series(values, dtype="datetime64[us]" if zone is None else "datetime64[us, UTC]")
    return pd.Series(values, dtype="object")
