"""An independent reading of a chunk's bytes: it finds the same records and texts, or the first record that differs.

Machine code reads them where it is there or pays; elsewhere Python's csv, whose rules it follows, in thirty to eighty
times the time.
"""

from __future__ import annotations

import csv
import ctypes
import io
import itertools
import sys
from typing import Any

import pyarrow as pa

from optimization.compact.cut import Bytes
from optimization.csv_rules import BrokenRecord, records, without_line_end
from optimization.files import BadInput
from optimization.machine import MachineCode, can_compile

CODE = MachineCode(
    "memory",
    kernels="optimization.compact.kernel_witness",
    sources=("csv_rules", "compact.kernel_witness"),
    functions={"first_disagreement": "piiiipp"},
)
COMPILE_FROM_BYTES = 16 << 20  # Python's csv takes about as long for so much as making the machine code does
JUDGED = 2_000  # records that Python's csv is asked for at a time


def disagreement(data: Bytes, delimiter: int, table: pa.Table, total: int) -> int | None:
    """The first record (from 0) that `table` (columns of text, null: an empty field without quotes) does not hold as
    `data` (UTF-8, whole records) has it; None: they agree. The columns are in one piece each.

    `total`: the bytes of the whole file, which say whether making the machine code pays.
    """
    code = machine_code(total)
    if code is None:
        return judged(bytes(data), chr(delimiter), table)
    entries: list[int] = []
    for column in table.columns:
        array = column.chunk(0) if column.num_chunks else pa.array([], pa.string())
        bits, offsets, texts = array.buffers()
        entries += offsets.address, texts.address if texts else 0, bits.address if array.null_count else 0
        entries += texts.size if texts else 0, array.offset
    found = ctypes.c_int64()
    columns = (ctypes.c_int64 * len(entries))(*entries)
    code.first_disagreement(
        pa.py_buffer(data).address, len(data), delimiter, table.num_columns, table.num_rows,
        ctypes.addressof(columns), ctypes.addressof(found),
    )  # fmt: skip
    return None if found.value < 0 else found.value


def machine_code(total: int) -> Any:
    """The compiled reading, None where it is not there and does not pay for `total` bytes, or cannot be made."""
    if not CODE.available() and (total < COMPILE_FROM_BYTES or not can_compile()):
        return None
    try:
        return CODE.load()
    except BadInput:  # a numba that hands out no object files
        return None


def judged(data: bytes, delimiter: str, table: pa.Table) -> int | None:
    """The same as `disagreement` by Python's csv."""
    csv.field_size_limit(sys.maxsize)
    width, row = table.num_columns, 0
    read = csv.reader(io.StringIO(data.decode(), newline=""), delimiter=delimiter)
    texts = (record or [""] for record in read if record or width == 1)
    standing = (
        fields for _, record, fields in records(data, delimiter.encode()) if width == 1 or without_line_end(record)
    )
    try:
        while pairs := list(itertools.islice(itertools.zip_longest(texts, standing), JUDGED)):
            held = [column.to_pylist() for column in table.slice(row, len(pairs)).columns]
            for number, (fields, raw) in enumerate(pairs):
                if fields is None or raw is None or number >= len(held[0]):
                    return row + number
                found = [column[number] for column in held]
                if fields != [text or "" for text in found] or [text is None for text in found] != [not r for r in raw]:
                    return row + number
            row += len(pairs)
    except BrokenRecord:  # a quote is open at the end of the chunk
        return row
    return None if row == table.num_rows else row
