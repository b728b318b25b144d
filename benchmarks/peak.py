"""Peak memory of this process, for benchmarks, and for code that a test runs in a process of its own."""

from __future__ import annotations

from pathlib import Path


def peak_mb() -> int:
    """The peak since the program began, in MB.

    Not ru_maxrss: Linux gives that of who starts a process on to it, through fork and exec. Two processes that a large
    worker starts would need the same.
    """
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))
