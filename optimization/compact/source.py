"""Read a CSV file as UTF-8 chunks that end where a record ends: compression, encoding, delimiter, header. No types."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import itertools
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from optimization.compact.cut import Bytes, lines_in, records_end, unclosed_quote
from optimization.compact.encoding import is_utf8, keeps_ascii, not_ascii_lines, sniff_encoding
from optimization.csv_rules import (
    BrokenRecord,
    can_be_header,
    line_ends,
    records,
    refuse_other_kinds,
    sniff_delimiter,
    unquoted,
)
from optimization.files import BadInput

CHUNK_BYTES = 8 << 20
RECORD_BYTES = 1 << 30
HEAD_BYTES = 1 << 18
SNIFFED_BYTES = 1 << 16  # what the delimiter is found out from
LONGEST_HEADER = 64 * HEAD_BYTES
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass
class Chunk:
    """Whole records as UTF-8, without the header; `first_line` is the number of its first line in the file, from 1."""

    data: Bytes
    first_line: int
    # The records (from 0) that are the header again, and their lines; `parse` finds them and leaves them out.
    repeated: list[int] = field(default_factory=list)
    repeated_lines: list[int] = field(default_factory=list)


class Source:
    """A CSV file: `header` (names as written), `encoding`, `delimiter`, and `chunks()`, the records in file order.

    `encoding` None: found out, from the first bytes (marks, UTF-16) and the first chunk that is not ASCII. `delimiter`
    None: found out from the head. `header` True: the first record holds the names; False: none does, and they are
    `column 1` and so on; None: it does, unless all that it holds are values, which is refused. gzip and zstd are
    recognised by their first bytes.
    """

    def __init__(
        self,
        path: str | Path,
        encoding: str | None = None,
        delimiter: str | None = None,
        header: bool | None = None,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        self.path = str(path)
        self.decode_first = False
        if encoding is not None:
            try:
                self.decode_first = not keeps_ascii(encoding)
            except LookupError as error:
                raise BadInput(
                    f"unknown encoding {encoding!r}: give one that Python knows, such as utf-8 or windows-1252"
                ) from error
        if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0'):
            raise BadInput(f"--delimiter {delimiter!r}: one character is needed, such as ; or a tab")
        self.encoding = encoding or ""
        self.compression = ""
        self.bytes_read = 0
        self._spare: list[bytearray] = []
        self._reading = False
        found = Path(path).stat()
        if not stat.S_ISREG(found.st_mode):
            raise BadInput(f"{self.path} is a pipe, a device or a folder: save the CSV as a file first")
        self.size = found.st_size
        if self.size == 0:
            raise BadInput(f"{self.path} is empty: a header with the names of the columns is needed")
        head = self._head()
        text = head[:SNIFFED_BYTES]
        text = text[: max(text.rfind(b"\n"), text.rfind(b"\r")) + 1] or head
        self.delimiter = delimiter or sniff_delimiter(self.path, text)
        self._read_header(head, header)
        wide = min(len(self.header_bytes) * 1024, 64 << 20) if len(self.header) > 1000 else 0
        self.chunk_bytes = max(chunk_bytes, wide)

    # --- bytes --------------------------------------------------------------------------------------------------------

    def _open(self) -> Any:
        raw = open(self.path, "rb")  # noqa: SIM115 the reader closes it
        magic = raw.read(4)
        raw.seek(0)
        if magic.startswith(_GZIP):
            self.compression = "gzip"
            return gzip.open(raw)
        if magic == _ZSTD:
            self.compression = "zstd"
            return pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
        return raw

    def _blocks(self, size: int) -> Iterator[bytes]:
        """Decompressed bytes; BadInput where the compressed stream is damaged."""
        with self._open() as stream:
            while True:
                try:
                    block = stream.read(size)
                except (EOFError, OSError, ValueError) as error:
                    raise BadInput(f"{self.path}: damaged {self.compression or 'file'} ({error})") from error
                if not block:
                    return
                yield bytes(block)

    def _head(self) -> bytes:
        """The first bytes, as the chunks will have them, once the encoding's family is settled."""
        raw = next(self._blocks(HEAD_BYTES), b"")
        if not raw:
            raise BadInput(f"{self.path} is empty: a header with the names of the columns is needed")
        refuse_other_kinds(self.path, raw)
        self.mark = b""
        for mark, name in _BOMS:
            if raw.startswith(mark):
                # a mark settles the byte order of an encoding that the caller names; it overrules no other encoding
                if not self.encoding or self.encoding.lower().replace("_", "-").startswith(
                    ("utf-8", "utf-16", "utf-32")
                ):
                    self.encoding, self.mark = name, mark
                break
        if not self.encoding and b"\0" in raw[:4096] and (len(raw) == HEAD_BYTES or len(raw) % 2 == 0):
            zeros = np.frombuffer(raw[: len(raw[:4096]) // 2 * 2], np.uint8).reshape(-1, 2) == 0
            even, odd = zeros.mean(axis=0)
            if max(even, odd) > 0.4 and min(even, odd) < 0.1:
                self.encoding = "utf-16-be" if even > odd else "utf-16-le"
        if not self.encoding and not is_utf8(raw, cut_off=True):
            self.encoding = sniff_encoding(not_ascii_lines(raw))
        if self.encoding:
            self.decode_first = not keeps_ascii(self.encoding)
        head = b"".join(_first_blocks(self._utf8_blocks(), HEAD_BYTES))
        if not head:  # nothing but a mark
            raise BadInput(f"{self.path} is empty: a header with the names of the columns is needed")
        return head

    def _read_header(self, head: bytes, wanted: bool | None) -> None:
        """Settle `header`, `header_bytes` and the lines that they take."""
        delimiter = self.delimiter.encode()
        for size in (HEAD_BYTES, LONGEST_HEADER):
            if size > HEAD_BYTES:  # of 10,000 columns, say
                head = b"".join(_first_blocks(self._utf8_blocks(), size))
            whole = len(head) < size
            try:
                _, record, fields = next(records(head, delimiter))
            except BrokenRecord:
                if whole:
                    raise BadInput(
                        f"{self.path}, line 1: a quote is opened and never closed: close it, or double it"
                    ) from None
                continue
            if whole or len(record) < len(head):
                break
        else:
            raise BadInput(
                f"{self.path}, line 1: a header of more than {LONGEST_HEADER >> 20} MB: is a quote never closed?"
            )
        if b"\0" in record:
            raise BadInput(f"{self.path} is a binary file, not CSV text (zero bytes in its first line): save it as CSV")
        texts = [unquoted(field) for field in fields]
        if not any(texts):
            raise BadInput(f"{self.path}, line 1: no header; the names of the columns are needed in the first line")
        if len(fields) == 1 and record.endswith(b"\r") and head[len(record) : len(record) + 2] == b"\r\n":
            raise self.doubled_return(1)
        self.header_bytes = record
        self.header = [self.to_utf8(text, 1).decode() for text in texts]
        self._prove_header(head)
        self.named = can_be_header(texts)
        if wanted is None and not self.named:
            shown = self.delimiter.join(self.header[:5]) + (" …" if len(self.header) > 5 else "")
            raise BadInput(
                f"{self.path}, line 1: all values and no name ({_shortened(shown)}): add a line with the names of the "
                "columns, or say --header none if this line is data, --header first if it holds the names"
            )
        if wanted is False:
            self.header_bytes = b""
            self.header = [f"column {number + 1}" for number in range(len(fields))]
        self.header_lines = line_ends(self.header_bytes)

    def doubled_return(self, line: int) -> BadInput:
        """CR CR LF ends a line, and an empty one after it, which a column alone cannot leave out."""
        return BadInput(
            f"{self.path}, line {line:,}: the line ends with CR CR LF, which in a single column may be one line or "
            "two: end the lines with LF or CR LF alone"
        )

    def _prove_header(self, head: bytes) -> None:
        """BadInput unless Python's csv reads the same header, of the same lines."""
        csv.field_size_limit(sys.maxsize)
        limit = len(self.header_bytes) + HEAD_BYTES
        reader = csv.reader(io.StringIO(head[:limit].decode("latin-1"), newline=""), delimiter=self.delimiter)
        names = [name.encode("latin-1") for name in next(reader, [])]
        lines = line_ends(self.header_bytes) + (not self.header_bytes.endswith((b"\n", b"\r")))
        if [bytes(self.to_utf8(name, 1)).decode() for name in names] != self.header or reader.line_num != lines:
            raise BadInput(f"{self.path}, line 1: the quotes of the header can be read in two ways: fix them")

    def _utf8_blocks(self, size: int | None = None) -> Iterator[bytes]:
        """Bytes in which , " and newline are themselves: as they are, or decoded where the encoding needs it."""
        if not self.decode_first:
            first = True
            for block in self._blocks(size or CHUNK_BYTES):
                self.bytes_read += len(block)
                yield block[len(self.mark) :] if first and self.mark else block
                first = False
            return
        decoder = codecs.getincrementaldecoder(self.encoding)()
        line = 1
        for block in itertools.chain(self._blocks(size or CHUNK_BYTES), [b""]):
            self.bytes_read += len(block)
            try:
                text = decoder.decode(block, final=not block).encode()
            except UnicodeError as error:
                good = block[: getattr(error, "start", 0)].decode(self.encoding, "ignore")
                raise BadInput(
                    f"{self.path}, about line {line + line_ends(good.encode()):,}: not valid {self.encoding}; "
                    "name the right encoding with --encoding"
                ) from error
            line += line_ends(text)
            if text:
                yield text

    def to_utf8(self, data: Bytes, first_line: int) -> Bytes:
        """Whole records as UTF-8; settles the encoding at the first byte that is not ASCII."""
        if self.decode_first or data.isascii():
            return data
        if not self.encoding:
            if is_utf8(data):
                self._seen_utf8 = True
                return data
            if not self._seen_utf8:
                self.encoding = sniff_encoding(not_ascii_lines(data))
        name = self.encoding or "utf-8"
        if codecs.lookup(name).name in ("utf-8", "utf-8-sig"):
            if is_utf8(data):
                return data
            name = "utf-8"
        try:
            return data.decode(name).encode()
        except UnicodeDecodeError as error:
            line = first_line + line_ends(data[: error.start])
            raise BadInput(
                f"{self.path}, line {line:,}: byte 0x{data[error.start]:02x} is not valid {name}; "
                f"name the right encoding with --encoding"
            ) from error

    _seen_utf8 = False

    @property
    def encoding_name(self) -> str:
        """The encoding to report: what the caller named, or what was found; utf-8 where every byte is ASCII."""
        return self.encoding or "utf-8"

    # --- records ------------------------------------------------------------------------------------------------------

    def chunks(self) -> Iterator[Chunk]:
        """The records after the header, some 8 MB at a time, each chunk ending with a whole record."""
        self.bytes_read = 0
        line = 1 + self.header_lines
        piece: Bytes = b""
        self._reading = True
        for piece in self._pieces():
            first, line = line, line + lines_in(piece)
            yield Chunk(self.to_utf8(piece, first), first)
        self._reading = False
        self._spare.clear()
        opened = unclosed_quote(piece, ord(self.delimiter))
        if opened >= 0:
            line -= lines_in(piece[opened:])
            raise BadInput(f"{self.path}, line {line:,}: a quote that is never closed: close it, or double it")

    def _check_length(self, size: int) -> None:
        """Before all of a large file is taken for one field."""
        if size >= RECORD_BYTES:
            raise BadInput(
                f"{self.path}: a record of more than {RECORD_BYTES:,} bytes after {self.bytes_read:,} bytes: "
                f"a quote there is probably never closed; close it, or double it"
            )

    def _pieces(self) -> Iterator[Bytes]:
        """The bytes after the header, cut where records end."""
        delimiter, skip = ord(self.delimiter), len(self.header_bytes)
        if not self.decode_first and not self.compression:
            # The next piece is read from where the last record ended: nothing is copied to be put together.
            at = skip + len(self.mark)
            size = min(self.chunk_bytes, self.size + 1)
            with open(self.path, "rb", buffering=0) as file:
                while True:
                    file.seek(at)
                    block = self._block(size)
                    del block[file.readinto(block) :]
                    if len(block) < size and at + len(block) >= os.fstat(file.fileno()).st_size:
                        if at + len(block) < self.size:
                            raise BadInput(f"{self.path} became shorter while it was read: load it again")
                        self.bytes_read += len(block)
                        if block:
                            yield block
                        return
                    end = records_end(block, delimiter)
                    if not end:  # a record longer than that
                        self._check_length(size)
                        size *= 2
                        self._spare.append(block)
                        continue
                    size = self.chunk_bytes
                    at += end
                    self.bytes_read += end
                    del block[end:]
                    yield block
            return
        rest: Bytes = b""
        for more in self._utf8_blocks(self.chunk_bytes):
            data = rest + more if rest else more
            if skip:
                if len(data) < skip:
                    rest = data
                    continue
                data, skip = data[skip:], 0
            end = records_end(data, delimiter)
            if not end:
                self._check_length(len(data))
                rest = data
                continue
            piece, rest = data[:end], data[end:]
            yield piece
        if rest and not skip:
            yield rest

    def _block(self, size: int) -> bytearray:
        """Memory to read into: a bytearray, which, unlike bytes, is cut to its length in place."""
        block = self._spare.pop() if self._spare else bytearray()
        block += bytes(max(size - len(block), 0))
        del block[size:]
        return block

    def take_back(self, chunk: Chunk) -> None:
        """Read what comes next into the memory of a chunk that is done with: new memory costs as much as reading."""
        if isinstance(chunk.data, bytearray):
            if self._reading:
                self._spare.append(chunk.data)
            chunk.data = b""


def _shortened(text: str, width: int = 60) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _first_blocks(blocks: Iterator[bytes], size: int) -> Iterator[bytes]:
    total = 0
    for block in blocks:
        yield block[: size - total]
        total += len(block)
        if total >= size:
            return
