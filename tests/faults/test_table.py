"""The page of faults is made from the rows that the tests assert, and each row is asserted."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.faults.table import PAGE, PARTS, SHORT, Fault, keys_of, page, short_table

TESTS = Path(__file__).parent
TITLED = [(title, key) for title, (_, faults) in PARTS.items() for key in faults]


def literals() -> set[str]:
    """Every text constant of the test modules, f-strings as their fixed parts."""
    return {
        node.value
        for path in TESTS.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_the_page_says_what_the_tests_assert() -> None:
    assert PAGE.read_text("utf-8") == page(), "write it anew: python -m tests.faults.table"


def test_the_page_begins_with_the_short_table_and_each_fault_is_in_one_of_its_rows() -> None:
    first_section = PAGE.read_text("utf-8").partition("\n## ")[0]
    assert [line for line in first_section.splitlines() if line.startswith("|")] == short_table()
    assert len(SHORT) > 20
    named = [key for row in SHORT for key in keys_of(row)]
    assert sorted(named) == sorted({key for _, key in TITLED}), "each fault once"
    faults = {key: fault for _, faults in PARTS.values() for key, fault in faults.items()}
    for row in SHORT:
        told = re.match(r"\d+", row[1])
        codes = {faults[key].code for key in keys_of(row)}
        if told:
            assert codes == {int(told[0])}, row[0]
        else:
            assert codes <= {0, 1, -9}, row[0]


def test_each_row_is_asserted_by_a_test() -> None:
    named = literals()
    rows = [key for _, key in TITLED]
    # "500 now and then" is put together from its number; "damaged: zeros" is a case of "damaged".
    found = (
        named | {f"{code} now and then" for code in (500, 502, 503, 504)} | {name.partition(":")[0] for name in named}
    )
    assert [key for key in rows if key not in found] == []


@pytest.mark.parametrize(("title", "key"), TITLED)
def test_each_row_says_what_to_do_or_that_nothing_needs_doing(title: str, key: str) -> None:
    fault: Fault = PARTS[title][1][key]
    assert fault.what
    assert fault.remains
    assert fault.says or fault.code < 0, "only a killed process says nothing"
