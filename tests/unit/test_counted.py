"""Counts in messages: one window, two windows."""

from __future__ import annotations

import doctest

import pytest

import extract.counted
from extract.counted import counted


def test_the_examples_hold() -> None:
    assert doctest.testmod(extract.counted) == doctest.TestResults(failed=0, attempted=2)


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (1, "window", "1 window"),
        (0, "window", "0 windows"),
        (17520, "row", "17520 rows"),
        (1, "entry", "1 entry"),
        (2, "entry", "2 entries"),
        (2, "day", "2 days"),
        (1.0, "hour", "1 hour"),
        (0.25, "hour", "0.25 hours"),
    ],
)
def test_a_count_and_its_noun_agree(number: float, noun: str, text: str) -> None:
    assert counted(number, noun) == text
