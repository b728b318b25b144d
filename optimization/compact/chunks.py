"""Put the chunks of a column together: one array of numbers, one bitmap, one dictionary. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from optimization.compact.encoded import Encoded, null_mask, text_parts, unsigned_for

SAMPLE_ROWS = 16_384
FLUSH_ROWS = 1 << 20


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


# --- text -------------------------------------------------------------------------------------------------------------


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
        if chunk.text_size >= 0:
            total += chunk.text_size
        elif chunk.kind == "text":
            assert chunk.texts is not None
            total += int(text_parts(chunk.texts)[0][-1])
        elif chunk.kind == "dictionary":
            assert chunk.texts is not None
            assert chunk.values is not None
            lengths = pc.binary_length(chunk.texts).to_numpy(zero_copy_only=False)
            counts = np.bincount(
                chunk.values if chunk.valid is None else chunk.values[chunk.valid], minlength=len(lengths)
            )
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
        if (
            distinct * (mean + entry_bytes) + rows * _code_width(int(min(distinct, 2**31 - 1)), code_bytes)
            > 1.3 * plain
        ):
            return None
    gathered = Gathering()
    found = gathered.codes_of(chunks) if chunks else []
    texts = gathered.texts
    size = len(texts)
    dictionary_bytes = text_parts(texts)[1].nbytes + entry_bytes * size if size else 0
    width = _code_width(size, code_bytes)
    if dictionary_bytes + rows * width >= 0.97 * plain and rows:
        return None
    order = pc.sort_indices(texts).to_numpy(zero_copy_only=False)
    rank = np.empty(max(size, 1), unsigned_for(max(size - 1, 0)))
    rank[order] = np.arange(size)
    out = np.empty(rows, rank.dtype)
    present = np.ones(rows, np.bool_) if any(valid is not None for _, valid in found) else None
    start = 0
    for codes, valid in found:
        stop = start + len(codes)
        np.take(rank, codes, out=out[start:stop], mode="clip")  # "raise" would go through a copy
        if valid is not None and present is not None:
            out[start:stop][~valid] = 0
            present[start:stop] = valid
        start = stop
    nulls = 0 if present is None else int(rows - np.count_nonzero(present))
    return Coded(out, bitmap(present) if present is not None and nulls else None, nulls, texts.take(pa.array(order)))


class Gathering:
    """A dictionary that grows batch by batch; codes given out stay right, since new texts are put at its end."""

    def __init__(self) -> None:
        self.texts: pa.Array = pa.array([], pa.string())

    def codes_of(self, chunks: list[Encoded], check: bool = False) -> list[tuple[np.ndarray, np.ndarray | None]]:
        """For each chunk the codes of its rows, and which rows have one. Each text is hashed once.

        `check`: that the codes give the texts back, for texts that are let go now.
        """
        parts: dict[int, pa.Array] = {}
        for chunk in chunks:
            assert chunk.texts is not None
            kind = chunk.texts.type
            parts.setdefault(id(chunk.texts), chunk.texts if kind == pa.string() else chunk.texts.cast(pa.string()))
        distinct = all(chunk.kind == "dictionary" for chunk in chunks)
        places = self._place(list(parts.values()), distinct, check)
        mapped = dict(zip(parts, places, strict=True))
        found = []
        for chunk in chunks:
            codes, valid = mapped[id(chunk.texts)], chunk.valid
            if chunk.kind == "text":
                if chunk.texts is not None and chunk.texts.null_count:
                    valid = pc.is_valid(chunk.texts).to_numpy(zero_copy_only=False)
            else:
                assert chunk.values is not None
                codes = codes[chunk.values] if len(codes) else np.zeros(chunk.length, codes.dtype)
            found.append((codes, valid))
        return found

    def _place(self, parts: list[pa.Array], distinct: bool, check: bool) -> list[np.ndarray]:
        """Where each text of each part stands in the dictionary, which takes in those that are new."""
        if distinct and len(parts) == 1 and not len(self.texts):
            self.texts = parts[0]
            return [np.arange(len(parts[0]), dtype=unsigned_for(max(len(parts[0]) - 1, 0)))]
        encoded = pa.chunked_array(parts, pa.string()).dictionary_encode()
        batch = encoded.chunk(0).dictionary
        moved = None
        if len(self.texts):
            # In front: the texts so far keep their places.
            together = pa.concat_arrays([self.texts, batch]).dictionary_encode()
            moved = together.indices.slice(len(self.texts)).to_numpy(zero_copy_only=False)
            batch = together.dictionary
        self.texts = batch
        width = unsigned_for(max(len(batch) - 1, 0))
        placed_parts = []
        for part, chunk in zip(parts, encoded.chunks, strict=True):
            indices = chunk.indices.fill_null(0) if chunk.indices.null_count else chunk.indices
            codes = indices.to_numpy(zero_copy_only=False)
            codes = (codes if moved is None else moved[codes]).astype(width)
            if check and not batch.take(pa.array(codes, mask=null_mask(part))).equals(part):
                raise AssertionError("codes that do not give their texts back")
            placed_parts.append(codes)
        return placed_parts


class TextColumn:
    """The chunks of a column while it is read: texts that repeat become codes into one growing dictionary."""

    def __init__(self) -> None:
        self.chunks: list[Encoded] = []
        self._waiting: list[Encoded] = []
        self._rows = 0
        self._enough = FLUSH_ROWS
        self._gathering = Gathering()
        self._mine: list[Encoded] = []

    def add(self, chunk: Encoded) -> None:
        """One more chunk."""
        self.chunks.append(chunk)
        if chunk.kind in ("text", "dictionary"):
            self._waiting.append(chunk)
            self._rows += chunk.length
            if self._rows >= self._enough:
                self.flush()

    def flush(self) -> None:
        """Turn the texts that wait into codes if that is smaller; if not, look again once twice as many wait."""
        rows = sum(chunk.length for chunk in self._waiting)
        if any(chunk.kind == "text" for chunk in self._waiting):
            mean = text_bytes(self._waiting) / max(rows, 1)
            if likely_distinct(self._waiting, rows) * (mean + 8) > 0.7 * rows * (mean + 4):
                self._enough = 2 * rows
                return
        if not self._waiting:
            return
        for chunk, (codes, valid) in zip(
            self._waiting, self._gathering.codes_of(self._waiting, check=True), strict=True
        ):
            chunk.kind, chunk.values, chunk.valid = "dictionary", codes, valid
            chunk.texts = self._gathering.texts
        self._mine += self._waiting
        self._waiting.clear()
        self._rows = 0
        # The dictionary is hashed again each time: the larger it is, the more must wait for that to pay.
        self._enough = max(FLUSH_ROWS, 2 * len(self._gathering.texts))

    def finish(self) -> list[Encoded]:
        """All chunks; those with codes share one dictionary."""
        if self._mine and self._waiting:
            self.flush()
        for chunk in self._mine:
            chunk.texts = self._gathering.texts
        return self.chunks


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
    return pa.chunked_array(
        [part.cast(pa.large_string()) for part in parts] if wide else parts, pa.large_string() if wide else pa.string()
    )
