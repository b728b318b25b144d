"""docs/questions.md → docs/questions.pdf, set by typst with its built-in fonts: the same bytes everywhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import typst
from markdown_it import MarkdownIt
from markdown_it.token import Token

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "questions.md"
TARGET = HERE / "questions.pdf"

# 10 pt is the least size of everything, code and page numbers included. No hyphens: a search finds every word.
PREAMBLE = """
#set document(title: {title}, author: "esios-elt", date: none)
#set page(paper: "a4", margin: (x: 1.5cm, y: 1.4cm), columns: 2)
#set columns(gutter: 0.75cm)
#set text(font: "Libertinus Serif", size: 11pt, lang: "en", hyphenate: false)
#set par(leading: 0.5em, spacing: 0.7em, justify: false)
#set list(indent: 0pt, body-indent: 0.45em, spacing: 0.6em, marker: [–])
#set enum(indent: 0pt, body-indent: 0.45em, spacing: 0.6em)
#set table(stroke: (x: none, y: 0.5pt + luma(140)), inset: (x: 3pt, y: 2.5pt))
#show heading.where(level: 1): it => place(top, float: true, scope: "parent", clearance: 0.6em, text(15pt, it.body))
#show heading.where(level: 2): set text(12.5pt)
#show heading.where(level: 2): set block(above: 0.8em, below: 0.6em)
#show heading.where(level: 3): set text(11pt)
#show heading.where(level: 3): set block(above: 0.95em, below: 0.65em)
#show raw: set text(font: "Libertinus Serif", size: 11pt, weight: "semibold", fill: rgb("#00497a"))
#show link: underline
"""
_INLINE = {"strong": ("#strong[", "]"), "em": ("#emph[", "]"), "s": ("#strike[", "]")}
_BLOCKS = {"paragraph": ("", "\n\n"), "bullet_list": ("#list(", ")\n\n"), "list_item": ("[", "],")}


class UnknownMarkdownError(ValueError):
    """The Markdown has an element for which there is no rule here."""


def typst_source(markdown: str) -> str:
    """The Markdown as a typst document. Every text goes in as a string literal: no character of it is markup."""
    tokens = MarkdownIt("commonmark", {"html": False}).enable("table").parse(markdown)
    title = next(tokens[n + 1].content for n, token in enumerate(tokens) if token.type == "heading_open")
    return PREAMBLE.replace("{title}", _literal(title)) + "".join(_blocks(tokens))


def build(source: Path = SOURCE, target: Path = TARGET) -> Path:
    """Write the PDF; the same Markdown gives the same bytes."""
    with TemporaryDirectory() as folder:
        document = Path(folder) / "questions.typ"
        document.write_text(typst_source(source.read_text("utf-8")), encoding="utf-8")
        pdf = typst.compile(document, ignore_system_fonts=True, timestamp=0)
    target.write_bytes(pdf)
    return target


def _literal(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


def _blocks(tokens: list[Token]) -> Iterator[str]:
    for token in tokens:
        kind, _, side = token.type.rpartition("_")
        if token.type == "inline":
            yield "".join(_inline(token.children or []))
        elif kind in _BLOCKS:
            yield _BLOCKS[kind][side == "close"]
        elif kind == "ordered_list":
            yield f"#enum(start: {token.attrs.get('start', 1)}, " if side == "open" else ")\n\n"
        elif kind == "heading":
            yield f"#heading(level: {token.tag[1:]})[" if side == "open" else "]\n\n"
        elif kind == "table":
            yield f"#block(breakable: false, table({_columns(tokens, token)}, " if side == "open" else "))\n\n"
        elif kind == "th":
            yield "strong[" if side == "open" else "],"
        elif kind == "td":
            yield "[" if side == "open" else "],"
        elif token.type == "hr":
            yield "#pagebreak()\n\n"
        elif kind not in ("thead", "tbody", "tr"):
            raise UnknownMarkdownError(f"docs/build_questions.py has no rule for {token.type}; add one")


def _columns(tokens: list[Token], table: Token) -> str:
    """As wide as their texts, the last one takes the rest."""
    row = tokens[tokens.index(table) :]
    end = next(n for n, token in enumerate(row) if token.type == "tr_close")
    return f"columns: ({'auto, ' * (sum(token.type == 'th_open' for token in row[:end]) - 1)}1fr)"


def _inline(tokens: list[Token]) -> Iterator[str]:
    for token in tokens:
        kind, _, side = token.type.rpartition("_")
        if token.type == "text":
            yield f"#{_literal(token.content)};"
        elif token.type == "softbreak":
            yield " "
        elif token.type == "code_inline":
            yield f"#raw({_literal(token.content)});"
        elif kind in _INLINE:
            yield _INLINE[kind][side == "close"] + (";" if side == "close" else "")
        elif kind == "link":
            yield f"#link({_literal(str(token.attrs['href']))})[" if side == "open" else "];"
        else:
            raise UnknownMarkdownError(f"docs/build_questions.py has no rule for {token.type}; add one")


if __name__ == "__main__":
    written = build(*map(Path, sys.argv[1:3]))
    print(f"questions: {written}")
