"""Counts in messages: one window, two windows."""

from __future__ import annotations

import doctest
from datetime import date, datetime

import pytest

import extract.counted
from extract.counted import counted
from extract.extraction import Summary
from extract.landing import Run


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


def test_a_run_of_one_window_is_reported_in_the_singular() -> None:
    run = Run(
        "r", 460, datetime(2024, 1, 1), date(2024, 1, 1), None, windows=1, requests=1, retries=1, responses_landed=1
    )
    text = Summary([run], windows_answered=1).text()
    assert text == "extract: 1 of 1 window fetched, 1 landed, 0 unchanged; 1 request (1 retry), 0.0 MB"
