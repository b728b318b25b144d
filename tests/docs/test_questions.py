"""The page of questions: two legible pages that say what the Markdown says, about things that are there."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
import yaml
from markdown_it import MarkdownIt
from pypdf import PdfReader

from docs import build_questions
from extract.__main__ import cli

ROOT = Path(__file__).resolve().parents[2]
MARKDOWN = ROOT / "docs" / "questions.md"
A4 = (595.0, 842.0)


@pytest.fixture(scope="module")
def pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made fresh from the Markdown."""
    path: Path = build_questions.build(MARKDOWN, tmp_path_factory.mktemp("questions") / "questions.pdf")
    return path


def words_of_markdown() -> list[str]:
    """The words as a reader sees them, block by block."""
    blocks = MarkdownIt("commonmark", {"html": False}).enable("table").parse(MARKDOWN.read_text("utf-8"))
    lines = ["".join(child.content or " " for child in block.children or []) for block in blocks]
    return without_marks("\n".join(lines)).split()


def words_of_pdf(path: Path) -> list[str]:
    """The words in reading order, without the marks and numbers that a list puts before its items."""
    text = "\n".join(page.extract_text() for page in PdfReader(path).pages)
    return without_marks(text).split()


def without_marks(text: str) -> str:
    """A list puts a dash or a number before its items, a heading may begin with one."""
    return re.sub(r"^(–|\d+\.)\s", "", text, flags=re.MULTILINE)


def test_it_is_two_pages_of_a4(pdf: Path) -> None:
    pages = PdfReader(pdf).pages
    assert 1 <= len(pages) <= 2
    for page in pages:
        assert (float(page.mediabox.width), float(page.mediabox.height)) == pytest.approx(A4, abs=1)


def test_every_letter_is_ten_points_or_more(pdf: Path) -> None:
    sizes: dict[float, str] = {}

    def note(text: str, matrix: list[float], text_matrix: list[float], _font: object, size: float) -> None:
        if text.strip():
            scale = abs(text_matrix[3] * matrix[3])
            sizes[round(size * scale, 2)] = text.strip()[:40]

    for page in PdfReader(pdf).pages:
        page.extract_text(visitor_text=note)
    assert sizes
    assert {size: text for size, text in sizes.items() if size < 10} == {}
    assert max(sizes) < 30


def test_the_pdf_says_what_the_markdown_says(pdf: Path) -> None:
    # A code word may break at a slash or a dash over the line: compared without blanks.
    assert "".join(words_of_pdf(pdf)) == "".join(words_of_markdown())


def test_the_committed_pdf_is_the_one_that_the_markdown_makes(pdf: Path) -> None:
    assert (ROOT / "docs" / "questions.pdf").read_bytes() == pdf.read_bytes(), "run `make questions`"


def test_markdown_that_it_does_not_know_is_refused_and_not_dropped() -> None:
    with pytest.raises(build_questions.UnknownMarkdownError, match="fence"):
        build_questions.typst_source("# Title\n\n```\ncode\n```\n")


def test_no_character_of_the_text_is_typst_markup(tmp_path: Path) -> None:
    nasty = 'a $x$ #let @ref <label> _b_ "q" \\ end ~ ' + '`#raw "x" \\`'
    (tmp_path / "nasty.md").write_text(f"# T\n\n{nasty}\n", encoding="utf-8")
    path = build_questions.build(tmp_path / "nasty.md", tmp_path / "nasty.pdf")
    text = " ".join(PdfReader(path).pages[0].extract_text().split())
    assert text == 'T a $x$ #let @ref <label> b "q" \\ end ~ #raw "x" \\'


def code_names() -> list[str]:
    return sorted(set(re.findall(r"`([^`]+)`", MARKDOWN.read_text("utf-8"))))


def known_names() -> set[str]:
    """Models, columns, registry keys, raw tables and their columns."""
    names: set[str] = set()
    for file in (ROOT / "dbt_project" / "models").rglob("*.yml"):
        document = yaml.safe_load(file.read_text("utf-8")) or {}
        for model in document.get("models") or []:
            names.add(model["name"])
            names.update(column["name"] for column in model.get("columns") or [])
            for indicator in model.get("config", {}).get("meta", {}).get("indicators") or []:
                names.update(indicator)
        for source in document.get("sources") or []:
            for table in source["tables"]:
                names.add(f"{source['schema']}.{table['name']}")
                names.update(column["name"] for column in table.get("columns") or [])
    return names


def is_there(name: str) -> bool:
    if name.startswith("make "):
        targets = [ROOT / "Makefile", *(ROOT / "mk").glob("*.mk")]
        return any(re.search(rf"^{name[5:]}:", file.read_text("utf-8"), re.MULTILINE) for file in targets)
    if name.startswith("esios "):
        return name[6:] in cli.commands
    if name.startswith("--"):
        options = [
            option for verb in cli.commands.values() for option in verb.params if isinstance(option, click.Option)
        ]
        return any(name in option.opts for option in options)
    if name.startswith("dbt "):
        return name in ("dbt build", "dbt run", "dbt test", "dbt source freshness")
    if "/" in name or ("." in name and (ROOT / name).is_file()):
        return (ROOT / name).exists()
    return name in known_names()


# What ESIOS and HTTP call things: words of the outside world, not of this project.
OUTSIDE = {"datetime_utc", "Retry-After"}


@pytest.mark.parametrize("name", [name for name in code_names() if name not in OUTSIDE])
def test_every_name_in_code_type_is_in_the_project(name: str) -> None:
    assert is_there(name), f"docs/questions.md names {name}, which is nowhere"


def test_the_sample_sizes_follow_from_their_formula() -> None:
    text = " ".join(MARKDOWN.read_text("utf-8").split())
    assert "(1.645 × 0.76 / 0.2)² ≈ **39 days**" in text
    assert round((1.645 * 0.76 / 0.2) ** 2) == 39
    assert "(1.645 / 0.5)² ≈ 11 days" in text
    assert round((1.645 / 0.5) ** 2) == 11
