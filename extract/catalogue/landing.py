"""The catalogue as it was fetched → `raw_esios.catalogue_entries`; a convenience that no verb depends on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from extract import landing
from extract.api import Response
from extract.catalogue.entries import Entry
from extract.errors import EsiosError
from extract.settings import Settings
from extract.warehouse import Warehouse, connect

ENTRIES = "raw_esios.catalogue_entries"
# No command waits for the catalogue: the next one that needs it lands it.
WAIT_S = 2.0
_COLUMNS = ("name", "short_name", "description")


def keep_catalogue(
    settings: Settings, response: Response, catalogue: Sequence[Entry], now_utc: datetime, say: Callable[[str], None]
) -> bool:
    """Write the catalogue into the warehouse if there is one that can be written; whether it did.

    Never makes a DuckDB file, and never fails: `say` gets a line where a warehouse that is there could not take it.
    """
    if not settings.may_be_there:
        return False
    try:
        with connect(
            replace(settings, warehouse_wait_s=min(WAIT_S, settings.warehouse_wait_s)), create=False
        ) as opened:
            land_catalogue(opened, response.source, catalogue, now_utc)
    except (EsiosError, OSError) as error:
        reason = error.message if isinstance(error, EsiosError) else str(error)
        say(f"the catalogue was not kept in the warehouse ({reason})")
        return False
    return True


def land_catalogue(warehouse: Warehouse, source: str, catalogue: Sequence[Entry], now_utc: datetime) -> None:
    """Make the table say what this catalogue says, in one transaction; changed rows only, and when it was fetched.

    `UsageError` where the warehouse's rows come from another source.
    """
    warehouse.ensure_schema()
    new = {entry.id: (entry.title, entry.short_name, entry.description) for entry in catalogue}

    def work() -> None:
        with warehouse.lock(landing.LOCK, landing.SOURCE, ENTRIES):
            landing.claim_source(warehouse, source)
            listed = warehouse.rows(f"select indicator_id, {', '.join(_COLUMNS)}, fetched_at_utc from {ENTRIES}")
            old = {indicator_id: (tuple(texts), at) for indicator_id, *texts, at in listed}
            # In this order: all are as fetched now, but what has left the catalogue, and what is new or different.
            warehouse.execute(f"update {warehouse.for_update(ENTRIES)} set fetched_at_utc = ?", (now_utc,))
            _update(warehouse, ("fetched_at_utc",), {i: (at,) for i, (_, at) in old.items() if i not in new})
            _update(warehouse, _COLUMNS, {i: new[i] for i in new if i in old and old[i][0] != new[i]})
            warehouse.append(
                ENTRIES,
                [
                    {"indicator_id": i, **dict(zip(_COLUMNS, texts, strict=True)), "fetched_at_utc": now_utc}
                    for i, texts in new.items()
                    if i not in old
                ],
            )

    warehouse.atomically(work)


def _update(warehouse: Warehouse, columns: Sequence[str], rows: Mapping[int, Sequence[Any]]) -> None:
    """Set these columns of these indicators, each to its own values."""
    if rows:
        settings = ", ".join(f"{column} = ?" for column in columns)
        sql = f"update {warehouse.for_update(ENTRIES)} set {settings} where indicator_id = ?"
        warehouse.execute_many(sql, [(*values, i) for i, values in rows.items()])
