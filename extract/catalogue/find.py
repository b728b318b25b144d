"""The find verb: the catalogue by (Spanish) name."""

from __future__ import annotations

from collections.abc import Sequence

from extract.catalogue.entries import Entry, matches
from extract.errors import DataIncomplete


def find(catalogue: Sequence[Entry], text: str) -> list[Entry]:
    """The indicators whose name holds the text, accents and case ignored, an exact name first.

    `DataIncomplete` if nothing is found.
    """
    found = matches(catalogue, text)
    if not found:
        raise DataIncomplete(
            f"no indicator of the catalogue has {text!r} in its name", "try a shorter part of the name"
        )
    return found
