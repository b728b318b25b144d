"""`python -m simulator`: serving until a signal, and serving a command for as long as it runs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

import simulator
from simulator.__main__ import main

PACKAGE = Path(simulator.__file__).parent
VARIABLES = ("ESIOS_API_KEY", "ESIOS_BASE_URL")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository of its own: the simulator looks for `.env` beside its own folder."""
    shutil.copytree(PACKAGE, tmp_path / "simulator", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def environment(**variables: str) -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if name not in VARIABLES}, **variables}


def run(root: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "simulator", *arguments],
        cwd=root, env=environment(**variables), capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def start(root: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "simulator", *arguments],
        cwd=root, env=environment(), text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def python(script: str) -> list[str]:
    return ["--", sys.executable, "-c", script]


SHOW = "import os; print(os.environ.get('ESIOS_BASE_URL'), os.environ.get('ESIOS_API_KEY'))"
ASK = (
    "import os, urllib.request as u\n"
    "url, key = os.environ['ESIOS_BASE_URL'], os.environ['ESIOS_API_KEY']\n"
    "r = u.Request(url + '/indicators/460', headers={'x-api-key': key})\n"
    "a = u.urlopen(r); print(a.status, a.headers['Server'])"
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_its_url_serves_and_ends_cleanly(root, number):
    process = start(root, "--now", "2024-03-13T12:00", "--latency-ms", "1", "--fault", "status:503,nth=2")
    try:
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        ask = {"headers": {"x-api-key": "k"}, "timeout": 5}
        answer = requests.get(f"{url}/indicators/460", **ask)
        assert answer.json()["indicator"]["values"][0]["datetime"] == "2024-03-13T00:00:00.000+01:00"
        assert requests.get(f"{url}/indicators/460", **ask).status_code == 503
        process.send_signal(number)
        assert process.wait(timeout=120) == 0
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.communicate()


def test_a_command_gets_a_url_and_a_key_that_work(root):
    done = run(root, *python(ASK))
    assert (done.returncode, done.stdout) == (0, "200 esios-simulator/1\n")
    assert "SIMULATED" in done.stderr
    assert "ESIOS_API_KEY=" in done.stderr


def test_the_key_that_is_configured_is_the_one_given(root):
    assert run(root, "--key", "just this", *python(ASK)).stdout == "200 esios-simulator/1\n"


@pytest.mark.parametrize("code", [0, 4])
def test_it_ends_with_the_commands_exit_code(root, code):
    assert run(root, *python(f"raise SystemExit({code})")).returncode == code


def test_wrong_usage_shows_no_traceback(root):
    done = run(root, "--series", "none.csv")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("python -m simulator: none.csv")


def test_a_command_killed_by_a_signal_gives_128_and_the_signal(root):
    assert run(root, *python("import os; os.kill(os.getpid(), 9)")).returncode == 128 + 9


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_reach_the_command_which_may_end_in_its_own_way(root, number):
    script = (
        "import signal, sys, threading\n"
        "for n in (signal.SIGINT, signal.SIGTERM): signal.signal(n, lambda n, f: sys.exit(40 + n))\n"
        "print('ready', flush=True)\n"
        "threading.Event().wait(20)"
    )
    process = start(root, *python(script))
    try:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.wait(timeout=120) == 40 + number
    finally:
        process.kill()
        process.communicate()


def test_unless_configured_simulates_when_nothing_is_set(root):
    (root / ".env").write_text("# ESIOS_API_KEY=\nESIOS_BASE_URL=\nESIOS_TARGET=duckdb\n")
    done = run(root, "--unless-configured", *python(SHOW), ESIOS_API_KEY="", ESIOS_BASE_URL=" ")
    assert done.stdout.startswith("http://127.0.0.1:")
    assert "SIMULATED" in done.stderr


@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        ({"ESIOS_API_KEY": "mine"}, "None mine\n"),
        ({"ESIOS_BASE_URL": "http://127.0.0.1:9"}, "http://127.0.0.1:9 None\n"),
    ],
)
def test_unless_configured_leaves_a_configured_environment_alone(root, variables, shown):
    done = run(root, "--unless-configured", *python(f"{SHOW}; raise SystemExit(6)"), **variables)
    assert (done.stdout, done.stderr, done.returncode) == (shown, "", 6)


@pytest.mark.parametrize("line", ["ESIOS_API_KEY='my${token}#1'", "ESIOS_BASE_URL=https://api.esios.ree.es"])
def test_unless_configured_reads_the_env_file(root, line):
    (root / ".env").write_text(f"{line}\n")
    done = run(root, "--unless-configured", *python(SHOW))
    assert (done.stdout, done.stderr, done.returncode) == ("None None\n", "", 0)


def test_an_unreadable_env_file_is_left_to_the_command_to_judge(root):
    (root / ".env").write_bytes(b"ESIOS_API_KEY=\xff\n")
    assert run(root, "--unless-configured", *python(SHOW)).stdout == "None None\n"


def test_a_recorded_series_is_served_to_a_command(root):
    (root / "series.csv").write_text("tz_time,value\n2017-01-01T00:00:00.000Z,23616.0\n")
    script = ASK.replace("/460'", "/460?start_date=2017-01-01&end_date=2017-01-02'").replace(
        "a.headers['Server']", "a.read()"
    )
    done = run(root, "--series", "series.csv", *python(script))
    assert '"value":23616.0' in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--series", "none.csv"], "none.csv"),
        (["--fault", "nonsense"], "no fault is called"),
        (["--now", "soon"], "not a date"),
        (["--port", "70000"], "70000"),
        (["--tls", "none.pem", "none.pem"], "cannot serve"),
        (["--unless-configured"], "needs a command"),
        (["--", "no-such-command-anywhere"], "no such command"),
        (["--"], "a command must follow"),
        (["--nonsense"], "unrecognized arguments"),
    ],
)
def test_wrong_usage_exits_2_and_says_what_is_wrong(capsys, monkeypatch, tmp_path, arguments, told):
    monkeypatch.chdir(tmp_path)
    try:
        code = main(arguments)
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert told in capsys.readouterr().err
