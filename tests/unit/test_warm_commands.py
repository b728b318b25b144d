"""A command that is forked from a process that has imported it ends as one that is started does."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.end_to_end.conftest import ROOT, Shell
from tests.warm_commands import WarmCommands


@pytest.mark.parametrize(
    ("command", "variables"),
    [
        ("esios status", {}),
        ("esios status --json", {"ESIOS_TARGET": "oracle"}),
        ("esios export --help", {}),
        ("esios extract --start ñ", {}),
        ("esios forget --indicator 460 --start 2017-01-01 --end 2017-01-02", {}),
        ("esios nonsense", {}),
        ("dbt run", {"ESIOS_TARGET": "oracle"}),
    ],
)
def test_code_and_output_are_the_same(
    warm: WarmCommands, tmp_path: Path, command: str, variables: dict[str, str]
) -> None:
    forked = Shell(tmp_path, warm=warm)(*command.split(), **variables)
    assert forked == Shell(tmp_path)(*command.split(), **variables)
    assert forked.out + forked.err


def test_nothing_of_one_command_is_left_in_the_next(warm: WarmCommands, tmp_path: Path) -> None:
    shell = Shell(tmp_path, warm=warm)
    assert shell.esios("status", ESIOS_TARGET="oracle").code == 2
    assert "oracle" not in shell.esios("status").err


def test_what_only_a_start_can_read_makes_it_start(tmp_path: Path) -> None:
    environment = Shell(tmp_path).environment
    assert WarmCommands.can_run(("esios", "status"), environment)
    assert WarmCommands.can_run(("dbt", "run"), environment | {"ESIOS_TARGET": "oracle"})
    assert not WarmCommands.can_run(("bash", "-c", "esios status"), environment)
    for name in ("PYTHONIOENCODING", "LD_PRELOAD", "LC_ALL", "TZ"):
        assert not WarmCommands.can_run(("esios", "status"), environment | {name: "other"})


def test_a_command_that_does_not_end_is_ended(warm: WarmCommands, tmp_path: Path) -> None:
    held = Shell(tmp_path).environment | {"ESIOS_API_KEY": "sesame", "ESIOS_BASE_URL": "http://127.0.0.1:9"}
    code, _, _ = warm.run(("esios", "extract"), held | {"ESIOS_MAX_TRIES": "99"}, ROOT, timeout=0.5)
    assert code == -signal.SIGALRM
    assert Shell(tmp_path, warm=warm).esios("--help").code == os.EX_OK
