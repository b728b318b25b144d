"""What goes to SQL Server, written out. No server needed."""

from __future__ import annotations

import json
from decimal import Decimal

import pyarrow as pa
import pytest

from extract.warehouse import Kind
from extract.warehouse.sqlserver_bulk import CHUNK_ROWS, json_text, parameters
from extract.warehouse.tables import Column

DECIMALS = ["0.0000000001", "-0.0000000001", "1.5000000000", "9999999999999999999999999999.9999999999", None]


def batch(scale: int) -> pa.RecordBatch:
    values = [None if text is None else Decimal(text) for text in DECIMALS]
    return pa.record_batch([pa.array(values, pa.decimal128(38, scale))], names=["d"])


def test_no_decimal_is_written_with_an_exponent_which_sql_server_would_not_read() -> None:
    assert [row[0] for row in json.loads(json_text(batch(10)))[0]] == DECIMALS


@pytest.mark.parametrize("as_text", [frozenset(), frozenset({Kind.DECIMAL})])
def test_the_widest_decimals_go_as_text(as_text: frozenset[Kind]) -> None:
    column = Column("d", "decimal(38,10)", Kind.DECIMAL, precision=38, scale=10)
    types, rows = parameters([column], batch(10), as_text)
    assert types == [(-9, 48, 0)]
    assert [row[0] for row in rows] == DECIMALS


def test_a_json_text_holds_its_rows_in_chunks_and_loses_none() -> None:
    piece = pa.record_batch([pa.array(range(2 * CHUNK_ROWS + 1))], names=["n"])
    chunks = json.loads(json_text(piece))
    assert [len(rows) for rows in chunks] == [CHUNK_ROWS, CHUNK_ROWS, 1]
    assert [row for rows in chunks for row in rows] == [[n] for n in range(2 * CHUNK_ROWS + 1)]
