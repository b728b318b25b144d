"""From the ESIOS API to the landing table, and out again. `python -m extract` is the command line `esios`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # heavy: only who asks for a frame pays for it
    import pandas as pd


def demand_forecast() -> pd.DataFrame:
    """The published table as a DataFrame: name, id, datetime (UTC), demand_forecast (MW), update_timestamp (UTC).

    One row is one hour of one indicator, ordered by datetime, id. See `extract.export.demand_forecast`.
    """
    from extract.export import demand_forecast as read

    return read()
