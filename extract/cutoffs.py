"""What was known when: the cutoffs that a user can name, as types. Pure: no clock, no network, no disk.

A cutoff belongs to a period: `cutoff(period_start_utc)` gives the last instant whose knowledge counts, itself included.
Every instant is naive UTC, as in the tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeAlias

from extract.errors import UsageError
from extract.windows import DAY, MADRID, madrid_day, midnight_utc

RULE_REMEDY = "use D-1T12:00 (Madrid clock, D the day of the period) or a lead before its start such as PT24H or P1D"
INSTANT_REMEDY = "use yyyy-mm-ddTHH:MM:SS, in UTC or with an offset such as +01:00"
_DAY_RULE = re.compile(
    r"D(?P<days>[+-]\d{1,3})?T(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)(:(?P<second>[0-5]\d))?", re.ASCII
)
_LEAD = re.compile(
    r"P(?=.)((?P<weeks>\d{1,4})W)?((?P<days>\d{1,5})D)?"
    r"(T(?=.)((?P<hours>\d{1,6})H)?((?P<minutes>\d{1,8})M)?((?P<seconds>\d{1,9})S)?)?",
    re.ASCII,
)


@dataclass(frozen=True)
class AsOf:
    """One cutoff for every period.

    >>> AsOf.parse("2018-03-01T12:00:00+01:00")
    AsOf(instant_utc=datetime.datetime(2018, 3, 1, 11, 0))
    """

    instant_utc: datetime

    @classmethod
    def parse(cls, given: str | datetime) -> AsOf:
        """An instant as ISO-8601 text or as a datetime; without an offset it is UTC. `UsageError` for any other."""
        try:
            instant = datetime.fromisoformat(given.strip()) if isinstance(given, str) else given
            if not isinstance(instant, datetime) or instant != instant:  # pandas' NaT is not an instant
                raise ValueError
            if instant.tzinfo is not None:
                instant = instant.astimezone(UTC).replace(tzinfo=None)
            # A plain datetime also where a subclass was given, whose arithmetic may differ.
            return cls(datetime.combine(instant.date(), instant.time()))
        except (ValueError, OverflowError):
            raise UsageError(f"{str(given)!r} is not a valid instant", INSTANT_REMEDY) from None

    def cutoff(self, period_start_utc: datetime) -> datetime:  # noqa: ARG002
        """The instant itself."""
        return self.instant_utc

    def __str__(self) -> str:
        return f"{self.instant_utc.isoformat(sep=' ')} UTC"


@dataclass(frozen=True)
class LeadTime:
    """A cutoff so long before the start of each period. A day is 24 hours, whatever the Madrid clock does.

    >>> LeadTime.parse("P1DT6H").lead
    datetime.timedelta(days=1, seconds=21600)
    """

    lead: timedelta

    @classmethod
    def parse(cls, text: str) -> LeadTime:
        """An ISO-8601 duration in weeks, days, hours, minutes, seconds. `UsageError` for any other text."""
        found = _LEAD.fullmatch(text)
        if not found:
            raise UsageError(f"{text!r} is not a valid lead time", RULE_REMEDY)
        return cls(timedelta(**{unit: int(number) for unit, number in found.groupdict().items() if number}))

    def cutoff(self, period_start_utc: datetime) -> datetime:
        """The period's start less the lead."""
        return period_start_utc - self.lead

    def __str__(self) -> str:
        return f"{self.lead} before the start of each period"


@dataclass(frozen=True)
class DayRule:
    """A cutoff on the Madrid clock, counted in days from the Madrid day D on which the period starts.

    A clock time that occurs twice (autumn) means its first occurrence; one that is skipped (spring) means as long after
    midnight as it says, so 02:30 is then the instant that the clock shows as 03:30.

    >>> DayRule.parse("D-1T12:00").cutoff(datetime(2018, 3, 25, 22, 0))
    datetime.datetime(2018, 3, 25, 10, 0)
    """

    days: int
    clock: time

    @classmethod
    def parse(cls, text: str) -> DayRule:
        """`D-1T12:00`, with seconds if need be; `DT00:00` is the day itself. `UsageError` for any other text."""
        found = _DAY_RULE.fullmatch(text)
        if not found:
            raise UsageError(f"{text!r} is not a valid day rule", RULE_REMEDY)
        parts = {name: int(number or 0) for name, number in found.groupdict().items()}
        return cls(parts["days"], time(parts["hour"], parts["minute"], parts["second"]))

    def cutoff(self, period_start_utc: datetime) -> datetime:
        """The rule's clock time, so many days from the Madrid day of the period's start."""
        return self.cutoff_of_day(madrid_day(period_start_utc))

    def cutoff_of_day(self, day: date) -> datetime:
        """The cutoff of all periods that start on a Madrid day."""
        local = datetime.combine(day + timedelta(days=self.days), self.clock, MADRID)
        return local.astimezone(UTC).replace(tzinfo=None)

    def __str__(self) -> str:
        return f"D{self.days:+d}T{self.clock.isoformat()} on the Madrid clock"


Rule: TypeAlias = DayRule | LeadTime
Cutoff: TypeAlias = AsOf | Rule


def parse_rule(text: str) -> Rule:
    """What `--known-before` takes. `UsageError` names the text and both ways to write a rule.

    >>> parse_rule("PT24H")
    LeadTime(lead=datetime.timedelta(days=1))
    """
    for kind in (DayRule, LeadTime):
        try:
            return kind.parse(text.strip())
        except UsageError:
            continue
    raise UsageError(f"{text!r} is not a valid rule", RULE_REMEDY)


@dataclass(frozen=True)
class AlikeDays:
    """Consecutive Madrid days of one length whose cutoffs lie equally far from their midnights.

    The cutoff of a period is the start of its day plus `midnight_to_cutoff`; days are `day_length` apart from
    `start_utc` on. So a day rule becomes arithmetic, for which an engine needs no time zones.
    """

    start_utc: datetime
    end_utc: datetime
    day_length: timedelta
    midnight_to_cutoff: timedelta


def alike_days(rule: DayRule, first_day: date, last_day: date) -> Iterator[AlikeDays]:
    """The days from `first_day` to `last_day`, both included, in few stretches: some eight a year."""
    day = first_day
    stretch: AlikeDays | None = None
    while day <= last_day:
        start, end = midnight_utc(day), midnight_utc(day + DAY)
        length, ahead = end - start, rule.cutoff_of_day(day) - start
        if stretch and (stretch.day_length, stretch.midnight_to_cutoff) == (length, ahead):
            stretch = AlikeDays(stretch.start_utc, end, length, ahead)
        else:
            if stretch:
                yield stretch
            stretch = AlikeDays(start, end, length, ahead)
        day += DAY
    if stretch:
        yield stretch
