"""What the end-to-end tests share: the real commands, in an environment of their own, on a warehouse of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.warehouses.templates import Templates
from tests.warm_commands import WarmCommands

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Finished:
    """A command that ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Shell:
    """Runs commands on the warehouse in `folder`, with nothing of this machine's configuration.

    With `warm`, `esios` and `dbt` need not import anything first.
    """

    folder: Path
    warm: WarmCommands | None = field(default=None, kw_only=True)

    @property
    def environment(self) -> dict[str, str]:
        """No configuration but the places where things go."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("ESIOS_", "MSSQL_", "DBT_"))}
        return clean | {
            "ESIOS_DUCKDB_PATH": str(self.folder / "esios.duckdb"),
            "DBT_TARGET_PATH": str(self.folder / "target"),
            "DBT_LOG_PATH": str(self.folder / "logs"),
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        }

    def __call__(self, *command: str, timeout: float = 120, **more: str) -> Finished:
        """Run a command from the repository's root."""
        environment = self.environment | more
        if self.warm and self.warm.can_run(command, environment):
            return Finished(*self.warm.run(command, environment, ROOT, timeout))
        done = subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def esios(self, *arguments: str, **more: str) -> Finished:
        """`esios …`."""
        return self("esios", *arguments, **more)

    def job(self, *simulator: str, arguments: tuple[str, ...] = (), **more: str) -> Finished:
        """The main job over a simulator of its own, as `make run` does it."""
        span = ("--start", "2017-01-01", "--end", "2018-12-31", "--out", str(self.folder / "out.csv"))
        return self(sys.executable, "-m", "simulator", *simulator, "--", "esios", "run", *span, *arguments, **more)


@pytest.fixture(scope="session")
def new_shell(templates: Templates) -> Callable[[Path], Shell]:
    """Makes shells on an empty warehouse in a folder; their dbt finds the project parsed."""

    def make(folder: Path) -> Shell:
        from tests.warehouses.project import leave_parsed

        shell = Shell(folder)
        leave_parsed(templates, folder / "target", folder / "esios.duckdb")
        return shell

    return make


@pytest.fixture
def shell(new_shell: Callable[[Path], Shell], tmp_path: Path) -> Shell:
    """A shell on an empty warehouse."""
    return new_shell(tmp_path)


@pytest.fixture
def api() -> Callable[[str], Mapping[str, str]]:
    """The variables that point `esios` at a server."""
    return lambda url: {"ESIOS_BASE_URL": url, "ESIOS_API_KEY": "sesame"}
