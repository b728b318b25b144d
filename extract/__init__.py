"""From the ESIOS API to the landing table, and out again. `python -m extract` is the command line `esios`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # heavy: only who asks for a frame pays for it
    import datetime as dt
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo

    import pandas as pd

    from extract.cutoffs import Rule


def demand_forecast(
    start: dt.date | str | None = None,
    end: dt.date | str | None = None,
    *,
    as_of: str | dt.datetime | None = None,
    known_before: str | Rule | None = None,
) -> pd.DataFrame:
    """The published table as a DataFrame: name, id, datetime (UTC), demand_forecast (MW), update_timestamp (UTC).

    One row is one hour of one indicator, ordered by datetime, id. Without a cutoff it is the table itself; with `as_of`
    or `known_before` it is what the responses said that had been extracted by then, as `values` gives it.
    `UsageError` where there is no warehouse or no table yet.
    """
    from extract.known_values import demand_forecast_frame
    from extract.registry import default_indicators
    from extract.selection import Selection

    ids = [indicator.id for indicator in default_indicators()]
    return demand_forecast_frame(Selection.of(ids, start, end, as_of=as_of, known_before=known_before))


def values(
    indicators: int | str | Iterable[int | str],
    start: dt.date | str | None = None,
    end: dt.date | str | None = None,
    *,
    areas: int | str | Iterable[int] | None = None,
    as_of: str | dt.datetime | None = None,
    known_before: str | Rule | None = None,
    versions: str = "latest",
    trust_sealing: bool = False,
    wide: bool = False,
    tz: str | ZoneInfo | None = None,
) -> pd.DataFrame:
    """The values of registered indicators, by id or exact name, as they are known, or were known at a cutoff.

    `start`, `end`: whole Madrid days, both included. `areas`: ids [all].
    `as_of`: an instant (naive: UTC), itself included; or `known_before`: a cutoff for each period, `D-1T12:00` (Madrid
    clock, D the Madrid day of the period) or a lead before its start such as `PT24H`.
    `versions`: `latest`, `first` or `all` of what was known.
    `trust_sealing`: the first version of a sealed series counts as known from `sealed_at_utc` on, if that is earlier.

    Long: the columns of `esios_values`, a row a period (with `all`, a version), ordered by indicator, area, period.
    `wide`: indexed by `period_start_utc`, a column `indicator_ID_area_ID` each (`frame.attrs["columns"]` maps them).
    `tz`: instants tz-aware in that zone [naive UTC]; the names of the columns stay.

    Periods not known yet at the cutoff are left out; `frame.attrs["not_known_yet"]` counts them and the warning
    `extract.known_values.NotKnownYet` says so. `UsageError` for anything that is wrongly asked.
    """
    from extract.known_values import values_frame
    from extract.selection import Selection

    selection = Selection.of(
        *(indicators, start, end),
        areas=areas,
        as_of=as_of,
        known_before=known_before,
        versions=versions,
        trust_sealing=trust_sealing,
        wide=wide,
        tz=tz,
    )
    return values_frame(selection)
