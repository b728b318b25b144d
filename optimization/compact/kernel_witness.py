"""A second reading of records in numba's Python: the bytes of a chunk against columns of text in Arrow's memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from optimization import csv_rules
from optimization.intrinsics import CPointer, byte_at, inlined, int32_at, word_at

# An entry of `columns`: where the offsets, bytes and bitmap of a column lie (0: no bitmap), how many bytes there are,
# and the place of its first row.
ENTRY = 5
QUOTE, NEWLINE, RETURN = (np.uint8(byte) for byte in (csv_rules.QUOTE, csv_rules.NEWLINE, csv_rules.RETURN))
_ONES, _HIGHS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_QUOTES, _SPACES = (np.uint64(byte * 0x0101010101010101) for byte in (csv_rules.QUOTE, 0x20))


@inlined
def holds(word: Any, eight: Any) -> Any:
    """Whether one of the eight bytes of a word is that of which `eight` holds eight."""
    word ^= eight
    return ((word - _ONES) & ~word & _HIGHS) != np.uint64(0)


@inlined
def may_end_a_field(word: Any, delimiters: Any) -> Any:
    """Whether one of the eight bytes of a word is the delimiter, or below a space as line ends are."""
    below = (word - _SPACES) & ~word
    delimiter = word ^ delimiters
    return ((below | ((delimiter - _ONES) & ~delimiter)) & _HIGHS) != np.uint64(0)


@inlined
def ends_a_field(letter: Any, delimiter: Any) -> Any:
    return letter in (delimiter, NEWLINE, RETURN)


@inlined
def bare_agrees(
    text: Any, at: Any, length: Any, delimiter: Any, delimiters: Any, data: Any, size: Any, end: Any
) -> Any:  # fmt: skip
    """Whether the field at `at`, which no quote opens, starts with the `size` bytes at `data`, and none ends it."""
    if at + size > length:
        return False
    done = 0
    while size - done >= 8:
        word = word_at(text + at + done)
        if word != word_at(data + done) or may_end_a_field(word, delimiters):
            break  # letter by letter
        done += 8
    rest = size - done
    if rest < 8 and at + done + 8 <= length and data + done + 8 <= end:
        beyond = ~np.uint64(0) << np.uint64(8 * rest)  # these bits are not looked at
        word = word_at(text + at + done) | beyond
        if word == word_at(data + done) | beyond and not may_end_a_field(word, delimiters):
            return True
    while done < size:
        letter = byte_at(text + at + done)
        if letter != byte_at(data + done) or ends_a_field(letter, delimiter):
            return False
        done += 1
    return True


@inlined
def quoted_end(text: Any, at: Any, length: Any, delimiter: Any, data: Any, size: Any) -> Any:
    """Where the field that a quote opens before `at` ends, −1 where its text is not the `size` bytes at `data`."""
    done = 0
    while True:
        while size - done >= 8 and length - at >= 8:
            word = word_at(text + at)
            if holds(word, _QUOTES):
                break
            if word != word_at(data + done):
                return -1
            at += 8
            done += 8
        if at >= length:  # never closed
            return -1
        letter = byte_at(text + at)
        at += 1
        if letter == QUOTE:
            if at >= length or byte_at(text + at) != QUOTE:
                break
            at += 1  # a doubled quote is one
        if done >= size or letter != byte_at(data + done):
            return -1
        done += 1
    while at < length:  # behind the closing quote a quote has no meaning
        letter = byte_at(text + at)
        if ends_a_field(letter, delimiter):
            break
        if done >= size or letter != byte_at(data + done):
            return -1
        done += 1
        at += 1
    return at if done == size else -1


def first_disagreement(
    text: int, length: int, delimiter: int, width: int, rows: int, columns: Any, result: Any
) -> None:
    """result[0] = the first record (from 0) that the columns do not hold as the text has it, −1 if there is none.

    The text lies at the address `text` and holds whole records; `rows` is how many the columns hold.
    """
    separator = np.uint8(delimiter)
    separators = np.uint64(delimiter) * _ONES
    at, row = 0, 0
    while at < length:
        letter = byte_at(text + at)
        if width > 1 and letter in (NEWLINE, RETURN):  # an empty line is not a record
            at += 1
            continue
        result[0] = row
        if row == rows:
            return
        for column in range(width):
            entry = column * ENTRY
            place = row + columns[entry + 4]
            start, stop = int32_at(columns[entry] + 4 * place), int32_at(columns[entry] + 4 * place + 4)
            data, size = columns[entry + 1] + start, stop - start
            bits = columns[entry + 2]
            present = bits == 0 or (byte_at(bits + (place >> 3)) >> np.uint8(place & 7)) & 1 != 0
            quoted = at < length and byte_at(text + at) == QUOTE
            if present != (quoted or size > 0):  # only an empty field without quotes is missing
                return
            if quoted:
                at = quoted_end(text, at + 1, length, separator, data, size)
                if at < 0:
                    return
            else:
                end = columns[entry + 1] + columns[entry + 3]
                if not bare_agrees(text, at, length, separator, separators, data, size, end):
                    return
                at += size
            if column < width - 1:
                if at >= length or byte_at(text + at) != separator:
                    return
                at += 1
        if at < length:
            letter = byte_at(text + at)
            if letter != NEWLINE and letter != RETURN:
                return
            at += 1
            if letter == RETURN and at < length and byte_at(text + at) == NEWLINE:
                at += 1
        row += 1
    result[0] = -1 if row == rows else row


_int = types.int64
SIGNATURES = {
    first_disagreement: types.void(_int, _int, _int, _int, _int, CPointer(_int), CPointer(_int)),
}
