"""The registry's file as text: what is there stays byte for byte, and what is added reads as it was meant."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from extract.catalogue.registry_file import with_entries, yaml_lines
from extract.errors import UsageError
from extract.registry import REGISTRY

FILE = Path("esios_indicators.yml")
ENTRY = {"id": 7, "name": "Siete: «7»", "areas": [1, 2], "first_day": "2020-01-01", "note": None}
HEAD = "models:\n  - name: esios_indicators\n    config:\n      meta:\n        kinds: {price: {unit: €/MWh}}\n"


def listed(text: str) -> list[dict[str, object]]:
    return yaml.safe_load(text)["models"][0]["config"]["meta"]["indicators"]


@pytest.mark.parametrize(
    "tail",
    [
        "        indicators:\n          - id: 1\n            name: x\n",
        "        indicators:\n          - id: 1\n            name: x",
        "        indicators:\n          - id: 1\n            name: x # the last\n",
        '        indicators:\n          - id: 1\n            watch_at: ["00:20",\n              "06:45"]\n',
        "        indicators:\n          - id: 1\n            caution: >-\n              two\n              lines\n",
        "        indicators:\n          - id: 1\n            caution: |\n              two\n              lines\n\n",
        "        indicators:\n          - id: 1\n            areas:\n              - 3\n              - 1\n",
        "        indicators:\n        - id: 1\n          name: not indented\n",
        "        indicators:\n          # none yet\n          - {id: 1, name: x}\n",
        "        indicators:\n          - id: 1\n          # a comment at the end\n      other: 1\n  - name: another\n",
        "        indicators:\n          - id: 1\n\n  - name: another\n    columns:\n      - name: id\n",
        "        indicators: []\n",
        "        indicators: [] # none yet\n      other: 1\n",
        "        indicators: []",
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_an_entry_goes_to_the_end_of_the_list_and_nothing_else_changes(tail: str, newline: str) -> None:
    before = (HEAD + tail).replace("\n", newline)
    after = with_entries(before, [ENTRY, {**ENTRY, "id": 8}], FILE)
    assert listed(after) == [*listed(before), ENTRY, {**ENTRY, "id": 8}]
    documents = [yaml.safe_load(text) for text in (before, after)]
    for document in documents:
        document["models"][0]["config"]["meta"].pop("indicators")
    assert documents[0] == documents[1]
    # Every line of before is in after, in its order; line ends too.
    rest = iter(after.splitlines(keepends=True))
    for line in before.splitlines(keepends=True):
        if "indicators: []" not in line:
            wanted = line if line.endswith("\n") else line + newline
            assert wanted in rest, line
    assert after.count("\n") == after.count(newline)


def test_the_projects_own_file_only_gains_lines() -> None:
    before = REGISTRY.read_text("utf-8")
    after = with_entries(before, [ENTRY], REGISTRY)
    block = "".join(f"{line}\n" for line in yaml_lines(ENTRY, 10))
    assert after.replace(block, "", 1) == before
    assert listed(after)[-1] == ENTRY


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD + "        indicators: [{id: 1}]\n", "stands in brackets"),
        (HEAD, "no list of indicators"),
        (HEAD + "        indicators: 5\n", "no list of indicators"),
        ("[]", "no list of indicators"),
        ("", "no list of indicators"),
    ],
)
def test_a_file_of_another_shape_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        with_entries(text, [ENTRY], FILE)


SCALARS = st.integers() | st.none() | st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=30)
VALUES = (
    SCALARS | st.lists(SCALARS, max_size=3) | st.lists(st.fixed_dictionaries({"from": SCALARS, "cadence": SCALARS}))
)
WORDS = st.sampled_from(
    ["yes", "NO", "null", "~", "1e3", "0x1f", "06:45", "12:30:45", "2020-01-01", "- a", "a: b", "a #b", "#", "€/MWh",
     "%", "@x", "`x`", "'", '"', "[", "{}", "&a", "*a", "!x", "a,b", " a", "a ", "D-1T20:30", "=", "<<", "."]
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["id", "name", "role", "areas", "cadence"]), VALUES | WORDS, min_size=1))
def test_any_value_reads_as_it_was_written(entry: dict[str, object]) -> None:
    text = HEAD + "        indicators:\n" + "".join(f"{line}\n" for line in yaml_lines(entry, 10))
    assert listed(text) == [entry]
