"""The smallest Arrow column that holds the same values: run ends, a dictionary, packed numbers, hex as bytes. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from optimization.compact.chunks import coded, exact_in_float32, validity, whole_floats, whole_numbers, whole_texts
from optimization.compact.encoded import Encoded, text_parts, unit_of
from optimization.compact.packed_type import PackedType, number_storage, store_numbers
from optimization.compact.plan import Plan
from optimization.compact.usable import int_type
from optimization.counted import counted

DICTIONARY_CODES = (1 << 8, 1 << 16, 1 << 32)
# Above this many different numbers a code takes 4 bytes, as much as the numbers themselves.
MOST_NUMBERS = 1 << 16
# An encoding that only Arrow's own types need wins a tie; a new one must save this share.
WORTH = 0.97


def arrow_array(plan: Plan, chunks: list[Encoded], rows: int) -> tuple[pa.Array | pa.ChunkedArray, Plan]:
    """The column as one packed Arrow array, and the plan with its type and the reason."""
    if plan.kind == "empty":
        return pa.nulls(rows), replace(plan, type="null")
    bits, nulls = validity(chunks, rows)
    if plan.kind == "bool":
        values = np.packbits(whole_numbers(chunks, rows, np.dtype("u1")), bitorder="little")
        array = pa.Array.from_buffers(pa.bool_(), rows, [bits, pa.py_buffer(values)], nulls)
        return _constant(array, plan) or (array, replace(plan, type="bool"))
    if plan.kind == "text":
        return _text(plan, chunks, rows)
    full = [chunk for chunk in chunks if chunk.kind != "empty"]
    if plan.kind == "float" and plan.decimals < 0:
        narrow = exact_in_float32(chunks)
        floats = whole_floats(chunks, rows, np.dtype("f4" if narrow else "f8"))
        array = pa.Array.from_buffers(
            pa.float32() if narrow else pa.float64(), rows, [bits, pa.py_buffer(floats)], nulls
        )
        if rows and nulls < rows:
            small = _dictionary(array, floats.itemsize, pa.float64(), None, plan)
            if small is not None:
                return small
        return array, replace(plan, type=str(array.type))
    logical = _logical(plan)
    scale = max(plan.decimals, 0)
    lows, highs = [], []
    for chunk in full:
        assert chunk.values is not None
        times = 10 ** (scale - chunk.scale) if plan.kind == "float" else 1
        present = chunk.values if chunk.valid is None else chunk.values[chunk.valid]
        lows.append((int(present.min()) + chunk.base) * times)
        highs.append((int(present.max()) + chunk.base) * times)
    base, span = min(lows), max(highs) - min(lows)
    width = max(1, (span.bit_length() + 7) // 8)
    if plan.kind == "int" and base >= 0 and max(highs) >= 1 << 63:
        base, span, width = 0, max(highs), 8
    offsets = whole_numbers(
        chunks, rows, np.dtype("u8" if width > 4 else "u4"), base, scale if plan.kind == "float" else 0
    )
    if bits is not None:
        missing = ~np.unpackbits(np.frombuffer(bits, np.uint8), count=rows, bitorder="little").view(np.bool_)
        offsets[missing] = 0
    numbers = pa.Array.from_buffers(
        pa.uint64() if width > 4 else pa.uint32(), rows, [bits, pa.py_buffer(offsets)], nulls
    )
    own = _own_type(plan, base, span)
    best = min(width, own.bit_width / 8 if own is not None else 9)
    codec = PackedType(number_storage(width), logical, "number", base=base, scale=scale)
    small = _dictionary(numbers, best, logical, codec, plan)
    if small is not None:
        return small
    # Beyond 2**53 pandas would round Arrow's own integers with gaps to float64. Ours it takes as they are.
    rounded = plan.kind == "int" and nulls > 0 and max(abs(base), abs(base + span)) > 1 << 53
    if own is not None and own.bit_width / 8 <= width and not rounded:
        # Through the codec's arithmetic, so that both ways agree.
        stored = store_numbers(offsets, width, bits, nulls)
        return codec.decode(stored).cast(own), replace(plan, type=str(own))
    stored = store_numbers(offsets, width, bits, nulls)
    what = f"{logical} in {width} byte{'s' if width > 1 else ''}" + (f", × 10^-{scale}" if scale else "")
    return pa.ExtensionArray.from_storage(codec, stored), replace(plan, type=what)


def _logical(plan: Plan) -> pa.DataType:
    if plan.kind == "int":
        return pa.uint64() if plan.high >= 1 << 63 else pa.int64()
    if plan.kind == "float":
        return pa.float64()
    if plan.kind == "date":
        return pa.date32()
    return pa.timestamp(unit_of(plan.form), "UTC" if plan.form.endswith(("Z", "+00:00", "+00")) else None)


def _own_type(plan: Plan, base: int, span: int) -> pa.DataType | None:
    """Arrow's own narrowest type for the column, if it has one that gives the same values."""
    if plan.kind == "int":
        return pa.type_for_alias(int_type(base, base + span))
    if plan.kind == "date":
        return pa.date32()
    return None


def _constant(array: pa.Array, plan: Plan) -> tuple[pa.Array, Plan] | None:
    """One run for a column of one value."""
    if (
        len(array) < 16
        or len(array) >= 1 << 31
        or array.null_count not in (0, len(array))
        or len(pc.unique(array.slice(0, 64))) > 1
    ):
        return None
    if len(pc.unique(array)) > 1:
        return None
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([len(array)], pa.int32()), array.slice(0, 1))
    return runs, replace(plan, type="run_end_encoded", why=plan.why + ", one run")


def _runs(codes: np.ndarray, valid: np.ndarray | None) -> np.ndarray | None:
    """Where runs of equal values end, if there are few; None where runs would not pay."""
    changed = codes[1:] != codes[:-1]
    if valid is not None:
        changed |= valid[1:] != valid[:-1]
    if len(codes) < 16 or len(codes) >= 1 << 31 or np.count_nonzero(changed) > len(codes) // 8:
        return None
    return np.append(np.flatnonzero(changed) + 1, len(codes)).astype(np.int32)


def _dictionary(
    array: pa.Array, width: float, logical: pa.DataType, codec: PackedType | None, plan: Plan
) -> tuple[pa.Array, Plan] | None:
    """Numbers as runs, or as codes into a dictionary, where either is smaller than `width` bytes a row."""
    rows = len(array)
    step = max(1, rows // 16_384)
    # Floats are compared by their bits: -0.0 and 0.0 are equal, and two texts.
    bits = array.view({pa.float32(): pa.int32(), pa.float64(): pa.int64()}.get(array.type, array.type))
    raw = np.frombuffer(bits.buffers()[1], bits.type.to_pandas_dtype())
    sample = raw[::step]
    seen = len(np.unique(sample))
    valid = None if not array.null_count else array.is_valid().to_numpy(zero_copy_only=False)
    head = raw[:4097]
    ends = _runs(raw, valid) if np.count_nonzero(head[1:] != head[:-1]) <= 1024 else None
    entry = logical.bit_width / 8
    if ends is not None and len(ends) * (4 + entry) < WORTH * rows * min(width, 1 if seen <= 256 else 2):
        values = _decoded(array.take(pa.array(ends - 1)), codec, logical)
        return pa.RunEndEncodedArray.from_arrays(pa.array(ends), values), replace(
            plan, type=f"run_end_encoded<{logical}>", why=f"{plan.why}; {counted(len(ends), 'run')}"
        )
    if len(sample) >= 8192 and seen > len(sample) * 0.9 and rows > 2 * MOST_NUMBERS:
        return None
    if (1 if seen <= 256 else 2) >= WORTH * width:  # codes alone would take as much
        return None
    if pa.types.is_floating(array.type) and len(np.unique(raw[_zeros(array)])) > 1:
        return None  # -0.0 and 0.0 are one entry to Arrow and one category to pandas, and two numbers to us
    found = array.dictionary_encode()
    size = len(found.dictionary)
    code = 1 if size <= 256 else 2 if size <= MOST_NUMBERS else 4
    if size * entry + rows * code >= WORTH * rows * width:
        return None
    indices = found.indices.cast(pa.uint8() if code == 1 else pa.uint16() if code == 2 else pa.uint32())
    values = _decoded(found.dictionary, codec, logical)
    return pa.DictionaryArray.from_arrays(indices, values), replace(
        plan, type=f"dictionary<{indices.type}, {logical}>", why=f"{plan.why}; {size:,} different"
    )


def _zeros(array: pa.Array) -> np.ndarray:
    zeros: np.ndarray = np.frombuffer(array.buffers()[1], array.type.to_pandas_dtype()) == 0
    return zeros


def _decoded(array: pa.Array, codec: PackedType | None, logical: pa.DataType) -> pa.Array:
    if codec is None:
        return array.cast(logical)
    width = codec.storage_type.bit_width // 8
    buffers = array.buffers()
    data = np.frombuffer(buffers[1], array.type.to_pandas_dtype())[array.offset : array.offset + len(array)]
    valid = (
        None
        if not array.null_count
        else pa.py_buffer(np.packbits(array.is_valid().to_numpy(zero_copy_only=False), bitorder="little"))
    )
    return codec.decode(store_numbers(data, width, valid, array.null_count))


# --- text -------------------------------------------------------------------------------------------------------------


def _text(plan: Plan, chunks: list[Encoded], rows: int) -> tuple[pa.Array | pa.ChunkedArray, Plan]:
    best_bytes = float("inf")
    hexed = _hex(chunks, rows)
    if hexed is not None:
        best_bytes = rows * hexed.type.storage_type.byte_width
    found = coded(chunks, rows, DICTIONARY_CODES, entry_bytes=4)
    if found is not None:
        size = len(found.texts)
        nulls = found.nulls
        bytes_coded = rows * found.codes.itemsize + text_parts(found.texts)[1].nbytes + 4 * size if size else rows
        if bytes_coded < best_bytes:
            valid = None
            if found.valid is not None:
                valid = np.unpackbits(np.frombuffer(found.valid, np.uint8), count=rows, bitorder="little").view(
                    np.bool_
                )
            ends = _runs(found.codes, valid)
            why = "; ".join(filter(None, (plan.why, counted(size, "different text"))))
            codes = pa.Array.from_buffers(
                pa.from_numpy_dtype(found.codes.dtype), rows, [found.valid, pa.py_buffer(found.codes)], nulls
            )
            if ends is not None and _runs_bytes(ends, found.texts, size) < WORTH * bytes_coded:
                values = found.texts.take(codes.take(pa.array(ends - 1)))
                return (
                    pa.RunEndEncodedArray.from_arrays(pa.array(ends), values),
                    replace(plan, type="run_end_encoded<string>", why=f"{why}, {counted(len(ends), 'run')}"),
                )
            array = pa.DictionaryArray.from_arrays(codes, found.texts)
            return array, replace(plan, type=f"dictionary<{codes.type}, string>", why=why)
    if hexed is not None:
        return hexed, replace(
            plan,
            type=f"text in {counted(hexed.type.storage_type.byte_width, 'byte')}",
            why="; ".join(filter(None, (plan.why, "hexadecimal digits, two a byte"))),
        )
    texts = whole_texts(chunks)
    why = "; ".join(filter(None, (plan.why, "almost every text is different")))
    return texts, replace(plan, type=str(texts.type), why=why)


def _runs_bytes(ends: np.ndarray, texts: pa.Array, size: int) -> float:
    mean = text_parts(texts)[1].nbytes / max(size, 1)
    return len(ends) * (4 + 4 + mean)


def _hex(chunks: list[Encoded], rows: int) -> Any:
    """Texts of one width, all hexadecimal digits of one case or UUIDs, two digits a byte; None where they are not."""
    width = -1
    for chunk in chunks:  # a glance at the first texts of each chunk spares most columns the rest
        if chunk.kind != "text" or chunk.texts is None:
            return None
        for text in chunk.texts.slice(0, 4).drop_null().to_pylist():
            if width not in (-1, len(text)) or len(text) < 8 or len(text) > 512:
                return None
            width = len(text)
    if width < 0:
        return None
    dashes = width == 36
    if not dashes and width % 2:
        return None
    raw = np.zeros((rows, 16 if dashes else width // 2), np.uint8)
    present = np.ones(rows, np.bool_)
    upper: bool | None = None
    start = 0
    for chunk in chunks:
        assert chunk.texts is not None
        valid = chunk.texts.is_valid().to_numpy(zero_copy_only=False)
        dense = chunk.texts.drop_null() if chunk.texts.null_count else chunk.texts
        offsets, data = text_parts(dense)
        if len(data) != width * len(dense) or np.any(np.diff(offsets) != width):
            return None
        matrix = data.reshape(len(dense), width)
        if dashes:
            if not (matrix[:, [8, 13, 18, 23]] == 0x2D).all():
                return None
            matrix = np.delete(matrix, [8, 13, 18, 23], axis=1)
        nibbles = _NIBBLE[matrix]
        if (nibbles == 255).any():
            return None
        lower_case, upper_case = bool((matrix >= 0x61).any()), bool(((matrix >= 0x41) & (matrix <= 0x46)).any())
        if (lower_case and upper_case) or (lower_case and upper is True) or (upper_case and upper is False):
            return None
        upper = True if upper_case else False if lower_case else upper
        target = raw[start : start + chunk.length]
        packed = (nibbles[:, 0::2] << 4) | nibbles[:, 1::2]
        if chunk.texts.null_count:
            target[valid] = packed
            present[start : start + chunk.length] = valid
        else:
            target[:] = packed
        start += chunk.length
    nulls = int(rows - np.count_nonzero(present))
    codec = PackedType(pa.binary(raw.shape[1]), pa.string(), "hex", upper=bool(upper), dashes=dashes)
    bits = pa.py_buffer(np.packbits(present, bitorder="little")) if nulls else None
    return pa.ExtensionArray.from_storage(
        codec, pa.Array.from_buffers(pa.binary(raw.shape[1]), rows, [bits, pa.py_buffer(raw)], nulls)
    )


_NIBBLE = np.full(256, 255, np.uint8)
_NIBBLE[0x30:0x3A] = np.arange(10)
_NIBBLE[0x61:0x67] = np.arange(10, 16)
_NIBBLE[0x41:0x47] = np.arange(10, 16)


def array_bytes(array: pa.Array | pa.ChunkedArray) -> int:
    """The bytes of an Arrow array, dictionary and texts included."""
    if isinstance(array, pa.ChunkedArray):
        return sum(array_bytes(chunk) for chunk in array.chunks)
    extra = len(array.type.__arrow_ext_serialize__()) if isinstance(array.type, PackedType) else 0
    if isinstance(array, pa.ExtensionArray):
        return array_bytes(array.storage) + extra
    if pa.types.is_dictionary(array.type):
        return array_bytes(array.indices) + array_bytes(array.dictionary)
    if pa.types.is_run_end_encoded(array.type):
        return array_bytes(array.run_ends) + array_bytes(array.values)
    return int(array.nbytes)
