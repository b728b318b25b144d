"""The checks before a load, on columns that no engine at hand has; and that the quick way agrees with the exact one."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from extract.errors import UsageError
from extract.warehouse.columns import Source, match
from extract.warehouse.sqlserver_types import column_of
from extract.warehouse.tables import Column, Kind, TableName
from extract.warehouse.values import Misfit, fit


def sql_server(spelled: str, collation: str = "", code_page: int = 1252) -> Column:
    """A column of SQL Server as its catalogue describes one of this type: `name(length or precision, scale)`."""
    name, _, sizes = spelled.rstrip(")").partition("(")
    first, scale = ([-1 if size == "max" else int(size) for size in sizes.split(",") if size] + [0, 0])[:2]
    if name in ("datetime2", "datetimeoffset", "time"):
        first, scale = 0, first
    bytes_each = 2 if name.startswith("n") and first > 0 else 1
    return column_of("v", name, first * bytes_each, first, scale, True, 0, 0, collation or None, code_page)


NVARCHAR_5 = sql_server("nvarchar(5)")
VARCHAR_5 = sql_server("varchar(5)")
VARCHAR_UTF8_5 = sql_server("varchar(5)", code_page=65001)
INT = sql_server("int")
DECIMAL = sql_server("decimal(10,2)")
MONEY, SMALLMONEY = sql_server("money"), sql_server("smallmoney")
FLOAT = sql_server("float")
REAL = sql_server("real")
DATE = sql_server("date")
DATETIME2_0 = sql_server("datetime2(0)")
OLD_DATETIME, SMALLDATETIME = sql_server("datetime"), sql_server("smalldatetime")
OFFSET = sql_server("datetimeoffset(3)")
BIT = sql_server("bit")
VARBINARY_3 = sql_server("varbinary(3)")
TIME = sql_server("time(0)")
TEXT = sql_server("nvarchar(max)")


def load(column: Column, cells: Any, as_text: bool = False) -> list[Any]:
    data = pa.table({"v": cells}) if isinstance(cells, pa.Array) else pd.DataFrame({"v": cells})
    plan = match(["v"], [column], "t")
    found = [v for batch in plan.checked(Source.of(data, as_text=as_text)) for v in batch.column(0).to_pylist()]
    return [dt.datetime.fromisoformat(v) if v and column.keeps_offset else v for v in found]


def reason(column: Column, value: Any, as_text: bool = False) -> str:
    with pytest.raises(Misfit) as caught:
        fit(column, value, as_text)
    return str(caught.value)


# ---------------------------------------------------------------- texts and their lengths
@pytest.mark.parametrize(
    ("column", "fits", "too_long"),
    [
        (NVARCHAR_5, ["abcde", "ñññññ", "🎉🎉a", "电力电力电"], ["abcdef", "🎉🎉🎉"]),
        (VARCHAR_5, ["abcde", "ñññññ", "€"], ["abcdef", "ññññññ"]),
        (VARCHAR_UTF8_5, ["abcde", "ñña", "🎉a"], ["ñññ", "🎉🎉"]),
    ],
)
def test_a_length_is_counted_as_the_column_counts_it(column: Column, fits: list[str], too_long: list[str]) -> None:
    assert load(column, [*fits, None]) == [*fits, None]
    for text in too_long:
        assert f"more than the 5 of {column.type}" in reason(column, text)
        with pytest.raises(UsageError, match="row 2, column 'v' of t"):
            load(column, ["ok", text])


def test_a_character_that_the_code_page_does_not_have_is_refused() -> None:
    assert reason(VARCHAR_5, "电") == "'电' holds '电', which varchar(5) cannot keep"
    with pytest.raises(UsageError, match="row 3, column 'v'"):
        load(VARCHAR_5, ["a", "ñ", "电"])


def test_binary_has_its_length_too() -> None:
    assert load(VARBINARY_3, [b"abc", None]) == [b"abc", None]
    with pytest.raises(UsageError, match=r"row 2.*has 4 bytes, more than the 3 of varbinary\(3\)"):
        load(VARBINARY_3, [b"abc", b"abcd"])


# ---------------------------------------------------------------- texts as CSV files hold them
@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        (INT, "00501", 501),
        (INT, "+5", 5),
        (INT, " 5 ", 5),
        (INT, "5.0", 5),
        (INT, "1e3", 1000),
        (DECIMAL, "-12.50", Decimal("-12.50")),
        (DECIMAL, "12.500", Decimal("12.50")),
        (DECIMAL, ".5", Decimal("0.50")),
        (FLOAT, "23616.0", 23616.0),
        (FLOAT, "1E-5", 0.00001),
        (DATE, "2016-02-29", dt.date(2016, 2, 29)),
        (DATE, "2016-02-29 00:00:00", dt.date(2016, 2, 29)),
        (DATETIME2_0, "2017-01-01", dt.datetime(2017, 1, 1)),
        (DATETIME2_0, "2017-01-01 05:30", dt.datetime(2017, 1, 1, 5, 30)),
        (DATETIME2_0, "2017-01-01T05:30:59.000", dt.datetime(2017, 1, 1, 5, 30, 59)),
        (DATETIME2_0, "2017-07-01T00:00:00+02:00", dt.datetime(2017, 6, 30, 22)),
        (DATETIME2_0, "2017-07-01T00:00:00Z", dt.datetime(2017, 7, 1)),
        (OLD_DATETIME, "2017-01-01 00:00:00.123", dt.datetime(2017, 1, 1, 0, 0, 0, 123000)),
        (BIT, "true", True),
        (BIT, "0", False),
        (TIME, "23:59:59", dt.time(23, 59, 59)),
        (VARBINARY_3, "0x00fF", b"\x00\xff"),
        (TEXT, "00501", "00501"),
        (TEXT, " spaced ", " spaced "),
        (TEXT, "", ""),
        (INT, "", None),
        (FLOAT, "  ", None),
    ],
)
def test_a_text_is_read_by_the_type_of_its_column(column: Column, text: str, value: Any) -> None:
    assert fit(column, text, as_text=True) == value
    assert load(column, [text], as_text=True) == [value]
    odd = "5 " if column.kind is Kind.INTEGER else text  # a spelling beside it that takes the whole column the slow way
    assert load(column, [text, odd, None], as_text=True)[0] == value


@pytest.mark.parametrize(
    ("column", "text", "why"),
    [
        (INT, "abc", "'abc' is not a number"),
        (INT, "0x10", "'0x10' is not a number"),
        (INT, "1_000", "'1_000' is not a number"),
        (INT, "٣", "'٣' is not a number"),
        (INT, "5.5", "'5.5' would lose its fraction"),
        (INT, "2147483648", "'2147483648' is out of range (-2147483648 to 2147483647)"),
        (INT, "9" * 30, "out of range"),
        (INT, "9" * 5000, "out of range"),
        (DECIMAL, "12,5", "'12,5' is not a number (the decimal sign is a point)"),
        (DECIMAL, "0.001", "'0.001' has more than 2 decimals"),
        (DECIMAL, "123456789.00", "out of range (8 digits before the point)"),
        (FLOAT, "NaN", "'NaN' is not a number"),
        (FLOAT, "inf", "'inf' is not a number"),
        (FLOAT, "1e400", "'1e400' is out of range"),
        (FLOAT, "-1E+400", "'-1E+400' is out of range"),
        (FLOAT, "1e-400", "'1e-400' is out of range"),
        (FLOAT, "1e99999999999999999999", "'1e99999999999999999999' is out of range"),
        (INT, "1e999999999", "'1e999999999' is out of range"),
        (DECIMAL, "1e400", "'1e400' is out of range"),
        (REAL, "1e39", "out of range"),
        (DATE, "2017-02-30", "is not a valid date"),
        (DATE, "01/02/2017", "'01/02/2017' is not a valid date (use yyyy-mm-dd)"),
        (DATE, "2017-01-01 05:00", "more than a date"),
        (DATETIME2_0, "2017-02-30 00:00:00", "is not a valid date"),
        (DATETIME2_0, "2017-01-01 24:00:00", "is not a valid date"),
        (DATETIME2_0, "2017-01-01 00:00:00.5", "finer than datetime2(0) keeps (whole seconds)"),
        (DATETIME2_0, "2017-01-01 00:00:00.1234567", "finer than a microsecond"),
        (OLD_DATETIME, "1700-01-01", "out of range (1753-01-01 00:00:00 to 9999-12-31 23:59:59.997000)"),
        (BIT, "2", "neither true nor false"),
        (TIME, "25:00", "is not a valid time of day"),
        (VARBINARY_3, "ff", "is not binary"),
        (VARBINARY_3, "0xf", "is not binary"),
    ],
)
def test_a_text_that_the_column_cannot_read_is_refused_with_the_reason(column: Column, text: str, why: str) -> None:
    assert why in reason(column, text, as_text=True)
    with pytest.raises(UsageError) as caught:
        load(column, [None, text], as_text=True)
    assert "row 2, column 'v' of t" in str(caught.value)
    assert why in str(caught.value)
    assert len(str(caught.value)) < 400


# ---------------------------------------------------------------- the quick way against the exact one
COLUMNS = st.sampled_from(
    [
        *(INT, DECIMAL, MONEY, SMALLMONEY, FLOAT, REAL, DATE, DATETIME2_0, OLD_DATETIME, SMALLDATETIME, OFFSET, TIME),
        *(BIT, TEXT, NVARCHAR_5, VARCHAR_5, VARBINARY_3),
    ]
)
CENTS = st.integers(-999, 999).map(lambda cents: cents / 100)
HOMOGENEOUS = st.one_of(
    *(
        st.tuples(st.just(kind), st.lists(st.none() | values, min_size=1, max_size=5))
        for kind, values in [
            (pa.int64(), st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)),
            (pa.uint64(), st.integers(0, 2**64 - 1)),
            (pa.float64(), st.floats(allow_nan=False) | st.integers(-1000, 1000).map(float) | st.just(0.1)),
            (pa.float32(), st.floats(width=32, allow_nan=False) | CENTS.map(np.float32)),
            (pa.float16(), (st.floats(width=16, allow_nan=False) | CENTS).map(np.float16)),
            (pa.decimal128(20, 4), st.decimals(-(10**15), 10**15, places=4) | st.integers(0, 99).map(Decimal)),
            (pa.string(), st.text(st.characters(exclude_categories=["Cs"]), max_size=8)),
            (pa.large_string(), st.sampled_from(["1", "-2.5", "2017-01-01", "2017-01-01 10:00:00", "true", "ñ", ""])),
            (pa.binary(), st.binary(max_size=4)),
            (pa.bool_(), st.booleans()),
            (pa.date32(), st.dates()),
            (pa.timestamp("us"), st.datetimes()),
            (pa.timestamp("ns"), st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1))),
            (pa.timestamp("us", "Europe/Madrid"), st.datetimes(timezones=st.just(dt.UTC))),
            (pa.time64("us"), st.times() | st.just(dt.time(1))),
        ]
    )
)


@pytest.mark.parametrize("width", [np.float16, np.float32, np.float64])
def test_a_float_goes_into_a_decimal_by_the_shortest_text_that_means_it(width: type[np.floating[Any]]) -> None:
    numbers = [width(text) for text in ("1.05", "-0.1", "12.5", "nan")]
    expected = [Decimal("1.05"), Decimal("-0.10"), Decimal("12.50"), None]
    assert [fit(DECIMAL, number) for number in numbers] == expected
    assert load(DECIMAL, pa.array(np.array(numbers, width))) == expected
    assert load(DECIMAL, pd.Series(numbers, dtype=object)) == expected
    with pytest.raises(UsageError, match=r"row 5, column 'v'.*: 1\.055 has more than 2 decimals"):
        load(DECIMAL, pa.array(np.array([*numbers, width("1.055")], width)))


@pytest.mark.parametrize("column", [INT, DECIMAL, FLOAT, DATETIME2_0])
def test_what_numpy_calls_missing_is_null(column: Column) -> None:
    for value in (np.float16("nan"), np.float32("nan"), np.float64("nan"), np.datetime64("NaT")):
        assert fit(column, value) is None


@settings(max_examples=400)
@example(DECIMAL, (pa.float32(), [np.float32(1.05)]), False)
@given(column=COLUMNS, given_cells=HOMOGENEOUS, as_text=st.booleans())
def test_the_vectorised_check_agrees_with_the_one_value_by_value(
    column: Column, given_cells: tuple[pa.DataType, list[Any]], as_text: bool
) -> None:
    arrow, values = given_cells
    try:
        cells = pa.array(values, arrow)
    except (pa.ArrowInvalid, OverflowError):
        return
    try:
        short = arrow in (pa.float16(), pa.float32())  # what a Python float makes of them has more digits
        values = list(cells.to_numpy(zero_copy_only=False)) if short else cells.to_pylist()
    except OverflowError:  # an instant whose local time lies beyond the year 9999
        return
    expected: list[Any] = []
    fault = None
    for row, value in enumerate(values, 1):
        try:
            expected.append(fit(column, value, as_text))
        except Misfit as misfit:
            fault = f"row {row}, column 'v' of t ({column.type}): {misfit}"
            break
    if fault is None:
        found = load(column, cells, as_text)
        assert found == expected
        assert [getattr(value, "tzinfo", None) for value in found] == [getattr(v, "tzinfo", None) for v in expected]
        return
    with pytest.raises(UsageError) as caught:
        load(column, cells, as_text)
    assert caught.value.message.partition(" of t ")[0] == fault.partition(" of t ")[0]


def test_large_columns_of_objects_are_not_bent_by_a_guess() -> None:
    mixed = pd.Series([dt.date(2017, 1, 1), dt.datetime(2017, 1, 1, 5)], dtype="object")
    assert load(DATETIME2_0, mixed) == [dt.datetime(2017, 1, 1), dt.datetime(2017, 1, 1, 5)]
    big = Column("v", "bigint", Kind.INTEGER)
    assert load(big, pd.Series([2**53 + 1, 0.0], dtype="object")) == [2**53 + 1, 0]


# ---------------------------------------------------------------- names
@pytest.mark.parametrize(
    ("text", "schema", "name"),
    [
        ("t", None, "t"),
        ("raw_esios.t", "raw_esios", "t"),
        ('"odd.name"', None, "odd.name"),
        ('raw."odd ""name"""', "raw", 'odd "name"'),
        ("[odd]]name].[t]", "odd]name", "t"),
        ("t;--", None, "t;--"),
        ("Península.'x'", "Península", "'x'"),
        (" raw . t ", "raw", "t"),
    ],
)
def test_a_table_s_name_is_read_in_every_spelling(text: str, schema: str | None, name: str) -> None:
    assert TableName.parse(text) == TableName(schema, name)


@pytest.mark.parametrize("text", ["", " ", ".", "a.", ".a", "a..b", "a.b.c", '"a', "[a", '"a"b', '""', "a\0b"])
def test_what_is_not_a_table_name_is_refused_with_the_way_to_write_it(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        TableName.parse(text)
    assert "schema.table" in caught.value.remedy


@given(schema=st.text(min_size=1), name=st.text(min_size=1))
def test_any_quoted_name_is_read_back(schema: str, name: str) -> None:
    if "\0" in schema + name:
        return
    quoted = ".".join('"' + part.replace('"', '""') + '"' for part in (schema, name))
    assert TableName.parse(quoted) == TableName(schema, name)


def test_a_name_that_fits_two_columns_by_case_must_be_spelled_exactly() -> None:
    columns = [Column("Id", "int", Kind.INTEGER), Column("ID", "int", Kind.INTEGER)]
    assert match(["ID", "Id"], columns, "t").positions == [1, 0]
    with pytest.raises(UsageError, match="may mean Id or ID"):
        match(["id"], columns, "t")


def test_a_column_that_the_warehouse_fills_may_not_be_given() -> None:
    columns = [Column("n", "int", Kind.INTEGER, nullable=False, generated=True), Column("v", "int", Kind.INTEGER)]
    assert match(["v"], columns, "t").columns == [columns[1]]
    with pytest.raises(UsageError, match="column 'n' of t is filled by the warehouse itself"):
        match(["n", "v"], columns, "t")
