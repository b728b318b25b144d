"""Turn a chunk of one column's text into the narrowest values that give every text again. Pure."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from optimization.compact.commas import encode_commas, look_like_commas, print_commas
from optimization.compact.encoded import Encoded, size_of_texts, text_parts, unsigned_for
from optimization.compact.numbers import encode_floats, encode_ints, prints_plain
from optimization.compact.times import encode_times, print_times
from optimization.csv_rules import MISSING

_MISSING_SET = frozenset(MISSING)
_MISSING_ARRAY = pa.array(MISSING, pa.string())
BOOLEANS = (
    ("true", "false"), ("True", "False"), ("TRUE", "FALSE"), ("yes", "no"), ("Yes", "No"), ("YES", "NO"),
    ("y", "n"), ("Y", "N"), ("t", "f"), ("T", "F"), ("on", "off"), ("On", "Off"), ("ON", "OFF"),
)  # fmt: skip
# A sample joined by newlines is looked at as one: thousands of small matches would take longer than the reading.
# Possessive (++): a text that does not match must not be tried in every other way.
_INTS = re.compile(r"(?:-?\d{1,20}+\n)++\Z", re.ASCII)
_LEADING_ZERO = re.compile(r"^-?0\d|^-0$", re.ASCII | re.MULTILINE)
_FLOATS = re.compile(r"(?:-?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d++)?\n)++\Z", re.ASCII)
_DATES = re.compile(r"(?:\d{2,4}+[-/.]\d{2}[-/.]\d{2}[^\n]*+\n)++\Z", re.ASCII)
SAMPLE = 256


def encode(texts: pa.Array, commas: bool = False) -> Encoded:
    """The narrowest exact encoding of a chunk of text (arrow string, null = empty unquoted field).

    `commas`: a comma may be a decimal comma, as in files whose delimiter is a semicolon.
    """
    length, nulls = len(texts), texts.null_count
    if nulls == length:
        return Encoded("empty", length, missing="" if length else None)
    step = max(1, length // SAMPLE)
    picked = texts if step == 1 else texts.take(pa.array(np.arange(0, length, step)[:SAMPLE]))
    picked = picked.drop_null() if nulls else picked
    sample = picked.slice(0, 64).to_pylist() or texts.drop_null().slice(0, 64).to_pylist()
    candidate = _candidate(sample, commas)
    tried = None
    if candidate in ("int", "float") and _MISSING_SET.isdisjoint(sample):
        tried = candidate  # to read a number takes less than to find out which are alike
        encoded = _encode_numbers(texts, candidate)
        if encoded is not None:
            return encoded
    # Few different texts: look at those alone. 0.95: a twentieth of a sample seen twice means some 10 times its size
    # in all.
    if len(pc.unique(picked)) <= 0.95 * len(picked) or length < 64:
        coded = texts.dictionary_encode()
        if len(coded.dictionary) <= max(length // 3, 64):
            return _encode_dictionary(coded, length, size_of_texts(texts), commas)
    encoded = None if candidate in ("text", tried) else _encode(texts, candidate)
    if encoded is None and candidate != "text" and not nulls:
        encoded = _encode_spelled(texts, candidate)
    if encoded is not None:
        return encoded
    return Encoded(
        "text", length, texts=texts, missing="" if nulls else None, text_size=size_of_texts(texts), checked=True
    )


def _encode_spelled(texts: pa.Array, candidate: str) -> Encoded | None:
    """Numbers or times among which missing is spelled in one way; None where they are not."""
    spelled = pc.is_in(texts, value_set=_MISSING_ARRAY)
    words = pc.unique(texts.filter(spelled)).to_pylist()
    if len(words) != 1:
        return None
    encoded = _encode(pc.replace_with_mask(texts, spelled, pa.scalar(None, texts.type)), candidate)
    return None if encoded is None else replace(encoded, missing=words[0])


def _candidate(sample: list[str], commas: bool) -> str:
    """What a sample of texts looks like: int, float, comma, time or text."""
    words = [word for word in sample if word not in _MISSING_SET]
    if not words:
        return "text"
    joined = "\n".join(words) + "\n"
    if _INTS.match(joined):
        # No number comes back as 00501.
        return "text" if _LEADING_ZERO.search(joined) else "int"
    if _FLOATS.match(joined):
        return "float"
    if len(set(map(len, words))) == 1 and _DATES.match(joined):
        return "time"
    return "comma" if commas and look_like_commas(joined) else "text"


def _encode_dictionary(coded: pa.DictionaryArray, length: int, size: int, commas: bool) -> Encoded:
    words = coded.dictionary
    codes = coded.indices
    valid = None
    missing: str | None = None
    if codes.null_count:
        valid = pc.is_valid(codes).to_numpy(zero_copy_only=False)
        codes = codes.fill_null(0)
        missing = ""
    positions = codes.to_numpy(zero_copy_only=False)
    entries = words.to_pylist()
    spelled = [n for n, word in enumerate(entries) if word in _MISSING_SET]
    as_text = Encoded(
        "dictionary",
        length,
        values=_zeroed(positions.astype(unsigned_for(len(words) - 1)), valid),
        valid=valid,
        texts=words,
        missing=missing,
        text_size=size,
        checked=True,
    )
    candidate = _candidate(entries[:SAMPLE], commas)
    if candidate == "text":
        return as_text
    different = words
    if not spelled:
        encoded = _encode(words, candidate)
    elif len(spelled) == 1 and valid is None:
        kept = [n for n in range(len(entries)) if n != spelled[0]]
        different = words.take(pa.array(kept))
        encoded = _encode(different, candidate)
        valid = positions != spelled[0]
        missing = entries[spelled[0]]
        renumber = np.zeros(len(entries), np.int64)
        renumber[kept] = np.arange(len(kept))
        positions = renumber[positions]
    else:
        return as_text
    if encoded is None:
        return as_text
    assert encoded.values is not None
    checked = encoded.checked or same_texts(encoded, different)
    values = _zeroed(encoded.values[positions], valid)
    if encoded.form and encoded.kind == "decimal":
        encoded.text_size = size
    return replace(encoded, length=length, values=values, valid=valid, missing=missing, checked=checked)


def _zeroed(values: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
    if valid is not None:
        values[~valid] = 0
    return values


def _encode(texts: pa.Array, candidate: str) -> Encoded | None:
    """Numbers or times with gaps, if there are any; None where a text would not come back."""
    if texts.null_count == len(texts):
        return None
    if candidate == "comma":
        return encode_commas(texts)
    return encode_times(texts) if candidate == "time" else _encode_numbers(texts, candidate)


def _encode_numbers(texts: pa.Array, candidate: str) -> Encoded | None:
    if candidate == "int":
        # A decimal point may come further on; without one, what is not a plain integer is text.
        return encode_ints(texts) or (
            encode_floats(texts) if pc.any(pc.match_substring_regex(texts, "[.eE]")).as_py() else None
        )
    return encode_floats(texts)


def texts_of(chunk: Encoded) -> pa.Array | None:
    """The chunk as text again, null where missing; None for numbers whose text is not kept (only their float64)."""
    if chunk.kind == "empty":
        return pa.nulls(chunk.length, pa.string())
    if chunk.kind == "text":
        return chunk.texts
    assert chunk.values is not None
    mask = None if chunk.valid is None else ~chunk.valid
    if chunk.kind == "dictionary":
        assert chunk.texts is not None
        return chunk.texts.take(pa.array(chunk.values, mask=mask))
    if chunk.kind == "int":
        return pa.array(chunk.wide(), mask=mask).cast(pa.string())
    if chunk.kind == "decimal" and chunk.form:
        form = chunk.form.partition("|")[0]
        places = len(form.partition(",")[2])
        printed = print_commas(chunk.wide() * 10 ** max(places - chunk.scale, 0), form)
        return printed if mask is None else pc.if_else(pa.array(chunk.valid), printed, pa.scalar(None, pa.string()))
    if chunk.kind in ("date", "timestamp"):
        printed = print_times(chunk.wide(), chunk.form)
        return printed if mask is None else pc.if_else(pa.array(chunk.valid), printed, pa.scalar(None, pa.string()))
    return None


def same_texts(chunk: Encoded, original: pa.Array) -> bool:
    """Whether `chunk` gives every text of `original` again (numbers with a decimal point: the same float64)."""
    printed = texts_of(chunk)
    if printed is not None:
        if chunk.missing:
            printed = printed.fill_null(chunk.missing)
        return bool(printed.equals(original))
    return same_floats(chunk.floats(), chunk.valid, chunk.missing, original)


def same_floats(values: np.ndarray, valid: np.ndarray | None, missing: str | None, original: pa.Array) -> bool:
    """Whether each number has the float64 of its text (its text, where that has no point), each gap its spelling."""
    present = original
    if valid is not None and not valid.all():
        gaps = original.filter(pa.array(~valid))
        if missing:
            if gaps.null_count or not pc.all(pc.equal(gaps, missing)).as_py():
                return False
        elif gaps.null_count != len(gaps):
            return False
        present = original.filter(pa.array(valid))
        values = values[valid]
    if present.null_count:
        return False
    try:
        expected = present.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return False
    if not np.array_equal(expected.view(np.int64), np.ascontiguousarray(values, np.float64).view(np.int64)):
        return False
    _, data = text_parts(present)
    if int(np.count_nonzero(data == 0x2E)) == len(present):
        return True
    if not len(present):
        return True
    without = pc.invert(pc.match_substring(present, "."))
    return prints_plain(present.filter(without), expected[without.to_numpy(zero_copy_only=False)])
