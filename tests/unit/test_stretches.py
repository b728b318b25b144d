"""Periods in a row are one stretch, whatever their length, and the status names each stretch in one line."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.health.state import State
from extract.health.stretches import stretches
from extract.health.wording import FINDINGS, LANGUAGES, QUARANTINED, meaning, sentence, template
from extract.status import Status

START = datetime(2018, 10, 28)
HOUR = timedelta(hours=1)
periods = st.lists(st.tuples(st.integers(0, 30), st.sampled_from("ab")), unique_by=lambda one: one[0]).map(sorted)


def row(
    n: float | None, code: str = "out_of_range", value: float = 61_000.0, id: int = 460, length: timedelta = HOUR
) -> dict[str, Any]:
    at = None if n is None else START + n * length
    end = at and at + length
    return {
        **{"id": id, "geo_id": 8741, "period_start_utc": at, "period_end_utc": end},
        **{"code": code, "value": value, "unit": "MW"},
    }


@given(periods, st.sampled_from([timedelta(minutes=5), HOUR, timedelta(days=1)]))
def test_stretches_hold_every_row_once_in_order_and_are_as_long_as_can_be(
    found: list[tuple[int, str]], length: timedelta
) -> None:
    rows = [row(n, code, length=length) for n, code in found]
    all_stretches = stretches(rows, lambda one: one["code"])
    assert [one for stretch in all_stretches for one in stretch] == rows
    for stretch in all_stretches:
        assert stretch[-1]["period_end_utc"] - stretch[0]["period_start_utc"] == length * len(stretch)
        assert len({one["code"] for one in stretch}) == 1
    for before, after in pairwise(all_stretches):
        apart = after[0]["period_start_utc"] - before[-1]["period_end_utc"]
        assert apart > timedelta(0) or after[0]["code"] != before[-1]["code"]


def test_what_has_no_time_stands_alone() -> None:
    assert [len(stretch) for stretch in stretches([row(None), row(None), row(1)], lambda _: 0)] == [1, 1, 1]


def test_the_status_names_stretches_and_single_periods_with_their_area() -> None:
    entries = [
        {
            "indicator_id": 460,
            "geo_id": 8741,
            "datetime_text": f"2018-10-28T{hour:02}:00:00.000+01:00",
            "period_start_utc": START + timedelta(hours=hour - 1),
            "period_end_utc": START + timedelta(hours=hour),
            "value_text": None if hour < 12 else "n/d",
            "code": "value_not_number",
        }
        for hour in (9, 10, 11, 12)
    ]
    quarter = timedelta(minutes=15)
    status = Status(
        State(
            gaps=[
                {
                    **{"id": 460, "geo_id": 8741, "periods": 15, "hours": 15},
                    **{"gap_start_utc": START, "gap_end_utc": START + 14 * HOUR},
                },
                {
                    **{"id": 600, "geo_id": 3, "periods": 3, "hours": 0.75},
                    **{"gap_start_utc": START, "gap_end_utc": START + 2 * quarter},
                },
            ],
            suspect=[row(0), row(1, value=90_000.0), row(2, "step"), row(5), row(6, id=541)],
            withdrawn=[row(0), row(2), row(3)],
            quarantined=entries,
        )
    )
    assert status.findings() == [
        "missing: 460 2018-10-28 00:00 … 2018-10-28 14:00 UTC (15 hours), area 8741",
        "missing: 600 2018-10-28 00:00 … 2018-10-28 00:30 UTC (3 periods, 0.75 hours), area 3",
        "suspect: 460 2018-10-28 00:00 … 2018-10-28 01:00 UTC (2 hours) are 61000 to 90000 MW (out of range),"
        " area 8741",
        "suspect: 460 2018-10-28 02:00 UTC is 61000 MW (step too large), area 8741",
        "suspect: 460 2018-10-28 05:00 UTC is 61000 MW (out of range), area 8741",
        "suspect: 541 2018-10-28 06:00 UTC is 61000 MW (out of range), area 8741",
        "quarantined: 460 2018-10-28T09:00:00.000+01:00 … 2018-10-28T11:00:00.000+01:00 (3 entries)"
        " value null (the value is not a number), area 8741",
        "quarantined: 460 2018-10-28T12:00:00.000+01:00 value n/d (the value is not a number), area 8741",
        "withdrawn: 460 2018-10-28 00:00 UTC is left out of the newest response; its last value stays, area 8741",
        "withdrawn: 460 2018-10-28 02:00 … 2018-10-28 03:00 UTC (2 hours) are left out of the newest response;"
        " their last values stay, area 8741",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_code_has_a_sentence_in_each_language(language: str) -> None:
    for code in [*FINDINGS, *QUARANTINED]:
        text = sentence(code, 3, 1234.5, language)
        assert text
        assert "{" not in text, (code, text)
        assert template(code, "en") != template(code, "es"), code
    assert all(meaning(code, language) for code in QUARANTINED)


def test_numbers_are_written_as_the_language_writes_them() -> None:
    assert sentence("shifted", 24, -43.21) == "mean -43 % from last week"
    assert sentence("flat", 8, 7.5, "es") == "el mismo valor durante 7,5 horas"
    assert sentence("two_values", 2, 2.0) == "entries quarantined: 2 (two values for one period in one response)"
    assert sentence("a_code_of_the_future", 4, None) == "a_code_of_the_future: 4"
