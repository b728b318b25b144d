"""esios describe: what the catalogue, the values, the registry and the warehouse say of one indicator."""

from __future__ import annotations

import json

import duckdb

import simulator
from extract.catalogue.describe import describe, landed_of
from extract.catalogue.lookup import Lookup
from extract.catalogue.profile import MAX_REQUESTS
from extract.extraction import Request, extract
from extract.registry import find_indicators
from simulator import catalogue
from tests.catalogue.conftest import NOON_UTC
from tests.end_to_end.conftest import Shell


def lines(text: str) -> dict[str, str]:
    """The labelled lines; what follows the description's first is left out."""
    return {line[:12].strip(): line[13:] for line in text.splitlines() if line[:12].strip()}


def test_a_registered_indicator_shows_what_esios_and_the_registry_say(lookup: Lookup, server: simulator.Server) -> None:
    described = describe(lookup.settings, "Precio mercado SPOT Diario", lookup)
    shown = lines(described.text())
    assert shown["indicator"] == "600 Precio mercado SPOT Diario"
    assert shown["unit"] == "€/MWh (Precio)"
    assert shown["areas"] == ("3 España, 1 Portugal, 2 Francia, 8826 Alemania, 8827 Bélgica, 8828 Países Bajos")
    assert shown["cadence"] == "hour, from 2025-10-01 on fifteen_minutes"
    assert shown["values"] == "since 2014, newest 2026-11-27 22:45 UTC, updated 2026-11-26 13:00 UTC"
    assert shown["registered"].startswith("as spot_price, areas 3")
    assert shown["landed"] == "nothing"
    assert shown["description"].startswith("Precio del acoplamiento de los mercados diarios europeos (SDAC)")
    assert described.requests == len(server.requests) <= MAX_REQUESTS


def test_an_unregistered_one_shows_how_it_is_registered(lookup: Lookup) -> None:
    shown = lines(describe(lookup.settings, "1161", lookup).text())
    assert shown["registered"] == "no (`esios add 1161`)"
    assert shown["unit"] == "MWh (Energía)"
    assert shown["areas"].count(",") == 46
    assert shown["values"].startswith("since 2014-01-01, newest 2026-11-23 22:00 UTC")
    assert shown["description"] == "Energía medida en barras de central < liquidación >."


def test_one_without_values_says_so_and_still_has_its_description(lookup: Lookup) -> None:
    shown = lines(describe(lookup.settings, "603", lookup).text())
    assert (shown["areas"], shown["cadence"], shown["values"]) == ("unknown", "unknown", "none found")
    assert shown["note"].startswith("no values were found on 2026-11-15")
    assert shown["description"] == "Previsión semanal de la demanda."


def test_every_indicator_of_the_catalogue_is_described_in_six_requests(
    lookup: Lookup, server: simulator.Server
) -> None:
    for one in catalogue.INDICATORS:
        server.reset()
        described = describe(lookup.settings, str(one.id), lookup)
        assert 1 + len(server.requests) == described.requests <= MAX_REQUESTS
        assert described.text()
        first_year = one.series.first_day.year if one.series else None
        assert (one.id, described.document()["first_year"]) == (one.id, first_year)


def test_what_is_landed_is_shown_first_and_last_instant_included(lookup: Lookup, server: simulator.Server) -> None:
    day = NOON_UTC.date()
    extract(lookup.settings, Request(find_indicators(["1775"]), day, day), now=lambda: NOON_UTC, quiet=True)
    described = describe(lookup.settings, "1775", lookup)
    assert lines(described.text())["landed"] == (
        "2026-11-26 23:00 … 2026-11-27 22:59 UTC, 1 response, checked 2026-11-27 11:00 UTC"
    )
    assert described.document()["landed"]["responses"] == 1
    assert landed_of(lookup.settings, 460, print) is None


def test_a_warehouse_that_cannot_be_read_costs_a_line_not_the_description(lookup: Lookup) -> None:
    lookup.settings.duckdb_path.write_bytes(b"this is no database" * 1000)
    assert describe(lookup.settings, "541", lookup).landed is None
    (line,) = lookup.said  # type: ignore[attr-defined]
    assert line.startswith("what is landed is not shown (the warehouse")


def test_the_command_prints_for_people_and_for_programs_and_keeps_the_catalogue(shell: Shell) -> None:
    duckdb.connect(str(shell.folder / "esios.duckdb")).close()
    with simulator.serve() as server:
        api = {"ESIOS_BASE_URL": server.url, "ESIOS_API_KEY": "sesame"}
        plain = shell.esios("describe", "10034", **api)
        requests = len(server.requests)
        as_json = shell.esios("describe", "--json", "541", **api)
        unknown = shell.esios("describe", "999999", **api)
        server.add(simulator.faults.key_refused())
        refused = shell.esios("describe", "541", **api)
    assert (plain.code, plain.err) == (0, "")
    assert requests <= MAX_REQUESTS
    assert plain.out.endswith(
        "description  Previsión de la producción solar:\n"
        "             - fotovoltaica (542) &\n"
        "             - térmica (543)\n"
        "             Publicación: cada hora.\n"
    )
    document = json.loads(as_json.out)
    assert (document["id"], document["unit"], document["first_year"]) == (541, "MW", 2014)
    assert document["areas"] == [{"geo_id": 8741, "geo_name": "Península"}]
    assert document["cadence"] == [{"from": None, "cadence": "hour"}]
    assert (document["is_registered"], document["landed"]) == (False, None)
    assert (unknown.code, unknown.out) == (2, "")
    assert "no indicator 999999: `esios find TEXT`" in unknown.err
    assert refused.code == 3
    assert "sesame" not in plain.out + as_json.out + unknown.err + refused.err
    with duckdb.connect(str(shell.folder / "esios.duckdb"), read_only=True) as connection:
        kept = connection.execute("select count(*) from raw_esios.catalogue_entries").fetchone()
    assert kept == (len(catalogue.INDICATORS),)


def test_without_a_key_it_says_what_is_missing(shell: Shell) -> None:
    finished = shell.esios("describe", "541")
    assert finished.code == 2
    assert "ESIOS_API_KEY is not set" in finished.err
