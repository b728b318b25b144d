"""Counts in messages: `1 row`, `2,000 rows`. Pure."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """A number and its noun.

    >>> counted(1, "different text"), counted(2000, "row")
    ('1 different text', '2,000 rows')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
