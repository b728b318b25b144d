"""Values that are wrong, one landing full of them: what is published, what is kept out, what is named, hour by hour."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import simulator
from simulator import faults
from tests.end_to_end.conftest import Finished
from tests.faults.conftest import Built
from tests.faults.machine import Machine, Row
from tests.faults.table import VALUES

MADRID = ZoneInfo("Europe/Madrid")
DAYS = 5
# Which hour of the span has which fault.
HOUR = {
    "null": 3,
    "text": 5,
    "NaN as a text": 7,
    "1e400": 9,
    "infinity": 11,
    "object": 13,
    "negative": 15,
    "two values": 17,
    "the same twice": 19,
    "offset": 21,
    "off the hour": 23,
    "no offset": 25,
    "time as a number": 27,
    "10^400": 33,
    "boolean": 35,
    "number as text": 37,
    "quarters": 39,
}
VANISHED = (30, 31)
FOUR_TIMES_FROM = 96
HARMLESS = ("the same twice", "number as text")
KEPT_OUT = tuple(name for name in HOUR if name not in (*HARMLESS, "negative"))
CODE = {
    "null": "value_null",
    "text": "value_not_number",
    "NaN as a text": "value_not_number",
    "1e400": "value_not_number",
    "10^400": "value_not_number",
    "boolean": "value_not_number",
    "infinity": "value_not_number",
    "object": "value_not_number",
    "two values": "two_values",
    "offset": "offset_contradicts",
    "off the hour": "off_cadence",
    "quarters": "period_in_parts",
    "no offset": "time_unreadable",
    "time as a number": "time_unreadable",
}
SECONDS = 1487000000


class Story:
    """Days of late, so that a plain run asks for them again; each stage is a run of the main job."""

    def __init__(self, bench: Machine, server: simulator.Server) -> None:
        self.bench = bench
        noon = datetime.now(MADRID).replace(hour=12, minute=0, second=0, microsecond=0)
        server.set_clock(noon)
        first = noon.date() - timedelta(days=DAYS + 2)
        self.span = ("--start", str(first), "--end", str(first + timedelta(days=DAYS - 1)))
        self.start = datetime(first.year, first.month, first.day, tzinfo=MADRID).astimezone(UTC)
        self.stages: dict[str, Finished] = {}
        self.marts: dict[str, list[Row]] = {}
        self.rejected: list[Row] = []
        self.unregistered: list[Row] = []
        self.suspect: dict[datetime, str] = {}

        bench.empty()
        assert bench.esios("extract", *self.span).code == 0
        bench.build_mart()
        self.undisturbed = bench.mart()
        bench.empty()

        server.add(
            faults.several_areas(),
            faults.times_four(self.at(FOUR_TIMES_FROM)),
            faults.null(self.at(HOUR["null"])),
            faults.words(self.at(HOUR["text"])),
            faults.words(self.at(HOUR["NaN as a text"]), "NaN"),
            faults.overflow(self.at(HOUR["1e400"])),
            faults.words(self.at(HOUR["infinity"]), "-Infinity"),
            faults.set_value({"mw": 1}, self.at(HOUR["object"])),
            faults.negative(self.at(HOUR["negative"]), -5.0),
            faults.duplicates(self.at(HOUR["two values"]), 500),
            faults.duplicates(self.at(HOUR["the same twice"]), 0),
            faults.contradicting_offset(self.at(HOUR["offset"])),
            faults.set_field("datetime", self.local(HOUR["off the hour"], 7), self.at(HOUR["off the hour"])),
            faults.set_field("datetime", self.local(HOUR["no offset"])[:-6], self.at(HOUR["no offset"])),
            faults.set_field("datetime", SECONDS, self.at(HOUR["time as a number"])),
            faults.raw_value("1" + "0" * 400, self.at(HOUR["10^400"])),
            faults.set_value(True, self.at(HOUR["boolean"])),
            faults.edit(self.number_as_text),
            faults.edit(self.quarters),
            faults.wrong_datetime_utc(hours=-1, offset="+00:00"),
            faults.unsorted(),
        )
        self.run("spoilt")
        self.rejected = bench.rows("select datetime_text, code, geo_id from staging_esios.stg_esios__rejected_values")
        self.unregistered = bench.rows("select geo_id, entries from staging_esios.stg_esios__unregistered_areas")
        self.suspect = dict(bench.rows("select datetime, reason from quality_esios.demand_forecast_suspect_values"))
        server.clear_faults()
        server.add(faults.dropped_hours([self.at(hour) for hour in VANISHED]))
        self.run("vanished")
        server.clear_faults()
        self.run("plain")

    def run(self, stage: str) -> None:
        """One main job."""
        self.stages[stage] = self.bench.esios("run", *self.span, "--out", str(self.bench.folder / f"{stage}.csv"))
        self.marts[stage] = self.bench.mart()

    def number_as_text(self, document: Any) -> Any:
        """One hour's value in quotes."""
        entries = document.get("indicator", {}).get("values", [])
        for entry in entries:
            if entry["datetime"] == self.local(HOUR["number as text"]):
                entry["value"] = str(float(entry["value"]))
        return document

    def quarters(self, document: Any) -> Any:
        """One hour as four quarters."""
        entries = document.get("indicator", {}).get("values", [])
        for entry in [one for one in entries if one["datetime"] == self.local(HOUR["quarters"])]:
            entries += [entry | {"datetime": self.local(HOUR["quarters"], minutes)} for minutes in (15, 30, 45)]
        return document

    def at(self, hour: int) -> str:
        """The instant of an hour of the span, as the fault rules take it."""
        return f"{self.start + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}"

    def local(self, hour: int, minutes: int = 0) -> str:
        """An instant as the API writes it."""
        moment = (self.start + timedelta(hours=hour, minutes=minutes)).astimezone(MADRID)
        return moment.isoformat(timespec="milliseconds")

    def naive(self, hour: int) -> datetime:
        """The instant of an hour as the warehouse has it."""
        return (self.start + timedelta(hours=hour)).replace(tzinfo=None)

    def value(self, stage: str, hour: int) -> float | None:
        """What the table says for an hour after a stage; None where the hour is not there."""
        return {moment: value for _, _, moment, value in self.marts[stage]}.get(self.naive(hour))

    def true_value(self, hour: int) -> float:
        """What it says undisturbed."""
        return {moment: value for _, _, moment, value in self.undisturbed}[self.naive(hour)]


@pytest.fixture(scope="module")
def story(workplace: Machine, worker_server: simulator.Server) -> Iterator[Story]:
    """The stages, run once."""
    worker_server.reset()
    yield Story(workplace, worker_server)
    worker_server.reset()
    worker_server.set_clock(None)
    assert workplace.found_secrets() == []


@pytest.mark.parametrize("fault", KEPT_OUT)
def test_what_cannot_be_used_is_kept_out_named_and_replaced_by_the_next_good_response(story: Story, fault: str) -> None:
    VALUES[fault].check(story.stages["spoilt"])
    assert story.value("spoilt", HOUR[fault]) is None
    text = {
        "offset": story.local(HOUR[fault])[:-6] + "+05:00",
        "off the hour": story.local(HOUR[fault], 7),
        "no offset": story.local(HOUR[fault])[:-6],
        "time as a number": str(SECONDS),
    }.get(fault, story.local(HOUR[fault]))
    entries = [(moment, code) for moment, code, area in story.rejected if moment == text and area == 8741]
    assert entries == [(text, CODE[fault])] * (2 if fault == "two values" else 1), "quarantined, each entry once"
    assert f"quarantined: 460 {text}" in story.stages["spoilt"].out
    missing = f"missing: 460 {story.naive(HOUR[fault]):%Y-%m-%d %H:%M} … {story.naive(HOUR[fault]):%Y-%m-%d %H:%M} UTC"
    assert missing in story.stages["spoilt"].out
    assert story.value("vanished", HOUR[fault]) == story.true_value(HOUR[fault])


@pytest.mark.parametrize(("fault", "value"), [("negative", -5.0)])
def test_what_is_readable_and_implausible_is_published_and_named(story: Story, fault: str, value: float) -> None:
    VALUES[fault].check(story.stages["spoilt"])
    assert story.value("spoilt", HOUR[fault]) == value
    assert story.suspect[story.naive(HOUR[fault])] == "out of range"
    assert story.value("vanished", HOUR[fault]) == story.true_value(HOUR[fault])


def test_values_four_times_too_high_from_one_moment_on_are_named_and_fixed(story: Story) -> None:
    VALUES["four times"].check(story.stages["spoilt"])
    hours = range(FOUR_TIMES_FROM, len(story.undisturbed))
    for hour in hours:
        assert story.value("spoilt", hour) == 4 * story.true_value(hour)
        assert story.naive(hour) in story.suspect
        assert story.value("vanished", hour) == story.true_value(hour)
    first, last = story.naive(hours[0]), story.naive(hours[-1])
    told = f"suspect: 460 {first:%Y-%m-%d %H:%M} … {last:%Y-%m-%d %H:%M} UTC ({len(hours)} hours) are"
    assert told in story.stages["spoilt"].out, "hours in a row are told in one line"


@pytest.mark.parametrize("fault", ["the same twice", "number as text", "unsorted", "areas", "datetime_utc"])
def test_what_does_not_change_the_meaning_changes_nothing(story: Story, fault: str) -> None:
    VALUES[fault].check(story.stages["spoilt"])
    spoilt = {story.naive(hour) for name, hour in HOUR.items() if name in (*KEPT_OUT, "negative")}
    untouched = [row for row in story.undisturbed if row[2] not in spoilt and row[2] < story.naive(FOUR_TIMES_FROM)]
    kept = [row for row in story.marts["spoilt"] if row[2] not in spoilt and row[2] < story.naive(FOUR_TIMES_FROM)]
    assert kept == untouched
    assert len(untouched) == FOUR_TIMES_FROM - len(spoilt)
    for name in HARMLESS:
        assert story.value("spoilt", HOUR[name]) == story.true_value(HOUR[name])
    assert {row[2] for row in story.rejected} == {8741}, "an area that is not registered is no fault"
    assert {area for area, _ in story.unregistered} == {8742, 8743}
    assert all(entries >= len(story.undisturbed) - 1 for _, entries in story.unregistered)


def test_an_hour_that_vanishes_in_a_later_response_keeps_its_value_and_is_named(story: Story) -> None:
    VALUES["vanished"].check(story.stages["vanished"])
    first, last = (story.naive(hour) for hour in VANISHED)
    told = f"withdrawn: 460 {first:%Y-%m-%d %H:%M} … {last:%Y-%m-%d %H:%M} UTC (2 hours) are left out"
    assert told in story.stages["vanished"].out
    for hour in VANISHED:
        assert story.value("vanished", hour) == story.true_value(hour)
    assert "missing:" not in story.stages["vanished"].out


def test_the_next_plain_run_completes_to_exactly_the_rows_of_an_undisturbed_one(story: Story) -> None:
    assert story.marts["vanished"] == story.undisturbed
    assert story.marts["plain"] == story.undisturbed
    finished = story.stages["plain"]
    assert finished.code == 0, "all is well again: " + finished.out
    assert "complete   no hour that is due is missing" in finished.out


def a_day_beyond_both_ends(document: Any) -> Any:
    """Each value again a day earlier and a day later, a little off."""
    entries = document.get("indicator", {}).get("values", [])
    inside = {entry["datetime"] for entry in entries}
    for entry in list(entries):
        for days in (-1, 1):
            moment = datetime.fromisoformat(entry["datetime"]).astimezone(UTC) + timedelta(days=days)
            text = moment.astimezone(MADRID).isoformat(timespec="milliseconds")
            if text not in inside:
                entries.append(entry | {"datetime": text, "value": entry["value"] - 77})
    return document


def test_inside_a_window_the_response_to_that_window_is_published_in_any_order(
    bench: Machine, server: simulator.Server, built: Built
) -> None:
    server.add(faults.edit(a_day_beyond_both_ends))
    VALUES["beyond its window"].check(bench.extract(ESIOS_WINDOW="day"))
    bench.build_mart()
    first, last = built.mart[0][2], built.mart[-1][2]
    mart = bench.mart()
    assert [row for row in mart if first <= row[2] <= last] == built.mart
    assert len(mart) == len(built.mart) + 48, "what lies beyond every window is welcome"


def test_a_revision_of_an_old_hour_changes_that_hour_alone(
    bench: Machine, server: simulator.Server, built: Built
) -> None:
    moment = datetime(2017, 2, 1, 9)
    bench.land(built.file)
    server.add(faults.revised_hours("2017-02-01T10:00:00", 500))
    assert "no request was made" in bench.extract().out, "a closed window is not asked for again"
    VALUES["revision"].check(bench.extract("--refresh"))
    bench.build_mart()
    changed = [(old, new) for old, new in zip(built.mart, bench.mart(), strict=True) if old != new]
    ((old, new),) = changed
    assert (old[2], new[2], new[3] - old[3]) == (moment, moment, 500)
    server.clear_faults()
    assert bench.extract("--refresh").code == 0
    bench.build_mart()
    assert bench.mart() == built.mart
