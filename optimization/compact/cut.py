"""Where records end in the bytes of a chunk: found with numpy, quotes and all. No files."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

Bytes = bytes | bytearray
QUOTE = 0x22


def record_end(data: np.ndarray, newline: int) -> int:
    """The place of the first newline outside quotes, -1 if there is none."""
    ends = np.flatnonzero(data == newline)
    quotes = np.flatnonzero(data == QUOTE)
    for end in ends:
        if np.searchsorted(quotes, end) % 2 == 0:
            return int(end)
    return -1


def last_record_end(data: Bytes, newline: int, delimiter: int) -> int:
    """The place of the last newline that ends a record, -1 if there is none.

    A newline inside quotes belongs to its field. Where every quote stands beside a delimiter, a newline or another
    quote,
    counting them is enough; a quote inside an unquoted field (5" pipe) means nothing: then they are walked one by one.
    """
    end = data.rfind(newline)
    if end < 0 or QUOTE not in data:
        return end
    view = np.frombuffer(data, np.uint8)
    quotes = _places_of(view, QUOTE)
    before = np.where(quotes > 0, view[quotes - 1], newline)
    after = np.where(quotes + 1 < len(view), view[np.minimum(quotes + 1, len(view) - 1)], newline)
    opening = np.isin(before, (delimiter, newline, 13))
    closing = np.isin(after, (delimiter, newline, 13))
    if np.all(opening | closing | (before == QUOTE) | (after == QUOTE)):
        structural = quotes
        parity_known = bool(np.all(opening[::2] | (before[::2] == QUOTE)))
    else:
        parity_known = False
        structural = quotes
    if not parity_known:
        structural = _walked(quotes, opening, view)
    while end >= 0:
        if np.searchsorted(structural, end) % 2 == 0:
            return end
        # Inside a field: try the last newline before that field opened.
        opened = int(structural[np.searchsorted(structural, end) - 1])
        end = data.rfind(newline, 0, opened)
    return -1


def _places_of(view: np.ndarray, byte: int) -> np.ndarray:
    """Where a byte stands."""
    found = [np.flatnonzero(mask) + start for start, mask in _masks(view, byte)]
    return np.concatenate(found) if found else np.empty(0, np.int64)


def count_of(view: np.ndarray, byte: int) -> int:
    """How often a byte stands somewhere: a third of the time that `bytes.count` takes."""
    return sum(int(np.count_nonzero(mask)) for _, mask in _masks(view, byte))


def _masks(view: np.ndarray, byte: int) -> Iterator[tuple[int, np.ndarray]]:
    """Piece by piece: new memory for a mask of everything would cost the most."""
    piece = 1 << 18
    mask = np.empty(piece, np.bool_)
    for start in range(0, len(view), piece):
        part = view[start : start + piece]
        yield start, np.equal(part, byte, out=mask[: len(part)])


def unclosed_quote(data: Bytes, newline: int, delimiter: int) -> int:
    """The place of the quote that the end of the data leaves open, -1 if all are closed."""
    start = last_record_end(data, newline, delimiter) + 1
    view = np.frombuffer(data, np.uint8)[start:]
    quotes = np.flatnonzero(view == QUOTE)
    if not len(quotes):
        return -1
    before = np.where(quotes > 0, view[quotes - 1], newline)
    structural = _walked(quotes, np.isin(before, (delimiter, newline, 13)), view)
    return start + int(structural[-1]) if len(structural) % 2 else -1


def _walked(quotes: np.ndarray, opening: np.ndarray, view: np.ndarray) -> np.ndarray:
    """The quotes that open or close a field, by the reader's rules, one after another."""
    structural: list[int] = []
    inside = False
    skip = -1
    places = quotes.tolist()
    for place, opens in zip(places, opening.tolist(), strict=True):
        if place == skip:
            continue
        if not inside:
            if opens:
                inside = True
                structural.append(place)
        elif place + 1 < len(view) and view[place + 1] == QUOTE:
            skip = place + 1
        else:
            inside = False
            structural.append(place)
    return np.asarray(structural, dtype=np.int64)
