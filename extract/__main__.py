"""The command line `esios`: verbs only; what each does is in the module of its name."""

from __future__ import annotations

import json
import os
import signal
import threading
from datetime import date
from pathlib import Path
from typing import Any

import click

from extract.argument_types import A_DAY_OF_SECONDS, A_MONTH_OF_MINUTES, NAME, Span
from extract.counted import counted
from extract.errors import UsageError
from extract.settings import load_settings
from extract.streams import exit_code_after_output, make_tolerant, takes_every_character
from extract.verb_options import (
    confirm,
    print_json,
    request_of,
    say,
    verb,
    with_alarms,
    with_days,
    with_indicators,
    with_selection,
    with_span,
)
from extract.verbs import Verbs


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
def cli() -> None:
    """ESIOS (REE), the data of the Spanish power market: from the API to tested tables and files.

    `esios VERB --help` has the options and examples of a verb. Settings come from the environment or from .env
    (.env.example lists them all). Progress goes to stderr, results to stdout; --json gives results for programs.
    """


@cli.command(
    section="get", examples=["esios extract", "esios extract --indicator 600 --start 2025-10-01 --end 2025-10-31"]
)
@with_span
@verb
def extract(as_json: bool, **span: Any) -> int:
    """Land what is new: each response of the API as it came, in raw_esios.indicator_responses.

    Without dates it resumes where the last run ended; an empty warehouse begins with the series' first day. Days are
    Madrid days, both included.
    """
    from extract.extraction import extract as extract_request

    summary = extract_request(load_settings(), request_of(**span))
    if not as_json:
        click.echo(summary.text())
    if summary.interrupted:
        raise KeyboardInterrupt
    if summary.error and not as_json:
        raise summary.error
    if as_json:
        print_json(summary.document())
    return summary.error.exit_code if summary.error else 0


@cli.command(
    section="get",
    examples=["esios run --start 2017-01-01 --end 2018-12-31", "esios run --indicator 600 --start 2025-10-01"],
)
@with_span
@click.option("--out", type=click.Path(path_type=Path), help="Where the CSV (or Parquet) goes [default: as export].")
@verb
def run(as_json: bool, out: Path | None, **span: Any) -> int:
    """Run the main job: extract, build and test the tables, export, print a summary.

    Without dates it resumes where the last run ended. Missing data does not stop it: what is present is published, what
    is missing is named, and the exit code is 1.
    """
    from extract.main_job import run_main_job, summary_text

    outcome = run_main_job(load_settings(), request_of(**span), out, say)
    if as_json:
        print_json(outcome.document())
    else:
        click.echo(summary_text(outcome))
    for error in outcome.errors:
        click.echo(f"Error: {error}", err=True)
    return outcome.exit_code


@cli.command(section="register", examples=['esios find "demanda real"'])
@click.argument("text", type=NAME)
@verb
def find(as_json: bool, text: str) -> None:
    """List the indicators of the catalogue whose (Spanish) name holds a text: id<TAB>name.

    Accents and case do not matter; an exact name comes first.
    """
    from extract.catalogue.find import find as find_in
    from extract.catalogue.lookup import Lookup

    with Lookup(load_settings(), say) as lookup:
        found = find_in(lookup.catalogue, text)
        if as_json:
            print_json([entry.document() for entry in found])
        else:
            for entry in found:
                click.echo(f"{entry.id}\t{entry.title}")


@cli.command(section="register", examples=["esios describe 600"])
@click.argument("indicator", metavar="ID_OR_NAME")
@verb
def describe(as_json: bool, indicator: str) -> None:
    """Show what is known of one indicator, registered or not.

    Unit, areas, cadence, first year with values, description, and what is landed; at most six requests.
    """
    from extract.catalogue.describe import describe as describe_one
    from extract.catalogue.lookup import Lookup

    settings = load_settings()
    with Lookup(settings, say) as lookup:
        described = describe_one(settings, indicator, lookup)
    if as_json:
        print_json(described.document())
    else:
        click.echo(described.text())


@cli.command(section="register", examples=["esios add 1739 --dry-run", "esios add 10211 --areas 8741 --kind price"])
@click.argument("indicators", metavar="ID_OR_NAME…", nargs=-1, required=True)
@click.option("--areas", metavar="ID,ID|all", help="The areas to extract [default: those that have values].")
@click.option("--kind", help="Of the registry, such as price [default: what the values are called].")
@click.option("--role", help="One word for what you use it as [default: from the short name].")
@click.option("--dry-run", is_flag=True, help="Print the entries, write nothing.")
@verb
def add(
    as_json: bool, indicators: tuple[str, ...], areas: str | None, kind: str | None, role: str | None, dry_run: bool
) -> None:
    """Register indicators of the catalogue, so that they can be extracted.

    Each entry is written from the catalogue and at most five requests for values; the registry's comments and order
    stay.
    """
    from extract.catalogue.add import Options, read_areas
    from extract.catalogue.add import add as add_all
    from extract.catalogue.lookup import Lookup

    options = Options(read_areas(areas), kind, role)
    with Lookup(load_settings(), say) as lookup:
        added = add_all(lookup, indicators, options, dry_run=dry_run)
    for note in added.notes:
        say(note)
    if as_json:
        print_json({"dry_run": dry_run, "file": str(added.path), "entries": added.entries, "notes": added.notes})
    else:
        click.echo(added.text)
        ids = " ".join(f"--indicator {entry['id']}" for entry in added.entries)
        click.echo("add: nothing was written" if dry_run else f"add: written; `esios extract {ids}` lands the values")


@cli.command(section="register", examples=["esios indicators"])
@verb
def indicators(as_json: bool) -> None:
    """List the registered indicators with their landed span and newest value."""
    from extract.catalogue.indicators import registered, table

    listed = registered(load_settings(), say)
    if as_json:
        print_json([one.document() for one in listed])
    else:
        click.echo(table(listed))


@cli.command(section="get", examples=["esios load predictions.csv --table raw_esios.predictions --mode upsert"])
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--table", required=True, help="An existing table: table or schema.table.")
@click.option(
    "--mode",
    type=click.Choice(["append", "upsert"]),
    default="append",
    show_default=True,
    help="Add rows, or replace those with the same key.",
)
@click.option("--key", help="Upsert: the columns that identify a row, as in id,datetime [default: the table's key].")
@verb
def load(as_json: bool, file: Path, table: str, mode: str, key: str | None) -> None:
    """Load a CSV or Parquet file into an existing table, all of it or nothing."""
    from extract.load import load_file
    from extract.warehouse import connect

    keys = [name.strip() for name in key.split(",")] if key else None
    with connect(load_settings(), create=False) as warehouse:
        done = load_file(warehouse, file, table, mode=mode, key=keys)
    if as_json:
        print_json({"table": done.table, "inserted": done.inserted, "updated": done.updated})
    else:
        click.echo(f"load: {counted(done.inserted, 'row')} inserted, {done.updated} updated in {done.table}")


@cli.command(
    section="use",
    examples=[
        "esios export --out demand.parquet",
        "esios export --indicator 460 --start 2018-01-01 --end 2018-01-07",
        "esios export --indicator 460 600 --known-before D-1T12:00 --wide --tz Europe/Madrid",
    ],
)
@click.option("--table", help="A table or view, whole [default: demand_forecast_esios].")
@click.option("--out", type=click.Path(path_type=Path), help="CSV or Parquet, by the ending [default: in exports/].")
@click.option(
    "--indicator",
    "indicators",
    multiple=True,
    metavar="ID_OR_NAME",
    help="Values of this indicator instead of a table.",
)
@with_selection
@click.argument("more", nargs=-1, metavar="[ID…]")
@verb
def export(
    as_json: bool,
    table: str | None,
    out: Path | None,
    indicators: tuple[str, ...],
    more: tuple[str, ...],
    **limits: Any,
) -> int:
    """Write a table, or the values of indicators as known now or then, to a CSV or Parquet file.

    The file is written whole or not at all. Further ids may follow the options: `--indicator 600 460`. Exit code 1 if
    nothing is landed of an indicator.
    """
    given = {name: value for name, value in limits.items() if value not in (None, False)}
    if indicators and table:
        raise UsageError("--table and --indicator are both given", "leave one of them out")
    if (given or more) and not indicators:
        without = more[0] if more else "--" + next(iter(given)).replace("_", "-")
        raise UsageError(f"{without} is given without --indicator", "name an indicator, or leave it out")
    if indicators:
        return _export_values(as_json, indicators + more, out, given)
    return _export_table(as_json, table, out)


def _export_table(as_json: bool, table: str | None, out: Path | None) -> int:
    from extract.export import MART, export_table
    from extract.warehouse import connect

    name = table or MART
    with connect(load_settings(), read_only=True) as warehouse:
        written = export_table(warehouse, name, out)
    if as_json:
        print_json({"table": name, "rows": written.rows, "file": str(written.path)})
    else:
        click.echo(f"export: {counted(written.rows, 'row')} of {name} to {written.path}")
    return 0


def _export_values(as_json: bool, indicators: tuple[str, ...], out: Path | None, given: dict[str, Any]) -> int:
    from extract.known_values import export_values
    from extract.selection import Selection
    from extract.warehouse import connect

    selection = Selection.of(indicators, **given)
    with connect(load_settings(), read_only=True) as warehouse:
        done = export_values(warehouse, selection, out)
    if as_json:
        print_json(done.document())
    else:
        click.echo(f"export: {counted(done.written.rows, 'row')} of {done.subject()} to {done.written.path}")
    for note in done.notes():
        click.echo(note, err=True)
    return done.exit_code


@cli.command(section="get", examples=["esios forget --indicator 460 --start 2018-01-01 --end 2018-01-31"])
@click.option("--indicator", "indicator", type=NAME, required=True, metavar="ID_OR_NAME", help="The indicator.")
@with_days(required=True)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation: for programs.")
@verb
def forget(as_json: bool, indicator: str, start: date, end: date, yes: bool) -> None:
    """Take back what is due of a span that was asked for by mistake.

    Landed responses stay. `dbt build` then judges the days again.
    """
    from extract.forget import forget as forget_span
    from extract.forget import plan
    from extract.registry import find_indicators
    from extract.warehouse import connect

    (wanted,) = find_indicators([indicator])
    settings = load_settings()
    with connect(settings, read_only=True) as warehouse:
        planned = plan(warehouse, wanted, start, end)
    if not yes:
        confirm(f"Take back {planned.text()}?")
    with connect(settings, create=False) as warehouse:
        forget_span(warehouse, planned)
    if as_json:
        print_json(vars(planned))
    else:
        click.echo(f"forget: {planned.text()}; run `dbt build` next")


@cli.command(
    "copy-landing",
    section="get",
    examples=["esios copy-landing --to spark", "esios copy-landing --to sqlserver --json"],
)
@click.option(
    "--to",
    "target",
    type=click.Choice(["duckdb", "sqlserver", "spark"]),
    required=True,
    help="The warehouse to copy to; its settings as if ESIOS_TARGET named it.",
)
@verb
def copy_landing(as_json: bool, target: str) -> None:
    """Copy the raw tables to another warehouse, for `dbt build` to make the other tables there.

    Only missing rows are added, a few a commit: the same command resumes a copy that was stopped. Each row is read
    back and compared, payloads by their hash. Rows of two sources never mix.
    """
    from extract.copy_landing import copy_landing as copy
    from extract.copy_landing import other_settings

    done = copy(load_settings(), other_settings(target), say)
    if as_json:
        print_json({"to": target, "tables": [vars(one) for one in done]})
    else:
        rows, copied = sum(one.rows for one in done), sum(one.copied for one in done)
        click.echo(
            f"copy-landing: {counted(rows, 'row')} on {target}, {copied} of them new; build with ESIOS_TARGET={target}"
        )


@cli.command(section="watch", examples=["esios lake optimize"])
@click.argument("action", type=click.Choice(["optimize"]), metavar="optimize")
@verb
def lake(as_json: bool, action: str) -> None:  # noqa: ARG001 - the only one
    """Keep the lake of ESIOS_TARGET=spark fast: join small files, delete old ones.

    What versions of the last ESIOS_LAKE_KEEP_HOURS (a week) need stays. Extracts go on meanwhile; it waits for a dbt
    run.
    """
    from extract.lake import optimize

    done = optimize(load_settings(), say)
    if as_json:
        print_json([vars(one) for one in done])
    else:
        click.echo("\n".join(one.text() for one in done) or "the lake is empty")


@cli.command(section="watch", examples=["esios status", "esios status --json"])
@verb
def status(as_json: bool) -> int:
    """Show what is landed, what is missing or bad, and the last runs.

    Exit code 1 if an hour is missing or a value is bad.
    """
    from extract.status import read_status
    from extract.warehouse import connect

    with connect(load_settings(), read_only=True) as warehouse:
        found = read_status(warehouse)
    if as_json:
        print_json(found.document())
    else:
        click.echo(found.text())
    return 1 if found.findings() else 0


@cli.command(section="use", examples=["esios report", "esios report --indicator 460 --out state.html"])
@click.option("--out", type=click.Path(path_type=Path), help="Where the page goes [default: exports/report.html].")
@click.option(
    "--indicator", "indicators", multiple=True, metavar="ID_OR_NAME", help="Only these curves [default: all landed]."
)
@verb
def report(as_json: bool, out: Path | None, indicators: tuple[str, ...]) -> None:
    """Write one HTML page with the state, the curves, the revisions and the findings of what is landed.

    The page needs no network and is in English and Spanish.
    """
    from extract.registry import find_indicators
    from extract.report import write_report

    written = write_report(load_settings(), out, indicators=[one.id for one in find_indicators(indicators)])
    if as_json:
        print_json({"file": str(written.path), "bytes": written.bytes, "state": written.state})
    else:
        state = ", ".join(f"{name}: {verdict}" for name, verdict in written.state.items())
        click.echo(f"report: {written.path} ({state})")


@cli.command(section="watch", examples=["esios check --days 14 --metrics /var/lib/node_exporter/esios.prom"])
@click.option("--days", type=click.IntRange(min=1), metavar="N", help="Judge only the last N due days [default: all].")
@with_alarms
@verb
def check(as_json: bool, days: int | None, metrics: Path | None, notify_url: str | None) -> int:
    """Check that everything is fresh, complete and good, for cron and monitoring.

    Exit code 1 if anything is wrong. The webhook gets a message only when the state changes.
    """
    from extract.check import run_check
    from extract.settings import configuration

    report = run_check(
        load_settings(),
        days=days,
        metrics=metrics,
        notify_url=notify_url or configuration().get("ESIOS_NOTIFY_URL"),
        say=say,
    )
    if as_json:
        print_json(report.document())
    else:
        click.echo(report.text())
    return report.exit_code


@cli.command(section="watch", examples=["esios watch --indicator 460 --indicator 600", "esios watch --once --json"])
@with_indicators
@click.option("--once", is_flag=True, help="One round, then exit with its code: for cron, systemd timers and CronJobs.")
@click.option(
    "--every",
    type=Span(min=0, min_open=True, max=A_MONTH_OF_MINUTES),
    metavar="MINUTES",
    help="Run every so many minutes [default: by the registry's watch_at].",
)
@click.option(
    "--jitter",
    type=Span(min=0, max=A_DAY_OF_SECONDS),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="Wait up to so long before each round, so that not everybody asks at once.",
)
@with_alarms
@verb
def watch(
    as_json: bool,
    indicators: tuple[str, ...],
    once: bool,
    every: float | None,
    jitter: float,
    metrics: Path | None,
    notify_url: str | None,
) -> int:
    """Extract, build and check at the hours at which ESIOS publishes, until stopped.

    It writes one log line a step, with --json one JSON document a line.
    """
    from datetime import timedelta

    from extract.health.notify import checked_url
    from extract.settings import configuration
    from extract.watch import Watcher, line, print_line, schedule_of

    wanted = request_of(indicators).indicators
    url = notify_url or configuration().get("ESIOS_NOTIFY_URL")
    watcher = Watcher(
        load_settings(),
        wanted,
        schedule_of(wanted, timedelta(minutes=every) if every else None, jitter),
        lambda record: print_line(
            json.dumps(record, ensure_ascii=not takes_every_character()) if as_json else line(record)
        ),
        metrics=metrics,
        notify_url=checked_url(url) if url else None,
    )
    return watcher.watch(once=once)


def main() -> None:
    """The console script. SIGTERM ends a run as cleanly as Ctrl-C does."""
    make_tolerant()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        cli(prog_name="esios")
    except SystemExit as end:
        code = exit_code_after_output(end)
        # Requests under way are not waited for: their responses are no longer required. Only here, where the process
        # is our own: another program that calls `cli` must not be ended.
        if any(thread.name.startswith("esios") for thread in threading.enumerate()):
            os._exit(code)
        raise SystemExit(code) from None


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
