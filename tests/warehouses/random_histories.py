"""What tests with random histories share: a project with a registry of their own, and short-lived warehouses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dbt.contracts.graph.manifest import Manifest
from hypothesis import Phase, settings

from tests.warehouses.landed import Warehouse
from tests.warehouses.project import registry_of, with_registry

# Each example is many histories and some runs of dbt. The first seed is always 0.
few_seeds = settings(max_examples=2, phases=(Phase.explicit, Phase.reuse, Phase.generate))


class Parsed:
    """The parsed project, whose own repr is megabytes long."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest


def naive(instant: datetime | None) -> datetime | None:
    """An instant as the warehouse holds it."""
    return instant and instant.astimezone(UTC).replace(tzinfo=None)


def registered(manifest: Manifest, entries: Iterable[Mapping[str, Any]]) -> Manifest:
    """The project with a registry of these entries, each like that of 460 but for what it says itself."""
    meta = registry_of(manifest)
    pattern = next(one for one in meta["indicators"] if one["id"] == 460)
    meta["indicators"] = [{**pattern, "name": f"history {entry['id']}", **entry} for entry in entries]
    return with_registry(manifest, meta)


@contextmanager
def empty_warehouse(manifest: Manifest) -> Iterator[Warehouse]:
    """A warehouse for one example of a property."""
    with TemporaryDirectory() as folder:
        yield Warehouse(Path(folder), manifest)
