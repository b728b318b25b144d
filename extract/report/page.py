"""Facts → one HTML file with its script, style and data inside. Knows no warehouse; no network, now or later."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from extract.errors import UsageError
from extract.files import written
from extract.health.wording import ALERTS, FINDINGS, LANGUAGES, QUARANTINED, meaning, template

_SLOT = re.compile(r"<!--(\w+)-->")


def render(facts: dict[str, Any]) -> str:
    """The whole page as text. `facts` reaches it as JSON, and each value is shown as text, never as markup."""
    slots = {
        "style": _resource("page.css"),
        "plotly": _resource("vendor/plotly-cartesian.min.js"),
        "texts": _json(_texts()),
        "facts": _json(facts),
        "script": _resource("series.js") + _resource("charts.js") + _resource("page.js"),
    }
    # A function, not a template string: the script is full of backslashes.
    return _SLOT.sub(lambda slot: slots[slot[1]], _resource("page.html"))


def write(path: Path, text: str) -> int:
    """Write the page; gives its size in bytes."""
    content = text.encode("utf-8")
    try:
        with written(path) as file:
            file.write(content)
    except OSError as error:
        raise UsageError(
            f"cannot write {path} ({error.strerror or error})", "make room, or choose another place with --out"
        ) from None
    return len(content)


def _texts() -> dict[str, dict[str, str]]:
    """The page's own words and, under `finding.`, `entry.` and `alert.`, those of each code."""
    texts: dict[str, dict[str, str]] = json.loads(_resource("texts.json"))
    for language in LANGUAGES:
        texts[language] |= {f"finding.{code}": template(code, language) for code in (*FINDINGS, *QUARANTINED)}
        texts[language] |= {f"entry.{code}": meaning(code, language) for code in QUARANTINED}
        texts[language] |= {f"alert.{code}": getattr(wording, language) for code, wording in ALERTS.items()}
    return texts


def _json(document: Any) -> str:
    """JSON that may stand inside a script element: no `<`, so that no text can close it or open a comment."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


@cache
def _resource(name: str) -> str:
    return (files(__package__) / name).read_text("utf-8")
