"""Where a CSV text keeps its coordinates, and what a coordinate's field says. Bytes, no decoding."""

from __future__ import annotations

import re
from pathlib import Path

from optimization.counted import counted
from optimization.csv_rules import (
    BOM,
    MISSING_TO_PANDAS,
    OPEN,
    BrokenRecord,
    line_ends,
    records,
    refuse_other_kinds,
    sniff_delimiter,
    unquoted,
    without_line_end,
)
from optimization.files import BadInput

MISSING_TEXTS = frozenset(word.encode() for word in ("", *MISSING_TO_PANDAS))
HEAD = 1 << 20  # the header is looked for in the first so many bytes
BLOCK = 1 << 20
LONE_RETURN = -3  # in place of a number of fields: a CR that no LF follows


class Layout:
    """Where a CSV file keeps its coordinates: `fields` in each record, two of them by index, from `body` on."""

    def __init__(
        self, source: str, delimiter: bytes, names: list[str], latitude: int, longitude: int, header: bytes, bom: int
    ) -> None:
        self.source, self.delimiter, self.names = source, delimiter, names
        self.latitude, self.longitude, self.header, self.bom = latitude, longitude, header, bom

    @property
    def fields(self) -> int:
        return len(self.names)

    @property
    def body(self) -> int:
        """The offset of the first record."""
        return self.bom + len(self.header)


class TextInCoordinate(Exception):
    """A coordinate that is not a number: the offset of its record in the chunk, the index of the field, its text."""


def line_of(source: str, offset: int) -> int:
    """The number of the line that holds the byte at `offset`, counted from 1."""
    line, rest = 1, b""
    with Path(source).open("rb") as file:
        while offset > 0 and (block := file.read(min(offset, BLOCK))):
            offset -= len(block)
            text = rest + block
            rest = text[-1:] if text.endswith(b"\r") else b""  # perhaps the half of a CR LF
            line += line_ends(text.removesuffix(rest))
    return line + line_ends(rest)


def decoded(text: bytes) -> str:
    """For messages and names: UTF-8, or Windows-1252 where it is not."""
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("cp1252", errors="replace")


def number(text: bytes) -> float | None:
    """A coordinate's field as a float64, None where it is missing; ValueError where it is neither."""
    text = text.strip(b" \t")
    if len(text) >= 2 and text[:1] == text[-1:] == b'"':
        text = text[1:-1]
    if text in MISSING_TEXTS:
        return None
    if b"_" in text:  # 1_000 is a number to Python only
        raise ValueError(text)
    return float(text)


def refuse_lone_returns(text: bytes, delimiter: bytes) -> None:
    """BrokenRecord where a CR without an LF stands outside quotes: other readers take it for the end of a record."""
    if text.count(b"\r") == text.count(b"\r\n"):
        return
    for offset, record, _ in records(text, delimiter):
        if record.endswith(b"\r"):
            raise BrokenRecord(offset, LONE_RETURN)


def broken(source: str, line: int, fields: int, expected: int) -> BadInput:
    """What is wrong with a record, and the remedy."""
    if fields == OPEN:
        return BadInput(f"{source}, line {line}: a quote is opened and never closed")
    if fields == LONE_RETURN:
        return BadInput(
            f"{source}, line {line}: a carriage return (CR) that no line feed follows, such as in CR CR LF: "
            "end the lines with LF or CR LF alone, and put a field that holds a CR in quotes"
        )
    return BadInput(
        f"{source}, line {line}: {counted(fields, 'field')} where the header has {expected}: "
        "correct the line, or name the delimiter with --delimiter"
    )


def _no_text(source: str) -> BadInput:
    return BadInput(f"{source} is not CSV text (UTF-16, or a binary file): save it as UTF-8")


def read_layout(source: str, latitude: str, longitude: str, delimiter: str | None) -> Layout:
    """Find the delimiter and the two columns in the header; BadInput says which columns there are."""
    with Path(source).open("rb") as file:
        start = file.read(HEAD)
    if start.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
        raise BadInput(f"{source} is compressed: unpack it first (gunzip or unzstd)")
    refuse_other_kinds(source, start)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _no_text(source)
    if b"\n" not in start and b"\r" in re.sub(rb'"[^"]*"?', b"", start):
        raise BadInput(f"{source} ends its lines with carriage returns alone: convert it, e.g. with tr '\\r' '\\n'")
    bom = len(BOM) if start.startswith(BOM) else 0
    head = start[bom:]
    needed = [latitude.encode(), longitude.encode()]
    chosen = (delimiter or sniff_delimiter(source, head[: head.rfind(b"\n") + 1] or head, needed)).encode()
    try:
        _, header, fields = next(records(head, chosen))
    except StopIteration:
        raise BadInput(f"{source} is empty: a header with the names of the columns is needed") from None
    except BrokenRecord:
        if len(start) == HEAD:
            raise BadInput(f"{source}: the header is longer than {HEAD >> 20} MB: is a quote never closed?") from None
        raise broken(source, 1, OPEN, 0) from None
    if b"\0" in header:
        raise _no_text(source)
    if header.endswith(b"\r") and header != head:
        raise broken(source, 1, LONE_RETURN, 0)
    names = [decoded(unquoted(field)) for field in fields]
    if latitude in names and longitude in names:
        for name in (latitude, longitude):
            if names.count(name) > 1:
                raise BadInput(f"{source} has {names.count(name)} columns named {name}: rename all but one")
        return Layout(source, chosen, names, names.index(latitude), names.index(longitude), header, bom)
    missing = " and ".join(name for name in (latitude, longitude) if name not in names)
    shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    raise BadInput(
        f"{source} has no column {missing} in its header (line 1: {shown}): "
        "name the coordinates with --latitude and --longitude, the delimiter with --delimiter"
    )


def header_with(layout: Layout, column: str) -> bytes:
    """The header with one more column, quoted where it must be."""
    body, title = without_line_end(layout.header), column.encode()
    if any(special in title for special in (layout.delimiter, b'"', b"\n", b"\r")):
        title = b'"' + title.replace(b'"', b'""') + b'"'
    return BOM[: layout.bom] + body + layout.delimiter + title + layout.header[len(body) :]
