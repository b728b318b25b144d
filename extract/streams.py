"""Standard streams that cannot stop the work: closed, full, without a reader, or of a narrow encoding.

Only for processes of our own (`esios`, `dbt`): imported into another program, nothing here touches its streams.
"""

from __future__ import annotations

import atexit
import io
import os
import sys
from typing import Any, NoReturn

from extract.errors import UsageError


class _Output(io.RawIOBase):
    """File descriptor 1 or 2. After the first failed write everything is dropped, and `failure` says why."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.failure: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: Any) -> int:
        if self.failure is None:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:
                raise
            except OSError as error:
                self.failure = error
        return memoryview(data).nbytes


def make_tolerant() -> None:
    """Give this process standard streams that never raise; what their encoding does not have is written as `?`.

    A closed one becomes the null device, open at its number: otherwise the next file that is opened would get that
    number, and what a library or dbt writes there.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null == descriptor:
                os.set_inheritable(descriptor, True)
            else:
                os.dup2(null, descriptor)
                os.close(null)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = _text(1, sys.stdout)
    sys.stderr = _text(2, sys.stderr)


def _text(descriptor: int, before: Any) -> io.TextIOWrapper:
    raw = _Output(descriptor)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(before, "encoding", None) or "utf-8",
        errors="replace",
        line_buffering=descriptor == 2 or raw.isatty(),
    )


def exit_code_after_output(end: SystemExit) -> int:
    """The work's exit code, once everything is written; 2 if the work is done but its results were lost on a full disk.

    A reader that has had enough (`esios find x | head -1`) or a closed stream is not a failure.
    """
    code = end.code if isinstance(end.code, int) else bool(end.code)
    sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    failure = raw.failure if isinstance(raw, _Output) else None
    if failure is not None and not isinstance(failure, BrokenPipeError):
        error = UsageError(
            f"the output could not be written ({failure.strerror}); the work itself is done",
            "make room, or send the output elsewhere",
        )
        print(f"Error: {error}", file=sys.stderr)
        code = code or error.exit_code
    sys.stderr.flush()
    return code


def end_at_once(code: int) -> NoReturn:
    """End as Python does, exit functions and streams included, but leave modules and objects to the system."""
    atexit._run_exitfuncs()  # the database drivers' too, which close the warehouse
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def takes_every_character() -> bool:
    """Whether standard output can carry any character."""
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("_", "-") in ("utf-8", "utf8")
