"""Machine code from numba: the private hook it comes from, and what its object files may need from elsewhere."""

from __future__ import annotations

import ctypes
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import llvmlite.binding as llvm
import numba
import pytest
from numba import types
from packaging.requirements import Requirement

from optimization import object_files
from optimization.files import BadInput
from optimization.intrinsics import njit

ROOT = Path(__file__).parents[2]
REMEDY = (
    f"numba {numba.__version__} changed the private hook that the object cache relies on: adapt object_file in "
    "optimization/object_files.py and _function in optimization/machine.py to it, then move the pin in pyproject.toml; "
    "or go back to the numba that is pinned there"
)


def twice(numbers: Any, rows: int) -> None:
    for row in range(rows):
        numbers[row] *= 2.0


def compiled_twice() -> tuple[object, tuple[object, ...]]:
    signature = types.void(types.CPointer(types.float64), types.int64)
    compiled = njit(signature, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)(twice)
    return compiled, signature.args


def test_numba_is_pinned_to_the_minor_version_whose_private_hook_is_used() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [Requirement(text) for text in project["optional-dependencies"]["optimization"]]
    (pin,) = [one.specifier for one in needed if one.name == "numba"]
    major, minor = map(int, numba.__version__.split(".")[:2])
    assert numba.__version__ in pin, REMEDY
    assert f"{major}.{minor + 1}.0" not in pin, "the pin lets a numba in that nobody has tried: end it at one minor"


def test_the_private_hook_hands_out_an_object_file_that_runs_by_the_known_calling_convention() -> None:
    try:
        symbol, code = object_files.object_file(*compiled_twice())
    except BadInput as error:
        pytest.fail(f"{REMEDY} ({error})")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.add_symbol("NRT_MemInfo_call_dtor", ctypes.cast(ctypes.pythonapi.Py_IncRef, ctypes.c_void_p).value)
    target = llvm.Target.from_default_triple().create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    address = engine.get_function_address(symbol)
    assert address, REMEDY
    kinds = ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64
    numbers, unused = (ctypes.c_double * 3)(1.5, -2.0, 4.0), (ctypes.c_int64 * 2)()
    at = ctypes.addressof(unused)
    status = ctypes.CFUNCTYPE(*kinds)(address)(at, at + 8, ctypes.addressof(numbers), 3)
    assert (status, list(numbers)) == (0, [3.0, -4.0, 8.0]), REMEDY


@pytest.mark.parametrize(
    ("library", "told"),
    [
        (SimpleNamespace(), "no attribute 'serialize_using_object_code'"),
        (SimpleNamespace(serialize_using_object_code=lambda: ("name", b"code")), "not enough values to unpack"),
        (SimpleNamespace(serialize_using_object_code=lambda: ("name", "bitcode", (b"", b""))), "bitcode is not an"),
    ],
    ids=["gone", "other shape", "other kind"],
)
def test_another_hook_is_an_error_with_a_remedy(library: object, told: str) -> None:
    overload = SimpleNamespace(fndesc=SimpleNamespace(mangled_name="symbol"), library=library)
    with pytest.raises(BadInput, match=told) as caught:
        object_files.object_file(SimpleNamespace(overloads={(): overload}), ())
    assert "pip install 'esios-elt[optimization]'" in str(caught.value)
    assert "--kernel numpy" in str(caught.value)
