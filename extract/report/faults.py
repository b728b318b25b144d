"""What is missing or bad, as rows of the report's table: consecutive hours with the same fault are one row. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Set
from datetime import datetime
from typing import Any

from extract.in_a_row import HOUR, Row, in_a_row
from extract.quarantined import SENTENCES
from extract.report.clock import instant_text, madrid_text
from extract.report.quality import Judgement, OddDay
from extract.status import Status
from extract.windows import DAY, midnight_utc

# The page stays light when everything is wrong; the count is always told in full.
SHOWN = 1_000
# Reasons of a day whose hours are rows of their own.
_NAMED_BY_HOUR = (
    "hours missing",
    "values out of range",
    "steps too large",
    "entries put aside",
    "hours with two values",
    "values withdrawn",
)


def list_faults(status: Status, judgement: Judgement | None, published: Set[int]) -> dict[str, Any]:
    """`count`, and the newest `rows`: kind, id, first and last hour (included) in UTC and Madrid, hours, detail.

    Kinds: `missing`, `suspect`, `withdrawn`, `quarantined` by the hour; `day`: a whole Madrid day that is odd in a way
    that no hour of it names, or of an indicator that is not `published` and so has no list of its hours. A quarantined
    entry may have no readable hour: then its times are None and `text` is the instant as it was received.
    """
    rows = [
        _span("missing", gap["id"], gap["gap_start_utc"], gap["gap_end_utc"], int(gap["hours"])) for gap in status.gaps
    ]
    rows += _stretches("suspect", status.suspect, "value", "reason")
    rows += _stretches("withdrawn", status.withdrawn, "demand_forecast")
    rows += [_quarantined(row) for row in status.rejected]
    rows += _days(judgement.odd if judgement else (), published)
    rows.sort(key=lambda row: (row["first_utc"] or "", row["kind"], row["id"]), reverse=True)
    return {"count": len(rows), "rows": rows[:SHOWN]}


def _span(kind: str, one_id: int, first: datetime | None, last: datetime | None, hours: int) -> dict[str, Any]:
    return {
        "kind": kind,
        "id": int(one_id),
        "first_utc": first and instant_text(first),
        "last_utc": last and instant_text(last),
        "first_madrid": first and madrid_text(first),
        "last_madrid": last and madrid_text(last),
        "hours": hours,
        "reasons": [],
        "text": None,
        "lowest": None,
        "highest": None,
    }


def _stretches(kind: str, rows: Iterable[Row], value: str, reason: str | None = None) -> list[dict[str, Any]]:
    """Hours, in order of id and time → spans of hours in a row of one reason, with lowest and highest value."""
    spans = []
    for hours in in_a_row(rows, "datetime", lambda row: (row["id"], reason and row[reason])):
        first, last = hours[0], hours[-1]
        values = [hour[value] for hour in hours]
        spans.append(
            _span(kind, first["id"], first["datetime"], last["datetime"], len(hours))
            | {"reasons": [first[reason]] if reason else [], "lowest": min(values), "highest": max(values)}
        )
    return spans


def _quarantined(row: dict[str, Any]) -> dict[str, Any]:
    at = row["period_start_utc"]
    found = _span("quarantined", row["indicator_id"], at, at, 1)
    value = "null" if row["value_text"] is None else row["value_text"]
    return found | {"reasons": [SENTENCES.get(row["code"], row["code"])], "text": f"{row['datetime_text']} = {value}"}


def _days(odd: Iterable[OddDay], published: Set[int]) -> list[dict[str, Any]]:
    """A row an odd day; days in a row of which nothing is there are one row: an indicator may begin years later."""
    rows: list[dict[str, Any]] = []
    whole_until: tuple[int, datetime] | None = None
    for day in sorted(odd, key=lambda day: (day.id, day.day)):
        row = _day(day, day.id in published)
        if row is None:
            continue
        start, end = midnight_utc(day.day), midnight_utc(day.day + DAY)
        is_whole = row["reasons"] == [f"{row['hours']} of {row['hours']} hours missing"]
        if is_whole and whole_until == (day.id, start):
            before = rows.pop()
            hours = before["hours"] + row["hours"]
            row |= {name: before[name] for name in ("first_utc", "first_madrid")}
            row |= {"hours": hours, "reasons": [f"{hours} of {hours} hours missing"]}
        whole_until = (day.id, end) if is_whole else None
        rows.append(row)
    return rows


def _day(odd: OddDay, named_by_hour: bool) -> dict[str, Any] | None:
    reasons = [reason for reason in odd.reasons if not (named_by_hour and _is_named_by_hour(reason))]
    if not reasons:
        return None
    start, end = midnight_utc(odd.day), midnight_utc(odd.day + DAY)
    return _span("day", odd.id, start, end - HOUR, int((end - start) / HOUR)) | {"reasons": reasons}


def _is_named_by_hour(reason: str) -> bool:
    return any(words in reason for words in _NAMED_BY_HOUR)
