"""Machine code of kernels: made once by numba, kept on disk, loaded by llvmlite alone.

numba's own cache saves the compiling but not the import of numba and its set-up, 0.6 s that no small file can pay back.
Here the object files are kept, and llvmlite links them into the process in some 40 ms, half the import of numpy.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib
import os
import sys
import sysconfig
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from optimization.files import optional, written_aside

_MADV_DONTNEED = 4
_FOLDER = Path(__file__).resolve().parent


class MachineCode:
    """The compiled functions of one optimization, by the name that its files are kept under.

    `kernels`: the module whose `SIGNATURES` says what to compile; `sources`: the modules that the machine code depends
    on; `functions`: the arguments of each kernel, p an address and i an integer; `brief`: those of them that are over
    sooner than the GIL is given away and taken again: `NAME_few` keeps it.
    """

    def __init__(
        self, name: str, kernels: str, sources: tuple[str, ...], functions: dict[str, str], brief: tuple[str, ...] = ()
    ) -> None:
        self.name, self.functions = name, functions
        self._kernels, self._sources, self._brief = kernels, ("machine", "intrinsics", "object_files", *sources), brief
        self.folder = _FOLDER.joinpath(*kernels.split(".")[1:-1])
        self._lock = threading.Lock()
        self._loaded: SimpleNamespace | None = None
        self._seen: bool | None = None
        self._key: str | None = None

    def available(self) -> bool:
        """Whether `load()` takes milliseconds: the machine code is in the process already, or kept on disk.

        The disk is asked once a process: a call of `distance` with few rows is over sooner than the question.
        """
        if self._loaded is not None:
            return True
        if self._seen is None:
            self._seen = self._is_kept()
        return self._seen

    def load(self) -> SimpleNamespace:
        """The compiled functions, made first where they are not kept; BadInput where numba is needed and missing.

        They take addresses and integers, and run without the GIL.
        """
        if self._loaded is not None:
            return self._loaded
        with self._lock:
            if self._loaded is None:
                found = self.kept()
                try:
                    self._loaded = self._linked(found) if found else None
                except (OSError, RuntimeError):  # kept by another version of llvmlite, or cut off: make them again
                    self._loaded = None
                if self._loaded is None:
                    optional("numba", "optimization")
                    from optimization.object_files import objects

                    made = objects(importlib.import_module(self._kernels).SIGNATURES)
                    self._loaded = self._linked(made)
                    self.keep(made)
            return self._loaded

    def _linked(self, objects: dict[str, tuple[str, bytes]]) -> SimpleNamespace:
        llvm: Any = importlib.import_module("llvmlite.binding")
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        # The one symbol of numba's run time in the objects frees what numba allocated. That is nothing, so it is never
        # called; it only has to exist.
        llvm.add_symbol("NRT_MemInfo_call_dtor", ctypes.cast(ctypes.pythonapi.Py_IncRef, ctypes.c_void_p).value)
        target = llvm.Target.from_default_triple().create_target_machine(jit=True)
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)
        for _, code in objects.values():
            engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        engine.finalize_object()
        _drop_pages_of("libllvmlite")
        linked = SimpleNamespace(engine=engine)  # the functions live as long as it does
        for name, signature in self.functions.items():
            symbol = objects[name][0]
            setattr(linked, name, _function(engine, symbol, signature))
            if name in self._brief:
                setattr(linked, f"{name}_few", _function(engine, symbol, signature, ctypes.PYFUNCTYPE))
        return linked

    # --- kept on disk -------------------------------------------------------------------------------------------------

    def kept(self) -> dict[str, tuple[str, bytes]] | None:
        """The objects of the first folder that holds them all: a line with symbol and digest, then the object file."""
        for folder in self._folders():
            try:
                objects = {}
                for name in self.functions:
                    first, _, code = self._path(folder, name).read_bytes().partition(b"\n")
                    symbol, digest = first.decode("ascii").split()
                    if hashlib.sha256(code).hexdigest() != digest:
                        raise ValueError("cut off")
                    objects[name] = (symbol, code)
                return objects
            except (OSError, ValueError, ImportError):
                continue
        return None

    def keep(self, objects: dict[str, tuple[str, bytes]]) -> None:
        """Write the objects to the first folder that takes them; where none does, the next run makes them again."""
        for folder in self._folders():
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                for name, (symbol, code) in objects.items():
                    with written_aside(str(self._path(folder, name))) as aside:
                        head = f"{symbol} {hashlib.sha256(code).hexdigest()}\n"
                        Path(aside).write_bytes(head.encode("ascii") + code)
                return
            except OSError:
                continue

    def _is_kept(self) -> bool:
        for folder in self._folders():
            try:  # names first: the key costs the import of llvmlite
                some = any(kept.name.startswith(f"{self.name}-") for kept in folder.iterdir())
                if some and all(self._path(folder, name).exists() for name in self.functions):
                    return True
            except (OSError, ImportError):
                continue
        return False

    def _folders(self) -> Iterator[Path]:
        """Where machine code may be kept, the best place first. Only folders of this user: code is run from there."""
        chosen = os.environ.get("NUMBA_CACHE_DIR")
        if chosen:
            yield Path(chosen, "optimization")
        yield self.folder / "__pycache__"
        if sys.platform == "win32":
            base = Path(os.environ.get("LOCALAPPDATA") or Path.home())
        else:
            base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        yield base / f"optimization-{self.name}"

    def _path(self, folder: Path, name: str) -> Path:
        return folder / f"{self.name}-{name}-{self._machine_key()}.obj"

    def _machine_key(self) -> str:
        """What the machine code depends on: its source, the compiler and this very processor."""
        if self._key is None:
            llvm: Any = importlib.import_module("llvmlite.binding")
            version: str = sys.modules["llvmlite"].__version__
            digest = hashlib.sha256()
            for source in self._sources:
                digest.update(_FOLDER.joinpath(*source.split(".")).with_suffix(".py").read_bytes())
            features = llvm.get_host_cpu_features().flatten()
            for part in (version, sysconfig.get_platform(), llvm.get_host_cpu_name(), features):
                digest.update(part.encode() + b"\0")
            self._key = digest.hexdigest()[:16]
        return self._key


def _function(engine: Any, symbol: str, signature: str, maker: Any = ctypes.CFUNCTYPE) -> Any:
    """A callable for numba's calling convention: status = f(result*, exception**, arguments…)."""
    address = engine.get_function_address(symbol)
    if not address:
        raise OSError(f"{symbol} is not in the machine code")
    kinds = [ctypes.c_void_p if kind == "p" else ctypes.c_int64 for kind in signature]
    function = maker(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *kinds)(address)
    unused = (ctypes.c_int64 * 2)()  # for results and exceptions: no function here has any
    at = ctypes.addressof(unused)

    def call(*arguments: Any) -> None:
        if function(at, at + 8, *arguments):
            raise RuntimeError(f"{symbol} failed with {unused[0]}")

    return call


def _drop_pages_of(library: str) -> None:
    """Let Linux take back the memory of a library's code: 30 MB of llvmlite, which has nothing left to do.

    Code that is never written to is read from the file again if it runs after all.
    """
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):  # another C library, or no /proc
        libc = ctypes.CDLL(None)
        for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
            span, rights, *_ = line.split()
            if library in line and rights == "r-xp":
                start, stop = (int(address, 16) for address in span.split("-"))
                libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(stop - start), _MADV_DONTNEED)


def can_compile() -> bool:
    """Whether numba is there to make machine code."""
    from importlib.util import find_spec

    return find_spec("numba") is not None
