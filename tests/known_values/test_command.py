"""`esios export --indicator …` as typed: files, messages, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Finished, Shell

from .conftest import Fill
from .histories import HOUR
from .test_known_values import DAY, EXPECTED, HISTORY, NOON, said


class Typed(Shell):
    """A shell on the warehouse that holds a history."""

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"ESIOS_DUCKDB_PATH": str(self.folder / "known.duckdb")}

    def export(self, *arguments: str) -> Finished:
        """`esios export … --out values.csv`."""
        return self.esios("export", *arguments, "--out", str(self.out))

    @property
    def out(self) -> Path:
        return self.folder / "out" / "values.csv"


@pytest.fixture
def shell(tmp_path: Path, filled: Fill) -> Typed:
    filled([*HISTORY, said(7.5, NOON, DAY, (600, 3)), said(8.5, NOON + HOUR, DAY, (600, 1))])
    return Typed(tmp_path)


def test_the_values_as_of_an_instant_are_written_and_what_is_left_out_is_said(shell: Typed) -> None:
    done = shell.export("--indicator", "460", "--as-of", "2018-06-30T12:00:00+02:00")
    assert (done.code, done.out) == (0, f"export: 2 rows of indicator 460 to {shell.out}\n")
    assert done.err == "1 period left out: not known yet at the cutoff (2018-06-30 10:00:00 UTC)\n"
    assert shell.out.read_text("utf-8") == EXPECTED


def test_everything_at_once_as_json(shell: Typed) -> None:
    done = shell.export(
        *("--indicator", "600", "460", "--start", "2018-07-01", "--end", "2018-07-01", "--areas", "3,8741"),
        *("--known-before", "D-1T12:00", "--versions", "first", "--trust-sealing", "--wide"),
        *("--tz", "Europe/Madrid", "--json"),
    )
    assert done.code == 0
    assert json.loads(done.out) == {
        "indicators": [600, 460],
        "rows": 2,
        "file": str(shell.out),
        "not_known_yet": 1,
        "without_values": [],
        "columns": {
            "indicator_600_area_3": {"indicator_id": 600, "geo_id": 3},
            "indicator_460_area_8741": {"indicator_id": 460, "geo_id": 8741},
        },
        "exit_code": 0,
    }
    assert shell.out.read_text("utf-8") == (
        "period_start_utc,indicator_600_area_3,indicator_460_area_8741\n"
        "2018-07-01 00:00:00+02:00,7.5,1.0\n2018-07-01 01:00:00+02:00,,5.0\n"
    )


def test_an_indicator_of_which_nothing_is_landed_is_named_with_exit_code_1_and_the_others_are_written(
    shell: Typed,
) -> None:
    done = shell.export("--indicator", "460", "--indicator", "1293")
    assert done.code == 1
    assert "no value of indicator 1293 (Demanda real) is in the warehouse: land it with `esios extract" in done.err
    assert len(shell.out.read_text("utf-8").splitlines()) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--indicator", "460", "--as-of", "2018-01-01", "--known-before", "PT1H"),
            "two cutoffs: leave one of them out",
        ),
        (("--indicator", "460", "--known-before", "D-1"), "'D-1' is not a valid rule: use D-1T12:00"),
        (("--indicator", "460", "--as-of", "noon"), "'noon' is not a valid instant: use yyyy-mm-ddTHH:MM:SS"),
        (("--indicator", "460", "--areas", "3"), "no indicator asked for has the area 3: their areas are 8741"),
        (("--indicator", "460", "--areas", "x,3"), "'x,3' is not a list of area ids: use ID,ID"),
        (("--indicator", "4600"), "indicator '4600' is not registered"),
        (("--indicator", "460", "--tz", "Spain/Madrid"), "'Spain/Madrid' is not a time zone: use a name such as"),
        (
            ("--indicator", "460", "--versions", "newest"),
            "'newest' is not a valid choice of versions: use latest, first, all",
        ),
        (("--indicator", "460", "--versions", "all", "--wide"), "wide has room for one value a period"),
        (
            ("--indicator", "460", "--start", "2018-07-02", "--end", "2018-07-01"),
            "lies after end 2018-07-01: swap them",
        ),
        (("--indicator", "460", "--table", "esios_values"), "--table and --indicator are both given"),
        (("--wide",), "--wide is given without --indicator: name an indicator, or leave it out"),
        (("460",), "460 is given without --indicator"),
    ],
)
def test_what_is_wrongly_asked_ends_with_2_a_remedy_and_no_file(
    shell: Typed, arguments: tuple[str, ...], message: str
) -> None:
    done = shell.export(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Error: ")
    assert message in done.err
    assert not shell.out.parent.exists()


def test_a_table_is_exported_as_ever(shell: Typed) -> None:
    done = shell.export("--table", "esios_values")
    assert (done.code, done.out) == (0, f"export: 5 rows of esios_values to {shell.out}\n")
