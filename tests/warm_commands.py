"""`esios` and `dbt` without the wait for their imports, which are most of a short command.

Each command is still a process of its own, with its own environment, streams and exit code: a fork of one that has
imported what they import, and has done nothing else.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path

from extract.streams import end_at_once

# The modules that a command imports sooner or later, and the one that is its console script.
IMPORTS = {
    "esios": (
        "extract.__main__",
        "extract.catalogue.lookup",
        "extract.check",
        "extract.extraction",
        "extract.known_values",
        "extract.load",
        "extract.main_job",
        "extract.status",
        "extract.warehouse.duckdb",
    ),
    "dbt": ("extract.dbt_command", "extract.warehouse.duckdb", "dbt.cli.main", "dbt.adapters.duckdb"),
}
# What a process takes from its environment only while it starts.
READ_AT_THE_START = ("PYTHON", "LC_", "LANG", "LD_", "TZ")


class WarmCommands:
    """Starts the process that is forked, and asks it for forks."""

    def __init__(self) -> None:
        requests, self._requests = os.pipe()
        theirs, responses = os.pipe()
        self._responses = os.fdopen(theirs)
        self._asked = 0
        command = [sys.executable, "-m", "tests.warm_commands", str(requests), str(responses)]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("ESIOS_", "MSSQL_", "DBT_"))}
        self._process = subprocess.Popen(
            command,
            env=clean | {"OPENBLAS_NUM_THREADS": "1"},  # a fork has none of its parent's other threads
            cwd=Path(__file__).resolve().parents[1],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(requests, responses),
        )
        os.close(requests)
        os.close(responses)

    @staticmethod
    def can_run(command: Sequence[str], environment: Mapping[str, str]) -> bool:
        """Whether it is one of the two, in an environment that a process may still change to after its start."""
        return command[0] in IMPORTS and all(
            environment.get(name) == os.environ.get(name)
            for name in environment.keys() | os.environ.keys()
            if name.startswith(READ_AT_THE_START)
        )

    def run(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, timeout: float
    ) -> tuple[int, str, str]:
        """Run it to its end; gives its exit code, stdout and stderr. SIGALRM ends it after `timeout` seconds."""
        with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
            self._asked += 1
            request = [self._asked, command, environment, str(folder), out.name, err.name, timeout]
            os.write(self._requests, json.dumps(request).encode() + b"\n")
            for line in self._responses:
                number, code = map(int, line.split())
                if number == self._asked:  # not of a command that a test gave up
                    return code, out.read().decode(), err.read().decode()
        raise RuntimeError("the process that is forked has ended; its last words are on stderr")

    def close(self) -> None:
        """End it."""
        os.close(self._requests)
        self._process.wait()
        self._responses.close()


def serve(requests: int, responses: int) -> Callable[[], object]:
    """Fork for each request; returns in a fork alone, with the main function of its command."""
    with os.fdopen(requests) as lines:
        for line in iter(lines.readline, ""):
            number, command, environment, folder, out, err, timeout = json.loads(line)
            for module in IMPORTS[command[0]]:
                import_module(module)
            gc.freeze()  # stays shared with the forks, whose collections leave it out
            if not (child := os.fork()):
                break
            _, status = os.waitpid(child, 0)
            os.write(responses, f"{number} {os.waitstatus_to_exitcode(status)}\n".encode())
        else:
            os._exit(0)
    os.close(responses)
    signal.setitimer(signal.ITIMER_REAL, timeout)
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = command
    main: Callable[[], object] = import_module(IMPORTS[command[0]][0]).main
    return main


if __name__ == "__main__":
    command = serve(int(sys.argv[1]), int(sys.argv[2]))
    try:
        command()
    except SystemExit as end:
        threading._shutdown()  # type: ignore[attr-defined]
        # To take the shared modules apart would take longer than most commands.
        end_at_once(int(end.code or 0))
