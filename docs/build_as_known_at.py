"""docs/as_known_at.md, executed: its history is made, its Python is run, its output and its picture are renewed.

The history is two months of mornings: each day at 06:45 in Madrid a simulated ESIOS is asked for what is new, as
`esios watch` would, with the clocks of both sides set to that morning. The same code gives the same page everywhere.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from markdown_it import MarkdownIt

import simulator
from extract.extraction import Request, extract
from extract.registry import find_indicators
from extract.settings import load_settings
from extract.windows import MADRID

HERE = Path(__file__).resolve().parent
PAGE = HERE / "as_known_at.md"
PICTURE = HERE / "as_known_at.png"
FIRST_MORNING = dt.datetime(2024, 1, 1, 6, 45, tzinfo=MADRID)
MORNINGS = 70
MODELS = ("+esios_values", "stg_esios__counted_values")


def make_history(folder: Path) -> dict[str, str]:
    """Land what each morning has to say of 460 and 1293, build, and give the variables that name the warehouse."""
    morning = FIRST_MORNING
    variables = {
        "ESIOS_DUCKDB_PATH": str(folder / "history.duckdb"),
        "ESIOS_WINDOW": "month",
        "ESIOS_REQUESTS_PER_SECOND": "1000",
        "ESIOS_API_KEY": "simulated",
    }
    with simulator.serve(clock=lambda: morning) as server:
        settings = load_settings({**variables, "ESIOS_BASE_URL": server.url}, dotenv=folder / "no.env")
        indicators = find_indicators(["460", "1293"])
        for number in range(MORNINGS):
            morning = FIRST_MORNING + dt.timedelta(days=number)
            start = None if number else FIRST_MORNING.date()  # then on from there
            now = morning.astimezone(dt.UTC).replace(tzinfo=None)
            done = extract(settings, Request(indicators, start), now=lambda now=now: now, quiet=True)  # type: ignore[misc]
            assert done.error is None, done.error
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ESIOS_", "MSSQL_", "DBT_"))}
    places = {"DBT_TARGET_PATH": str(folder / "target"), "DBT_LOG_PATH": str(folder / "logs")}
    command = [str(Path(sys.executable).with_name("dbt")), "run", "--quiet", "--select", *MODELS]
    subprocess.run(command, env={**clean, **variables, **places}, cwd=HERE.parent, check=True)
    return variables


def parts(markdown: str) -> Iterator[tuple[str, str]]:
    """Each piece of Python of the page, with the output that the page shows after it."""
    fences = [token for token in MarkdownIt("commonmark").parse(markdown) if token.type == "fence"]
    for fence, following in zip(fences, [*fences[1:], None], strict=True):
        if fence.info == "python":
            yield fence.content, following.content if following and following.info == "text" else ""


def outputs(markdown: str, variables: Mapping[str, str]) -> tuple[list[str], dict[str, Any]]:
    """Run the page's Python, piece by piece in one namespace; gives what each printed, and the namespace."""
    before = dict(os.environ)
    namespace: dict[str, Any] = {}
    printed = []
    os.environ.update(variables)
    try:
        for code, _ in parts(markdown):
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(code, str(PAGE), "exec"), namespace)  # noqa: S102 (the page is ours)
            printed.append(out.getvalue())
    finally:
        os.environ.clear()
        os.environ.update(before)
    return printed, namespace


def draw(errors: Mapping[str, float], target: Path = PICTURE) -> None:
    """The errors as bars."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 2.2), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(list(errors), list(errors.values()), color=["#00497a", "#c8102e", "#7a7a7a"], height=0.6)
    axes.bar_label(bars, fmt="%.0f MW", padding=4)
    axes.set_xlabel("mean absolute error of the last four weeks (simulated data)")
    axes.set_xlim(0, 1.2 * max(errors.values()))
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(target, dpi=110, metadata={"Software": None})


def main() -> None:
    """Renew the page's outputs and its picture."""
    markdown = PAGE.read_text("utf-8")
    with TemporaryDirectory() as folder:
        printed, namespace = outputs(markdown, make_history(Path(folder)))
    for (code, shown), new in zip(parts(markdown), printed, strict=True):
        markdown = markdown.replace(f"{code}```\n\n```text\n{shown}```", f"{code}```\n\n```text\n{new}```")
    PAGE.write_text(markdown, "utf-8")
    draw(namespace["errors"])


if __name__ == "__main__":
    main()
