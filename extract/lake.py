"""The lake verb: upkeep of the Delta tables, safe while extracts and builds go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from extract.counted import counted
from extract.errors import UsageError
from extract.settings import Settings
from extract.warehouse import RAW_SCHEMA, TableName
from extract.warehouse.lake_lock import only_dbt_run
from extract.warehouse.lake_upkeep import Upkeep


@dataclass(frozen=True)
class Optimized:
    """What was done with one table: its files before and after, and how many old ones were deleted."""

    table: str
    files_before: int
    files_after: int
    files_deleted: int

    def text(self) -> str:
        """For people."""
        before = counted(self.files_before, "file")
        return f"{self.table}: {before} → {self.files_after}, {self.files_deleted} old ones deleted"


def optimize(settings: Settings, say: Callable[[str], None]) -> list[Optimized]:
    """Join the small files of every table and delete what only versions older than `settings.lake_keep_h` need.

    Extracts go on meanwhile. What dbt builds is left alone while dbt builds: whether a MERGE notices that its rows have
    moved depends on the Spark; so this waits for it as a second dbt run does. A table that another process rewrites
    meanwhile, or whose files it joins, is left for the next time, and `say` says so. `UsageError` where the warehouse
    is not a lake.
    """
    if settings.target != "spark":
        raise UsageError(f"ESIOS_TARGET is {settings.target}, which has no lake", "set ESIOS_TARGET=spark")
    upkeep = Upkeep(settings)
    tables = upkeep.storage.tables()
    done = [_optimize(upkeep, table, say) for table in tables if table.schema == RAW_SCHEMA]
    built = [table for table in tables if table.schema != RAW_SCHEMA]
    if built:
        with only_dbt_run(settings):
            done += [_optimize(upkeep, table, say) for table in built]
    return done


def _optimize(upkeep: Upkeep, table: TableName, say: Callable[[str], None]) -> Optimized:
    before = upkeep.count_files(table)
    if not upkeep.join_small_files(table, wait=True):
        say(f"{table}: another process joins files or rewrites it; left for the next time")
    deleted = upkeep.delete_old_files(table)
    return Optimized(str(table), before, upkeep.count_files(table), deleted)
