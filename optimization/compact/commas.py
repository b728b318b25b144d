"""Numbers with a decimal comma (0,5 or 1.234,56): texts to exact decimals and back, where every text comes back. Pure.

A form says how a column is written: `0,00` two decimals each, `0,##` as many as the number needs, at most two; with
`#.##` before it, the thousands are parted by points.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from optimization.compact.encoded import Encoded, size_of_texts
from optimization.compact.numbers import encode_floats

MOST_DECIMALS = 9
# Possessive (++): a text that does not match must not be tried in every other way.
_SAMPLE = re.compile(r"(?:-?(?:\d{1,3}(?:\.\d{3})++|\d++)(?:,\d++)?\n)++\Z", re.ASCII)
_GROUPED = r"^-?\d{1,3}(\.\d{3})*(,\d+)?$"
_PLAIN = r"^-?(0|[1-9]\d*)(,\d+)?$"


def look_like_commas(joined: str) -> bool:
    """Whether texts, each ended by a newline, look like numbers of which some have a decimal comma."""
    return "," in joined and _SAMPLE.match(joined) is not None


def encode_commas(texts: pa.Array) -> Encoded | None:
    """Decimals with the forms that give every text back, joined by | in `form`; None where no form does."""
    present = texts.drop_null() if texts.null_count else texts
    grouped = bool(pc.any(pc.match_substring(present, ".")).as_py())
    if not pc.all(pc.match_substring_regex(present, _GROUPED if grouped else _PLAIN)).as_py():
        return None
    with_point = pc.replace_substring(pc.replace_substring(texts, ".", "") if grouped else texts, ",", ".")
    # Every number gets its point: encode_floats takes a bare one only where it prints the same.
    encoded = encode_floats(with_point)
    if encoded is None or encoded.kind != "decimal" or encoded.scale > MOST_DECIMALS:
        return None
    after = pc.find_substring(present, ",").to_numpy(zero_copy_only=False)
    lengths = pc.binary_length(present).to_numpy(zero_copy_only=False)
    places = np.where(after < 0, 0, lengths - after - 1)
    most = int(places.max())
    head = "#.##0," if grouped else "0,"
    forms = [head + "0" * most] if int(places.min()) == most else []
    forms = [form for form in [*forms, head + "#" * most] if print_commas(_wide(encoded, most), form).equals(present)]
    if not forms or most > MOST_DECIMALS:
        return None
    return replace(encoded, form="|".join(forms), plain=True, text_size=size_of_texts(texts), checked=True)


def _wide(chunk: Encoded, places: int) -> np.ndarray:
    """The present numbers as whole ones of 10**-places."""
    wide = chunk.wide() if chunk.valid is None else chunk.wide()[chunk.valid]
    scaled: np.ndarray = wide * 10 ** (places - chunk.scale)
    return scaled


def common_form(chunks: list[Encoded]) -> str | None:
    """The form in which every chunk of numbers comes back; None where there is none."""
    if any(chunk.kind == "float" or (chunk.kind == "decimal" and not chunk.form) for chunk in chunks):
        return None
    offered = [chunk.form.split("|") if chunk.form else ["0,"] for chunk in chunks]
    fixed = [form for form in offered[0] if "#" not in form.removeprefix("#.##") and not form.endswith(",")]
    if fixed and all(fixed[0] in forms for forms in offered):
        return fixed[0]
    grouped = any(form.startswith("#.##") for forms in offered for form in forms)
    most = 0
    for chunk, forms in zip(chunks, offered, strict=True):
        free = [form for form in forms if form.partition(",")[2].strip("#") == ""]
        # Below a thousand there is nothing to part.
        small = max(abs(chunk.low), abs(chunk.high)) < 1000
        if not free or (grouped and not small and not free[0].startswith("#.##")):
            return None
        most = max(most, len(free[0].partition(",")[2]))
    return ("#.##0," if grouped else "0,") + "#" * most


def fits(form: str, chunk: Encoded) -> bool:
    """Whether a chunk of numbers comes back in a form that was given."""
    if chunk.kind == "int" or (chunk.kind == "decimal" and chunk.form):
        twin = Encoded("decimal", 0, form=form, low=0, high=0)
    else:
        return False
    found = common_form([chunk, twin])
    return found is not None and (found == form or (len(found) <= len(form) and "#" in form.partition(",")[2]))


def print_commas(wide: np.ndarray, form: str) -> pa.Array:
    """Whole numbers of 10**-n, n the decimals of the form, as texts."""
    whole_form, _, decimals = form.partition(",")
    sizes = np.abs(wide)
    per = 10 ** len(decimals)
    whole, fraction = sizes // per, sizes % per
    texts = _whole_texts(whole, whole_form.startswith("#.##"))
    if decimals:
        digits = pc.utf8_slice_codeunits(pa.array(fraction + per).cast(pa.string()), 1)
        if "#" in decimals:
            digits = pc.utf8_rtrim(digits, "0")
            comma = pc.if_else(pc.equal(digits, ""), "", ",")
        else:
            comma = pa.scalar(",")
        texts = pc.binary_join_element_wise(texts, comma, digits, "")
    signs = pc.if_else(pa.array(wide < 0), "-", "")
    printed: pa.Array = pc.binary_join_element_wise(signs, texts, "")
    return printed


def _whole_texts(whole: np.ndarray, grouped: bool) -> pa.Array:
    if not grouped or not len(whole) or int(whole.max()) < 1000:
        return pa.array(whole).cast(pa.string())
    rest, last = np.divmod(whole, 1000)
    parted = pc.binary_join_element_wise(
        _whole_texts(rest, True), pc.utf8_slice_codeunits(pa.array(last + 1000).cast(pa.string()), 1), "."
    )
    return pc.if_else(pa.array(whole < 1000), pa.array(whole).cast(pa.string()), parted)
