"""Every kernel of this package with its signature."""

from __future__ import annotations

from numba import types

from optimization.distance.kernel_formula import evaluate, evaluate_shared
from optimization.distance.kernel_rows import last_record_end, read_rows, write_rows
from optimization.intrinsics import CPointer

_bytes, _ints, _floats = (CPointer(kind) for kind in (types.uint8, types.int64, types.float64))
_int = types.int64
SIGNATURES = {
    evaluate: types.void(_floats, _floats, _floats, _int),
    evaluate_shared: types.void(_floats, _floats, _floats, _int, _ints, _floats, _int, _int),
    last_record_end: types.void(_bytes, _int, _int, _ints),
    read_rows: types.void(
        _bytes, _int, _int, _int, _int, _int, _int, _ints, _floats, _floats, _bytes, _ints
    ),
    write_rows: types.void(_bytes, _int, _int, _int, _ints, _bytes, _floats, _bytes, _ints),
}  # fmt: skip
