"""Periods or days in a row that have the same fault, so that they are reported once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]


def stretches(rows: Iterable[Row], same: Callable[[Row], Hashable]) -> list[list[Row]]:
    """Rows in order → lists of them, one for each stretch.

    In a stretch each row starts (`period_start_utc`, naive; None stands alone) where the one before it ends
    (`period_end_utc`), and `same` gives the same of each.
    """
    found: list[list[Row]] = []
    for row in rows:
        before = found[-1][-1] if found else None
        if before is not None and _adjoins(before, row) and same(before) == same(row):
            found[-1].append(row)
        else:
            found.append([row])
    return found


def _adjoins(before: Row, row: Row) -> bool:
    return before["period_end_utc"] is not None and before["period_end_utc"] == row["period_start_utc"]
