"""An Arrow type for values kept narrower than Arrow's own types allow; `to_pandas` and `to_pylist` decode them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from optimization.compact.encoded import fixed_texts, null_mask

_HEX = {False: np.frombuffer(b"0123456789abcdef", np.uint8), True: np.frombuffer(b"0123456789ABCDEF", np.uint8)}


class PackedType(pa.ExtensionType):  # type: ignore[misc]
    """Values of `logical` type, stored by `codec`:

    number: `(storage + base) * times / 10**scale`, storage unsigned little-endian of 1 … 8 bytes (1, 2, 4, 8: an Arrow
    integer, else fixed-size binary) · hex: text of hexadecimal digits, two a byte, `dashes` as in a UUID.
    """

    def __init__(self, storage: pa.DataType, logical: pa.DataType, codec: str, **settings: Any) -> None:
        self.logical, self.codec, self.settings = logical, codec, settings
        super().__init__(storage, "optimization.packed")

    def __arrow_ext_serialize__(self) -> bytes:
        return json.dumps({"logical": str(self.logical), "codec": self.codec, **self.settings}).encode()

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: pa.DataType, serialized: bytes) -> PackedType:
        settings = json.loads(serialized)
        return cls(storage, type_named(settings.pop("logical")), settings.pop("codec"), **settings)

    def __arrow_ext_class__(self) -> type:
        return PackedArray

    def __arrow_ext_scalar_class__(self) -> type:
        return PackedScalar

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).__arrow_ext_deserialize__, (self.storage_type, self.__arrow_ext_serialize__())

    def to_pandas_dtype(self) -> Any:
        return _Decoding(self.logical)

    def decode(self, storage: pa.Array) -> pa.Array:
        """The values of a storage array as an Arrow array of the logical type."""
        if self.codec == "number":
            return self._numbers(storage)
        return self._hex(storage)

    def _numbers(self, storage: pa.Array) -> pa.Array:
        wide = unsigned_of(storage)
        base, scale = self.settings.get("base", 0), self.settings.get("scale", 0)
        mask = null_mask(storage)
        if pa.types.is_uint64(self.logical):
            return pa.array(wide.astype(np.uint64) + np.uint64(base), mask=mask)
        numbers = (wide.astype(np.int64) + base) * self.settings.get("times", 1)
        if pa.types.is_floating(self.logical):
            floats = numbers.astype(np.float64)
            return pa.array(floats / 10.0**scale if scale else floats, mask=mask)
        array = pa.array(numbers, mask=mask)
        if pa.types.is_date32(self.logical):
            return array.cast(pa.int32()).cast(self.logical)
        return array.cast(self.logical)

    def _hex(self, storage: pa.Array) -> pa.Array:
        width = self.storage_type.byte_width
        raw = fixed_bytes(storage, width)
        digits = _HEX[self.settings.get("upper", False)]
        pairs = np.empty((len(storage), width, 2), np.uint8)
        pairs[:, :, 0] = digits[raw >> 4]
        pairs[:, :, 1] = digits[raw & 15]
        matrix = pairs.reshape(len(storage), width * 2)
        if self.settings.get("dashes"):
            matrix = np.insert(matrix, [8, 12, 16, 20], 0x2D, axis=1)
        texts = fixed_texts(matrix)
        mask = null_mask(storage)
        return texts if mask is None else texts.take(pa.array(np.arange(len(texts)), mask=mask))


class PackedArray(pa.ExtensionArray):  # type: ignore[misc]
    """An array of packed values."""

    def decoded(self) -> pa.Array:
        """The values, as an Arrow array of the logical type."""
        return self.type.decode(self.storage)

    def to_pylist(self, **settings: Any) -> list[Any]:
        """The values as Python objects."""
        values: list[Any] = self.decoded().to_pylist(**settings)
        return values


class PackedScalar(pa.ExtensionScalar):  # type: ignore[misc]
    """One packed value."""

    def as_py(self, **settings: Any) -> Any:
        """The value as a Python object."""
        if self.value is None:
            return None
        return self.type.decode(pa.array([self.value.as_py()], self.type.storage_type))[0].as_py(**settings)


class _Decoding(pd.ArrowDtype):
    """What `to_pandas` asks for: decodes on the way to pandas, into the dtype that pandas likes best."""

    def __init__(self, logical: pa.DataType) -> None:
        super().__init__(logical)

    def __from_arrow__(self, array: pa.Array | pa.ChunkedArray) -> Any:
        chunks = array.chunks if isinstance(array, pa.ChunkedArray) else [array]
        values = pa.chunked_array([chunk.type.decode(chunk.storage) for chunk in chunks], self.pyarrow_dtype)
        if pa.types.is_floating(values.type):
            return pd.array(values.to_numpy(), dtype="float64", copy=False)
        if pa.types.is_timestamp(values.type) and values.type.tz is None:
            return pd.array(values.to_numpy(), copy=False)
        return pd.arrays.ArrowExtensionArray(values)


def type_named(name: str) -> pa.DataType:
    """An Arrow type by the name it prints: int64, double, date32[day], timestamp[ms], timestamp[s, tz=UTC], string."""
    if name.startswith("timestamp["):
        unit, _, zone = name[10:-1].partition(", tz=")
        return pa.timestamp(unit, zone or None)
    return pa.type_for_alias({"date32[day]": "date32"}.get(name, name))


def fixed_bytes(array: pa.Array, width: int) -> np.ndarray:
    """The bytes of a fixed-size binary array, a row each."""
    data = np.frombuffer(array.buffers()[1], np.uint8)
    return data[array.offset * width : (array.offset + len(array)) * width].reshape(len(array), width)


def unsigned_of(storage: pa.Array) -> np.ndarray:
    """Stored numbers as unsigned integers, whatever their width."""
    kind = storage.type
    if not pa.types.is_fixed_size_binary(kind):
        data = np.frombuffer(storage.buffers()[1], kind.to_pandas_dtype())
        return data[storage.offset : storage.offset + len(storage)]
    raw = fixed_bytes(storage, kind.byte_width)
    wide = np.zeros((len(storage), 4 if kind.byte_width < 4 else 8), np.uint8)
    wide[:, : kind.byte_width] = raw
    return wide.view(np.uint32 if kind.byte_width < 4 else np.uint64)[:, 0]


def number_storage(width: int) -> pa.DataType:
    """The Arrow type of unsigned numbers of `width` bytes."""
    return {1: pa.uint8(), 2: pa.uint16(), 4: pa.uint32(), 8: pa.uint64()}.get(width, pa.binary(width))


def store_numbers(values: np.ndarray, width: int, validity: pa.Buffer | None, nulls: int) -> pa.Array:
    """Unsigned integers as a storage array of `width` bytes each."""
    kind = number_storage(width)
    if width in (1, 2, 4, 8):
        data = np.ascontiguousarray(values.astype(f"u{width}", copy=False))
    else:
        data = (
            np.ascontiguousarray(values.astype("<u8" if width > 4 else "<u4", copy=False))
            .view(np.uint8)
            .reshape(len(values), -1)[:, :width]
        )
        data = np.ascontiguousarray(data)
    return pa.Array.from_buffers(kind, len(values), [validity, pa.py_buffer(data)], nulls)


def values_of(array: pa.Array) -> pa.Array:
    """Any packed array as plain values: extension, run-end and dictionary encodings undone."""
    if isinstance(array.type, PackedType):
        return array.type.decode(array.storage)
    if pa.types.is_run_end_encoded(array.type):
        return pc.run_end_decode(array)
    if pa.types.is_dictionary(array.type):
        return array.dictionary.take(array.indices)
    return array


pa.register_extension_type(PackedType(pa.uint8(), pa.int64(), "number"))
