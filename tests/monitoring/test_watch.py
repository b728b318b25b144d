"""The watch verb: when it looks, that only one watches, how it waits after failures, and that it stops cleanly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Any

import pytest

from extract.errors import UsageError
from extract.registry import find_indicators
from extract.settings import Settings, load_settings
from extract.watch import Schedule, Watcher, back_off_s, line, only_watcher, schedule_of
from simulator.server import Server

MORNING = Schedule((clock_time(0, 20), clock_time(6, 45)), jitter_s=120)


@pytest.mark.parametrize(
    ("now", "look"),
    [
        ("2021-01-10 00:00", "2021-01-10 05:45"),  # winter: an hour ahead of UTC
        ("2021-01-10 05:45", "2021-01-10 23:20"),
        ("2021-07-10 05:00", "2021-07-10 22:20"),  # summer: two
        ("2021-03-27 23:30", "2021-03-28 04:45"),  # the clocks change in between
        ("2021-10-30 22:30", "2021-10-31 05:45"),
        ("2021-12-31 12:00", "2021-12-31 23:20"),
    ],
)
def test_it_looks_at_the_clock_times_of_madrid(now: str, look: str) -> None:
    assert MORNING.next_look(datetime.fromisoformat(now), 0.0) == datetime.fromisoformat(look)


def test_jitter_spreads_the_looks_and_an_interval_takes_the_place_of_the_clock() -> None:
    now = datetime(2021, 1, 10)
    assert MORNING.next_look(now, 0.5) == datetime(2021, 1, 10, 5, 46)
    assert Schedule((), timedelta(minutes=15), 60).next_look(now, 1.0) == now + timedelta(minutes=16)


def test_the_registry_says_when_each_indicator_is_published() -> None:
    schedule = schedule_of(find_indicators(["460", "600"]), None, 0)
    assert schedule.at == (clock_time(0, 20), clock_time(6, 45), clock_time(14, 10))
    assert all(schedule_of(find_indicators([str(one)]), None, 0).at for one in (460, 1775, 1293, 544, 600))


def test_it_waits_twice_as_long_after_each_failure_up_to_an_hour() -> None:
    assert [back_off_s(failures) for failures in (1, 2, 3, 6, 7, 500)] == [60, 120, 240, 1920, 3600, 3600]


def test_a_line_is_key_value_pairs_on_one_line() -> None:
    record = {"at": "2021-01-10T00:00:00Z", "step": "extract", "error": 'no\nway = "out"', "interrupted": True}
    assert line(record) == "at=2021-01-10T00:00:00Z step=extract error=\"no way = 'out'\" interrupted=true"


def settings_for(tmp_path: Path, url: str = "http://127.0.0.1:9", **variables: str) -> Settings:
    return load_settings(
        {
            "ESIOS_DUCKDB_PATH": str(tmp_path / "esios.duckdb"),
            "ESIOS_BASE_URL": url,
            "ESIOS_API_KEY": "key",
            "ESIOS_MAX_TRIES": "1",
            **variables,
        },
        Path("/nonexistent/.env"),
    )


def watcher(settings: Settings, sleep: Callable[[float], object], records: list[dict[str, Any]]) -> Watcher:
    return Watcher(settings, find_indicators(["460"]), MORNING, records.append, sleep=sleep, chance=lambda: 0.0)


def test_two_watchers_never_work_on_one_warehouse(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    with only_watcher(settings):
        held = (
            "import sys; from pathlib import Path; from extract.settings import load_settings; "
            "from extract.watch import only_watcher; "
            "settings = load_settings({'ESIOS_DUCKDB_PATH': sys.argv[1]}, Path('/nonexistent/.env'))\n"
            "with only_watcher(settings): print('held')"
        )
        other = subprocess.run(
            [sys.executable, "-c", held, str(settings.duckdb_path)], capture_output=True, text=True, timeout=120
        )
        assert other.returncode == 1
        assert f"another esios watch (process {os.getpid()}) is at work on this warehouse" in other.stderr
    with only_watcher(settings):  # free again, and so it is after a kill: the lock ends with its process
        pass


def test_after_failures_it_backs_off_and_a_refused_key_ends_it(tmp_path: Path) -> None:
    (tmp_path / "esios.duckdb").write_bytes(b"no database at all" * 1000)
    records: list[dict[str, Any]] = []
    waited: list[float] = []
    with Server(refused_keys=["key"]) as server:

        def sleep(seconds: float) -> None:
            waited.append(seconds)
            if len(waited) == 3:
                (tmp_path / "esios.duckdb").unlink()

        code = watcher(settings_for(tmp_path, server.url), sleep, records).watch()
    assert waited == pytest.approx([60, 120, 240], abs=0.5)
    assert code == 3
    steps = [(record["step"], record["outcome"], record.get("exit_code")) for record in records]
    assert steps[:3] == [("extract", "error", 5), ("check", "error", 5), ("sleep", "back-off", None)]
    assert steps[-2:] == [("extract", "error", 3), ("check", "failing", 1)]
    assert "ESIOS_API_KEY" in records[-2]["error"]


def test_without_a_key_nothing_begins(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ESIOS_API_KEY is not set"):
        watcher(settings_for(tmp_path, ESIOS_API_KEY=""), lambda _: None, []).watch()


def environment_for(tmp_path: Path, url: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ESIOS_", "DBT_", "MSSQL_"))}
    return {
        **clean,
        "ESIOS_DUCKDB_PATH": str(tmp_path / "esios.duckdb"),
        "ESIOS_BASE_URL": url,
        "ESIOS_API_KEY": "key",
        "ESIOS_WINDOW": "year",
        "ESIOS_REQUESTS_PER_SECOND": "1000",
        "DBT_TARGET_PATH": str(tmp_path / "target"),
        "DBT_LOG_PATH": str(tmp_path / "logs"),
    }


def test_it_extracts_builds_checks_and_stops_on_a_signal_while_it_sleeps(tmp_path: Path) -> None:
    with Server() as server:
        process = subprocess.Popen(
            [sys.executable, "-m", "extract", "watch", "--json", "--metrics", str(tmp_path / "esios.prom")],
            env=environment_for(tmp_path, server.url),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        records = []
        for text in process.stdout:
            records.append(json.loads(text))
            if records[-1]["step"] == "sleep":
                process.send_signal(signal.SIGTERM)
        code, err = process.wait(timeout=120), process.stderr.read()
    assert [(record["step"], record["outcome"]) for record in records] == [
        *(("extract", "ok"), ("build", "ok"), ("check", "ok"), ("sleep", "scheduled"), ("stop", "ok"))
    ]
    assert (code, err) == (0, "")
    assert records[0]["responses_landed"] == records[0]["windows"] >= 10  # from the registry's first day to next week
    assert records[2]["problems"] == 0
    assert "esios_check_ok 1.0" in (tmp_path / "esios.prom").read_text("utf-8")


def test_a_signal_ends_an_extract_within_seconds_and_what_was_landed_stays(tmp_path: Path) -> None:
    with Server(latency_ms=1500) as server:
        process = subprocess.Popen(
            [sys.executable, "-m", "extract", "watch", "--json"],
            env=environment_for(tmp_path, server.url),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        give_up = time.monotonic() + 60
        while len(server.requests) < 3 and time.monotonic() < give_up:
            threading.Event().wait(0.05)
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        out, err = process.communicate(timeout=120)
    assert time.monotonic() - began < 15
    assert process.returncode == 0
    assert "Traceback" not in err
    [record] = [json.loads(text) for text in out.splitlines()]
    assert (record["step"], record["interrupted"]) == ("extract", True)
