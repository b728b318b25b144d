"""What the quality models say of each day that is not good, where they are built. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from extract.report.clock import day_text
from extract.warehouse import Warehouse

DAILY = "quality_esios.daily_quality"


@dataclass(frozen=True)
class OddDay:
    """One Madrid day of one indicator that was judged `suspect` or `bad`, and why, in the model's words."""

    id: int
    day: date
    verdict: str
    reasons: tuple[str, ...]

    @property
    def beyond_gaps(self) -> tuple[str, ...]:
        """The reasons that are no missing hours."""
        return tuple(reason for reason in self.reasons if not reason.endswith(" hours missing"))


@dataclass(frozen=True)
class Judgement:
    """How many days have been judged, and those that are not good, in order."""

    days: int
    odd: tuple[OddDay, ...]

    def count(self, verdict: str) -> int:
        """The days of a verdict that are odd for more than missing hours."""
        return sum(day.verdict == verdict and bool(day.beyond_gaps) for day in self.odd)


def read_judgement(warehouse: Warehouse) -> Judgement | None:
    """None where the model is not built."""
    if not warehouse.exists(DAILY):
        return None
    daily = warehouse.sql_name(DAILY)
    days = int(warehouse.value(f"select count(*) from {daily}"))
    rows = warehouse.rows(
        f"select indicator_id, madrid_day, verdict, reasons from {daily} where verdict <> 'good'"
        " order by indicator_id, madrid_day"
    )
    return Judgement(days, tuple(_odd_day(*row) for row in rows))


def _odd_day(indicator_id: int, day: Any, verdict: str, reasons: str | None) -> OddDay:
    parts = tuple(part.strip() for part in (reasons or "").split(";") if part.strip())
    return OddDay(int(indicator_id), date.fromisoformat(day_text(day)), verdict, parts)
