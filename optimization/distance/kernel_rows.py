"""Records of a CSV text in numba's Python: where they end, their two coordinates, and each written with its value."""

from __future__ import annotations

from typing import Any

import numpy as np

from optimization.distance.kernel_numbers import (
    BLANK,
    MISSING,
    NEWLINE,
    NUMBER,
    ODD,
    QUOTE,
    RETURN,
    read_number,
    write_number,
)
from optimization.intrinsics import copy, inlined


# --- records ----------------------------------------------------------------------------------------------------------
# A quote has a meaning only at the start of a field, as for Python's csv and for pandas.
@inlined
def field_end(text: Any, at: int, length: int, delimiter: Any) -> Any:
    """(where the field that starts at `at` ends, whether a quote of it is still open at the end of the text)."""
    if at < length and text[at] == QUOTE:
        at += 1
        while True:
            while at < length and text[at] != QUOTE:
                at += 1
            if at >= length:
                return at, True
            at += 1
            if at >= length or text[at] != QUOTE:
                break
            at += 1
    while at < length and text[at] != delimiter and text[at] != NEWLINE:
        at += 1
    return at, False


def last_record_end(text: Any, length: int, delimiter: Any, result: Any) -> None:
    """result[0] = the offset after the last whole record of a text that may hold quotes, 0 if there is none."""
    separator = np.uint8(delimiter)
    at, end = 0, 0
    while at < length:
        at, _ = field_end(text, at, length, separator)
        if at < length:
            at += 1
            if text[at - 1] == NEWLINE:
                end = at
    result[0] = end


def read_rows(
    text: Any, length: int, delimiter: Any, fields: int, latitude_field: int, longitude_field: int, capacity: int,
    ends: Any, latitude: Any, longitude: Any, kinds: Any, result: Any,
) -> None:  # fmt: skip
    """The coordinates of each record, where the record ends (before its line end) and its kind.

    result = rows, rows of kind ODD, and if something is wrong: where the record starts and its number of fields
    (−1: a quote that is never closed, −2: `capacity` rows are not enough), else −1, 0.
    """
    separator = np.uint8(delimiter)
    at, row, odd = 0, 0, 0
    result[2], result[3] = -1, 0
    while at < length:
        if row == capacity:
            result[2], result[3] = at, -2
            break
        record, field, kind, end = at, 0, NUMBER, at
        is_open = False
        while True:
            start = at
            if field in (latitude_field, longitude_field):
                quoted = text[at] == QUOTE
                found, value, at = read_number(text, at + int(quoted), length)
                if quoted and at < length and text[at] == QUOTE:
                    at += 1
                elif quoted:
                    found = ODD
                if field == latitude_field:
                    latitude[row] = value
                else:
                    longitude[row] = value
                last = at >= length or text[at] == NEWLINE
                if found == ODD or (not last and text[at] != separator):  # a carriage return, NA, text: look again
                    at, is_open = field_end(text, start, length, separator)
                    last = at >= length or text[at] == NEWLINE
                    if not (last and text[at - 1] == RETURN and found == NUMBER):
                        found = ODD
                if found == ODD:
                    bare = at - 1 if last and at > start and text[at - 1] == RETURN else at
                    found = MISSING if bare == start else ODD
                kind = max(kind, found)
            else:
                at, is_open = field_end(text, at, length, separator)
                last = at >= length or text[at] == NEWLINE
            if last:
                end = at - 1 if at > start and text[at - 1] == RETURN else at
            field += 1
            at += 1
            if last or is_open:
                break
        if is_open:
            result[2], result[3] = record, -1
            break
        if end == record:  # an empty line is not a row
            kind = BLANK
        elif field != fields:
            result[2], result[3] = record, field
            break
        odd += int(kind == ODD)
        kinds[row] = kind
        ends[row] = end
        row += 1
    result[0], result[1] = row, odd


def write_rows(
    text: Any, length: int, delimiter: Any, rows: int, ends: Any, kinds: Any, values: Any, out: Any, result: Any
) -> None:
    """Copy each record, byte for byte, with a delimiter and its value before the line end; result[0] = bytes written.

    `out` needs 26 bytes more a row than the text has.
    """
    separator = np.uint8(delimiter)
    source, at = 0, 0
    for row in range(rows):
        size = ends[row] - source
        copy(out, at, text, source, size)
        at += size
        source += size
        if kinds[row] != BLANK:
            out[at] = separator
            at += 1
            if kinds[row] != MISSING:
                at = write_number(values[row], out, at)
        while source < length:
            letter = text[source]
            out[at] = letter
            at += 1
            source += 1
            if letter == NEWLINE:
                break
    result[0] = at
