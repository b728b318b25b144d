"""What a file is by its first bytes, whatever its name says: a workbook saved as .csv is not a CSV file. Pure."""

from __future__ import annotations

SAVE_AS_CSV = "save it as CSV (UTF-8)"
UNPACK = "unpack it first"
EXPORT = "export the table as CSV or Parquet"
NAME_PARQUET = "name it *.parquet"

# (offset, first bytes, what it is, remedy). From the formats' own descriptions and the IANA media types.
_SIGNATURES = (
    (0, b"PK\x03\x04", "a workbook (xlsx, ods) or another zip archive", SAVE_AS_CSV),
    (0, b"PK\x05\x06", "an empty zip archive", UNPACK),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (xls) or another OLE file", SAVE_AS_CSV),
    (0, b"{\\rtf", "a rich text document", SAVE_AS_CSV),
    (0, b"%PDF-", "a PDF document", SAVE_AS_CSV),
    (0, b"SQLite format 3\0", "an SQLite database", EXPORT),
    (8, b"DUCK", "a DuckDB database", EXPORT),
    (4, b"Standard Jet DB", "an Access database", EXPORT),
    (4, b"Standard ACE DB", "an Access database", EXPORT),
    (0, b"\x1f\x8b", "a gzip archive", UNPACK),
    (0, b"BZh", "a bzip2 archive", UNPACK),
    (0, b"\xfd7zXZ\0", "an xz archive", UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive", UNPACK),
    (0, b"\x04\x22\x4d\x18", "an lz4 archive", UNPACK),
    (0, b"\x1f\x9d", "a compress archive (.Z)", UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (0, b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (257, b"ustar", "a tar archive", UNPACK),
    (0, b"PAR1", "a Parquet file", NAME_PARQUET),
    (0, b"PARE", "an encrypted Parquet file", EXPORT),
    (0, b"ARROW1\0\0", "an Arrow (Feather) file", EXPORT),
    (0, b"FEA1", "a Feather file", EXPORT),
    (0, b"ORC", "an ORC file", EXPORT),
    (0, b"Obj\x01", "an Avro file", EXPORT),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file", EXPORT),
    (0, b"\x80\x04\x95", "a Python pickle", EXPORT),
    (0, b"\x80\x05\x95", "a Python pickle", EXPORT),
    (0, b"\x89PNG\r\n\x1a\n", "a picture", SAVE_AS_CSV),
    (0, b"\xff\xd8\xff", "a picture", SAVE_AS_CSV),
)
# Text, and yet no table: what a download gives where one must log in first.
_MARKUP = ("<!doctype html", "<html", "<?xml")


def kind_of(head: bytes) -> tuple[str, str] | None:
    """What a file that begins with `head` is, and how to make a table of it; None: it may be CSV."""
    for offset, signature, what, remedy in _SIGNATURES:
        if head[offset : offset + len(signature)] == signature and not _is_text_after_all(signature, head):
            return what, remedy
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16", "save it as UTF-8"
    text = head[:1000].decode("utf-8", "replace").lstrip("\ufeff \t\r\n").lower()
    if text.startswith(_MARKUP):
        return "a web page or another XML document", "download the table itself"
    if b"\0" in head:
        return "a binary file (a NUL byte is in it) or UTF-16", SAVE_AS_CSV
    return None


def _is_text_after_all(signature: bytes, head: bytes) -> bool:
    """A column may be called ORC_ID, BZhang or PARENT: a signature of letters alone needs a byte that is not text."""
    return signature.isalnum() and not any(byte < 9 or 13 < byte < 32 or byte > 126 for byte in head[:512])
