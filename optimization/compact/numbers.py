"""Whole numbers, decimals and floats: texts to values, and only where every text comes back. Pure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from optimization.compact.encoded import (
    MAX_DECIMALS,
    POWERS,
    Encoded,
    bytes_of,
    filled,
    narrowed,
    present_rows,
)

_MINUS, _POINT, _NINE = b"-.9"


def digits_of(values: np.ndarray) -> int:
    """How many characters the integers take together, written plainly."""
    if not len(values):
        return 0
    negative = 0
    if values.dtype != np.uint64:
        negative = int(np.count_nonzero(values < 0))
        # -2**63 has no positive twin in int64; as uint64 it has
        values = np.abs(values).view(np.uint64) if negative else values.view(np.uint64)
    total = len(values) + negative
    highest = int(values.max())
    threshold = 10
    while threshold <= highest:
        total += int(np.count_nonzero(values >= np.uint64(threshold)))
        threshold *= 10
    return total


def encode_ints(texts: pa.Array) -> Encoded | None:
    """Integers written plainly: no +, no leading zero, no -0. Proven by length: any other spelling is longer."""
    try:
        numbers = texts.cast(pa.int64())
    except pa.ArrowInvalid:
        try:
            numbers = texts.cast(pa.uint64())
        except pa.ArrowInvalid:
            return None
    data = bytes_of(texts)
    if data.max() > _NINE:
        return None  # arrow also reads 0x1A
    wide = filled(numbers)
    low, high = int(wide.min()), int(wide.max())
    if len(data) != digits_of(wide) - numbers.null_count * len(str(low)):
        return None
    return whole_chunk("int", wide, present_rows(texts), low, high)


def whole_chunk(kind: str, wide: np.ndarray, valid: np.ndarray | None, low: int, high: int) -> Encoded:
    """Whole numbers in the least bytes, compared with what they were."""
    values, base = narrowed(wide, None, low, high)
    encoded = Encoded(kind, len(wide), values, valid, base=base, low=low, high=high)
    encoded.missing = None if valid is None else ""
    encoded.checked = bool(np.array_equal(encoded.wide(), wide))
    return encoded


def encode_floats(texts: pa.Array) -> Encoded | None:
    """Numbers of which each has a decimal point, or prints the same without one."""
    data = bytes_of(texts)
    if data.min() < _MINUS and pc.any(pc.starts_with(texts, "+")).as_py():
        return None
    try:
        numbers = texts.cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    values = filled(numbers)
    if not np.isfinite(values).all():
        return None
    present = len(texts) - texts.null_count
    plain = np.count_nonzero(data == _POINT) != present
    if plain:
        bare = texts.filter(pc.invert(pc.match_substring(texts, ".")))
        if not prints_plain(bare, bare.cast(pa.float64()).to_numpy(zero_copy_only=False)):
            return None
    encoded = as_decimal(values, plain)
    return replace(encoded, valid=present_rows(texts), missing=None if present == len(texts) else "")


def prints_plain(bare: pa.Array, numbers: np.ndarray) -> bool:
    """Whether numbers without a decimal point come back as they are written."""
    whole = encode_ints(bare)
    if whole is not None and max(abs(whole.low), abs(whole.high)) < 2**53:
        return True
    return bool(bare.to_pylist() == [print_plain(number) for number in numbers.tolist()])


def print_plain(number: float) -> str:
    """A float as files without needless points write it: 5, 5.5, 1e-07."""
    text = repr(number)
    return text[:-2] if text.endswith(".0") else text


def as_decimal(values: np.ndarray, plain: bool) -> Encoded:
    """float64 as whole numbers of 10**-scale where that gives every value again, bit for bit."""
    low, high = float(values.min()), float(values.max())
    as_float = Encoded("float", len(values), values=values, plain=plain, low=low, high=high, checked=True)
    zeros = values == 0
    if zeros.any() and np.signbit(values[zeros]).any():
        return as_float
    biggest = max(abs(low), abs(high))
    sample = values[:: max(1, len(values) // 64)]
    # As many as the first numbers need: to start from 0 costs more than the rest where there are 17 digits.
    scale = max(map(_decimals, sample[:4].tolist()), default=0)
    while scale <= MAX_DECIMALS and biggest * POWERS[scale] < 2**53:
        scaled = decimal_of(sample, scale)
        if scaled is not None:
            scaled = decimal_of(values, scale)
            if scaled is not None:
                break
        scale += 1
    else:
        return as_float
    lowest, highest = int(scaled.min()), int(scaled.max())
    if highest - lowest >= 1 << 48:
        return as_float
    whole = whole_chunk("decimal", scaled, None, lowest, highest)
    return replace(whole, scale=scale, plain=plain, low=low, high=high)


def _decimals(number: float) -> int:
    """How many decimals the shortest text of a number has."""
    mantissa, _, exponent = repr(number).partition("e")
    fraction = mantissa.partition(".")[2]
    return max(0, (len(fraction) if fraction != "0" else 0) - int(exponent or 0))


def decimal_of(values: np.ndarray, scale: int) -> np.ndarray | None:
    """int64 `k` with `k / 10**scale == values` exactly (a division of exact numbers is rounded correctly), or None."""
    with np.errstate(over="ignore"):
        scaled = np.rint(values * POWERS[scale])
    if not (np.abs(scaled) < 2**53).all() or not np.array_equal(scaled / POWERS[scale], values):
        return None
    return scaled.astype(np.int64)
