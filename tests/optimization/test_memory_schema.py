"""The schema of one file, followed by the next: in one pass, to the letter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from optimization.files import BadInput
from optimization.memory import LEVELS, load_csv, load_file, write_schema
from tests.optimization.memory_files import differences, written

HEADER = ["id", "price", "day", "paid", "town", "at"]


def rows(count: int, first: int = 0) -> list[list[str | None]]:
    return [
        [
            str(n),
            f"{n}.25",
            f"2020-01-{n % 28 + 1:02d}",
            "yes" if n % 2 else "no",
            f"town {n % 9}",
            f"2020-01-01 00:00:{n % 60:02d}",
        ]
        for n in range(first, first + count)
    ]


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    out = tmp_path / "schema.json"
    write_schema(load_file(written(tmp_path, HEADER, rows(100), "yesterday.csv")), out)
    return out


def test_the_schema_is_readable_and_has_room_for_other_values(schema: Path) -> None:
    columns = {column["name"]: column for column in json.loads(schema.read_text())["columns"]}
    assert (columns["id"]["kind"], columns["id"]["low"], columns["id"]["high"]) == ("int", -128, 127)
    assert columns["day"]["form"] == "YYYY-MM-DD"
    assert columns["paid"]["form"] == "yes/no"


@pytest.mark.parametrize("level", LEVELS)
def test_the_next_file_gets_the_same_types(tmp_path: Path, schema: Path, level: str) -> None:
    tomorrow = rows(20, first=100)
    path = written(tmp_path, HEADER, tomorrow, "tomorrow.csv")
    loaded = load_csv(path, level, schema=schema)
    assert differences(loaded, HEADER, tomorrow) == []
    if level == "usable":
        before = load_csv(tmp_path / "yesterday.csv")
        assert loaded.dtypes.astype(str).tolist() == before.dtypes.astype(str).tolist()


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("id", "128", "'128' in column 'id' does not fit the schema"),
        ("id", "x", "'x' in column 'id'"),
        ("id", "007", "'007' in column 'id'"),
        ("price", "seven", "'seven' in column 'price'"),
        ("price", "7", "'7' in column 'price'"),
        ("day", "2020-02-30", "'2020-02-30' in column 'day'"),
        ("day", "01/02/2020", "'01/02/2020' in column 'day'"),
        ("paid", "maybe", "'maybe' in column 'paid'"),
        ("at", "2020-01-01 00:00", "'2020-01-01 00:00' in column 'at'"),
        ("id", "NA", "'NA' in column 'id'"),
    ],
)
def test_a_value_that_no_longer_fits_is_named_with_its_line(
    tmp_path: Path, schema: Path, column: str, value: str, told: str
) -> None:
    tomorrow = rows(50)
    tomorrow[31][HEADER.index(column)] = value
    with pytest.raises(BadInput, match=f"tomorrow.csv, line 33: {told}"):
        load_csv(written(tmp_path, HEADER, tomorrow, "tomorrow.csv"), schema=schema)


def test_a_gap_and_a_new_text_fit(tmp_path: Path, schema: Path) -> None:
    tomorrow = rows(50)
    tomorrow[3][0] = None
    tomorrow[4][4] = "a town never seen"
    loaded = load_csv(written(tmp_path, HEADER, tomorrow, "tomorrow.csv"), schema=schema)
    assert differences(loaded, HEADER, tomorrow) == []
    assert str(loaded["id"].dtype) == "int8[pyarrow]"


def test_other_columns_than_the_schemas_are_named(tmp_path: Path, schema: Path) -> None:
    path = written(tmp_path, [*HEADER[:-1], "when"], rows(5), "tomorrow.csv")
    with pytest.raises(
        BadInput, match=r"line 1: the columns are not those of the schema \(missing: at; not expected: when"
    ):
        load_csv(path, schema=schema)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"version": 9, "columns": []}'])
def test_a_file_that_is_not_a_schema_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "schema.json").write_text(text)
    with pytest.raises(BadInput, match=r"schema\.json: (no schema file|a schema of another version)"):
        load_csv(written(tmp_path, HEADER, rows(5)), schema=tmp_path / "schema.json")
