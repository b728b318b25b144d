"""The registry's checks: what is wrong in the file is named, entry, key and remedy, by `esios` and by dbt alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from dbt.contracts.graph.manifest import Manifest

from extract.errors import UsageError
from extract.registry import CADENCES, REGISTRY, CadenceSpan, entries, registry
from tests.warehouses.landed import Warehouse
from tests.warehouses.project import REGISTRY_MODEL, with_registry

Meta = dict[str, Any]


def written(path: Path = REGISTRY) -> Meta:
    """The registry as it stands in the file."""
    meta: Meta = yaml.safe_load(path.read_text("utf-8"))["models"][0]["config"]["meta"]
    return meta


def save(folder: Path, meta: Meta) -> Path:
    file = folder / "registry.yml"
    file.write_text(
        yaml.safe_dump({"models": [{"config": {"meta": meta}}]}, allow_unicode=True, sort_keys=False), "utf-8"
    )
    return file


def change(**keys: Any) -> Callable[[Meta], None]:
    """Other keys for the entry of 600."""

    def edit(meta: Meta) -> None:
        next(entry for entry in meta["indicators"] if entry["id"] == 600).update(keys)

    return edit


def without(key: str) -> Callable[[Meta], None]:
    def edit(meta: Meta) -> None:
        del next(entry for entry in meta["indicators"] if entry["id"] == 600)[key]

    return edit


def of_kind(**keys: Any) -> Callable[[Meta], None]:
    return lambda meta: meta["kinds"]["price"].update(keys)


def spans(*pairs: tuple[Any, Any]) -> list[dict[str, Any]]:
    return [{"from": first, "cadence": cadence} for first, cadence in pairs]


HOUR_FROM = "a list such as"
WRONG: dict[str, tuple[Callable[[Meta], None], tuple[str, ...]]] = {
    "no id": (lambda meta: meta["indicators"].append({"name": "x"}), ("number 6 of the list", "id is missing")),
    "id in quotes": (lambda meta: meta["indicators"][0].update(id="460"), ("indicator 460", "id is '460'", "number")),
    "id below 1": (change(id=-5), ("indicator -5", "id is '-5'")),
    "an id twice": (change(id=460), ("indicator 460", "listed twice", "delete one")),
    "no entry": (lambda meta: meta["indicators"].append("601"), ("number 6 of the list", "it is '601'", "its keys")),
    "no name": (without("name"), ("indicator 600", "name is missing", "name of the catalogue")),
    "a blank name": (change(name="  "), ("indicator 600", "name is '  '", "name of the catalogue")),
    "a name too long": (change(name="x" * 201), ("indicator 600", "name is 'xxx", "200 characters")),
    "a name that is a number": (change(name=7), ("indicator 600", "name is '7'")),
    "a role of two words": (change(role="spot price"), ("indicator 600", "role is 'spot price'", "spot_price")),
    "no kind": (without("kind"), ("indicator 600", "kind is missing")),
    "an unknown kind": (change(kind="prize"), ("indicator 600", "kind is 'prize'", "demand, price, power")),
    "a kind that is a list": (change(kind=["price"]), ("indicator 600", "kind is '['price']'")),
    "no areas": (without("areas"), ("indicator 600", "areas is missing", "[8741], or all")),
    "an empty list of areas": (change(areas=[]), ("indicator 600", "areas is '[]'", "[8741], or all")),
    "one area that is no list": (change(areas=3), ("indicator 600", "areas is '3'", "[8741], or all")),
    "an area by name": (change(areas=["España"]), ("indicator 600", "areas is '['España']'", "[8741], or all")),
    "an area twice": (change(areas=[3, 3]), ("indicator 600", "areas is '[3, 3]'", "each once")),
    "more areas than a URL holds": (change(areas=list(range(1, 82))), ("indicator 600", "areas is", "at most 80")),
    "another word for all": (change(areas="every"), ("indicator 600", "areas is 'every'", "or all")),
    "the old key of the area": (change(geo_id=3), ("indicator 600", "geo_id is not a valid key")),
    "a misspelled key": (change(sealde="D-1T20:30"), ("indicator 600", "sealde is not a valid key", "sealed")),
    "no cadence": (without("cadence"), ("indicator 600", "cadence is missing", "hour")),
    "an unknown cadence": (change(cadence="week"), ("indicator 600", "cadence is 'week'", HOUR_FROM)),
    "an empty list of cadences": (change(cadence=[]), ("indicator 600", "cadence is '[]'", HOUR_FROM)),
    "cadences without days": (change(cadence=["hour"]), ("indicator 600", "cadence is '['hour']'", HOUR_FROM)),
    "a span with a third key": (
        change(cadence=[{"from": "2017-01-01", "cadence": "hour", "until": "2018-01-01"}]),
        ("indicator 600", "cadence is", "until", HOUR_FROM),
    ),
    "cadences out of order": (
        change(cadence=spans(("2025-10-01", "hour"), ("2017-01-01", "fifteen_minutes"))),
        ("indicator 600", "cadence is", "days ascending"),
    ),
    "a day twice": (
        change(cadence=spans(("2025-10-01", "hour"), ("2025-10-01", "fifteen_minutes"))),
        ("indicator 600", "cadence is", "days ascending"),
    ),
    "a month with two cadences": (
        change(cadence=spans(("2017-01-01", "month"), ("2025-10-02", "hour"))),
        ("indicator 600", "cadence is", "the first of one"),
    ),
    "an unknown cadence in a span": (
        change(cadence=spans(("2025-10-01", "halfhour"))),
        ("indicator 600", "halfhour", HOUR_FROM),
    ),
    "a span from no day": (
        change(cadence=spans(("2025-02-30", "hour"))),
        ("indicator 600", "cadence is", "2025-02-30", HOUR_FROM),
    ),
    "no day of the calendar": (change(first_day="2017-02-29"), ("indicator 600", "first_day is '2017-02-29'", "a day")),
    "a thirteenth month": (change(first_day="2017-13-01"), ("indicator 600", "first_day is '2017-13-01'", "a day")),
    "a day in words": (change(first_day="yesterday"), ("indicator 600", "first_day is 'yesterday'", "2017-01-31")),
    "days that are no number": (
        change(published_ahead_days="one"),
        ("indicator 600", "published_ahead_days is 'one'", "whole number of days"),
    ),
    "half a day": (change(revision_horizon_days=0.5), ("indicator 600", "revision_horizon_days is '0.5'", "whole")),
    "a horizon before its time": (change(revision_horizon_days=-1), ("indicator 600", "revision_horizon_days is '-1'")),
    "yes for a number": (change(published_ahead_days=True), ("indicator 600", "published_ahead_days is 'True'")),
    "a clock time without quotes": (change(watch_at=[850]), ("indicator 600", "watch_at is '[850]'", "in quotes")),
    "an hour that is none": (change(watch_at=["24:10"]), ("indicator 600", "watch_at is '['24:10']'", "06:45")),
    "one clock time that is no list": (change(watch_at="14:10"), ("indicator 600", "watch_at is '14:10'", "06:45")),
    "a seal without a clock": (change(sealed="D-1"), ("indicator 600", "sealed is 'D-1'", "D-1T20:30")),
    "a seal after the day": (change(sealed="D+1T20:30"), ("indicator 600", "sealed is 'D+1T20:30'", "D-1T20:30")),
    "a blank caution": (change(caution=""), ("indicator 600", "caution is ''", "one sentence")),
    "a caution that is a list": (change(caution=["x"]), ("indicator 600", "caution is '['x']'", "one sentence")),
    "an unknown aggregation": (change(time_agg="mean"), ("indicator 600", "time_agg is 'mean'", "average or sum")),
    "a unit too long": (change(unit="x" * 21), ("indicator 600", "unit is", "a unit such as MW")),
    "a limit in words": (change(plausible_max="high"), ("indicator 600", "plausible_max is 'high'", "number or null")),
    "limits the wrong way round": (
        change(plausible_min=10, plausible_max=5),
        ("indicator 600", "plausible_min is above plausible_max", "swap them"),
    ),
    "no limit at all": (change(plausible_max=float("inf")), ("indicator 600", "plausible_max is 'inf'", "number")),
    "a negative threshold": (change(revision_max=-1), ("indicator 600", "revision_max is '-1'", "from 0 on")),
    "a kind with a wrong key": (of_kind(plausible_step="big"), ("kind price", "plausible_step is 'big'", "number")),
    "a kind with a key of an entry": (of_kind(areas=[3]), ("kind price", "areas is not a valid key")),
    "a kind that gives no unit": (
        lambda meta: meta["kinds"]["price"].pop("unit"),
        ("indicator 600", "unit is missing", "a unit such as MW"),
    ),
    "a kind that is no list of keys": (
        lambda meta: meta["kinds"].update(price="€/MWh"),
        ("kind price", "it is '€/MWh'", "its keys"),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def compiling(tmp_path_factory: pytest.TempPathFactory, manifest: Manifest) -> Warehouse:
    """A warehouse in which nothing is built, whose parsed project may be changed: to copy it takes longest."""
    return Warehouse(tmp_path_factory.mktemp("compiling"), manifest.deepcopy())


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_named_by_esios_and_by_dbt(wrong: str, tmp_path: Path, compiling: Warehouse) -> None:
    edit, words = WRONG[wrong]
    meta = written()
    edit(meta)
    with pytest.raises(UsageError) as caught:
        registry(save(tmp_path, meta))
    assert caught.value.exit_code == 2
    told = dbt_error(compiling, meta)
    for word in words:
        assert word in str(caught.value)
        assert word in told


def dbt_error(warehouse: Warehouse, meta: Meta) -> str:
    """What dbt says of a registry when it compiles the views."""
    manifest = warehouse.manifest
    manifest.nodes[REGISTRY_MODEL].config.meta = meta
    manifest.flat_graph["nodes"][REGISTRY_MODEL]["config"]["meta"] = meta
    outcome = warehouse.invoke("compile", "--select", "esios_indicators", manifest=manifest)
    assert not outcome.success
    return str(outcome.exception or outcome.result.results[0].message)


def test_the_file_as_it_stands_passes_both(warehouse: Warehouse) -> None:
    assert [entry["id"] for entry in entries()][0] == 460
    warehouse.run("--select", "registry")


def test_the_three_views_say_what_the_extractor_reads(warehouse: Warehouse) -> None:
    warehouse.run("--select", "registry")
    names = "id, name, role, kind, unit, time_agg, published_ahead_days, revision_horizon_days"
    limits = "plausible_min, plausible_max, plausible_step"
    rows = warehouse.rows(f"select {names}, first_day, has_all_areas, {limits} from staging_esios.esios_indicators")
    assert rows == [
        (
            *(each.id, each.name, each.role, each.kind, each.unit, each.time_agg),
            *(each.published_ahead_days, each.revision_horizon_days, each.first_day, int(each.areas is None)),
            *(each.plausible_min, each.plausible_max, each.plausible_step),
        )
        for each in registry()
    ]
    assert warehouse.rows("select indicator_id, geo_id from staging_esios.esios_indicator_areas") == [
        (each.id, area) for each in registry() for area in each.areas or ()
    ]
    assert warehouse.rows(
        "select indicator_id, cadence, cadence_seconds from staging_esios.esios_indicator_cadences"
    ) == [(each.id, span.cadence, CADENCES[span.cadence]) for each in registry() for span in each.cadences]
    assert [each.id for each in registry() if each.role == "demand_forecast"] == [460]


def test_a_cadence_that_changes_changes_at_madrid_midnight(warehouse: Warehouse, tmp_path: Path) -> None:
    meta = written()
    pairs = ("2017-01-01", "hour"), ("2020-07-01", "fifteen_minutes"), ("2025-12-01", "five_minutes")
    change(cadence=spans(*pairs), areas="all", sealed="D-2T13:45")(meta)
    meta["indicators"] = [entry for entry in meta["indicators"] if entry["id"] == 600]
    [indicator] = registry(save(tmp_path, meta))
    assert indicator.areas is None
    assert indicator.cadences == (
        CadenceSpan(date.min, "hour"),
        CadenceSpan(date(2020, 7, 1), "fifteen_minutes"),
        CadenceSpan(date(2025, 12, 1), "five_minutes"),
    )
    manifest = with_registry(warehouse.manifest, meta)
    assert warehouse.invoke("run", "--select", "registry", manifest=manifest).success
    assert warehouse.rows("select indicator_id, geo_id from staging_esios.esios_indicator_areas") == []
    assert warehouse.rows(
        "select valid_from_utc::varchar, valid_until_utc::varchar, cadence_seconds"
        " from staging_esios.esios_indicator_cadences order by 1"
    ) == [
        ("1900-01-01 00:00:00", "2020-06-30 22:00:00", 3600),
        ("2020-06-30 22:00:00", "2025-11-30 23:00:00", 900),
        ("2025-11-30 23:00:00", "9999-12-31 00:00:00", 300),
    ]
    assert warehouse.rows(
        "select has_all_areas, sealed_days_before, sealed_clock_seconds from staging_esios.esios_indicators"
    ) == [(1, 2, 13 * 3600 + 45 * 60)]


def test_an_entry_goes_before_its_kind_even_where_it_says_null(tmp_path: Path) -> None:
    meta = written()
    change(flat_hours_max=None, plausible_step=None, revision_max=200)(meta)
    file = save(tmp_path, meta)
    [entry] = [entry for entry in entries(file) if entry["id"] == 600]
    assert (entry["flat_hours_max"], entry["plausible_step"], entry["revision_max"]) == (None, None, 200)
    assert (entry["plausible_min"], entry["unit"], entry["weekly_z_max"]) == (-500, "€/MWh", None)
    [indicator] = [each for each in registry(file) if each.id == 600]
    assert indicator.plausible_step is None


@pytest.mark.parametrize(
    "text", ["", "models: [", "models: []", "models: [{config: {meta: {indicators: []}}}]", "\xff"]
)
def test_a_file_that_cannot_be_read_says_so(text: str, tmp_path: Path) -> None:
    file = tmp_path / "registry.yml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=r"cannot read the registry .*restore it from git"):
        registry(file)
