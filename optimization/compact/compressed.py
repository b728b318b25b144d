"""Columns kept compressed in memory (zstd over shuffled bytes), each decoded on its own. No files."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.ipc

from optimization.compact.packed_type import PackedType
from optimization.compact.plan import Plan
from optimization.compact.usable import series_of_values
from optimization.counted import counted

PIECE = 4 << 20  # about a cache: more finds no more repetitions
SAMPLE = 1 << 16


@dataclass
class Squeezed:
    """A buffer of items of `width` bytes, compressed piece by piece: the first bytes of all items, then the second …

    `steps`: the differences of neighbours are kept.
    """

    pieces: list[bytes]
    size: int
    width: int
    steps: bool = False

    @property
    def nbytes(self) -> int:
        return sum(map(len, self.pieces)) + 8


@dataclass
class Node:
    """An Arrow array taken apart: its type, its buffers, and the arrays inside it."""

    type: pa.DataType
    length: int
    nulls: int
    buffers: list[Squeezed | None]
    children: list[Node] = field(default_factory=list)
    role: str = "plain"

    @property
    def nbytes(self) -> int:
        own = len(self.type.__arrow_ext_serialize__()) if isinstance(self.type, PackedType) else 16
        return own + sum(b.nbytes for b in self.buffers if b is not None) + sum(child.nbytes for child in self.children)


def squeeze(data: np.ndarray, width: int) -> Squeezed:
    """Compress bytes that hold items of `width` bytes; as differences where a sample says that those are smaller."""
    raw = np.ascontiguousarray(data).view(np.uint8).reshape(-1)
    steps = False
    if width in (2, 4, 8):
        middle = len(raw) // 2 // width * width
        sample = raw[middle : middle + SAMPLE]
        steps = len(_pack(_differences(sample, width), width)) < 0.98 * len(_pack(sample, width))
    whole = _differences(raw, width) if steps else raw
    piece = PIECE // width * width
    packed = [_pack(whole[at : at + piece], width) for at in range(0, len(whole), piece)]
    return Squeezed(packed, len(raw), width, steps)


def _codec() -> pa.Codec:
    # Level 5 makes the mixed data set 1 % smaller and takes 7 times as long.
    return pa.Codec("zstd", 1)


def _pack(data: np.ndarray, width: int) -> bytes:
    shuffled = data if width == 1 else np.ascontiguousarray(data.reshape(-1, width).T)
    packed: bytes = _codec().compress(pa.py_buffer(shuffled), asbytes=True)
    return packed


def _unpack(piece: bytes, size: int, width: int) -> np.ndarray:
    shuffled = np.frombuffer(_codec().decompress(piece, size), np.uint8)
    if width == 1:
        return shuffled
    items = np.empty((size // width, width), np.uint8)
    for place, part in enumerate(shuffled.reshape(width, -1)):  # a transposed copy takes up to six times as long
        items[:, place] = part
    return items.reshape(-1)


def _differences(raw: np.ndarray, width: int) -> np.ndarray:
    numbers = raw.view(f"u{width}")
    steps = np.empty_like(numbers)
    steps[:1] = numbers[:1]
    np.subtract(numbers[1:], numbers[:-1], out=steps[1:])
    # Zigzag: a small step back is a small number too.
    signed = steps.view(f"i{width}")
    zigzag: np.ndarray = ((signed << 1) ^ (signed >> (8 * width - 1))).view(np.uint8)
    return zigzag


def expand(squeezed: Squeezed | None) -> np.ndarray:
    """The bytes again."""
    if squeezed is None or not squeezed.size:
        return np.empty(0, np.uint8)
    width, piece = squeezed.width, PIECE // squeezed.width * squeezed.width
    parts = [
        _unpack(packed, min(piece, squeezed.size - number * piece), width)
        for number, packed in enumerate(squeezed.pieces)
    ]
    raw = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if squeezed.steps:
        zigzag = raw.view(f"u{width}")
        one = zigzag.dtype.type(1)
        differences = (zigzag >> one) ^ (~(zigzag & one) + one)
        raw = np.cumsum(differences, dtype=zigzag.dtype).view(np.uint8)
    return raw


def take_apart(array: pa.Array) -> Node:
    """Compress an Arrow array of the kinds that packing makes."""
    kind = array.type
    if isinstance(kind, PackedType):
        return Node(kind, len(array), array.null_count, [], [take_apart(array.storage)], "extension")
    if pa.types.is_dictionary(kind):
        return Node(
            kind,
            len(array),
            array.null_count,
            [],
            [take_apart(array.indices), take_apart(array.dictionary)],
            "dictionary",
        )
    if pa.types.is_run_end_encoded(kind):
        return Node(kind, len(array), 0, [], [take_apart(array.run_ends), take_apart(array.values)], "runs")
    if pa.types.is_struct(kind):
        children = [take_apart(array.field(place)) for place in range(kind.num_fields)]
        return Node(kind, len(array), array.null_count, [_bits(array)], children, "struct")
    if pa.types.is_null(kind):
        return Node(kind, len(array), len(array), [])
    if array.offset:
        array = pa.concat_arrays([array])
    buffers = array.buffers()
    validity = _bits(array)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        wide = np.dtype("i8" if pa.types.is_large_string(kind) else "i4")
        offsets = np.frombuffer(buffers[1], wide)[array.offset : array.offset + len(array) + 1]
        lengths = np.diff(offsets).astype(np.int64)
        narrow = (
            np.uint8 if not len(lengths) or lengths.max() < 256 else np.uint16 if lengths.max() < 65_536 else np.uint32
        )
        data = (
            np.frombuffer(buffers[2], np.uint8)[offsets[0] : offsets[-1]]
            if buffers[2] is not None
            else np.empty(0, np.uint8)
        )
        return Node(
            kind,
            len(array),
            array.null_count,
            [validity, squeeze(lengths.astype(narrow), np.dtype(narrow).itemsize), squeeze(data, 1)],
            role=np.dtype(narrow).str,
        )
    if pa.types.is_boolean(kind):
        data = np.packbits(_bools(array), bitorder="little")
        return Node(kind, len(array), array.null_count, [validity, squeeze(data, 1)])
    if _only_arrow_knows(kind):
        sink = pa.BufferOutputStream()
        batch = pa.record_batch([array], names=["values"])
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        return Node(
            kind, len(array), array.null_count, [squeeze(np.frombuffer(sink.getvalue(), np.uint8), 1)], role="ipc"
        )
    width = kind.bit_width // 8
    data = np.frombuffer(buffers[1], np.uint8)[array.offset * width : (array.offset + len(array)) * width]
    return Node(kind, len(array), array.null_count, [validity, squeeze(data, width)])


def _only_arrow_knows(kind: pa.DataType) -> bool:
    """Whether the buffers of a type are better left to Arrow's own format."""
    tests = (pa.types.is_nested, pa.types.is_binary, pa.types.is_large_binary)
    return (
        any(test(kind) for test in tests)
        or isinstance(kind, pa.BaseExtensionType)
        or str(kind) in ("string_view", "binary_view")
    )


def _bools(array: pa.Array) -> np.ndarray:
    bits = np.frombuffer(array.buffers()[1], np.uint8)
    return np.unpackbits(bits, count=array.offset + len(array), bitorder="little")[array.offset :]


def _bits(array: pa.Array) -> Squeezed | None:
    if not array.null_count:
        return None
    return squeeze(np.packbits(array.is_valid().to_numpy(zero_copy_only=False), bitorder="little"), 1)


def put_together(node: Node) -> pa.Array:
    """The packed Arrow array again."""
    if node.role == "extension":
        return pa.ExtensionArray.from_storage(node.type, put_together(node.children[0]))
    if node.role == "dictionary":
        codes, words = put_together(node.children[0]), put_together(node.children[1])
        return pa.DictionaryArray.from_arrays(codes, words, ordered=node.type.ordered)
    if node.role == "runs":
        return pa.RunEndEncodedArray.from_arrays(put_together(node.children[0]), put_together(node.children[1]))
    if node.role == "ipc":
        with pa.ipc.open_stream(pa.py_buffer(expand(node.buffers[0]))) as stream:
            return stream.read_all().column(0).combine_chunks()
    buffers = [None if buffer is None else pa.py_buffer(expand(buffer)) for buffer in node.buffers]
    if node.role == "struct":
        return pa.Array.from_buffers(
            node.type, node.length, buffers, node.nulls, children=[put_together(child) for child in node.children]
        )
    if pa.types.is_null(node.type):
        return pa.nulls(node.length)
    if node.role != "plain":
        lengths = expand(node.buffers[1]).view(np.dtype(node.role))
        offsets = np.zeros(node.length + 1, np.int64 if pa.types.is_large_string(node.type) else np.int32)
        np.cumsum(lengths, out=offsets[1:])
        return pa.Array.from_buffers(
            node.type, node.length, [buffers[0], pa.py_buffer(offsets), buffers[2]], node.nulls
        )
    return pa.Array.from_buffers(node.type, node.length, buffers, node.nulls)


class Compressed:
    """A table of compressed columns: `nbytes`, `column(name)` decodes one of them, `to_pandas()` all."""

    def __init__(
        self, rows: int, nodes: dict[str, list[Node]], plans: dict[str, Plan], index: pd.Index | None = None
    ) -> None:
        self._rows, self._nodes, self.plans, self._index = rows, nodes, plans, index

    def __len__(self) -> int:
        return self._rows

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self._nodes)

    @property
    def nbytes(self) -> int:
        """The bytes that all columns take, compressed (and the index, if the DataFrame had one of its own)."""
        index = 0 if self._index is None else int(self._index.memory_usage(deep=True))
        return index + sum(self.column_bytes(name) for name in self._nodes)

    def column_bytes(self, name: str) -> int:
        """The bytes of one compressed column."""
        return sum(node.nbytes for node in self._nodes[name])

    def arrow(self, name: str) -> pa.ChunkedArray:
        """One column as the packed Arrow array that was compressed."""
        if name not in self._nodes:
            raise KeyError(f"no column {name!r}: the columns are {', '.join(self.columns[:20])}")
        return expanded(self._nodes[name])

    def column(self, name: str) -> pd.Series:
        """One column as the Series that the level `usable` gives; the others stay compressed."""
        parts = self.arrow(name).chunks
        return pd.Series(series_of_values(self.plans[name], parts), name=name, index=self._index, copy=False)

    def to_pandas(self) -> pd.DataFrame:
        """All columns, as the level `usable` gives them."""
        return pd.DataFrame({name: self.column(name) for name in self._nodes}, index=self._index, copy=False)

    def to_arrow(self) -> pa.Table:
        """All columns packed, as the level `packed` gives them."""
        return pa.table({name: self.arrow(name) for name in self._nodes})

    def __repr__(self) -> str:
        return (
            f"<Compressed: {counted(self._rows, 'row')}, {counted(len(self._nodes), 'column')}, {self.nbytes:,} bytes>"
        )


def compress(array: pa.Array | pa.ChunkedArray) -> list[Node]:
    """A packed column, compressed."""
    return [take_apart(chunk) for chunk in (array.chunks if isinstance(array, pa.ChunkedArray) else [array])]


def expanded(nodes: list[Node]) -> pa.ChunkedArray:
    """The packed column that was compressed."""
    parts = [put_together(node) for node in nodes]
    return pa.chunked_array(parts, type=None if parts else pa.null())
