"""The lineage: docs/*.svg drawn from dbt's manifest, and the page of `make docs`, opened in a real browser."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import pytest
from dbt.contracts.graph.manifest import Manifest
from playwright.sync_api import ConsoleMessage, Page, sync_playwright

from docs import build_lineage

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PARENTS = ["esios_value_versions", "stg_esios__indicator_responses", "stg_esios__indicator_names", "esios_indicators"]
SVG = "{http://www.w3.org/2000/svg}"
PICTURES = ["lineage.svg", "models.svg"]

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH: apt-get install chromium")


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


@pytest.fixture(scope="module")
def models(manifest: Manifest) -> dict[str, Any]:
    """What dbt knows of the models, as in manifest.json."""
    return manifest.writable_manifest().to_dict(omit_none=False)


def drawing(name: str) -> ElementTree.Element:
    return ElementTree.parse(ROOT / "docs" / name).getroot()


def names(picture: ElementTree.Element) -> list[ElementTree.Element]:
    """The names of models in the picture, from top to bottom."""
    return [text for text in picture.iter(f"{SVG}text") if text.get("font-size") == "12.5"]


def test_the_pictures_are_drawn_from_the_models_as_they_are(models: dict[str, Any]) -> None:
    stale = [file.name for file, svg in build_lineage.pictures(models).items() if file.read_text("utf-8") != svg]
    assert stale == [], "draw them again: make pictures"


def test_the_large_picture_names_every_model(models: dict[str, Any]) -> None:
    named = {entry["name"] for entry in models["nodes"].values() if entry["resource_type"] == "model"}
    assert len(named) > 30
    assert named - {text.text for text in names(drawing("models.svg"))} == set()


def test_the_small_picture_leads_from_the_landing_to_the_file() -> None:
    shown = [text.text for text in names(drawing("lineage.svg"))]
    assert (shown[0], shown[-1]) == ("indicator_responses", "exports/demand_forecast_esios.csv")
    assert {*PARENTS, "demand_forecast_esios"} <= set(shown)


def places_across(line: str) -> list[float]:
    """Every x of a path that is made of M x y, H x, V y and Q x y x y."""
    steps = [
        (kind, [float(one) for one in numbers.split()]) for kind, numbers in re.findall(r"([MHVQ])([^MHVQ]*)", line)
    ]
    return [x for kind, numbers in steps if kind != "V" for x in numbers[:: 1 if kind == "H" else 2]]


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_can_be_read_at_the_width_of_the_readme(name: str) -> None:
    picture = drawing(name)
    assert picture.get("width") == "880"
    assert min(float(text.get("font-size", "0")) for text in picture.iter(f"{SVG}text")) >= 12


@pytest.mark.parametrize("name", PICTURES)
def test_no_line_crosses_a_name(name: str) -> None:
    picture = drawing(name)
    left_of_names = min(float(text.get("x", "0")) for text in names(picture))
    lines = [path.get("d", "") for path in picture.iter(f"{SVG}path")]
    assert len(lines) > 5
    across = [x for line in lines for x in places_across(line)]
    assert 0 < min(across) < max(across) < left_of_names - 5
    widest = max(len(text.text or "") * build_lineage.NAME_LETTER for text in names(picture))
    texts = [float(text.get("x", "0")) for text in picture.iter(f"{SVG}text") if text.get("font-size") == "12"]
    assert left_of_names + widest < min(texts)


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


@needs_chromium
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


@needs_chromium
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


@needs_chromium
def test_the_page_is_one_file_that_needs_no_network(lineage_page: Path, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(lineage_page.as_uri())
    page.get_by_text("raw_esios").locator("visible=true").first.wait_for()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
