"""esios_catalogue: what the newest catalogue lists, and what of it is registered."""

from __future__ import annotations

from tests.warehouses.landed import Warehouse

MODELS = ("--select", "+esios_catalogue")


def keep(warehouse: Warehouse, *rows: tuple[object, ...]) -> None:
    """Put entries into the landing: id, name, short name, description, when it was fetched."""
    for row in rows:
        texts = ", ".join("null" if value is None else f"'{value}'" for value in row)
        warehouse.execute(f"insert into raw_esios.catalogue_entries values ({texts})")


def test_it_has_what_the_newest_catalogue_lists_and_says_what_is_registered(warehouse: Warehouse) -> None:
    warehouse.run(*MODELS)
    assert warehouse.rows("select * from esios_catalogue") == []
    keep(
        warehouse,
        (460, "Previsión diaria", "Previsión", "De hoy\na D+7", "2026-11-27 11:00:00.5"),
        (9999, "No registrado", "", "", "2026-11-27 11:00:00.5"),
        (1, "Ya no está", "", "", "2026-11-26 11:00"),
    )
    assert warehouse.rows("select * from esios_catalogue order by indicator_id") == [
        (460, "Previsión diaria", "Previsión", "De hoy\na D+7", 1),
        (9999, "No registrado", "", "", 0),
    ]
    offered = "select indicator_id, is_offered from staging_esios.stg_esios__catalogue_entries order by 1"
    assert warehouse.rows(offered) == [(1, 0), (460, 1), (9999, 1)]


def test_an_indicator_listed_twice_or_without_a_name_is_found(warehouse: Warehouse) -> None:
    warehouse.run(*MODELS)
    keep(warehouse, (460, "Previsión diaria", "", "", "2026-11-27 11:00"))
    assert warehouse.test("esios_catalogue_has_each_indicator_once") == "pass"
    assert warehouse.test("stg_esios__catalogue_entries_are_whole") == "pass"
    # A table that somebody else made, without the key and the constraints of ours.
    warehouse.execute(
        "create table raw_esios.loose as from raw_esios.catalogue_entries",
        "drop table raw_esios.catalogue_entries",
        "alter table raw_esios.loose rename to catalogue_entries",
    )
    keep(warehouse, (460, "Previsión diaria", "", "", "2026-11-27 11:00"), (461, None, "", "", "2026-11-27 11:00"))
    assert warehouse.test("esios_catalogue_has_each_indicator_once") == "fail"
    assert warehouse.test("stg_esios__catalogue_entries_are_whole") == "fail"
