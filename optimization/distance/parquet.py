"""Parquet in or out for speed.py, as a stream of row groups. A CSV text on the other side keeps its texts."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from optimization.distance.layout import number, read_layout
from optimization.files import BadInput, Progress, optional, written_aside

BATCH = 1 << 17  # rows of a row group that is written: some MB a column
CSV_BLOCK = 1 << 20  # pyarrow keeps tens of blocks in flight
Evaluate = Callable[[Any, Any], Any]


def append_to_parquet(
    source: str, out: str, column: str, evaluate: Evaluate, names: tuple[str, str], quiet: bool = True
) -> None:
    """A Parquet file with one more column, to Parquet (same types, codec and metadata) or to CSV, by the ending."""
    pa, pq, csv = (optional(name, "optimization") for name in ("pyarrow", "pyarrow.parquet", "pyarrow.csv"))
    try:
        file = pq.ParquetFile(source, pre_buffer=False)
        schema = file.schema_arrow
        _check_columns(source, schema, column, names)
        wanted = schema.append(pa.field(column, pa.float64()))
        rows = file.metadata.num_rows
        codec = file.metadata.row_group(0).column(0).compression if file.metadata.num_row_groups else "SNAPPY"
        with written_aside(out) as aside, Progress(rows, "distance", " rows", quiet) as progress:
            if _is_parquet(out):
                writer = pq.ParquetWriter(aside, wanted, compression="NONE" if codec == "UNCOMPRESSED" else codec)
            else:
                writer = csv.CSVWriter(aside, wanted, write_options=csv.WriteOptions(quoting_style="needed"))
            with writer:
                batches = _with_column(source, file.iter_batches(BATCH), wanted, evaluate, names)
                _write_behind(writer, batches, progress)
    except pa.ArrowException as error:
        raise BadInput(f"{source} cannot be read as Parquet: {str(error).splitlines()[0]}") from error


def text_to_parquet(source: str, out: str, column: str, quiet: bool = True, delimiter: str = ",") -> None:
    """The CSV text `source`, whose field `column` holds float64, as Parquet: every other column is text.

    A field with nothing in it is null, a quoted empty one is an empty text. A last line end is put where none is.
    """
    pa, pq, csv = (optional(name, "optimization") for name in ("pyarrow", "pyarrow.parquet", "pyarrow.csv"))
    layout = read_layout(source, column, column, delimiter)
    twice = sorted({name for name in layout.names if layout.names.count(name) > 1})
    if twice:
        raise BadInput(f"Parquet has no two columns of one name: rename {', '.join(twice)}, or write CSV")
    types = {name: pa.float64() if name == column else pa.string() for name in layout.names}
    with Path(source).open("rb+") as text:  # at an end without line end pyarrow takes an empty last field for ""
        text.seek(-1, 2)
        if text.read(1) != b"\n":
            text.write(b"\n")
    with written_aside(out) as aside, Progress(Path(source).stat().st_size, "to Parquet", quiet=quiet) as progress:
        try:
            with (
                csv.open_csv(
                    source,
                    csv.ReadOptions(block_size=CSV_BLOCK, encoding=_encoding(source)),
                    csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
                    csv.ConvertOptions(
                        column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
                    ),
                ) as reader,
                pq.ParquetWriter(aside, reader.schema) as writer,
            ):
                _write_behind(writer, _regrouped(pa, reader), progress, in_bytes=True)
        except pa.ArrowException as error:
            raise BadInput(f"{source} cannot be written as Parquet: {str(error).splitlines()[0]}") from error


def _is_parquet(path: str) -> bool:
    return path.lower().endswith((".parquet", ".pq"))


def _check_columns(source: str, schema: Any, column: str, names: tuple[str, str]) -> None:
    import pyarrow.types as types

    shown = ", ".join(schema.names[:20])
    for name in names:
        found = schema.get_all_field_indices(name)
        if len(found) != 1:
            raise BadInput(
                f"{source} has {'no' if not found else len(found)} column {name}; it has: {shown}: "
                "name the coordinates with --latitude and --longitude"
            )
        kind = schema.field(found[0]).type
        kind = kind.value_type if types.is_dictionary(kind) else kind
        tests = (types.is_integer, types.is_floating, types.is_decimal, types.is_null, is_text)
        if not any(test(kind) for test in tests):
            raise BadInput(f"{source}: {name} holds {kind}, not numbers: write it as a number")
    if column in schema.names:
        raise BadInput(f"{source} has a column {column} already: name the new one with --column")


def is_text(kind: Any) -> bool:
    """Whether an Arrow type is text, as the columns of a CSV are that became Parquet."""
    import pyarrow.types as types

    return any(test(kind) for test in (types.is_string, types.is_large_string, types.is_string_view))


def _with_column(source: str, batches: Any, schema: Any, evaluate: Evaluate, names: tuple[str, str]) -> Iterator[Any]:
    """Each record batch with the column appended; null where a coordinate is null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    row = 0
    for batch in batches:
        pair = [_numbers(source, batch.column(name), name, row) for name in names]
        values = evaluate(*(array.to_numpy(zero_copy_only=False) for array in pair))
        missing = pc.or_(*(array.is_null() for array in pair)) if any(array.null_count for array in pair) else None
        mask = None if missing is None else missing.to_numpy(zero_copy_only=False)
        yield pa.record_batch([*batch.columns, pa.array(values, pa.float64(), mask=mask)], schema=schema)
        row += batch.num_rows


def _numbers(source: str, array: Any, name: str, first: int) -> Any:
    """The column as Arrow float64; text is read as in a CSV, BadInput names the row of what is not a number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if not is_text(array.type):
        return pc.cast(array, pa.float64(), safe=False)
    try:
        plain = pc.cast(array, pa.float64())
        if not pc.any(pc.is_nan(plain)).as_py():
            return plain
    except pa.ArrowInvalid:
        pass  # NA, blanks, text: judged one by one
    numbers = []
    for row, text in enumerate(array.to_pylist()):
        try:
            numbers.append(None if text is None else number(text.encode()))
        except ValueError:
            raise BadInput(f"{source}, row {first + row + 1}: {name} is not a number: {text[:60]!r}") from None
    return pa.array(numbers, pa.float64())


def _regrouped(pa: Any, reader: Any) -> Iterator[Any]:
    """Tables of at least BATCH rows from a stream of small batches."""
    waiting: list[Any] = []
    for batch in reader:
        waiting.append(batch)
        if sum(one.num_rows for one in waiting) >= BATCH:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)


def _write_behind(writer: Any, batches: Iterator[Any], progress: Progress, in_bytes: bool = False) -> None:
    """Write on a thread of its own, one batch behind, so that reading and encoding share the cores."""
    pending: Future[Any] | None = None
    with ThreadPoolExecutor(1) as pool:
        for batch in batches:
            if pending is not None:
                pending.result()
            pending = pool.submit(writer.write, batch)
            progress.add(batch.nbytes if in_bytes else batch.num_rows)
        if pending is not None:
            pending.result()


def _encoding(source: str) -> str:
    """utf8, or cp1252 for a text that is not."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with Path(source).open("rb") as file:
        try:
            while block := file.read(CSV_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf8"
