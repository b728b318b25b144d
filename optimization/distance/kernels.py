"""The compiled half of speed.py: every kernel with its signature, and the object files that numba makes of them.

Read only when machine code has to be made (see `machine`). Every kernel takes plain pointers and allocates nothing, so
that its machine code needs neither numba nor Python at run time and can be called without the GIL.
"""

from __future__ import annotations

from typing import Any

import numba
from numba import types

from optimization.distance.intrinsics import CPointer, njit
from optimization.distance.kernel_formula import evaluate, evaluate_shared
from optimization.distance.kernel_rows import last_record_end, read_rows, write_rows
from optimization.files import BadInput

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
        made[function.__name__] = object_file(compiled, signature.args)
    return made


def object_file(compiled: Any, arguments: Any) -> tuple[str, bytes]:
    """(symbol, object file) of a compiled function; BadInput where numba is not the one this was written for.

    numba has no public way to hand out object files: this is the hook of its own cache, and a release may change it.
    That, and the calling convention that `machine` relies on, is why pyproject.toml pins numba to one minor version.
    """
    try:
        overload = compiled.overloads[arguments]
        symbol = overload.fndesc.mangled_name
        _, kind, (code, _) = overload.library.serialize_using_object_code()
        if kind != "object" or not isinstance(symbol, str) or not isinstance(code, bytes):
            raise TypeError(f"{kind} is not an object file")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"numba {numba.__version__} does not hand out object files as this program expects ({error}): "
            "pip install 'esios-elt[optimization]' installs the version that does, --kernel numpy works without"
        ) from error
    return symbol, code
