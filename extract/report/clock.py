"""UTC instants ↔ Madrid days, for whole columns, and how both are written on the page. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from extract.windows import MADRID


def madrid_days(times: np.ndarray[Any, Any]) -> pd.Series[Any]:
    """The Madrid day (datetime.date) of each UTC instant."""
    index = pd.DatetimeIndex(times.astype("datetime64[s]")).tz_localize("UTC").tz_convert("Europe/Madrid")
    # Cheap for ten years of hours: a date object is made once a day, not once an hour.
    midnights, codes = np.unique(index.tz_localize(None).to_numpy().astype("datetime64[D]"), return_inverse=True)
    return pd.Series(midnights.astype(object)[codes] if len(midnights) else [], dtype="object")


def instant_text(instant: Any) -> str:
    """A naive UTC instant as `yyyy-mm-ddThh:mm:ssZ`."""
    return pd.Timestamp(instant).strftime("%Y-%m-%dT%H:%M:%SZ")


def madrid_text(instant: datetime) -> str:
    """A naive UTC instant as Madrid shows it: `yyyy-mm-dd hh:mm +01:00`."""
    local = instant.replace(tzinfo=UTC).astimezone(MADRID)
    offset = local.strftime("%z")
    return f"{local:%Y-%m-%d %H:%M} {offset[:3]}:{offset[3:]}"


def day_text(day: Any) -> str:
    """A day as `yyyy-mm-dd`."""
    return f"{day:%Y-%m-%d}"
