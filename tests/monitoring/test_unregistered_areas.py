"""An area that is not registered is reported once, by name and count, not a line an entry or a day."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import judged_warehouse as made
import pytest
from landed_warehouse import Warehouse, entry

from extract.check import _beyond_areas, read_report
from extract.status import read_status
from extract.warehouse import connect
from tests.monitoring.test_check import note_run, settings_of

CANARIES, UNNAMED = 8742, 8999


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days of 460, with two days of the Canaries, one hour of an area without a name, and one null."""
    folder = tmp_path_factory.mktemp("areas")
    warehouse = made.empty(folder)
    hours = made.days("2021-06-01", "2021-06-03")
    foreign: list[dict[str, Any]] = [
        entry(hour, 500.0 + n, geo_id=CANARIES, geo_name="Canarias") for n, hour in enumerate(list(hours)[:48])
    ]
    foreign.append(entry(made.hour("2021-06-02 10"), 1.0, geo_id=UNNAMED))
    foreign.append(entry(made.hour("2021-06-03 10"), None, geo_id=CANARIES, geo_name="Canarias"))
    spoilt = dict(hours)
    del spoilt[made.hour("2021-06-03 12")]
    foreign.append(entry(made.hour("2021-06-03 12"), None))
    made.land(warehouse, 460, "2021-06-01", "2021-06-03", spoilt, "2021-06-05 05:00", extra=foreign)
    note_run(warehouse, "2021-06-05 04:59", "succeeded", end="2021-06-03")
    warehouse.run("--select", "+daily_quality", "+demand_forecast_gaps", "+stg_esios__rejected_values")
    return folder


def test_status_says_each_area_once(folder: Path) -> None:
    with connect(settings_of(Warehouse(folder, made.parsed())), read_only=True) as warehouse:
        status = read_status(warehouse)
    quarantined = [line for line in status.complaints() if line.startswith("quarantined: ")]
    assert [line for line in quarantined if "the area is not registered" in line] == [
        "quarantined: 460 area 8742 (Canarias): 48 entries, 2021-05-31 22:00 … 2021-06-02 21:00 UTC"
        " (the area is not registered)",
        "quarantined: 460 area 8999: 1 entry, 2021-06-02 10:00 … 2021-06-02 10:00 UTC (the area is not registered)",
    ]
    assert any("the value is null" in line for line in quarantined), "what else is in quarantine is named as before"
    assert [area["entries"] for area in status.document()["unregistered_areas"]] == [48, 1]
    assert len(status.document()["rejected"]) >= 50, "programs still get each entry"


def test_check_says_each_area_once_and_no_day_is_odd_for_it(folder: Path) -> None:
    with connect(settings_of(Warehouse(folder, made.parsed())), read_only=True) as warehouse:
        report = read_report(warehouse, datetime(2021, 6, 5, 12))
    (quality,) = [check for check in report.checks if check.name == "quality"]
    texts = [problem.text for problem in quality.problems]
    assert [text for text in texts if "area" in text] == [
        "quarantined: 460 area 8742 (Canarias): 48 entries, 2021-05-31 22:00 … 2021-06-02 21:00 UTC"
        " (the area is not registered)",
        "quarantined: 460 area 8999: 1 entry, 2021-06-02 10:00 … 2021-06-02 10:00 UTC (the area is not registered)",
    ]
    assert not any("2021-06-01" in text or "2021-06-02 (Madrid)" in text for text in texts)
    assert [text for text in texts if "put aside" in text] == ["bad: 460 2021-06-03 (Madrid): entries put aside: 2"]


@pytest.mark.parametrize(
    ("reasons", "of_areas", "left"),
    [
        ("entries put aside: 24", 24, []),
        ("entries put aside: 24", 0, ["entries put aside: 24"]),
        ("1 of 24 hours missing; entries put aside: 25; hours with two values: 1", 24,
         ["entries put aside: 1", "hours with two values: 1"]),
        ("1 of 24 hours missing", 0, []),
        ("steps too large: 1", 3, ["steps too large: 1"]),
        (None, 3, []),
    ],
)  # fmt: skip
def test_a_days_reasons_are_those_beyond_areas(reasons: str | None, of_areas: int, left: list[str]) -> None:
    assert _beyond_areas(reasons, of_areas) == left
