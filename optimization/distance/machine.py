"""Machine code of `kernels`: made once by numba, kept on disk, loaded by llvmlite alone.

numba's own cache saves the compiling but not the import of numba and its set-up, 0.6 s that no small file can pay back.
Here the object files are kept, and llvmlite links them into the process in some 40 ms, half the import of numpy.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
import os
import sys
import sysconfig
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optimization.files import optional, written_aside

_FOLDER = Path(__file__).resolve().parent
_SOURCES = ("intrinsics", "kernel_formula", "kernel_numbers", "kernel_rows", "kernels", "threads")
_NAMES = ("evaluate", "evaluate_shared", "last_record_end", "read_rows", "write_rows")
_lock = threading.Lock()
_loaded: Machine | None = None
_seen: bool | None = None
_key: str | None = None


class Machine:
    """The compiled functions, callable with addresses and integers; they run without the GIL."""

    def __init__(self, objects: dict[str, tuple[str, bytes]]) -> None:
        llvm: Any = importlib.import_module("llvmlite.binding")
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        # The one symbol of numba's run time in the objects frees what numba allocated. That is nothing, so it is never
        # called; it only has to exist.
        unused = ctypes.cast(ctypes.pythonapi.Py_IncRef, ctypes.c_void_p).value
        llvm.add_symbol("NRT_MemInfo_call_dtor", unused)
        target = llvm.Target.from_default_triple().create_target_machine(jit=True)
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)
        for _, code in objects.values():
            self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()
        self._unused = (ctypes.c_int64 * 2)()  # for results and exceptions: no function here has any
        self.evaluate = self._function(objects["evaluate"][0], "pppi")
        self.evaluate_few = self._function(objects["evaluate"][0], "pppi", ctypes.PYFUNCTYPE)
        self.evaluate_shared = self._function(objects["evaluate_shared"][0], "pppippii")
        self.last_record_end = self._function(objects["last_record_end"][0], "piip")
        self.read_rows = self._function(objects["read_rows"][0], "piiiiiippppp")
        self.write_rows = self._function(objects["write_rows"][0], "piiippppp")

    def _function(self, symbol: str, signature: str, maker: Any = ctypes.CFUNCTYPE) -> Any:
        """A callable for numba's calling convention: status = f(result*, exception**, arguments…).

        `maker` is ctypes.PYFUNCTYPE for what is over sooner than the GIL is given away and taken again.
        """
        address = self._engine.get_function_address(symbol)
        if not address:
            raise OSError(f"{symbol} is not in the machine code")
        kinds = [ctypes.c_void_p if kind == "p" else ctypes.c_int64 for kind in signature]
        function = maker(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *kinds)(address)
        at = ctypes.addressof(self._unused)

        def call(*arguments: Any) -> None:
            if function(at, at + 8, *arguments):
                raise RuntimeError(f"{symbol} failed")

        return call


def available() -> bool:
    """Whether `load()` takes milliseconds: the machine code is in the process already, or kept on disk.

    The disk is asked once a process: a call of `distance` with few rows is over sooner than the question.
    """
    global _seen
    if _loaded is not None:
        return True
    if _seen is None:
        _seen = _is_kept()
    return _seen


def _is_kept() -> bool:
    for folder in _folders():
        try:  # names first: the key costs the import of llvmlite
            some = any(kept.name.startswith("speed-") for kept in folder.iterdir())
            if some and all(_path(folder, name).exists() for name in _NAMES):
                return True
        except (OSError, ImportError):
            continue
    return False


def can_compile() -> bool:
    """Whether numba is there to make the machine code."""
    from importlib.util import find_spec

    return find_spec("numba") is not None


def load() -> Machine:
    """The compiled functions, made first where they are not kept; BadInput where numba is needed and missing."""
    global _loaded
    if _loaded is not None:
        return _loaded
    with _lock:
        if _loaded is None:
            kept = _kept()
            try:
                _loaded = Machine(kept) if kept else None
            except (OSError, RuntimeError):  # kept by another version of llvmlite, or cut off: make them again
                _loaded = None
            if _loaded is None:
                optional("numba", "optimization")
                from optimization.distance import kernels

                objects = kernels.objects()
                _loaded = Machine(objects)
                _keep(objects)
        return _loaded


def _machine_key() -> str:
    """What the machine code depends on: its source, the compiler and this very processor."""
    global _key
    if _key is None:
        llvm: Any = importlib.import_module("llvmlite.binding")
        version: str = sys.modules["llvmlite"].__version__
        digest = hashlib.sha256()
        for name in _SOURCES:
            digest.update((_FOLDER / f"{name}.py").read_bytes())
        features = llvm.get_host_cpu_features().flatten()
        for part in (version, sysconfig.get_platform(), llvm.get_host_cpu_name(), features):
            digest.update(part.encode() + b"\0")
        _key = digest.hexdigest()[:16]
    return _key


def _folders() -> Iterator[Path]:
    """Where machine code may be kept, the best place first. Only folders of this user: code is run from there."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        yield Path(chosen, "optimization")
    yield _FOLDER / "__pycache__"
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home())
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    yield base / "optimization-speed"


def _path(folder: Path, name: str) -> Path:
    return folder / f"speed-{name}-{_machine_key()}.obj"


def _kept() -> dict[str, tuple[str, bytes]] | None:
    """The objects of the first folder that holds them whole: a line with symbol and digest, then the object file."""
    for folder in _folders():
        try:
            objects = {}
            for name in _NAMES:
                first, _, code = _path(folder, name).read_bytes().partition(b"\n")
                symbol, digest = first.decode("ascii").split()
                if hashlib.sha256(code).hexdigest() != digest:
                    raise ValueError("cut off")
                objects[name] = (symbol, code)
            return objects
        except (OSError, ValueError, ImportError):
            continue
    return None


def _keep(objects: dict[str, tuple[str, bytes]]) -> None:
    """Write the objects to the first folder that takes them; where none does, the next run makes them again."""
    for folder in _folders():
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name, (symbol, code) in objects.items():
                with written_aside(str(_path(folder, name))) as aside:
                    Path(aside).write_bytes(f"{symbol} {hashlib.sha256(code).hexdigest()}\n".encode("ascii") + code)
            return
        except OSError:
            continue
