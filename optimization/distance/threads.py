"""Rows shared among threads, such that a helper that wakes late costs nothing. No formula, no columns.

Every thread takes what no other has begun. Helpers are kept: starting a thread takes as long as 10⁵ rows do.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from optimization.files import cores

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

BLOCK = 1 << 12  # rows that machine code takes at a time: they stay in the first level cache
PIECE = 1 << 14  # rows that a thread takes at a time: the results do not depend on it
# Below, waking a helper takes longer than what it takes off: `python benchmarks/speed.py threads` measures it.
THREADS_FROM_ROWS = 250_000
_pool: ThreadPoolExecutor | None = None


def threads_for(rows: int) -> int:
    """As many threads as pay for so many rows."""
    return cores() if rows >= THREADS_FROM_ROWS else 1


def pieces(rows: int, threads: int) -> Callable[[int], Iterator[slice]]:
    """For a thread by its number: the pieces that it shall do, each of which is given away once.

    First those of a stretch of its own, because two threads that first touch one huge page both clear it.
    """
    starts = range(0, rows, PIECE)
    cuts = [len(starts) * me // threads for me in range(threads + 1)]
    waiting = [iter(starts[first:last]) for first, last in itertools.pairwise(cuts)]

    def of(me: int) -> Iterator[slice]:
        for turn in range(threads):
            for start in waiting[(me + turn) % threads]:
                yield slice(start, start + PIECE)

    return of


def share(work: Callable[[int], None], threads: int, wait: bool = True) -> None:
    """Run work(0) here and work(1), work(2), … on helpers, until all that was taken is done.

    No thread waits for a helper that has not begun, nor, without `wait`, for one that has: work(0) sees to that itself.
    """
    given = [work]  # emptied in the end: a helper that wakes later must not keep the columns of this call

    def help_out(me: int) -> None:
        for still_given in tuple(given):
            still_given(me)

    helpers: list[Future[None]] = []
    with contextlib.suppress(RuntimeError):  # at the exit of the interpreter no thread begins: it is all done here
        helpers = [_helpers().submit(help_out, me) for me in range(1, threads)]
    try:
        work(0)
    finally:
        given.clear()
        for helper in helpers:
            if not helper.cancel() and wait:
                helper.result()


def _helpers() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        from concurrent.futures import ThreadPoolExecutor  # 10 ms that a small file shall not wait for

        _pool = ThreadPoolExecutor(max(1, cores() - 1), thread_name_prefix="distance", initializer=_give_way)
    return _pool


def _give_way() -> None:
    """A helper that Linux wakes on the core of the caller shall wait, not push it aside and work in its place."""
    with contextlib.suppress(AttributeError, OSError):  # another system, or one that forbids it
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _forget() -> None:
    """After a fork: the child has no threads but its own."""
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
