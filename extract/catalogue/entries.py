"""What ESIOS's catalogue says of each indicator, as plain text. Pure but for the client it is given."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

from extract.api import EsiosClient, Response
from extract.errors import UsageError

# What begins a new line where a browser shows it.
_BLOCKS = frozenset(
    (
        *("address", "article", "blockquote", "br", "caption", "dd", "div", "dl", "dt", "figure", "footer", "header"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "section", "table", "tbody", "td", "th"),
        *("thead", "tr", "ul"),
    )
)
_IN_ONE_LINE = frozenset({"td", "th"})
_UNSEEN = frozenset({"script", "style", "template", "title"})


@dataclass(frozen=True)
class Entry:
    """One indicator of the catalogue. `name` as it comes, blanks at its end included; `description` is plain text."""

    id: int
    name: str
    short_name: str
    description: str

    @property
    def title(self) -> str:
        """The name in one line, without blanks around it: what the registry calls it."""
        return one_line(self.name)

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {"id": self.id, "name": self.name, "short_name": self.short_name, "description": self.description}


def fetch(client: EsiosClient) -> tuple[Response, list[Entry]]:
    """The whole catalogue: one request. Its order is the API's; an id that comes twice counts once, the first time."""
    response = client.catalogue()
    found: dict[int, Entry] = {}
    for listed in response.document["indicators"]:
        found.setdefault(listed["id"], _entry(listed))
    return response, list(found.values())


def _entry(listed: Mapping[str, Any]) -> Entry:
    short_name, description = listed.get("short_name"), listed.get("description")
    return Entry(
        listed["id"],
        listed["name"],
        one_line(short_name) if isinstance(short_name, str) else "",
        plain_text(description) if isinstance(description, str) else "",
    )


def resolve(catalogue: Sequence[Entry], wanted: str) -> Entry:
    """An id or a name → the entry. A name may differ in accents, case and blanks where that leaves one indicator.

    `UsageError` for an id or a name that is not in the catalogue, and for a name that several indicators have.
    """
    text = wanted.strip()
    remedy = "`esios find TEXT` lists ids and names"
    if text.isascii() and text.isdigit():
        by_id = next((entry for entry in catalogue if str(entry.id) == text.lstrip("0")), None)
        if by_id is None:
            raise UsageError(f"the catalogue has no indicator {text}", remedy)
        return by_id
    exact = [entry for entry in catalogue if entry.name == wanted or entry.title == one_line(wanted)]
    named = exact or [entry for entry in catalogue if folded(entry.name) == folded(wanted)]
    if len(named) == 1:
        return named[0]
    if named:
        ids = ", ".join(str(entry.id) for entry in named)
        raise UsageError(f"{len(named)} indicators are called {text!r}", f"name one by its id: {ids}")
    raise UsageError(f"the catalogue has no indicator named {text!r}", remedy)


def matches(catalogue: Iterable[Entry], text: str) -> list[Entry]:
    """The entries whose name holds the text: exact ones first, then those that differ in accents and case only."""
    wanted = folded(text)
    holding = [entry for entry in catalogue if wanted in folded(entry.name)]
    return sorted(holding, key=lambda entry: (entry.name != text, folded(entry.name) != wanted, entry.id))


def folded(text: str) -> str:
    """The text without accents, case and doubled spaces."""
    decomposed = unicodedata.normalize("NFKD", text)
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).casefold().split())


def one_line(text: str) -> str:
    """The text in one line, each run of blanks one blank, without control characters."""
    return " ".join("".join(c for c in text if c.isspace() or c.isprintable()).split())


def plain_text(html: str) -> str:
    """HTML → plain text: entities as characters, a line for each paragraph, item or `<br>`, no empty lines.

    Blanks and line breaks of the source are single blanks, as a browser shows them; in a text without any tag that
    breaks a line they are what they are.

    >>> plain_text("<p>Previsi&oacute;n &lt; D+7</p><ul><li>uno<li>dos</ul>")
    'Previsión < D+7\\n- uno\\n- dos'
    """
    reader = _Reader()
    reader.feed(html)
    reader.close()
    parts = reader.parts if reader.has_lines else ["".join(reader.parts).replace("\r", "\n")]
    lines = "".join(parts).split("\n")
    return "\n".join(line for line in map(one_line, lines) if line and line != "-")


class _Reader(HTMLParser):
    """Gathers the text of a piece of HTML; `\\n` only where a line breaks, if `has_lines`."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.has_lines = False
        self._unseen = 0

    def _break(self, tag: str) -> None:
        if not self.has_lines:
            # What came before the first break was source text: its own line breaks are blanks after all.
            self.parts = [" ".join(part.split("\n")) for part in self.parts]
            self.has_lines = True
        self.parts.append(" " if tag in _IN_ONE_LINE else "\n")

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self._unseen += tag in _UNSEEN
        if tag in _BLOCKS:
            self._break(tag)
            if tag == "li":
                self.parts.append("- ")

    def handle_startendtag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        if tag in _BLOCKS:
            self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        self._unseen = max(0, self._unseen - (tag in _UNSEEN))
        if tag in _BLOCKS and tag != "br":
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(" ".join(data.split("\n")) if self.has_lines else data)
