"""Prove that loaded columns print the file's texts: digests taken while reading, compared with the result's. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from optimization._memory_encode import Encoded, text_parts
from optimization._memory_plan import Plan
from optimization._memory_print import texts_back


@dataclass(frozen=True)
class Proof:
    """What `rows` rows of a column must give again: SHA-256 of their texts, or (`floats`) of their float64 values.

    `plain`: some of these numbers have no decimal point, and must be printed without one.
    """

    rows: int
    digest: bytes
    floats: bool = False
    plain: bool = False


def proof_of(texts: pa.Array, chunk: Encoded) -> Proof:
    """The proof of a chunk, from the texts as the file has them; a number with a decimal point by its float64."""
    if chunk.kind not in ("decimal", "float"):
        return Proof(len(texts), text_digest(texts))
    dense = texts if chunk.valid is None else texts.filter(pa.array(chunk.valid))
    values = dense.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return Proof(len(texts), float_digest(values, chunk.valid, chunk.missing), True, chunk.plain)


def text_digest(texts: pa.Array) -> bytes:
    """SHA-256 of texts, of where each ends, and of which are missing."""
    offsets, data = text_parts(texts)
    lengths = np.diff(offsets).astype(np.uint32)
    found = hashlib.sha256()
    if texts.null_count:
        gaps = texts.is_null().to_numpy(zero_copy_only=False)
        if lengths[gaps].any():  # bytes under a missing row mean nothing
            return text_digest(pc.if_else(pa.array(~gaps), texts, pa.scalar(None, pa.string())))
        found.update(np.packbits(gaps).data)
    found.update(lengths.data)
    found.update(np.ascontiguousarray(data).data)
    return found.digest()


def float_digest(values: np.ndarray, valid: np.ndarray | None, missing: str | None) -> bytes:
    """SHA-256 of the bits of the present float64 values, of which rows they are, and of the spelling of the others."""
    found = hashlib.sha256(np.ascontiguousarray(values, np.float64).data)
    if valid is not None and not valid.all():
        found.update(np.packbits(valid).data)
        found.update((missing or "").encode())
    return found.digest()


def holds(proof: Proof, plan: Plan, values: pa.Array) -> bool:
    """Whether the values of a loaded column are those of the proof."""
    if len(values) != proof.rows:
        return False
    if plan.kind != "float":
        return not proof.floats and text_digest(texts_back(plan, values)) == proof.digest
    if not proof.floats:  # whole numbers beside numbers with decimals, or nothing but gaps
        try:
            whole = values.cast(pa.int64()).cast(pa.string())
        except pa.ArrowInvalid:
            return False
        return text_digest(whole.fill_null(plan.missing) if plan.missing else whole) == proof.digest
    if proof.plain and not plan.plain:
        return False
    valid = values.is_valid().to_numpy(zero_copy_only=False) if values.null_count else None
    dense = values.drop_null() if values.null_count else values
    numbers = dense.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return float_digest(numbers, valid, plan.missing) == proof.digest
