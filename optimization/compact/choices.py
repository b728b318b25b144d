"""What a caller chooses by name: the levels, the engines, the lossy steps. Nothing is loaded here."""

from __future__ import annotations

from optimization.files import BadInput

LEVELS = ("usable", "packed", "compressed")
ENGINES = ("local", "dask")
STEPS = {
    "float32": "numbers with decimals in 32 bits (some 7 digits)",
    "decimals=N": "numbers rounded to N decimals",
    "seconds": "timestamps cut to whole seconds",
}


def check_choice(what: str, value: str, offered: tuple[str, ...]) -> None:
    """BadInput unless `value` is one of the offered ones."""
    if value not in offered:
        raise BadInput(f"{what} {value!r}: one of {', '.join(offered)}")
