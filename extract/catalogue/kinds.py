"""The kind of the registry that fits what ESIOS calls the values of an indicator. Pure."""

from __future__ import annotations

from extract.catalogue.entries import folded

# `magnitud[].name` of a response's head → kind. The head of 460 says energy, and its values are power: say --kind.
_KINDS = {"precio": "price", "potencia": "power", "energia": "energy", "porcentaje": "share"}


def kind_of(magnitude: str) -> str | None:
    """The kind for a magnitude such as "Precio"; None where none is known."""
    return _KINDS.get(folded(magnitude))
