"""One warehouse with years of clean simulated values and the faults of the field in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta

from simulator import demand
from tests.warehouses.landed import Warehouse, body, entry

Values = dict[datetime, float]


def days(first: str, last: str, curve: Callable[[int], Iterable[float]] = demand.demand_mw) -> Values:
    """The simulated hours of Madrid days, both included, by their start in UTC."""
    found: Values = {}
    for ordinal in range(date.fromisoformat(first).toordinal(), date.fromisoformat(last).toordinal() + 1):
        start = datetime.fromtimestamp(demand.day_start(ordinal), UTC)
        found |= {start + timedelta(hours=n): float(value) for n, value in enumerate(curve(ordinal))}
    return found


def hour(text: str) -> datetime:
    """`2020-11-11 20` (UTC) as an aware instant."""
    return datetime.fromisoformat(f"{text}:00").replace(tzinfo=UTC)


def window(first: str, last: str) -> tuple[str, str]:
    """The half-open window of Madrid days, both included, in UTC."""
    ordinals = date.fromisoformat(first).toordinal(), date.fromisoformat(last).toordinal() + 1
    start, end = (f"{datetime.fromtimestamp(demand.day_start(day), UTC):%Y-%m-%d %H:%M}" for day in ordinals)
    return start, end


def land(
    warehouse: Warehouse,
    indicator: int,
    first: str,
    last: str,
    values: Values,
    extracted: str = "2021-06-01 10:00",
    updated: str | None = None,
    extra: Iterable[dict[str, object]] = (),
    areas: Iterable[int] | None = None,
) -> None:
    """Land one response for Madrid days; `extra` entries come after the values, those of the first of the `areas`."""
    asked = list(areas or [3 if indicator == 600 else 8741])
    geo = {"geo_id": asked[0]}
    entries = [entry(instant, value, **geo) for instant, value in values.items()]
    payload = body([*entries, *extra], indicator=indicator, updated=updated)
    url = f"https://api.esios.ree.es/indicators/{indicator}?" + "&".join(f"geo_ids%5B%5D={area}" for area in asked)
    warehouse.land(payload, window=window(first, last), extracted=extracted, indicator=indicator, url=url)


def fill(warehouse: Warehouse) -> None:
    """Land it all in an empty warehouse, and build."""
    # Clean: the two years of the main job, and of the others enough for a reference a year before.
    land(warehouse, 460, "2017-01-01", "2018-12-31", days("2017-01-01", "2018-12-31"))
    for indicator, curve in ((1293, demand.actual_demand_mw), (1775, demand.demand_day_ahead_mw)):
        land(warehouse, indicator, "2019-11-01", "2020-12-31", days("2019-11-01", "2020-12-31", curve))
    land(warehouse, 600, "2020-01-01", "2020-12-31", days("2020-01-01", "2020-12-31", demand.spot_price))
    # 460 as it really was: low on the night of 2020-12-16, one hour far too low on 2020-11-11; and a lost hour.
    faulty = days("2020-10-01", "2020-12-31")
    for n in range(9):
        faulty[hour("2020-12-16 00") + timedelta(hours=n)] = 9_000.0 + 375 * n
    for n, value in enumerate((29_900.0, 17_256.0, 28_100.0), start=19):
        faulty[hour(f"2020-11-11 {n}")] = value
    del faulty[hour("2020-10-25 01")]  # the repeated hour of autumn
    land(warehouse, 460, "2020-10-01", "2020-12-31", faulty)
    # 544: four times too high from one moment on; a flat run; a null; a conflict; another area.
    odd = days("2021-01-01", "2021-03-31", demand.scheduled_demand_mw)
    for instant in list(odd):
        if instant >= hour("2021-03-28 12"):
            odd[instant] *= 4
        if hour("2021-02-03 08") <= instant <= hour("2021-02-03 15"):
            odd[instant] = 30_000.0
    odd.pop(hour("2021-02-10 10"))
    conflict = hour("2021-02-17 10")
    extra = [
        entry(hour("2021-02-10 10"), None),
        entry(conflict, odd[conflict] + 500),
        entry(hour("2021-02-24 10"), 1_234.0, geo_id=8742),
    ]
    land(warehouse, 544, "2021-01-01", "2021-03-31", odd, extra=extra)
    warehouse.run()
