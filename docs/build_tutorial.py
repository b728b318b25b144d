"""docs/tutorial.md, executed: its outputs are renewed, and the report that it ends with is photographed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory

from docs.demo_history import LAST_MORNING
from docs.running_pages import renewed, run, steps
from extract.report import write_report
from extract.settings import load_settings

HERE = Path(__file__).resolve().parent

PAGE = HERE / "tutorial.md"
REPORT = HERE / "report.png"
VERDICT = HERE / "tutorial_report.png"
WIDTH = 880  # of a README on GitHub: text has the size there that it has in the picture
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb"]


def photograph(report: Path, pictures: Mapping[Path, tuple[str, str]]) -> None:
    """Save parts of the report as pictures: each from the top of one element to the bottom of another."""
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": WIDTH, "height": 800}, device_scale_factor=2)
        page.clock.set_fixed_time(LAST_MORNING.replace(tzinfo=UTC))  # the page says how old it is
        page.goto(f"{report.as_uri()}?lang=en")
        page.wait_for_selector("html[data-drawn=en]", state="attached")
        page.select_option("#forecast", label="tutorial – 1293")
        page.locator("#monitoring-lead", has_text="tutorial").wait_for()
        for target, (first, last) in pictures.items():
            top, bottom = (page.locator(one).bounding_box() or {} for one in (first, last))
            y = max(top["y"] - 10, 0)
            clip = {"x": 0, "y": y, "width": WIDTH, "height": bottom["y"] + bottom["height"] - y}
            page.screenshot(path=target, full_page=True, clip=clip)
        browser.close()


def main() -> None:
    """Renew the page's outputs and its pictures."""
    markdown = PAGE.read_text("utf-8")
    found = list(steps(markdown))
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        database = folder / "demo.duckdb"
        printed, _ = run(found, folder, database)
        PAGE.write_text(renewed(markdown, found, printed), "utf-8")
        for step, output in zip(found, printed, strict=True):
            if step.kind == "console":
                print(f"$ {step.code}\n{output}")
        settings = load_settings({"ESIOS_DUCKDB_PATH": str(database)}, dotenv=folder / "no.env")
        report = folder / "report.html"
        write_report(settings, report, clock=lambda: LAST_MORNING)
        photograph(report, {REPORT: ("header", "#demand-chart"), VERDICT: ("#monitoring", "#monitoring-chart")})


if __name__ == "__main__":
    main()
