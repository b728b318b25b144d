"""What a CSV text is, for both optimizations: its records, quotes, delimiter, header, missing values, line numbers.

The rules are those of Python's csv and of pandas: a record ends at LF, CR LF or CR, unless that stands inside quotes;
a quote has a meaning only at the start of a field. `compact/cut.py` and `distance/kernel_rows.py` follow the same rules
faster, and are tested against the ones here.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator

from optimization.files import BadInput

QUOTE, NEWLINE, RETURN = 0x22, 0x0A, 0x0D
BOM = b"\xef\xbb\xbf"
DELIMITERS = ",;\t|"
# What pandas' read_csv takes for a missing value, but for the empty field.
MISSING_TO_PANDAS = (
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL",
    "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
# What means missing in a column that otherwise holds numbers, dates or booleans, if it is spelled like that throughout.
MISSING = (*MISSING_TO_PANDAS, "Null", "none", "NAN", "\\N", "-", "--", "?", ".")
SNIFFED_RECORDS = 200
OPEN = -1  # in place of a number of fields: a quote that is never closed
# A number as people write it (12, -1.5, 1.234,56, 0,5, 1e-3, 5 %), a day, or a time of day.
_VALUE = re.compile(
    rb"[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+|\d{1,3}(?:[.,' ]\d{3})+(?:[.,]\d+)?)(?:[eE][-+]?\d+)? ?%?"
    rb"|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ]\d{1,2}:\d{2}.*)?|\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?"
)
_NOTE_TO_EXCEL = re.compile(rb"sep=[^\r\n][\r\n]")
_WHOLE = re.compile(rb'"(?:[^"]++|"")*+"')
_QUOTED = re.compile(rb'"((?:[^"]++|"")*+)"(.*)', re.DOTALL)
# The first bytes of files that are sometimes named .csv.
_KINDS = (
    (b"PK\x03\x04", "a zip archive, such as an Excel or OpenDocument workbook", "save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls)", "save the sheet as CSV"),
    (b"SQLite format 3\x00", "an SQLite database", "export the table as CSV"),
    (b"PAR1", "a Parquet file", "read it with pandas.read_parquet"),
    (b"ARROW1\x00\x00", "an Arrow or Feather file", "read it with pandas.read_feather"),
    (b"FEA1", "a Feather file", "read it with pandas.read_feather"),
    (b"BZh", "compressed with bzip2", "unpack it first (bunzip2)"),
    (b"\xfd7zXZ\x00", "compressed with xz", "unpack it first (unxz)"),
    (b"\x1f\x9d", "compressed with compress", "unpack it first (uncompress)"),
    (b"\x04\x22\x4d\x18", "compressed with lz4", "unpack it first (lz4 -d)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it first"),
    (b"%PDF-", "a PDF document", "export the table as CSV"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "read it with pandas.read_hdf"),
    (b"\x93NUMPY", "a numpy array", "read it with numpy.load"),
    (b"\x89PNG\r\n\x1a\n", "a picture (PNG)", "give the CSV itself"),
    (b"\xff\xd8\xff", "a picture (JPEG)", "give the CSV itself"),
    (b"GIF8", "a picture (GIF)", "give the CSV itself"),
    (b"\x7fELF", "a program", "give the CSV itself"),
    (b"{\\rtf", "an RTF document", "save the table as CSV"),
)


class BrokenRecord(Exception):
    """A record that does not fit the header: its offset in the text and its number of fields, or OPEN."""


def refuse_other_kinds(source: str, head: bytes) -> None:
    """BadInput, with what the file is, where its first bytes are not those of a CSV text with a header."""
    for magic, what, remedy in _KINDS:
        if head.startswith(magic):
            raise BadInput(f"{source} is {what}, not CSV text: {remedy}")
    if head[257:262] == b"ustar":
        raise BadInput(f"{source} is a tar archive, not CSV text: unpack it first (tar -x)")
    if head[8:12] == b"DUCK":
        raise BadInput(f"{source} is a DuckDB database, not CSV text: export the table as CSV")
    start = head.removeprefix(BOM).lstrip()[:256].lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body", b"<table")):
        raise BadInput(f"{source} is an HTML or XML page, not CSV text: download the data itself, or save it as CSV")
    if _NOTE_TO_EXCEL.match(head.removeprefix(BOM)):
        raise BadInput(f"{source}, line 1: sep= is a note to Excel, not a header: remove that line")


# --- records ----------------------------------------------------------------------------------------------------------


@functools.cache
def _field_pattern(delimiter: bytes) -> re.Pattern[bytes]:
    """A field: quoted, perhaps with a tail, or without a quote at its start; no match: a quote stays open."""
    return re.compile(rb'(?:"(?:[^"]++|"")*+"|(?!"))[^' + re.escape(delimiter) + rb"\r\n]*+")


def records(text: bytes, delimiter: bytes) -> Iterator[tuple[int, bytes, list[bytes]]]:
    """(offset, record with its line end, fields as they stand) of each record; BrokenRecord where a quote stays open.

    An empty line is a record of one empty field.
    """
    field, returns = _field_pattern(delimiter), b"\r" in text
    at, length = 0, len(text)
    while at < length:
        start, at = at, text.find(b"\n", at) + 1 or length
        line = text[start:at]
        if b'"' not in line and not (returns and b"\r" in without_line_end(line)):
            body = line[:-1] if line[-1] == NEWLINE and line[-2:-1] != b"\r" else without_line_end(line)
            yield start, line, body.split(delimiter)
            continue
        fields: list[bytes] = []
        at, last = start, False
        while not last:
            match = field.match(text, at)
            if match is None:
                raise BrokenRecord(start, OPEN)
            fields.append(match[0])
            at = match.end() + 1
            last = at > length or text[at - 1 : at] != delimiter
        if text[at - 1 : at + 1] == b"\r\n":
            at += 1
        yield start, text[start:at], fields


def without_line_end(record: bytes) -> bytes:
    """The record without the LF, the CR LF or the CR that ends it."""
    return record.removesuffix(b"\n").removesuffix(b"\r")


def unquoted(field: bytes) -> bytes:
    """The text of a field as it stands in a record."""
    match = _QUOTED.fullmatch(field)
    return field if match is None else match[1].replace(b'""', b'"') + match[2]


def line_ends(text: bytes | bytearray) -> int:
    """How many lines end in a text: at LF, CR LF or CR, inside quotes too, as editors count them."""
    lines = text.count(b"\n")
    if b"\r" in text:
        lines += text.count(b"\r") - text.count(b"\r\n")
    return lines


# --- header and delimiter ---------------------------------------------------------------------------------------------


def is_value(text: bytes) -> bool:
    """Whether a field looks like a number, a day or a time of day."""
    return _VALUE.fullmatch(text.strip()) is not None


def can_be_header(fields: Iterable[bytes]) -> bool:
    """Whether the texts of a first record can be names: not where all that is there are values."""
    present = [field for field in fields if field.strip() and field.decode("utf-8", "replace") not in MISSING]
    return not present or not all(map(is_value, present))


def sniff_delimiter(source: str, head: bytes, needed: Iterable[bytes] = ()) -> str:
    """The delimiter that cuts the first records alike, into more than one field; else a comma.

    Where several do, the one decides under which quotes enclose whole fields, then the body: the one under which more
    of its fields are values (`1,5` is one in a `;` file), then the one that makes more fields. BadInput where that
    leaves two. `needed`: names that must be in the header if any delimiter finds them there.
    """
    found = []
    for delimiter in DELIMITERS:
        rows: list[list[bytes]] = []
        loose = 0
        try:
            for _, record, fields in records(head, delimiter.encode()):
                if without_line_end(record):
                    rows.append(list(map(unquoted, fields)))
                    loose += sum(b'"' in field and not _WHOLE.fullmatch(field) for field in fields)
                if len(rows) == SNIFFED_RECORDS:
                    break
        except BrokenRecord:
            pass  # the head ends inside a field
        if not rows or len(rows[0]) < 2:
            continue
        body = [field for row in rows[1:] for field in row]
        values = sum(not field.strip() or is_value(field) for field in body) / max(len(body), 1)
        agreeing = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
        merits = (-round(loose / len(rows), 2), round(values, 2), len(rows[0]))
        found.append((set(needed) <= set(rows[0]), agreeing, merits, delimiter))
    if any(named for named, *_ in found):
        found = [one for one in found if one[0]]
    most = max((agreeing for _, agreeing, _, _ in found), default=0)
    ranked = [(merits, delimiter) for _, agreeing, merits, delimiter in found if agreeing >= 0.9 * most]
    best = [delimiter for merits, delimiter in ranked if merits == max(ranked)[0]]
    if len(best) > 1:
        shown = " and ".join(map(repr, best))
        raise BadInput(f"{source}, line 1: {shown} cut the records alike: name the delimiter with --delimiter")
    return best[0] if best else ","
