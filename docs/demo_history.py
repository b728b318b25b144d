"""Seventy mornings in fast motion: `python -m docs.demo_history warehouse/demo.duckdb`.

Each morning of January to March 2024, at 06:45 in Madrid, a simulated ESIOS is asked for what is new, as `esios watch`
does on real mornings; the clocks of both sides are set to that morning. So the warehouse knows what was known when. The
same code gives the same warehouse everywhere.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence
from pathlib import Path

import simulator
from extract.errors import EsiosError, UsageError
from extract.extraction import Request, extract
from extract.registry import find_indicators
from extract.settings import load_settings
from extract.windows import MADRID

FIRST_MORNING = dt.datetime(2024, 1, 1, 6, 45, tzinfo=MADRID)
MORNINGS = 70
LAST_MORNING = (FIRST_MORNING + dt.timedelta(days=MORNINGS - 1)).astimezone(dt.UTC).replace(tzinfo=None)

INDICATORS = ("460", "1293")  # REE's forecast of the demand, and the demand as measured


def make_history(database: Path) -> str:
    """Land what each morning says, in a DuckDB file that does not exist yet; gives a line that says what was done.

    `UsageError` if the file exists; what `extract` raises otherwise.
    """
    if database.exists():
        raise UsageError(f"{database} exists", "name a new file, or delete it")
    morning = FIRST_MORNING
    with simulator.serve(clock=lambda: morning) as server:
        variables = {
            "ESIOS_DUCKDB_PATH": str(database),
            "ESIOS_BASE_URL": server.url,
            "ESIOS_API_KEY": simulator.DEMO_KEY,
            "ESIOS_WINDOW": "month",
            "ESIOS_REQUESTS_PER_SECOND": "1000",
        }
        settings = load_settings(variables, dotenv=database.with_name("no.env"))
        indicators = find_indicators(INDICATORS)
        requests = landed = 0
        for number in range(MORNINGS):
            morning = FIRST_MORNING + dt.timedelta(days=number)
            start = None if number else FIRST_MORNING.date()  # the others resume there
            now = morning.astimezone(dt.UTC).replace(tzinfo=None)
            done = extract(settings, Request(indicators, start), now=lambda now=now: now, quiet=True)  # type: ignore[misc]
            if done.error:
                raise done.error
            requests += done.total("requests")
            landed += done.total("responses_landed")
    days = f"{FIRST_MORNING:%Y-%m-%d} to {morning:%Y-%m-%d}"
    return f"{MORNINGS} mornings, {days}: {requests} requests, {landed} responses landed in {database}"


def main(arguments: Sequence[str]) -> int:
    """The exit code, as everywhere."""
    if len(arguments) != 1:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return UsageError.exit_code
    try:
        print(make_history(Path(arguments[0]).absolute()))
    except EsiosError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
