"""One chunk of records to columns of text, and the line of the file on which a record starts. No types."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.csv

from optimization.compact.source import Chunk, Source
from optimization.files import BadInput

PARSE_BYTES = 1 << 20  # of a chunk at a time, so that it stays in the cache: a sixth faster than a chunk at once


def unique_names(header: list[str]) -> list[str]:
    """Column names as pandas makes them: `a`, `a.1`, …; an empty name becomes `Unnamed: 3`."""
    seen: set[str] = set()
    names: list[str] = []
    taken = set(header)
    for number, name in enumerate(header):
        name = name or f"Unnamed: {number}"
        candidate, count = name, 0
        while candidate in seen or (count and candidate in taken):
            count += 1
            candidate = f"{name}.{count}"
        seen.add(candidate)
        names.append(candidate)
    return names


def parse(chunk: Chunk, names: list[str], source: Source, only: list[str] | None = None) -> pa.Table:
    """A chunk as text columns (arrow string): an empty unquoted field is null, `""` is the empty text.

    BadInput with the line where a record has too few or too many fields.
    """
    ragged: list[Any] = []

    def note(row: Any) -> str:
        ragged.append(row)
        return "error"

    columns = only if only is not None else names

    def read(block_size: int) -> pa.Table:
        return pa.csv.read_csv(
            pa.BufferReader(chunk.data),
            read_options=pa.csv.ReadOptions(use_threads=False, block_size=block_size, column_names=names),
            parse_options=pa.csv.ParseOptions(
                delimiter=source.delimiter,
                newlines_in_values=True,
                ignore_empty_lines=len(names) > 1,
                invalid_row_handler=note,
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types={name: pa.string() for name in names},
                include_columns=columns,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                check_utf8=False,
            ),
        )

    try:
        whole = max(len(chunk.data) + 1, 64)
        try:
            table = read(min(whole, PARSE_BYTES))
        except pa.ArrowInvalid:
            if ragged or whole <= PARSE_BYTES:
                raise
            table = read(whole)  # a record may be longer than a block
    except pa.ArrowInvalid as error:
        if ragged:
            row = ragged[0]
            raise BadInput(
                f"{source.path}, line {_ragged_line(chunk, source, len(names)):,}: "
                f"{row.actual_columns} fields where the header has "
                f"{row.expected_columns} ({_shortened(row.text)}): mend the line, or name the "
                f"delimiter with --delimiter"
            ) from error
        if "Empty CSV" in str(error):
            return pa.table({name: pa.array([], pa.string()) for name in columns})
        raise BadInput(f"{source.path}, from line {chunk.first_line:,}: {error}") from error
    return table


def _shortened(text: str | None, width: int = 60) -> str:
    text = (text or "").replace("\n", "\\n")
    return text if len(text) <= width else text[: width - 1] + "…"


def record_lines(chunk: Chunk, source: Source) -> Iterator[tuple[int, list[str]]]:
    """Each record of a chunk with the line it starts on (slow: for errors only)."""
    reader = csv.reader(io.StringIO(chunk.data.decode("utf-8", "replace"), newline=""), delimiter=source.delimiter)
    dropped = sorted(chunk.repeated_headers)
    line = chunk.first_line
    shift = 0
    for row in reader:
        while shift < len(dropped) and dropped[shift] <= line + shift:
            shift += 1
        if row or len(source.header) == 1:
            yield line + shift, row
        line = chunk.first_line + reader.line_num


def _ragged_line(chunk: Chunk, source: Source, width: int) -> int:
    for line, row in record_lines(chunk, source):
        if len(row) != width and not (width == 1 and not row):
            return line
    return chunk.first_line


def line_of_row(chunk: Chunk, source: Source, row: int) -> int:
    """The line on which the record number `row` (from 0) of the chunk starts."""
    for number, (line, _) in enumerate(record_lines(chunk, source)):
        if number == row:
            return line
    return chunk.first_line
