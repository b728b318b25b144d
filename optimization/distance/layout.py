"""Where a CSV text keeps its coordinates, and how its records and numbers are read, one by one. Bytes, no decoding."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from optimization.files import BadInput

BOM = b"\xef\xbb\xbf"
DELIMITERS = ",;\t|"
# What pandas' read_csv takes for a missing value.
MISSING_TEXTS = frozenset(
    b"|#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|<NA>|N/A|NA|NULL|NaN|None|n/a|nan|null".split(b"|")
)
NEWLINE = 10
HEAD = 1 << 20  # the header is looked for in the first so many bytes
BLOCK = 1 << 20
OPEN = -1  # in place of a number of fields: a quote that is never closed, as in kernel_rows


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


class BrokenRecord(Exception):
    """A record that does not fit the header: its offset in the chunk and its number of fields, or OPEN."""


class TextInCoordinate(Exception):
    """A coordinate that is no number: the offset of its record in the chunk, the index of the field, its text."""


def line_of(source: str, offset: int) -> int:
    """The number of the line that holds the byte at `offset`, counted from 1."""
    line = 1
    with Path(source).open("rb") as file:
        while offset > 0 and (block := file.read(min(offset, BLOCK))):
            line += block.count(b"\n")
            offset -= len(block)
    return line


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


def records(text: bytes, delimiter: bytes) -> Iterator[tuple[int, bytes, list[bytes]]]:
    """(offset, record with its line end, fields as they stand) of each record; BrokenRecord where a quote stays open.

    A quote has a meaning only at the start of a field, as for Python's csv and for pandas.
    """
    field = None
    at, length = 0, len(text)
    while at < length:
        start, at = at, text.find(b"\n", at) + 1 or length
        line = text[start:at]
        if b'"' not in line:
            body = line[:-1] if line[-1] == NEWLINE and line[-2:-1] != b"\r" else without_line_end(line)
            yield start, line, body.split(delimiter)
            continue
        if field is None:
            import re

            stop = re.escape(delimiter)
            field = re.compile(rb'(?:"(?:[^"]|"")*+"|(?!"))[^' + stop + rb"\n]*")
        fields: list[bytes] = []
        at, last = start, False
        while not last:
            match = field.match(text, at)
            if match is None:
                raise BrokenRecord(start, OPEN)
            fields.append(match[0])
            at = match.end() + 1
            last = at > length or text[at - 1] == NEWLINE
        fields[-1] = fields[-1].removesuffix(b"\r")
        yield start, text[start:at], fields


def without_line_end(record: bytes) -> bytes:
    """The record without the line feed, or carriage return, or both, that end it."""
    return record.removesuffix(b"\n").removesuffix(b"\r")


def read_layout(source: str, latitude: str, longitude: str, delimiter: str | None) -> Layout:
    """Find the delimiter and the two columns in the header; BadInput says which columns there are."""
    with Path(source).open("rb") as file:
        start = file.read(HEAD)
    if start.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
        raise BadInput(f"{source} is compressed: unpack it first (gunzip or unzstd)")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in start[: start.find(b"\n")]:
        raise BadInput(f"{source} is no CSV text (UTF-16, or a binary file): save it as UTF-8")
    bom = len(BOM) if start.startswith(BOM) else 0
    first_line = start[bom : start.find(b"\n") + 1]
    if not first_line and b"\r" in start:
        raise BadInput(f"{source} ends its lines with carriage returns alone: convert it, e.g. with tr '\\r' '\\n'")
    start = first_line if first_line and b'"' not in first_line else start[bom:]
    seen: list[str] = []
    for candidate in delimiter or DELIMITERS:
        try:
            end = next(offset + len(record) for offset, record, _ in records(start, candidate.encode()))
        except StopIteration:
            raise BadInput(f"{source} is empty: a header with the names of the columns is needed") from None
        except BrokenRecord:
            continue
        header = start[:end]
        if end == HEAD:
            raise BadInput(f"{source}: the header is longer than {HEAD >> 20} MB: is a quote never closed?")
        names = next(csv.reader([decoded(without_line_end(header))], delimiter=candidate), [])
        if latitude in names and longitude in names:
            for name in (latitude, longitude):
                if names.count(name) > 1:
                    raise BadInput(f"{source} has {names.count(name)} columns named {name}: rename all but one")
            return Layout(source, candidate.encode(), names, names.index(latitude), names.index(longitude), header, bom)
        seen = names if len(names) > len(seen) else seen
    missing = " and ".join(name for name in (latitude, longitude) if name not in seen) or f"{latitude}, {longitude}"
    shown = ", ".join(seen[:20]) + (", …" if len(seen) > 20 else "")
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
