"""The simulated power system: a deterministic curve for every hour of a Madrid day. Pure; no I/O, no clock.

Demand follows hour of day, day of week, season, Spanish national holidays and a slow random weather: every value lies
between 15 and 45 GW, and no two neighbouring hours differ by 6 GW. Nothing here is recorded data: the shapes are
hand-drawn, and the same day gives the same curve on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Set
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

MADRID = ZoneInfo("Europe/Madrid")
HOUR = 3600
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()

# Hour of day (Madrid) as a share of the day's mean power: 24 values each, hand-drawn.
_WORKDAY_WINTER = (
    0.87, 0.80, 0.76, 0.74, 0.74, 0.76, 0.85, 0.98, 1.07, 1.11, 1.13, 1.13,
    1.12, 1.12, 1.08, 1.05, 1.04, 1.05, 1.11, 1.16, 1.17, 1.14, 1.06, 0.96,
)  # fmt: skip
_WORKDAY_SUMMER = (
    0.90, 0.85, 0.81, 0.79, 0.78, 0.79, 0.84, 0.91, 0.98, 1.05, 1.10, 1.12,
    1.15, 1.16, 1.14, 1.12, 1.12, 1.12, 1.11, 1.09, 1.07, 1.06, 1.04, 0.97,
)  # fmt: skip
_SATURDAY_WINTER = (
    1.00, 0.92, 0.86, 0.83, 0.81, 0.81, 0.84, 0.89, 0.96, 1.04, 1.11, 1.13,
    1.12, 1.12, 1.09, 1.04, 1.01, 1.02, 1.09, 1.15, 1.17, 1.14, 1.08, 1.01,
)  # fmt: skip
_SATURDAY_SUMMER = (
    1.01, 0.95, 0.91, 0.88, 0.86, 0.85, 0.85, 0.87, 0.92, 1.00, 1.06, 1.09,
    1.11, 1.12, 1.11, 1.07, 1.05, 1.04, 1.04, 1.04, 1.04, 1.05, 1.05, 0.99,
)  # fmt: skip
_SUNDAY_WINTER = (
    1.00, 0.92, 0.86, 0.82, 0.81, 0.81, 0.82, 0.84, 0.88, 0.95, 1.03, 1.06,
    1.06, 1.08, 1.07, 1.02, 1.00, 1.02, 1.11, 1.18, 1.21, 1.20, 1.13, 1.05,
)  # fmt: skip
_SUNDAY_SUMMER = (
    1.02, 0.96, 0.91, 0.88, 0.86, 0.85, 0.84, 0.83, 0.87, 0.93, 1.00, 1.04,
    1.07, 1.10, 1.10, 1.07, 1.05, 1.04, 1.04, 1.06, 1.08, 1.11, 1.13, 1.07,
)  # fmt: skip
_SHAPES = {
    "workday": (_WORKDAY_WINTER, _WORKDAY_SUMMER, 1.0),
    "saturday": (_SATURDAY_WINTER, _SATURDAY_SUMMER, 0.89),
    "sunday": (_SUNDAY_WINTER, _SUNDAY_SUMMER, 0.825),
}
# Yearly level, interpolated between 1 Julys; flat before and after.
_YEAR_LEVEL = {
    2014: 0.975,
    2016: 0.99,
    2017: 1.0,
    2018: 1.005,
    2019: 0.985,
    2020: 0.935,
    2021: 0.96,
    2022: 0.935,
    2024: 0.92,
}


@cache
def holidays_of(year: int) -> Set[date]:
    """The Spanish national holidays of `year`."""
    # Imported here: the package takes longer to import than everything else in this folder together.
    from holidays.countries.spain import Spain

    return frozenset(Spain(years=year))


@lru_cache(maxsize=8192)
def day_start(ordinal: int) -> int:
    """Madrid midnight of the day with this proleptic ordinal, in seconds since 1970 (UTC)."""
    day = date.fromordinal(ordinal)
    return int(datetime(day.year, day.month, day.day, tzinfo=MADRID).timestamp())


def hours_in_day(ordinal: int) -> int:
    """23, 24 or 25."""
    return (day_start(ordinal + 1) - day_start(ordinal)) // HOUR


def madrid_ordinal(instant: float) -> int:
    """The ordinal of the Madrid day that `instant` (seconds since 1970) falls on."""
    # Madrid is one or two hours ahead of UTC: 23:00 UTC is always the next day, 21:59 never.
    ordinal = _EPOCH_ORDINAL + int((instant + 2 * HOUR) // 86400)
    return ordinal if instant >= day_start(ordinal) else ordinal - 1


@lru_cache(maxsize=1024)
def clock_change(year: int, month: int) -> int:
    """The instant (seconds since 1970) of the clock change on that month's last Sunday: 01:00 UTC by European rule."""
    last = date(year, month, 31)
    sunday = last - timedelta(days=(last.weekday() + 1) % 7)
    return int(datetime(sunday.year, sunday.month, sunday.day, 1, tzinfo=UTC).timestamp())


def offset_span(instant: int) -> tuple[int, int, int]:
    """(from, until, offset): the span of instants around this one during which Madrid keeps one offset, in seconds."""
    year = datetime.fromtimestamp(instant, UTC).year
    spring, autumn = clock_change(year, 3), clock_change(year, 10)
    if instant < spring:
        return clock_change(year - 1, 10), spring, HOUR
    if instant < autumn:
        return spring, autumn, 2 * HOUR
    return autumn, clock_change(year + 1, 3), HOUR


def _noise(seed: int, stream: int, count: int) -> list[float]:
    """`count` numbers of mean 0 and deviation 1, the same for the same seed on every Python."""
    draw = Random(seed * 64 + stream).random  # noqa: S311 (a repeatable curve is the point)
    return [(draw() + draw() + draw() + draw() - 2.0) * math.sqrt(3.0) for _ in range(count)]


@lru_cache(maxsize=16384)
def _day_noise(ordinal: int, stream: int) -> float:
    return _noise(ordinal, stream, 1)[0]


def slow(ordinal: int, stream: int, days: int = 7) -> float:
    """A slow anomaly of that day, about -2 … 2: the mean of daily noise over `days` days."""
    return sum(_day_noise(ordinal - back, stream) for back in range(days)) / math.sqrt(days)


def day_kind(day: date) -> str:
    """`workday`, `saturday` or `sunday`; national holidays count as Sundays, their eves in December as Saturdays."""
    if day.weekday() == 6 or day in holidays_of(day.year):
        return "sunday"
    if day.weekday() == 5 or (day.month == 12 and day.day in (24, 31)):
        return "saturday"
    return "workday"


def _year_level(day: date) -> float:
    position = day.year + (day.timetuple().tm_yday - 182) / 365.25
    years = tuple(_YEAR_LEVEL)
    if position <= years[0]:
        return _YEAR_LEVEL[years[0]]
    for low, high in pairwise(years):
        if position <= high:
            share = (position - low) / (high - low)
            return _YEAR_LEVEL[low] * (1 - share) + _YEAR_LEVEL[high] * share
    return _YEAR_LEVEL[years[-1]]


def _mean_power(day: date, year_day: int) -> float:
    """The mean MW of a plain working day: high in winter and summer, low in spring and autumn and in August."""
    phase = 2 * math.pi * (year_day - 20) / 365.25
    mean = 29_900 + 300 * math.cos(phase) + 1_900 * math.cos(2 * phase)
    august = math.exp(-(((year_day - 227) / 11) ** 2))
    return mean * (1 - 0.05 * august) * _year_level(day)


def local_hours(ordinal: int) -> list[int]:
    """The clock hour of each of the day's 23, 24 or 25 hours: the repeated one twice, the skipped one not at all."""
    match hours_in_day(ordinal):
        case 23:
            return [0, 1, *range(3, 24)]
        case 25:
            return [0, 1, 2, *range(2, 24)]
        case _:
            return list(range(24))


@lru_cache(maxsize=16384)
def demand_mw(ordinal: int) -> tuple[int, ...]:
    """The demand forecast's final values of one Madrid day: whole MW, one per hour (23, 24 or 25 of them)."""
    day = date.fromordinal(ordinal)
    year_day = day.timetuple().tm_yday
    winter_shape, summer_shape, level = _SHAPES[day_kind(day)]
    winter = 0.5 + 0.5 * math.cos(2 * math.pi * (year_day - 15) / 365.25)
    weather = 0.012 * max(-2.5, min(2.5, slow(ordinal, 1)))
    mean = _mean_power(day, year_day) * level * (1 + weather)
    clock = local_hours(ordinal)
    ripple = _noise(ordinal, 2, len(clock))
    return tuple(
        round(mean * (winter * winter_shape[hour] + (1 - winter) * summer_shape[hour]) * (1 + 0.004 * wave))
        for hour, wave in zip(clock, ripple, strict=True)
    )


def _with_error(ordinal: int, stream: int, size: float) -> tuple[int, ...]:
    """The day's demand with a plausible error of about `size` (a share), half of it the day's, half the hour's."""
    final = demand_mw(ordinal)
    bias = max(-2.5, min(2.5, _day_noise(ordinal, stream)))
    hourly = _noise(ordinal, stream + 1, len(final) + 2)
    return tuple(
        round(mw * (1 + size * (0.7 * bias + 0.4 * (hourly[i] + hourly[i + 1] + hourly[i + 2]))))
        for i, mw in enumerate(final)
    )


@lru_cache(maxsize=8192)
def actual_demand_mw(ordinal: int) -> tuple[int, ...]:
    """What was really consumed: the forecast with an error of about 1 %."""
    return _with_error(ordinal, 10, 0.008)


@lru_cache(maxsize=8192)
def demand_day_ahead_mw(ordinal: int) -> tuple[int, ...]:
    """The forecast sealed on the day before: a little further from the truth than the final one."""
    return _with_error(ordinal, 13, 0.010)


@lru_cache(maxsize=8192)
def scheduled_demand_mw(ordinal: int) -> tuple[int, ...]:
    """The demand in the operating schedule."""
    return _with_error(ordinal, 16, 0.006)


@lru_cache(maxsize=8192)
def wind_mw(ordinal: int) -> tuple[int, ...]:
    """Wind generation: 0.5 … 17 GW, calm and storm in turns of days, more in winter."""
    year_day = date.fromordinal(ordinal).timetuple().tm_yday
    season = 1 + 0.25 * math.cos(2 * math.pi * (year_day - 30) / 365.25)
    today, tomorrow = (math.exp(0.42 * slow(day, 20, 3)) for day in (ordinal, ordinal + 1))
    clock = local_hours(ordinal)
    ripple = _noise(ordinal, 21, len(clock))
    return tuple(
        round(max(500.0, min(17_000.0, 5_400 * season * (today + (tomorrow - today) * i / 24) * (1 + 0.03 * wave))))
        for i, wave in enumerate(ripple)
    )


@lru_cache(maxsize=8192)
def solar_mw(ordinal: int) -> tuple[int, ...]:
    """Photovoltaic generation: nothing at night, growing from 4 GW of peak in 2017 to over 20 in 2025."""
    day = date.fromordinal(ordinal)
    season = math.cos(2 * math.pi * (day.timetuple().tm_yday - 172) / 365.25)
    half_day = 6.0 + 1.3 * season
    peak = 3_300 * min(7.0, math.exp(0.26 * max(0.0, day.year - 2018))) * (0.78 + 0.22 * season)
    clouds = 1 - 0.18 * max(0.0, slow(ordinal, 30, 3))
    first = day_start(ordinal) // HOUR
    powers = []
    for i in range(hours_in_day(ordinal)):
        # Half past the hour, by the sun: noon in Madrid is about 12:15 UTC.
        distance = ((first + i) % 24 + 0.5) - 12.25
        height = math.cos(distance / half_day * math.pi / 2) if abs(distance) < half_day else 0.0
        powers.append(round(max(0.0, peak * clouds * height**1.3)))
    return tuple(powers)


def solar_mwh_by_province(count: int) -> tuple[Callable[[int], tuple[float, ...]], ...]:
    """The measured photovoltaic energy of each of `count` provinces, MWh; together about what all of them produce."""
    weights = [1 + (7 * place) % 11 for place in range(count)]

    def province(share: float) -> Callable[[int], tuple[float, ...]]:
        return lambda ordinal: tuple(round(power * share, 3) for power in solar_mw(ordinal))

    return tuple(province(weight / sum(weights)) for weight in weights)


def highest_demand_mw(ordinal: int) -> tuple[float, ...]:
    """The highest hourly demand of the day, as the day's one value."""
    return (float(max(actual_demand_mw(ordinal))),)


def month_demand_mwh(ordinal: int) -> tuple[float, ...]:
    """The demand of the 28 days from this one on, MWh: near enough to a month's, as its one value."""
    return (float(sum(sum(demand_mw(day)) for day in range(ordinal, ordinal + 28))),)


def clean_share(ordinal: int) -> tuple[float, ...]:
    """The share of wind, sun and 7 GW of nuclear and water in the demand, in percent."""
    powers = zip(wind_mw(ordinal), solar_mw(ordinal), demand_mw(ordinal), strict=True)
    return tuple(round(min(100.0, 100 * (wind + sun + 7_000) / demand), 1) for wind, sun, demand in powers)


_PRICE_LEVEL = {
    2014: 42,
    2015: 50,
    2016: 40,
    2017: 52,
    2018: 57,
    2019: 48,
    2020: 34,
    2021: 112,
    2022: 167,
    2023: 87,
    2024: 63,
}


@lru_cache(maxsize=8192)
def spot_price(ordinal: int) -> tuple[float, ...]:
    """The day-ahead price in €/MWh, two decimals: rises with what wind and sun leave, may be zero or negative."""
    day = date.fromordinal(ordinal)
    level = _PRICE_LEVEL.get(day.year, 64 if day.year > 2024 else 42)
    drift = 1 + 0.10 * slow(ordinal, 40, 14)
    prices = []
    for demand, wind, solar in zip(demand_mw(ordinal), wind_mw(ordinal), solar_mw(ordinal), strict=True):
        residual = (demand - wind - solar - 20_000) / 12_000
        prices.append(round(max(-15.0, level * drift * (0.92 + 0.42 * residual)), 2))
    return tuple(prices)


def spread_price(stream: int, size: float, share: float) -> Callable[[int], tuple[float, ...]]:
    """The price of a neighbouring area: Spain's, apart from it by about `size` €/MWh in `share` of the hours."""

    @lru_cache(maxsize=4096)
    def of_day(ordinal: int) -> tuple[float, ...]:
        spain = spot_price(ordinal)
        apart = _noise(ordinal, stream, len(spain))
        split = _noise(ordinal, stream + 1, len(spain))
        # A quantile of the near-normal noise: |z| above the limit in about `share` of the hours.
        limit = 1.64 * (1 - share)
        return tuple(
            round(price + size * gap, 2) if abs(cut) >= limit else price
            for price, gap, cut in zip(spain, apart, split, strict=True)
        )

    return of_day


def final_price(ordinal: int) -> tuple[float, ...]:
    """The mean final price, all components: the spot price and some 10 €/MWh of services."""
    return tuple(
        round(price + 9.5 + 0.5 * wave, 2)
        for price, wave in zip(spot_price(ordinal), _noise(ordinal, 50, 25), strict=False)
    )


def tariff_price(ordinal: int) -> tuple[float, ...]:
    """The regulated household tariff in €/MWh: dearest in the two peaks of a working day."""
    workday = day_kind(date.fromordinal(ordinal)) == "workday"
    prices = []
    for hour, price in zip(local_hours(ordinal), spot_price(ordinal), strict=True):
        peak = workday and (10 <= hour < 14 or 18 <= hour < 22)
        flat = workday and not peak and hour >= 8
        prices.append(round(price * 1.15 + (85 if peak else 38 if flat else 12), 2))
    return tuple(prices)


def revision(hour_index: int, issue: int, lead_hours: float) -> float:
    """The share by which a forecast issued `lead_hours` before that hour is off: grows with the lead, never 0."""
    draw = Random(hour_index * 1_000_003 + issue).random()  # noqa: S311
    size = 0.003 + 0.0045 * math.sqrt(lead_hours / 24)
    return size * (draw - 0.5) + math.copysign(0.0006, draw - 0.5)


def day_of(ordinal: int) -> date:
    """The date of an ordinal."""
    return date(1, 1, 1) + timedelta(days=ordinal - 1)
