"""Versions of one area of one indicator → its curve, week, revisions and what was said when, for the page. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from extract.report.clock import day_text, instant_text, madrid_days
from extract.report.payload import encode_periods, plain

LARGEST_REVISIONS = 15
# Versions of revised periods: so many of them, the newest, keep the page light.
REVISED_SHOWN = 5_000
PATTERN_WEEKS = 52
HOUR = np.timedelta64(1, "h")


def curve(versions: pd.DataFrame) -> dict[str, Any]:
    """Newest values, exact; when each period was first known; and of revised ones every version.

    `versions` has start, end, known (datetime64, UTC), value (float64), in order of start and version.
    """
    newest = versions.drop_duplicates("start", keep="last")
    first = versions.drop_duplicates("start", keep="first")
    values = newest["value"].dropna()
    return {
        "rows": len(newest),
        "first": instant_text(newest["start"].iloc[0]),
        "last": instant_text(newest["start"].iloc[-1]),
        "minimum": plain(values.min()),
        "maximum": plain(values.max()),
        "mean": plain(values.mean()),
        "periods": encode_periods(
            newest["start"].to_numpy(), newest["end"].to_numpy(), newest["value"].to_numpy(dtype=np.float64)
        ),
        "known": _known(first["known"].to_numpy()),
        "said": _said(versions),
    }


def _known(known: np.ndarray[Any, Any]) -> list[list[Any]]:
    """When each period was first known, run by run: [count, instant]."""
    seconds = known.astype("datetime64[s]")
    starts = np.flatnonzero(np.r_[True, seconds[1:] != seconds[:-1]])
    counts = np.diff(starts, append=len(seconds))
    return [[int(count), instant_text(seconds[n])] for n, count in zip(starts, counts, strict=True)]


def _said(versions: pd.DataFrame) -> dict[str, list[list[Any]]]:
    """Of each revised period every version: {start in seconds since 1970: [[known from, value], …]}."""
    revised = versions[versions.duplicated("start", keep=False)]
    newest = revised["start"].drop_duplicates().nlargest(REVISED_SHOWN)
    said: dict[str, list[list[Any]]] = {}
    shown = revised[revised["start"].isin(newest)]
    seconds = shown["start"].to_numpy().astype("datetime64[s]").astype(np.int64)
    for start, known, value in zip(seconds, shown["known"], shown["value"], strict=True):
        said.setdefault(str(start), []).append([instant_text(known), plain(value)])
    return said


def revisions(versions: pd.DataFrame) -> dict[str, Any]:
    """How many periods were given another value by a later response, per Madrid day, and the largest changes."""
    before = versions.groupby("start", sort=False)["value"].shift()
    changes = versions.assign(before=before, change=(versions["value"] - before).abs()).dropna(subset="change")
    days = []
    if len(changes):
        by_day = changes.groupby(madrid_days(changes["start"].to_numpy()).to_numpy())
        for day, rows in by_day:
            days.append(
                {
                    "day": day_text(day),
                    "hours": int(rows["start"].nunique()),
                    "changes": len(rows),
                    "mean_change": plain(rows["change"].mean()),
                    "largest_change": plain(rows["change"].max()),
                }
            )
    largest = changes.sort_values(["change", "start", "known"], ascending=[False, True, True]).head(LARGEST_REVISIONS)
    return {
        "hours": int(changes["start"].nunique()),
        "changes": len(changes),
        "largest_change": plain(changes["change"].max()) if len(changes) else None,
        "days": days,
        "largest": [
            {
                "hour": instant_text(row.start),
                "before": plain(row.before),
                "after": plain(row.value),
                "at": instant_text(row.known),
            }
            for row in largest.itertuples(index=False)
        ],
    }


def week(versions: pd.DataFrame) -> dict[str, Any] | None:
    """The week's pattern: per hour of the Madrid week (0 = Monday 00h … 167), median and 10–90 % band; the last week.

    From the 52 weeks up to the newest period; None where periods are longer than an hour. The last week is the seven
    whole Madrid days before the newest one.
    """
    newest = versions.drop_duplicates("start", keep="last")
    if (newest["end"] - newest["start"]).max() > pd.Timedelta(HOUR):
        return None
    last = newest["start"].iloc[-1]
    recent = newest[newest["start"] > last - timedelta(weeks=PATTERN_WEEKS)].dropna(subset="value")
    local = recent["start"].dt.tz_localize("UTC").dt.tz_convert("Europe/Madrid")
    hour_of_week = local.dt.day_of_week * 24 + local.dt.hour
    band = recent["value"].groupby(hour_of_week).quantile([0.1, 0.5, 0.9]).unstack().reindex(range(168))
    last_day = (last + timedelta(hours=1)).tz_localize("UTC").tz_convert("Europe/Madrid").normalize()
    in_last_week = (local >= last_day - pd.DateOffset(days=7)) & (local < last_day)
    last_week = recent["value"][in_last_week].groupby(hour_of_week[in_last_week]).mean().reindex(range(168))
    return {
        "from": instant_text(recent["start"].iloc[0]) if len(recent) else None,
        "to": instant_text(last),
        "p10": [plain(value) for value in band[0.1]],
        "median": [plain(value) for value in band[0.5]],
        "p90": [plain(value) for value in band[0.9]],
        "last_week_from": day_text((last_day - pd.DateOffset(days=7)).date()),
        "last_week_to": day_text((last_day - pd.DateOffset(days=1)).date()),
        "last_week": [plain(value) for value in last_week],
    }
