"""Stream CSV files into encoded columns and check the result against the files again. Threads, no types of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import pyarrow as pa

from optimization.compact.chunks import TextColumn
from optimization.compact.encode import encode, same_texts
from optimization.compact.encoded import Encoded
from optimization.compact.parse import line_of_row, parse, unique_names
from optimization.compact.plan import Plan, Reread, as_text, convert, first_misfit, fit
from optimization.compact.proof import row_of
from optimization.compact.release import release
from optimization.compact.source import Chunk, Source
from optimization.files import BadInput, Progress, cores

Result = TypeVar("Result")


@dataclass
class Scanned:
    """Columns as lists of encoded chunks, all cut at the same rows."""

    names: list[str]
    columns: dict[str, list[Encoded]]
    rows: int = 0
    repeated_headers: list[tuple[str, int]] = field(default_factory=list)


@dataclass
class Reading:
    """How the files are read."""

    encoding: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    keep_repeated_header: bool = False
    quiet: bool = True
    # Compare each chunk's values, printed, with the texts they were made of.
    verify: bool = True

    def open(self, path: str) -> Source:
        return Source(path, self.encoding, self.delimiter, self.header)


def in_order(work: Callable[[Chunk], Result], chunks: Iterator[Chunk]) -> Iterator[tuple[Chunk, Result]]:
    """`work` on every chunk by a thread a core, results in file order; at most one chunk waits for a thread."""
    with ThreadPoolExecutor(cores()) as pool:
        waiting: deque[tuple[Chunk, Future[Result]]] = deque()
        try:
            for chunk in chunks:
                waiting.append((chunk, pool.submit(work, chunk)))
                if len(waiting) > cores():
                    first, result = waiting.popleft()
                    yield first, result.result()
            while waiting:
                first, result = waiting.popleft()
                yield first, result.result()
        finally:
            for _, result in waiting:
                result.cancel()


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """A parsed column as one array."""
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], pa.string())


def scan(
    source: Source, reading: Reading, schema: dict[str, Plan] | None = None, progress: Progress | None = None
) -> Scanned:
    """Read a file once; with a schema every value is fitted to it at once, and BadInput names the line of a misfit."""
    names = unique_names(source.header)
    if schema is not None:
        check_names(source, names, list(schema))
    scanned = Scanned(names, {name: [] for name in names})

    def work(chunk: Chunk) -> list[Encoded]:
        columns = parse(chunk, names, source, reading.verify, reading.keep_repeated_header).columns[::-1]
        encoded = []
        for name in names:
            # A column's text is let go as soon as its values are there.
            texts = one_array(columns.pop())
            if schema is not None:
                encoded.append(fitted(source, chunk, schema[name], texts))
                continue
            encoded.append(encode(texts, source.delimiter == ";"))
            if reading.verify:
                check(source, chunk, name, encoded[-1], texts)
        return encoded

    gathered = {name: TextColumn() for name in names}
    release()
    for number, (chunk, columns) in enumerate(in_order(work, _watched(source, progress)), 1):
        for name, encoded in zip(names, columns, strict=True):
            gathered[name].add(encoded)
        scanned.rows += columns[0].length
        scanned.repeated_headers += [(source.path, line) for line in chunk.repeated_lines]
        source.take_back(chunk)
        columns.clear()
        if number % 8 == 0:
            release()
    scanned.columns = {name: gathered.pop(name).finish() for name in names}
    release()
    return scanned


def check(source: Source, chunk: Chunk, name: str, encoded: Encoded, texts: pa.Array) -> None:
    """NotLossless, with the line, unless the chunk prints the texts of the file again."""
    if encoded.checked or same_texts(encoded, texts):
        return
    row = next((n for n in range(len(texts)) if not same_texts(row_of(encoded, n), texts.slice(n, 1))), 0)
    raise NotLossless(
        f"{source.path}, line {line_of_row(chunk, source, row):,}: column {name!r} does not give "
        f"{texts[row].as_py()!r} back: please report this"
    )


def fitted(source: Source, chunk: Chunk, plan: Plan, texts: pa.Array) -> Encoded:
    encoded = as_text(texts) if plan.kind == "text" else encode(texts, "," in plan.form)
    settled = fit(plan, encoded)
    if settled is not None and (settled.kind == "bool" or settled.checked or same_texts(settled, texts)):
        return settled
    row = first_misfit(plan, texts)
    value = texts[row].as_py()
    shown = "an empty field" if value is None else repr(value)
    raise BadInput(
        f"{source.path}, line {line_of_row(chunk, source, row):,}: {shown} in column {plan.name!r} "
        f"does not fit the schema "
        f"({described(plan)}); fix the value, or infer a new schema without --schema"
    )


def described(plan: Plan) -> str:
    """A plan in a few words."""
    kind = plan.type or plan.kind
    if plan.kind == "int":
        return f"{kind}, {plan.low} … {plan.high}"
    return f"{kind}, {plan.form}" if plan.form else kind


def check_names(source: Source, names: list[str], expected: list[str]) -> None:
    """BadInput unless the header has the columns that are expected, in their order."""
    if names == expected:
        return
    missing = [name for name in expected if name not in set(names)]
    extra = [name for name in names if name not in set(expected)]
    what = "; ".join(
        part
        for part in (
            f"missing: {', '.join(missing[:5])}" if missing else "",
            f"not expected: {', '.join(extra[:5])}" if extra else "",
            "the order differs" if not missing and not extra else "",
        )
        if part
    )
    raise BadInput(
        f"{source.path}, line 1: the columns are not those of the schema ({what}); fix the header, "
        f"or infer a new schema"
    )


def _watched(source: Source, progress: Progress | None) -> Iterator[Chunk]:
    counted = 0
    for chunk in source.chunks():
        if progress is not None:
            progress.add(source.bytes_read - counted)
            counted = source.bytes_read
        yield chunk


def settle(
    sources: list[Source], reading: Reading, scanned: Scanned, plans: dict[str, Plan], progress: Progress | None = None
) -> dict[str, list[Encoded]]:
    """The columns in the kinds of their plans; those that turn out to be text after all are read once more."""
    columns: dict[str, list[Encoded]] = {}
    again: list[str] = []
    for name in scanned.names:
        chunks = scanned.columns.pop(name)
        try:
            columns[name] = [convert(plans[name], chunk) for chunk in chunks if chunk.length]
        except Reread:
            again.append(name)
    if again:
        read: dict[str, list[Encoded]] = {name: [] for name in again}
        for source in sources:

            def work(chunk: Chunk, source: Source = source) -> list[Encoded]:
                table = parse(chunk, scanned.names, source, False, reading.keep_repeated_header, only=again)
                encoded = []
                for name, column in zip(again, table.columns, strict=True):
                    texts = one_array(column)
                    encoded.append(as_text(texts))
                    if reading.verify:
                        check(source, chunk, name, encoded[-1], texts)
                return encoded

            for chunk, texts in in_order(work, _watched(source, progress)):
                source.take_back(chunk)
                for name, encoded in zip(again, texts, strict=True):
                    if encoded.length:  # of a chunk that held nothing but the header again, nothing is left
                        read[name].append(encoded)
        for name in again:
            plans[name] = Plan(
                name, "text", "" if any(chunk.missing == "" for chunk in read[name]) else None, why=plans[name].why
            )
            columns[name] = read[name]
    return {name: columns[name] for name in scanned.names}


class NotLossless(BadInput):
    """What was loaded does not give the file's texts again."""
