"""An independent reading of a chunk's bytes: it finds the same records and texts, or the first record that differs.

Python's csv is the judge. It takes ten times as long as the reading itself, so most of the work is done with numpy
first: line ends and quotes are cut out of the bytes, and what is left must be the columns joined by the delimiter. Only
a piece for which that cannot say yes is judged.
"""

from __future__ import annotations

import csv
import io
import itertools
import sys

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from optimization.compact.cut import Bytes, lone_returns, places_of, regular_quotes
from optimization.csv_rules import NEWLINE, QUOTE, RETURN, BrokenRecord, records, without_line_end

PIECE = 1 << 19  # bytes looked at together: they stay in the cache, and new memory is not asked of the system
_SIGNS = (1, 2, 3, 4, 5, 6, 14, 15, 16)  # bytes that texts hardly ever hold
JUDGED = 2_000  # records that Python's csv is asked for at a time


def disagreement(data: Bytes, delimiter: int, table: pa.Table) -> int | None:
    """The first record (from 0) that `table` (columns of text, null: an empty field without quotes) does not hold as
    `data` (UTF-8, whole records) has it; None: they agree. The columns are in one piece each.
    """
    view = np.frombuffer(data, np.uint8)
    columns = [_one_array(column) for column in table.columns]
    signs = tuple(itertools.islice((sign for sign in _SIGNS if sign not in data), 2))
    row = at = 0
    # Looked for once: a search of bytes takes a tenth of a comparison of arrays.
    has_quotes, has_returns = QUOTE in data, RETURN in data
    if len(signs) == 2:
        columns = [_signed(column, delimiter, signs) for column in columns]
        while at < len(view):
            end = at + PIECE
            part, whole = view[at:end], end >= len(view)
            quotes = regular_quotes(part, delimiter) if has_quotes else np.empty(0, np.int64)
            if quotes is None:
                break
            ends = _outside(_line_ends(part, has_returns), quotes)
            piece = _Piece.read(part, delimiter, len(columns), signs, ends, quotes, whole)
            if piece is None or not piece.agrees([column.slice(row, piece.records) for column in columns]):
                break
            row += piece.records
            at += piece.size
    if at == len(view):
        return None if row == table.num_rows else row
    return _judged(bytes(data[at:]), chr(delimiter), table, row)


class _Piece:
    """Whole records at the start of some bytes, read with numpy."""

    def __init__(
        self, view: np.ndarray, delimiter: int, width: int, signs: tuple[int, ...], ends: np.ndarray, quotes: np.ndarray
    ) -> None:
        self.view, self.delimiter, self.signs, self.quotes = view, delimiter, signs, quotes
        self.size = len(view)
        # A CR before the LF belongs to the line end.
        pairs = (view[np.maximum(ends - 1, 0)] == RETURN) & (view[ends] == NEWLINE) & (ends > 0)
        self.line_ends = ends
        self.returns = ends[pairs] - 1
        starts = np.concatenate([[0], ends + 1])
        stops = np.concatenate([ends - pairs, [len(view)]])
        if starts[-1] == len(view):  # the last record has its line end
            starts, stops = starts[:-1], stops[:-1]
        if width > 1:  # an empty line is no record
            kept = stops > starts
            starts, stops = starts[kept], stops[kept]
        self.starts, self.stops = starts, stops

    @classmethod
    def read(
        cls,
        view: np.ndarray,
        delimiter: int,
        width: int,
        signs: tuple[int, ...],
        ends: np.ndarray,
        quotes: np.ndarray,
        whole: bool,
    ) -> _Piece | None:
        """As many whole records as there are; None where no record ends, or a quote stays open."""
        if not whole:
            if not len(ends):
                return None
            # What follows the last LF is left for the next piece (after a CR, an LF may follow there).
            while len(ends) and view[ends[-1]] == RETURN and ends[-1] == len(view) - 1:
                ends = ends[:-1]
            if not len(ends):
                return None
            view = view[: ends[-1] + 1]
            quotes = quotes[: np.searchsorted(quotes, len(view))]
        if len(quotes) % 2:
            return None
        return cls(view, delimiter, width, signs, ends, quotes)

    @property
    def records(self) -> int:
        """How many records there are."""
        return len(self.starts)

    def agrees(self, columns: list[pa.Array]) -> bool:
        """Whether the rows hold the text of every field, and no other.

        No text holds a delimiter, and none is empty but for the missing ones (`_signed`): of the records joined, each
        can be cut in one way only.
        """
        if not self.records or len(columns[0]) != self.records:
            return not self.records
        view, quotes = self.view, self.quotes
        if len(quotes):
            inside = _delimiters_inside(view, self.delimiter, quotes)
            pairs = quotes.reshape(-1, 2)
            alone = np.diff(pairs[:, 0], append=len(view) + 9) > 2  # not the first two of three or four quotes
            alone &= np.diff(pairs[:, 1], prepend=-9) > 2
            empty = pairs[(pairs[:, 1] - pairs[:, 0] == 1) & alone, 0]
            if len(inside) or len(empty):
                view = view.copy()
                view[inside], view[empty] = self.signs
                quotes = np.setdiff1d(quotes, empty, assume_unique=True) if len(empty) else quotes
        removed = self._removed(quotes)
        joined = _joined(columns, chr(self.delimiter))
        lengths = self.stops - self.starts
        if len(quotes):
            lengths = lengths - (np.searchsorted(removed, self.stops) - np.searchsorted(removed, self.starts))
        return np.array_equal(np.diff(_offsets(joined)), lengths) and np.array_equal(
            _left(view, removed), _data(joined)
        )

    def _removed(self, quotes: np.ndarray) -> np.ndarray:
        """The places of line ends and of quotes that are no part of a text."""
        if len(quotes):
            # Of a doubled quote one stays: the second, which as the opening one follows the closing one.
            doubled = np.concatenate([[False], np.diff(quotes) == 1]) & (np.arange(len(quotes)) % 2 == 0)
            quotes = quotes[~doubled]
        if not len(quotes) and not len(self.returns):
            return self.line_ends
        return np.sort(np.concatenate([self.line_ends, self.returns, quotes]), kind="stable")


def _line_ends(view: np.ndarray, has_returns: bool) -> np.ndarray:
    """The places of each LF, and of each CR that no LF follows."""
    ends = places_of(view, NEWLINE)
    lone = lone_returns(view) if has_returns else ends[:0]
    return np.sort(np.concatenate([ends, lone]), kind="stable") if len(lone) else ends


def _outside(places: np.ndarray, quotes: np.ndarray) -> np.ndarray:
    """Those of the places that stand in no quotes."""
    inside = _inside(places, quotes)
    return np.setdiff1d(places, inside, assume_unique=True) if len(inside) else places


def _inside(places: np.ndarray, quotes: np.ndarray) -> np.ndarray:
    """Those of the places that stand in quotes."""
    pairs = quotes if len(quotes) % 2 == 0 else np.append(quotes, np.iinfo(np.int64).max)
    # Where each pair begins and ends among the places: most pairs hold none.
    first, last = np.searchsorted(places, pairs[::2]), np.searchsorted(places, pairs[1::2])
    holding = last > first
    first, counts = first[holding], (last - first)[holding]
    starts = np.cumsum(counts) - counts
    found: np.ndarray = places[np.arange(counts.sum()) + np.repeat(first - starts, counts)]
    return found


def _delimiters_inside(view: np.ndarray, delimiter: int, quotes: np.ndarray) -> np.ndarray:
    """The places of the delimiters that stand in quotes."""
    spans = quotes[1::2] - quotes[::2]
    if spans.sum() > len(view) // 4:
        return _inside(places_of(view, delimiter), quotes)
    starts = np.cumsum(spans) - spans  # few bytes in quotes: those alone are looked at
    places = np.arange(spans.sum()) + np.repeat(quotes[::2] - starts, spans)
    found: np.ndarray = places[view[places] == delimiter]
    return found


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _empties(texts: pa.Array) -> int:
    """How many rows hold no letter."""
    offsets = _offsets(texts)
    return int(np.count_nonzero(offsets[1:] == offsets[:-1]))


def _signed(column: pa.Array, delimiter: int, signs: tuple[int, ...]) -> pa.Array:
    """The texts with a sign for each delimiter, and one for the empty text."""
    if (_data(column) == delimiter).any():
        column = pc.replace_substring(column, chr(delimiter), chr(signs[0]))
    offsets = _offsets(column)
    if int(np.count_nonzero(offsets[1:] == offsets[:-1])) > column.null_count:
        column = pc.if_else(pc.equal(column, ""), chr(signs[1]), column)
    return column


def _left(view: np.ndarray, removed: np.ndarray) -> np.ndarray:
    """The bytes without those at the places removed: Arrow copies what stands between them."""
    offsets = np.empty(2 * len(removed) + 2, np.int32)
    offsets[0], offsets[-1] = 0, len(view)
    offsets[1:-1:2], offsets[2:-1:2] = removed, removed + 1
    runs = pa.Array.from_buffers(pa.binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(view)])
    return _data(runs.take(pa.array(np.arange(0, len(runs), 2))))


def _joined(columns: list[pa.Array], delimiter: str) -> pa.Array:
    if len(columns) == 1:
        return columns[0].fill_null("")
    joined: pa.Array = pc.binary_join_element_wise(*columns, delimiter, null_handling="replace", null_replacement="")
    return joined


def _offsets(texts: pa.Array) -> np.ndarray:
    return np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]


def _data(texts: pa.Array) -> np.ndarray:
    offsets, data = _offsets(texts), texts.buffers()[2]
    return np.empty(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]


def _judged(data: bytes, delimiter: str, table: pa.Table, row: int) -> int | None:
    """The same as `disagreement` by Python's csv, for the records from `row` on."""
    csv.field_size_limit(sys.maxsize)
    width = table.num_columns
    read = csv.reader(io.StringIO(data.decode(), newline=""), delimiter=delimiter)
    texts = (record or [""] for record in read if record or width == 1)
    standing = (
        fields for _, record, fields in records(data, delimiter.encode()) if width == 1 or without_line_end(record)
    )
    try:
        while pairs := list(itertools.islice(itertools.zip_longest(texts, standing), JUDGED)):
            held = [column.to_pylist() for column in table.slice(row, len(pairs)).columns]
            for number, (fields, raw) in enumerate(pairs):
                if fields is None or raw is None or number >= len(held[0]):
                    return row + number
                found = [column[number] for column in held]
                if fields != [text or "" for text in found] or [text is None for text in found] != [not r for r in raw]:
                    return row + number
            row += len(pairs)
    except BrokenRecord:  # a quote is open at the end of the chunk
        return row
    return None if row == table.num_rows else row
