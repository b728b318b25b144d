"""The main job, whole, as a user runs it: 17,520 hours in a tested table and a CSV, and gaps named to the hour."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.end_to_end.conftest import ROOT, Finished, Shell
from tests.end_to_end.readme import Shown, shown

HEADER = ["name", "id", "datetime", "demand_forecast", "update_timestamp"]
NAME = "Previsión diaria de la demanda eléctrica peninsular"


@pytest.fixture(scope="module")
def done(new_shell: Callable[[Path], Shell], tmp_path_factory: pytest.TempPathFactory) -> tuple[Shell, Finished]:
    """`make run` once, without any configuration."""
    shell = new_shell(tmp_path_factory.mktemp("job"))
    return shell, shell.job("--unless-configured")


def read_csv(shell: Shell) -> list[list[str]]:
    with (shell.folder / "out.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_it_ends_well_and_says_that_the_data_is_simulated(done: tuple[Shell, Finished]) -> None:
    _, finished = done
    assert finished.code == 0, finished.err
    assert "SIMULATED" in finished.err
    assert "source     simulated" in finished.out
    assert "17520 rows, 2016-12-31 23:00 … 2018-12-31 22:00 UTC" in finished.out


def test_the_csv_has_every_hour_once_in_the_form_of_the_contract(done: tuple[Shell, Finished]) -> None:
    shell, _ = done
    header, *rows = read_csv(shell)
    assert header == HEADER
    assert len(rows) == 17_520
    assert rows[0][:3] == [NAME, "460", "2016-12-31 23:00:00"]
    assert rows[-1][2] == "2018-12-31 22:00:00"
    assert [row[2] for row in rows] == sorted({row[2] for row in rows})
    assert all(row[3] == repr(float(row[3])) for row in rows)
    assert b"\r" not in (shell.folder / "out.csv").read_bytes()


def test_the_table_has_exactly_the_five_columns(done: tuple[Shell, Finished]) -> None:
    shell, _ = done
    with duckdb.connect(str(shell.folder / "esios.duckdb"), read_only=True) as warehouse:
        columns = warehouse.sql("select * from demand_forecast_esios limit 0").columns
        local = warehouse.sql(
            "select count(*), min(hour_of_day), max(hour_of_day), count(distinct utc_offset)"
            " from demand_forecast_esios_local"
        ).fetchall()
    assert columns == HEADER
    assert local == [(17_520, 1, 25, 2)]


def test_a_second_run_asks_nothing_changes_nothing_and_ends_well(done: tuple[Shell, Finished]) -> None:
    shell, _ = done
    before = read_csv(shell)
    again = shell.job()
    assert again.code == 0
    assert "no request was made" in again.err
    assert read_csv(shell) == before


def test_the_frame_and_the_parquet_hold_the_same_as_the_csv(done: tuple[Shell, Finished]) -> None:
    shell, _ = done
    script = (
        "import sys, extract, pandas as pd; frame = extract.demand_forecast();"
        "pd.testing.assert_frame_equal(frame, pd.read_parquet(sys.argv[1]), check_dtype=False);"
        "print(len(frame), list(frame), frame.demand_forecast.sum())"
    )
    parquet = str(shell.folder / "out.parquet")
    assert shell.esios("export", "--out", parquet).code == 0
    finished = shell("python", "-c", script, parquet)
    total = sum(float(row[3]) for row in read_csv(shell)[1:])
    assert finished.out.strip() == f"17520 {HEADER} {total}", finished.err


def test_status_says_the_same_to_people_and_to_programs(done: tuple[Shell, Finished]) -> None:
    shell, _ = done
    assert "no hour that is due is missing" in shell.esios("status").out
    document = json.loads(shell.esios("status", "--json").out)
    assert (document["source"], document["missing_hours"], document["table"]["rows"]) == ("simulated", 0, 17_520)
    assert document["landed"][0]["windows"] == 8


def test_extract_and_dbt_run_work_as_two_commands(shell: Shell) -> None:
    assert shell("make", "extract", "END=2017-01-31", "START=2017-01-01").code == 0
    landed = shell.esios("status").out
    assert "not judged before the first dbt build" in landed
    assert "no hour that is due is missing" not in landed
    built = shell("dbt", "run")
    assert built.code == 0, built.out
    assert "744 rows" in shell.esios("status").out


def test_gaps_are_published_named_to_the_hour_and_end_with_1(shell: Shell) -> None:
    series = shell.folder / "series.csv"
    lines = ["tz_time,value"]
    lines += [f"2017-01-01T{hour:02}:00:00.000Z,{20_000 + hour}.0" for hour in range(24) if hour not in (0, 5, 6)]
    series.write_text("\n".join(lines) + "\n")
    finished = shell.job("--series", str(series), arguments=("--end", "2017-01-01"))
    assert finished.code == 1
    assert "missing: 460 2016-12-31 23:00 … 2017-01-01 00:00 UTC (2 hours)" in finished.out
    assert "missing: 460 2017-01-01 05:00 … 2017-01-01 06:00 UTC (2 hours)" in finished.out
    assert len(read_csv(shell)) == 1 + 20
    assert shell.esios("status").code == 1


def test_the_recorded_years_come_through_with_their_sixteen_gaps(shell: Shell) -> None:
    series = os.environ.get("ESIOS_TEST_SERIES")
    if not series:
        pytest.skip("ESIOS_TEST_SERIES names no recorded series (a CSV with tz_time,value of indicator 460, 2017-2018)")
    finished = shell.job("--series", series)
    assert finished.code == 1
    missing = [line.strip() for line in finished.out.splitlines() if "missing:" in line]
    assert missing == [
        "missing: 460 2016-12-31 23:00 … 2016-12-31 23:00 UTC (1 hour), area 8741",
        "missing: 460 2018-12-31 08:00 … 2018-12-31 22:00 UTC (15 hours), area 8741",
    ]
    assert "suspect" not in finished.out
    rows = read_csv(shell)[1:]
    with Path(series).open() as file:
        recorded = sum(float(row["value"]) for row in csv.DictReader(file))
    assert len(rows) == 17_504
    assert rows[0][2:4] == ["2017-01-01 00:00:00", "23616.0"]
    assert sum(float(row[3]) for row in rows) == recorded


def test_make_run_is_that_job() -> None:
    recipe = (ROOT / "Makefile").read_text("utf-8").partition("\nrun: ")[2].splitlines()[1]
    assert recipe.strip() == "@$(SIMULATE) $(BIN)/esios run --start $(START) --end $(END)"


def test_the_readme_shows_what_make_run_prints(done: tuple[Shell, Finished]) -> None:
    _, finished = done
    expected = shown()["make run"]
    assert len(expected.lines) > 10
    assert expected.differs_from(finished.err + finished.out) == ""
    for line in expected.lines[-4:]:
        assert line in finished.out or line.startswith("file "), "these are the figures of every run"


def test_the_readme_shows_the_first_rows_of_the_file(done: tuple[Shell, Finished]) -> None:
    shell, _ = done
    command = shown()["head -3 exports/demand_forecast_esios.csv"]
    assert list(command.lines) == (shell.folder / "out.csv").read_text("utf-8").splitlines()[:3]


def test_the_readme_shows_what_a_cutoff_leaves_out(done: tuple[Shell, Finished]) -> None:
    shell, _ = done
    (command,) = [one for one in shown() if one.startswith("esios export --indicator")]
    finished = shell.esios(*command.split()[1:], "--out", str(shell.folder / "values.csv"))
    assert finished.code == 0, finished.err
    assert shown()[command].differs_from(finished.out + finished.err) == ""
    assert shown()[command].lines[-1] in finished.err


def test_every_command_that_the_readme_shows_the_output_of_is_one_of_these() -> None:
    assert set(shown()) == {
        "make run",
        "make test",  # this suite
        "head -3 exports/demand_forecast_esios.csv",
        "esios export --indicator 460 --known-before D-1T12:00",
    }


def test_a_changed_output_is_not_what_the_readme_shows() -> None:
    expected = Shown("x", ("a 1", "…", "c 3", "d 4"))
    assert expected.differs_from("a 10\nb 2\nc  30.5\nd 4\n") == ""
    assert expected.differs_from("a 1\nc 3\nd 4") == ""
    assert expected.differs_from("a 1\nb 2\nd 4\n") == "c 3"
    assert expected.differs_from("a 1\nc 3\nb 2\nd 4\n") == "d 4"
    assert expected.differs_from("b 1\na 1\nc 3\nd 4") == "a 1"
    assert expected.differs_from("a 1\nc 3\nd 4\ne 5") == "e 0"
    assert expected.differs_from("") == "a 1"
