"""The house of the optimizations: two doors, two rooms, every arrow down, no module too long to read at once."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "optimization"
DOORS = {"optimization.speed", "optimization.memory"}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}


def imported_by(path: Path) -> set[str]:
    """The modules of the package that a module imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names] + [str(node.module)]
        else:
            continue
        found.update(name for name in names if name in MODULES)
    return found - {"optimization", "optimization.compact", "optimization.distance"}


def test_no_module_imports_a_door_and_no_import_goes_round_in_a_circle() -> None:
    arrows = {name: imported_by(path) for name, path in MODULES.items()}
    assert {name: found & DOORS for name, found in arrows.items() if found & DOORS} == {}
    order = list(TopologicalSorter(arrows).static_order())  # CycleError names a circle
    assert set(order) == set(MODULES)


def test_the_rooms_know_nothing_of_each_other() -> None:
    for room, other in (("compact", "distance"), ("distance", "compact")):
        crossing = [
            name
            for name, path in MODULES.items()
            if name.startswith(f"optimization.{room}.")
            and any(found.startswith(f"optimization.{other}") for found in imported_by(path))
        ]
        assert crossing == []


def test_no_module_is_longer_than_500_lines() -> None:
    lengths = {name: path.read_text(encoding="utf-8").count("\n") for name, path in MODULES.items()}
    assert {name: length for name, length in lengths.items() if length > 500} == {}
