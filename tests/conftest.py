"""What the tests of any subject may use: what this run has made once, the parsed project, and warehouses on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hypothesis
import pytest
from hypothesis import HealthCheck

from tests.warehouses.templates import Templates
from tests.warm_commands import WarmCommands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbt.contracts.graph.manifest import Manifest

    from tests.warehouses.makers import Makers

# A property takes as long as the machine needs; the examples of a test share its fixtures, such as a folder.
hypothesis.settings.register_profile(
    "house", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
hypothesis.settings.load_profile("house")

# Imported where it is needed: dbt alone takes two seconds, and most subjects never run it in the tests' process.


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """What this run has made once for all of its workers."""
    return Templates.of_this_run(tmp_path_factory)


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmCommands]:
    """What a worker's commands are forked from."""
    commands = WarmCommands()
    yield commands
    commands.close()


@pytest.fixture(scope="session")
def manifest(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manifest]:
    """The parsed project. Not to be changed: see `with_registry` and `with_entry`."""
    from tests.warehouses.project import parse, registry_of

    parsed = parse(templates, tmp_path_factory.mktemp("parsed"))
    registry = registry_of(parsed)
    yield parsed
    assert registry_of(parsed) == registry, "a test has changed the registry of all that came after it"


@pytest.fixture(scope="session")
def warehouses(templates: Templates, manifest: Manifest) -> Makers:
    """Makes warehouses in a test's folder."""
    from tests.warehouses.makers import Makers

    return Makers(templates, manifest)
