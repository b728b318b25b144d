"""The encoding of bytes that do not say it. No files."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa

# Code points that Windows-1252 leaves undefined.
_NOT_IN_CP1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")

Bytes = bytes | bytearray


def sniff_encoding(sample: bytes) -> str:
    """The encoding of bytes that are no valid UTF-8: Windows-1252 unless the bytes speak for another family.

    Two stray bytes cannot prove an encoding; Windows-1252 is what spreadsheets write and what browsers assume. Text
    that is
    full of non-ASCII bytes (Cyrillic, Greek, Chinese, Japanese …) is given to charset-normalizer.
    """
    high = [byte for byte in sample if byte > 127]
    if len(high) > max(64, 0.2 * len(sample)):
        from charset_normalizer import from_bytes

        best = from_bytes(sample[:65_536]).best()
        if best is not None and not best.encoding.startswith(("utf_", "ascii")):
            return str(best.encoding)
    return "latin-1" if _NOT_IN_CP1252.intersection(high) else "windows-1252"


def is_utf8(data: Bytes) -> bool:
    """Valid UTF-8, a character cut off at the very end allowed. Checked by arrow, without a copy: 8 MB in 1 ms."""
    if data.isascii():
        return True
    end = len(data)
    for back in range(1, min(4, end) + 1):
        if data[end - back] >= 0xC0:  # the lead byte of the last character
            needed = 2 if data[end - back] < 0xE0 else 3 if data[end - back] < 0xF0 else 4
            end = end - back if needed > back else end
            break
    offsets = pa.py_buffer(np.array([0, end], np.int32))
    try:
        pa.Array.from_buffers(pa.binary(), 1, [None, offsets, pa.py_buffer(data)]).cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def not_ascii_lines(data: Bytes) -> bytes:
    """The lines with non-ASCII bytes, at most 64 KB of them: what an encoding can be told from."""
    found, size = [], 0
    for match in re.finditer(rb"[^\r\n]*[\x80-\xff][^\r\n]*", data):
        found.append(match.group())
        size += len(found[-1])
        if size > 65_536:
            break
    return b"\n".join(found)
