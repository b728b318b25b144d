"""The same landing on DuckDB and on Spark, built by the same commands, and everything that is in both."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from tests.integration.conftest import BIN, ROOT, Finished, Home

# What a clock says, and what names a run.
NOT_COMPARED = {"judged_at_utc", "published_at_utc", "built_at_utc", "rebuilt_at_utc"}
NO_RESULTS = ("dbt_results", "test_history")
EXPLAIN = Path(__file__).with_name("explain.py")


@dataclass(frozen=True)
class Twins:
    """One landing on two engines."""

    duckdb: Home
    spark: Home
    # Settings under which plans are shown.
    explained_with: ClassVar[dict[str, str]] = {}

    @property
    def lake(self) -> Path:
        return Path(self.spark.variables["ESIOS_LAKE"])

    def connect(self) -> duckdb.DuckDBPyConnection:
        return in_utc(duckdb.connect(self.duckdb.variables["ESIOS_DUCKDB_PATH"]))

    def land(self, responses: Iterable[dict[str, Any]]) -> None:
        """Append responses, each with its check, on both sides."""
        for response in responses:
            check = {key: response[key] for key in ("indicator_id", "window_start_utc", "window_end_utc", "run_id")}
            check |= {"checked_at_utc": response["extracted_at_utc"], "payload_sha256": response["payload_sha256"]}
            for table, row in (("indicator_responses", response), ("window_checks", check)):
                marks = ", ".join("?" * len(row))
                with self.connect() as file:
                    file.execute(f"insert into raw_esios.{table} ({', '.join(row)}) values ({marks})", [*row.values()])
                    added = file.sql(f"select * from raw_esios.{table} order by rowid desc limit 1").to_arrow_table()
                self.append(table, added)

    def copy_landing(self) -> None:
        """The raw tables, as they are, into the lake."""
        with self.connect() as file:
            tables = file.sql("select table_name from duckdb_tables() where schema_name = 'raw_esios'").fetchall()
            for (name,) in tables:
                self.append(name, file.sql(f"select * from raw_esios.{name}").to_arrow_table())

    def copy_new_runs(self) -> None:
        """The responses and checks of runs that the lake does not know."""
        known = f"select run_id from read_parquet('{self.lake}/raw_esios/indicator_responses/*.parquet')"
        with self.connect() as file:
            tables = ("indicator_responses", "window_checks")
            new = [
                file.sql(f"select * from raw_esios.{table} where run_id not in ({known})").to_arrow_table()
                for table in tables
            ]
        for table, rows in zip(tables, new, strict=True):
            assert rows.num_rows
            self.append(table, rows)

    def append(self, table: str, rows: pa.Table) -> None:
        """To a raw table on Spark's side; makes it."""
        with self.spark.warehouse() as warehouse:
            warehouse.ensure_schema()
            warehouse.append(f"raw_esios.{table}", rows.to_pylist())

    def files(self, schema: str, table: str) -> list[str]:
        """The Parquet files of a table on Spark's side."""
        return DeltaTable(self.lake / schema / table).file_uris()

    def build(self) -> list[Finished]:
        """`dbt build` on both, without the unit tests."""
        command = ("dbt", "--no-use-colors", "build", "--exclude-resource-type", "unit_test")
        return [home(*command, timeout=1000) for home in (self.duckdb, self.spark)]

    def kill_build_at(self, statement: str) -> None:
        """Start `dbt build` on Spark's side, and kill it and all that it started when it sends a statement."""
        log = self.spark.folder / "logs" / "dbt.log"
        with log.open(encoding="utf-8") as lines:
            lines.seek(0, os.SEEK_END)
            command = [str(BIN / "dbt"), "build", "--exclude-resource-type", "unit_test"]
            dbt = subprocess.Popen(
                command, env=self.spark.environment, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True
            )
            sent = ""
            try:
                while statement not in sent and dbt.poll() is None:
                    sent += lines.read()
                    time.sleep(0.002)
            finally:
                os.killpg(dbt.pid, signal.SIGKILL)
            assert dbt.wait() == -signal.SIGKILL, sent[-3000:]

    def plans(self, queries: list[str]) -> list[str]:
        """The physical plan of each query on Spark's side, as printed."""
        exchanged = self.spark.folder / "explain.json"
        exchanged.write_text(json.dumps(queries), "utf-8")
        self.spark(sys.executable, str(EXPLAIN), str(exchanged), json.dumps(self.explained_with)).ok()
        plans: list[str] = json.loads(exchanged.read_text("utf-8"))
        return plans

    def relations(self) -> list[tuple[str, str]]:
        """(schema, table) of all that dbt keeps on Spark's side, but for its own results."""
        return sorted((schema, table) for schema, table in self.tables() if table not in NO_RESULTS)

    def tables(self) -> list[tuple[str, str]]:
        """(schema, table) of all that dbt keeps on Spark's side; what it merges from is no result."""
        found = [(log.parts[-3], log.parts[-2]) for log in self.lake.glob("*/*/_delta_log")]
        return [(schema, table) for schema, table in found if schema not in ("raw_esios", "building_esios")]

    def differences(self) -> dict[str, Any]:
        """Of each relation of the lake what is not the same on DuckDB: nothing, if all is well."""
        different: dict[str, Any] = {}
        for schema, table in self.relations():
            here, there = self.rows_of(schema, table)
            if len(here) != len(there):
                different[f"{schema}.{table}"] = f"{len(here)} rows on DuckDB, {len(there)} in the lake"
            unlike = [pair for pair in zip(here, there, strict=False) if pair[0] != pair[1] and not are_alike(*pair)]
            if unlike:
                different[f"{schema}.{table}"] = unlike[0]
        return different

    def rows_of(self, schema: str, table: str) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        """Both sides' rows in one order, without what a clock says."""
        with self.connect() as file:
            named = "main" if schema == "esios" else schema
            columns = [row[0] for row in file.sql(f'describe {named}."{table}"').fetchall()]
            kept = sorted(column for column in columns if column not in NOT_COMPARED)
            here = rows_in_order(file, f'{named}."{table}"', kept)
        files = self.files(schema, table)
        with in_utc(duckdb.connect()) as reader:
            there = rows_in_order(reader, f"read_parquet({files})", kept) if files else []
        return here, there


def in_utc(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    connection.execute("set TimeZone = 'UTC'")
    return connection


def with_zones(rows: pa.Table) -> pa.Table:
    """Instants with their zone."""
    zoned = [
        pa.field(field.name, pa.timestamp("us", tz="UTC") if pa.types.is_timestamp(field.type) else field.type)
        for field in rows.schema
    ]
    return rows.cast(pa.schema(zoned))


def rows_in_order(connection: duckdb.DuckDBPyConnection, relation: str, columns: list[str]) -> list[tuple[Any, ...]]:
    """All rows, sorted by all columns; numbers roughly: a last digit does not put two rows the other way round."""
    kinds = {name: kind for name, kind, *_ in connection.sql(f"describe select * from {relation}").fetchall()}
    shown, keys = [], []
    for column in columns:
        value, kind = f'"{column}"', kinds[column]
        if kind == "TIMESTAMP WITH TIME ZONE":
            value = f"timezone('UTC', {value})"
        elif kind == "DOUBLE" or kind.startswith("DECIMAL"):
            value = f"{value}::double"
        shown.append(value)
        keys.append(f"printf('%.6g', {value})" if value.endswith("double") else f"{value}::varchar")
    return connection.sql(f"select {', '.join(shown)} from {relation} order by {', '.join(keys)}").fetchall()


def are_alike(here: tuple[Any, ...], there: tuple[Any, ...]) -> bool:
    """The same, but for what the order of an addition leaves in a float's last digits."""
    return all(one == other or are_near(one, other) for one, other in zip(here, there, strict=True))


def are_near(one: Any, other: Any) -> bool:
    return isinstance(one, float) and isinstance(other, float) and abs(one - other) <= 1e-12 * max(1, abs(one))


def revised(twins: Twins, days_later: int = 1) -> list[dict[str, Any]]:
    """A later response for the oldest window of each indicator: values revised, left out, and unreadable.

    Extracted so many days after the landing's first response.
    """
    with twins.connect() as file:
        oldest = file.sql(
            "select distinct on (indicator_id) indicator_id, window_start_utc, window_end_utc, source_url, payload"
            " from raw_esios.indicator_responses order by indicator_id, window_start_utc, extracted_at_utc"
        ).fetchall()
        (first,) = file.sql("select min(extracted_at_utc) from raw_esios.indicator_responses").fetchall()[0]
    first += dt.timedelta(days=days_later)
    return [
        _revised(*response, first + dt.timedelta(seconds=number), 200 * days_later)
        for number, response in enumerate(oldest, start=1)
    ]


def _revised(
    indicator: int, start: dt.datetime, end: dt.datetime, url: str, payload: str, extracted_at: dt.datetime, more: int
) -> dict[str, Any]:
    body = json.loads(payload)
    entries = body["indicator"]["values"]
    for entry in entries[::7]:
        entry["value"] += more
    entries[5]["value"] = "n/a"
    entries[6]["value"] = None
    entries[8]["datetime"] = "never"
    entries[9]["datetime"] = entries[9]["datetime"][:-6] + "+05:00"
    entries[30]["geo_id"] = 99
    entries[31]["value"] = "beyond a float"
    entries[32]["value"] = 10**400
    entries[33]["value"] = 255.17000000000002
    entries[34]["value"] = -5e-324
    entries[35]["value"] = 0
    entries.append({**entries[20], "value": 1.0})  # two values for one instant
    del entries[10:12]
    body["indicator"]["name"] = "Nombre «nuevo» 😀\n\\ 'entre comillas' \"dobles\""
    body["indicator"]["values_updated_at"] = "2019-06-02T10:11:12.345+02:00"
    text = json.dumps(body, ensure_ascii=False).replace('"beyond a float"', "1e400")
    return {
        "indicator_id": indicator,
        "window_start_utc": start,
        "window_end_utc": end,
        "source_url": url,
        "payload": text,
        "payload_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "run_id": "revision",
        "extracted_at_utc": extracted_at,
    }
