"""CSV texts that readers disagree about, and how Python's csv and pandas read them. For property tests; no tests."""

from __future__ import annotations

import csv
import io
import sys
from dataclasses import dataclass

import pandas as pd
from hypothesis import strategies as st

LINE_ENDS = ("\n", "\r\n", "\r", "\r\r\n")
# Fields as they stand in a file, quotes and all; {d} is the delimiter, {n} a line end.
RAW = (
    "", "a", "B c", " padded ", "0", "12", "-1.5", "00501", "1e5", "1,5", "1.234,56", "NA", "null", '""', '"q"',
    '"a""b"', '""""', '"x{d}y"', '"l{n}m"', '"l{n}{n}m"', '"l\nm"', '"l\rm"', '"say ""{d}{n}"""', '5" pipe', 'in"ch"',
    'ends"', '"x"tail', '"x" "y"', '"x\\"', "\\", "'", "#", "2020-01-02", "03/04/2021", "\ufeff", "\ufeffbom", "café",
    "€", "true", "-0.0", "\x00",
)  # fmt: skip
OPENED = ('"never closed', '"{d}', 'x{d}"y', '"')
NAMES = (
    "id", "name", "a", "a", "", "B c", '"quoted"', '"with {d}"', '4"', 'size "', '"size "" "', '"two{n}lines"', "ñ",
    "1", "2020",
)  # fmt: skip


@dataclass(frozen=True)
class Hostile:
    """A CSV text and its delimiter. `text` is without the mark that `data` may begin with."""

    text: str
    delimiter: str
    marked: bool = False

    @property
    def data(self) -> bytes:
        """The file."""
        return (b"\xef\xbb\xbf" if self.marked else b"") + self.text.encode()

    def records(self) -> list[list[str]]:
        """The records as Python's csv reads them, header first, empty lines left out where there are two columns."""
        csv.field_size_limit(sys.maxsize)
        read = list(csv.reader(io.StringIO(self.text, newline=""), delimiter=self.delimiter))
        wide = bool(read) and len(read[0]) > 1
        return [record if record else [""] for record in read if record or not wide]

    def is_closed(self) -> bool:
        """Whether no quote is open at the end."""
        marker = "\x01the end\x01"
        read = list(csv.reader(io.StringIO(self.text + "\n" + marker, newline=""), delimiter=self.delimiter))
        return bool(read) and read[-1] == [marker]

    def by_pandas(self) -> list[list[str]] | None:
        """The records as pandas reads them, all of them text; None where it refuses."""
        try:
            frame = pd.read_csv(
                io.BytesIO(self.data), sep=self.delimiter, dtype=str, header=None, na_filter=False, encoding="utf-8"
            )
        except (ValueError, pd.errors.ParserError):
            return None
        return frame.to_numpy().tolist()


@st.composite
def hostile(
    draw: st.DrawFn,
    fixed: dict[str, st.SearchStrategy[str]] | None = None,
    delimiters: str = ",;\t|",
    names: st.SearchStrategy[str] | None = None,
    most_columns: int = 4,
) -> Hostile:
    """Quotes anywhere, line ends of every kind, marks inside, empty lines, repeated and odd headers.

    `fixed`: columns that must be there, with what their fields are; `names`: the names of the others.
    """
    delimiter = draw(st.sampled_from(delimiters))
    main_end = draw(st.sampled_from(LINE_ENDS[:2] * 3 + LINE_ENDS))

    def raw(text: str) -> str:
        return text.replace("{d}", delimiter).replace("{n}", draw(st.sampled_from(LINE_ENDS)) if "{n}" in text else "")

    others = st.sampled_from(NAMES) if names is None else names
    columns: list[tuple[str, st.SearchStrategy[str] | None]] = [
        (raw(draw(others)), None) for _ in range(draw(st.integers(0 if fixed else 1, most_columns)))
    ]
    columns += list((fixed or {}).items())
    columns = draw(st.permutations(columns))
    wild = draw(st.sampled_from([0, 0, 1]))  # a third of the texts hold what fits no reader
    pool = st.sampled_from(RAW) if not wild else st.sampled_from(RAW + OPENED)
    if wild:
        pool |= st.text('ab"\r\n,;' + delimiter, max_size=6)
    header = delimiter.join(name for name, _ in columns)
    lines = [header]
    for _ in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from(["row"] * 8 + ["blank", "header", "short"]))
        if kind == "row":
            lines.append(delimiter.join(raw(draw(pool if field is None else field)) for _, field in columns))
        elif kind == "header":
            lines.append(header)
        elif kind == "blank":
            lines.append("")
        elif wild:
            lines.append(raw(draw(pool)))
    mixed = draw(st.booleans())
    text = "".join(line + (draw(st.sampled_from(LINE_ENDS)) if mixed else main_end) for line in lines)
    if draw(st.booleans()):
        text = text.rstrip("\r\n")
    return Hostile(text, delimiter, draw(st.booleans()))
