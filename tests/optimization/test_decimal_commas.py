"""Decimal commas in files with semicolons: numbers, where every text comes back as it is written."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimization.files import BadInput
from optimization.memory import LEVELS, load_csv, load_file, read_schema, texts, write_schema


def semicolons(folder: Path, cells: list[str]) -> Path:
    path = folder / "in.csv"
    path.write_text("precio;n\n" + "".join(f"{cell};{number}\n" for number, cell in enumerate(cells)), newline="")
    return path


NUMBERS = {
    "two each": ["12,50", "-0,05", "1234,00", "0,99"] * 30,
    "as many as needed": ["0,5", "0,25", "-3", "1234,125"] * 30,
    "thousands parted": ["1.234,56", "-1.000.000,00", "0,05", "999,99"] * 30,
    "parted, as needed": ["1.234,5", "12", "0,25"] * 30,
    "gaps": ["0,5", "", "1,5"] * 30,
    "a word for gaps": ["0,50", "-", "1,25"] * 30,
    "all different": [f"{n},{n % 1000:03d}" for n in range(2000)],
}
TEXTS = {
    "the same number in two ways": ["0,5", "0,50"] * 30,
    "parted and not": ["1.234,5", "12345,5"] * 30,
    "points and commas": ["1,5", "1.5"] * 30,
    "leading zeros": ["00,5", "01,5"] * 30,
    "minus nothing": ["-0,0", "0,5"] * 30,
    "plus": ["+0,5", "1,5"] * 30,
    "no digit before": [",5", "1,5"] * 30,
    "no digit behind": ["5,", "1,5"] * 30,
    "English thousands": ["1,234,567", "1,234"] * 30,
    "groups of two": ["12.34,5", "1,5"] * 30,
    "more digits than a float has": ["0,12345678901234567", "1,5"] * 30,
    "a unit": ["0,5 €", "1,5 €"] * 30,
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", NUMBERS)
def test_they_are_numbers_and_come_back_as_written(tmp_path: Path, kind: str, level: str) -> None:
    cells = NUMBERS[kind]
    loaded = load_file(semicolons(tmp_path, cells), level)
    assert texts(loaded.result, "precio").to_pylist() == [cell or None for cell in cells]
    frame = loaded.result if level == "usable" else loaded.result.to_pandas()
    values = [float(cell.replace(".", "").replace(",", ".")) for cell in cells if cell not in ("", "-")]
    assert frame["precio"].dropna().astype(float).tolist() == values
    assert loaded.columns[0].why.startswith("numbers with a decimal comma, written ")


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", TEXTS)
def test_what_would_not_come_back_stays_text(tmp_path: Path, kind: str, level: str) -> None:
    loaded = load_file(semicolons(tmp_path, TEXTS[kind]), level)
    assert loaded.plans["precio"].kind == "text"
    assert texts(loaded.result, "precio").to_pylist() == TEXTS[kind]


def test_in_a_file_with_commas_a_quoted_comma_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text('a,b\n"1,5",1\n"2,5",2\n')
    assert load_csv(path)["a"].tolist() == ["1,5", "2,5"]


@settings(max_examples=60)
@given(
    st.lists(
        st.from_regex(r"-?(0|[1-9][0-9]{0,2}(\.[0-9]{3}){0,2}|[1-9][0-9]{0,6})(,[0-9]{1,4})?", fullmatch=True)
        | st.sampled_from(["", "0,5", "1,50"]),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from(LEVELS),
    st.sampled_from([24, 1 << 20]),
)
def test_any_mixture_comes_back(tmp_path: Path, cells: list[str], level: str, chunk: int) -> None:
    path = semicolons(tmp_path, cells)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("optimization.compact.source.Source.__init__.__defaults__", (None, None, None, chunk))
        loaded = load_file(path, level)
    assert loaded.delimiter == ";"
    back = texts(loaded.result, "precio").to_pylist()
    kind = loaded.plans["precio"]
    if kind.kind == "float" and not kind.form:  # with points alone: the same float64
        assert [text and float(text) for text in back] == [float(cell) if cell else None for cell in cells]
    else:
        assert back == [cell or None for cell in cells]


def test_a_schema_keeps_the_form_and_names_what_does_not_fit(tmp_path: Path) -> None:
    path, schema = semicolons(tmp_path, NUMBERS["two each"]), tmp_path / "schema.json"
    write_schema(load_file(path), schema)
    assert read_schema(schema)["precio"].form == "0,00"
    assert texts(load_csv(path, schema=schema), "precio").to_pylist() == NUMBERS["two each"]
    semicolons(tmp_path, ["1,50", "2,5"])
    with pytest.raises(BadInput, match="line 3: '2,5' in column 'precio' does not fit the schema"):
        load_csv(path, schema=schema)


def test_the_command_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from optimization.memory import main

    assert main([str(semicolons(tmp_path, NUMBERS["thousands parted"])), "--quiet"]) == 0
    assert "numbers with a decimal comma, written #.##0,00" in capsys.readouterr().out


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("encoding", ["windows-1252", "utf-8-sig", "utf-16", "utf-16-le"])
def test_a_spanish_export_is_read_as_pandas_reads_its_texts(tmp_path: Path, encoding: str, level: str) -> None:
    lines = ["Fecha;Hora;Precio (€/MWh, media);Energía;Provincia;Nota"]
    for n in range(400):
        energy = f"{n * 7919:,}".replace(",", ".") + f",{n % 100:02d}"
        province = ("Álava", "Ávila", "León")[n % 3]
        note = ("", '""', '"con ; y "" dentro"', "sin")[n % 4]
        lines.append(f"{n % 28 + 1:02d}/01/2023;{n % 24};{n % 37},{n % 10}{n % 9 + 1};{energy};{province};{note}")
    path = tmp_path / "in.csv"
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode(encoding))
    loaded = load_file(path, level)
    assert (loaded.delimiter, loaded.encoding) == (";", encoding)
    expected = pd.read_csv(path, sep=";", dtype=str, na_filter=False, encoding=encoding)
    for name in expected:
        assert [text or "" for text in texts(loaded.result, name).to_pylist()] == expected[name].tolist()
    kinds = {name: plan.form or plan.kind for name, plan in loaded.plans.items()}
    assert kinds == {
        "Fecha": "DD/MM/YYYY", "Hora": "int", "Precio (€/MWh, media)": "0,00", "Energía": "#.##0,00",
        "Provincia": "text", "Nota": "text",
    }  # fmt: skip
