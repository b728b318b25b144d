"""`python -m simulator [options] [-- COMMAND …]`: serve until a signal, or for as long as a command runs."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from simulator import demand, faults
from simulator.responses import BadQuery, BadSeries
from simulator.server import DEMO_KEY, Server

ROOT = Path(__file__).resolve().parent.parent
VARIABLES = ("ESIOS_API_KEY", "ESIOS_BASE_URL")
USAGE = 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description="The simulated ESIOS. Prints its URL when it is ready and serves until SIGINT or SIGTERM; "
        "after -- it serves a command and ends with its exit code.",
        usage="%(prog)s [options] [-- COMMAND [ARG …]]",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument("--series", type=Path, metavar="FILE.csv", help="460 from this file (tz_time,value)")
    parser.add_argument("--latency-ms", type=float, default=0.0, metavar="MS", help="wait so long before each response")
    parser.add_argument("--now", metavar="ISO", help="the simulated time, frozen (default: the real clock)")
    parser.add_argument("--key", help="accept this key only (default: any)")
    parser.add_argument("--refuse-key", action="append", default=[], metavar="KEY", help="refuse this key (repeatable)")
    parser.add_argument("--tls", nargs=2, type=Path, metavar=("CERT", "KEY"), help="serve https with these PEM files")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="RULE",
        help="KIND[:VALUE][,NAME=VALUE…] or a JSON object, repeatable: status:503,times=2 · cut_body,nth=1 · firewall. "
        f"Kinds: {', '.join(sorted(faults.KINDS))}",
    )
    parser.add_argument(
        "--unless-configured",
        action="store_true",
        help=f"with a command: only if {' and '.join(VARIABLES)} are set neither in the environment nor in .env",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; the exit code: 0 ended by a signal, 2 wrong usage, with a command the command's."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    command: list[str] = []
    if "--" in given:
        cut = given.index("--")
        given, command = given[:cut], given[cut + 1 :]
        if not command:
            _parser().error("a command must follow --")
    options = _parser().parse_args(given)
    if command and shutil.which(command[0]) is None:
        return _wrong(f"no such command: {command[0]}")
    if options.unless_configured:
        if not command:
            return _wrong("--unless-configured needs a command after --")
        if configured():
            os.execvp(command[0], command)  # noqa: S606 (the command takes our place, signals and exit code included)
    try:
        server = Server(
            faults=[faults.parse(rule) for rule in options.fault],
            latency_ms=options.latency_ms,
            series=options.series,
            clock=options.now,
            key=options.key,
            refused_keys=options.refuse_key,
            host=options.host,
            port=options.port,
            tls=tuple(options.tls) if options.tls else None,
        )
    except (BadSeries, BadQuery) as error:
        return _wrong(str(error))
    except (ssl.SSLError, OSError, OverflowError) as error:
        return _wrong(f"cannot serve on {options.host} port {options.port}: {error}")
    except ValueError as error:
        return _wrong(f"--fault: {error}")
    with server:
        # The holidays take a quarter of a second to import: meanwhile the client is still starting.
        threading.Thread(target=demand.holidays_of, args=(2017,), daemon=True).start()
        return _run(server, command, options.key or DEMO_KEY) if command else _wait(server)


def _wrong(message: str) -> int:
    print(f"python -m simulator: {message}", file=sys.stderr)
    return USAGE


def configured() -> bool:
    """Whether the environment or `.env` in the repository's root says which ESIOS to ask."""
    from dotenv import dotenv_values

    path = ROOT / ".env"
    try:
        from_file = dotenv_values(path, interpolate=False) if path.is_file() else {}
    except (OSError, UnicodeDecodeError):
        # Not ours to judge: the command reads the same file and says what is wrong with it.
        return True
    return any((os.environ.get(name) or from_file.get(name) or "").strip() for name in VARIABLES)


def _wait(server: Server) -> int:
    stop = threading.Event()

    def ended(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ended)
    print(server.url, flush=True)
    stop.wait()
    return 0


def _run(server: Server, command: list[str], key: str) -> int:
    """Run the command against the server, pass signals on, and give its exit code (128 + n if a signal ended it)."""
    lines = (
        "The data is SIMULATED: it comes from a simulator, not from REE,",
        f"at {server.url}, for as long as this command runs.",
        "For the real API put your personal token into .env:  ESIOS_API_KEY=<token>",
    )
    width = max(map(len, lines))
    box = ["┌" + "─" * (width + 2) + "┐", *(f"│ {line:<{width}} │" for line in lines), "└" + "─" * (width + 2) + "┘"]
    print("\n".join(box), file=sys.stderr, flush=True)
    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        if child is None:
            early.append(number)
        elif not (number == signal.SIGINT and _in_foreground()) and child.poll() is None:
            child.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, pass_on)
    environment = {**os.environ, "ESIOS_BASE_URL": server.url, "ESIOS_API_KEY": key}
    try:
        child = subprocess.Popen(command, env=environment)
    except OSError as error:
        return _wrong(f"cannot run {command[0]}: {error.strerror}")
    for missed in early:
        child.send_signal(missed)
    code = child.wait()
    return 128 - code if code < 0 else code


def _in_foreground() -> bool:
    """Whether a Ctrl-C on the terminal reaches the command anyway: it shares our process group."""
    try:
        return os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        # A Ctrl-C before the handlers are in place.
        sys.exit(128 + signal.SIGINT)
