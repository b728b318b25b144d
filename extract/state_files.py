"""Small files beside the warehouse: the state that was last reported, the watcher's lock. Names only; no I/O."""

from __future__ import annotations

import hashlib
from pathlib import Path

from extract.settings import ROOT, Settings


def state_file(settings: Settings, suffix: str) -> Path:
    """`esios.duckdb` → `esios.duckdb.<suffix>` beside it; a server's and a lake's go to `warehouse/`, one set each."""
    if settings.target == "duckdb":
        return settings.duckdb_path.with_name(f"{settings.duckdb_path.name}.{suffix}")
    mssql = settings.mssql
    where = (
        settings.lake
        if settings.target == "spark"
        else "\n".join((mssql.server, str(mssql.port), mssql.database, mssql.schema))
    )
    return ROOT / "warehouse" / f"{settings.target}-{hashlib.sha256(where.encode()).hexdigest()[:12]}.{suffix}"
