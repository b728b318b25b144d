"""Counts in messages: `1 window`, `2 windows`. The one home of plurals. Pure."""

from __future__ import annotations


def counted(number: float, noun: str) -> str:
    """A number and its noun; a noun that is not English enough for -s or -ies has no place here.

    >>> counted(1, "retry"), counted(0, "retry"), counted(2.5, "hour")
    ('1 retry', '0 retries', '2.5 hours')
    """
    return f"{number if isinstance(number, int) else format(number, 'g')} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """The plural of a noun.

    >>> plural("entry"), plural("day")
    ('entries', 'days')
    """
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"
