"""CSV text in, the same text with one more field a record out: chunk by chunk, byte for byte.

Nothing but the two coordinates is ever parsed, so every other byte comes through as it is, whatever its encoding.
Two engines do the same work: `Portable` in Python, `Compiled` with machine code on every core.
"""

from __future__ import annotations

import ctypes
import math
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from optimization.csv_rules import OPEN, BrokenRecord, records, without_line_end
from optimization.distance.layout import (
    LONE_RETURN,
    Layout,
    TextInCoordinate,
    broken,
    decoded,
    header_with,
    line_of,
    number,
    refuse_lone_returns,
)
from optimization.files import BadInput, Progress, cores, written_aside

FULL = -2  # in place of a number of fields: more rows than there is room for
NUMBER, MISSING, BLANK, ODD = range(4)  # the kind of a row, as in kernel_numbers
CHUNK = 1 << 20  # bytes read at a time: some 20,000 rows, which the second level cache holds
LONGEST_RECORD = 256 << 20
LONGEST_NUMBER = 26  # a delimiter and what repr() makes of a float64
Evaluate = Callable[[Any, Any], Any]


class Portable:
    """Everything by Python, the formula by numpy. No start-up but numpy's import; some 6 µs a row."""

    chunk = CHUNK
    workers = 1

    def __init__(self, layout: Layout, formula: Evaluate) -> None:
        self.layout, self.formula = layout, formula

    def last_record_end(self, text: bytes) -> int:
        """The offset after the last whole record, 0 if there is none."""
        end = 0
        try:
            for offset, record, _ in records(text, self.layout.delimiter):
                end = offset + len(record) if record.endswith(b"\n") else end
        except BrokenRecord:
            pass
        return end

    def append(self, text: bytes) -> tuple[bytes, None]:
        """The records of `text`, each with its value, and nothing to give back."""
        import numpy as np

        layout, delimiter = self.layout, self.layout.delimiter
        count, latitude, longitude = layout.fields, layout.latitude, layout.longitude
        left, right, bodies, kinds = [], [], [], []  # type: list[float], list[float], list[bytes], list[int]
        for offset, record, fields in records(text, delimiter):
            if record.endswith(b"\r"):
                raise BrokenRecord(offset, LONE_RETURN)
            if len(fields) != count:
                if without_line_end(record):
                    raise BrokenRecord(offset, len(fields))
                kinds.append(BLANK)
                bodies.append(record)
                continue
            try:
                a, b = float(fields[latitude]), float(fields[longitude])
                plain = a == a and b == b and b"_" not in record
            except ValueError:
                plain = False
            if plain:
                kinds.append(NUMBER)
            else:
                values = coordinates(fields, layout, offset)
                kinds.append(NUMBER if values else MISSING)
                a, b = values or (math.nan, math.nan)
            left.append(a)
            right.append(b)
            bodies.append(record)
        values_out = iter(self.formula(np.array(left), np.array(right)).tolist())
        written = []
        for record, kind in zip(bodies, kinds, strict=True):
            if kind != BLANK:
                value = next(values_out)
                shown = b"" if kind == MISSING else repr(value).encode()
                if record.endswith(b"\r\n") or not record.endswith(b"\n"):
                    body = without_line_end(record)
                    record = body + delimiter + shown + record[len(body) :]
                else:
                    record = record[:-1] + delimiter + shown + b"\n"
            written.append(record)
        return b"".join(written), None

    def give_back(self, room: None) -> None:
        """Nothing to use again."""


def coordinates(fields: list[bytes], layout: Layout, offset: int) -> tuple[float, float] | None:
    """The two coordinates of a record, None where one is missing; TextInCoordinate where one is not a number."""
    found = []
    for index in (layout.latitude, layout.longitude):
        try:
            found.append(number(fields[index]))
        except ValueError:
            raise TextInCoordinate(offset, index, fields[index]) from None
    a, b = found
    return None if a is None or b is None else (a, b)


class _Room:
    """The working memory of one chunk, used again for the next one."""

    def __init__(self, rows: int, length: int) -> None:
        """For a text of `length` bytes that holds `rows` records or fewer."""
        self.rows, self.length = rows, length
        self.ends = (ctypes.c_int64 * rows)()
        self.latitude, self.longitude = (ctypes.c_double * rows)(), (ctypes.c_double * rows)()
        self.values, self.kinds = (ctypes.c_double * rows)(), (ctypes.c_uint8 * rows)()
        self.result = (ctypes.c_int64 * 4)()
        self.out = (ctypes.c_char * (length + rows * LONGEST_NUMBER))()


class Compiled:
    """Records and numbers by machine code, without the GIL, so that a thread a core works on its own chunk.

    The formula too, unless another one is given, which takes and returns numpy arrays.
    """

    chunk = CHUNK

    def __init__(
        self, layout: Layout, machine: Any, formula: Evaluate | None = None, workers: int | None = None
    ) -> None:
        self.layout, self.machine, self.formula = layout, machine, formula
        self.workers = workers or cores()
        self._rooms: list[_Room] = []

    def last_record_end(self, text: bytes) -> int:
        """The offset after the last whole record, 0 if there is none."""
        result = ctypes.c_int64()
        self.machine.last_record_end(_address(text), len(text), self.layout.delimiter[0], ctypes.addressof(result))
        return result.value

    def append(self, text: bytes) -> tuple[memoryview, _Room]:
        """The records of `text`, each with its value, and what to `give_back` when they are written."""
        layout, delimiter = self.layout, self.layout.delimiter[0]
        at = ctypes.addressof
        if b"\r" in text:
            refuse_lone_returns(text, layout.delimiter)
        room = self._room(len(text) // 16 + 64, len(text))
        while True:
            self.machine.read_rows(
                _address(text), len(text), delimiter, layout.fields, layout.latitude, layout.longitude, room.rows,
                at(room.ends), at(room.latitude), at(room.longitude), at(room.kinds), at(room.result),
            )  # fmt: skip
            found, odd, broken, fields = room.result
            if fields != FULL:
                break
            room = _Room(text.count(b"\n") + 1, len(text))
        if odd:
            self._judge_odd_rows(text, room, found)
        if fields:
            raise BrokenRecord(broken, fields)
        if self.formula is None:
            self.machine.evaluate(at(room.latitude), at(room.longitude), at(room.values), found)
        else:
            import numpy as np

            latitude, longitude, values = (
                np.ctypeslib.as_array(column)[:found] for column in (room.latitude, room.longitude, room.values)
            )
            values[:] = self.formula(latitude, longitude)
        self.machine.write_rows(
            _address(text), len(text), delimiter, found,
            at(room.ends), at(room.kinds), at(room.values), at(room.out), at(room.result),
        )  # fmt: skip
        return memoryview(room.out).cast("B")[: room.result[0]], room

    def _judge_odd_rows(self, text: bytes, room: _Room, rows: int) -> None:
        """Rows with `NA`, `inf`, more digits than a machine word and the like; TextInCoordinate for the first text."""
        kinds = bytes(room.kinds)
        row = kinds.find(ODD, 0, rows)
        while row >= 0:
            start = 0
            if row:
                start = text.index(b"\n", room.ends[row - 1]) + 1
            fields = next(records(text[start : room.ends[row]], self.layout.delimiter))[2]
            values = coordinates(fields, self.layout, start)
            room.kinds[row] = NUMBER if values else MISSING
            room.latitude[row], room.longitude[row] = values or (math.nan, math.nan)
            row = kinds.find(ODD, row + 1, rows)

    def _room(self, rows: int, length: int) -> _Room:
        try:
            room = self._rooms.pop()
        except IndexError:
            return _Room(rows, length)
        return room if room.rows >= rows and room.length >= length else _Room(rows, length + length // 8)

    def give_back(self, room: _Room) -> None:
        """The memory behind a result of `append` may be used again."""
        self._rooms.append(room)


def _address(text: bytes) -> int:
    return ctypes.cast(ctypes.c_char_p(text), ctypes.c_void_p).value or 0


class OpenAtStop(Exception):
    """The part of a file that was asked for ends in the middle of a quoted field."""


def chunks(file: BinaryIO, engine: Any, start: int, stop: int, careful: bool) -> Iterator[tuple[int, bytes, bool]]:
    """(offset, text, whether the end is known to be the end of a record) of pieces of about `engine.chunk` bytes.

    A piece ends at a line feed, which may stand inside quotes: then the piece turns out to end in an open quote, and is
    to be asked for again with `careful`, which looks for the end of a record in the first piece from its beginning on.
    """
    file.seek(start)
    rest, offset = b"", start
    while True:
        more = file.read(min(max(engine.chunk, len(rest)), stop - offset - len(rest)))
        text = rest + more
        if not more:
            if text:
                yield offset, text, True
            return
        end = engine.last_record_end(text) if careful else text.rfind(b"\n") + 1
        if end == 0 and len(text) > LONGEST_RECORD:
            raise BadInput(
                f"{file.name}: the record of line {line_of(file.name, offset)} runs on for more than "
                f"{LONGEST_RECORD >> 20} MB: is a quote never closed?"
            )
        if end:
            yield offset, text[:end], careful
            careful = False
        rest, offset = text[end:], offset + end


def append_column(layout: Layout, out: str, column: str, engine: Any, quiet: bool = False) -> None:
    """Write `layout.source` with the new column to `out`. BadInput, and no output, where a record is unusable."""
    source = layout.source
    with (
        Path(source).open("rb", buffering=0) as file,
        written_aside(out) as aside,
        Path(aside).open("wb", buffering=0) as target,
        Progress(Path(source).stat().st_size, "distance", quiet=quiet) as progress,
    ):
        target.write(header_with(layout, column))
        progress.add(layout.body)
        for size, (written, room) in appended(file, engine, layout, layout.body, progress.total):
            write_all(target, written)
            engine.give_back(room)
            progress.add(size)


def write_all(target: Any, data: Any) -> None:
    """Write the whole of `data` to an unbuffered file: one call of the system may take only a part."""
    view = memoryview(data)
    while view:
        view = view[target.write(view) :]


def appended(file: BinaryIO, engine: Any, layout: Layout, offset: int, stop: int) -> Iterator[tuple[int, Any]]:
    """(bytes read, what `engine.append` made of them) of the records from `offset` to `stop`, in order.

    BadInput names the line of a record that cannot be used; OpenAtStop if `stop` is not the end of a record.
    """
    source, careful = layout.source, False
    while True:
        sure = True
        try:
            pieces = chunks(file, engine, offset, stop, careful)
            for piece, size, known, future in _in_order(pieces, engine):
                offset, sure = piece, known
                yield size, future.result()
                offset += size
            return
        except BrokenRecord as error:
            at, fields = error.args
            if fields == OPEN and not sure:  # cut in the middle of a quoted field
                careful = True
                continue
            if fields == OPEN and stop < Path(source).stat().st_size:
                raise OpenAtStop(stop) from None
            raise broken(source, line_of(source, offset + at), fields, layout.fields) from None
        except TextInCoordinate as error:
            at, index, shown = error.args
            comma = shown.strip(b' "').replace(b",", b".", 1).lstrip(b"+-").replace(b".", b"", 1).isdigit()
            remedy = "write it with a decimal point" if comma else "correct it, or leave it empty if it is not known"
            raise BadInput(
                f"{source}, line {line_of(source, offset + at)}: {layout.names[index]} is not a number: "
                f"{decoded(shown[:60])!r}; {remedy}"
            ) from None


def _in_order(pieces: Iterator[tuple[int, bytes, bool]], engine: Any) -> Iterator[tuple[int, int, bool, Any]]:
    """(offset, bytes, surely whole, future result) of each piece; a thread a core where there are two or more."""
    first = next(pieces, None)
    if first is None:
        return
    second = next(pieces, None)
    if second is None or engine.workers == 1:
        for offset, text, sure in _chained(first, second, pieces):
            yield offset, len(text), sure, _Now(engine.append, text)
        return
    from concurrent.futures import ThreadPoolExecutor

    waiting: deque[tuple[int, int, bool, Any]] = deque()
    with ThreadPoolExecutor(engine.workers) as pool:
        try:
            for offset, text, sure in _chained(first, second, pieces):
                waiting.append((offset, len(text), sure, pool.submit(engine.append, text)))
                if len(waiting) > engine.workers:  # no further ahead: memory stays flat
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            for _, _, _, future in waiting:
                future.cancel()


class _Now:
    """What a future is to a pool, without a pool: the work is done when its result is asked for."""

    def __init__(self, work: Callable[[bytes], Any], text: bytes) -> None:
        self._work, self._text = work, text

    def result(self) -> Any:
        return self._work(self._text)


def _chained(first: Any, second: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    if second is not None:
        yield second
        yield from rest
