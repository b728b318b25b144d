"""The indicators verb: what is registered, and, where there is a warehouse, what of it is landed and newest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from extract import landing
from extract.errors import EsiosError
from extract.registry import Indicator, registry
from extract.settings import Settings
from extract.warehouse import Warehouse, connect

VALUES = "esios_values"
_MINUTE = "%Y-%m-%d %H:%M"
_HEADER = ("id", "role", "unit", "cadence", "areas", "landed (UTC)", "newest (UTC)", "name")


@dataclass(frozen=True)
class Newest:
    """The value of the latest period of one area. `period_start_utc` is naive UTC."""

    geo_id: int
    period_start_utc: datetime
    value: float


@dataclass(frozen=True)
class Listed:
    """One registered indicator. `span`: first landed instant and the first one after the last, naive UTC."""

    indicator: Indicator
    span: tuple[datetime, datetime] | None = None
    newest: Newest | None = None

    def document(self) -> dict[str, Any]:
        """For programs."""
        one = self.indicator
        return {
            "id": one.id,
            "name": one.name,
            "role": one.role,
            "kind": one.kind,
            "unit": one.unit,
            "areas": "all" if one.areas is None else list(one.areas),
            "cadence": [
                {"from": str(span.from_day) if number else None, "cadence": span.cadence}
                for number, span in enumerate(one.cadences)
            ],
            "landed_from_utc": self.span[0] if self.span else None,
            "landed_until_utc": self.span[1] if self.span else None,
            "newest": vars(self.newest) if self.newest else None,
        }

    def cells(self) -> tuple[str, ...]:
        """For people: one text a column."""
        one, span, newest = self.indicator, self.span, self.newest
        return (
            str(one.id),
            one.role,
            one.unit,
            ", ".join(f"from {s.from_day} {s.cadence}" if n else s.cadence for n, s in enumerate(one.cadences)),
            "all" if one.areas is None else ",".join(map(str, one.areas)),
            f"{span[0]:{_MINUTE}} … {span[1] - timedelta(minutes=1):{_MINUTE}}" if span else "-",
            f"{newest.period_start_utc:{_MINUTE}}  {newest.value:g}" if newest else "-",
            one.name,
        )


def registered(settings: Settings, say: Callable[[str], None]) -> list[Listed]:
    """Every registered indicator, in the registry's order.

    Without a warehouse, or with one that cannot be read (`say` gets a line), nothing is known to be landed.
    `UsageError` where the registry's file is wrong.
    """
    known = registry()
    if not settings.may_be_there:
        return [Listed(indicator) for indicator in known]
    try:
        with connect(settings, read_only=True) as warehouse:
            spans, newest = _spans(warehouse), _newest(warehouse, known)
    except EsiosError as error:
        say(f"what is landed is not shown ({error.message})")
        spans, newest = {}, {}
    return [Listed(indicator, spans.get(indicator.id), newest.get(indicator.id)) for indicator in known]


def table(listed: Sequence[Listed]) -> str:
    """The list as text in columns, a line each, under a header."""
    rows = [_HEADER, *(one.cells() for one in listed)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _spans(warehouse: Warehouse) -> dict[int, tuple[datetime, datetime]]:
    if not warehouse.exists(landing.CHECKS):
        return {}
    sql = f"select indicator_id, min(window_start_utc), max(window_end_utc) from {landing.CHECKS} group by indicator_id"
    return {indicator_id: (start, end) for indicator_id, start, end in warehouse.rows(sql)}


def _newest(warehouse: Warehouse, known: Sequence[Indicator]) -> dict[int, Newest]:
    """The value of each indicator's latest period, of its first registered area that has one."""
    if not warehouse.exists(VALUES):
        return {}
    values = warehouse.sql_name(VALUES)
    sql = (
        f"select v.indicator_id, v.geo_id, v.period_start_utc, v.value from {values} as v"
        f" inner join (select indicator_id, max(period_start_utc) as latest_utc from {values} group by indicator_id)"
        " as n on v.indicator_id = n.indicator_id and v.period_start_utc = n.latest_utc"
        " order by v.indicator_id, v.geo_id"
    )
    order = {indicator.id: indicator.areas or () for indicator in known}
    found: dict[int, Newest] = {}
    for indicator_id, geo_id, at, value in warehouse.rows(sql):
        areas = order.get(indicator_id, ())
        before = found.get(indicator_id)
        if before is None or (geo_id in areas and _place(areas, geo_id) < _place(areas, before.geo_id)):
            found[indicator_id] = Newest(geo_id, at, value)
    return found


def _place(areas: Sequence[int], geo_id: int) -> int:
    return areas.index(geo_id) if geo_id in areas else len(areas)
