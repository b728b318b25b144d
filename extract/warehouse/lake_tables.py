"""Which tables lie in a lake."""

from __future__ import annotations

from pathlib import Path

from extract.settings import Settings


def tables_in_lake(settings: Settings) -> list[tuple[str, str]]:
    """(schema, table) of each Delta table below the lake."""
    return sorted((log.parts[-3], log.parts[-2]) for log in Path(settings.lake).glob("*/*/_delta_log"))
