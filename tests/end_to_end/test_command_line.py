"""The command line: help for each verb, the documented exit codes, one error line with its remedy, no traceback."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import pytest

import simulator
from extract.__main__ import cli
from extract.registry import registry
from simulator import faults
from tests.end_to_end.conftest import ROOT, Shell

NAME = "Previsión diaria de la demanda eléctrica peninsular"
Api = Callable[[str], Mapping[str, str]]


@pytest.mark.parametrize("verb", sorted(cli.commands))
def test_every_verb_has_a_json_form_and_shows_the_traceback_if_asked(verb: str) -> None:
    command = cli.commands[verb]
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    assert {"as_json", "debug"} <= {option.name for option in options}


def test_every_variable_is_listed_in_the_example_file() -> None:
    used = set(re.findall(r'"((?:ESIOS|MSSQL)_[A-Z_]+)"', (ROOT / "extract" / "settings.py").read_text("utf-8")))
    listed = set(re.findall(r"^#?((?:ESIOS|MSSQL)_[A-Z_]+)=", (ROOT / ".env.example").read_text("utf-8"), re.MULTILINE))
    assert used - listed == set()
    assert len(used) > 20


def test_find_gives_the_exact_name_first(shell: Shell, api: Api) -> None:
    with simulator.serve() as server:
        finished = shell.esios("find", NAME, **api(server.url))
        folded = shell.esios("find", "prevision DIARIA de la demanda electrica peninsular", **api(server.url))
        nothing = shell.esios("find", "no such indicator", **api(server.url))
    assert finished.out.splitlines()[0] == f"460\t{NAME}"
    assert folded.out.splitlines()[0] == f"460\t{NAME}"
    assert (nothing.code, nothing.out) == (1, "")


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "words"),
    [
        (("extract",), {}, 2, "ESIOS_API_KEY is not set"),
        (("extract", "--indicator", "461"), {"ESIOS_API_KEY": "k"}, 2, "esios add 461"),
        (("extract", "--start", "2017-02-30"), {}, 2, "yyyy-mm-dd"),
        (("extract", "--start", "2018-01-02", "--end", "2018-01-01"), {"ESIOS_API_KEY": "k"}, 2, "lies after"),
        (("extract", "--start", "2999-01-01"), {"ESIOS_API_KEY": "k"}, 2, "in the future"),
        (("extract", "--frobnicate"), {}, 2, "No such option"),
        (("extract", "--all", "--indicator", "460"), {"ESIOS_API_KEY": "k"}, 2, "--all and --indicator contradict"),
        (("status",), {"ESIOS_TARGET": "oracle"}, 2, "ESIOS_TARGET is 'oracle'"),
        (("status",), {"ESIOS_TARGET": "sqlserver"}, 2, "MSSQL_SERVER"),
        (("status",), {"MSSQL_PORT": "abc"}, 2, "MSSQL_PORT is 'abc'"),
        (("status",), {}, 2, "make run"),
        (("export",), {}, 2, "make run"),
        (("load", "/nonexistent.csv", "--table", "t"), {}, 2, ""),
        (("status",), {"ESIOS_DUCKDB_PATH": "/dev/null/x.duckdb"}, 2, ""),
        (("extract",), {"ESIOS_API_KEY": "k", "ESIOS_DUCKDB_PATH": "/dev/null/x.duckdb"}, 5, "ESIOS_DUCKDB_PATH"),
        (("nonsense",), {}, 2, "No such command"),
    ],
)
def test_wrong_usage_is_reported_in_one_line_with_its_remedy(
    shell: Shell, arguments: tuple[str, ...], variables: dict[str, str], code: int, words: str
) -> None:
    finished = shell.esios(*arguments, **variables)
    assert finished.code == code, finished.err
    assert words in finished.err
    assert "Traceback" not in finished.err
    assert finished.out == ""


def test_all_lands_every_registered_indicator(shell: Shell, api: Api) -> None:
    with simulator.serve() as server:
        finished = shell.esios(
            "extract", "--all", "--start", "2019-01-01", "--end", "2019-01-02", "--json", **api(server.url)
        )
    assert finished.code == 0, finished.err
    landed = {run["indicator_id"]: run["responses_landed"] for run in json.loads(finished.out)["runs"]}
    assert landed == {indicator.id: 1 for indicator in registry()}


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (faults.key_refused(), 3, "set ESIOS_API_KEY in .env"),
        (faults.status(503), 4, "run the same command again later"),
        (faults.huge_body(65), 4, "larger than 64 MB"),
    ],
    ids=["key refused", "API down", "too large"],
)
def test_the_apis_failures_have_their_codes(shell: Shell, api: Api, fault: faults.Fault, code: int, words: str) -> None:
    fault.reset()
    with simulator.serve(faults=[fault]) as server:
        variables = dict(api(server.url)) | {"ESIOS_MAX_TRIES": "2", "ESIOS_BACKOFF_INITIAL_S": "0.01"}
        finished = shell.esios("extract", "--start", "2017-01-01", "--end", "2017-01-31", **variables)
        debug = shell.esios("extract", "--debug", "--start", "2017-01-01", "--end", "2017-01-31", **variables)
        as_json = shell.esios("extract", "--json", "--start", "2017-01-01", "--end", "2017-01-31", **variables)
    assert finished.code == code
    assert words in finished.err
    assert "Traceback" not in finished.err
    assert "Traceback" in debug.err
    assert json.loads(as_json.out)["exit_code"] == code
    assert "sesame" not in finished.err + debug.err + as_json.out + as_json.err


def test_a_verb_that_runs_inside_another_program_leaves_that_program_alone(shell: Shell) -> None:
    script = (
        "import threading, click.testing; from extract.__main__ import cli;"
        "threading.Thread(target=threading.Event().wait, name='esios_0', daemon=True).start();"
        "print('still here after', click.testing.CliRunner().invoke(cli, ['status']).exit_code)"
    )
    assert shell("python", "-c", script).out == "still here after 2\n"


def test_a_damaged_warehouse_is_reported_and_left_alone(shell: Shell, api: Api) -> None:
    file = shell.folder / "esios.duckdb"
    file.write_bytes(b"this is no database" * 1000)
    with simulator.serve() as server:
        finished = shell.esios("extract", "--start", "2017-01-01", "--end", "2017-01-31", **api(server.url))
    assert finished.code == 5
    assert "damaged" in finished.err
    assert file.read_bytes() == b"this is no database" * 1000


def test_dbt_sees_the_settings_of_the_env_file(tmp_path: Path, shell: Shell) -> None:
    finished = shell("dbt", "parse", ESIOS_TARGET="nonsense")
    assert finished.code == 2
    assert "ESIOS_TARGET is 'nonsense'" in finished.err


def test_called_from_another_program_it_never_ends_that_program(shell: Shell) -> None:
    # A thread of the caller's may have any name; only `main` owns the process, and only it may leave in a hurry.
    script = (
        "import simulator; from click.testing import CliRunner; from extract.__main__ import cli\n"
        "with simulator.serve(): print('ended with', CliRunner().invoke(cli, ['status']).exit_code)"
    )
    finished = shell("python", "-c", script)
    assert finished.out == "ended with 2\n"


def test_a_span_asked_for_by_mistake_is_forgotten_by_a_person_or_a_program(shell: Shell, api: Api) -> None:
    span = ("--indicator", "460", "--start", "2017-01-01", "--end", "2017-01-31")
    with simulator.serve() as server:
        assert shell.esios("extract", "--start", "2017-01-01", "--end", "2017-02-28", **api(server.url)).code == 0
    refused = shell("bash", "-c", f"echo n | esios forget {' '.join(span)}")
    assert (refused.code, refused.out) == (2, "")
    closed = shell("bash", "-c", f"esios forget {' '.join(span)} <&-")
    assert (closed.code, closed.out) == (2, "")
    assert "add --yes" in closed.err
    agreed = shell("bash", "-c", f"echo y | esios forget {' '.join(span)}")
    assert agreed.code == 0
    assert agreed.out.startswith("forget: 460 2017-01-01 … 2017-01-31 (Madrid days, 31 of them fetched)")
    assert shell.esios("forget", *span, "--yes").code == 2, "nothing of it is due any more"
    rest = shell.esios("forget", "--json", "--yes", *span[:2], "--start", "2017-02-01", "--end", "2017-02-28")
    assert json.loads(rest.out) == {
        "indicator_id": 460, "start": "2017-02-01", "end": "2017-02-28", "checked_days": 28
    }  # fmt: skip
    log = [line for line in shell.esios("status").out.splitlines() if "forgotten" in line]
    assert [line.split(" UTC ")[1] for line in log] == [
        "460 forgotten: 2017-02-01 … 2017-02-28 (Madrid) is no longer due",
        "460 forgotten: 2017-01-01 … 2017-01-31 (Madrid) is no longer due",
    ]
