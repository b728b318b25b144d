"""docs/indicators.md shows what the commands really print."""

from __future__ import annotations

import re
from pathlib import Path

import simulator
from extract.catalogue.add import Options, add
from extract.catalogue.describe import describe
from extract.catalogue.find import find
from extract.catalogue.lookup import Lookup
from extract.catalogue.profile import QUARTER_HOURLY_FROM
from tests.catalogue.conftest import NOON, ROOT, settings_of, utc

PAGE = (ROOT / "docs" / "indicators.md").read_text("utf-8")
SHOWN = dict(re.findall(r"```\n\$ (esios (?:find|describe|add)[^\n]*)\n(.*?)\n```", PAGE, re.DOTALL))


def test_every_shown_output_is_the_commands(tmp_path: Path) -> None:
    with simulator.serve(clock=NOON) as server:
        settings = settings_of(server, tmp_path)
        with Lookup(settings, print, now=lambda: utc(server)) as lookup:
            found = find(lookup.catalogue, "precio de la energia")
            printed = {
                'esios find "precio de la energia"': "\n".join(f"{entry.id}\t{entry.title}" for entry in found),
                "esios describe 1739": describe(settings, "1739", lookup).text(),
                "esios describe 600": describe(settings, "600", lookup).text(),
                "esios add 1739 --dry-run": add(lookup, ["1739"], Options(), dry_run=True).text
                + "\nadd: nothing was written",
            }
    assert printed == SHOWN


def test_the_days_of_change_are_those_that_are_looked_at() -> None:
    assert f"({', '.join(map(str, QUARTER_HOURLY_FROM))})" in PAGE
