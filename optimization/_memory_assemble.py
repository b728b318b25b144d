"""Put the chunks of a column together: one array of numbers, one bitmap, one dictionary. Frees each chunk once it is used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from optimization._memory_encode import Encoded, text_parts, unsigned_for

SAMPLE_ROWS = 16_384


def bitmap(valid: np.ndarray) -> pa.Buffer:
    """An arrow bitmap (least significant bit first) from booleans."""
    return pa.py_buffer(np.packbits(valid, bitorder="little"))


def validity(chunks: list[Encoded], rows: int) -> tuple[pa.Buffer | None, int]:
    """The bitmap of the whole column and the number of missing rows; no bitmap where nothing is missing."""
    nulls = sum(chunk.nulls for chunk in chunks)
    if not nulls:
        return None, 0
    whole = np.empty(rows, np.bool_)
    for start, chunk in placed(chunks):
        part = whole[start : start + chunk.length]
        if chunk.kind == "empty":
            part[:] = False
        elif chunk.valid is None:
            part[:] = True
        else:
            part[:] = chunk.valid
    return bitmap(whole), nulls


def placed(chunks: list[Encoded]) -> Iterator[tuple[int, Encoded]]:
    """Each chunk with the row it starts at."""
    start = 0
    for chunk in chunks:
        yield start, chunk
        start += chunk.length


def whole_numbers(chunks: list[Encoded], rows: int, dtype: np.dtype, base: int = 0, times: int = 0) -> np.ndarray:
    """The integers of all chunks minus `base` in one array of `dtype`; a missing row holds 0.

    `times` >= 0 for decimals: everything as whole numbers of 10**-times.
    """
    out = np.empty(rows, dtype)
    for start, chunk in placed(chunks):
        part = out[start : start + chunk.length]
        if chunk.kind == "empty":
            part[:] = 0
            continue
        wide = chunk.wide()
        if times and times > chunk.scale:
            wide = wide * 10 ** (times - chunk.scale)
        part[:] = (wide - base if base else wide).astype(dtype)
        if chunk.valid is not None:
            part[~chunk.valid] = 0
    return out


def whole_floats(chunks: list[Encoded], rows: int, dtype: np.dtype) -> np.ndarray:
    """The numbers of all chunks as float64 (or float32), NaN where missing."""
    out = np.empty(rows, dtype)
    for start, chunk in placed(chunks):
        part = out[start : start + chunk.length]
        if chunk.kind == "empty":
            part[:] = np.nan
            continue
        part[:] = chunk.floats()
        if chunk.valid is not None:
            part[~chunk.valid] = np.nan
    return out


def exact_in_float32(chunks: list[Encoded]) -> bool:
    """Whether float32 holds every number of the chunks exactly."""
    for chunk in chunks:
        if chunk.kind == "empty":
            continue
        values = chunk.floats()
        if chunk.valid is not None:
            values = values[chunk.valid]
        for part in (values[:64], values):
            with np.errstate(over="ignore"):
                if not np.array_equal(part.astype(np.float32).astype(np.float64), part):
                    return False
    return True


# --- text ------------------------------------------------------------------------------------------------------------------


@dataclass
class Coded:
    """A text column as codes into its different texts, sorted; a missing row has code 0 and no bit in `valid`."""

    codes: np.ndarray
    valid: pa.Buffer | None
    nulls: int
    texts: pa.Array


def text_bytes(chunks: list[Encoded]) -> int:
    """The bytes of all texts, a row each."""
    total = 0
    for chunk in chunks:
        if chunk.kind == "text":
            assert chunk.texts is not None
            offsets, _ = text_parts(chunk.texts)
            total += int(offsets[-1])
        elif chunk.kind == "dictionary":
            assert chunk.texts is not None and chunk.values is not None
            lengths = pc.binary_length(chunk.texts).to_numpy(zero_copy_only=False)
            counts = np.bincount(chunk.values if chunk.valid is None else chunk.values[chunk.valid], minlength=len(lengths))
            total += int((lengths * counts).sum())
    return total


def likely_distinct(chunks: list[Encoded], rows: int) -> float:
    """About how many different texts there are, from a sample: by how often two of its rows agree."""
    picked = []
    for chunk in chunks:
        count = min(chunk.length, max(1, SAMPLE_ROWS * chunk.length // max(rows, 1)))
        places = np.linspace(0, chunk.length - 1, count).astype(np.int64)
        assert chunk.texts is not None
        if chunk.kind == "text":
            picked.append(chunk.texts.take(pa.array(places)).drop_null())
        elif chunk.values is not None:
            picked.append(chunk.texts.take(pa.array(chunk.values[places].astype(np.int64))))
    sample = pa.chunked_array(picked, pa.string())
    size, seen = len(sample), len(pc.unique(sample))
    if size < SAMPLE_ROWS // 2:
        return float(seen)
    if seen == size:
        return float("inf")
    # seen = D (1 - exp(-size / D)), solved for D by halving
    low, high = float(seen), 1e12
    for _ in range(80):
        middle = (low * high) ** 0.5
        if middle * -np.expm1(-size / middle) < seen:
            low = middle
        else:
            high = middle
    return low


def coded(chunks: list[Encoded], rows: int, code_bytes: tuple[int, ...], entry_bytes: int) -> Coded | None:
    """The column as codes and a dictionary where that is smaller than the texts themselves, else None.

    `code_bytes`: how many texts codes of 1, 2 and 4 bytes can name; `entry_bytes`: what an entry costs beside its text.
    """
    plain = text_bytes(chunks) + 4 * rows
    if any(chunk.kind == "text" for chunk in chunks):
        distinct = likely_distinct(chunks, rows)
        mean = plain / max(rows, 1) - 4
        if distinct * (mean + entry_bytes) + rows * _code_width(int(min(distinct, 2**31 - 1)), code_bytes) > 1.3 * plain:
            return None
    parts: list[pa.Array] = []
    codes: list[np.ndarray] = []
    valids: list[np.ndarray | None] = []
    for chunk in chunks:
        assert chunk.texts is not None
        if chunk.kind == "text":
            encoded = chunk.texts.dictionary_encode()
            valids.append(pc.is_valid(encoded.indices).to_numpy(zero_copy_only=False) if encoded.indices.null_count else None)
            indices = encoded.indices.fill_null(0) if encoded.indices.null_count else encoded.indices
            codes.append(indices.to_numpy(zero_copy_only=False).astype(unsigned_for(max(len(encoded.dictionary) - 1, 0))))
            parts.append(encoded.dictionary.cast(pa.string()))
        else:
            assert chunk.values is not None
            parts.append(chunk.texts.cast(pa.string()))
            codes.append(chunk.values)
            valids.append(chunk.valid)
    together = pa.concat_arrays(parts).dictionary_encode() if parts else pa.array([], pa.string()).dictionary_encode()
    texts = together.dictionary
    size = len(texts)
    dictionary_bytes = text_parts(texts)[1].nbytes + entry_bytes * size if size else 0
    width = _code_width(size, code_bytes)
    if dictionary_bytes + rows * width >= 0.97 * plain and rows:
        return None
    order = pc.sort_indices(texts).to_numpy(zero_copy_only=False)
    rank = np.empty(size, np.int64)
    rank[order] = np.arange(size)
    mapping = rank[together.indices.to_numpy(zero_copy_only=False)].astype(unsigned_for(max(size - 1, 0)))
    out = np.empty(rows, mapping.dtype)
    start = offset = nulls = 0
    present = np.ones(rows, np.bool_)
    for part, chunk_codes, valid in zip(parts, codes, valids, strict=True):
        stop = start + len(chunk_codes)
        if len(part):
            out[start:stop] = mapping[offset : offset + len(part)][chunk_codes]
        else:
            out[start:stop] = 0
        if valid is not None:
            out[start:stop][~valid] = 0
            present[start:stop] = valid
            nulls += int(np.count_nonzero(~valid))
        start, offset = stop, offset + len(part)
    return Coded(out, bitmap(present) if nulls else None, nulls, texts.take(pa.array(order)))


def _code_width(size: int, code_bytes: tuple[int, ...]) -> int:
    for width, most in zip((1, 2, 4), code_bytes, strict=True):
        if size <= most:
            return width
    return 8


def whole_texts(chunks: list[Encoded]) -> pa.ChunkedArray:
    """The texts of all chunks; 64-bit offsets only where the column needs them."""
    parts = []
    for chunk in chunks:
        assert chunk.texts is not None
        if chunk.kind == "dictionary":
            assert chunk.values is not None
            parts.append(chunk.texts.take(pa.array(chunk.values, mask=None if chunk.valid is None else ~chunk.valid)))
        else:
            parts.append(chunk.texts)
    wide = text_bytes(chunks) >= 2**31 - 1
    return pa.chunked_array([part.cast(pa.large_string()) for part in parts] if wide else parts, pa.large_string() if wide else pa.string())
