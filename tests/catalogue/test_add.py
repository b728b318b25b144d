"""esios add: entries that pass every check and can be extracted at once, from any kind of indicator."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

import simulator
from extract.catalogue.add import Added, Options, add, entry_for, read_areas, role_of
from extract.catalogue.entries import Entry
from extract.catalogue.lookup import Lookup
from extract.catalogue.profile import MAX_REQUESTS, Cadence, Profile
from extract.errors import DataIncomplete, UsageError
from extract.registry import REGISTRY, CadenceSpan, registry
from simulator import catalogue
from tests.end_to_end.conftest import ROOT, Finished, Shell

ACCESS = 0o640


@pytest.fixture
def added(lookup: Lookup, registry_file: Path) -> Callable[..., Added]:
    """`esios add` on a copy of the registry."""

    def run(*wanted: str, dry_run: bool = False, **options: object) -> Added:
        return add(lookup, wanted, Options(**options), dry_run=dry_run, path=registry_file)  # type: ignore[arg-type]

    return run


# --- the entry --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "entry"),
    [
        (
            "541",
            {"name": "Previsión de la producción eólica peninsular", "role": "prevision_eolica", "kind": "power",
             "areas": [8741], "cadence": "hour", "first_day": "2014-01-01", "published_ahead_days": 1,
             "revision_horizon_days": 14, "watch_at": ["00:10"]},
        ),
        (
            "precio de la energia excedentaria del autoconsumo para el mecanismo de compensacion simplificada (PVPC)",
            {"role": "precio_de_la_energia_excedentaria", "kind": "price", "areas": [3], "first_day": "2021-06-01",
             "published_ahead_days": 1, "watch_at": ["20:25"]},
        ),
        (
            "2387",
            {"kind": "price", "first_day": "2021-06-01",
             "cadence": [{"from": "2021-06-01", "cadence": "hour"},
                         {"from": "2026-01-01", "cadence": "fifteen_minutes"}]},
        ),
        ("1001", {"areas": [8741, 8742, 8743, 8744, 8745], "cadence": "hour"}),
        # Forty-seven provinces, settled four days later and again for months.
        ("1161", {"kind": "energy", "areas": "all", "published_ahead_days": 0, "revision_horizon_days": 250,
                  "due_after_hours": 120}),
        ("10211", {"kind": "price", "published_ahead_days": 0, "due_after_hours": 48}),
        ("551", {"kind": "power", "cadence": "five_minutes", "published_ahead_days": 0, "due_after_hours": 3,
                 "watch_at": ["00:20", "06:45", "12:20", "18:20"]}),
        ("10033", {"kind": "share", "cadence": "five_minutes", "first_day": "2019-01-01"}),
        ("624", {"kind": "power", "cadence": "day", "first_day": "2016-03-01", "due_after_hours": 48}),
        ("461", {"kind": "energy", "cadence": "month", "published_ahead_days": 31}),
    ],
)  # fmt: skip
def test_an_entry_says_what_the_kind_does_not(
    added: Callable[..., Added], registry_file: Path, wanted: str, entry: dict[str, object]
) -> None:
    (made,) = added(wanted).entries
    assert {key: made[key] for key in entry} == entry
    assert not {"unit", "time_agg", "plausible_min", "flat_hours_max"} & set(made)
    assert registry(registry_file)[-1].id == made["id"]


def test_every_simulated_indicator_with_values_can_be_registered(
    lookup: Lookup, added: Callable[..., Added], registry_file: Path, server: simulator.Server
) -> None:
    known = {indicator.id for indicator in registry()}
    wanted = [one.id for one in catalogue.INDICATORS if one.series and one.id not in known]
    server.reset()
    made = added(*map(str, wanted))
    assert len(server.requests) <= (MAX_REQUESTS - 1) * len(wanted)
    assert [indicator.id for indicator in registry(registry_file)] == [one.id for one in registry()] + wanted
    assert len(made.entries) == len(wanted) >= 12


def test_the_file_keeps_every_line_its_rights_and_gains_the_printed_ones(
    added: Callable[..., Added], registry_file: Path, tmp_path: Path
) -> None:
    registry_file.chmod(ACCESS)
    link = tmp_path / "link.yml"
    link.symlink_to(registry_file)
    before = registry_file.read_text("utf-8")
    made = added("541", "1739", "541")
    after = registry_file.read_text("utf-8")
    block = "".join(" " * 10 + line + "\n" for line in made.text.splitlines())
    assert after.replace(block, "", 1) == before
    assert after != before
    assert stat.S_IMODE(registry_file.stat().st_mode) == ACCESS
    assert [indicator.id for indicator in registry(registry_file)][-2:] == [541, 1739]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["esios_indicators.yml", "link.yml"]


def test_a_link_to_the_registry_stays_a_link(lookup: Lookup, registry_file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.yml"
    link.symlink_to(registry_file)
    add(lookup, ["541"], Options(), dry_run=False, path=link)
    assert link.is_symlink()
    assert registry(registry_file)[-1].id == 541


def test_a_dry_run_writes_nothing(added: Callable[..., Added], registry_file: Path) -> None:
    before = registry_file.read_bytes()
    made = added("541", dry_run=True)
    assert made.text.startswith("- id: 541\n  name: Previsión de la producción eólica peninsular\n")
    assert registry_file.read_bytes() == before


def test_areas_kind_and_role_are_the_callers_if_given(added: Callable[..., Added], registry_file: Path) -> None:
    added("1001", areas=(8744, 8741), kind="price", role="household_price")
    added("541", areas="all", kind="demand")
    first, second = registry(registry_file)[-2:]
    assert (first.areas, first.role, first.unit) == ((8744, 8741), "household_price", "€/MWh")
    assert (second.areas, second.kind, second.plausible_min) == (None, "demand", 15000)
    assert first.cadences == (CadenceSpan(date.min, "hour"),)


# --- refusals: the file stays as it was -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "options", "kind", "words"),
    [
        (["600"], {}, UsageError, "indicator 600 is registered already: change its entry"),
        (["541", "demanda real"], {}, UsageError, "indicator 1293 is registered already"),
        (["999999"], {}, UsageError, "no indicator 999999"),
        (["541"], {"kind": "prices"}, UsageError, "'prices' is not a valid kind: use one of demand, price, power"),
        (["541"], {"role": "Wind!"}, UsageError, "indicator 541: role is 'Wind!'"),
        (["1001"], {"areas": (8741, 3)}, UsageError, "no values for area 3: it has 8741 Península, 8742 Canarias"),
        (["541", "603"], {}, DataIncomplete, "indicator 603 cannot be registered: no values were found on"),
    ],
)
def test_what_cannot_be_registered_is_refused_and_nothing_is_written(
    added: Callable[..., Added],
    registry_file: Path,
    wanted: list[str],
    options: dict[str, object],
    kind: type[Exception],
    words: str,
) -> None:
    before = registry_file.read_bytes()
    with pytest.raises(kind, match=words):
        added(*wanted, **options)
    assert registry_file.read_bytes() == before
    assert [path.name for path in registry_file.parent.iterdir() if ".part" in path.name] == []


def test_what_is_registered_already_costs_no_request_for_values(
    added: Callable[..., Added], server: simulator.Server
) -> None:
    server.reset()
    with pytest.raises(UsageError, match="registered already"):
        added("541", "600")
    assert server.requests == []


def test_a_registry_that_cannot_be_written_or_read_is_reported(
    lookup: Lookup, registry_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="cannot read the registry"):
        add(lookup, ["541"], Options(), dry_run=False, path=tmp_path / "none.yml")
    if os.geteuid():
        registry_file.parent.chmod(0o500)
        try:
            with pytest.raises(UsageError, match="cannot write"):
                add(lookup, ["541"], Options(), dry_run=False, path=registry_file)
        finally:
            registry_file.parent.chmod(0o700)


@pytest.mark.parametrize("text", ["", "x", "3,", "3;1", "-3", "3,all", "0", "9" * 12])
def test_areas_that_are_not_ids_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a list of areas: use ids such as 3,1,2, or all"):
        read_areas(text)


def test_areas_are_read_from_the_command_line() -> None:
    assert (read_areas("3, 1,3"), read_areas(" all "), read_areas(None)) == ((3, 1), "all", None)


@pytest.mark.parametrize(
    ("short_name", "role"),
    [
        ("Previsión eólica", "prevision_eolica"),
        ("PVPC T. 2.0TD", "pvpc_t_2_0td"),
        ("100 % renovable", "indicator_100_renovable"),
        ("ñ" * 80, "n" * 50),
        ("€€", "indicator_7"),
        ("", "a_name"),
    ],
)
def test_a_role_is_a_word_whatever_the_short_name(short_name: str, role: str) -> None:
    assert role_of(Entry(7, "A name", short_name, "")) == role


# --- what the simulator has no example of -----------------------------------------------------------------------------

NOW = datetime(2026, 11, 27, 11)
KNOWN = Profile(
    "Precio", ((3, "España"),), (Cadence(None, "hour"),), date(2020, 1, 1), True, datetime(2026, 11, 27, 22)
)


def made(profile: Profile, **options: object) -> dict[str, object]:
    return entry_for(Entry(7, "A name", "", ""), profile, Options(**options), NOW, REGISTRY)  # type: ignore[arg-type]


def test_an_unknown_magnitude_asks_for_a_kind() -> None:
    odd = Profile("Temperatura", KNOWN.areas, KNOWN.cadences, KNOWN.first_day, True, KNOWN.last)
    with pytest.raises(
        UsageError,
        match=r"measures 'Temperatura', for which the registry has no kind: name one with --kind: demand, price",
    ):
        made(odd)
    assert made(odd, kind="share")["kind"] == "share"


def test_where_the_values_name_no_area_the_caller_does() -> None:
    nowhere = Profile("Precio", (), KNOWN.cadences, KNOWN.first_day, True, KNOWN.last)
    with pytest.raises(UsageError, match="name no area: say which one it is with --areas ID"):
        made(nowhere)
    assert made(nowhere, areas=(8741,))["areas"] == [8741]


def test_a_cadence_that_the_registry_has_no_word_for_is_refused() -> None:
    weekly = Profile("Precio", KNOWN.areas, (Cadence(None, "7 days"),), KNOWN.first_day, True, KNOWN.last)
    with pytest.raises(DataIncomplete, match="its values are 7 days apart: `esios describe 7`"):
        made(weekly)


def test_a_change_before_the_first_day_does_not_count() -> None:
    changes = (Cadence(None, "hour"), Cadence(date(2020, 1, 1), "fifteen_minutes"))
    young = Profile("Precio", KNOWN.areas, changes, date(2020, 1, 1), True, KNOWN.last)
    assert made(young)["cadence"] == "fifteen_minutes"


def test_an_unknown_first_day_is_the_first_of_the_newest_year() -> None:
    assert made(Profile("Precio", KNOWN.areas, KNOWN.cadences, None, False, KNOWN.last))["first_day"] == "2026-01-01"


# --- the command, the extraction and dbt after it ---------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the project, whose registry may be written to."""
    folder = tmp_path / "project"
    folder.mkdir()
    ignored = shutil.ignore_patterns("__pycache__", "target", "logs")
    for name in ("extract", "simulator", "dbt_project", "profiles"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    return folder


@pytest.fixture
def in_tree(tree: Path, shell: Shell) -> Callable[..., Finished]:
    """A command of the copy, against the simulator of `url`."""

    def run(url: str, *arguments: str) -> Finished:
        script = "import os, sys; os.chdir(sys.argv[1]); sys.path.insert(0, sys.argv[1]); sys.argv[:2] = ['esios'];"
        start = "from extract.__main__ import main; main()"
        api = {"ESIOS_BASE_URL": url, "ESIOS_API_KEY": "sesame"}
        return shell(sys.executable, "-P", "-c", script + start, str(tree), *arguments, **api)

    return run


def test_what_is_added_is_extracted_at_once_and_dbt_knows_it(
    shell: Shell, tree: Path, in_tree: Callable[..., Finished]
) -> None:
    with simulator.serve() as server:
        added = in_tree(server.url, "add", "541", "1001", "--areas", "all", "--json")
        again = in_tree(server.url, "add", "541")
        extracted = in_tree(server.url, "extract", "--indicator", "541", "--indicator", "1001", "--start", "2024-01-01",
                            "--end", "2024-01-31")  # fmt: skip
        listed = in_tree(server.url, "indicators")
    assert (added.code, added.err) == (0, "")
    document = json.loads(added.out)
    assert [entry["id"] for entry in document["entries"]] == [541, 1001]
    assert document["file"] == str(tree / "dbt_project" / "models" / "registry" / "esios_indicators.yml")
    assert (again.code, again.out) == (2, "")
    assert "indicator 541 is registered already" in again.err
    assert extracted.code == 0, extracted.err
    rows = [line.split() for line in listed.out.splitlines()]
    assert [row[:3] for row in rows if row[0] in ("541", "1001")] == [
        ["541", "prevision_eolica", "MW"],
        ["1001", "pvpc_t_2_0td", "€/MWh"],
    ]
    with duckdb.connect(str(shell.folder / "esios.duckdb"), read_only=True) as connection:
        landed = connection.execute("select distinct indicator_id from raw_esios.indicator_responses order by 1")
        assert landed.fetchall() == [(541,), (1001,)]
    built = shell(
        "dbt", "run", "--select", "esios_indicators", "esios_indicator_areas", "esios_indicator_cadences",
        "--project-dir", str(tree / "dbt_project"), "--profiles-dir", str(tree / "profiles"),
    )  # fmt: skip
    assert built.code == 0, built.out
    with duckdb.connect(str(shell.folder / "esios.duckdb"), read_only=True) as connection:
        seen = connection.execute(
            "select id, unit, has_all_areas from staging_esios.esios_indicators where id in (541, 1001)"
        )
        assert sorted(seen.fetchall()) == [(541, "MW", 1), (1001, "€/MWh", 1)]
