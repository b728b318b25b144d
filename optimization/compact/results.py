"""What a result of any level says of itself: its bytes, the texts of a column, the plans it carries."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from optimization.compact.compressed import Compressed
from optimization.compact.keep import KEY, plans_of, table_bytes
from optimization.compact.plan import Plan
from optimization.compact.rows import rows_of
from optimization.compact.texts import texts_back
from optimization.compact.usable import deep_bytes
from optimization.files import BadInput


def nbytes(x: pd.DataFrame | pa.Table | Compressed) -> int:
    """The bytes of a DataFrame, a `pyarrow.Table` or a compressed table: texts, dictionaries and index included."""
    if isinstance(x, pd.DataFrame):
        return deep_bytes(x)
    if isinstance(x, pa.Table):
        return table_bytes(x)
    return x.nbytes


def texts(x: pd.DataFrame | pa.Table | Compressed, name: str) -> pa.Array:
    """The texts of a loaded column as the file has them (null: an empty unquoted field), numbers in their shortest."""
    plans = plans_kept(x)
    if name not in plans:
        raise BadInput(f"no column {name!r} that was loaded from a file: the columns are {', '.join(list(plans)[:20])}")
    place = list(plans).index(name)
    column = (
        x.iloc[:, place] if isinstance(x, pd.DataFrame) else x.arrow(name) if isinstance(x, Compressed) else x[place]
    )
    return texts_back(plans[name], rows_of(column)(0, len(column)))


def plans_kept(x: Any) -> dict[str, Plan]:
    """The plans that a result carries with it."""
    if isinstance(x, Compressed):
        return x.plans
    if isinstance(x, pd.DataFrame):
        return plans_of(x.attrs.get("optimization", "[]"))
    return plans_of((x.schema.metadata or {}).get(KEY, b"[]"))
