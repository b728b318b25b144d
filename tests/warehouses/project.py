"""The dbt project: parsed once in a run of the tests, and dbt on it in this process or in another."""

from __future__ import annotations

import gc
import os
import pprint
import shutil
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.config.runtime import load_profile
from dbt.contracts.files import FileHash
from dbt.contracts.graph.manifest import Manifest
from dbt.flags import set_from_args
from dbt_common.context import set_invocation_context

from extract.dbt_command import prepare_environment
from extract.settings import load_settings
from tests.warehouses.templates import Templates

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "dbt_project"
PROFILES = ROOT / "profiles"
# dbt writes the database's name, which is the file's, into what it parsed: all files of the tests are called alike.
FILE = "esios.duckdb"
PARSED = "partial_parse.msgpack"
REGISTRY_MODEL = "model.esios_elt.esios_indicators"


def dbt(
    folder: Path, *arguments: str, manifest: Manifest | None = None, project: Path = PROJECT, file: Path | None = None
) -> dbtRunnerResult:
    """Run dbt in this process: what it writes goes into `folder`, its tables into a DuckDB `file` (default: there)."""
    where = ["--project-dir", str(project), "--profiles-dir", str(PROFILES)]
    where += ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    quiet = ["--quiet", "--log-level", "none", "--log-level-file", "none", "--no-write-json"]
    with environment_for(file or folder / FILE), no_garbage_collection():
        outcome = dbtRunner(manifest=manifest).invoke([*arguments, *where, *quiet])
    DuckDBConnectionManager.close_all_connections()  # nothing holds the file between calls
    return outcome


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """What dbt makes lives until it ends: to look for garbage meanwhile takes a sixth of its time, and finds none."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def environment_for(file: Path) -> Iterator[None]:
    """The variables that dbt is started with, for that warehouse and nothing else of this machine's configuration."""
    given: dict[str, str] = {}
    prepare_environment(load_settings({"ESIOS_DUCKDB_PATH": str(file)}, dotenv=Path(os.devnull)), given)
    with pytest.MonkeyPatch.context() as environment:
        for name, value in given.items():
            environment.setenv(name, value)
        yield


def parse(templates: Templates, folder: Path) -> Manifest:
    """The parsed project; the first worker of a run parses it, the others read what it has left."""
    template = templates.folder("project", lambda made: _parse(made, made))
    shutil.copytree(template / "target", folder / "target")
    return _parse(folder, template)


def _parse(folder: Path, place: Path) -> Manifest:
    # Where the warehouse lies is a part of what dbt compares: the same place for each worker.
    outcome = dbt(folder, "parse", file=place.parent / "project" / FILE)
    assert outcome.success, outcome.exception
    assert isinstance(outcome.result, Manifest)
    return outcome.result


def registry_of(manifest: Manifest) -> dict[str, Any]:
    """A copy of the registry of a parsed project, to be changed: dbt's own `deepcopy` of the project shares it."""
    return deepcopy(manifest.nodes[REGISTRY_MODEL].config.meta)


def with_registry(manifest: Manifest, meta: Mapping[str, Any]) -> Manifest:
    """A copy of a parsed project, with another registry."""
    changed = manifest.deepcopy()
    changed.nodes[REGISTRY_MODEL].config.meta = dict(meta)
    changed.build_flat_graph()
    return changed


def with_entry(manifest: Manifest, indicator: int, **keys: Any) -> Manifest:
    """A copy of a parsed project, with an indicator registered otherwise."""
    meta = registry_of(manifest)
    [entry] = [one for one in meta["indicators"] if one["id"] == indicator]
    entry.update(keys)
    return with_registry(manifest, meta)


def leave_parsed(templates: Templates, target: Path, database: Path) -> None:
    """Put the parsed project where a `dbt` in a process of its own will look for it: half of its time is parsing.

    dbt takes it if it was made by the same dbt from the same files for the same connection, and parses all of it
    otherwise. The connection is the one thing that differs here: its checksum is replaced.
    """
    template = templates.folder("project", lambda made: _parse(made, made))
    content = (template / "target" / PARSED).read_bytes()
    theirs, ours = (_checksum(file).encode() for file in (template / FILE, database))
    assert content.count(theirs) == 1, "dbt no longer compares connections by this checksum"
    target.mkdir(parents=True, exist_ok=True)
    (target / PARSED).write_bytes(content.replace(theirs, ours))


def _checksum(database: Path) -> str:
    """Of the connection, as dbt.parser.manifest computes it."""
    with environment_for(database):
        set_invocation_context(dict(os.environ))
        set_from_args(Namespace(PROFILES_DIR=str(PROFILES)), None)
        credentials = load_profile(str(PROJECT), {}).credentials
    checksum: str = FileHash.from_contents(pprint.pformat(sorted(credentials.connection_info()))).checksum
    return checksum
