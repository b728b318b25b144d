"""Small files joined, old ones deleted: what a lake needs now and then. Every step is whole or absent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from extract.settings import Settings
from extract.warehouse.lake_lock import only_join
from extract.warehouse.lake_storage import LakeStorage, WrittenMeanwhile
from extract.warehouse.tables import TableName

if TYPE_CHECKING:
    from deltalake import DeltaTable, WriterProperties

# What a reader of payloads holds at once, compressed: 20 responses of a quarter of hours.
_ROW_GROUP_BYTES = 1 << 20
_LARGEST_ROW_GROUP = 1 << 20
_TRIES = 5


class Upkeep:
    """The lake that `settings` name. Errors as the connector's."""

    def __init__(self, settings: Settings) -> None:
        self.storage = LakeStorage(settings)
        self._settings = settings

    def count_files(self, table: TableName) -> int:
        """The files of the newest version."""
        snapshot = self.storage.find(table)
        return 0 if snapshot is None else len(snapshot.file_uris())

    def join_small_files(self, table: TableName, up_to_bytes: int | None = None, *, wait: bool = False) -> bool:
        """Compact a table into files of about `up_to_bytes` (100 MB).

        False where another process joins files, to `wait` for as for any lock, or rewrote these ones at each try.
        """
        with only_join(self._settings, self._settings.warehouse_wait_s if wait else 0.0) as is_ours:
            return is_ours and self._join(table, up_to_bytes)

    def _join(self, table: TableName, up_to_bytes: int | None) -> bool:
        for _ in range(_TRIES):
            snapshot = self.storage.find(table)
            if snapshot is None:
                return True
            try:
                with self.storage.translating(table):
                    snapshot.optimize.compact(target_size=up_to_bytes, writer_properties=_row_groups(snapshot))
            except WrittenMeanwhile:
                continue
            return True
        return False

    def delete_old_files(self, table: TableName) -> int:
        """Delete what only versions older than the setting need, and what killed processes left; how many files.

        A file that an extract is just writing is younger than an hour, the least that the setting takes.
        """
        snapshot = self.storage.find(table)
        if snapshot is None:
            return 0
        with self.storage.translating(table):
            return len(
                snapshot.vacuum(
                    retention_hours=math.ceil(self._settings.lake_keep_h),
                    dry_run=False,
                    enforce_retention_duration=False,
                    full=True,
                )
            )


def _row_groups(snapshot: DeltaTable) -> WriterProperties:
    """Row groups by size: a reader holds whole ones, and a million payloads are too many."""
    import pyarrow as pa
    from deltalake import WriterProperties

    actions = pa.table(snapshot.get_add_actions(flatten=True))
    size, rows = (sum(filter(None, actions[name].to_pylist())) for name in ("size_bytes", "num_records"))
    wanted = _ROW_GROUP_BYTES * rows // max(size, 1)
    return WriterProperties(
        compression="ZSTD",
        max_row_group_size=min(max(wanted, 16), _LARGEST_ROW_GROUP),
        statistics_truncate_length=64,  # else the smallest and the largest payload stand in the footer as well
    )
