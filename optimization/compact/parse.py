"""One chunk of records to columns of text, and the line of the file on which a record starts. No types."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from optimization.compact.source import Chunk, Source
from optimization.compact.witness import disagreement
from optimization.counted import counted
from optimization.csv_rules import BOM, line_ends, records, without_line_end
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


def parse(
    chunk: Chunk, names: list[str], source: Source, verify: bool, keep_headers: bool, only: list[str] | None = None
) -> pa.Table:
    """A chunk as text columns (arrow string): an empty unquoted field is null, `""` is the empty text.

    Records that are the header again are left out, and noted in `chunk.repeated`, unless they are to be kept. `verify`:
    an independent reading of the bytes finds the same records. BadInput with the line where a record has too few or too
    many fields, or where the two readings differ.
    """
    # Files that were joined hold their header again; what can be no header is never left out.
    again = not keep_headers and source.named and len(names) > 1 and _header_text(source) in chunk.data
    columns = names if verify or again or only is None else only
    table = _read(chunk, names, source, columns).combine_chunks()
    if verify:
        row = disagreement(chunk.data, ord(source.delimiter), table, source.size)
        if row is not None:
            raise BadInput(
                f"{source.path}, line {line_of_row(chunk, source, row):,}: this record can be read in two ways: "
                "fix its quotes and line ends; --no-verify takes it as pyarrow reads it"
            )
    if again:
        table = _without_headers(chunk, source, table)
    return table if only is None else table.select(only)


def _header_text(source: Source) -> bytes:
    return bytes(source.to_utf8(without_line_end(source.header_bytes), 1)) or b"\0"


def _without_headers(chunk: Chunk, source: Source, table: pa.Table) -> pa.Table:
    same = np.ones(table.num_rows, np.bool_)
    for name, column in zip(source.header, table.columns, strict=True):
        found = pc.equal(column, name).fill_null(name == "")
        same &= found.to_numpy()
    found = np.flatnonzero(same).tolist()
    if not found:
        return table
    lines = [line for _, line in zip(range(found[-1] + 1), _record_lines(chunk, source), strict=False)]
    chunk.repeated, chunk.repeated_lines = found, [lines[row] for row in found]
    return table.filter(pa.array(~same))


def _read(chunk: Chunk, names: list[str], source: Source, columns: list[str]) -> pa.Table:
    ragged: list[Any] = []
    data = chunk.data
    if data.startswith(BOM):  # pyarrow leaves a mark out at the start of every buffer: one that stands there is data
        data = BOM + data
    if not data.endswith((b"\n", b"\r")):  # at an end without line end pyarrow takes an empty last field for ""
        data = data + b"\n"

    def note(row: Any) -> str:
        ragged.append(row)
        return "error"

    def read(block_size: int) -> pa.Table:
        return pa.csv.read_csv(
            pa.BufferReader(data),
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

    if len(names) == 1 and b"\r\r\n" in chunk.data:
        raise source.doubled_return(chunk.first_line + line_ends(chunk.data[: chunk.data.index(b"\r\r\n")]))
    try:
        whole = max(len(data) + 1, 64)
        try:
            return read(min(whole, PARSE_BYTES))
        except pa.ArrowInvalid:
            if ragged or whole <= PARSE_BYTES:
                raise
            return read(whole)  # a record may be longer than a block
    except pa.ArrowInvalid as error:
        if ragged:
            row = ragged[0]
            line = _ragged_line(chunk, source, len(names))
            raise BadInput(
                f"{source.path}, line {line:,}: {counted(row.actual_columns, 'field')} where the header has "
                f"{row.expected_columns} ({_shortened(row.text)}): fix the line, or name the "
                f"delimiter with --delimiter"
            ) from error
        if "Empty CSV" in str(error):
            return pa.table({name: pa.array([], pa.string()) for name in columns})
        raise BadInput(f"{source.path}, from line {chunk.first_line:,}: {error}") from error


def _shortened(text: str | None, width: int = 60) -> str:
    text = (text or "").replace("\n", "\\n")
    return text if len(text) <= width else text[: width - 1] + "…"


def _ragged_line(chunk: Chunk, source: Source, width: int) -> int:
    """The line of the first record that has too few or too many fields (slow: for errors only)."""
    line = chunk.first_line
    for _, record, fields in records(bytes(chunk.data), source.delimiter.encode()):
        if len(fields) != width and without_line_end(record):
            return line
        line += line_ends(record)
    return chunk.first_line


def line_of_row(chunk: Chunk, source: Source, row: int) -> int:
    """The line on which the record number `row` (from 0) of the chunk starts, repeated headers not counted."""
    for place in chunk.repeated:
        row += place <= row
    return next(itertools.islice(_record_lines(chunk, source), row, None), chunk.first_line)


def _record_lines(chunk: Chunk, source: Source) -> Iterator[int]:
    """The line on which each record of a chunk starts (slow: for errors and notes only)."""
    line = chunk.first_line
    for _, record, _ in records(bytes(chunk.data), source.delimiter.encode()):
        if len(source.header) == 1 or without_line_end(record):
            yield line
        line += line_ends(record)
