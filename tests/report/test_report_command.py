"""`esios report` on a warehouse that the main job has made: the same numbers as `esios status`, and its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

ROOT = Path(__file__).resolve().parents[2]
INDICATORS = ("--indicator", "460", "--indicator", "1293")
ESIOS = (sys.executable, "-m", "extract")


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command in an environment without configuration but the places where things go."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ESIOS_", "MSSQL_", "DBT_"))}
    places = {
        "ESIOS_DUCKDB_PATH": str(folder / "warehouse.duckdb"),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    return subprocess.run(
        command, env=clean | places, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The main job over the weeks around the change of the clocks, two hours of which never come."""
    folder = tmp_path_factory.mktemp("job")
    done = run(
        folder,
        *(sys.executable, "-m", "simulator", "--fault", "dropped_hours,at=2018-03-26T10:00:00Z,hours=2,indicator=460"),
        *(
            "--",
            *ESIOS,
            "run",
            *INDICATORS,
            "--start",
            "2018-03-19",
            "--end",
            "2018-04-02",
            "--out",
            str(folder / "out.csv"),
        ),
    )
    assert done.returncode == 1, done.stderr
    return folder


def facts_of(report: Path) -> dict[str, Any]:
    text = report.read_text("utf-8")
    start = text.index('id="report-data">') + len('id="report-data">')
    found: dict[str, Any] = json.loads(text[start : text.index("</script>", start)])
    return found


def test_the_report_says_what_status_says(folder: Path) -> None:
    done = run(folder, *ESIOS, "report", "--out", str(folder / "report.html"), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["bytes"] == (folder / "report.html").stat().st_size
    facts = facts_of(folder / "report.html")
    status = json.loads(run(folder, *ESIOS, "status", "--json").stdout)
    assert facts["source"] == status["source"] == "simulated"
    assert facts["simulated"] is True
    assert facts["table"]["rows"] == status["table"]["rows"] == 15 * 24 - 1 - 2
    assert facts["missing_hours"] == status["missing_hours"] == 2
    assert facts["state"]["complete"] == {"verdict": "no", "missing_hours": 2, "gaps": 1}
    assert told["state"] == {"fresh": "held", "complete": "no", "good": "yes"}
    gap = facts["faults"]["rows"][0]
    assert (gap["kind"], gap["first_utc"], gap["periods"]) == ("missing", "2018-03-26T10:00:00Z", 2)
    assert gap["first_madrid"] == "2018-03-26 12:00 +02:00"
    assert [run["run_id"] for run in facts["runs"]] == [run["run_id"] for run in status["runs"]]


def test_the_calendar_agrees_with_the_daily_quality(folder: Path) -> None:
    run(folder, *ESIOS, "report", "--out", str(folder / "calendar.html"))
    facts = facts_of(folder / "calendar.html")
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        daily = connection.execute(
            "select dayofyear(madrid_day), values_there, missing_periods from quality_esios.daily_quality"
            " where indicator_id = 460 order by madrid_day"
        ).fetchall()
        judged = connection.execute("select count(*) from quality_esios.daily_quality").fetchone()
    year = facts["calendar"][0]["years"][0]
    assert len(daily) == 15
    assert (facts["judged_days"],) == judged
    assert [(day, year["there"][day - 1], year["missing"][day - 1]) for day, _, _ in daily] == daily


def test_the_forecast_and_its_actual_are_those_of_the_monitoring_models(folder: Path) -> None:
    run(folder, *ESIOS, "report", "--out", str(folder / "monitoring.html"))
    monitoring = facts_of(folder / "monitoring.html")["monitoring"]
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        daily = connection.execute(
            "select forecast, actual_indicator_id, strftime(madrid_day, '%Y-%m-%d'), mae, bias"
            " from monitoring_esios.forecast_accuracy_daily order by 1, 2, 3"
        ).fetchall()
    told = [
        (one["forecast"], one["actual_id"], *day)
        for one in monitoring["forecasts"]
        for day in zip(one["days"]["madrid_day"], one["days"]["mae"], one["days"]["bias"], strict=True)
    ]
    assert len(told) >= 15
    assert told == daily
    assert sum(count for _, count, _ in monitoring["actuals"][0]["periods"]["runs"]) == 15 * 24 - 1


def test_without_a_warehouse_it_says_how_to_make_one(tmp_path: Path) -> None:
    done = run(tmp_path, *ESIOS, "report", "--out", str(tmp_path / "report.html"))
    assert done.returncode == 2
    assert "make run" in done.stderr
    assert not (tmp_path / "report.html").exists()


def test_a_place_that_cannot_be_written_is_named(folder: Path) -> None:
    (folder / "file").write_text("in the way")
    done = run(folder, *ESIOS, "report", "--out", str(folder / "file" / "report.html"))
    assert done.returncode == 2
    assert "--out" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_makefile_writes_the_report_where_the_contract_says() -> None:
    command = ["make", "-n", "-o", ".venv/.ready", "report", "questions"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "esios report" in done.stdout
    assert "docs.build_questions" in done.stdout
