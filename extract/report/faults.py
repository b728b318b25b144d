"""What is missing or bad, as rows of the report's table: adjoining periods with the same fault are one row. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from extract.health.state import HOUR, OddDay, Row, State
from extract.health.stretches import stretches
from extract.health.wording import QUARANTINED, gravity
from extract.report.clock import instant_text, madrid_text
from extract.windows import DAY, midnight_utc

# The page stays light when everything is wrong; the count is always shown in full.
SHOWN = 1_000
# Findings of a day whose periods are rows of their own.
_OF_PERIODS = frozenset({"missing", "out_of_range", "spike", "step", "withdrawn"})


def list_faults(state: State) -> dict[str, Any]:
    """`count`, and the newest `rows`: kind, id, geo_id, first and last period in UTC and Madrid, periods, detail.

    Kinds: `missing`, `suspect`, `withdrawn`, `quarantined` by the period; `day`: a Madrid day that is odd in a way that
    no period of it names. `findings`: [code, periods, number], for the page's words. A quarantined entry may have no
    readable time: then its times are None and `text` is the instant as it was received.
    """
    rows = [_gap(gap) for gap in state.gaps]
    rows += _stretches("suspect", state.suspect)
    rows += _stretches("withdrawn", state.withdrawn)
    rows += [_quarantined(row) for row in state.quarantined]
    rows += [row for row in map(_day, state.odd_days) if row is not None]
    rows.sort(key=lambda row: (row["first_utc"] or "", row["kind"], row["id"]), reverse=True)
    return {"count": len(rows), "rows": rows[:SHOWN]}


def _row(
    kind: str, one_id: int, geo_id: int | None, first: datetime | None, last: datetime | None, periods: int
) -> dict[str, Any]:
    return {
        "kind": kind,
        "id": int(one_id),
        "geo_id": geo_id,
        "first_utc": first and instant_text(first),
        "last_utc": last and instant_text(last),
        "first_madrid": first and madrid_text(first),
        "last_madrid": last and madrid_text(last),
        "periods": periods,
        "seconds": None,
        "findings": [],
        "text": None,
        "lowest": None,
        "highest": None,
    }


def _gap(gap: Row) -> dict[str, Any]:
    row = _row("missing", gap["id"], gap["geo_id"], gap["gap_start_utc"], gap["gap_end_utc"], int(gap["periods"]))
    return row | {"seconds": round(3600 * gap["hours"] / gap["periods"])}


def _stretches(kind: str, rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Periods, in order of id, area and time → stretches of one code, with lowest and highest value."""
    found = []
    for periods in stretches(rows, lambda row: (row["id"], row["geo_id"], kind == "withdrawn" or row["code"])):
        first, last = periods[0], periods[-1]
        values = [row["value"] for row in periods]
        length = first["period_end_utc"] - first["period_start_utc"]
        found.append(
            _row(kind, first["id"], first["geo_id"], first["period_start_utc"], last["period_start_utc"], len(periods))
            | {"findings": [] if kind == "withdrawn" else [[first["code"], len(periods), None]]}
            | {"seconds": round(length.total_seconds()), "lowest": min(values), "highest": max(values)}
        )
    return found


def _quarantined(entry: Row) -> dict[str, Any]:
    at = entry["period_start_utc"]
    value = "null" if entry["value_text"] is None else entry["value_text"]
    return _row("quarantined", entry["indicator_id"], entry["geo_id"], at, at, 1) | {
        "findings": [[entry["code"], 1, None]],
        "text": f"{entry['datetime_text']} = {value}",
    }


def _day(odd: OddDay) -> dict[str, Any] | None:
    """A row for what no period of the day names."""
    findings = [list(found) for found in odd.findings if found[0] not in _OF_PERIODS and found[0] not in QUARANTINED]
    if not findings:
        return None
    start, end = midnight_utc(odd.day), midnight_utc(odd.day + DAY)
    row = _row("day", odd.indicator_id, odd.geo_id, start, end - HOUR, 1)
    return row | {"findings": sorted(findings, key=lambda found: gravity(found[0]))}
