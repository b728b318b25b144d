"""Hours or days in a row that have the same fault, so that people are told of them once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import date, timedelta
from typing import Any

HOUR = timedelta(hours=1)
Row = Mapping[str, Any]


def in_a_row(rows: Iterable[Row], at: str, same: Callable[[Row], Hashable], step: timedelta = HOUR) -> list[list[Row]]:
    """Rows in order → lists of them, one for each stretch.

    In a stretch each row lies a `step` after the one before it (`at`: the column with the naive UTC hour, or the day;
    None stands alone) and `same` gives the same of each.
    """
    stretches: list[list[Row]] = []
    for row in rows:
        before = stretches[-1][-1] if stretches else None
        if before is not None and _follows(before[at], row[at], step) and same(before) == same(row):
            stretches[-1].append(row)
        else:
            stretches.append([row])
    return stretches


def _follows(before: date | None, moment: date | None, step: timedelta) -> bool:
    return before is not None and moment is not None and moment - before == step
