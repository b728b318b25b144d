"""Dates and timestamps of one written form: texts to values, and values to the same texts. Pure."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from optimization.compact.encoded import (
    PER_SECOND,
    UNIT_OF_DIGITS,
    Encoded,
    bytes_of,
    filled,
    fixed_texts,
    present_rows,
    unit_of,
)
from optimization.compact.numbers import whole_chunk

DATE_FORMS = (
    "YYYY-MM-DD", "YYYY/MM/DD", "YYYY.MM.DD",
    "DD/MM/YYYY", "DD-MM-YYYY", "DD.MM.YYYY",
    "MM/DD/YYYY", "MM-DD-YYYY", "MM.DD.YYYY",
)  # fmt: skip
_SLOTS = "YMDhmsf"
_YEAR_1 = -719_162  # days from 1970
_TABLE_DAYS = (-47_482, 47_483)  # 1840 … 2099, whose texts are kept at hand
_CLOCKS = ("hh:mm:ss", "hh:mm")
_ZONES = ("", "Z", "+00:00", "+00")


def forms_of(sample: bytes) -> list[str]:
    """The forms of date or timestamp that one text can have, such as `YYYY-MM-DD hh:mm:ss.fff`."""
    text = sample.decode("ascii", "replace")
    found = []
    for date in DATE_FORMS:
        if not _fits(text[:10], date):
            continue
        if len(text) == 10:
            found.append(date)
            continue
        if text[10] not in " T":
            continue
        rest = text[11:]
        for zone in _ZONES:
            if zone and not rest.endswith(zone):
                continue
            clock = rest[: len(rest) - len(zone)]
            found += [f"{date}{text[10]}{form}{zone}" for form in _CLOCKS if _fits(clock, form)]
            if (
                len(clock) > 9
                and _fits(clock[:8], "hh:mm:ss")
                and clock[8] in ".,"
                and clock[9:].isdigit()
                and len(clock) <= 18
            ):
                found.append(f"{date}{text[10]}hh:mm:ss{clock[8]}{'f' * (len(clock) - 9)}{zone}")
    return found


def _fits(text: str, form: str) -> bool:
    return len(text) == len(form) and all(
        character.isdigit() if slot in _SLOTS else character == slot for character, slot in zip(text, form, strict=True)
    )


def encode_times(texts: pa.Array, forms: list[str] | None = None) -> Encoded | None:
    """Dates or timestamps of one form of fixed width; None where a text is of another form or no real day.

    A text of such a form, in which Arrow finds every field in its range, is the only one of its moment: it comes back.
    """
    present = len(texts) - texts.null_count
    data = bytes_of(texts)
    width = len(data) // present
    # No text is longer than the mean: all are as long.
    if width < 10 or len(data) != width * present or pc.max(pc.binary_length(texts)).as_py() != width:
        return None
    matrix = data.reshape(present, width)
    found: list[Encoded] = []
    for form in forms if forms is not None else forms_of(matrix[0].tobytes()):
        if len(form) == width and all(
            (matrix[:, place] == ord(slot)).all() for place, slot in enumerate(form) if slot not in _SLOTS
        ):
            encoded = _times_of(texts, matrix, form)
            if encoded is not None:
                found.append(encoded)
    if not found:
        return None
    first = found[0]
    if len(found) > 1:
        # 03/04/2020 reads both ways: the whole column decides.
        first = replace(first, notes=["ambiguous"])
    return first


def _times_of(texts: pa.Array, matrix: np.ndarray, form: str) -> Encoded | None:
    """The days or moments of texts of one form, whose separators are where they belong; read by Arrow, as ISO."""
    kind = "timestamp" if "h" in form else "date"
    valid = present_rows(texts)
    if form[:10] != "YYYY-MM-DD" or "," in form or form.endswith(_ZONES[1:]):
        texts = _as_iso(matrix, form)
        if valid is not None:
            texts = texts.take(pa.array(np.cumsum(valid) - 1, mask=~valid))
    target = pa.timestamp(unit_of(form)) if kind == "timestamp" else pa.date32()
    try:
        texts.slice(0, 64).cast(target)  # a month 31 shows soon, and each failure costs Arrow a microsecond
        read = texts.cast(target)
    except pa.ArrowInvalid:
        return None
    wide = filled(read.cast(pa.int64() if kind == "timestamp" else pa.int32())).astype(np.int64)
    low, high = int(wide.min()), int(wide.max())
    if low < _YEAR_1 * (86_400 * PER_SECOND[unit_of(form)] if kind == "timestamp" else 1):
        return None
    return replace(whole_chunk(kind, wide, valid, low, high), form=form)


def _as_iso(matrix: np.ndarray, form: str) -> pa.Array:
    """The same texts with year, month and day in ISO's order, a point before the fraction, and without UTC's sign."""
    zone = next((zone for zone in _ZONES[1:] if form.endswith(zone)), "")
    width = len(form) - len(zone)
    order = [form.index(letter) + n for letter in "YMD" for n in range(form.count(letter))]
    iso = np.empty((len(matrix), width), np.uint8)
    for place, source in zip((0, 1, 2, 3, 5, 6, 8, 9), order, strict=True):
        iso[:, place] = matrix[:, source]
    iso[:, [4, 7]] = ord("-")
    iso[:, 10:] = matrix[:, 10:width]
    if "," in form:
        iso[:, form.index(",")] = ord(".")
    return fixed_texts(iso)


def print_times(values: np.ndarray, form: str) -> pa.Array:
    """Days (a date form) or units since 1970 (a timestamp form) as text, all present."""
    if not len(values):
        return pa.array([], pa.string())
    digits = form.count("f")
    clock_form = form[11:19] if "s" in form else form[11:16] if "h" in form else ""
    tail = form[11 + len(clock_form) :] if clock_form else ""
    record = np.dtype([("date", "V10"), ("gap", "V1"), ("clock", f"V{len(clock_form)}"), ("tail", f"V{len(tail)}")])
    out = np.empty(len(values), record if clock_form else np.dtype([("date", "V10")]))
    days, fraction = values, None
    if clock_form:
        per_second = PER_SECOND[UNIT_OF_DIGITS[digits]]
        seconds = values
        if per_second > 1:
            seconds = values // per_second
            fraction = values - seconds * per_second
        days = seconds // 86_400
        of_day = seconds - days * 86_400
        out["gap"] = np.void(form[10].encode())
        out["clock"] = _clock_table(clock_form)[of_day if "s" in form else of_day // 60]
        if tail and fraction is None:
            out["tail"] = np.void(tail.encode())
        elif fraction is not None:
            pattern = np.frombuffer(tail.encode(), np.uint8)
            parts = np.broadcast_to(pattern, (len(values), len(tail))).copy()
            _put(parts, tail, "f", fraction // (per_second // 10**digits))
            out["tail"] = parts.view(f"V{len(tail)}")[:, 0]
    first, last = int(days.min()), int(days.max())
    if _TABLE_DAYS[0] <= first and last < _TABLE_DAYS[1]:
        out["date"] = _date_table(form[:10])[days - _TABLE_DAYS[0]]
    else:
        out["date"] = _date_matrix(days, form[:10]).view("V10")[:, 0]
    return fixed_texts(out.view(np.uint8).reshape(len(values), len(form)))


@functools.cache
def _date_table(form: str) -> np.ndarray:
    """Every day of `_TABLE_DAYS`."""
    table: np.ndarray = _date_matrix(np.arange(*_TABLE_DAYS), form).view("V10")[:, 0]
    return table


@functools.cache
def _clock_table(form: str) -> np.ndarray:
    """Every hh:mm:ss (or hh:mm) of a day."""
    ticks = np.arange(86_400 if "s" in form else 1_440)
    minutes = ticks // 60 if "s" in form else ticks
    matrix = np.full((len(ticks), len(form)), ord(":"), np.uint8)
    _put(matrix, form, "h", minutes // 60)
    _put(matrix, form, "m", minutes % 60)
    if "s" in form:
        _put(matrix, form, "s", ticks % 60)
    table: np.ndarray = matrix.view(f"V{len(form)}")[:, 0]
    return table


def _put(matrix: np.ndarray, form: str, letter: str, numbers: np.ndarray) -> None:
    start = form.index(letter)
    for place in range(start + form.count(letter) - 1, start - 1, -1):
        numbers, digit = np.divmod(numbers, 10)
        matrix[:, place] = digit + 48


def _date_matrix(days: np.ndarray, form: str) -> np.ndarray:
    months = days.astype("M8[D]").astype("M8[M]")
    day = days - months.astype("M8[D]").astype(np.int64) + 1
    year, month = np.divmod(months.astype(np.int64), 12)
    matrix = np.empty((len(days), 10), np.uint8)
    for place, slot in enumerate(form):
        if slot not in "YMD":
            matrix[:, place] = ord(slot)
    _put(matrix, form, "Y", year + 1970)
    _put(matrix, form, "M", month + 1)
    _put(matrix, form, "D", day)
    return matrix
