"""Rows of the state → one line for people, as `status`, `check` and the job's summary print it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from extract.counted import counted
from extract.health.state import MART, OddDay, State
from extract.health.stretches import stretches
from extract.health.wording import gravity, meaning, sentence

_MINUTE = "%Y-%m-%d %H:%M"
SUSPECT = {"out_of_range": "out of range", "spike": "step too large", "step": "step too large"}


def data_lines(state: State) -> list[str]:
    """One line for each stretch of periods that is missing, suspect, quarantined or withdrawn: what ends with 1."""
    lines = [f"missing: {gap_text(gap)}" for gap in state.gaps]
    lines += [
        f"suspect: {_subject(periods)} {_values(periods)} ({SUSPECT[periods[0]['code']]}), area {periods[0]['geo_id']}"
        for periods in stretches(state.suspect, lambda row: (row["id"], row["geo_id"], SUSPECT[row["code"]]))
    ]
    lines += [
        f"quarantined: {_entries(entries)}"
        for entries in stretches(state.quarantined, itemgetter("indicator_id", "geo_id", "value_text", "code"))
    ]
    lines += [
        f"withdrawn: {_subject(periods)} left out of the newest response; "
        + ("its last value stays" if len(periods) == 1 else "their last values stay")
        + f", area {periods[0]['geo_id']}"
        for periods in stretches(state.withdrawn, itemgetter("id", "geo_id"))
    ]
    return lines


def gap_text(gap: Mapping[str, Any]) -> str:
    """`460 2018-12-31 08:00 … 2018-12-31 22:00 UTC (15 hours), area 8741`: first and last missing period included."""
    return (
        f"{gap['id']} {gap['gap_start_utc']:{_MINUTE}} … {gap['gap_end_utc']:{_MINUTE}} UTC "
        f"({_extent(gap['periods'], gap['hours'])}), area {gap['geo_id']}"
    )


def _extent(periods: int, hours: float) -> str:
    if periods != hours:
        return f"{counted(periods, 'period')}, {counted(hours, 'hour')}"
    return counted(periods, "hour")


def table_text(table: Mapping[str, Any]) -> str:
    """One line on the published table."""
    if not table["rows"]:
        return f"table      {MART}: no rows"
    span = f"{table['first']:{_MINUTE}} … {table['last']:{_MINUTE}} UTC"
    return f"table      {MART}: {counted(table['rows'], 'row')}, {span}"


def published_text(row: Mapping[str, Any]) -> str:
    """`600 Precio mercado SPOT Diario: 744 values of area 3 (España), 2018-01-01 … 2018-01-31 22:00 UTC, €/MWh`."""
    named = f" ({row['geo_name']})" if row["geo_name"] else ""
    span = f"{row['first']:{_MINUTE}} … {row['last']:{_MINUTE}} UTC"
    count = f"{counted(row['periods'], 'value')} of area {row['geo_id']}{named}"
    return f"{row['indicator_id']} {row['name']}: {count}, {span}, {row['unit']}"


def area_text(area: Mapping[str, Any]) -> str:
    """`460 area 8742 (Canarias): 48 entries landed, the area is not registered`."""
    named = f" ({area['geo_name']})" if area["geo_name"] else ""
    count = counted(area["entries"], "entry")
    return f"{area['indicator_id']} area {area['geo_id']}{named}: {count} landed, the area is not registered"


def odd_day_text(day: OddDay, findings: Iterable[tuple[str, int, float | None]]) -> str:
    """`460 2020-11-11 (Madrid): spikes: 1, of up to 11744; …, area 8741`, the gravest finding first."""
    ordered = sorted(findings, key=lambda found: gravity(found[0]))
    sentences = "; ".join(sentence(code, periods, number) for code, periods, number in ordered)
    return f"{day.indicator_id} {day.day} (Madrid): {sentences}, area {day.geo_id}"


def _subject(periods: Sequence[Mapping[str, Any]]) -> str:
    """`460 2017-02-01 08:00 UTC is`, or the first and the last of several."""
    first, last = periods[0], periods[-1]
    if len(periods) == 1:
        return f"{first['id']} {first['period_start_utc']:{_MINUTE}} UTC is"
    hours = sum((row["period_end_utc"] - row["period_start_utc"]).total_seconds() for row in periods) / 3600
    span = f"{first['period_start_utc']:{_MINUTE}} … {last['period_start_utc']:{_MINUTE}} UTC"
    return f"{first['id']} {span} ({_extent(len(periods), hours)}) are"


def _values(periods: Sequence[Mapping[str, Any]]) -> str:
    lowest, highest = (pick(row["value"] for row in periods) for pick in (min, max))
    unit = periods[0]["unit"]
    return f"{lowest:g} {unit}" if lowest == highest else f"{lowest:g} to {highest:g} {unit}"


def _entries(entries: Sequence[Mapping[str, Any]]) -> str:
    first, last = entries[0], entries[-1]
    subject = f"{first['indicator_id']} {first['datetime_text']}"
    if len(entries) > 1:
        subject += f" … {last['datetime_text']} ({counted(len(entries), 'entry')})"
    value = "null" if first["value_text"] is None else first["value_text"]
    area = "" if first["geo_id"] is None else f", area {first['geo_id']}"
    return f"{subject} value {value} ({meaning(first['code'])}){area}"
