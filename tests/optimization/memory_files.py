"""CSV text for the tests of the memory optimization, and the comparison with what was loaded. No tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from optimization.memory import load_csv, texts

Field = str | None


def csv_text(header: Sequence[str], rows: Sequence[Sequence[Field]], delimiter: str = ",", newline: str = "\n") -> str:
    """None is an empty unquoted field, "" a quoted one."""

    def field(value: Field) -> str:
        if value is None:
            return ""
        if value == "" or any(character in value for character in f'"\r\n{delimiter}'):
            return '"' + value.replace('"', '""') + '"'
        return value

    return "".join(delimiter.join(map(field, row)) + newline for row in [header, *rows])


def written(folder: Path, header: Sequence[str], rows: Sequence[Sequence[Field]], name: str = "in.csv") -> Path:
    path = folder / name
    path.write_bytes(csv_text(header, rows).encode())
    return path


def one_column(folder: Path, values: Sequence[Field], name: str = "c") -> Path:
    """A file with the column and a second one, so that an empty field is not an empty line."""
    return written(folder, [name, "row"], [[value, str(number)] for number, value in enumerate(values)])


def same_field(back: Field, original: Field) -> bool:
    """Letter by letter; a number with a decimal point need only have the same float64."""
    if back == original:
        return True
    if back is None or original is None or "." not in original:
        return False
    try:
        return float(back).hex() == float(original).hex()
    except ValueError:
        return False


def differences(
    loaded: Any, header: Sequence[str], rows: Sequence[Sequence[Field]]
) -> list[tuple[str, int, Field, Field]]:
    """Column, row, text loaded, text of the file: wherever they differ."""
    found = []
    for place, name in enumerate(header):
        back = texts(loaded, name).to_pylist()
        assert len(back) == len(rows)
        found += [
            (name, number, text, row[place])
            for number, (text, row) in enumerate(zip(back, rows, strict=True))
            if not same_field(text, row[place])
        ]
    return found


def dtype_of(folder: Path, values: Sequence[Field]) -> str:
    """The dtype that the level `usable` gives a column of these texts."""
    return str(load_csv(one_column(folder, values))["c"].dtype)
