"""Give freed memory back to the system while a load runs, for the peak is what is promised. Elsewhere than on Linux:
nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import sys
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


@functools.cache
def _libc() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    try:
        libc = ctypes.CDLL(None)
        # Arrays of 1 MB and more come from the system and go back at once. glibc otherwise raises this bound as it
        # goes, and holes between short-lived arrays stay: 1,129 MB instead of 941 at 1 GB of CSV.
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 20)
        libc.mallopt(_M_TRIM_THRESHOLD, 1 << 20)
        libc.malloc_trim(0)
    except (OSError, AttributeError):  # another C library
        return None
    return libc


def release() -> None:
    """Return what was freed."""
    pa.default_memory_pool().release_unused()
    libc = _libc()
    if libc is not None:
        libc.malloc_trim(0)


@contextlib.contextmanager
def reused() -> Iterator[None]:
    """While this lasts, Arrow takes what it just freed again instead of new memory, which the system must clear first.

    A tenth of a load's time. Arrow's own allocator, mimalloc, has no such setting but an environment variable.
    """
    if "jemalloc" not in pa.supported_memory_backends():
        yield
        return
    usual = pa.default_memory_pool()
    pa.set_memory_pool(pa.jemalloc_memory_pool())
    pa.jemalloc_set_decay_ms(1000)
    try:
        yield
    finally:
        release()
        pa.set_memory_pool(usual)
