"""The report in a real browser: drawn, quiet, self-contained, legible, and with the warehouse's numbers on it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright
from pypdf import PdfReader

from extract.health.wording import ALERTS, FINDINGS, QUARANTINED
from extract.report import write_report
from tests.report.browser import CHROMIUM, FLAGS, Opened, open_report
from tests.warehouses.made import MadeWarehouse, at

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH: apt-get install chromium")

HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=alert(1)> & «ñ» \u2028 <b>460</b>"
CHARTS = (
    "demand-chart",
    "completeness-chart",
    "week-chart",
    "revisions-chart",
    "monitoring-chart",
    "monitoring-hours-chart",
    "lead-chart",
)
TWO_YEARS = 17520


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeWarehouse:
    """Two years with one of every fault, and a hostile text wherever data can bring one."""
    made = MadeWarehouse(tmp_path_factory.mktemp("two_years"))
    made.publish("2016-12-31 23:00", TWO_YEARS, name=HOSTILE)
    made.lose("2018-12-31 08:00", 15)
    made.lose("2018-12-13 23:00", 24)
    made.suspect("2018-12-20 03:00", 9000.0, "out_of_range")
    made.quarantine("2018-12-21 05:00", HOSTILE, HOSTILE, HOSTILE)
    made.revise("2018-12-22 05:00", 30123.4, "2018-12-23 06:00")
    made.judge("2018-12-24", "suspect", (("unlike_last_week", 3, 13.5),))
    for lead in range(1, 8):
        made.execute(
            "insert into monitoring_esios.forecast_error_by_lead values ('demand_forecast', 1293, ?, 600, ?, ?, -20)",
            *(lead, 200.0 + 20 * lead, 250.0 + 20 * lead),
        )
    made.publish("2018-12-30 23:00", 96, "Precio", indicator=600, geo=3, seconds=900)
    for day in range(1, 31):
        made.score(f"2018-12-{day:02d}", 200.0 + day)
    made.score("2018-12-31", 1555.5, "alert", inaccurate=9.1, inaccurate_limit=8.0, drifting=0.31)
    made.note_run("2018-12-31 07:00", end="2018-12-31", status="failed", error=HOSTILE)
    made.note_run("2018-12-30 07:00", end="2018-12-31")
    made.check("2018-12-31 07:00")
    return made


@pytest.fixture(scope="module")
def report(made: MadeWarehouse) -> Path:
    return write_report(made.settings, made.path.with_name("report.html"), lambda: at("2018-12-31 08:00")).path


@pytest.fixture(scope="module")
def english(browser: Browser, report: Path) -> Opened:
    """Open once and left as it is: only for looking."""
    return open_report(browser, report)


@pytest.fixture
def show(browser: Browser, report: Path) -> Iterator[Callable[..., Opened]]:
    """A page of one's own, to press buttons on."""
    opened: list[Opened] = []

    def open_it(language: str = "en", path: Path = report, **more: Any) -> Opened:
        opened.append(open_report(browser, path, language, **more))
        return opened[-1]

    yield open_it
    for one in opened:
        one.page.context.close()


def facts_of(report: Path) -> dict[str, Any]:
    """The machine-readable block of the page."""
    text = report.read_text("utf-8")
    start = text.index('id="report-data">') + len('id="report-data">')
    found: dict[str, Any] = json.loads(text[start : text.index("</script>", start)])
    return found


def test_every_chart_is_drawn_without_an_error_and_without_the_network(english: Opened) -> None:
    opened = english
    for chart in CHARTS:
        held = opened.chart(chart)
        assert held["drawn"] > 0, chart
        assert any(len(trace["y"]) > 0 for trace in held["traces"] if trace["name"] or chart == "completeness-chart")
    assert opened.complaints == []
    assert [url for url in opened.asked if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in opened.asked if url.startswith("file:")]) == 1


def test_the_curve_shows_each_hour_of_the_month_as_the_table_has_it(english: Opened, made: MadeWarehouse) -> None:
    held = english.chart("demand-chart")
    curve = next(trace for trace in held["traces"] if trace["name"] == "Forecast")
    drawn = dict(zip(curve["x"], curve["y"], strict=True))
    rows = made.rows(
        "select epoch_ms(datetime), demand_forecast from demand_forecast_esios where datetime >= '2018-12-02'"
    )
    assert len(rows) == 30 * 24 - 15 - 24 - 1
    assert {hour: drawn.get(hour) for hour, _ in rows} == dict(rows)
    gaps = [trace for trace in held["traces"] if trace["name"] == "Missing hours"]
    assert len(gaps[0]["x"]) == 39


def test_a_button_shows_all_and_each_drawn_point_is_an_hour_of_the_table(
    show: Callable[..., Opened], made: MadeWarehouse
) -> None:
    opened = show()
    opened.page.get_by_role("button", name="All", exact=True).click()
    opened.page.wait_for_function("() => document.getElementById('range').textContent.includes('lowest')")
    curve = next(trace for trace in opened.chart("demand-chart")["traces"] if trace["name"] == "Forecast")
    table = dict(made.rows("select epoch_ms(datetime), demand_forecast from demand_forecast_esios"))
    points = [(x, y) for x, y in zip(curve["x"], curve["y"], strict=True) if y is not None]
    assert 1000 < len(points) < 5000
    assert [point for point in points if table.get(point[0]) != point[1]] == []
    assert min(y for _, y in points) == min(table.values())
    assert max(y for _, y in points) == max(table.values())


def test_the_numbers_on_the_page_are_the_warehouses(english: Opened, made: MadeWarehouse) -> None:
    opened = english
    rows, lowest, highest = made.rows(
        "select count(*), min(demand_forecast), max(demand_forecast) from demand_forecast_esios"
    )[0]
    lead = opened.text("#demand-lead")
    assert f"{rows:,} hours" in lead
    assert f"Lowest {lowest:,g}," in lead
    assert f"highest {highest:,} MW" in lead
    missing = made.rows("select cast(sum(number) as int), count(*) from quality_esios.quality_findings")[0]
    assert opened.text("#tile-complete p:nth-of-type(2)").startswith(f"{missing[0]} hours missing in {missing[1]} gaps")
    assert f"{rows:,} of {rows + missing[0]:,} hours are present (99.78%)" in opened.text("#completeness-lead")
    faults = opened.table("#faults-table")
    assert ["✕ missing", "460", "8741", "2018-12-31 08:00", "2018-12-31 22:00", "2018-12-31 09:00 +01:00"] in [
        row[:6] for row in faults
    ]
    assert [row[7] for row in faults if row[0] == "✕ missing"] == ["15", "24"]
    assert [row[8] for row in faults if row[0] == "◆ suspect"] == ["9,000 MW · out of range"]


def test_one_day_is_shown_hour_by_hour(show: Callable[..., Opened], made: MadeWarehouse) -> None:
    opened = show()
    opened.page.fill("#day-input", "2018-10-28")
    day = opened.table("#day-table")
    assert len(day) == 25
    assert [row[1] for row in day[1:4]] == ["01:00 +02:00", "02:00 +02:00", "02:00 +01:00"]
    values = made.rows(
        "select demand_forecast from demand_forecast_esios"
        " where datetime >= '2018-10-27 22:00' and datetime < '2018-10-28 23:00' order by datetime"
    )
    assert [float(row[3].replace(",", "")) for row in day] == [value for (value,) in values]
    opened.page.fill("#day-input", "2018-12-31")
    assert [row[3] for row in opened.table("#day-table")].count("missing") == 15


def test_the_forecast_is_set_against_what_happened(english: Opened, made: MadeWarehouse) -> None:
    figures = english.text("#monitoring-figures").split("\n")
    assert figures[figures.index("State") + 1].startswith("✕ alert")
    assert figures[figures.index("MAE") + 1] == "1,555.5 MW"
    assert figures[figures.index("MAPE") + 1] == "1.3 %"
    assert [row[:3] for row in english.table("#monitoring-table")[:2]] == [
        ["2018-12-31", "✕ alert", "1,555.5"],
        ["2018-12-30", "✓ ok", "230"],
    ]
    actual = next(trace for trace in english.chart("demand-chart")["traces"] if trace["name"] == "Actual demand")
    drawn = dict(zip(actual["x"], actual["y"], strict=True))
    rows = made.rows(
        "select epoch_ms(period_start_utc), value from monitoring_esios.forecast_actuals"
        " where period_start_utc >= '2018-12-05' and period_start_utc < '2018-12-10'"
    )
    assert len(rows) == 120
    assert {hour: drawn[hour] for hour, _ in rows} == dict(rows)


def test_the_state_is_said_in_words_and_symbols(english: Opened) -> None:
    opened = english
    assert opened.text("#state-title") == "State: 2 of 3 checks need attention"
    verdicts = {name: opened.text(f"#tile-{name} .verdict").split("\n") for name in ("fresh", "complete", "good")}
    assert verdicts == {"fresh": ["–", "Not followed"], "complete": ["✕", "No"], "good": ["!", "Attention"]}


def test_simulated_data_are_said_in_plain_sight(english: Opened) -> None:
    opened = english
    assert "Simulated data" in opened.text("#simulated")
    box = opened.page.locator("#simulated").bounding_box()
    assert box is not None
    assert box["y"] < 300


def test_the_language_changes_words_numbers_and_lang(show: Callable[..., Opened]) -> None:
    opened = show()
    assert opened.page.evaluate("document.documentElement.lang") == "en"
    opened.page.get_by_role("button", name="Español").click()
    opened.wait_until_drawn("es")
    assert opened.page.evaluate("document.documentElement.lang") == "es"
    assert opened.text("#tile-complete .verdict").endswith("No")
    assert opened.text("#state-title") == "Estado: 2 de 3 comprobaciones requieren atención"
    assert "17.481 horas" in opened.text("#demand-lead")
    assert "99,78" in opened.text("#completeness-lead")
    assert opened.table("#faults-table")[0][8] == "ningún valor en ninguna respuesta"
    assert "valores distintos de los de la semana anterior: 3" in opened.text("#faults-table")
    assert opened.table("#monitoring-table")[0][9].startswith(
        "MAPE 9,1 %, límite 8 % · la entrada ha derivado: PSI 0,31"
    )
    names = [trace["name"] for trace in opened.chart("demand-chart")["traces"]]
    assert "Previsión" in names
    assert "dic" in opened.text("#completeness-chart")
    assert opened.complaints == []


def test_every_text_is_in_both_languages_with_the_same_places() -> None:
    texts = json.loads((Path(write_report.__code__.co_filename).parent / "texts.json").read_text("utf-8"))
    assert texts["en"].keys() == texts["es"].keys()
    for key, english in texts["en"].items():
        places = {part.partition("}")[0] for part in english.split("{")[1:]}
        assert {part.partition("}")[0] for part in texts["es"][key].split("{")[1:]} == places, key


def test_every_code_has_words_on_the_page_in_both_languages(english: Opened) -> None:
    texts = english.page.evaluate("JSON.parse(document.getElementById('report-texts').textContent)")
    for language in ("en", "es"):
        assert {key[8:] for key in texts[language] if key.startswith("finding.")} == {*FINDINGS, *QUARANTINED}
        assert {key[6:] for key in texts[language] if key.startswith("entry.")} == set(QUARANTINED)
        assert {key[6:] for key in texts[language] if key.startswith("alert.")} == set(ALERTS)


def test_a_period_that_is_clicked_shows_what_was_said_of_it_and_when(
    show: Callable[..., Opened], made: MadeWarehouse
) -> None:
    opened = show()
    opened.page.fill("#day-input", "2018-12-22")
    opened.page.locator("#day-hours summary").click()
    at_five = opened.page.evaluate("Date.parse('2018-12-22T05:00:00Z')")
    opened.page.locator(f"[data-period='{at_five}']").click()
    first, second = opened.table("#said-table")
    [(before,)] = made.rows(
        "select value from esios_value_versions where period_start_utc = '2018-12-22 05:00' and version = 1"
    )
    assert (first[0], float(first[2].replace(",", ""))) == ("2000-01-01 00:00:00", before)
    assert second[:3] == ["2018-12-23 06:00:00", "−25", "30,123.4"]
    assert "2 versions" in opened.text("#said-lead")
    opened.page.locator(f"[data-period='{at_five + 3_600_000}']").click()
    assert len(opened.table("#said-table")) == 1
    # The curve itself can be clicked, too.
    click = "at => document.getElementById('demand-chart').emit('plotly_click', {points: [{x: at}]})"
    opened.page.evaluate(click, at_five)
    assert len(opened.table("#said-table")) == 2
    assert opened.complaints == []


def test_quarter_hours_of_another_indicator_are_chosen_in_the_page(show: Callable[..., Opened]) -> None:
    opened = show()
    options = opened.page.locator("#series option").all_text_contents()
    assert options[1] == "600 Precio – Area 3"
    opened.page.select_option("#series", "1")
    opened.wait_until_drawn()
    curve = next(trace for trace in opened.chart("demand-chart")["traces"] if trace["name"] == "Value")
    assert [after - before for before, after in zip(curve["x"], curve["x"][1:], strict=False)] == [900_000] * 95
    opened.page.fill("#day-input", "2018-12-31")
    day = opened.table("#day-table")
    assert len(day) == 96
    assert [row[1] for row in day[:2]] == ["00:00 +01:00", "00:15 +01:00"]
    assert "missing" not in [row[3] for row in day]
    assert opened.complaints == []
    assert opened.serious_findings() == []


def test_errors_by_lead_time_are_the_models(english: Opened) -> None:
    rows = english.table("#lead-table")
    assert [row[0] for row in rows] == ["1", "2", "3", "4", "5", "6", "7"]
    assert rows[0] == ["1", "600", "220", "270", "−20"]


def test_axe_finds_nothing_serious_in_both_languages_by_day_and_by_night(show: Callable[..., Opened]) -> None:
    opened = show("en", color_scheme="light")
    opened.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert opened.serious_findings() == []
    opened.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = false; })")
    opened.page.emulate_media(color_scheme="dark")
    opened.page.get_by_role("button", name="Español").click()
    opened.wait_until_drawn("es")
    assert opened.serious_findings() == []


def test_a_phone_shows_it_without_scrolling_sideways_in_both_languages(show: Callable[..., Opened]) -> None:
    opened = show("es", width=360, has_touch=True)
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 360
    assert opened.serious_findings() == []
    for chart in CHARTS:
        box = opened.page.locator(f"#{chart}").bounding_box()
        assert box is not None
        assert box["width"] <= 360
        assert box["height"] > 100
    opened.page.get_by_role("button", name="English").click()
    opened.wait_until_drawn("en")
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 360


def test_data_are_text_and_never_markup(english: Opened) -> None:
    opened = english
    assert opened.page.title() == "Spanish electricity demand forecast · ESIOS"
    assert "<b>460</b>" in opened.text("#subject")
    assert "onerror=alert(1)" in opened.text("#runs-table")
    assert opened.page.evaluate("document.querySelectorAll('img, main b, main script').length") == 0


def test_print_has_every_section_and_every_fault(show: Callable[..., Opened], made: MadeWarehouse) -> None:
    opened = show(color_scheme="dark")
    pages = PdfReader(io.BytesIO(opened.page.pdf(prefer_css_page_size=True))).pages
    text = " ".join("\n".join(page.extract_text() for page in pages).split())
    assert 2 <= len(pages) <= 7
    for heading in ("State: 2 of 3", "Demand curve", "Completeness", "The week's pattern", "Revisions", "Last runs"):
        assert heading in text
    assert text.count("✕ missing") == 2
    assert "Simulated data" in text


def test_what_is_not_built_is_said_with_the_command_that_builds_it(show: Callable[..., Opened], tmp_path: Path) -> None:
    empty = MadeWarehouse(tmp_path, source=None, built=False)
    opened = show(path=write_report(empty.settings, tmp_path / "empty.html").path)
    assert opened.text("#simulated") == "Nothing has been landed in this warehouse yet. Run make run."
    assert opened.text("#state-title") == "State: 3 of 3 checks need attention"
    for section in ("demand", "completeness", "faults", "runs", "monitoring"):
        assert "make run" in opened.text(f"#{section}-lead") or "dbt build" in opened.text(f"#{section}-lead")
    assert opened.complaints == []
    assert opened.serious_findings() == []


def test_ten_years_open_in_three_seconds_and_ten_megabytes(browser: Browser, tmp_path: Path) -> None:
    made = MadeWarehouse(tmp_path)
    made.publish("2016-12-31 23:00", 87648)
    made.lose("2020-12-16 00:00", 9)
    report = write_report(made.settings, tmp_path / "ten_years.html")
    assert report.bytes < 10_000_000
    assert len(facts_of(report.path)["calendar"][0]["years"]) == 10
    taken: list[float] = []
    # The machine may be busy with something else: what counts is what the page itself needs.
    while len(taken) < 4 and min(taken, default=3000.0) >= 3000:
        opened = open_report(browser, report.path)
        taken.append(opened.page.evaluate("drawnAfter"))
        opened.page.context.close()
    assert min(taken) < 3000, taken
