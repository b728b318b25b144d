"""Make one column of its chunks: the kind that fits all of them, and the plan that prints every text again. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from optimization.compact.chunks import exact_in_float32
from optimization.compact.commas import common_form, fits
from optimization.compact.encode import BOOLEANS, encode, texts_of
from optimization.compact.encoded import Encoded, size_of_texts, unsigned_for
from optimization.compact.times import encode_times
from optimization.counted import counted
from optimization.csv_rules import MISSING

KINDS = ("empty", "bool", "int", "float", "date", "timestamp", "text")
_NUMBERS = {"int", "decimal", "float"}


@dataclass
class Plan:
    """What a column is, enough to print its texts again: the entry of a column in the schema file.

    `missing` is the spelling of missing rows ("": an empty unquoted field, None: no row is), `form` the form of dates,
    timestamps and decimal commas, or the two words of a boolean ("yes/no"), `decimals` the places of an exact decimal
    (-1: a full float), `plain` says that whole numbers are written without a decimal point, `low` and `high` bound
    numbers.
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
        return dict(vars(self))


class Reread(Exception):
    """The column turns out to be text, and the text of earlier numbers is not kept: read it once more as text."""


def as_text(texts: pa.Array) -> Encoded:
    """A chunk kept as the text it is."""
    encoded = Encoded("text", len(texts), texts=texts, missing="" if texts.null_count else None)
    encoded.text_size = size_of_texts(texts) if len(texts) else 0
    sample = texts.slice(0, 512)
    if len(pc.unique(sample)) <= len(sample) // 2:
        coded = texts.dictionary_encode()
        if len(coded.dictionary) <= len(texts) // 3:
            valid = pc.is_valid(coded.indices).to_numpy(zero_copy_only=False) if texts.null_count else None
            codes = (
                coded.indices.fill_null(0)
                .to_numpy(zero_copy_only=False)
                .astype(unsigned_for(max(len(coded.dictionary) - 1, 0)))
            )
            return replace(encoded, kind="dictionary", values=codes, valid=valid, texts=coded.dictionary)
    return encoded


def summary(chunk: Encoded) -> Encoded:
    """What `decide` needs of a chunk, without its values."""
    words = chunk.texts if chunk.kind == "dictionary" and chunk.texts is not None and len(chunk.texts) <= 3 else None
    # A stand-in for the bitmap: whether every row has a value.
    valid = None if chunk.valid is None else np.zeros(0, np.bool_)
    return replace(chunk, values=None, valid=valid, texts=words)


def decide(name: str, chunks: list[Encoded]) -> Plan:
    """The plan that fits all chunks (or their summaries) of a column."""
    chunks = _gaps_named_alike([chunk for chunk in chunks if chunk.length])
    full = [chunk for chunk in chunks if chunk.kind != "empty"]
    kinds = {chunk.kind for chunk in full}
    spellings = {chunk.missing for chunk in chunks if chunk.missing is not None}
    missing = next(iter(spellings)) if spellings else None
    if not kinds and len(spellings) < 2:
        return Plan(name, "empty", missing, why="no row has a value")
    if kinds == {"dictionary"}:
        found = _boolean(name, chunks)
        if found is not None:
            return found
    gap = "" if "" in spellings else None
    if len(spellings) > 1:
        return Plan(
            name,
            "text",
            gap,
            why="missing is spelled in several ways: " + ", ".join(repr(s) for s in sorted(spellings)),
        )
    if kinds & {"text", "dictionary"}:
        return Plan(
            name, "text", gap, why="mixed: " + ", ".join(sorted(kinds)) if kinds - {"text", "dictionary"} else ""
        )
    if kinds <= _NUMBERS:
        return _number(name, full, missing)
    if kinds == {"date"} or kinds == {"timestamp"}:
        return _time(name, full, missing)
    return Plan(name, "text", gap, why="mixed: " + ", ".join(sorted(kinds)))


def _gaps_named_alike(chunks: list[Encoded]) -> list[Encoded]:
    """A chunk that holds nothing but `NA` beside chunks of numbers is a chunk of missing rows."""
    if not {chunk.kind for chunk in chunks} & {"int", "decimal", "float", "date", "timestamp"}:
        return chunks
    return [
        Encoded("empty", chunk.length, missing=_only_word(chunk)) if _only_word(chunk) in MISSING else chunk
        for chunk in chunks
    ]


def _only_word(chunk: Encoded) -> str | None:
    """The text of a chunk that holds one text only, and no gap."""
    if chunk.kind != "dictionary" or chunk.valid is not None or chunk.texts is None or len(chunk.texts) != 1:
        return None
    word: str = chunk.texts[0].as_py()
    return word


def _boolean(name: str, chunks: list[Encoded]) -> Plan | None:
    words: set[str] = set()
    empty = any(chunk.missing == "" for chunk in chunks)
    for chunk in chunks:
        if chunk.kind == "dictionary":
            if chunk.texts is None or len(chunk.texts) > 3:
                return None
            words.update(chunk.texts.to_pylist())
    for pair in BOOLEANS:
        rest = words - set(pair)
        # `Y` alone could be anything; `true` alone could not.
        lone = len(words & set(pair)) == 1 and pair[0].lower() != "true"
        if lone or rest == words or len(rest) > 1 or (rest and (empty or not rest <= set(MISSING))):
            continue
        spelled = next(iter(rest)) if rest else "" if empty else None
        why = f"only {pair[0]} and {pair[1]}" + (f", missing as {spelled}" if spelled else "")
        return Plan(name, "bool", spelled, "/".join(pair), high=1, why=why)
    return None


def _number(name: str, full: list[Encoded], missing: str | None) -> Plan:
    gap = "" if missing == "" else None
    if any(chunk.form for chunk in full):
        return _comma(name, full, missing)
    whole = [chunk for chunk in full if chunk.kind == "int"]
    low, high = min(chunk.low for chunk in full), max(chunk.high for chunk in full)
    if len(whole) == len(full):
        if low < 0 and high >= 1 << 63:
            return Plan(name, "text", gap, why="whole numbers beyond 64 bits")
        return Plan(name, "int", missing, low=int(low), high=int(high), why=f"whole numbers {low} … {high}")
    if any(max(abs(chunk.low), abs(chunk.high)) >= 2**53 for chunk in whole):
        return Plan(name, "text", gap, why="whole numbers that float64 cannot hold, beside numbers with decimals")
    decimals = max(chunk.scale for chunk in full) if all(chunk.kind != "float" for chunk in full) else -1
    if max(abs(low), abs(high)) * 10.0 ** max(decimals, 0) >= 2**53:
        decimals = -1
    plain = bool(whole) or any(chunk.plain for chunk in full)
    why = f"numbers with at most {counted(decimals, 'decimal')}" if decimals >= 0 else "numbers with all their digits"
    return Plan(name, "float", missing, decimals=decimals, plain=plain, low=float(low), high=float(high), why=why)


def _comma(name: str, full: list[Encoded], missing: str | None) -> Plan:
    form = common_form(full)
    low, high = min(chunk.low for chunk in full), max(chunk.high for chunk in full)
    decimals = len(form.partition(",")[2]) if form else 0
    if form is None or max(abs(low), abs(high)) * 10.0**decimals >= 2**53:
        why = "numbers with a decimal comma, written in several ways"
        return Plan(name, "text", "" if missing == "" else None, why=why)
    why = f"numbers with a decimal comma, written {form}"
    return Plan(name, "float", missing, form, decimals, plain=True, low=float(low), high=float(high), why=why)


def _time(name: str, full: list[Encoded], missing: str | None) -> Plan:
    kind = full[0].kind
    gap = "" if missing == "" else None
    # Chunks that read both ways (03/04/2020) follow those that do not.
    sure = {chunk.form for chunk in full if "ambiguous" not in chunk.notes}
    if len(sure) != 1:
        why = f"{kind}s in several forms: " + ", ".join(sorted(sure)) if sure else "day and month are ambiguous"
        return Plan(name, "text", gap, why=why)
    form = next(iter(sure))
    try:
        full = [_as_form(chunk, form) for chunk in full]
    except Reread:
        return Plan(name, "text", gap, why=f"{kind}s in several forms")
    low, high = min(chunk.low for chunk in full), max(chunk.high for chunk in full)
    return Plan(name, kind, missing, form, low=low, high=high, why=f"every text is a {kind} written {form}")


def _as_form(chunk: Encoded, form: str) -> Encoded:
    """A chunk whose day and month could change places, read in the form that the column has."""
    if chunk.form == form:
        return replace(chunk, notes=[])
    if "ambiguous" not in chunk.notes or len(chunk.form) != len(form):
        raise Reread(f"a form other than {form}")
    if chunk.values is None:  # a summary: the same days, month and day exchanged, lie in the same years
        return replace(chunk, form=form, notes=[])
    printed = texts_of(chunk)
    assert printed is not None
    again = encode_times(printed.drop_null(), [form])
    if again is None or again.values is None:
        raise Reread(f"a form other than {form}")
    values = again.values
    if chunk.valid is not None:
        values = np.zeros(chunk.length, again.values.dtype)
        values[chunk.valid] = again.values
    return replace(again, length=chunk.length, values=values, valid=chunk.valid, missing=chunk.missing, notes=[])


def convert(plan: Plan, chunk: Encoded) -> Encoded:
    """A chunk in the kind of the plan; Reread where its text is needed and not kept, or the plan does not fit."""
    if plan.kind == "text":
        return _as_text(chunk, plan.why)
    if chunk.kind == "empty" or not chunk.length:
        return chunk
    if plan.missing and _only_word(chunk) == plan.missing:
        return Encoded("empty", chunk.length, missing=plan.missing)
    if plan.kind == "bool":
        return _as_bits(chunk, plan)
    if plan.kind in ("date", "timestamp") and chunk.kind == plan.kind:
        return _as_form(chunk, plan.form)
    if chunk.kind == plan.kind or (plan.kind == "float" and chunk.kind in _NUMBERS):
        return chunk
    raise Reread(f"{chunk.kind} where {plan.kind} is expected")


def _as_bits(chunk: Encoded, plan: Plan) -> Encoded:
    if chunk.kind == "bool":
        return chunk
    if chunk.kind != "dictionary":
        raise Reread(f"{chunk.kind} where {plan.form} is expected")
    assert chunk.texts is not None
    assert chunk.values is not None
    words = chunk.texts.to_pylist()
    pair = plan.form.split("/")
    if not set(words) <= {*pair, plan.missing or pair[0]}:
        raise Reread(f"other words than {plan.form}")
    valid = chunk.valid
    if plan.missing:
        known = np.array([word != plan.missing for word in words])[chunk.values]
        valid = None if known.all() else known
    truth = np.array([word == pair[0] for word in words])
    return Encoded(
        "bool",
        chunk.length,
        values=truth[chunk.values].astype(np.uint8),
        valid=valid,
        missing=None if valid is None else plan.missing,
    )


def _as_text(chunk: Encoded, why: str) -> Encoded:
    if chunk.kind in ("text", "dictionary") and not chunk.missing:
        return chunk
    if chunk.kind == "empty" and not chunk.missing:
        return Encoded("text", chunk.length, texts=pa.nulls(chunk.length, pa.string()), missing="", text_size=0)
    printed = texts_of(chunk)
    if printed is None:
        raise Reread(why)
    return as_text(printed.fill_null(chunk.missing) if chunk.missing else printed)


# --- a schema that is given -------------------------------------------------------------------------------------------


def fit(plan: Plan, chunk: Encoded) -> Encoded | None:
    """The chunk in the kind that `plan` demands, or None where some value does not fit."""
    try:
        settled = convert(plan, chunk)
    except Reread:
        return None
    if plan.kind == "text":
        return settled
    if settled.missing is not None and settled.missing != (plan.missing or ""):
        return None
    if settled.kind == "empty" or plan.kind == "bool":
        return settled
    if plan.kind == "float":
        if plan.type == "float32" and not exact_in_float32([settled]):
            return None
        if plan.form and not fits(plan.form, settled):
            return None
        whole = settled.kind == "int"
        if whole and max(abs(settled.low), abs(settled.high)) >= 2**53:
            return None
        return settled if plan.plain or not (settled.plain or whole) else None
    return settled if plan.low <= settled.low and settled.high <= plan.high else None


def refreshed(plan: Plan, chunks: list[Encoded]) -> Plan:
    """A plan that was given, with the bounds and decimals of the values that are there; the type stays."""
    full = [chunk for chunk in chunks if chunk.kind != "empty"]
    if plan.kind not in ("int", "float", "date", "timestamp") or not full:
        return plan
    low, high = min(chunk.low for chunk in full), max(chunk.high for chunk in full)
    decimals = -1
    if plan.kind == "float" and all(chunk.kind != "float" for chunk in full):
        decimals = max(chunk.scale for chunk in full)
        if max(abs(low), abs(high)) * 10.0**decimals >= 2**53:
            decimals = -1
    return replace(plan, low=low, high=high, decimals=decimals)


def first_misfit(plan: Plan, texts: pa.Array) -> int:
    """The first row (from 0) whose text does not fit the plan."""
    fitting, broken = 0, len(texts)
    while broken - fitting > 1:
        middle = (fitting + broken) // 2
        if fit(plan, encode(texts.slice(0, middle), "," in plan.form)) is None:
            broken = middle
        else:
            fitting = middle
    return broken - 1
