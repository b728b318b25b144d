"""Draw docs/lineage.svg (the published table) and docs/models.svg (every model) from dbt's manifest: `make pictures`.

One model a row, a band a layer. A line leads down from a model to those that read it, in a lane of its own to the left
of the names: none crosses a name. A line that others imply is left out.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import networkx as nx

HERE = Path(__file__).resolve().parent
TABLE = "demand_forecast_esios"
LAYERS = {
    "landing": ("Landing · raw tables", "#57606a"),
    "registry": ("Registry · one file of indicators", "#7a5c00"),
    "staging": ("Staging · typed and judged", "#0b6e4f"),
    "marts": ("Marts · published", "#0a58a8"),
    "quality": ("Quality · findings and verdicts", "#a83200"),
    "monitoring": ("Monitoring · forecasts against what happened", "#6f2da8"),
}
WIDTH = 880  # of the README's column on GitHub: one unit is one pixel there
MARGIN = 14
LANE = 10
NAME_LETTER = 7.6  # of monospace at 12.5 pixels
LINE = 17
TEXT_COLUMNS = 64  # letters of a line at 12 pixels, in the widest of the fonts
MONOSPACE = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
SANS = "-apple-system, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif"


@dataclass(frozen=True)
class Node:
    """A source, model or exported file of the manifest."""

    key: str
    name: str
    layer: str
    grain: str


def read_graph(manifest: dict[str, Any]) -> nx.DiGraph:
    """The models with the sources and files at their ends; an edge leads from what is read to what reads it."""
    graph = nx.DiGraph()
    for kind in ("sources", "nodes", "exposures"):
        for key, entry in manifest[kind].items():
            if entry["resource_type"] in ("source", "model", "exposure"):
                graph.add_node(key, node=_node(key, entry))
    for key in list(graph):
        for read in manifest["parent_map"].get(key, []):
            if read in graph:
                graph.add_edge(read, key)
    return graph


def _node(key: str, entry: dict[str, Any]) -> Node:
    kind = entry["resource_type"]
    layer = {"source": "landing", "exposure": "marts"}.get(kind) or entry["fqn"][1]
    name = entry["label"] if kind == "exposure" else entry["name"]
    first = re.split(r"(?<=[\w)])[.:;](?:\s|$)", " ".join(entry["description"].split()))[0]
    return Node(key, name, layer, _shortened(first.removeprefix("One row is ")))


def _shortened(sentence: str) -> str:
    """As many of its clauses as fit on a line; the first in any case."""
    clauses = [sentence[: cut.start()] for cut in re.finditer(r", | \(", sentence)] + [sentence]
    clauses = [one for one in clauses if one.count("(") == one.count(")")]
    return max((one for one in clauses if len(one) <= TEXT_COLUMNS), key=len, default=clauses[0])


def around(graph: nx.DiGraph, name: str) -> nx.DiGraph:
    """What a model is made from, and what is made from it."""
    (key,) = (key for key, node in graph.nodes(data="node") if node.name == name)
    return graph.subgraph({key} | nx.ancestors(graph, key) | nx.descendants(graph, key))


def ordered(graph: nx.DiGraph) -> list[Node]:
    """Layer by layer, each model after those that it reads and close to the last of them."""
    layers = list(LAYERS)
    nodes = dict(graph.nodes(data="node"))
    placed: dict[str, int] = {}
    while len(placed) < len(nodes):
        ready = [key for key in nodes if key not in placed and all(read in placed for read in graph.predecessors(key))]

        def rank(key: str) -> tuple[int, int, int, str]:
            reads = [placed[read] for read in graph.predecessors(key)]
            return layers.index(nodes[key].layer), -max(reads, default=-1), graph.out_degree(key), nodes[key].name

        placed[min(ready, key=rank)] = len(placed)
    return [nodes[key] for key in placed]


@dataclass
class Row:
    """Where a model stands in the picture."""

    node: Node
    middle: float
    lines: list[str]


def _wrapped(text: str) -> list[str]:
    """Lines of about the same length."""
    count = -(-len(text) // TEXT_COLUMNS)
    return textwrap.wrap(text, min(TEXT_COLUMNS, len(text) // max(count, 1) + 8))


def _rows(nodes: Sequence[Node]) -> tuple[list[Row], list[tuple[str, float, float]], float]:
    """The rows, the bands (layer, top, bottom) and the height of the picture."""
    rows: list[Row] = []
    bands: list[tuple[str, float, float]] = []
    y = 0.0
    for layer in LAYERS:
        members = [node for node in nodes if node.layer == layer]
        if not members:
            continue
        top, y = y, y + 28
        for node in members:
            lines = _wrapped(node.grain)
            rows.append(Row(node, y + 10, lines))
            y += LINE * max(len(lines), 1) + 5
        y += 6
        bands.append((layer, top, y))
    return rows, bands, y


def _lanes(spans: dict[str, tuple[float, float]]) -> dict[str, int]:
    """A lane for each span, short ones nearest to the names; spans of one lane do not touch."""
    taken: list[list[tuple[float, float]]] = []
    lanes = {}
    for key, (top, bottom) in sorted(spans.items(), key=lambda one: (one[1][1] - one[1][0], one[1][0])):
        free = (n for n, used in enumerate(taken) if all(bottom < first or top > last for first, last in used))
        lane = next(free, len(taken))
        if lane == len(taken):
            taken.append([])
        taken[lane].append((top, bottom))
        lanes[key] = lane
    return lanes


def _readers(graph: nx.DiGraph, at: dict[str, Row]) -> dict[str, list[str]]:
    """Of each model that is read, its readers from top to bottom."""
    found = {key: sorted(graph.successors(key), key=lambda one: at[one].middle) for key in at}
    return {key: readers for key, readers in found.items() if readers}


def _lines(graph: nx.DiGraph, at: dict[str, Row], lanes: dict[str, int], dot: float) -> Iterator[str]:
    """A path for each model that is read: to the left into its lane, down, and right to each reader."""
    readers = _readers(graph, at)
    for key, lane in sorted(lanes.items(), key=lambda one: -one[1]):
        x = dot - 16 - LANE * lane
        start = at[key].middle + 4
        path = [f"M{dot} {start} H{x + 5} Q{x} {start} {x} {start + 5}"]
        for number, reader in enumerate(readers[key]):
            read = sorted(graph.predecessors(reader), key=lambda one: lanes[one])
            apart = min(3.0, 6 / max(len(read) - 1, 1))
            end = at[reader].middle + 1 - apart * read.index(key)
            last = number == len(readers[key]) - 1
            path.append(f"V{end - 5} Q{x} {end} {x + 5} {end} H{dot}" + ("" if last else f" M{x} {end - 5}"))
        yield f'<path d="{" ".join(path)}" stroke="{LAYERS[at[key].node.layer][1]}"/>'


def picture(graph: nx.DiGraph, title: str) -> str:
    """The picture as SVG on a card of its own, so that it reads the same on a white and on a dark page."""
    rows, bands, height = _rows(ordered(graph))
    reduced = nx.transitive_reduction(graph)
    at = {row.node.key: row for row in rows}
    lanes = _lanes({key: (at[key].middle, at[found[-1]].middle) for key, found in _readers(reduced, at).items()})
    dot = MARGIN + LANE * max(lanes.values(), default=0) + 16
    names_at = dot + 13
    text_at = round(names_at + NAME_LETTER * max(len(row.node.name) for row in rows)) + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}" '
        'role="img">',
        f"<title>{escape(title)}</title>",
        f'<clipPath id="card"><rect width="{WIDTH}" height="{height:g}" rx="8"/></clipPath>',
        '<g clip-path="url(#card)">',
        f'<rect width="{WIDTH}" height="{height:g}" fill="#ffffff"/>',
    ]
    for number, (layer, top, bottom) in enumerate(bands):
        heading, colour = LAYERS[layer]
        if number % 2 == 0:
            parts.append(f'<rect y="{top:g}" width="{WIDTH}" height="{bottom - top:g}" fill="#f1f4f8"/>')
        parts.append(
            f'<text x="{names_at}" y="{top + 19:g}" font-family="{SANS}" font-size="13" font-weight="700" '
            f'fill="{colour}">{heading}</text>'
        )
    parts += [
        "</g>",
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:g}" rx="8" fill="none" stroke="#8c959f"/>',
        '<g fill="none" stroke-width="1.5">',
        *_lines(reduced, at, lanes, dot),
        "</g>",
    ]
    for row in rows:
        colour = LAYERS[row.node.layer][1]
        weight = ' font-weight="700"' if row.node.name == TABLE else ""
        parts.append(f'<circle cx="{dot}" cy="{row.middle:g}" r="5" fill="{colour}"/>')
        parts.append(
            f'<text x="{names_at}" y="{row.middle + 4:g}" font-family="{MONOSPACE}" font-size="12.5"{weight} '
            f'fill="#1f2328">{escape(row.node.name)}</text>'
        )
        parts += [
            f'<text x="{text_at}" y="{row.middle + 4 + LINE * n:g}" font-family="{SANS}" font-size="12" '
            f'fill="#424a53">{escape(line)}</text>'
            for n, line in enumerate(row.lines)
        ]
    return "\n".join([*parts, "</svg>", ""])


def pictures(manifest: dict[str, Any]) -> dict[Path, str]:
    """Both pictures by the file that each goes to."""
    graph = read_graph(manifest)
    return {
        HERE / "lineage.svg": picture(around(graph, TABLE), f"The models from the landing to {TABLE}, one a row"),
        HERE / "models.svg": picture(graph, "Every model, layer by layer, with what one row of it is"),
    }


if __name__ == "__main__":
    for file, svg in pictures(json.loads(Path(sys.argv[1]).read_text("utf-8"))).items():
        file.write_text(svg, "utf-8")
