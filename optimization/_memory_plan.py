"""Make one column of its chunks: the kind that fits all of them, and the plan that prints every text again. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from optimization._memory_encode import (
    BOOLEANS,
    MAX_DECIMALS,
    MISSING,
    Encoded,
    encode,
    encode_times,
    texts_of,
    unsigned_for,
)

KINDS = ("empty", "bool", "int", "float", "date", "timestamp", "text")
_NUMBERS = {"int", "decimal", "float"}


@dataclass
class Plan:
    """What a column is, enough to print its texts again: the entry of a column in the schema file.

    `missing` is the spelling of missing rows ("" = an empty unquoted field, None = no row is missing), `form` the form of
    dates and timestamps or the two words of a boolean ("yes/no"), `decimals` the places of an exact decimal (-1: a full
    float), `plain` says that whole numbers are written without a decimal point, `low` and `high` bound numbers.
    """

    name: str
    kind: str
    missing: str | None = None
    form: str = ""
    decimals: int = -1
    plain: bool = False
    low: int | float = 0
    high: int | float = 0
    why: str = ""
    type: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Reread(Exception):
    """The column turns out to be text, and the text of earlier numbers is not kept: read it once more as text."""


def as_text(texts: pa.Array) -> Encoded:
    """A chunk kept as the text it is."""
    encoded = Encoded("text", len(texts), texts=texts, missing="" if texts.null_count else None)
    sample = texts.slice(0, 512)
    if len(pc.unique(sample)) <= len(sample) // 2:
        coded = texts.dictionary_encode()
        if len(coded.dictionary) <= len(texts) // 3:
            valid = pc.is_valid(coded.indices).to_numpy(zero_copy_only=False) if texts.null_count else None
            codes = coded.indices.fill_null(0).to_numpy(zero_copy_only=False).astype(unsigned_for(max(len(coded.dictionary) - 1, 0)))
            return replace(encoded, kind="dictionary", values=codes, valid=valid, texts=coded.dictionary)
    return encoded


def unify(name: str, chunks: list[Encoded]) -> tuple[Plan, list[Encoded]]:
    """One plan for all chunks of a column, and the chunks of that kind; Reread where only the file still has the text."""
    chunks = [chunk for chunk in chunks if chunk.length]
    chunks = _gaps_named_alike(chunks)
    kinds = {chunk.kind for chunk in chunks} - {"empty"}
    spellings = {chunk.missing for chunk in chunks if chunk.missing is not None}
    missing = next(iter(spellings)) if spellings else None
    if not kinds:
        return Plan(name, "empty", missing=missing if spellings else None, why="no row has a value"), chunks
    if kinds == {"dictionary"}:
        found = _booleans(name, chunks)
        if found is not None:
            return found
    if len(spellings) > 1:
        return _text(name, chunks, f"missing is spelled in {len(spellings)} ways: " + ", ".join(repr(s) for s in sorted(spellings)))
    full = [chunk for chunk in chunks if chunk.kind != "empty"]
    low, high = min(chunk.low for chunk in full), max(chunk.high for chunk in full)
    if kinds == {"int"}:
        if low < 0 and high >= 1 << 63:
            return _text(name, chunks, "whole numbers beyond 64 bits")
        return Plan(name, "int", missing, low=low, high=high, why=f"whole numbers {low} … {high}"), chunks
    if kinds <= _NUMBERS:
        return _floats(name, chunks, full, missing)
    if kinds == {"date"} or kinds == {"timestamp"}:
        kind = next(iter(kinds))
        full = _one_form(full)
        forms = {chunk.form for chunk in full}
        if len(forms) == 1 and not any("ambiguous" in chunk.notes for chunk in full):
            low, high = min(chunk.low for chunk in full), max(chunk.high for chunk in full)
            form = next(iter(forms))
            return Plan(name, kind, missing, form, low=low, high=high, why=f"every text is a {kind} written {form}"), _put_back(chunks, full)
        return _text(name, chunks, "day and month cannot be told apart" if len(forms) == 1 else "dates in several forms: " + ", ".join(sorted(forms)))
    return _text(name, chunks, "" if kinds <= {"text", "dictionary"} else "mixed: " + ", ".join(sorted(kinds)))


def _put_back(chunks: list[Encoded], full: list[Encoded]) -> list[Encoded]:
    rest = iter(full)
    return [chunk if chunk.kind == "empty" else next(rest) for chunk in chunks]


def _gaps_named_alike(chunks: list[Encoded]) -> list[Encoded]:
    """A chunk that holds nothing but `NA` beside chunks of numbers is a chunk of missing rows."""
    others = {chunk.kind for chunk in chunks} & {"int", "decimal", "float", "date", "timestamp"}
    if not others:
        return chunks
    return [
        Encoded("empty", chunk.length, missing=chunk.texts[0].as_py())
        if chunk.kind == "dictionary" and chunk.valid is None and chunk.texts is not None and len(chunk.texts) == 1 and chunk.texts[0].as_py() in MISSING
        else chunk
        for chunk in chunks
    ]


def _booleans(name: str, chunks: list[Encoded]) -> tuple[Plan, list[Encoded]] | None:
    words: set[str] = set()
    empty = False
    for chunk in chunks:
        empty |= chunk.missing == ""
        if chunk.texts is not None and chunk.kind == "dictionary":
            if len(chunk.texts) > 3:
                return None
            words.update(chunk.texts.to_pylist())
    gap = "" if empty else None
    for pair in BOOLEANS:
        rest = words - set(pair)
        lone = len(words & set(pair)) == 1 and pair[0].lower() != "true"
        if lone or rest == words or len(rest) > 1 or (rest and (empty or not rest <= set(MISSING))):
            continue
        spelled = next(iter(rest)) if rest else gap
        return (
            Plan(name, "bool", spelled, "/".join(pair), high=1, why=f"only {pair[0]} and {pair[1]}" + (f", missing as {spelled}" if spelled else "")),
            [_as_bits(chunk, pair, spelled) for chunk in chunks],
        )
    return None


def _as_bits(chunk: Encoded, pair: tuple[str, str], spelled: str | None) -> Encoded:
    if chunk.kind == "empty":
        return chunk
    assert chunk.texts is not None and chunk.values is not None
    words = chunk.texts.to_pylist()
    truth = np.array([word == pair[0] for word in words])
    valid = chunk.valid
    if spelled:
        known = np.array([word != spelled for word in words])[chunk.values]
        valid = None if known.all() else known
    return Encoded("bool", chunk.length, values=truth[chunk.values].astype(np.uint8), valid=valid, missing=spelled if valid is not None else None)


def _floats(name: str, chunks: list[Encoded], full: list[Encoded], missing: str | None) -> tuple[Plan, list[Encoded]]:
    whole = [chunk for chunk in full if chunk.kind == "int"]
    if any(max(abs(chunk.low), abs(chunk.high)) >= 2**53 for chunk in whole):
        return _text(name, chunks, "whole numbers that float64 cannot hold, beside numbers with decimals")
    low, high = float(min(chunk.low for chunk in full)), float(max(chunk.high for chunk in full))
    scale = max((chunk.scale for chunk in full), default=0)
    decimals = scale if all(chunk.kind != "float" for chunk in full) else -1
    if decimals > MAX_DECIMALS or max(abs(low), abs(high)) * 10.0 ** max(decimals, 0) >= 2**53:
        decimals = -1
    plain = bool(whole) or any(chunk.plain for chunk in full)
    why = f"numbers with at most {decimals} decimals" if decimals >= 0 else "numbers with all their digits"
    return Plan(name, "float", missing, decimals=decimals, plain=plain, low=low, high=high, why=why), chunks


def _one_form(full: list[Encoded]) -> list[Encoded]:
    """Chunks that read both ways (03/04/2020) follow the chunks that do not."""
    sure = {chunk.form for chunk in full if "ambiguous" not in chunk.notes}
    if len(sure) != 1:
        return full
    form = next(iter(sure))
    settled = []
    for chunk in full:
        if "ambiguous" in chunk.notes:
            if chunk.form == form:
                chunk = replace(chunk, notes=[])
            else:
                printed = texts_of(chunk)
                assert printed is not None
                again = encode_times(printed.drop_null(), [form])
                if again is not None and again.values is not None:
                    values = again.values
                    if chunk.valid is not None:
                        values = np.zeros(chunk.length, again.values.dtype)
                        values[chunk.valid] = again.values
                    chunk = replace(again, length=chunk.length, values=values, valid=chunk.valid, missing=chunk.missing)
        settled.append(chunk)
    return settled


def _text(name: str, chunks: list[Encoded], why: str) -> tuple[Plan, list[Encoded]]:
    settled = []
    for chunk in chunks:
        if chunk.kind in ("text", "dictionary") and chunk.missing in (None, ""):
            settled.append(chunk)
            continue
        if chunk.kind == "empty" and chunk.missing in (None, ""):
            settled.append(Encoded("text", chunk.length, texts=pa.nulls(chunk.length, pa.string()), missing=""))
            continue
        printed = texts_of(chunk)
        if printed is None:
            raise Reread(why)
        if chunk.missing:
            printed = printed.fill_null(chunk.missing)
        settled.append(as_text(printed))
    missing = "" if any(chunk.missing == "" for chunk in settled) else None
    return Plan(name, "text", missing, why=why), settled


# --- a schema that is given ----------------------------------------------------------------------------------------------


def fit(plan: Plan, encoded: Encoded) -> Encoded | None:
    """The chunk in the kind that `plan` demands, or None where some value does not fit."""
    if plan.kind == "text":
        try:
            return _text(plan.name, [encoded], "")[1][0]
        except Reread:
            return None
    if not encoded.length:
        return encoded
    chunk = encoded
    if chunk.kind == "dictionary" and chunk.valid is None and chunk.texts is not None and chunk.texts.to_pylist() == [plan.missing]:
        chunk = Encoded("empty", chunk.length, missing=plan.missing)
    if chunk.missing is not None and chunk.missing != (plan.missing if plan.missing is not None else ""):
        return None
    if chunk.kind == "empty":
        return chunk
    if plan.kind == "empty":
        return None
    if plan.kind == "bool":
        found = _booleans(plan.name, [chunk]) if chunk.kind == "dictionary" else None
        if found is None:
            pair = plan.form.split("/")
            words = set(chunk.texts.to_pylist()) if chunk.kind == "dictionary" and chunk.texts is not None else None
            if words is None or not words <= {*pair, plan.missing}:
                return None
            return _as_bits(chunk, (pair[0], pair[1]), plan.missing if plan.missing in words else None)
        return found[1][0] if found[0].form == plan.form else None
    if plan.kind == "int":
        return chunk if chunk.kind == "int" and plan.low <= chunk.low and chunk.high <= plan.high else None
    if plan.kind == "float":
        if chunk.kind not in _NUMBERS or (chunk.kind == "int" and max(abs(chunk.low), abs(chunk.high)) >= 2**53):
            return None
        return chunk if plan.plain or not (chunk.plain or chunk.kind == "int") else None
    if chunk.kind != plan.kind:
        return None
    if "ambiguous" in chunk.notes:
        chunk = _one_form([replace(chunk, form=plan.form, notes=[])] if chunk.form == plan.form else [chunk, Encoded(plan.kind, 0, form=plan.form)])[0]
    return chunk if chunk.form == plan.form and plan.low <= chunk.low and chunk.high <= plan.high else None


def first_misfit(plan: Plan, texts: pa.Array) -> int:
    """The first row (from 0) whose text does not fit the plan."""
    fitting, broken = 0, len(texts)
    while broken - fitting > 1:
        middle = (fitting + broken) // 2
        if fit(plan, encode(texts.slice(0, middle))) is None:
            broken = middle
        else:
            fitting = middle
    return broken - 1
