"""esios find: names without accents and case, descriptions as plain text, and the catalogue kept on the way."""

from __future__ import annotations

import html
import json
import threading
from pathlib import Path

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import simulator
from extract.catalogue.entries import Entry, fetch, matches, one_line, plain_text, resolve
from extract.catalogue.find import find
from extract.catalogue.landing import ENTRIES, keep_catalogue, land_catalogue
from extract.catalogue.lookup import Lookup
from extract.errors import DataIncomplete, UsageError
from extract.warehouse import connect
from tests.catalogue.conftest import NOON_UTC, settings_of
from tests.end_to_end.conftest import Shell

NAME = "Previsión diaria de la demanda eléctrica peninsular"


def entry(indicator_id: int, name: str, short_name: str = "", description: str = "") -> Entry:
    return Entry(indicator_id, name, short_name, description)


CATALOGUE = [
    entry(545, "Demanda programada"),
    entry(461, "PREVISION DIARIA de la demanda eléctrica peninsular"),
    entry(9, "Otra: " + NAME),
    entry(805, "Precio medio horario componente mercado diario "),
    entry(10, "Solar fotovoltaica"),
    entry(11, "Solar fotovoltaica"),
    entry(460, NAME),
]


# --- names ------------------------------------------------------------------------------------------------------------


def test_an_exact_name_comes_first_then_one_that_differs_in_accents_and_case() -> None:
    assert [found.id for found in matches(CATALOGUE, NAME)] == [460, 461, 9]
    assert [found.id for found in matches(CATALOGUE, "DEMANDA PROGRAMADA")] == [545]


def test_a_name_that_is_not_in_the_catalogue_is_data_that_is_missing() -> None:
    with pytest.raises(DataIncomplete, match="no indicator of the catalogue has 'eólica'"):
        find(CATALOGUE, "eólica")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("460", 460),
        (" 0460 ", 460),
        (NAME, 460),
        ("demanda PROGRAMADA", 545),
        ("Precio medio horario componente mercado diario", 805),
        ("Precio medio horario componente mercado diario ", 805),
    ],
)
def test_an_id_or_a_name_means_one_indicator(wanted: str, found: int) -> None:
    assert resolve(CATALOGUE, wanted).id == found


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("461461", "no indicator 461461: `esios find TEXT`"),
        ("9" * 5000, "no indicator 999"),
        ("", "no indicator named ''"),
        ("-460", "no indicator named '-460'"),
        ("Solar fotovoltaica", "2 indicators are called 'Solar fotovoltaica': name one by its id: 10, 11"),
    ],
)
def test_what_means_no_indicator_or_several_is_refused_with_a_remedy(wanted: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        resolve(CATALOGUE, wanted)


# --- plain text -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>Previsi&oacute;n &lt; D+7</p>\r\n<p>Cada d&iacute;a</p>", "Previsión < D+7\nCada día"),
        ("<ul><li>uno<li>dos</ul>tres", "- uno\n- dos\ntres"),
        ("uno<br>dos<br/>tres<BR />cuatro</br>", "uno\ndos\ntres\ncuatro"),
        ("a &amp;amp; b &#8364; &#x20AC; &copy &nbsp;c", "a &amp; b € € © c"),
        ("a < b & c > d", "a < b & c > d"),
        ("<b>neg</b>rita <i>y</i> m&aacute;s", "negrita y más"),
        ("<p>una\r\nsola\r\nl&iacute;nea</p>", "una sola línea"),
        ("dos\r\nlíneas\rtres", "dos\nlíneas\ntres"),
        ("una\nsola<br>dos", "una sola\ndos"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("<script>alert('<p>')</script>x<style>p {}</style>y<!-- z -->", "xy"),
        ("<a href='https://www.esios.ree.es?a=1&amp;b=2'>REE</a>", "REE"),
        ("<p>sin cerrar<p>nada", "sin cerrar\nnada"),
        ("<p></p><li></li> &nbsp; ", ""),
        ("a\x00b\x1b[31mc", "ab[31mc"),
        ("", ""),
    ],
)
def test_html_becomes_plain_text(source: str, text: str) -> None:
    assert plain_text(source) == text


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",))))
@example("&lt;p&gt;")
@example("-")
def test_a_text_that_was_escaped_comes_back_in_one_line_as_it_was(text: str) -> None:
    wanted = one_line(text)
    assert plain_text(f"<p>{html.escape(text)}</p>") == ("" if wanted == "-" else wanted)


@given(st.text(alphabet="<>/&;!-'\" abpliSTYLscript=\n\r#x0129"))
def test_no_description_however_broken_stops_the_reader(text: str) -> None:
    assert all(line == one_line(line) != "" for line in plain_text(text).splitlines())


def test_the_simulated_descriptions_hold_no_markup(lookup: Lookup) -> None:
    described = [found for found in lookup.catalogue if found.description]
    assert len(described) >= 12
    assert not [found.id for found in described if "<p" in found.description or "&oacute" in found.description]
    solar = lookup.entry("10034").description.splitlines()
    assert solar == [
        "Previsión de la producción solar:", "- fotovoltaica (542) &", "- térmica (543)", "Publicación: cada hora.",
    ]  # fmt: skip


# --- the command ------------------------------------------------------------------------------------------------------


def test_find_prints_ids_and_names_and_as_json_the_description_too(shell: Shell) -> None:
    with simulator.serve() as server:
        api = {"ESIOS_BASE_URL": server.url, "ESIOS_API_KEY": "sesame"}
        plain = shell.esios("find", "PREVISION DIARIA de la demanda", **api)
        as_json = shell.esios("find", "--json", "Precio mercado SPOT Diario", **api)
        nothing = shell.esios("find", "no such indicator", **api)
    assert (plain.code, plain.out, plain.err) == (0, f"460\t{NAME}\n", "")
    (found,) = json.loads(as_json.out)
    assert (found["id"], found["name"], found["short_name"]) == (600, "Precio mercado SPOT Diario", "Mercado SPOT")
    assert found["description"].splitlines()[0].endswith("(SDAC) en seis países.")
    assert (nothing.code, nothing.out) == (1, "")
    assert not (shell.folder / "esios.duckdb").exists()


def test_find_stores_the_catalogue_in_a_warehouse_that_exists(shell: Shell) -> None:
    duckdb.connect(str(shell.folder / "esios.duckdb")).close()
    with simulator.serve() as server:
        finished = shell.esios("find", NAME, ESIOS_BASE_URL=server.url, ESIOS_API_KEY="sesame")
    assert (finished.code, finished.err) == (0, "")
    with duckdb.connect(str(shell.folder / "esios.duckdb"), read_only=True) as connection:
        rows = connection.execute(f"select indicator_id, name, short_name from {ENTRIES} order by 1").fetchall()
        everything = connection.execute(f"select * from {ENTRIES}").fetchall()
        source = connection.execute("select source from raw_esios.source").fetchall()
    assert len(rows) == len(simulator.catalogue.INDICATORS)
    assert (460, NAME, "Previsión diaria") in rows
    assert "sesame" not in str(everything)
    assert source == [("simulated",)]


def test_find_works_whatever_the_warehouse_is_like(server: simulator.Server, tmp_path: Path) -> None:
    said: list[str] = []
    settings = settings_of(server, tmp_path, ESIOS_WAREHOUSE_WAIT_S="0.1")

    def found() -> int:
        with Lookup(settings, said.append) as lookup:
            return find(lookup.catalogue, NAME)[0].id

    file = settings.duckdb_path
    assert (found(), said) == (460, [])  # missing
    assert not file.exists()
    file.write_bytes(b"this is no database" * 1000)
    assert found() == 460
    assert "damaged" in said.pop()
    file.unlink()
    with connect(settings) as warehouse:
        warehouse.ensure_schema()
        warehouse.execute("insert into raw_esios.source (source) values ('https://api.esios.ree.es:443')")
    assert found() == 460
    assert "rows from https://api.esios.ree.es:443" in said.pop()
    with duckdb.connect(str(file)) as connection:
        assert connection.execute(f"select count(*) from {ENTRIES}").fetchone() == (0,)
    assert said == []


def test_find_does_not_wait_for_a_warehouse_that_another_process_holds(shell: Shell) -> None:
    file = shell.folder / "esios.duckdb"
    with duckdb.connect(str(file)), simulator.serve() as server:
        finished = shell.esios("find", NAME, timeout=30, ESIOS_BASE_URL=server.url, ESIOS_API_KEY="sesame")
    assert (finished.code, finished.out) == (0, f"460\t{NAME}\n")
    assert "the catalogue was not kept in the warehouse" in finished.err
    assert "held by another process" in finished.err


# --- landing ----------------------------------------------------------------------------------------------------------


def rows(file: Path) -> list[tuple[object, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(
            f"select indicator_id, name, short_name, description, day(fetched_at_utc) from {ENTRIES} order by 1"
        ).fetchall()


def test_what_is_new_changed_or_gone_is_reported_by_the_next_catalogue(
    server: simulator.Server, tmp_path: Path
) -> None:
    settings = settings_of(server, tmp_path)
    first, later = NOON_UTC.replace(day=1), NOON_UTC.replace(day=2)
    with connect(settings) as warehouse:
        land_catalogue(warehouse, "simulated", [entry(1, "one"), entry(2, "two "), entry(3, "three")], first)
        land_catalogue(
            warehouse, "simulated", [entry(2, "two"), entry(3, "3", "t", "d'oh\n-"), entry(4, "four")], later
        )
        with pytest.raises(UsageError, match="holds rows from simulated"):
            land_catalogue(warehouse, "https://api.esios.ree.es:443", [entry(5, "five")], later)
    assert rows(settings.duckdb_path) == [
        (1, "one", "", "", 1),
        (2, "two", "", "", 2),
        (3, "3", "t", "d'oh\n-", 2),
        (4, "four", "", "", 2),
    ]


def test_several_that_keep_the_catalogue_at_once_leave_it_once(server: simulator.Server, tmp_path: Path) -> None:
    settings = settings_of(server, tmp_path)
    with connect(settings) as warehouse:
        warehouse.ensure_schema()
    with Lookup(settings, print) as lookup:
        answer, catalogue = fetch(lookup._patient)
    said: list[str] = []
    threads = [
        threading.Thread(target=keep_catalogue, args=(settings, answer, catalogue, NOON_UTC, said.append))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == []
    assert [row[0] for row in rows(settings.duckdb_path)] == sorted(one.id for one in catalogue)
