"""A selection of values → one SQL query on `esios_value_versions`, the same on every engine.

A version stands from `known_from_utc`, included, until the next one's, excluded. So of each period a cutoff lets
through the version with known_from <= cutoff < known_until, and nothing that was extracted later.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from extract.cutoffs import AsOf, LeadTime, alike_days
from extract.errors import UsageError
from extract.export import MART_COLUMNS, Query
from extract.registry import Indicator
from extract.selection import Selection, refuse_unknown_areas
from extract.warehouse import Column, Kind, Warehouse
from extract.windows import DAY, madrid_day, midnight_utc

VERSIONS = "esios_value_versions"
VALUES = "esios_values"
RESPONSES = "staging_esios.stg_esios__indicator_responses"
COUNTED = "staging_esios.stg_esios__counted_values"
PERIOD_START = "period_start_utc"
_EPOCH = dt.datetime(1970, 1, 1)
_MICROSECOND = dt.timedelta(microseconds=1)


def _integer(name: str) -> Column:
    return Column(name, "integer", Kind.INTEGER)


def _text(name: str) -> Column:
    return Column(name, "text", Kind.TEXT)


def _instant(name: str) -> Column:
    return Column(name, "timestamp", Kind.TIMESTAMP)


def _float(name: str) -> Column:
    return Column(name, "float", Kind.FLOAT)


@dataclass(frozen=True)
class Shape:
    """What a row of a result holds: the SQL of its columns, their names and types, and the order of the rows."""

    columns: str
    named: tuple[Column, ...]
    order: str


LONG = Shape(
    "said.indicator_id, labels.name, said.geo_id, labels.geo_name, said.period_start_utc, said.period_end_utc,"
    " said.value, labels.unit, said.known_from_utc, responses.values_updated_at_utc",
    (
        _integer("indicator_id"),
        _text("name"),
        _integer("geo_id"),
        _text("geo_name"),
        _instant(PERIOD_START),
        _instant("period_end_utc"),
        _float("value"),
        _text("unit"),
        _instant("known_from_utc"),
        _instant("published_at_utc"),
    ),
    "said.indicator_id, said.geo_id, said.period_start_utc, said.version",
)
DEMAND = Shape(
    "labels.name, said.indicator_id, said.period_start_utc, said.value,"
    " coalesce(responses.values_updated_at_utc, responses.extracted_at_utc)",
    tuple(made(name) for made, name in zip((_text, _integer, _instant, _float, _instant), MART_COLUMNS, strict=True)),
    "said.period_start_utc, said.indicator_id",
)
SAID_NOW = "said as (select standing.*, standing.confirmed_response_id as said_response_id from standing)"


@dataclass(frozen=True)
class Series:
    """One area of one indicator in the warehouse: its first and last period, and how many lie in the span."""

    indicator_id: int
    geo_id: int
    first_utc: dt.datetime
    last_utc: dt.datetime
    periods: int


@dataclass(frozen=True)
class Known:
    """The query for a selection, how many periods it leaves out as not known yet, and of what nothing is landed.

    `wide_columns`: the (indicator, area) of each column after the first, by its name; empty for the long form.
    """

    query: Query
    not_known_yet: int
    without_values: tuple[Indicator, ...]
    wide_columns: dict[str, tuple[int, int]]


def find(warehouse: Warehouse, selection: Selection, shape: Shape = LONG) -> Known:
    """Check what is present of the selected values, and make the query for them: in `shape`, or wide if selected so.

    Reads counts, no values. `UsageError` where the table is not built yet, or an area is of none of the indicators.
    """
    for table in (VERSIONS, VALUES, *([COUNTED] if selection.cutoff else [])):
        if not warehouse.exists(table):
            raise UsageError(
                f"table {warehouse.resolve(table)} does not exist yet", "make it with `dbt build` after an extract"
            )
    select = _Select(warehouse, selection)
    found = select.series
    filled = {one.indicator_id for one in found if one.periods}
    columns = _wide_columns(selection, found) if selection.wide else {}
    return Known(
        select.wide(columns) if selection.wide else select.shaped(shape),
        select.not_known_yet() if selection.cutoff else 0,
        tuple(indicator for indicator in selection.indicators if indicator.id not in filled),
        columns,
    )


def _wide_columns(selection: Selection, found: Sequence[Series]) -> dict[str, tuple[int, int]]:
    """Every registered area of each indicator, in the registry's order, whether there are values or not, so that the
    columns depend on the request alone; then what else is landed, as of an indicator with all areas.
    """
    columns = {}
    for indicator in selection.indicators:
        landed = sorted(one.geo_id for one in found if one.indicator_id == indicator.id)
        for area in dict.fromkeys([*(indicator.areas or ()), *landed]):
            if selection.areas is None or area in selection.areas:
                columns[f"indicator_{indicator.id}_area_{area}"] = (indicator.id, area)
    return columns


class _Select:
    """The SQL for one request on one engine. Numbers are written in, instants bound; no name comes from a user."""

    def __init__(self, warehouse: Warehouse, selection: Selection) -> None:
        self.warehouse, self.selection = warehouse, selection
        self.indicators = ", ".join(str(int(indicator.id)) for indicator in selection.indicators)
        self.in_span, self.span = self._span()
        self.series = self._series()
        self.source, self.cutoff = self._cutoff()

    def _span(self) -> tuple[str, tuple[dt.datetime, ...]]:
        """The condition that a period starts within the days, and its values."""
        bounds: list[tuple[str, dt.datetime]] = []
        if self.selection.start:
            bounds.append(("versions.period_start_utc >= ?", midnight_utc(self.selection.start)))
        if self.selection.end:
            bounds.append(("versions.period_start_utc < ?", midnight_utc(self.selection.end + DAY)))
        return " and ".join(condition for condition, _ in bounds) or "1 = 1", tuple(instant for _, instant in bounds)

    def _series(self) -> list[Series]:
        """What the warehouse has of the indicators in the selected areas, whatever the span."""
        rows = self.warehouse.rows(
            "select versions.indicator_id, versions.geo_id, min(versions.period_start_utc),"
            f" max(versions.period_start_utc), sum(case when {self.in_span} then 1 else 0 end)"
            f" from {self.warehouse.sql_name(VERSIONS)} as versions"
            f" where versions.indicator_id in ({self.indicators}) and versions.version = 1"
            " group by versions.indicator_id, versions.geo_id",
            self.span,
        )
        found, areas = [Series(*row) for row in rows], self.selection.areas
        if areas is None:
            return found
        listed = {area for indicator in self.selection.indicators for area in indicator.areas or ()}
        refuse_unknown_areas(areas, listed | {one.geo_id for one in found})
        return [one for one in found if one.geo_id in areas]

    def _cutoff(self) -> tuple[str, str]:
        """What to read the versions from, and the SQL of the cutoff of each one's period, in microseconds.

        A day rule comes as a short table of days that are alike, made here: an engine's own time zones would be a
        second home of the rule, and those of SQL Server are not those of Python.
        """
        rows = f"{self.warehouse.sql_name(VERSIONS)} as versions"
        start, cutoff = self.warehouse.micros("versions.period_start_utc"), self.selection.cutoff
        if isinstance(cutoff, AsOf):
            return rows, _big(cutoff.instant_utc - _EPOCH)
        if isinstance(cutoff, LeadTime):
            return rows, f"({start} - {_big(cutoff.lead)})"
        if cutoff is None or not self.series:
            return rows, "0"
        first = madrid_day(min(one.first_utc for one in self.series))
        last = madrid_day(max(one.last_utc for one in self.series))
        days = ", ".join(
            f"({_big(alike.start_utc - _EPOCH)}, {_big(alike.end_utc - _EPOCH)}, {_big(alike.day_length)},"
            f" {_big(alike.midnight_to_cutoff)})"
            for alike in alike_days(cutoff, first, last)
        )
        return (
            f"{rows} inner join (values {days}) as days (first_us, end_us, day_us, to_cutoff_us)"
            f" on {start} >= days.first_us and {start} < days.end_us",
            f"({start} - ({start} - days.first_us) % days.day_us + days.to_cutoff_us)",
        )

    def not_known_yet(self) -> int:
        """How many periods have a first version, but one that came after the cutoff."""
        count = self.warehouse.value(
            f"select count(*) from {self.source} where {self._wanted_rows()} and versions.version = 1"
            f" and {self._known_from()} > {self.cutoff}",
            self.span,
        )
        return int(count)

    def shaped(self, shape: Shape) -> Query:
        """One row a version that is meant, in the columns and the order of `shape`."""
        statement = f"""
            with standing as (
                select versions.*, {self.cutoff} as cutoff_us
                from {self.source}
                where {self._wanted_rows()} and {self._standing()}
            ),
            {self._said() if self.selection.cutoff else SAID_NOW},
            labels as (
                select indicator_id, geo_id, max(name) as name, max(geo_name) as geo_name, max(unit) as unit
                from {self.warehouse.sql_name(VALUES)}
                where indicator_id in ({self.indicators})
                group by indicator_id, geo_id
            )
            select {shape.columns}
            from said
            inner join labels on said.indicator_id = labels.indicator_id and said.geo_id = labels.geo_id
            inner join {self.warehouse.sql_name(RESPONSES)} as responses
                on said.said_response_id = responses.response_id
            order by {shape.order}"""
        return Query(statement, shape.named, self.span, self.selection.zone)

    def _said(self) -> str:
        """The CTE `said`: each standing version with the newest response, extracted by its cutoff, that said it.

        That is the confirming response, unless it came after the cutoff: then the newest one before. Where there is
        none, sealing is trusted, and it is the first one.
        """
        extracted, confirmed = (
            self.warehouse.micros(f"{table}.extracted_at_utc") for table in ("counted", "confirming")
        )
        return f"""
            confirmed_late as (
                select standing.*
                from standing
                inner join {self.warehouse.sql_name(RESPONSES)} as confirming
                    on standing.confirmed_response_id = confirming.response_id
                where {confirmed} > standing.cutoff_us
            ),
            said_before as (
                select
                    late.indicator_id, late.geo_id, late.period_start_utc, late.version, counted.response_id,
                    row_number() over (
                        partition by late.indicator_id, late.geo_id, late.period_start_utc, late.version
                        order by counted.extracted_at_utc desc, counted.response_id desc
                    ) as age
                from confirmed_late as late
                inner join {self.warehouse.sql_name(COUNTED)} as counted
                    on late.indicator_id = counted.indicator_id
                        and late.geo_id = counted.geo_id
                        and late.period_start_utc = counted.period_start_utc
                        and late.known_from_utc <= counted.extracted_at_utc
                        and {extracted} <= late.cutoff_us
                where counted.indicator_id in ({self.indicators})
            ),
            said as (
                select
                    standing.*,
                    case
                        when late.response_id is null then standing.confirmed_response_id
                        else coalesce(earlier.response_id, standing.response_id)
                    end as said_response_id
                from standing
                left join confirmed_late as late
                    on standing.indicator_id = late.indicator_id and standing.geo_id = late.geo_id
                        and standing.period_start_utc = late.period_start_utc and standing.version = late.version
                left join said_before as earlier
                    on standing.indicator_id = earlier.indicator_id and standing.geo_id = earlier.geo_id
                        and standing.period_start_utc = earlier.period_start_utc and standing.version = earlier.version
                        and earlier.age = 1
            )"""

    def wide(self, columns: dict[str, tuple[int, int]]) -> Query:
        """A row is a period start; a column an indicator and area, null where none of its periods starts then."""
        pivoted = [
            f"max(case when versions.indicator_id = {indicator} and versions.geo_id = {area} then versions.value end)"
            f" as {self.warehouse.quote(name)}"
            for name, (indicator, area) in columns.items()
        ]
        statement = (
            f"select {', '.join(['versions.period_start_utc', *pivoted])}"
            f" from {self.source} where {self._wanted_rows()} and {self._standing()}"
            " group by versions.period_start_utc order by versions.period_start_utc"
        )
        named = [_instant(PERIOD_START), *(_float(name) for name in columns)]
        return Query(statement, tuple(named), self.span, self.selection.zone)

    def _wanted_rows(self) -> str:
        conditions = [f"versions.indicator_id in ({self.indicators})", self.in_span]
        if self.selection.areas:
            conditions.append(f"versions.geo_id in ({', '.join(str(int(area)) for area in self.selection.areas)})")
        return " and ".join(conditions)

    def _standing(self) -> str:
        """The condition for the versions that are meant."""
        conditions = []
        if self.selection.cutoff:
            conditions.append(f"{self._known_from()} <= {self.cutoff}")
        if self.selection.versions == "first":
            conditions.append("versions.version = 1")
        elif self.selection.versions == "latest":
            until = "versions.known_until_utc"
            still = f" or {self.warehouse.micros(until)} > {self.cutoff}" if self.selection.cutoff else ""
            conditions.append(f"({until} is null{still})")
        return " and ".join(conditions) or "1 = 1"

    def _known_from(self) -> str:
        """The SQL of the instant, in microseconds, from which a version counts as known."""
        landed = self.warehouse.micros("versions.known_from_utc")
        if not self.selection.trust_sealing:
            return landed
        sealed = self.warehouse.micros("versions.sealed_at_utc")
        is_sealed_before = "versions.version = 1 and versions.sealed_at_utc < versions.known_from_utc"
        return f"case when {is_sealed_before} then {sealed} else {landed} end"


def _big(span: dt.timedelta) -> str:
    """A span of time as SQL, in microseconds; cast, because T-SQL takes a long number for a decimal one."""
    return f"cast({span // _MICROSECOND} as bigint)"
