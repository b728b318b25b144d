"""speed.py on a dask cluster: a task for each part of a CSV text, and for each Parquet file.

The parts are cut where records end, each worker writes its part beside the output, the parts are joined in order:
the same bytes as the local engine writes. Workers and client must see the same files and can import this package.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path
from typing import Any

from optimization.distance import machine, text
from optimization.distance.file import add_distance_to_file, text_engine
from optimization.distance.formula import COMPILE_FROM_BYTES, chosen_kernel
from optimization.distance.layout import Layout, header_with, read_layout
from optimization.distance.text import OpenAtStop
from optimization.files import BadInput, Progress, check_paths, dask_client, written_aside

PART = 64 << 20  # bytes of a CSV text that are one task


def add_distance_to_files(
    files: list[tuple[str, str]],
    scheduler: str | None = None,
    kernel: str = "auto",
    latitude: str = "latitude",
    longitude: str = "longitude",
    column: str = "distance",
    delimiter: str | None = None,
    quiet: bool = True,
    part: int = PART,
) -> None:
    """Write each (input, output) with one more column; what `add_distance_to_file` does, on a cluster.

    `scheduler` is the address of a running cluster; without it one is started on this machine.
    """
    files = [(str(Path(source).resolve()), str(Path(out).absolute())) for source, out in files]
    for source, out in files:
        check_paths(source, out)
    total = sum(Path(source).stat().st_size for source, _ in files)
    # One kernel for all, and its machine code made once, before the workers look for it.
    kernel = chosen_kernel(kernel, total >= COMPILE_FROM_BYTES)
    if kernel == "compiled":
        machine.load()
    names = (latitude, longitude)
    with dask_client(scheduler) as client, Progress(total, "distance", quiet=quiet) as progress:
        tasks: list[_Text | _Whole] = []
        for source, out in files:
            if is_text(source) and not out.lower().endswith((".parquet", ".pq")):
                layout = read_layout(source, *names, delimiter)
                if column in layout.names:
                    raise BadInput(f"{source} has a column {column} already: name the new one with --column")
                tasks.append(_Text(client, layout, out, column, kernel, part))
            else:
                future = client.submit(add_distance_to_file, source, out, kernel, *names, column, delimiter, pure=False)
                tasks.append(_Whole(future, Path(source).stat().st_size))
        try:
            for task in tasks:
                task.finish(progress)
        finally:
            for task in tasks:
                task.close()


def is_text(source: str) -> bool:
    """Whether this is not a Parquet file."""
    with Path(source).open("rb") as file:
        return file.read(4) != b"PAR1"


class _Whole:
    """A file that is one task."""

    def __init__(self, future: Any, size: int) -> None:
        self.future, self.size = future, size

    def finish(self, progress: Progress) -> None:
        self.future.result()
        progress.add(self.size)

    def close(self) -> None:
        self.future.release()


class _Text:
    """A CSV text in parts, all of them submitted at once and joined in order."""

    def __init__(self, client: Any, layout: Layout, out: str, column: str, kernel: str, part: int) -> None:
        self.client, self.layout, self.out, self.column, self.kernel = client, layout, out, column, kernel
        self.folder = scratch_folder(out)
        cuts = cuts_of(layout, part)
        self.waiting = [self._submit(start, stop) for start, stop in itertools.pairwise(cuts)]

    def _submit(self, start: int, stop: int) -> tuple[int, int, str, Any]:
        path = f"{self.folder}/{start}-{stop}"
        future = self.client.submit(append_part, self.layout, path, start, stop, self.kernel, pure=False)
        return start, stop, path, future

    def finish(self, progress: Progress) -> None:
        """Join the parts. A part that ends in an open quote is done again together with the next one."""
        with written_aside(self.out) as aside, Path(aside).open("wb") as target:
            target.write(header_with(self.layout, self.column))
            progress.add(self.layout.body)
            while self.waiting:
                start, stop, path, future = self.waiting[0]
                try:
                    future.result()
                except OpenAtStop:
                    _, further, _, late = self.waiting.pop(1)
                    self.client.cancel([late])
                    self.waiting[0] = self._submit(start, further)
                    continue
                with Path(path).open("rb") as done:
                    shutil.copyfileobj(done, target, 1 << 20)
                Path(path).unlink()
                self.waiting.pop(0)
                progress.add(stop - start)

    def close(self) -> None:
        """Stop what still runs. A worker that is at it finds its folder gone, and leaves nothing behind."""
        self.client.cancel([future for _, _, _, future in self.waiting])
        shutil.rmtree(self.folder, ignore_errors=True)


def scratch_folder(out: str) -> str:
    """A new folder beside `out`, on the disk that the workers write to."""
    return tempfile.mkdtemp(prefix=f".{Path(out).name}.", suffix=".part", dir=Path(out).parent)


def cuts_of(layout: Layout, part: int) -> list[int]:
    """Offsets after line feeds, about `part` bytes apart, from the first record to the end of the file."""
    size = Path(layout.source).stat().st_size
    cuts = [layout.body]
    with Path(layout.source).open("rb") as file:
        while cuts[-1] + part < size:
            file.seek(cuts[-1] + part)
            while (block := file.read(1 << 16)) and b"\n" not in block:
                pass
            end = file.tell() - len(block) + block.find(b"\n") + 1 if block else size
            cuts.append(end)
    return cuts if cuts[-1] == size else [*cuts, size]


def append_part(layout: Layout, path: str, start: int, stop: int, kernel: str) -> None:
    """On a worker: write the records from `start` to `stop`, each with its value, to `path`."""
    engine = text_engine(layout, kernel, large=kernel == "compiled", workers=1)
    with (
        written_aside(path) as aside,
        Path(aside).open("wb", buffering=0) as target,
        Path(layout.source).open("rb", buffering=0) as file,
    ):
        for _, (written, room) in text.appended(file, engine, layout, start, stop):
            text.write_all(target, written)
            engine.give_back(room)
