"""Warehouses to be had in a test's folder: empty, or judged."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from dbt.contracts.graph.manifest import Manifest

from tests.warehouses import judged
from tests.warehouses.landed import Warehouse
from tests.warehouses.project import FILE
from tests.warehouses.templates import Templates


@dataclass(frozen=True)
class Makers:
    """Each call gives a warehouse of its own, to be read or changed."""

    templates: Templates
    manifest: Manifest

    def empty(self, folder: Path) -> Warehouse:
        """The landing tables with nothing in them; a warehouse that is there already stays as it is."""
        return Warehouse(folder, self.manifest)

    def judged(self, folder: Path) -> Warehouse:
        """A copy of the judged warehouse, built once a run of the tests."""
        template = self.templates.folder("judged", lambda made: judged.fill(self.empty(made)))
        shutil.copy(template / FILE, folder / FILE)
        return self.empty(folder)
