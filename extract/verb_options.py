"""What several verbs share: their options, `--json` and `--debug`, and how a verb ends."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import date
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from extract.argument_types import DAY, NAME
from extract.errors import EXIT_INTERRUPTED, EsiosError, UsageError
from extract.streams import takes_every_character

if TYPE_CHECKING:
    from extract.extraction import Request


def verb(function: Callable[..., int | None]) -> Callable[..., None]:
    """Give a verb `--json` and `--debug`, and turn the errors that a user can meet into a message and an exit code."""

    @click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
    @click.option("--debug", is_flag=True, help="Show the traceback of an error.")
    @wraps(function)
    def wrapped(as_json: bool, debug: bool, **arguments: Any) -> None:
        try:
            code = function(as_json=as_json, **arguments) or 0
        except KeyboardInterrupt:
            click.echo("Interrupted. Landed data is kept; run the same command again to resume.", err=True)
            code = EXIT_INTERRUPTED
        except (EsiosError, OSError) as error:
            if debug:
                raise
            code = error.exit_code if isinstance(error, EsiosError) else EsiosError.exit_code
            if as_json:
                print_json({"error": str(error), "exit_code": code}, indent=None)
            click.echo(f"Error: {error}", err=True)
        sys.exit(code)

    return wrapped


def print_json(document: Any, indent: int | None = 2) -> None:
    """A result for programs."""
    from extract.status import as_utc_text

    click.echo(json.dumps(document, ensure_ascii=not takes_every_character(), indent=indent, default=as_utc_text))


def say(line: str) -> None:
    """A line for people, beside the result."""
    click.echo(line, err=True)


def confirm(question: str) -> None:
    """Ask on stderr; `UsageError` unless the user says yes."""
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:  # no terminal, or Ctrl-D
        click.echo(err=True)
        agreed = False
    if not agreed:
        raise UsageError("not confirmed, so nothing was changed", "type y, or add --yes")


Function = Callable[..., Any]


def _with(*options: Callable[[Function], Function]) -> Callable[[Function], Function]:
    """Several options at once, in this order."""

    def decorated(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return decorated


def with_days(*, required: bool = False) -> Callable[[Function], Function]:
    """The first and the last day of a span."""
    return _with(
        click.option("--start", type=DAY, required=required, help="First Madrid day, yyyy-mm-dd."),
        click.option("--end", type=DAY, required=required, help="Last Madrid day, included."),
    )


with_indicators = _with(
    click.option(
        "--indicator",
        "indicators",
        type=NAME,
        multiple=True,
        metavar="ID_OR_NAME",
        help="Repeat for several [default: 460].",
    )
)
with_span = _with(
    with_indicators,
    click.option("--all", "every", is_flag=True, help="Every registered indicator, for the days that it has."),
    with_days(),
    click.option("--refresh", is_flag=True, help="Ask again for windows that are closed."),
)
with_selection = _with(
    with_days(),
    click.option("--areas", metavar="ID,ID", help="Only these areas [default: all]."),
    click.option("--as-of", metavar="INSTANT", help="As known then: yyyy-mm-ddTHH:MM:SS, UTC unless it has an offset."),
    click.option(
        "--known-before",
        metavar="RULE",
        help="As known at a cutoff for each period: D-1T12:00 (Madrid clock, D its Madrid day) or PT24H before its"
        " start.",
    ),
    click.option("--versions", metavar="latest|first|all", help="Which of the known versions [default: latest]."),
    click.option("--trust-sealing", is_flag=True, help="First versions of sealed series count from their sealing on."),
    click.option("--wide", is_flag=True, help="One row a period start, one column an indicator and area."),
    click.option(
        "--tz", metavar="ZONE", help="Write instants in this zone, such as Europe/Madrid [default: naive UTC]."
    ),
)
with_alarms = _with(
    click.option(
        "--metrics",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Write Prometheus metrics too.",
    ),
    click.option("--notify", "notify_url", metavar="URL", help="Post each change of state to this webhook."),
)


def request_of(
    indicators: tuple[str, ...],
    every: bool = False,
    start: date | None = None,
    end: date | None = None,
    refresh: bool = False,
) -> Request:
    """What the options of `with_span` ask for."""
    from extract.extraction import Request
    from extract.registry import default_indicators, find_indicators, registry

    if indicators and every:
        raise UsageError("--all and --indicator contradict each other", "leave one of them out")
    wanted = registry() if every else find_indicators(indicators) if indicators else default_indicators()
    return Request(wanted, start, end, refresh, clip=every)
