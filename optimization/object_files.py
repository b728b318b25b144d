"""The object files that numba makes of kernels. Read only when machine code has to be made (see `machine`).

Every kernel takes plain pointers and allocates nothing, so that its machine code needs neither numba nor Python at run
time and can be called without the GIL.
"""

from __future__ import annotations

from typing import Any

import numba

from optimization.files import BadInput
from optimization.intrinsics import njit


def objects(signatures: dict[Any, Any]) -> dict[str, tuple[str, bytes]]:
    """Compile every kernel for this processor: name → (symbol, object file). Takes some seconds."""
    made = {}
    for function, signature in signatures.items():
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
