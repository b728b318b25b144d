"""Hours in a row are one stretch, and the status tells each stretch in one line."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from extract.in_a_row import HOUR, in_a_row
from extract.status import Status

START = datetime(2018, 10, 28)
hours = st.lists(st.tuples(st.integers(0, 30), st.sampled_from("ab")), unique_by=lambda hour: hour[0]).map(sorted)


def row(hour: float | None, reason: str = "out of range", value: float = 61_000.0, id: int = 460) -> dict[str, Any]:
    at = None if hour is None else START + timedelta(hours=hour)
    return {"id": id, "datetime": at, "reason": reason, "value": value}


@given(hours)
def test_stretches_hold_every_row_once_in_order_and_are_as_long_as_can_be(found: list[tuple[int, str]]) -> None:
    rows = [row(hour, reason) for hour, reason in found]
    stretches = in_a_row(rows, "datetime", lambda one: one["reason"])
    assert [one for stretch in stretches for one in stretch] == rows
    for stretch in stretches:
        assert stretch[-1]["datetime"] - stretch[0]["datetime"] == HOUR * (len(stretch) - 1)
        assert len({one["reason"] for one in stretch}) == 1
    for before, after in pairwise(stretches):
        apart = after[0]["datetime"] - before[-1]["datetime"]
        assert apart > HOUR or after[0]["reason"] != before[-1]["reason"]


def test_what_has_no_hour_stands_alone() -> None:
    assert [len(stretch) for stretch in in_a_row([row(None), row(None), row(1)], "datetime", lambda _: 0)] == [1, 1, 1]


def test_the_status_names_stretches_and_single_hours() -> None:
    status = Status(
        suspect=[row(0), row(1, value=90_000.0), row(2, "step too large"), row(5), row(6, id=541)],
        withdrawn=[row(0), row(2), row(3)],
        rejected=[
            {
                "indicator_id": 460,
                "geo_id": 8741,
                "datetime_text": f"2018-10-28T{hour:02}:00:00.000+01:00",
                "period_start_utc": START + timedelta(hours=hour - 1),
                "value_text": None if hour < 12 else "n/d",
                "code": "value_not_number",
            }
            for hour in (9, 10, 11, 12)
        ],
    )
    assert status.complaints() == [
        "suspect: 460 2018-10-28 00:00 … 2018-10-28 01:00 UTC (2 hours) are 61000 to 90000 MW (out of range)",
        "suspect: 460 2018-10-28 02:00 UTC is 61000 MW (step too large)",
        "suspect: 460 2018-10-28 05:00 UTC is 61000 MW (out of range)",
        "suspect: 541 2018-10-28 06:00 UTC is 61000 MW (out of range)",
        "quarantined: 460 2018-10-28T09:00:00.000+01:00 … 2018-10-28T11:00:00.000+01:00 (3 entries)"
        " value null (the value is not a number)",
        "quarantined: 460 2018-10-28T12:00:00.000+01:00 value n/d (the value is not a number)",
        "withdrawn: 460 2018-10-28 00:00 UTC is left out of the newest answer; its last value stays",
        "withdrawn: 460 2018-10-28 02:00 … 2018-10-28 03:00 UTC (2 hours) are left out of the newest answer;"
        " their last values stay",
    ]
