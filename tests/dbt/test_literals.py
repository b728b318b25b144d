"""Numbers in the SQL of the models."""

from __future__ import annotations

import re

import pytest

from tests.warehouses.project import PROJECT

COMMENTS = re.compile(r"\{#.*?#\}", re.DOTALL)
DECIMAL = re.compile(r"(?<![\w.])\d+\.\d+(?![\d.eE])")
FILES = sorted([*PROJECT.glob("models/**/*.sql"), *PROJECT.glob("macros/*.sql"), *PROJECT.glob("tests/**/*.sql")])


@pytest.mark.parametrize("text", ["value > 0.5", "1.0 * count(*)", "(3.6)"])
def test_a_decimal_literal_is_known(text: str) -> None:
    assert DECIMAL.search(text)


def test_a_number_with_a_fraction_is_a_float() -> None:
    # Of a decimal literal and a float Sail makes decimals of 30 digits: they overflow, and are cut. 1e-3 is a float.
    assert len(FILES) > 50
    found = {str(file): DECIMAL.findall(COMMENTS.sub("", file.read_text("utf-8"))) for file in FILES}
    assert {name: literals for name, literals in found.items() if literals} == {}
