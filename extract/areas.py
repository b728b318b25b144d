"""Areas that responses hold and the registry does not name: each is reported once, by name and count. Reads only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from extract import landing
from extract.warehouse import Warehouse

REJECTED = "staging_esios.stg_esios__rejected_values"
# As the macro rejected_because says it.
NOT_REGISTERED = "the area is not registered"
_HOUR = "%Y-%m-%d %H:%M"


@dataclass(frozen=True)
class Area:
    """The entries of one area of one indicator that are in quarantine because the area is not registered."""

    indicator_id: int
    geo_id: int
    name: str | None
    entries: int
    first_utc: datetime | None
    last_utc: datetime | None

    def text(self) -> str:
        """`460 area 8742 (Canarias): 48 entries, 2017-01-01 00:00 … 2017-01-02 23:00 UTC (the area is …)`."""
        named = f" ({self.name})" if self.name else ""
        span = f", {self.first_utc:{_HOUR}} … {self.last_utc:{_HOUR}} UTC" if self.first_utc and self.last_utc else ""
        count = "1 entry" if self.entries == 1 else f"{self.entries} entries"
        return f"{self.indicator_id} area {self.geo_id}{named}: {count}{span} ({NOT_REGISTERED})"


def unregistered_areas(warehouse: Warehouse) -> list[Area]:
    """One for each indicator and area, in order; what a later response has replaced does not count."""
    if not warehouse.exists(REJECTED):
        return []
    sql = (
        "select indicator_id, geo_id, count(*), min(period_start_utc), max(period_start_utc)"
        f" from {warehouse.sql_name(REJECTED)} where rejected_because = ? and is_superseded = 0"
        " group by indicator_id, geo_id order by indicator_id, geo_id"
    )
    found = list(warehouse.rows(sql, (NOT_REGISTERED,)))
    names = {indicator: _names(warehouse, indicator) for indicator in {row[0] for row in found}}
    return [Area(row[0], row[1], names[row[0]].get(row[1]), *row[2:]) for row in found]


def entries_by_hour(warehouse: Warehouse) -> list[tuple[int, datetime, int]]:
    """How many entries of unregistered areas each hour of each indicator has: (indicator, hour in UTC, entries)."""
    if not warehouse.exists(REJECTED):
        return []
    sql = (
        f"select indicator_id, period_start_utc, count(*) from {warehouse.sql_name(REJECTED)}"
        " where rejected_because = ? and period_start_utc is not null group by indicator_id, period_start_utc"
    )
    return list(warehouse.rows(sql, (NOT_REGISTERED,)))


def _names(warehouse: Warehouse, indicator_id: int) -> dict[int, str]:
    """What the newest response calls its areas."""
    newest = f"(select max(extracted_at_utc) from {landing.RESPONSES} where indicator_id = ?)"
    sql = f"select payload from {landing.RESPONSES} where indicator_id = ? and extracted_at_utc = {newest}"
    payloads = [payload for (payload,) in warehouse.rows(sql, (indicator_id, indicator_id))]
    if not payloads:
        return {}
    indicator: Mapping[str, Any] = json.loads(payloads[0])["indicator"]
    places = [*(indicator.get("geos") or ()), *indicator["values"]]
    return {
        place["geo_id"]: str(place["geo_name"])
        for place in places
        if isinstance(place, dict) and isinstance(place.get("geo_id"), int) and place.get("geo_name")
    }
