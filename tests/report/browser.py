"""A report in headless Chromium: what it asked for, complained about and shows."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Opened:
    """An open report. `complaints` are console errors, warnings and uncaught exceptions; `asked` every address."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def wait_until_drawn(self, language: str = "en") -> None:
        """All charts are there, in a language."""
        self.page.wait_for_selector(f"html[data-drawn={language}]", state="attached")

    def text(self, selector: str) -> str:
        """The visible text of an element."""
        return self.page.locator(selector).inner_text()

    def table(self, selector: str) -> list[list[str]]:
        """The body of a table as texts, folded ones included."""
        rows = self.page.locator(f"{selector} tbody tr").all()
        return [[(cell or "").strip() for cell in row.locator("th, td").all_text_contents()] for row in rows]

    def chart(self, identifier: str) -> Any:
        """What Plotly holds of a chart, traces with their points, and how many marks it has drawn of them."""
        return self.page.evaluate(
            """id => { const chart = document.getElementById(id);
                return { traces: chart.data.map(t => ({ name: t.name, x: [...t.x ?? []], y: [...t.y ?? []] })),
                         drawn: chart.querySelectorAll('.trace path, .hm image, .point').length }; }""",
            identifier,
        )

    def serious_findings(self) -> list[str]:
        """What axe-core calls serious or critical."""
        found = Axe().run(self.page, options={"resultTypes": ["violations"]}).response["violations"]
        return [
            f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found if one["impact"] in ("serious", "critical")
        ]


def open_report(browser: Browser, path: Path, language: str = "en", width: int = 1366, **context: Any) -> Opened:
    """Open a report in a browser of its own memory, and wait until it is drawn."""
    page = browser.new_context(viewport={"width": width, "height": 800}, **context).new_page()
    page.set_default_timeout(60_000)
    opened = Opened(page)
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on("request", lambda request: opened.asked.append(request.url))
    page.on(
        "console",
        lambda message: opened.complaints.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.goto(f"{path.as_uri()}?lang={language}")
    opened.wait_until_drawn(language)
    return opened
