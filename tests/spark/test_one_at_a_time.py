"""Two dbt runs never build in one lake at the same time, and a killed one does not stand in the way."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from extract import lake_lock
from extract.errors import WarehouseError
from extract.lake_lock import Lease, only_dbt_run
from extract.settings import Settings, load_settings
from tests.integration.conftest import Home

HOLD = "from extract.settings import load_settings; from extract.lake_lock import only_dbt_run; import time\n" + (
    "with only_dbt_run(load_settings()):\n    print('held', flush=True)\n    time.sleep(60)"
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    lake = {"ESIOS_TARGET": "spark", "ESIOS_LAKE": str(tmp_path / "lake"), "ESIOS_WAREHOUSE_WAIT_S": "0.2"}
    return load_settings(lake, dotenv=tmp_path / "no.env")


def in_a_store(settings: Settings) -> Settings:
    """The same lake by an address, as a store has it that knows no locks."""
    return replace(settings, lake=f"file://{settings.lake}")


def test_a_dbt_run_is_refused_while_another_is_at_work(settings: Settings, tmp_path: Path) -> None:
    home = Home(
        "spark", tmp_path, {"ESIOS_TARGET": "spark", "ESIOS_LAKE": settings.lake, "ESIOS_WAREHOUSE_WAIT_S": "0"}
    )
    with only_dbt_run(settings):
        refused = home("dbt", "build")
    assert refused.code == 5
    assert refused.err.splitlines()[-1] == (
        f"Error: another dbt run (process {os.getpid()}) is at work in the lake {settings.lake}:"
        " let it end, or raise ESIOS_WAREHOUSE_WAIT_S to wait for it longer"
    )
    assert "Running with dbt" not in refused.out


def test_a_killed_run_frees_the_folder_at_once(settings: Settings, tmp_path: Path) -> None:
    environment = os.environ | {"ESIOS_TARGET": "spark", "ESIOS_LAKE": settings.lake}
    with subprocess.Popen([sys.executable, "-c", HOLD], env=environment, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(WarehouseError, match=f"process {holder.pid}"), only_dbt_run(settings):
            pass
        holder.send_signal(signal.SIGKILL)
    with only_dbt_run(settings):
        assert "process" in (Path(settings.lake) / "_dbt_run.lock").read_text("utf-8")


def test_one_waits_for_the_other_as_long_as_it_is_told(settings: Settings) -> None:
    Path(settings.lake).mkdir(parents=True)
    with (Path(settings.lake) / "_dbt_run.lock").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        freeing = multiprocessing.get_context("fork").Process(target=time.sleep, args=(1,))
        freeing.start()  # it holds the file as well, until it ends
        file.close()
        begun = time.monotonic()
        with only_dbt_run(replace(settings, warehouse_wait_s=20.0)):
            assert 0.5 < time.monotonic() - begun < 15
        freeing.join()


def test_a_store_without_locks_keeps_a_lease(settings: Settings) -> None:
    store = in_a_store(settings)
    with only_dbt_run(store), pytest.raises(WarehouseError, match="unless it is renewed"), only_dbt_run(store):
        pass
    with only_dbt_run(store):
        pass


def test_a_lease_is_renewed_for_as_long_as_the_run_lasts(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake_lock, "LEASE", timedelta(seconds=1))
    store = in_a_store(settings)
    with only_dbt_run(store):
        time.sleep(2.5)
        assert Lease(f"{store.lake}/_dbt_run").take() is not None


def test_a_lease_that_nobody_renews_is_over_and_its_holder_can_write_no_more(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake_lock, "LEASE", timedelta(seconds=0.5))
    killed, next_one, late = (Lease(f"{in_a_store(settings).lake}/_dbt_run") for _ in range(3))
    assert killed.take() is None
    assert next_one.take() is not None
    time.sleep(0.6)
    assert next_one.take() is None
    assert killed.write(timedelta(seconds=1)) is False
    assert late.take() is not None


def test_of_several_that_begin_together_one_gets_the_lease(settings: Settings) -> None:
    start = threading.Barrier(4)

    def takes_it(lease: Lease) -> bool:
        start.wait()
        return lease.take() is None

    for number in range(5):
        leases = [Lease(f"{in_a_store(settings).lake}/{number}") for _ in range(4)]
        with ThreadPoolExecutor(4) as racers:
            assert sorted(racers.map(takes_it, leases)) == [False, False, False, True]
