"""The compiled half of speed.py: every kernel with its signature, and the object files that numba makes of them.

Read only when machine code has to be made (see `machine`). Every kernel takes plain pointers and allocates nothing, so
that its machine code needs neither numba nor Python at run time and can be called without the GIL.
"""

from __future__ import annotations

from numba import types

from optimization.distance.intrinsics import CPointer, njit
from optimization.distance.kernel_formula import evaluate, evaluate_shared
from optimization.distance.kernel_rows import last_record_end, read_rows, write_rows

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


def objects() -> dict[str, tuple[str, bytes]]:
    """Compile everything for this processor: name → (symbol, object file). Takes some seconds."""
    made = {}
    for function, signature in SIGNATURES.items():
        compiled = njit(
            signature, fastmath={"contract"}, error_model="numpy",
            no_cpython_wrapper=True, no_cfunc_wrapper=True,
        )(function)  # fmt: skip
        overload = compiled.overloads[signature.args]
        _, _, (code, _) = overload.library.serialize_using_object_code()
        made[function.__name__] = (overload.fndesc.mangled_name, code)
    return made
