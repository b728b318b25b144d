"""`dbt build` in a process of its own: started before its turn, so that it imports meanwhile, and run when asked."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from extract.dbt_command import note_ignored, prepare_environment
from extract.errors import UsageError, WarehouseError
from extract.settings import Settings


def build(settings: Settings, *, quiet: bool = False) -> list[str]:
    """Start and run at once, see `DbtBuild.run`."""
    with DbtBuild(settings, quiet=quiet) as dbt:
        return dbt.run()


class DbtBuild:
    """A context. It touches neither the warehouse nor a file before `run`; left without `run`, nothing happens.

    `quiet`: of dbt's output only errors.
    """

    def __init__(self, settings: Settings, *, quiet: bool = False) -> None:
        self._environment = dict(os.environ)
        self._ignored = prepare_environment(settings, self._environment)
        # Text colours are for terminals.
        options = [*([] if sys.stderr.isatty() else ["--no-use-colors"]), *(["--quiet"] if quiet else [])]
        # The models' unit tests prove the code, not the data: they are part of `make test`.
        options += ["build", "--exclude-resource-type", "unit_test"]
        self._command = [sys.executable, "-m", "extract.dbt_command", *options]

    def __enter__(self) -> DbtBuild:
        # No other thread of ours runs by now, so that code between fork and exec is safe.
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=sys.stderr,
            preexec_fn=_ignore_interrupts,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it by SIGTERM, without a word; the warehouse rolls back what was open."""
        self._process.terminate()
        self._process.communicate()

    def run(self) -> list[str]:
        """`dbt build`, its output on stderr; the data tests that found something, a line each.

        `WarehouseError` if a model could not be built, or dbt could not even begin; `UsageError` if a setting is why.
        """
        note_ignored(self._ignored)
        target = Path(self._environment["DBT_TARGET_PATH"])
        results = target / "run_results.json"
        results.unlink(missing_ok=True)
        shutil.rmtree(target / "run", ignore_errors=True)  # dbt writes each statement there before it is run
        self._process.communicate(b"run")
        code = self._process.returncode
        try:
            everything = json.loads(results.read_text("utf-8"))["results"]
        except (OSError, ValueError):  # missing, or cut off
            if not (target / "run").exists():
                remedy = "read its message above; nothing was built"
                if code == UsageError.exit_code:
                    raise UsageError("dbt refused to begin", remedy) from None
                raise WarehouseError("dbt could not begin", remedy) from None
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise WarehouseError(
                f"dbt ended with {how} and left no results in {results}",
                "read its message above; what was built before stays; run it again",
            ) from None
        return _findings(everything, code)


def _findings(everything: list[dict[str, Any]], code: int) -> list[str]:
    # The hook that stores the results is not part of the build: dbt reports that it failed, and nothing stops.
    nodes = [node for node in everything if not node["unique_id"].startswith("operation.")]
    broken = [node for node in nodes if node["status"] == "error"]
    if broken:
        names = ", ".join(_name(node) for node in broken)
        raise WarehouseError(f"dbt could not build {names}", "read its message above; what was built before stays")
    failed = [
        f"{node['status']}: {_name(node)}: {node['message']}" for node in nodes if node["status"] in ("warn", "fail")
    ]
    if code and not failed and all(node["status"] != "error" for node in everything):
        raise WarehouseError(f"dbt ended with {code}", "read its message above")
    return failed


def _name(node: dict[str, Any]) -> str:
    return str(node["unique_id"]).split(".")[2]


def _ignore_interrupts() -> None:
    """Deaf to Ctrl-C, which reaches dbt as well as us: it would print tracebacks. We end it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
