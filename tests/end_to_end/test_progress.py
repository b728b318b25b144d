"""Progress: a bar with windows, rate and time left on a terminal, a plain line a window elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress

import simulator
from tests.end_to_end.conftest import ROOT, Shell

SPAN = ("--start", "2017-01-01", "--end", "2017-12-31")


def test_a_terminal_gets_a_bar_with_windows_rate_and_time_left(shell: Shell) -> None:
    terminal, its_end = pty.openpty()
    with simulator.serve(latency_ms=50) as server:
        command = [sys.executable, "-m", "extract", "extract", *SPAN]
        variables = shell.environment | {"ESIOS_BASE_URL": server.url, "ESIOS_API_KEY": "k", "ESIOS_CONCURRENCY": "1"}
        with subprocess.Popen(command, env=variables, cwd=ROOT, stderr=its_end, stdout=subprocess.DEVNULL) as process:
            os.close(its_end)
            written = b""
            with suppress(OSError):  # how Linux says that the other end is closed
                while chunk := os.read(terminal, 4096):
                    written += chunk
        os.close(terminal)
    text = written.decode()
    assert process.returncode == 0, text
    assert "4/4" in text
    assert "windows/s" in text
    assert "00:00<" in text


def test_elsewhere_each_window_is_a_plain_line_and_the_summary_is_the_result(shell: Shell) -> None:
    with simulator.serve() as server:
        finished = shell.esios("extract", *SPAN, ESIOS_BASE_URL=server.url, ESIOS_API_KEY="k")
    lines = finished.err.splitlines()
    assert len(lines) == 4
    assert lines[-1].startswith("extract 4/4  460 2017-")
    assert "\r" not in finished.err
    assert finished.out.startswith("extract: 4 of 4 windows fetched, 4 landed")
