"""What both scripts do around their work: errors, exit codes, writing aside, progress, a dask cluster."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

DASK_TIMEOUT = "20s"
DONE, BAD_INPUT, INTERRUPTED = 0, 2, 130
EXIT_CODES = """exit codes:
  0  done
  2  wrong usage or an input that cannot be used: the message names the file, the line and the remedy
  130  interrupted; nothing was written"""


class BadInput(ValueError):
    """Something the caller can fix: a missing column, text where a number belongs, an unreadable file."""


def guarded(work: Callable[[], int | None], debug: bool = False) -> int:
    """Run `work` and turn what went wrong into one line on stderr and an exit code; `debug` shows the traceback."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal in another alphabet shows ? for what it cannot show
    try:
        code = work() or DONE
        if sys.stdout is not None:  # closed by the caller
            sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("interrupted: nothing was written", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of stdout left (`| head`): not an error. Python would complain once more while it shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (BadInput, OSError, MemoryError) as error:
        if debug:
            raise
        if isinstance(error, MemoryError):
            message = "not enough memory: use a smaller file or more memory"
        elif isinstance(error, OSError) and error.strerror:
            message = f"{error.filename or 'input or output'}: {error.strerror.lower()}"
        else:
            message = str(error)
        print(f"error: {message}", file=sys.stderr)
        return BAD_INPUT


def optional(module: str, extra: str) -> ModuleType:
    """Import a package of an optional extra; BadInput with the command that installs it where it is missing."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise BadInput(f"{module} is needed for this: pip install 'esios-elt[{extra}]' ({error})") from error


def check_source(source: str) -> None:
    """BadInput unless `source` is a readable file that is not empty, or a folder."""
    given = Path(source)
    if not given.exists():
        raise BadInput(f"{source}: no such file")
    if not given.is_file() and not given.is_dir():
        raise BadInput(f"{source} is a pipe or a device, which can be read only once: save it as a file first")
    if given.is_file() and given.stat().st_size == 0:
        raise BadInput(f"{source} is empty: a header with the names of the columns is needed")
    if not os.access(source, os.R_OK):
        raise BadInput(f"{source}: permission denied")


def check_paths(source: str, out: str) -> None:
    """BadInput unless `source` can be read and `out` is a place that may be written, links followed."""
    check_source(source)
    given, wanted = Path(source), Path(os.path.realpath(out))
    if wanted.exists() and given.samefile(wanted):
        raise BadInput(f"the output {out} would overwrite the input: give another --out")
    if not wanted.parent.is_dir():
        raise BadInput(f"the folder of the output does not exist: mkdir -p {wanted.parent}")
    if given.is_file() and wanted.is_dir():
        raise BadInput(f"the output {out} is a folder: give the name of a file with --out")


@contextlib.contextmanager
def scratch(out: str) -> Iterator[str]:
    """The name of a file beside `out`, on the same disk, that is gone when the block ends."""
    path = Path(out).with_name(f".{Path(out).name}.{os.getpid()}.part")
    try:
        yield str(path)
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def written_aside(out: str) -> Iterator[str]:
    """A name to write to, whose file becomes `out` when the block ends well, and is removed when it does not.

    One rule for every output: links are followed, a regular file is replaced in one step and keeps its mode, and what
    is neither, a pipe or a device, is written to and stays what it is.
    """
    target = os.path.realpath(out)
    if os.path.exists(target) and not os.path.isfile(target):
        import shutil
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            aside = os.path.join(folder, "aside")
            yield aside
            with open(aside, "rb") as written, open(target, "wb") as device:
                shutil.copyfileobj(written, device, 1 << 20)
        return
    with scratch(target) as aside:
        yield aside
        with contextlib.suppress(OSError):  # no file there yet, or a disk without modes
            os.chmod(aside, os.stat(target).st_mode & 0o7777)
        os.replace(aside, target)


class Progress:
    """A bar on stderr that counts up to `total`; work that takes less than `patience` seconds shows none."""

    def __init__(self, total: int, what: str, unit: str = "B", quiet: bool = False, patience: float = 0.5) -> None:
        self.total, self.what, self.unit, self.quiet, self.patience = total, what, unit, quiet, patience
        self.done, self.started, self.bar = 0, time.monotonic(), None  # type: int, float, Any

    def add(self, amount: int) -> None:
        """`amount` more is done."""
        self.done += amount
        if self.bar is not None:
            self.bar.update(amount)
        elif not self.quiet and time.monotonic() - self.started > self.patience:
            from tqdm import tqdm  # 40 ms that a small file shall not wait for

            self.bar = tqdm(
                total=self.total, desc=self.what, unit=self.unit, unit_scale=True, initial=self.done, file=sys.stderr,
                # a log gets a line now and then, a terminal a moving bar
                mininterval=0.1 if sys.stderr.isatty() else 5.0,
            )  # fmt: skip

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()


@contextlib.contextmanager
def dask_client(scheduler: str | None = None) -> Iterator[Any]:
    """A dask client: of the cluster at the address `scheduler`, or of a local one with a process for each core."""
    distributed = optional("distributed", "dask")
    if scheduler:
        try:
            client = distributed.Client(scheduler, timeout=DASK_TIMEOUT)
        except (OSError, ValueError, TypeError) as error:
            raise BadInput(f"no dask scheduler responds at {scheduler}: {error}") from error
        with client:
            yield client
        return
    with (
        distributed.LocalCluster(n_workers=cores(), threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
