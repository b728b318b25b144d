"""Warehouse values → what JSON holds, and hourly series in a small, exact form. Pure."""

from __future__ import annotations

import base64
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from extract.report.clock import day_text, instant_text


def plain(value: Any) -> Any:
    """A warehouse value as JSON holds it: instants and days as texts, numbers as numbers, NaN and infinity as null."""
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return day_text(value)
    if isinstance(value, (float, np.floating, Decimal)):
        return float(value) if np.isfinite(float(value)) else None
    if isinstance(value, np.integer):
        return int(value)
    return value if value is None or isinstance(value, (str, int, bool)) else str(value)


def encode_hours(times: np.ndarray[Any, Any], values: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Hours and values, exact and small: runs of consecutive hours as [first hour since 1970, count], values as base64.

    The values are little-endian float64, in the order of the hours; an instant off the hour counts as its hour.
    """
    hours = times.astype("datetime64[h]").astype(np.int64)
    starts = np.flatnonzero(np.diff(hours, prepend=hours[0] - 2) != 1) if len(hours) else np.array([], dtype=np.int64)
    counts = np.diff(starts, append=len(hours))
    return {
        "runs": [[int(hours[start]), int(count)] for start, count in zip(starts, counts, strict=True)],
        "values": base64.b64encode(values.astype("<f8").tobytes()).decode("ascii"),
    }
