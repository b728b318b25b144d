"""A real DuckDB warehouse with raw responses made by hand, and dbt run on it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
from dbt.cli.main import dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest

from tests.warehouses.project import FILE, ROOT, dbt

DDL = ROOT / "extract" / "warehouse" / "ddl" / "duckdb"
MADRID = ZoneInfo("Europe/Madrid")
NAME = "Previsión diaria de la demanda eléctrica peninsular"


def utc(text: str) -> datetime:
    """`2018-01-31 23:00` as an aware instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def hours(first: str, count: int) -> list[datetime]:
    """`count` consecutive hours from an instant given in UTC."""
    return [utc(first) + timedelta(hours=n) for n in range(count)]


def entry(instant: datetime, value: Any, **others: Any) -> dict[str, Any]:
    """One entry of a response's values, as the API writes it."""
    local = instant.astimezone(MADRID)
    return {
        "value": value,
        "datetime": local.isoformat(timespec="milliseconds"),
        "datetime_utc": f"{instant:%Y-%m-%dT%H:%M:%SZ}",
        "geo_id": 8741,
        **others,
    }


def body(entries: Iterable[dict[str, Any]], name: str = NAME, updated: str | None = None, indicator: int = 460) -> str:
    """The body of a response."""
    return json.dumps(
        {"indicator": {"name": name, "id": indicator, "values_updated_at": updated, "values": list(entries)}},
        ensure_ascii=False,
    )


class Warehouse:
    """A DuckDB file with the landing tables, and dbt on it. Nothing holds the file between calls."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.path = folder / FILE
        self.folder = folder
        self.manifest = manifest
        statements = [file.read_text("utf-8") for file in sorted(DDL.glob("*.sql"), key=lambda file: len(file.stem))]
        self.execute(*statements)

    def execute(self, *statements: str) -> None:
        with duckdb.connect(str(self.path)) as connection:
            for statement in statements:
                connection.execute(statement)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.path)) as connection:
            return connection.execute(query, list(parameters)).fetchall()

    def one(self, query: str) -> Any:
        return self.rows(query)[0][0]

    def land(
        self,
        payload: str,
        window: tuple[str, str] = ("2017-12-31 23:00", "2018-03-31 22:00"),
        extracted: str = "2019-01-01 10:00",
        run: str = "run-1",
        indicator: int = 460,
        url: str = "https://api.esios.ree.es/x",
    ) -> None:
        """Land one response for a window (UTC), as the extractor does; a `url` that names no area asked for all."""
        sha = hashlib.sha256(payload.encode()).hexdigest()
        with duckdb.connect(str(self.path)) as connection:
            connection.execute(
                "insert into raw_esios.indicator_responses values (?, ?, ?, ?, ?, ?, ?, ?)",
                [indicator, *window, url, payload, sha, run, extracted],
            )
        self.check(window, extracted, run, indicator, sha)

    def check(
        self,
        window: tuple[str, str],
        checked: str,
        run: str = "run-1",
        indicator: int = 460,
        sha: str = "0" * 64,
    ) -> None:
        """Note that a response for a window came, changed or not."""
        with duckdb.connect(str(self.path)) as connection:
            connection.execute(
                "insert into raw_esios.window_checks values (?, ?, ?, ?, ?, ?)",
                [indicator, *window, run, checked, sha],
            )

    def note_run(self, run: str, started: str, end: str | None, indicator: int | None = 460) -> None:
        """Note a run of the extractor; without end the series is followed."""
        with duckdb.connect(str(self.path)) as connection:
            connection.execute(
                "insert into raw_esios.extract_runs values (?, ?, ?, 'done', ?, null, ?, 1, 1, 0, 1, 1, null)",
                [run, started, started, indicator, end],
            )

    def dbt(self, *arguments: str) -> dict[str, str]:
        """Run dbt; gives the status of each node by its name."""
        outcome = self.invoke(*arguments)
        if outcome.exception:
            raise outcome.exception
        assert outcome.result is not None
        # The hook that keeps the results is not a node of the graph.
        nodes = [result for result in outcome.result.results if result.node.resource_type != "operation"]
        return {result.node.name: str(result.status) for result in nodes}

    def invoke(self, *arguments: str, manifest: Manifest | None = None) -> dbtRunnerResult:
        """Run dbt, on another parsed project if one is given; gives what dbt gives."""
        return dbt(self.folder, *arguments, manifest=manifest or self.manifest.deepcopy())

    def run(self, *arguments: str) -> dict[str, str]:
        """`dbt run`, which must succeed."""
        statuses = self.dbt("run", *arguments)
        assert set(statuses.values()) == {"success"}, statuses
        return statuses

    def run_for(self, *names: str) -> dict[str, str]:
        """`dbt run` of these models, or of what these tests look at, and of all that they are made of."""
        return self.run("--select", *(f"+{name}" for name in names))

    def test(self, name: str) -> str:
        """The status of one data test: pass, warn or fail."""
        return self.dbt("test", "--select", name)[name]

    def mart(self) -> list[tuple[str, float]]:
        """(hour in UTC, value), in order."""
        return self.rows(
            "select strftime(datetime, '%Y-%m-%d %H:%M'), demand_forecast from demand_forecast_esios order by datetime"
        )
