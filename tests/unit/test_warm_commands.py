"""A command that is forked from a process that has imported it ends as one that is started does."""

from __future__ import annotations

import os
import signal
import threading
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


ENDLESS = {"ESIOS_API_KEY": "sesame", "ESIOS_BASE_URL": "http://127.0.0.1:9", "ESIOS_MAX_TRIES": "99"}


def test_a_command_that_does_not_end_is_ended(warm: WarmCommands, tmp_path: Path) -> None:
    environment = Shell(tmp_path).environment | ENDLESS
    code, _, _ = warm.run(("esios", "extract"), environment, ROOT, timeout=0.5)
    assert code == -signal.SIGALRM


def test_a_command_that_is_given_up_is_not_taken_for_the_next(warm: WarmCommands, tmp_path: Path) -> None:
    def give_up(*_: object) -> None:
        raise TimeoutError

    environment = Shell(tmp_path).environment | ENDLESS
    before = signal.signal(signal.SIGUSR1, give_up)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        with pytest.raises(TimeoutError):
            warm.run(("esios", "extract"), environment, ROOT, timeout=1.5)
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)
    assert Shell(tmp_path, warm=warm).esios("--help").out.startswith("Usage: esios")
