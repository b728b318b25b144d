"""`.env` → variables, each value as it stands. A line that can be read in two ways is refused, never guessed.

Not python-dotenv: it takes two backslashes, or one before a quote, for escapes even in single quotes, an open quote for
a value of several lines, and drops what it cannot read.
"""

from __future__ import annotations

import re
from pathlib import Path

from extract.errors import UsageError

_ASSIGNMENT = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.]*)[ \t]*=(.*)")
_COMMENT = re.compile(r"[ \t]+#.*")
_LINE_END = re.compile(r"\r\n|\n|\r")


def read_env_file(path: Path) -> dict[str, str]:
    """The variables of the file, the last one of a name counts; `UsageError` names the line that cannot be read.

    A value is quoted with single or double quotes, or not at all; nothing in it is replaced. A comment begins with `#`,
    after a value with a blank and `#`; an unquoted value ends there.
    """
    if path.is_dir():  # what a container makes of a mount whose source is missing
        raise UsageError(f"{path} is a folder", "make it a readable UTF-8 file, or remove it")
    try:
        text = path.read_bytes().decode("utf-8-sig") if path.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path} ({type(error).__name__})", "make it a readable UTF-8 file") from None
    variables = {}
    for number, line in enumerate(_LINE_END.split(text), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            name, value = _assignment(line)
        except _Unreadable as reason:
            # Never the line itself: it may hold a password.
            what, remedy = reason.args
            raise UsageError(f"{path}, line {number}: {what}", remedy) from None
        variables[name] = value
    return variables


class _Unreadable(Exception):
    """What is wrong with a line, and the remedy."""


def _assignment(line: str) -> tuple[str, str]:
    found = _ASSIGNMENT.fullmatch(line)
    if not found:
        raise _Unreadable("not NAME=value", "write one variable a line, comments after #")
    name, rest = found.groups()
    value = rest.strip(" \t")
    if value.startswith(("'", '"')):
        return name, _quoted(name, value)
    return name, _COMMENT.sub("", rest).strip(" \t")


def _quoted(name: str, value: str) -> str:
    quote = value[0]
    ends = [
        at
        for at in range(1, len(value))
        if value[at] == quote and (at + 1 == len(value) or _COMMENT.fullmatch(value[at + 1 :]))
    ]
    if len(ends) != 1:
        what = (
            f"the quote that {name} opens is not closed" if not ends else f"the value of {name} may end at two places"
        )
        raise _Unreadable(what, "put the value between two single quotes, and nothing after it")
    content = value[1 : ends[0]]
    if quote == '"' and "\\" in content:
        raise _Unreadable(
            f"a backslash in double quotes ({name}) may stand for itself or for an escape",
            "use single quotes, in which it stands for itself",
        )
    if f"\\{quote}" in content:
        raise _Unreadable(
            f"\\{quote} in quotes ({name}) may mean one character or two",
            "between quotes each character stands for itself: leave out the backslash, or the quotes if it is meant",
        )
    return content
