"""docs/as_known_at.md, executed: its history is made, its Python is run, its output and its picture are renewed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from docs.demo_history import make_history
from docs.running_pages import Step, renewed, run, steps

HERE = Path(__file__).resolve().parent

PAGE = HERE / "as_known_at.md"
PICTURE = HERE / "as_known_at.png"
# What the page reads; the rest of the models need not be built for it.
BUILD = Step("console", "dbt run --quiet --select +esios_values stg_esios__counted_values", "")


def draw(errors: Mapping[str, float], target: Path = PICTURE) -> None:
    """The errors as bars."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.3), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(list(errors), list(errors.values()), color=["#00497a", "#c8102e", "#7a7a7a"], height=0.6)
    axes.bar_label(bars, fmt="%.0f MW", padding=4, fontsize=11)
    axes.set_xlabel("mean absolute error of the last four weeks (simulated data)", fontsize=11)
    axes.tick_params(labelsize=11)
    axes.set_xlim(0, 1.2 * max(errors.values()))
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(target, dpi=110, metadata={"Software": None})


def main() -> None:
    """Renew the page's outputs and its picture."""
    markdown = PAGE.read_text("utf-8")
    found = list(steps(markdown))
    with TemporaryDirectory() as folder:
        database = Path(folder) / "history.duckdb"
        make_history(database)
        printed, namespace = run([BUILD, *found], Path(folder), database)
    PAGE.write_text(renewed(markdown, found, printed[1:]), "utf-8")
    draw(namespace["errors"])


if __name__ == "__main__":
    main()
