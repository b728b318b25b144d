"""Hours in a row that have the same fault, so that people are told of them once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

HOUR = timedelta(hours=1)
Row = Mapping[str, Any]


def in_a_row(rows: Iterable[Row], at: str, same: Callable[[Row], Hashable]) -> list[list[Row]]:
    """Rows in order → lists of them, one for each stretch.

    In a stretch each row lies an hour after the one before it (`at`: the column with the naive UTC hour; None stands
    alone) and `same` gives the same of each.
    """
    stretches: list[list[Row]] = []
    for row in rows:
        before = stretches[-1][-1] if stretches else None
        if before is not None and _follows(before[at], row[at]) and same(before) == same(row):
            stretches[-1].append(row)
        else:
            stretches.append([row])
    return stretches


def _follows(before: datetime | None, moment: datetime | None) -> bool:
    return before is not None and moment is not None and moment - before == HOUR
