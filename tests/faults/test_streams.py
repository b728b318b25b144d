"""Streams that are closed, full or without a reader, and cron's environment: the work is done, the exit code is its."""

from __future__ import annotations

import itertools
import json
import os
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import BIN, Finished
from tests.faults.conftest import Built
from tests.faults.machine import Machine
from tests.faults.table import STREAMS

CLOSINGS = [
    "".join(chosen)
    for n in range(1, 4)
    for chosen in itertools.combinations((" <&-", " >&-", " 2>&-"), n)
]  # fmt: skip
# Characters that each verb says: ellipses, arrows, accents, the bars of the summary.
LOCALES = {
    "ISO 8859-15": {"PYTHONIOENCODING": "iso-8859-15"},
    "ASCII": {"PYTHONIOENCODING": "ascii"},
    "code page 437": {"PYTHONIOENCODING": "cp437:strict"},
    "C": {"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "not installed": {"LC_ALL": "xx_YY.utf8", "LANG": "xx_YY.utf8"},
}
ENVIRONMENTS = {
    "empty": "env -i",
    "no home": "env -i HOME=/nonexistent TZ=America/New_York LANG=C LC_ALL=C",
    "no such zone": "env -i TZ=Not/AZone",
    "empty zone": "env -i TZ= HOME=",
    "odd language": "env -i LANG=tr_TR.UTF-8 LC_ALL=tr_TR.UTF-8 TZ=Asia/Kathmandu",
}


def shell(machine: Machine, command: str, **more: str) -> Finished:
    return machine("bash", "-c", command, **more)


@pytest.mark.parametrize("closed", CLOSINGS)
def test_the_work_is_done_whatever_is_closed(machine: Machine, built: Built, closed: str) -> None:
    machine.land(built.file)
    out = machine.folder / "out.csv"
    finished = shell(machine, f"esios export --out {out}{closed}")
    if ">&-" not in closed.replace("2>&-", ""):
        STREAMS["closed"].check(finished)
    assert (finished.code, finished.err) == (0, "")
    assert len(out.read_text("utf-8").splitlines()) == 1 + 59 * 24


@pytest.mark.parametrize("verb", ["extract", "status", "check", "find demanda", "report --out {}/r.html"])
def test_every_verb_works_without_streams(machine: Machine, built: Built, verb: str) -> None:
    machine.land(built.file)
    command = f"esios {verb.format(machine.folder)}"
    told = shell(machine, command)
    assert told.code in (0, 1)
    assert shell(machine, f"{command} <&- >&- 2>&-").code == told.code


def test_a_build_works_without_streams(bench: Machine, built: Built) -> None:
    bench.land(built.file)
    out = bench.folder / "out.csv"
    finished = shell(bench, f"esios run --start 2017-01-01 --end 2017-02-28 --out {out} <&- >&- 2>&-")
    assert finished.code == 0
    assert len(out.read_text("utf-8").splitlines()) == 1 + 59 * 24
    assert shell(bench, "dbt run --quiet --select demand_forecast_esios <&- >&- 2>&-").code == 0


def test_a_file_never_takes_the_number_of_a_closed_stream(machine: Machine, built: Built) -> None:
    """What is written to stdout would otherwise go into the next file that is opened: the warehouse."""
    machine.land(built.file)
    script = (
        "import os; from extract.streams import make_tolerant; make_tolerant(); import duckdb;"
        f"c = duckdb.connect({str(machine.warehouse)!r});"
        "links = [os.readlink(f'/proc/self/fd/{n}') for n in (0, 1, 2)];"
        "os.write(1, b'x' * 9999); raise SystemExit(links != ['/dev/null'] * 3)"
    )
    assert shell(machine, f'{sys.executable} -c "{script}" <&- >&- 2>&-').code == 0
    assert machine.esios("status").code == 0


def test_a_reader_that_has_had_enough_stops_nothing(machine: Machine, built: Built) -> None:
    machine.land(built.file)
    STREAMS["reader gone"].check(shell(machine, "set -o pipefail; esios status | head -1"))
    out = machine.folder / "out.csv"
    finished = shell(machine, f"set -o pipefail; esios export --out {out} | true")
    assert (finished.code, finished.err) == (0, "")
    assert len(out.read_text("utf-8").splitlines()) == 1 + 59 * 24


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no /dev/full on this system")
def test_output_that_is_lost_on_a_full_disk_is_said(machine: Machine, built: Built) -> None:
    machine.land(built.file)
    out = machine.folder / "out.csv"
    STREAMS["output full"].check(shell(machine, f"esios export --out {out} >/dev/full"))
    assert len(out.read_text("utf-8").splitlines()) == 1 + 59 * 24
    assert shell(machine, "esios status 2>/dev/full").code == 0
    assert shell(machine, "esios find 'no such thing' >/dev/full").code == 1, "the work's own code comes first"


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("verb", ["status", "check", "extract", "--help", "extract --help"])
def test_what_the_terminal_cannot_show_is_replaced(machine: Machine, built: Built, verb: str, locale: str) -> None:
    machine.land(built.file)
    finished = shell(machine, f"esios {verb} 2>&1 | iconv -c -t UTF-8; exit ${{PIPESTATUS[0]}}", **LOCALES[locale])
    assert finished.code == machine.esios(*verb.split()).code
    assert "Traceback" not in finished.out
    assert finished.out
    if verb == "status":
        STREAMS["locale"].check(finished)


@pytest.mark.parametrize("locale", LOCALES)
def test_json_loses_no_character(machine: Machine, built: Built, locale: str) -> None:
    machine.land(built.file)
    document = json.loads(shell(machine, "esios status --json", **LOCALES[locale]).out)
    assert document["landed"][0]["name"] == "Previsión diaria de la demanda eléctrica peninsular"
    found = json.loads(shell(machine, "esios find --json eléctrica", **LOCALES[locale]).out)
    assert "Previsión diaria de la demanda eléctrica peninsular" in [row["name"] for row in found]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_cron_sees_what_everybody_sees(machine: Machine, built: Built, environment: str) -> None:
    machine.land(built.file)
    settings = machine.environment
    named = [name for name in settings if name.startswith(("ESIOS_", "DBT_")) and name != "ESIOS_API_KEY"]
    given = " ".join(f"{name}='{settings[name]}'" for name in named)
    folder = machine.folder / "a folder, with spaces"
    folder.mkdir()
    as_cron = f"cd / && {ENVIRONMENTS[environment]} {given} {BIN}/esios"
    finished = shell(machine, f"{as_cron} status </dev/null")
    STREAMS["cron"].check(finished)
    assert finished.out == machine.esios("status").out
    assert shell(machine, f"{as_cron} export --out '{folder}/out.csv'").code == 0
    assert machine.esios("export", "--out", str(machine.folder / "out.csv")).code == 0
    assert (folder / "out.csv").read_bytes() == (machine.folder / "out.csv").read_bytes()
    assert (folder / "out.csv").stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    os.umask(before := os.umask(0))
    return before
