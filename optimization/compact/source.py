"""Read a CSV file as UTF-8 chunks that end where a record ends: compression, encoding, delimiter, quotes. No types."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from optimization.compact.cut import count_of, last_record_end, record_end, unclosed_quote
from optimization.compact.encoding import is_utf8, not_ascii_lines, sniff_encoding
from optimization.csv_rules import sniff_delimiter
from optimization.files import BadInput

CHUNK_BYTES = 16 << 20
RECORD_BYTES = 1 << 30
HEAD_BYTES = 1 << 18
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Bytes of these encodings below 0x80 are not always the ASCII character: records are found after decoding.
_NEEDS_DECODING_FIRST = (
    "utf-16",
    "utf-32",
    "utf_16",
    "utf_32",
    "shift_jis",
    "cp932",
    "gb",
    "big5",
    "euc",
    "johab",
    "cp949",
    "iso2022",
    "utf-7",
)
Bytes = bytes | bytearray


@dataclass
class Chunk:
    """Whole records as UTF-8, without the header; `first_line` is the number of its first line in the file, from 1."""

    data: Bytes
    first_line: int
    repeated_headers: list[int] = field(default_factory=list)


class Source:
    """A CSV file: `header` (names as written), `encoding`, `delimiter`, and `chunks()`, the records in file order.

    `encoding` None: found out, from the first bytes (marks, UTF-16) and the first chunk that is not ASCII. `delimiter`
    None: found out from the head. gzip and zstd are recognised by their first bytes.
    """

    def __init__(
        self,
        path: str | Path,
        encoding: str | None = None,
        delimiter: str | None = None,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        self.path = str(path)
        self.asked_encoding = encoding
        if encoding is not None:
            try:
                codecs.lookup(encoding)
            except LookupError as error:
                raise BadInput(
                    f"unknown encoding {encoding!r}: give one that Python knows, such as utf-8 or windows-1252"
                ) from error
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
            raise BadInput(f"--delimiter {delimiter!r}: one character is needed, such as ; or a tab")
        self.encoding = encoding or ""
        self.compression = ""
        self.bytes_read = 0
        self._spare: list[bytearray] = []
        self.size = Path(path).stat().st_size
        if self.size == 0:
            raise BadInput(f"{self.path} is empty: a header with the names of the columns is needed")
        head = self._head(delimiter)
        self.chunk_bytes = max(chunk_bytes, min(len(head) * 1024, 64 << 20)) if len(self.header) > 1000 else chunk_bytes

    # --- bytes
    # ---------------------------------------------------------------------------------------------------------

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

    def _head(self, delimiter: str | None) -> bytes:
        """Look at the first bytes: settle the encoding family, the newline, the delimiter and the header."""
        raw = next(self._blocks(HEAD_BYTES), b"")
        if not raw:
            raise BadInput(f"{self.path} is empty: a header with the names of the columns is needed")
        self.mark = b""
        for mark, name in _BOMS:
            if raw.startswith(mark):
                # utf-16 bytes told by name and by mark agree; a mark outranks nothing else
                if not self.encoding or self.encoding.lower().replace("_", "-").startswith(
                    ("utf-8", "utf-16", "utf-32")
                ):
                    self.encoding, self.mark = name, mark
                break
        if not self.encoding and b"\0" in raw[:4096]:
            zeros = np.frombuffer(raw[: len(raw[:4096]) // 2 * 2], np.uint8).reshape(-1, 2) == 0
            even, odd = zeros.mean(axis=0)
            if max(even, odd) > 0.4 and min(even, odd) < 0.1:
                self.encoding = "utf-16-be" if even > odd else "utf-16-le"
        if not self.encoding and len(raw) > 64 and not is_utf8(raw):
            self.encoding = sniff_encoding(not_ascii_lines(raw))
        self.decode_first = self.encoding.lower().startswith(_NEEDS_DECODING_FIRST)
        self.sniffed_utf8 = False
        head = b"".join(_first_blocks(self._utf8_blocks(), HEAD_BYTES))
        # Only '\r', no '\n': the line ends of old Macs.
        self.newline = b"\r" if b"\n" not in head and b"\r" in head else b"\n"
        text = head.decode(
            "utf-8" if is_utf8(head) else self.encoding if self.encoding and not self.decode_first else "latin-1",
            errors="replace",
        )
        end = record_end(np.frombuffer(head, np.uint8), self.newline[0])
        if end < 0 and len(head) >= HEAD_BYTES:  # a header (10,000 columns) longer than the first look
            head = b"".join(_first_blocks(self._utf8_blocks(), 64 * HEAD_BYTES))
            end = record_end(np.frombuffer(head, np.uint8), self.newline[0])
        self.header_bytes = head[: end + 1] if end >= 0 else head
        body = head[: head.rfind(self.newline) + 1] or head
        self.delimiter = delimiter or sniff_delimiter(
            (body if len(body) > end else head).decode("utf-8", errors="replace") if is_utf8(body) else text
        )
        header_text = self._text(self.header_bytes)
        csv.field_size_limit(sys.maxsize)
        rows = list(csv.reader(io.StringIO(header_text.rstrip("\r\n"), newline=""), delimiter=self.delimiter))
        if not rows or not any(rows[0]):
            raise BadInput(f"{self.path}, line 1: no header; the names of the columns are needed in the first line")
        self.header = rows[0]
        self.header_lines = self.header_bytes.count(self.newline)
        return self.header_bytes

    def _text(self, data: bytes) -> str:
        return self.to_utf8(data, 1).decode()

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
        done = 0
        for block in self._blocks(size or CHUNK_BYTES):
            self.bytes_read += len(block)
            yield self._decoded(decoder.decode, block, done)
            done += len(block)
        rest = self._decoded(lambda data: decoder.decode(data, final=True), b"", done)
        if rest:
            yield rest

    def _decoded(self, decode: Callable[[bytes], str], block: bytes, done: int) -> bytes:
        try:
            return decode(block).encode()
        except UnicodeError as error:
            place = done + getattr(error, "start", 0)
            raise BadInput(
                f"{self.path}, near byte {place:,}: not valid {self.encoding}; name the right one with --encoding"
            ) from error

    def to_utf8(self, data: Bytes, first_line: int) -> Bytes:
        """A chunk as UTF-8; settles the encoding at the first byte that is not ASCII."""
        if self.decode_first or data.isascii():
            return data
        if not self.encoding:
            if is_utf8(data):
                self.sniffed_utf8 = True
                return data
            if not self.sniffed_utf8:
                self.encoding = sniff_encoding(not_ascii_lines(data))
        name = self.encoding or "utf-8"
        if name.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig"):
            if is_utf8(data):
                return data
            name = "utf-8"
        try:
            return data.decode(name).encode()
        except UnicodeDecodeError as error:
            line = first_line + data.count(self.newline, 0, error.start)
            raise BadInput(
                f"{self.path}, line {line:,}: byte 0x{data[error.start]:02x} is not valid {name}; "
                f"name the right encoding with --encoding"
            ) from error

    @property
    def encoding_name(self) -> str:
        """The encoding to report: what was told or found; utf-8 where every byte is ASCII."""
        return self.encoding or "utf-8"

    # --- records
    # -------------------------------------------------------------------------------------------------------

    def chunks(self, drop_repeated_header: bool = True) -> Iterator[Chunk]:
        """The records after the header, some 8 MB at a time, each chunk ending with a whole record."""
        self.bytes_read = 0
        line = 1 + self.header_lines
        piece: Bytes = b""
        for piece in self._pieces():
            first, line = line, line + count_of(np.frombuffer(piece, np.uint8), self.newline[0])
            yield self._chunk(piece, first, drop_repeated_header)
        self._spare.clear()
        opened = unclosed_quote(piece, self.newline[0], self._delimiter_byte)
        if opened >= 0:
            line -= piece.count(self.newline, opened)
            raise BadInput(f"{self.path}, line {line:,}: a quote that is never closed: close it, or double it")

    def _check_length(self, size: int) -> None:
        """Before all of a large file is taken for one field."""
        if size >= RECORD_BYTES:
            raise BadInput(
                f"{self.path}: a record of more than {RECORD_BYTES:,} bytes after {self.bytes_read:,} bytes: "
                f"a quote there is probably never closed; close it, or double it"
            )

    @property
    def _delimiter_byte(self) -> int:
        return ord(self.delimiter) if ord(self.delimiter) < 128 else 0

    def _pieces(self) -> Iterator[Bytes]:
        """The bytes after the header, cut where records end."""
        newline, skip = self.newline[0], len(self.header_bytes)
        delimiter = self._delimiter_byte
        if not self.decode_first and not self.compression:
            # The next piece is read from where the last record ended: nothing is copied to be put together.
            at = skip + len(self.mark)
            size = min(self.chunk_bytes, self.size + 1)
            with open(self.path, "rb", buffering=0) as file:
                while True:
                    file.seek(at)
                    block = self._block(size)
                    del block[file.readinto(block) :]
                    end = last_record_end(block, newline, delimiter)
                    if len(block) < size and at + len(block) >= os.fstat(file.fileno()).st_size:
                        self.bytes_read += len(block)
                        if block:
                            yield block
                        return
                    if end < 0:  # a record longer than that
                        self._check_length(size)
                        size *= 2
                        self._spare.append(block)
                        continue
                    size = self.chunk_bytes
                    at += end + 1
                    self.bytes_read += end + 1
                    del block[end + 1 :]
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
            end = last_record_end(data, newline, delimiter)
            if end < 0:
                self._check_length(len(data))
                rest = data
                continue
            piece, rest = data[: end + 1], data[end + 1 :]
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
        """Read what comes next into the memory of a chunk that nobody looks at any more: new memory costs as much as
        the reading.
        """
        if isinstance(chunk.data, bytearray):
            self._spare.append(chunk.data)
            chunk.data = b""

    def _chunk(self, data: Bytes, line: int, drop: bool) -> Chunk:
        repeated: list[int] = []
        if drop and len(self.header) > 1:
            data, repeated = self._without_headers(data, line)
        return Chunk(self.to_utf8(data, line), line, repeated)

    def _without_headers(self, data: Bytes, line: int) -> tuple[Bytes, list[int]]:
        """Files that were joined hold their header again: the same bytes as line 1 at the start of a line."""
        header = self.header_bytes.rstrip(b"\r\n")
        place = data.find(header)
        if place < 0:
            return data, []
        keep: list[Bytes] = []
        lines: list[int] = []
        start = 0
        while place >= 0:
            after = place + len(header)
            whole = (place == 0 or data[place - 1 : place] == self.newline) and (
                after == len(data) or data[after : after + 1] in (b"\r", b"\n")
            )
            if whole and data.count(b'"', 0, place) % 2 == 0:
                end = data.find(self.newline, after)
                end = len(data) if end < 0 else end + 1
                lines.append(line + data.count(self.newline, 0, place))
                keep.append(data[start:place])
                start = after = end
            place = data.find(header, after)
        return b"".join([*keep, data[start:]]), lines


def _first_blocks(blocks: Iterator[bytes], size: int) -> Iterator[bytes]:
    total = 0
    for block in blocks:
        yield block[: size - total]
        total += len(block)
        if total >= size:
            return
