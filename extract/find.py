"""The find verb: the catalogue by (Spanish) name. Pure but for the client it is given."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from extract.api import EsiosClient
from extract.errors import DataIncomplete


def find(client: EsiosClient, text: str) -> list[tuple[int, str]]:
    """(id, name) of the indicators whose name holds the text, accents and case ignored, an exact name first.

    `DataIncomplete` if there is none.
    """
    found = matches(client.catalogue(), text)
    if not found:
        raise DataIncomplete(
            f"no indicator of the catalogue has {text!r} in its name", "try a shorter part of the name"
        )
    return found


def matches(catalogue: Iterable[tuple[int, str]], text: str) -> list[tuple[int, str]]:
    """The entries whose name holds the text: exact ones first, then those that differ in accents and case only."""
    wanted = folded(text)
    holding = [(indicator_id, name) for indicator_id, name in catalogue if wanted in folded(name)]
    return sorted(holding, key=lambda entry: (entry[1] != text, folded(entry[1]) != wanted, entry[0]))


def folded(text: str) -> str:
    """The text without accents, case and doubled spaces."""
    decomposed = unicodedata.normalize("NFKD", text)
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).casefold().split())
