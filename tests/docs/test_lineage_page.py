"""The lineage page of `make docs`, one static file, opened in a real browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import ConsoleMessage, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PARENTS = ["esios_value_versions", "stg_esios__indicator_responses", "stg_esios__indicator_names", "esios_indicators"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH: apt-get install chromium")


@pytest.fixture(scope="module")
def lineage_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page as `make docs` generates it, of a warehouse that holds the landing tables only."""
    folder = tmp_path_factory.mktemp("docs")
    warehouse = folder / "warehouse.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        ddl = ROOT / "extract" / "warehouse" / "ddl" / "duckdb"
        for file in sorted(ddl.glob("*.sql"), key=lambda file: len(file.stem)):
            connection.execute(file.read_text("utf-8"))
    subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-c", "from dbt.cli.main import cli; cli()", "docs", "generate"),
            *("--static", "--quiet", "--target", "duckdb", "--target-path", str(folder), "--log-path", str(folder)),
            *("--project-dir", str(ROOT / "dbt_project"), "--profiles-dir", str(ROOT / "profiles")),
        ],
        env={**os.environ, "ESIOS_DUCKDB_PATH": str(warehouse)},
        check=True,
        timeout=180,
    )
    return folder / "static_index.html"


@pytest.fixture
def page(lineage_page: Path) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def _error(message: ConsoleMessage) -> str:
    """The text of an error; empty for other messages, and for dbt's own blanks that it never fills in ("{{ getIcon",
    "${require" of its favicon)."""
    where = f"{message.text} {message.location.get('url', '')}"
    return where if message.type == "error" and "getIcon" not in where and "favicon.ico" not in where else ""


def test_the_page_shows_the_table_its_columns_and_its_parents_without_errors(lineage_page: Path, page: Page) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(_error(message)))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(lineage_page.as_uri() + "#!/model/model.esios_elt.demand_forecast_esios")
    page.get_by_role("heading", name="demand_forecast_esios").first.wait_for()
    text = page.locator("body").inner_text()
    assert "One row is one hour of one demand forecast of ESIOS" in text
    for column in ("name", "id", "datetime", "demand_forecast", "update_timestamp"):
        assert column in text
    depends_on = text.rpartition("Depends On")[2].partition("\nCode\n")[0].split()
    assert set(PARENTS) <= set(depends_on)
    assert [complaint for complaint in complaints if complaint] == []


def test_the_lineage_graph_draws_the_way_from_the_landing_to_the_csv(lineage_page: Path, page: Page) -> None:
    page.goto(
        lineage_page.as_uri() + "#!/model/model.esios_elt.demand_forecast_esios?g_v=1&g_i=%2Bdemand_forecast_esios%2B"
    )
    page.locator("canvas").first.wait_for()
    drawn = page.evaluate(
        """() => [...document.querySelectorAll('canvas')].some(canvas => {
            const pixels = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
            return pixels.some((value, n) => n % 4 === 3 && value > 0);
        })"""
    )
    assert drawn


def test_the_page_is_one_file_that_needs_no_network(lineage_page: Path, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(lineage_page.as_uri())
    page.get_by_text("raw_esios").locator("visible=true").first.wait_for()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
