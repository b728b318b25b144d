"""The load verb: a CSV or Parquet file into an existing table, through the generic connector."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extract.counted import counted
from extract.errors import UsageError
from extract.file_kinds import kind_of

if TYPE_CHECKING:
    from extract.warehouse import Warehouse
    from extract.warehouse.columns import Source

MODES = ("append", "upsert")
DELIMITERS = ",;\t"
# Memory holds a few blocks, and a row must fit into one: the next size is for files with longer rows.
BLOCK_BYTES = (4 * 1024 * 1024, 128 * 1024 * 1024)
_HEAD_BYTES = 65_536
PARQUET_ENDINGS = (".parquet", ".pq")
CSV_ENDINGS = (".csv", ".tsv", ".txt")


@dataclass(frozen=True)
class Loaded:
    """What a load did: the table's full name, and how many rows it added and updated."""

    table: str
    mode: str
    inserted: int
    updated: int


def load_file(
    warehouse: Warehouse, file: Path, table: str, mode: str = "append", key: Sequence[str] | None = None
) -> Loaded:
    """Load `file` into `table` in one transaction, in memory that does not grow with the file.

    CSV: UTF-8 (with or without BOM), a header, comma, semicolon or tab; every cell is read by the type of the table's
    column, so `00501` stays as it is in a text column; an empty cell is NULL, a quoted empty one (`""`) an empty text.
    `mode="upsert"`: rows whose `key` (default: the table's primary or only unique key) is there are updated.
    `UsageError` names the column and the row, or the line of a file that is not CSV; then nothing was written.
    """
    if mode not in MODES:
        raise UsageError(f"{mode!r} is not a valid load mode", f"use {' or '.join(MODES)}")
    if key and mode != "upsert":
        raise UsageError("a key has no meaning when appending", "add --mode upsert, or leave --key out")
    name = warehouse.resolve(table)
    warehouse.columns(name)  # a missing table is reported before the file is opened
    source = read_file(file)
    if mode == "append":
        return Loaded(str(name), mode, warehouse.bulk_load(source, name), 0)
    done = warehouse.upsert(source, name, key)
    return Loaded(str(name), mode, done.inserted, done.updated)


def read_file(file: Path) -> Source:
    """A CSV or Parquet file, by its ending, as a stream for the connector. `UsageError` if it cannot be read."""
    ending = file.suffix.lower()
    if ending not in PARQUET_ENDINGS + CSV_ENDINGS:
        raise UsageError(f"{file} is neither CSV nor Parquet by its ending", "name it *.csv or *.parquet")
    try:
        with file.open("rb") as opened:
            head = opened.read(_HEAD_BYTES)
    except OSError as error:
        raise UsageError(f"cannot read {file} ({error.strerror})", "give a file that exists and is readable") from None
    if not head.strip(b"\xef\xbb\xbf \t\r\n") and len(head) < _HEAD_BYTES:
        raise UsageError(f"{file} is empty", "give a file with a header and rows; nothing was written")
    is_parquet = ending in PARQUET_ENDINGS
    kind = kind_of(head)
    if kind and not (is_parquet and head.startswith(b"PAR")):
        what, remedy = kind
        raise UsageError(f"{file} is {what}", f"{remedy}; nothing was written")
    return _parquet(file) if is_parquet else _csv(file)


def _parquet(file: Path) -> Source:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from extract.warehouse.columns import BATCH_ROWS, Source

    try:
        opened = pq.ParquetFile(file, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(file, "Parquet", error) from None

    def batches() -> Iterator[pa.RecordBatch]:
        with opened:
            try:
                yield from opened.iter_batches(BATCH_ROWS)
            except (pa.ArrowException, OSError) as error:
                raise _unreadable(file, "Parquet", error) from None

    return Source.of(pa.RecordBatchReader.from_batches(opened.schema_arrow, batches()))


def _unreadable(file: Path, form: str, error: Exception) -> UsageError:
    reason = " ".join(str(error).split())[:200]
    return UsageError(f"{file} is not a readable {form} file ({reason})", "write it again; nothing was written")


def _csv(file: Path) -> Source:
    import pyarrow as pa
    import pyarrow.csv as pc

    from extract.warehouse.columns import Source

    names, delimiter, header_lines = _header(file)

    def read(block_bytes: int) -> Any:
        columns = [str(at) for at in range(len(names))]  # ours, because the header's may be doubled
        return pc.open_csv(
            file,
            # One thread: rows come in order, and the parser holds one block at a time.
            pc.ReadOptions(use_threads=False, block_size=block_bytes, column_names=columns, skip_rows=header_lines),
            pc.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            pc.ConvertOptions(
                column_types={name: pa.string() for name in columns},
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )

    def chunks() -> Iterator[list[Any]]:
        done = 0
        for block_bytes in BLOCK_BYTES:
            skipped = 0
            try:
                with read(block_bytes) as reader:
                    for batch in reader:
                        fresh = batch.slice(min(max(done - skipped, 0), batch.num_rows))
                        skipped += batch.num_rows
                        done += fresh.num_rows
                        if fresh.num_rows:
                            yield list(fresh.columns)
                break
            except (pa.ArrowException, OSError) as error:
                if "straddl" in str(error) and block_bytes < BLOCK_BYTES[-1]:
                    continue
                raise _diagnosed(file, delimiter, len(names)) or _unreadable(file, "CSV", error) from None
        # Arrow joins what follows a closing quote to the cell (`"a"b` → ab), and takes the end of a file that was cut
        # off for the end of an open quote. So each file with quotes is read once more, by a reader that does neither.
        if _holds(file, b'"') and (fault := _diagnosed(file, delimiter, len(names))):
            raise fault

    return Source(names, chunks(), as_text=True)


def _holds(file: Path, text: bytes) -> bool:
    with file.open("rb") as opened:
        before = b""
        for block in iter(lambda: opened.read(1 << 20), b""):
            if text in before + block:
                return True
            before = block[-len(text) + 1 :] if len(text) > 1 else b""
    return False


def _escaped_quote(file: Path, delimiter: str) -> int | None:
    """The first line in which a backslash stands before a quote within a quoted cell.

    Spark and MySQL mean a quote by it, everybody else a backslash at the cell's end: where the quotes of a file happen
    to pair up, both readings give whole rows.
    """
    within, starts = False, True
    with file.open(encoding="utf-8-sig", newline="") as opened:
        for number, line in enumerate(opened, 1):
            at = 0
            while at < len(line):
                if within:
                    quote = line.find('"', at)
                    if quote < 0:
                        break
                    if quote and line[quote - 1] == "\\":
                        return number
                    within = line[quote + 1 : quote + 2] == '"'
                    at = quote + 1 + within
                elif starts and line[at] == '"':
                    within, starts, at = True, False, at + 1
                else:
                    following = line.find(delimiter, at)
                    if following < 0:
                        break
                    starts, at = True, following + 1
            starts = not within
    return None


def _header(file: Path) -> tuple[list[str], str, int]:
    """The column names, the delimiter that parts most of them, and the lines up to where the rows begin."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            line = next((line for line in opened if line.strip()), "")
            outside = re.sub(r'"(?:[^"]|"")*"', "", line)
            delimiter = max(DELIMITERS, key=outside.count)
            opened.seek(0)
            records = csv.reader(opened, delimiter=delimiter, strict=True)
            return next((record for record in records if record), []), delimiter, records.line_num
    except UnicodeDecodeError:
        raise _not_utf8(file) from None
    except csv.Error as error:
        raise UsageError(f"{file}, line 1: {error}", "fix the header; nothing was written") from None


def _not_utf8(file: Path) -> UsageError:
    with file.open("rb") as opened:
        for number, line in enumerate(opened, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return UsageError(
                    f"{file}, line {number}: byte {error.start + 1} is not UTF-8",
                    "save it as UTF-8; nothing was written",
                )
    return UsageError(f"{file} is not UTF-8", "save it as UTF-8; nothing was written")


def _diagnosed(file: Path, delimiter: str, width: int) -> UsageError | None:
    """The line at fault, found by reading the file again with Python's stricter, slower reader; None if none."""
    line = 1
    limit = csv.field_size_limit(BLOCK_BYTES[-1])
    try:
        escaped = _escaped_quote(file, delimiter) if _holds(file, b'\\"') else None
        if escaped is not None:
            return UsageError(
                f'{file}, line {escaped}: \\" in a quoted cell may mean a quote or the end of the cell',
                'write a quote as "" (Spark: option escape), or use Parquet; nothing was written',
            )
        with file.open(encoding="utf-8-sig", newline="") as opened:
            records = csv.reader(opened, delimiter=delimiter, strict=True)
            for record in records:
                if record and len(record) != width:
                    cells, columns = counted(len(record), "cell"), counted(width, "column")
                    return UsageError(
                        f"{file}, line {line}: {cells} where the header has {columns}",
                        "fix the line, or quote a cell that holds the delimiter; nothing was written",
                    )
                line = records.line_num + 1
    except UnicodeDecodeError:
        return _not_utf8(file)
    except csv.Error as fault:
        return UsageError(f"{file}, line {line}: {fault}", "fix the line; nothing was written")
    finally:
        csv.field_size_limit(limit)
    return None
