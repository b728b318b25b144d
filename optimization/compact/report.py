"""What each column took, takes, and why: as a table, as JSON, as a picture. Nothing is loaded here."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from optimization.compact.chunks import text_bytes
from optimization.compact.encoded import Encoded
from optimization.compact.plan import Plan

# What pandas' object columns add to a text: the pointer and Python's own string header.
_POINTER, _STRING, _GAP = 8, sys.getsizeof(""), sys.getsizeof(1.0)
_FONT = 10.5  # points on 9 inches: 12 pixels or more where a page shows the picture 800 pixels wide


@dataclass
class ColumnReport:
    """One column: bytes with object strings before, bytes now, the type now, and the reason."""

    name: str
    kind: str
    before: int
    after: int
    type: str
    missing: str
    why: str


def before_bytes(plan: Plan, chunks: list[Encoded], rows: int) -> int:
    """What pandas takes with text in object columns (`memory_usage(deep=True)`), for a column of this kind.

    Numbers take 8 bytes, `True`/`False` 1, a text its pointer and its Python string (non-ASCII texts take somewhat
    more).
    """
    nulls = sum(chunk.nulls for chunk in chunks)
    if plan.kind in ("int", "float", "empty") and not plan.form:
        return 8 * rows
    if plan.kind == "bool":
        pair = plan.form.split("/")
        if pair[0].lower() == "true" and not nulls:
            return rows
        yes = sum(int(np.count_nonzero(chunk.values)) for chunk in chunks if chunk.values is not None)
        letters = yes * len(pair[0]) + (rows - nulls - yes) * len(pair[1])
    elif plan.kind == "float":  # with decimal commas, which pandas reads as text
        letters = sum(max(chunk.text_size, 0) for chunk in chunks)
    elif plan.kind in ("date", "timestamp"):
        letters = len(plan.form) * (rows - nulls)
    else:
        nulls = sum(_gaps(chunk) for chunk in chunks)
        letters = text_bytes(chunks)
    return _POINTER * rows + _STRING * (rows - nulls) + letters + _GAP * nulls


def _gaps(chunk: Encoded) -> int:
    if chunk.kind == "text" and chunk.texts is not None:
        return int(chunk.texts.null_count)
    return chunk.nulls


def table(columns: list[ColumnReport], rows: int, most: int = 200) -> str:
    """The report as aligned text, bytes a row; the `most` largest columns where there are more."""
    shown = columns if len(columns) <= most else sorted(columns, key=lambda column: -column.after)[:most]
    per = max(rows, 1)
    lines = [("column", "B/row before", "B/row now", "type", "why; missing")]
    for column in shown:
        gap = f"; {column.missing} = missing" if column.missing else ""
        lines.append(
            (column.name, f"{column.before / per:.2f}", f"{column.after / per:.2f}", column.type, column.why + gap)
        )
    if len(shown) < len(columns):
        lines.append((f"… {len(columns) - len(shown):,} more", "", "", "", "--json has them all"))
    before, after = sum(c.before for c in columns), sum(c.after for c in columns)
    lines.append(
        (
            "all",
            f"{before / per:.2f}",
            f"{after / per:.2f}",
            f"{after:,} bytes",
            f"from {before:,} bytes with object strings",
        )
    )
    widths = [min(max(len(line[place]) for line in lines), 48) for place in range(4)]
    return "\n".join(
        f"{line[0]:<{widths[0]}}  {line[1]:>{widths[1]}}  {line[2]:>{widths[2]}}  "
        f"{line[3]:<{widths[3]}}  {line[4]}".rstrip()
        for line in lines
    )


def as_json(columns: list[ColumnReport], **more: Any) -> str:
    """The report for programs."""
    return json.dumps({**more, "columns": [asdict(column) for column in columns]}, ensure_ascii=False, indent=1)


def picture(columns: list[ColumnReport], rows: int, path: str | Path, title: str, form: str, most: int = 40) -> None:
    """Draw memory per column before and after, `form` png or svg; the largest `most` columns."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    per = max(rows, 1)
    shown = sorted(columns, key=lambda column: -column.before)[:most][::-1]
    figure, axes = plt.subplots(figsize=(9, 1.5 + 0.28 * max(len(shown), 1)), layout="constrained")
    places = list(range(len(shown)))
    axes.barh(places, [c.before / per for c in shown], height=0.8, color="#c9d3dc", label="pandas, object strings")
    axes.barh(places, [c.after / per for c in shown], height=0.5, color="#1b6ca8", label="now")
    axes.set_yticks(places, [c.name[:32] for c in shown], fontsize=_FONT)
    axes.set_xlabel("bytes a row", fontsize=_FONT)
    axes.tick_params(axis="x", labelsize=_FONT)
    before, after = sum(c.before for c in columns), sum(c.after for c in columns)
    axes.set_title(f"{title}: {before / 1e6:,.1f} MB → {after / 1e6:,.1f} MB", fontsize=_FONT + 2, loc="left")
    for place, column in zip(places, shown, strict=True):
        axes.text(
            max(column.before, column.after) / per,
            place,
            f" {column.before / per:.1f} → {column.after / per:.2f}",
            va="center",
            fontsize=_FONT,
        )
    axes.legend(loc="lower right", fontsize=_FONT, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.16)
    figure.savefig(path, dpi=150, format=form, metadata={"Date": None} if form == "svg" else None)
    plt.close(figure)
