"""Two dbt runs never build in one lake at the same time, and a killed one does not stand in the way."""

from __future__ import annotations

import fcntl
import multiprocessing
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from extract.errors import WarehouseError
from extract.settings import Settings, load_settings
from extract.warehouse import lake_lock
from extract.warehouse.lake_lock import Lease, only_dbt_run
from extract.warehouse.lake_storage import LakeStorage


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    lake = {"ESIOS_TARGET": "spark", "ESIOS_LAKE": str(tmp_path / "lake"), "ESIOS_WAREHOUSE_WAIT_S": "0.2"}
    return load_settings(lake, dotenv=tmp_path / "no.env")


def in_a_store(settings: Settings) -> Settings:
    """The same lake by an address, as a store has it that knows no locks."""
    return replace(settings, lake=f"file://{settings.lake}")


def test_one_waits_for_the_other_as_long_as_it_is_reported(settings: Settings) -> None:
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
        assert Lease(LakeStorage(store)).take() is not None


def test_a_lease_that_is_not_renewed_ends_and_its_holder_can_write_no_more(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake_lock, "LEASE", timedelta(seconds=0.5))
    killed, next_one, late = (Lease(LakeStorage(in_a_store(settings))) for _ in range(3))
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
        store = replace(settings, lake=f"file://{settings.lake}/{number}")
        leases = [Lease(LakeStorage(store)) for _ in range(4)]
        with ThreadPoolExecutor(4) as racers:
            assert sorted(racers.map(takes_it, leases)) == [False, False, False, True]


def test_a_store_that_cannot_be_reached_is_named(settings: Settings) -> None:
    storage = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}
    store = replace(settings, lake="s3://bucket/lake", lake_storage={**storage, "AWS_REGION": "eu-south-2"})
    with pytest.raises(WarehouseError, match="the lake s3://bucket/lake cannot be reached"), only_dbt_run(store):
        pass
