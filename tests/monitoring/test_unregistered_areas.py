"""An area that is not registered is said once, by name and count; it is not a fault, and no day is odd for it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from extract.check import read_report
from extract.status import read_status
from extract.warehouse import connect
from tests.monitoring.test_check import note_run, settings_of
from tests.warehouses import judged
from tests.warehouses.landed import entry
from tests.warehouses.makers import Makers

CANARIES, UNNAMED = 8742, 8999
NOTES = [
    "460 area 8742 (Canarias): 49 entries landed, the area is not registered",
    "460 area 8999: 1 entry landed, the area is not registered",
]


@pytest.fixture(scope="module")
def folder(warehouses: Makers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days of 460, with two days of the Canaries, one hour of an area without a name, and one null."""
    folder = tmp_path_factory.mktemp("areas")
    warehouse = warehouses.empty(folder)
    hours = judged.days("2021-06-01", "2021-06-03")
    foreign: list[dict[str, Any]] = [
        entry(hour, 500.0 + n, geo_id=CANARIES, geo_name="Canarias") for n, hour in enumerate(list(hours)[:48])
    ]
    foreign.append(entry(judged.hour("2021-06-02 10"), 1.0, geo_id=UNNAMED))
    foreign.append(entry(judged.hour("2021-06-03 10"), None, geo_id=CANARIES, geo_name="Canarias"))
    spoilt = dict(hours)
    del spoilt[judged.hour("2021-06-03 12")]
    foreign.append(entry(judged.hour("2021-06-03 12"), None))
    judged.land(warehouse, 460, "2021-06-01", "2021-06-03", spoilt, "2021-06-05 05:00", extra=foreign)
    note_run(warehouse, "2021-06-05 04:59", "succeeded", end="2021-06-03")
    warehouse.run("--select", "+daily_quality", "+quality_findings", "+stg_esios__unregistered_areas")
    return folder


def test_status_says_each_area_once_and_it_is_not_a_fault(warehouses: Makers, folder: Path) -> None:
    with connect(settings_of(warehouses.empty(folder)), read_only=True) as warehouse:
        status = read_status(warehouse)
    assert [line for line in status.text().splitlines() if "not registered" in line] == [
        f"note       {note}" for note in NOTES
    ]
    assert status.findings() == [
        "missing: 460 2021-06-03 12:00 … 2021-06-03 12:00 UTC (1 hour), area 8741",
        "quarantined: 460 2021-06-03T14:00:00.000+02:00 value null (the value is null), area 8741",
    ]
    assert [area["entries"] for area in status.document()["unregistered_areas"]] == [49, 1]
    assert len(status.document()["rejected"]) == 1


def test_check_says_each_area_once_and_no_day_is_odd_for_it(warehouses: Makers, folder: Path) -> None:
    with connect(settings_of(warehouses.empty(folder)), read_only=True) as warehouse:
        report = read_report(warehouse, datetime(2021, 6, 5, 12))
    (quality,) = [check for check in report.checks if check.name == "quality"]
    assert list(quality.notes) == NOTES
    assert [problem.text for problem in quality.problems] == [
        "bad: 460 2021-06-03 (Madrid): entries quarantined: 1 (the value is null), area 8741"
    ]
