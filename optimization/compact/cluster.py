"""The same scan on a dask cluster: a file a task, one schema for all of them, settled on the client."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from optimization.compact.encoded import Encoded
from optimization.compact.plan import Plan, decide, summary
from optimization.compact.scan import Reading, Scanned, scan, settle
from optimization.compact.source import Source
from optimization.files import dask_client


def scan_on_cluster(
    sources: list[Source], reading: Reading, given: dict[str, Plan] | None, scheduler: str | None
) -> tuple[Scanned, dict[str, Plan]]:
    """Read each file on a worker, decide the schema from what all of them found, and fetch the columns in that schema.

    The workers need the files under the same paths. Results are put together in the order of the files: they are
    those of the local engine.
    """
    with dask_client(scheduler) as client:
        paths = [source.path for source in sources]
        scanned = client.map(_scan_file, paths, reading=reading, given=given, pure=False)
        seen = client.gather(client.map(_summaries, scanned, pure=False))
        names = seen[0]["names"]
        plans = {
            name: given[name] if given else decide(name, [c for part in seen for c in part["columns"][name]])
            for name in names
        }
        for source, part in zip(sources, seen, strict=True):
            source.encoding = part["encoding"]
        settled = client.map(_settle_file, paths, scanned, reading=reading, plans=plans, pure=False)
        whole = Scanned(names, {name: [] for name in names})
        for future in settled:
            part, found = future.result()
            for name in names:
                whole.columns[name] += part.columns[name]
                if found[name].kind != plans[name].kind:  # a file's numbers had to be read as text again
                    plans[name] = found[name]
            whole.rows += part.rows
            whole.repeated_headers += part.repeated_headers
    return whole, plans


def _scan_file(path: str, reading: Reading, given: dict[str, Plan] | None) -> tuple[Scanned, str]:
    source = reading.open(path)
    return scan(source, reading, given), source.encoding


def _summaries(result: tuple[Scanned, str]) -> dict[str, Any]:
    scanned, encoding = result
    columns: dict[str, list[Encoded]] = {
        name: [summary(chunk) for chunk in chunks] for name, chunks in scanned.columns.items()
    }
    return {"names": scanned.names, "columns": columns, "encoding": encoding}


def _settle_file(
    path: str, result: tuple[Scanned, str], reading: Reading, plans: dict[str, Plan]
) -> tuple[Scanned, dict[str, Plan]]:
    """One file's columns in the schema of all files; texts that only the file has are read once more, here."""
    scanned, encoding = result
    source = reading.open(path)
    source.encoding = encoding
    # The scan stays on the worker for a retry: its lists are not emptied.
    copy = replace(scanned, columns=dict(scanned.columns))
    found = dict(plans)
    copy.columns = settle([source], reading, copy, found)
    return copy, found
