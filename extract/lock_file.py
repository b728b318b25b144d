"""A lock that is a file: the operating system keeps it, and frees it with its process, however that ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from extract.errors import UsageError


@dataclass(frozen=True)
class LockFile:
    """The open file, which says who holds the lock."""

    file: IO[str]

    def take(self) -> str | None:
        """None if it is ours from now on; otherwise who holds it."""
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.file.seek(0)
            return self.file.read().strip() or "unknown"
        self.file.truncate(0)
        self.file.write(f"process {os.getpid()}")
        self.file.flush()
        return None


@contextmanager
def lock_file(path: Path) -> Iterator[LockFile]:
    """A lock, not yet taken; it is free again after the block. `UsageError` if its file cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write the lock {path} ({error.strerror})", "make its folder writable") from None
    with file:
        yield LockFile(file)
