"""Numbers of a CSV text in numba's Python: text to float64 as Python reads it, and back as repr() writes it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from optimization.intrinsics import bits_of, float_of, high_product, inlined, leading_zeros

U0, U1, U2, U3, U4, U10, U40, U100 = (np.uint64(value) for value in (0, 1, 2, 3, 4, 10, 40, 100))
U9, U52, U63, U64 = (np.uint64(value) for value in (9, 52, 63, 64))
SPACE, QUOTE, NEWLINE, RETURN, PLUS, MINUS, POINT, ZERO, NINE = (np.uint8(ord(c)) for c in ' "\n\r+-.09')
LETTER_E, LETTER_N = np.uint8(ord("e")), np.uint8(ord("n"))
NUMBER, MISSING, BLANK, ODD = 0, 1, 2, 3  # what a row, or a field, is; ODD is for the caller to judge


def _halves(values: list[int]) -> np.ndarray:
    return np.array([[value >> 64, value & (2**64 - 1)] for value in values], dtype=np.uint64)


# --- text to number: Lemire, "Number parsing at a gigabyte per second" (2021) ---------------------------------------
READ_FROM, READ_TO = -300, 300  # powers of ten read here; what lies beyond is left to the caller


def _fives() -> list[int]:
    """5^q for each q, its highest 128 bits: cut for q ≥ 0, rounded up for q < 0."""
    table = []
    for q in range(READ_FROM, READ_TO + 1):
        power = 5 ** abs(q)
        length = power.bit_length()
        if q >= 0:
            table.append(power << (128 - length) if length <= 128 else power >> (length - 128))
        else:
            z = (power - 1).bit_length()
            value = (1 << (z + 127 if q >= -27 else 2 * z + 128)) // power + 1
            table.append(value >> max(0, value.bit_length() - 128))
    return table


FIVES = _halves(_fives())
SMALL_TENS = np.array([10.0**k for k in range(23)])


@inlined
def power_of_ten_times(w: Any, q: int) -> Any:
    """The float64 nearest to w·10^q for a uint64 w; NaN where 128 bits cannot decide it."""
    if w == U0:
        return 0.0
    if w <= np.uint64(9007199254740992) and -22 <= q <= 22:  # both factors are exact: one rounding
        return float(w) / SMALL_TENS[-q] if q < 0 else float(w) * SMALL_TENS[q]
    if q < READ_FROM or q > READ_TO:
        return math.nan
    zeros = leading_zeros(w)
    w = w << zeros
    at = q - READ_FROM
    high, low = high_product(w, FIVES[at, 0]), w * FIVES[at, 0]
    if (high & np.uint64(0x1FF)) == np.uint64(0x1FF):
        more = high_product(w, FIVES[at, 1])
        low = low + more
        if more > low:
            high = high + U1
    if low == np.uint64(0xFFFFFFFFFFFFFFFF):
        return math.nan
    upper = high >> U63
    shift = upper + U9
    mantissa = high >> shift
    exponent = ((217706 * q) >> 16) + 63 + 1023 + np.int64(upper) - np.int64(zeros)
    if exponent <= 0 or exponent >= 2046:
        return math.nan
    if low <= U1 and -4 <= q <= 23 and (mantissa & U3) == U1 and (mantissa << shift) == high:
        mantissa = mantissa & ~U1  # exactly half way: to even
    mantissa = (mantissa + (mantissa & U1)) >> U1
    if mantissa >= np.uint64(1 << 53):
        mantissa = np.uint64(1 << 52)
        exponent += 1
    return float_of(np.int64(mantissa & np.uint64((1 << 52) - 1)) | (exponent << 52))


@inlined
def read_number(text: Any, at: int, stop: int) -> Any:
    """(kind, value, where it ends) of the number that starts at `at`; ODD where it takes more to understand it."""
    while at < stop and text[at] == SPACE:
        at += 1
    negative = at < stop and text[at] == MINUS
    if negative or (at < stop and text[at] == PLUS):
        at += 1
    w, first = U0, at
    while at < stop and text[at] == ZERO:
        at += 1
    seen, first = at - first, at
    while at < stop and ZERO <= text[at] <= NINE:
        w = w * U10 + np.uint64(text[at] - ZERO)
        at += 1
    digits, q = at - first, 0
    if at < stop and text[at] == POINT:
        at += 1
        first = at
        while digits == 0 and at < stop and text[at] == ZERO:
            at += 1
        zeros = at - first
        while at < stop and ZERO <= text[at] <= NINE:
            w = w * U10 + np.uint64(text[at] - ZERO)
            at += 1
        q = first - at
        digits += -q - zeros
        seen += zeros
    if seen + digits == 0 or digits > 19:  # 19 digits fit into 64 bits
        return ODD, math.nan, at
    if at < stop and (text[at] | np.uint8(32)) == LETTER_E:
        at += 1
        below = at < stop and text[at] == MINUS
        if below or (at < stop and text[at] == PLUS):
            at += 1
        first = at
        power: Any = 0
        while at < stop and at < first + 5 and ZERO <= text[at] <= NINE:
            power = power * 10 + np.int64(text[at] - ZERO)
            at += 1
        if at == first:
            return ODD, math.nan, at
        q += -power if below else power
    value = power_of_ten_times(w, q)
    if math.isnan(value):
        return ODD, value, at
    return NUMBER, -value if negative else value, at


# --- number to text: Giulietti, "The Schubfach way to render doubles" (2020) ------------------------------------------
WRITE_FROM, WRITE_TO = -292, 324


def _tens() -> list[int]:
    """10^k for each k, its highest 128 bits, rounded up."""
    table = []
    for k in range(WRITE_FROM, WRITE_TO + 1):
        power = 10 ** abs(k)
        length = power.bit_length()
        if k >= 0:
            table.append(power << (128 - length) if length <= 128 else -((-power) >> (length - 128)))
        else:
            value = -((-(1 << (length + 127))) // power)
            table.append(value if value < 1 << 128 else -((-(1 << (length + 126))) // power))
    return table


TENS = _halves(_tens())
WHOLE_TENS = np.array([10**k for k in range(18)], dtype=np.uint64)
PAIRS = np.array([ord(c) for n in range(100) for c in f"{n:02d}"], dtype=np.uint8)


@inlined
def round_to_odd(high: Any, low: Any, c: Any) -> Any:
    """The upper 64 bits of (high·2⁶⁴ + low)·c / 2⁶⁴, with the lowest bit set where something was cut."""
    middle = high_product(low, c)
    y0, y1 = high * c, high_product(high, c)
    total = y0 + middle
    if total < y0:
        y1 = y1 + U1
    return y1 | U1 if total > U1 else y1


@inlined
def shortest(bits: Any) -> Any:
    """(digits, k): the shortest decimal digits·10^k that reads back as the positive float64 with these bits."""
    fraction, exponent = np.uint64(bits) & np.uint64((1 << 52) - 1), bits >> 52
    if exponent != 0:
        c, q = fraction | np.uint64(1 << 52), exponent - 1075
        if -52 <= q <= 0:
            whole = c >> np.uint64(-q)
            if (whole << np.uint64(-q)) == c:  # an integer
                return whole, 0
    else:
        c, q = fraction, np.int64(-1074)
    closer = fraction == U0 and exponent > 1  # the gap below a power of two is half as wide
    outside = c & U1  # the borders belong to an even c
    below = U4 * c - (U1 if closer else U2)
    k = (q * 1262611 - (524031 if closer else 0)) >> 22
    h = np.uint64(q + ((-k * 1741647) >> 19) + 1)
    high, low = TENS[-k - WRITE_FROM, 0], TENS[-k - WRITE_FROM, 1]
    lower = round_to_odd(high, low, below << h) + outside
    middle = round_to_odd(high, low, (U4 * c) << h)
    upper = round_to_odd(high, low, (U4 * c + U2) << h) - outside
    s = middle >> U2
    if s >= U10:
        tenth = s // U10
        fits_below, fits_above = lower <= U40 * tenth, U40 * tenth + U40 <= upper
        if fits_below != fits_above:
            return (tenth + U1 if fits_above else tenth), k + 1
    fits_below, fits_above = lower <= U4 * s, U4 * s + U4 <= upper
    if fits_below != fits_above:
        return (s + U1 if fits_above else s), k
    half = U4 * s + U2
    up = middle > half or (middle == half and (s & U1) != U0)
    return (s + U1 if up else s), k


@inlined
def write_number(value: Any, out: Any, at: int) -> Any:
    """Write `value` as Python's repr() does; the place after it. |value| < 10^16, which the formula cannot reach."""
    if math.isnan(value):
        out[at] = out[at + 2] = LETTER_N
        out[at + 1] = np.uint8(ord("a"))
        return at + 3
    bits = bits_of(value)
    if bits < 0:
        out[at] = MINUS
        at += 1
        bits = bits & np.int64(0x7FFFFFFFFFFFFFFF)
    if bits == 0:
        out[at], out[at + 1], out[at + 2] = ZERO, POINT, ZERO
        return at + 3
    digits, k = shortest(bits)
    while digits % U10 == U0:
        digits = digits // U10
        k += 1
    count = 17
    while count > 1 and digits < WHOLE_TENS[count - 1]:
        count -= 1
    point = count + k  # the value is 0.DIGITS · 10^point
    if -4 < point <= 0:
        out[at], out[at + 1] = ZERO, POINT
        at += 2
        for _ in range(-point):
            out[at] = ZERO
            at += 1
        start, gap = at, count
        at += count
    elif 0 < point <= 16:
        start, gap = at, min(point, count)
        for _ in range(max(0, point - count)):
            out[at + count] = ZERO
            at += 1
        at = start + max(count, point) + 1
        out[start + point] = POINT
        if count <= point:
            out[at] = ZERO
            at += 1
    else:
        start, gap = at, 1
        at += count + int(count > 1)
        if count > 1:
            out[start + 1] = POINT
    left = count
    while left > 0:  # from the last digit on, two at a time, leaving out the place of the point
        pair = np.int64(digits % U100) * 2
        digits = digits // U100
        left -= 1
        out[start + left + int(left >= gap)] = PAIRS[pair + 1]
        if left > 0:
            left -= 1
            out[start + left + int(left >= gap)] = PAIRS[pair]
    if point <= -4 or point > 16:
        power = point - 1
        out[at], out[at + 1] = LETTER_E, MINUS if power < 0 else PLUS
        power = abs(power)
        at += 2
        if power >= 100:
            out[at] = ZERO + np.uint8(power // 100)
            power %= 100
            at += 1
        out[at], out[at + 1] = PAIRS[2 * power], PAIRS[2 * power + 1]
        at += 2
    return at
