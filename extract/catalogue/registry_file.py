"""The registry's YAML file as text: entries are put in without touching a byte of what is there. Pure.

Text, not a YAML round trip: that keeps comments, and still folds long lines and respaces what people aligned.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from extract.errors import UsageError

_PLACE = ("models", 0, "config", "meta", "indicators")


def with_entries(text: str, entries: Sequence[Mapping[str, Any]], path: Path) -> str:
    """The file's text with the entries at the end of its list. `UsageError` where the list is not found or inline."""
    newline = "\r\n" if "\r\n" in text else "\n"
    listed = _find(yaml.compose(text, Loader=yaml.SafeLoader), path)
    if listed.flow_style and listed.value:
        raise UsageError(f"the list of indicators in {path} stands in brackets", "write an entry a line, each with a -")
    lines = text.splitlines(keepends=True)
    if listed.flow_style:  # []: nothing is listed yet
        start, end = listed.start_mark, listed.end_mark
        indent = len(lines[start.line]) - len(lines[start.line].lstrip()) + 2
        rest = lines[start.line][end.column :].strip()
        lines[start.line] = lines[start.line][: start.column].rstrip() + (f" {rest}" if rest else "") + newline
        at = start.line + 1
    else:
        indent = listed.start_mark.column
        at = _line_after(listed.value[-1])
    if at and not lines[at - 1].endswith(("\n", "\r")):
        lines[at - 1] += newline
    new = [line + newline for entry in entries for line in yaml_lines(entry, indent)]
    return "".join([*lines[:at], *new, *lines[at:]])


def _find(document: yaml.Node | None, path: Path) -> yaml.SequenceNode:
    node = document
    for step in _PLACE:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and len(node.value) > step:
            node = node.value[step]
        elif isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == step), None)
        else:
            node = None
    if not isinstance(node, yaml.SequenceNode):
        raise UsageError(f"{path} has no list of indicators", "restore it from git")
    return node


def _line_after(node: yaml.Node) -> int:
    """The number of the first line (from 0) that holds nothing of the node; comments after it are not part of it."""
    last = node
    while isinstance(last, yaml.MappingNode | yaml.SequenceNode) and last.value and not last.flow_style:
        last = last.value[-1][1] if isinstance(last, yaml.MappingNode) else last.value[-1]
    # A block of text (| or >) ends where the next line begins.
    return last.end_mark.line + (1 if last.end_mark.column or last.end_mark.line == last.start_mark.line else 0)


def yaml_lines(entry: Mapping[str, Any], indent: int) -> list[str]:
    """One entry as lines of a block list, a key each, without line ends."""
    blanks = " " * indent
    return [
        f"{blanks}{'  ' if number else '- '}{key}: {_inline(value)}"
        for number, (key, value) in enumerate(entry.items())
    ]


def _inline(value: Any) -> str:
    """A value in one line of YAML, texts in quotes only where they would be read as something else."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_inline(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    return value if _is_plain(value) else json.dumps(value, ensure_ascii=False)


def _is_plain(text: str) -> bool:
    try:
        # In a list as well as after a key, by the rules of every reader: 06:45 is a number to some.
        return ":" not in text and yaml.safe_load(f"[{text}]") == [text] and yaml.safe_load(f"k: {text}") == {"k": text}
    except yaml.YAMLError:
        return False
