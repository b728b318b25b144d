"""How every output file is written: export, report, metrics, and the state beside the warehouse. One rule.

A regular file is written aside, then renamed: it is complete or unchanged. Links are followed, the file keeps its mode
and, where that is allowed, its owner. Anything but a regular file (a pipe, a device, /dev/stdout) is written to.
"""

from __future__ import annotations

import errno
import glob
import os
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from extract.errors import UsageError

# Where even a regular file is somebody's open stream: renaming over it would leave the stream on the old file.
_STREAMS = ("/dev/std", "/dev/fd/", "/proc/")
_LEFTOVER_S = 3600.0


def output_path(given: Path) -> Path:
    """The absolute path of an output, `~` expanded; a link stays a link."""
    try:
        return given.expanduser().absolute()
    except RuntimeError:  # ~name without a home folder on this machine
        raise UsageError(f"cannot write {given}: that home folder does not exist", "write the path out") from None


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """A file to write the new content of `path` into; it takes effect when the block ends well. Raises `OSError`.

    The folder is made if need be.
    """
    before = _status(path)
    if before is not None and stat.S_ISDIR(before.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if before is not None and (not stat.S_ISREG(before.st_mode) or str(path).startswith(_STREAMS)):
        with path.open("ab") as stream:  # /dev/stdout may be a file that others wrote to before
            yield stream
        return
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    _clear_leftovers(target)
    aside = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        with aside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # the content is on the disk before the name points to it
            if before is not None:
                with suppress(OSError):  # not ours to give away
                    os.fchown(file.fileno(), before.st_uid, before.st_gid)
                with suppress(OSError):  # a file system without modes
                    os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def _status(path: Path) -> os.stat_result | None:
    """Of what the path leads to; None where nothing exists yet, also behind a link."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _clear_leftovers(path: Path) -> None:
    """Remove what commands left that were killed; one that is alive has written within the hour."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 32}.tmp"):
        with suppress(OSError):  # somebody else's, or just gone
            if leftover.stat().st_mtime < time.time() - _LEFTOVER_S:
                leftover.unlink()
