"""esios indicators: the registered ones, with what a warehouse knows of them, and without a warehouse too."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

import simulator
from extract.catalogue.indicators import Newest, registered, table
from extract.extraction import Request, extract
from extract.registry import find_indicators, registry
from extract.settings import Settings
from extract.warehouse import connect
from tests.catalogue.conftest import NOON_UTC, settings_of
from tests.end_to_end.conftest import Shell

MIDNIGHT_UTC = datetime(2026, 11, 26, 23)


def landed(server: simulator.Server, folder: Path) -> Settings:
    """A warehouse with one day of 1775 and of 600."""
    settings = settings_of(server, folder)
    day = NOON_UTC.date()
    wanted = find_indicators(["1775", "600"])
    extract(settings, Request(wanted, day, day), now=lambda: NOON_UTC, quiet=True)
    return settings


def test_without_a_warehouse_they_are_listed_in_the_registrys_order(server: simulator.Server, tmp_path: Path) -> None:
    said: list[str] = []
    listed = registered(settings_of(server, tmp_path), said.append)
    assert [one.indicator for one in listed] == list(registry())
    assert {(one.span, one.newest) for one in listed} == {(None, None)}
    assert said == []
    assert not (tmp_path / "esios.duckdb").exists()


def test_the_landed_span_is_shown_before_dbt_has_built_anything(server: simulator.Server, tmp_path: Path) -> None:
    listed = {one.indicator.id: one for one in registered(landed(server, tmp_path), print)}
    assert listed[1775].span == (MIDNIGHT_UTC, MIDNIGHT_UTC + timedelta(days=1))
    assert (listed[1775].newest, listed[460].span) == (None, None)
    assert "2026-11-26 23:00 … 2026-11-27 22:59" in table(list(listed.values()))


def test_the_newest_value_is_that_of_the_first_registered_area(server: simulator.Server, tmp_path: Path) -> None:
    settings = landed(server, tmp_path)
    with connect(settings) as warehouse:
        warehouse.run_script(
            "create table esios_values (indicator_id integer, geo_id integer, period_start_utc timestamp, value double)"
        )
        rows = [(600, 1, 21, 9.0), (600, 1, 22, 7.0), (600, 3, 22, 8.5), (600, 2, 22, 6.0), (1775, 8741, 20, 25000.0)]
        for indicator, area, hour, value in rows:
            at = NOON_UTC.replace(hour=hour)
            warehouse.execute("insert into esios_values values (?, ?, ?, ?)", (indicator, area, at, value))
    listed = {one.indicator.id: one for one in registered(settings, print)}
    first_area = (listed[600].indicator.areas or (1,))[0]
    assert first_area == 3
    assert listed[600].newest == Newest(3, NOON_UTC.replace(hour=22), 8.5)
    assert listed[1775].newest == Newest(8741, NOON_UTC.replace(hour=20), 25000.0)
    assert listed[460].newest is None


def test_a_warehouse_that_cannot_be_read_costs_a_line(server: simulator.Server, tmp_path: Path) -> None:
    settings = settings_of(server, tmp_path)
    settings.duckdb_path.write_bytes(b"this is no database" * 1000)
    said: list[str] = []
    assert len(registered(settings, said.append)) == len(registry())
    assert said[0].startswith("what is landed is not shown (the warehouse")


def test_the_command_needs_no_key_and_prints_a_line_each(shell: Shell) -> None:
    plain = shell.esios("indicators")
    as_json = shell.esios("indicators", "--json")
    assert (plain.code, plain.err) == (0, "")
    lines = plain.out.splitlines()
    assert lines[0].split()[:5] == ["id", "role", "unit", "cadence", "areas"]
    assert [line.split()[0] for line in lines[1:]] == [str(indicator.id) for indicator in registry()]
    document = json.loads(as_json.out)
    assert [one["id"] for one in document] == [indicator.id for indicator in registry()]
    assert {"name", "role", "unit", "areas", "cadence", "landed_from_utc", "newest"} <= set(document[0])


def test_reading_leaves_the_warehouse_as_it_was(server: simulator.Server, tmp_path: Path) -> None:
    settings = landed(server, tmp_path)
    before = settings.duckdb_path.read_bytes()
    registered(settings, print)
    assert settings.duckdb_path.read_bytes() == before
    with duckdb.connect(str(settings.duckdb_path), read_only=True) as connection:
        assert connection.execute("select count(*) from raw_esios.window_checks").fetchone() == (2,)
