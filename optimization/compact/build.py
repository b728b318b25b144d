"""Build each column at a level from its chunks, a thread a core, and prove it against them. No files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd
import pyarrow as pa

from optimization.compact.compressed import Compressed, compress, expanded
from optimization.compact.encoded import Encoded
from optimization.compact.keep import KEY, plans_json
from optimization.compact.lossy import lossy
from optimization.compact.packed import array_bytes, arrow_array
from optimization.compact.plan import Plan
from optimization.compact.proof import first_difference
from optimization.compact.release import release
from optimization.compact.report import ColumnReport, before_bytes
from optimization.compact.rows import rows_of
from optimization.compact.usable import array_nbytes, series_array
from optimization.files import cores


@dataclass
class Loaded:
    """What `load_file` gives: the `result`, the plan and the report of each column, and what was noticed on the way."""

    result: Any
    plans: dict[str, Plan]
    columns: list[ColumnReport]
    rows: int
    encoding: str
    delimiter: str
    notes: list[str] = field(default_factory=list)


def assemble(
    plans: dict[str, Plan],
    columns: dict[str, list[Encoded]],
    rows: int,
    level: str,
    steps: dict[str, int],
    verify: bool,
) -> tuple[Loaded, dict[str, str], dict[str, int]]:
    """The columns at a level, what the allowed lossy steps lost, and (`verify`) rows that differ from their chunks.

    The chunks are let go one column after another.
    """
    wrong: dict[str, int] = {}
    lost: dict[str, str] = {}
    done: dict[str, Any] = {}
    reports: dict[str, ColumnReport] = {}
    settled: dict[str, Plan] = {}

    def build(name: str) -> None:
        plan, chunks = plans[name], columns.pop(name)
        before = before_bytes(plan, chunks, rows)
        plan, chunks, what = lossy(plan, chunks, steps)
        if what:
            lost[name] = what
        if level == "usable":
            done[name], plan = series_array(plan, chunks, rows)
            after = array_nbytes(done[name])
        else:
            plan = replace(plan, type="")
            array, plan = arrow_array(plan, chunks, rows)
            after = array_bytes(array)
            done[name] = array
            if level == "compressed":
                done[name] = compress(array)
                after = sum(node.nbytes for node in done[name])
                array = expanded(done[name]) if verify else array
        if verify and not what:
            row = first_difference(plan, chunks, rows_of(done[name] if level == "usable" else array))
            if row is not None:
                wrong[name] = row
        chunks, array = [], None  # let go before memory is given back
        if before >= 1 << 22:
            release()
        settled[name] = plan
        reports[name] = ColumnReport(name, plan.kind, before, after, plan.type, plan.missing or "", plan.why)

    order = list(columns)
    longest_first = sorted(order, key=lambda name: _weight(columns[name]), reverse=True)
    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(build, longest_first))
    result = _put_together(level, {name: done[name] for name in order}, {name: settled[name] for name in order}, rows)
    lost = {name: lost[name] for name in order if name in lost}
    loaded = Loaded(result, {name: settled[name] for name in order}, [reports[name] for name in order], rows, "", "")
    return loaded, lost, wrong


def _weight(chunks: list[Encoded]) -> tuple[int, int]:
    """What makes a column be built early: its texts, which take by far the longest, so that none keeps a thread busy
    after the others are done; then its numbers, which are there twice meanwhile, best before the others have grown.
    """
    numbers = sum(chunk.values.nbytes for chunk in chunks if chunk.values is not None)
    return sum(max(chunk.text_size, 0) for chunk in chunks), numbers


def _put_together(level: str, columns: dict[str, Any], plans: dict[str, Plan], rows: int) -> Any:
    if level == "usable":
        frame = pd.DataFrame(columns, index=pd.RangeIndex(rows), copy=False)
        frame.attrs["optimization"] = plans_json(plans)
        return frame
    if level == "packed":
        table = pa.table(list(columns.values()), names=list(columns))
        return table.replace_schema_metadata({KEY: plans_json(plans).encode()})
    return Compressed(rows, columns, plans)
