"""Values back to the texts of the file. Pure."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from optimization.compact.commas import print_commas
from optimization.compact.encoded import unit_of
from optimization.compact.numbers import print_plain
from optimization.compact.plan import Plan
from optimization.compact.times import print_times


def texts_back(plan: Plan, values: pa.Array) -> pa.Array:
    """The texts of a slice of a column (null: an empty unquoted field), from its values.

    Numbers with a decimal point are printed as their shortest text: the file's own may have more zeros.
    """
    if plan.kind == "empty":
        texts = pa.nulls(len(values), pa.string())
    elif plan.kind == "bool":
        yes, no = plan.form.split("/")
        texts = pc.if_else(values.cast(pa.bool_()), yes, no)
    elif plan.kind == "int":
        texts = values.cast(pa.string())
    elif plan.kind == "float":
        if plan.form:
            return _with_commas(plan, values)
        printed = print_plain if plan.plain else repr
        numbers = values.to_pylist()
        texts = pa.array([None if n is None else printed(n) for n in numbers], pa.string())
    elif plan.kind in ("date", "timestamp"):
        texts = _times(plan, values)
    else:
        texts = values.cast(pa.string())
    return texts.fill_null(plan.missing) if plan.missing else texts


def _with_commas(plan: Plan, values: pa.Array) -> pa.Array:
    places = len(plan.form.partition(",")[2])
    numbers = values.cast(pa.float64())
    present = (numbers.drop_null() if numbers.null_count else numbers).to_numpy(zero_copy_only=False)
    texts = print_commas(np.rint(present * 10.0**places).astype(np.int64), plan.form)
    if numbers.null_count:
        valid = numbers.is_valid().to_numpy(zero_copy_only=False)
        texts = texts.take(pa.array(np.cumsum(valid) - 1, mask=~valid))
    return texts.fill_null(plan.missing) if plan.missing else texts


def _times(plan: Plan, values: pa.Array) -> pa.Array:
    if plan.kind == "date":
        numbers = values.cast(pa.date32()).cast(pa.int32()).cast(pa.int64())
    else:
        numbers = values.cast(pa.timestamp(unit_of(plan.form), values.type.tz)).cast(pa.int64())
    present = numbers.drop_null() if numbers.null_count else numbers
    printed = print_times(present.to_numpy(zero_copy_only=False), plan.form)
    if not numbers.null_count:
        return printed
    valid = pc.is_valid(numbers)
    places = np.cumsum(valid.to_numpy(zero_copy_only=False)) - 1
    return printed.take(pa.array(places, mask=~valid.to_numpy(zero_copy_only=False)))
