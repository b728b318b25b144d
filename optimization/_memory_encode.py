"""Turn a chunk of one column's text into the narrowest values that give every text again. Pure."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Spellings that can mean "missing" in a column that otherwise holds numbers, dates or booleans; one spelling a column.
MISSING = (
    "NA",
    "N/A",
    "n/a",
    "NULL",
    "null",
    "Null",
    "None",
    "none",
    "nan",
    "NaN",
    "NAN",
    "#N/A",
    "\\N",
    "-",
    "--",
    "?",
    ".",
)
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
_MINUS, _POINT, _NINE = b"-.9"
MAX_DECIMALS = 15
_POWERS = tuple(10.0**n for n in range(MAX_DECIMALS + 1))
SAMPLE = 256

DATE_FORMS = (
    "YYYY-MM-DD", "YYYY/MM/DD", "YYYY.MM.DD",
    "DD/MM/YYYY", "DD-MM-YYYY", "DD.MM.YYYY",
    "MM/DD/YYYY", "MM-DD-YYYY", "MM.DD.YYYY",
)  # fmt: skip
_SLOTS = "YMDhmsf"
_YEAR_1 = -719_162  # days from 1970
_TABLE_DAYS = (-47_482, 47_483)  # 1840 … 2099, whose texts are kept at hand
_CLOCKS = ("hh:mm:ss", "hh:mm")
_ZONES = ("", "Z", "+00:00", "+00")
UNIT_OF_DIGITS = {0: "s", 1: "ms", 2: "ms", 3: "ms", 4: "us", 5: "us", 6: "us", 7: "ns", 8: "ns", 9: "ns"}
PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


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
        return wide / _POWERS[self.scale] if self.scale else wide


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


def encode(texts: pa.Array) -> Encoded:
    """The narrowest exact encoding of a chunk of text (arrow string, null = empty unquoted field)."""
    length, nulls = len(texts), texts.null_count
    if nulls == length:
        return Encoded("empty", length, missing="" if length else None)
    step = max(1, length // SAMPLE)
    picked = texts if step == 1 else texts.take(pa.array(np.arange(0, length, step)[:SAMPLE]))
    picked = picked.drop_null() if nulls else picked
    sample = picked.slice(0, 64).to_pylist() or texts.drop_null().slice(0, 64).to_pylist()
    candidate = _candidate(sample)
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
            return _encode_dictionary(coded, length, size_of_texts(texts))
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


def _candidate(sample: list[str]) -> str:
    """What a sample of texts looks like: int, float, time or text."""
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
    return "text"


def _encode_dictionary(coded: pa.DictionaryArray, length: int, size: int) -> Encoded:
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
    candidate = _candidate(entries[:SAMPLE])
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
    return replace(encoded, length=length, values=values, valid=valid, missing=missing, checked=checked)


def _zeroed(values: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
    if valid is not None:
        values[~valid] = 0
    return values


def _encode(texts: pa.Array, candidate: str) -> Encoded | None:
    """Numbers or times with gaps, if there are any; None where a text would not come back."""
    if texts.null_count == len(texts):
        return None
    return encode_times(texts) if candidate == "time" else _encode_numbers(texts, candidate)


def _encode_numbers(texts: pa.Array, candidate: str) -> Encoded | None:
    if candidate == "int":
        # A point further on; without one, what is no plain integer is text.
        return encode_ints(texts) or (
            encode_floats(texts) if pc.any(pc.match_substring_regex(texts, "[.eE]")).as_py() else None
        )
    return encode_floats(texts)


def _present(texts: pa.Array) -> np.ndarray | None:
    """True where a row has a text; None where every row has one."""
    if not texts.null_count:
        return None
    present: np.ndarray = pc.is_valid(texts).to_numpy(zero_copy_only=False)
    return present


def _filled(numbers: pa.Array) -> np.ndarray:
    """Arrow's numbers as numpy's; the lowest of them where one is missing, so that offsets are 0 there."""
    if numbers.null_count:
        numbers = numbers.fill_null(pc.min(numbers))
    filled: np.ndarray = numbers.to_numpy(zero_copy_only=False)
    return filled


def _bytes_of(texts: pa.Array) -> np.ndarray:
    """The bytes of all texts, one after another; a gap must have none."""
    offsets = np.frombuffer(texts.buffers()[1], np.int64 if pa.types.is_large_string(texts.type) else np.int32)
    data = texts.buffers()[2]
    if data is None:
        return np.empty(0, np.uint8)
    return np.frombuffer(data, np.uint8)[offsets[texts.offset] : offsets[texts.offset + len(texts)]]


# --- numbers
# -------------------------------------------------------------------------------------------------------------


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
    data = _bytes_of(texts)
    if data.max() > _NINE:
        return None  # arrow also reads 0x1A
    wide = _filled(numbers)
    low, high = int(wide.min()), int(wide.max())
    if len(data) != digits_of(wide) - numbers.null_count * len(str(low)):
        return None
    return _narrowed("int", wide, _present(texts), low, high)


def _narrowed(kind: str, wide: np.ndarray, valid: np.ndarray | None, low: int, high: int) -> Encoded:
    """Whole numbers in the least bytes, compared with what they were."""
    values, base = narrowed(wide, None, low, high)
    encoded = Encoded(kind, len(wide), values, valid, base=base, low=low, high=high)
    encoded.missing = None if valid is None else ""
    encoded.checked = bool(np.array_equal(encoded.wide(), wide))
    return encoded


def encode_floats(texts: pa.Array) -> Encoded | None:
    """Numbers of which each has a decimal point, or prints the same without one."""
    data = _bytes_of(texts)
    if data.min() < _MINUS and pc.any(pc.starts_with(texts, "+")).as_py():
        return None
    try:
        numbers = texts.cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    values = _filled(numbers)
    if not np.isfinite(values).all():
        return None
    present = len(texts) - texts.null_count
    plain = np.count_nonzero(data == _POINT) != present
    if plain:
        bare = texts.filter(pc.invert(pc.match_substring(texts, ".")))
        if not _prints_plain(bare, bare.cast(pa.float64()).to_numpy(zero_copy_only=False)):
            return None
    encoded = _as_decimal(values, plain)
    return replace(encoded, valid=_present(texts), missing=None if present == len(texts) else "")


def _prints_plain(bare: pa.Array, numbers: np.ndarray) -> bool:
    """Whether numbers without a decimal point come back as they are written."""
    whole = encode_ints(bare)
    if whole is not None and max(abs(whole.low), abs(whole.high)) < 2**53:
        return True
    return bool(bare.to_pylist() == [print_plain(number) for number in numbers.tolist()])


def print_plain(number: float) -> str:
    """A float as files without needless points write it: 5, 5.5, 1e-07."""
    text = repr(number)
    return text[:-2] if text.endswith(".0") else text


def _as_decimal(values: np.ndarray, plain: bool) -> Encoded:
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
    while scale <= MAX_DECIMALS and biggest * _POWERS[scale] < 2**53:
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
    whole = _narrowed("decimal", scaled, None, lowest, highest)
    return replace(whole, scale=scale, plain=plain, low=low, high=high)


def _decimals(number: float) -> int:
    """How many decimals the shortest text of a number has."""
    mantissa, _, exponent = repr(number).partition("e")
    fraction = mantissa.partition(".")[2]
    return max(0, (len(fraction) if fraction != "0" else 0) - int(exponent or 0))


def decimal_of(values: np.ndarray, scale: int) -> np.ndarray | None:
    """int64 `k` with `k / 10**scale == values` exactly, or None. The division of two exact numbers is correctly
    rounded.
    """
    with np.errstate(over="ignore"):
        scaled = np.rint(values * _POWERS[scale])
    if not (np.abs(scaled) < 2**53).all() or not np.array_equal(scaled / _POWERS[scale], values):
        return None
    return scaled.astype(np.int64)


# --- dates and times
# -----------------------------------------------------------------------------------------------------


def forms_of(sample: bytes) -> list[str]:
    """The forms of date or timestamp that one text can have, such as `YYYY-MM-DD hh:mm:ss.fff`."""
    text = sample.decode("ascii", "replace")
    found = []
    for date in DATE_FORMS:
        if not _fits(text[:10], date):
            continue
        if len(text) == 10:
            found.append(date)
            continue
        if text[10] not in " T":
            continue
        rest = text[11:]
        for zone in _ZONES:
            if zone and not rest.endswith(zone):
                continue
            clock = rest[: len(rest) - len(zone)]
            found += [f"{date}{text[10]}{form}{zone}" for form in _CLOCKS if _fits(clock, form)]
            if (
                len(clock) > 9
                and _fits(clock[:8], "hh:mm:ss")
                and clock[8] in ".,"
                and clock[9:].isdigit()
                and len(clock) <= 18
            ):
                found.append(f"{date}{text[10]}hh:mm:ss{clock[8]}{'f' * (len(clock) - 9)}{zone}")
    return found


def _fits(text: str, form: str) -> bool:
    return len(text) == len(form) and all(
        character.isdigit() if slot in _SLOTS else character == slot for character, slot in zip(text, form, strict=True)
    )


def encode_times(texts: pa.Array, forms: list[str] | None = None) -> Encoded | None:
    """Dates or timestamps of one form of fixed width; None where a text is of another form or no real day.

    A text of such a form, in which Arrow finds every field in its range, is the only one of its moment: it comes back.
    """
    present = len(texts) - texts.null_count
    data = _bytes_of(texts)
    width = len(data) // present
    # No text is longer than the mean: all are as long.
    if width < 10 or len(data) != width * present or pc.max(pc.binary_length(texts)).as_py() != width:
        return None
    matrix = data.reshape(present, width)
    found: list[Encoded] = []
    for form in forms if forms is not None else forms_of(matrix[0].tobytes()):
        if len(form) == width and all(
            (matrix[:, place] == ord(slot)).all() for place, slot in enumerate(form) if slot not in _SLOTS
        ):
            encoded = _times_of(texts, matrix, form)
            if encoded is not None:
                found.append(encoded)
    if not found:
        return None
    first = found[0]
    if len(found) > 1:
        # 03/04/2020 reads both ways: the whole column must tell which.
        first = replace(first, notes=["ambiguous"])
    return first


def _times_of(texts: pa.Array, matrix: np.ndarray, form: str) -> Encoded | None:
    """The days or moments of texts of one form, whose separators are where they belong; read by Arrow, as ISO."""
    kind = "timestamp" if "h" in form else "date"
    valid = _present(texts)
    if form[:10] != "YYYY-MM-DD" or "," in form or form.endswith(_ZONES[1:]):
        texts = _as_iso(matrix, form)
        if valid is not None:
            texts = texts.take(pa.array(np.cumsum(valid) - 1, mask=~valid))
    target = pa.timestamp(unit_of(form)) if kind == "timestamp" else pa.date32()
    try:
        texts.slice(0, 64).cast(target)  # a month 31 shows soon, and each failure costs Arrow a microsecond
        read = texts.cast(target)
    except pa.ArrowInvalid:
        return None
    wide = _filled(read.cast(pa.int64() if kind == "timestamp" else pa.int32())).astype(np.int64)
    low, high = int(wide.min()), int(wide.max())
    if low < _YEAR_1 * (86_400 * PER_SECOND[unit_of(form)] if kind == "timestamp" else 1):
        return None
    return replace(_narrowed(kind, wide, valid, low, high), form=form)


def _as_iso(matrix: np.ndarray, form: str) -> pa.Array:
    """The same texts with year, month and day in ISO's order, a point before the fraction, and without UTC's sign."""
    zone = next((zone for zone in _ZONES[1:] if form.endswith(zone)), "")
    width = len(form) - len(zone)
    order = [form.index(letter) + n for letter in "YMD" for n in range(form.count(letter))]
    iso = np.empty((len(matrix), width), np.uint8)
    for place, source in zip((0, 1, 2, 3, 5, 6, 8, 9), order, strict=True):
        iso[:, place] = matrix[:, source]
    iso[:, [4, 7]] = ord("-")
    iso[:, 10:] = matrix[:, 10:width]
    if "," in form:
        iso[:, form.index(",")] = ord(".")
    return fixed_texts(iso)


# --- back to text
# --------------------------------------------------------------------------------------------------------


def print_times(values: np.ndarray, form: str) -> pa.Array:
    """Days (a date form) or units since 1970 (a timestamp form) as text, all present."""
    if not len(values):
        return pa.array([], pa.string())
    digits = form.count("f")
    clock_form = form[11:19] if "s" in form else form[11:16] if "h" in form else ""
    tail = form[11 + len(clock_form) :] if clock_form else ""
    record = np.dtype([("date", "V10"), ("gap", "V1"), ("clock", f"V{len(clock_form)}"), ("tail", f"V{len(tail)}")])
    out = np.empty(len(values), record if clock_form else np.dtype([("date", "V10")]))
    days, fraction = values, None
    if clock_form:
        per_second = PER_SECOND[UNIT_OF_DIGITS[digits]]
        seconds = values
        if per_second > 1:
            seconds = values // per_second
            fraction = values - seconds * per_second
        days = seconds // 86_400
        of_day = seconds - days * 86_400
        out["gap"] = np.void(form[10].encode())
        out["clock"] = _clock_table(clock_form)[of_day if "s" in form else of_day // 60]
        if tail and fraction is None:
            out["tail"] = np.void(tail.encode())
        elif fraction is not None:
            pattern = np.frombuffer(tail.encode(), np.uint8)
            parts = np.broadcast_to(pattern, (len(values), len(tail))).copy()
            _put(parts, tail, "f", fraction // (per_second // 10**digits))
            out["tail"] = parts.view(f"V{len(tail)}")[:, 0]
    first, last = int(days.min()), int(days.max())
    if _TABLE_DAYS[0] <= first and last < _TABLE_DAYS[1]:
        out["date"] = _date_table(form[:10])[days - _TABLE_DAYS[0]]
    else:
        out["date"] = _date_matrix(days, form[:10]).view("V10")[:, 0]
    return fixed_texts(out.view(np.uint8).reshape(len(values), len(form)))


@functools.cache
def _date_table(form: str) -> np.ndarray:
    """Every day of `_TABLE_DAYS`."""
    table: np.ndarray = _date_matrix(np.arange(*_TABLE_DAYS), form).view("V10")[:, 0]
    return table


@functools.cache
def _clock_table(form: str) -> np.ndarray:
    """Every hh:mm:ss (or hh:mm) of a day."""
    ticks = np.arange(86_400 if "s" in form else 1_440)
    minutes = ticks // 60 if "s" in form else ticks
    matrix = np.full((len(ticks), len(form)), ord(":"), np.uint8)
    _put(matrix, form, "h", minutes // 60)
    _put(matrix, form, "m", minutes % 60)
    if "s" in form:
        _put(matrix, form, "s", ticks % 60)
    table: np.ndarray = matrix.view(f"V{len(form)}")[:, 0]
    return table


def _put(matrix: np.ndarray, form: str, letter: str, numbers: np.ndarray) -> None:
    start = form.index(letter)
    for place in range(start + form.count(letter) - 1, start - 1, -1):
        numbers, digit = np.divmod(numbers, 10)
        matrix[:, place] = digit + 48


def _date_matrix(days: np.ndarray, form: str) -> np.ndarray:
    months = days.astype("M8[D]").astype("M8[M]")
    day = days - months.astype("M8[D]").astype(np.int64) + 1
    year, month = np.divmod(months.astype(np.int64), 12)
    matrix = np.empty((len(days), 10), np.uint8)
    for place, slot in enumerate(form):
        if slot not in "YMD":
            matrix[:, place] = ord(slot)
    _put(matrix, form, "Y", year + 1970)
    _put(matrix, form, "M", month + 1)
    _put(matrix, form, "D", day)
    return matrix


def fixed_texts(matrix: np.ndarray) -> pa.Array:
    """An arrow string array from a matrix of bytes, a row each."""
    rows, width = matrix.shape
    wide = rows * width >= 2**31 - 1
    offsets = np.arange(rows + 1, dtype=np.int64 if wide else np.int32) * width
    kind = pa.large_string() if wide else pa.string()
    return pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(matrix))])


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
    """Whether each number has the float64 of its text, its very text where that has no decimal point, and each gap its
    spelling.
    """
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
    return _prints_plain(present.filter(without), expected[without.to_numpy(zero_copy_only=False)])
