"""Warehouse values → what JSON holds, and series in a small, exact form. Pure."""

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


def encode_periods(
    starts: np.ndarray[Any, Any], ends: np.ndarray[Any, Any], values: np.ndarray[Any, Any]
) -> dict[str, Any]:
    """Periods and values, exact and small: runs of adjoining periods of one length, and the values as base64.

    `runs`: [first start in seconds since 1970, count, seconds a period]; `values`: little-endian float64, in order.
    """
    first = starts.astype("datetime64[s]").astype(np.int64)
    last = ends.astype("datetime64[s]").astype(np.int64)
    lengths = last - first
    is_new = np.ones(len(first), dtype=bool)
    is_new[1:] = (first[1:] != last[:-1]) | (lengths[1:] != lengths[:-1])
    at = np.flatnonzero(is_new)
    counts = np.diff(at, append=len(first))
    return {
        "runs": [[int(first[n]), int(count), int(lengths[n])] for n, count in zip(at, counts, strict=True)],
        "values": base64.b64encode(values.astype("<f8").tobytes()).decode("ascii"),
    }
