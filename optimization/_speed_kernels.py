"""The compiled half of speed.py, in numba's Python: the formula, and reading and writing the numbers of a CSV text.

Read only when machine code has to be made (see `_speed_machine`). Every function takes plain pointers and allocates
nothing, so that its machine code needs neither numba nor Python at run time and can be called without the GIL.
"""

# ruff: noqa: ARG001 - numba hands every intrinsic its whole context, and few need all of it
from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import extending, types

# What numba compiles is no longer Python with Python's types: neither are its decorators for the type checker.
ir: Any = importlib.import_module("llvmlite.ir")
carray: Any = numba.carray  # type: ignore[attr-defined]
njit: Callable[..., Callable[[Any], Any]] = numba.njit
intrinsic: Callable[[Any], Any] = extending.intrinsic
CPointer: Any = types.CPointer

# --- the formula ------------------------------------------------------------------------------------------------------
# x = n·π/2 + w. π/2 comes in three parts of 33, 33 and 53 bits: n·part is exact for |x| ≤ FAR, with or without FMA.
PI_HALF_1, PI_HALF_2, PI_HALF_3 = 1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21
TWO_OVER_PI = 0.6366197723675814
FAR = 1e6
# Adding 1.5·2⁵² rounds to an integer and leaves it in the low bits of the sum.
ROUND = 6755399441055744.0
# sin v = v + v·z·p(z), z = v², for |v| ≤ π/4: the polynomial of fdlibm's __kernel_sin, relative error 2⁻⁵⁸.
P1, P2, P3 = -1.66666666666666324348e-01, 8.33333333332248946124e-03, -1.98412698298579493134e-04
P4, P5, P6 = 2.75573137070700676789e-06, -2.50507602534068634195e-08, 1.58969099521155010221e-10
BLOCK = 4096  # rows that stay in the first level cache while a far argument is looked for

# `contract` only: reassociation would let LLVM fold the three parts of π/2 into one.
inlined = njit(fastmath={"contract"}, error_model="numpy", forceinline=True)


@intrinsic
def bits_of(typing_context: Any, x: Any) -> Any:
    """The bits of a float64 as an int64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), generate


@intrinsic
def float_of(typing_context: Any, x: Any) -> Any:
    """The float64 that has these bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate


@inlined
def sin2_half_and_cos(x: float) -> Any:
    """sin²(x/2) and cos x, each to its own relative accuracy, with one polynomial.

    For even n the polynomial gives sin(w/2), and cos x = ±(1 − 2 sin²(w/2)) stays clear of zero; for odd n it gives
    sin w = ∓cos x itself, and sin²(x/2) = (1 − cos x)/2 stays clear of zero. Neither loses digits in a difference.
    """
    rounded = x * TWO_OVER_PI + ROUND
    n = rounded - ROUND
    quadrant = bits_of(rounded)
    w = ((x - n * PI_HALF_1) - n * PI_HALF_2) - n * PI_HALF_3
    odd = (quadrant & 1) != 0
    v = w if odd else 0.5 * w
    z = v * v
    sine = v + v * (z * (P1 + z * (P2 + z * (P3 + z * (P4 + z * (P5 + z * P6))))))
    square = sine * sine
    cosine = sine if odd else 1.0 - 2.0 * square
    cosine = float_of(bits_of(cosine) ^ (((quadrant + 1) & 2) << 62))  # cos x is negative for n = 1, 2 (mod 4)
    return (square if (quadrant & 3) == 0 else 0.5 - 0.5 * cosine), cosine


@inlined
def near_block(latitude: Any, longitude: Any, out: Any) -> Any:
    """Fill `out`; the number of rows whose argument is too far for the reduction (NaN is not: it stays NaN)."""
    far = 0
    for i in range(len(out)):
        a, b = latitude[i], longitude[i]
        sin2_a, cos_a = sin2_half_and_cos(a)
        sin2_b, cos_b = sin2_half_and_cos(b)
        out[i] = sin2_a + cos_a * cos_b * sin2_b
        far += int(abs(a) + abs(b) > FAR)
    return far


def evaluate(latitude_at: Any, longitude_at: Any, out_at: Any, rows: int) -> None:
    """The formula for each row."""
    latitude, longitude, out = carray(latitude_at, rows), carray(longitude_at, rows), carray(out_at, rows)
    for start in range(0, rows, BLOCK):
        stop = min(rows, start + BLOCK)
        # slices, not latitude[i] with i from start: that form keeps LLVM from vectorising
        if near_block(latitude[start:stop], longitude[start:stop], out[start:stop]):
            for i in range(start, stop):
                a, b = latitude[i], longitude[i]
                if abs(a) + abs(b) > FAR:
                    sin_a, sin_b = math.sin(a / 2.0), math.sin(b / 2.0)
                    out[i] = sin_a * sin_a + math.cos(a) * math.cos(b) * (sin_b * sin_b)


# --- bytes ------------------------------------------------------------------------------------------------------------
@intrinsic
def copy(typing_context: Any, out: Any, at: Any, text: Any, start: Any, size: Any) -> Any:
    """out[at : at + size] = text[start : start + size]."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out, at, text, start, size = arguments
        word = ir.IntType(64)
        kinds = [out.type, text.type, word]
        move = builder.module.declare_intrinsic("llvm.memcpy", kinds)
        builder.call(move, [builder.gep(out, [at]), builder.gep(text, [start]), size, ir.Constant(ir.IntType(1), 0)])
        return context.get_dummy_value()

    return types.void(out, types.int64, text, types.int64, types.int64), generate


# --- 128-bit products -------------------------------------------------------------------------------------------------
U0, U1, U2, U3, U4, U10, U40, U100 = (np.uint64(value) for value in (0, 1, 2, 3, 4, 10, 40, 100))
U9, U52, U63, U64 = (np.uint64(value) for value in (9, 52, 63, 64))


@intrinsic
def high_product(typing_context: Any, a: Any, b: Any) -> Any:
    """The upper 64 bits of a product of two uint64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = ir.IntType(128)
        a, b = (builder.zext(argument, wide) for argument in arguments)
        return builder.trunc(builder.lshr(builder.mul(a, b), ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), generate


@intrinsic
def leading_zeros(typing_context: Any, a: Any) -> Any:
    """The zero bits above the highest one of a uint64 that is not 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


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
    """The float64 nearest to w·10^q for a uint64 w; NaN where that takes more than 128 bits to tell."""
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


SPACE, QUOTE, NEWLINE, RETURN, PLUS, MINUS, POINT, ZERO, NINE = (np.uint8(ord(c)) for c in ' "\n\r+-.09')
LETTER_E, LETTER_N = np.uint8(ord("e")), np.uint8(ord("n"))
NUMBER, MISSING, BLANK, ODD = 0, 1, 2, 3  # what a row, or a field, is; ODD is for the caller to judge


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


_bytes, _ints, _floats = (CPointer(kind) for kind in (types.uint8, types.int64, types.float64))
_int = types.int64
SIGNATURES = {
    evaluate: types.void(_floats, _floats, _floats, _int),
    last_record_end: types.void(_bytes, _int, _int, _ints),
    read_rows: types.void(
        _bytes, _int, _int, _int, _int, _int, _int, _ints, _floats, _floats, _bytes, _ints
    ),
    write_rows: types.void(_bytes, _int, _int, _int, _ints, _bytes, _floats, _bytes, _ints),
}  # fmt: skip


def objects() -> dict[str, tuple[str, bytes]]:
    """Compile everything for this processor: name → (symbol, object file). Takes some seconds."""
    made = {}
    for function, signature in SIGNATURES.items():
        compiled = njit(
            signature, fastmath={"contract"}, error_model="numpy",
            no_cpython_wrapper=True, no_cfunc_wrapper=True,
        )(function)  # fmt: skip
        overload = compiled.overloads[signature.args]
        _, _, (code, _) = overload.library.serialize_using_object_code()
        made[function.__name__] = (overload.fndesc.mangled_name, code)
    return made
