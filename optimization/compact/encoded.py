"""A chunk of one column as the narrowest values that give every text again, and the arrays it is made of. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

UNIT_OF_DIGITS = {0: "s", 1: "ms", 2: "ms", 3: "ms", 4: "us", 5: "us", 6: "us", 7: "ns", 8: "ns", 9: "ns"}
PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
MAX_DECIMALS = 15
POWERS = tuple(10.0**n for n in range(MAX_DECIMALS + 1))


@dataclass
class Encoded:
    """A chunk of one column. Row i is missing where `valid` is False (None: no row is); what `values` holds depends
    on `kind`:

    empty: nothing · int: `values + base` · decimal: `(values + base) / 10**scale` as float64 · float: float64 ·
    date: days since 1970, `values + base` · timestamp: units (`unit_of(form)`) since 1970, `values + base` ·
    dictionary: codes into `texts` · text: `texts`, a row each.
    """

    kind: str
    length: int
    values: np.ndarray | None = None
    valid: np.ndarray | None = None
    texts: pa.Array | None = None
    base: int = 0
    scale: int = 0
    form: str = ""
    # The spelling of missing rows; None where nothing is missing. "" is the empty unquoted field.
    missing: str | None = None
    # Some number of a decimal or float chunk is written without a decimal point ("5" beside "5.5").
    plain: bool = False
    low: int | float = 0
    high: int | float = 0
    # Of a text or dictionary chunk: the bytes of its texts, a row each; -1: not counted yet.
    text_size: int = -1
    # Its texts (of a dictionary chunk: each different one) were compared while it was encoded.
    checked: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def nulls(self) -> int:
        if self.kind == "empty":
            return self.length
        return 0 if self.valid is None else int(self.length - np.count_nonzero(self.valid))

    def wide(self) -> np.ndarray:
        """The integers as int64 (uint64 beyond): `values + base`."""
        assert self.values is not None
        if self.values.dtype == np.uint64 and self.high >= 1 << 63:
            return self.values
        return self.values.astype(np.int64) + self.base if self.base else self.values.astype(np.int64)

    def floats(self) -> np.ndarray:
        """float64 of an int, decimal or float chunk; a missing row holds any number."""
        assert self.values is not None
        if self.kind == "float":
            return self.values
        wide = self.wide().astype(np.float64)
        return wide / POWERS[self.scale] if self.scale else wide


def unit_of(form: str) -> str:
    """The unit a timestamp form is exact in: s, ms, us or ns."""
    return UNIT_OF_DIGITS[form.count("f")]


def unsigned_for(span: int) -> np.dtype:
    """The narrowest unsigned integer that holds 0 … span."""
    return np.dtype("u1" if span < 1 << 8 else "u2" if span < 1 << 16 else "u4" if span < 1 << 32 else "u8")


def narrowed(wide: np.ndarray, valid: np.ndarray | None, low: int, high: int) -> tuple[np.ndarray, int]:
    """`wide` as the narrowest unsigned offsets from the lowest, and that base; missing rows become 0."""
    if wide.dtype == np.uint64:
        return wide, 0
    if high - low >= 1 << 63:
        return wide, 0
    values = (wide - low).astype(unsigned_for(high - low))
    if valid is not None:
        values[~valid] = 0
    return values, low


def text_parts(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Offsets (int64, from 0) and bytes of an arrow string array."""
    wide = pa.types.is_large_string(texts.type)
    offsets = np.frombuffer(texts.buffers()[1], np.int64 if wide else np.int32)[
        texts.offset : texts.offset + len(texts) + 1
    ]
    data = texts.buffers()[2]
    first, last = int(offsets[0]), int(offsets[-1])
    view = np.frombuffer(data, np.uint8)[first:last] if data is not None else np.empty(0, np.uint8)
    return offsets.astype(np.int64) - first, view


def null_mask(array: pa.Array) -> np.ndarray | None:
    """True where an array has no value; None where every row has one."""
    if not array.null_count:
        return None
    mask: np.ndarray = array.is_null().to_numpy(zero_copy_only=False)
    return mask


def size_of_texts(texts: pa.Array) -> int:
    """The bytes of an arrow string array's texts."""
    offsets = np.frombuffer(texts.buffers()[1], np.int64 if pa.types.is_large_string(texts.type) else np.int32)
    return int(offsets[texts.offset + len(texts)]) - int(offsets[texts.offset])


def fixed_texts(matrix: np.ndarray) -> pa.Array:
    """An arrow string array from a matrix of bytes, a row each."""
    rows, width = matrix.shape
    wide = rows * width >= 2**31 - 1
    offsets = np.arange(rows + 1, dtype=np.int64 if wide else np.int32) * width
    kind = pa.large_string() if wide else pa.string()
    return pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(matrix))])


def present_rows(texts: pa.Array) -> np.ndarray | None:
    """True where a row has a text; None where every row has one."""
    if not texts.null_count:
        return None
    present: np.ndarray = pc.is_valid(texts).to_numpy(zero_copy_only=False)
    return present


def filled(numbers: pa.Array) -> np.ndarray:
    """Arrow's numbers as numpy's; the lowest of them where one is missing, so that offsets are 0 there."""
    if numbers.null_count:
        numbers = numbers.fill_null(pc.min(numbers))
    filled: np.ndarray = numbers.to_numpy(zero_copy_only=False)
    return filled


def bytes_of(texts: pa.Array) -> np.ndarray:
    """The bytes of all texts, one after another; a gap must have none."""
    offsets = np.frombuffer(texts.buffers()[1], np.int64 if pa.types.is_large_string(texts.type) else np.int32)
    data = texts.buffers()[2]
    if data is None:
        return np.empty(0, np.uint8)
    return np.frombuffer(data, np.uint8)[offsets[texts.offset] : offsets[texts.offset + len(texts)]]
