"""Rows a second into SQL Server: the connector, verification included, against what else loads a DataFrame there.

    MSSQL_SERVER=… MSSQL_DATABASE=… MSSQL_USER=… MSSQL_PASSWORD=… python benchmarks/sqlserver_load.py [--rows 100000]

Every way loads the same mixed rows into an existing table on the same server, each in a process of its own; afterwards
the table is read back and compared value for value, so a fast way that alters data is named as such. The peers are the
extra `bench`.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import importlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.peak import peak_mb
from extract.settings import Settings, load_settings
from extract.warehouse import Warehouse, connect
from extract.warehouse.sqlserver_connection import connection_string, odbc_driver

TABLE = "esios_load_benchmark"
DDL = (
    "id int not null, big bigint null, ratio float null, amount decimal(18, 4) null, day date null,"
    " moment datetime2(6) null, note nvarchar(100) null, flag bit null"
)
NAMES = ["id", "big", "ratio", "amount", "day", "moment", "note", "flag"]
NOTES = ["Península", "Canarias", "emoji 😀", "Ñandú", "plain text", "x" * 40]
DRIVER = "ODBC Driver 18 for SQL Server"


def source(rows: int, start: int = 0) -> pa.Table:
    """Mixed rows, the same on each call: ints, floats, decimals, dates, Unicode text, one value in seven null."""
    random = np.random.default_rng(start)
    number = np.arange(start, start + rows)
    null = [number % 7 == at for at in range(7)]
    ratio = random.normal(scale=1e4, size=rows)
    cents = random.integers(-(10**12), 10**12, rows)
    amounts = [None if gone else Decimal(int(value)).scaleb(-4) for value, gone in zip(cents, null[2], strict=True)]
    moments = np.datetime64("2017-01-01", "us") + number * 17_000_000 + random.integers(0, 10**6, rows)
    notes = [None if gone else NOTES[n % 6] + str(n) for n, gone in zip(number, null[5], strict=True)]
    return pa.table(
        {
            "id": pa.array(number, pa.int64()),
            "big": pa.array(random.integers(-(2**62), 2**62, rows), pa.int64(), mask=null[0]),
            "ratio": pa.array(ratio, pa.float64(), mask=null[1]),
            "amount": pa.array(amounts, pa.decimal128(18, 4)),
            "day": pa.array(np.datetime64("2017-01-01") + number % 3000, pa.date32(), mask=null[3]),
            "moment": pa.array(moments, pa.timestamp("us"), mask=null[4]),
            "note": pa.array(notes, pa.string()),
            "flag": pa.array(number % 2 == 0, pa.bool_(), mask=null[6]),
        }
    )


def batches(rows: int, size: int = 50_000) -> Iterator[pa.RecordBatch]:
    for start in range(0, rows, size):
        yield from source(min(size, rows - start), start).to_batches()


def tuples(table: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


# -------------------------------------------------------------------- the ways
Way = Callable[[Settings, int], float]
INSERT = f"insert into {TABLE} values ({', '.join('?' * len(NAMES))})"


def timed(load: Callable[[], object]) -> float:
    began = time.perf_counter()
    load()
    return time.perf_counter() - began


def connector(settings: Settings, rows: int) -> float:
    table = source(rows)
    with connect(settings) as warehouse:
        return timed(lambda: warehouse.bulk_load(table, TABLE))


def connector_stream(settings: Settings, rows: int) -> float:
    reader = pa.RecordBatchReader.from_batches(source(1).schema, batches(rows))
    with connect(settings) as warehouse:
        return timed(lambda: warehouse.bulk_load(reader, TABLE))


def pyodbc_connection(settings: Settings) -> Any:
    import pyodbc

    text = connection_string(settings.mssql, "sql")
    return pyodbc.connect(f"DRIVER={{{odbc_driver(pyodbc.drivers())}}};{text}", autocommit=False)


def to_sql(settings: Settings, rows: int) -> float:
    sqlalchemy = importlib.import_module("sqlalchemy")

    # Whole numbers with nulls as such: as floats, which pandas makes of them by itself, they would lose digits.
    frame = source(rows).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    engine = sqlalchemy.create_engine(
        "mssql+pyodbc://", creator=lambda: pyodbc_connection(settings), fast_executemany=True, use_setinputsizes=False
    )
    with engine.connect() as connection:
        # SQLAlchemy asks the server about itself at the first use, which is not the load.
        took = timed(lambda: frame.to_sql(TABLE, connection, if_exists="append", index=False, chunksize=10_000))
        connection.commit()
        return took


def executemany(settings: Settings, rows: int, fast: bool = False) -> float:
    values = tuples(source(rows))
    connection = pyodbc_connection(settings)
    cursor = connection.cursor()
    cursor.fast_executemany = fast
    took = timed(lambda: (cursor.executemany(INSERT, values), connection.commit()))
    connection.close()
    return took


def fast_executemany(settings: Settings, rows: int) -> float:
    return executemany(settings, rows, fast=True)


def mssql_python_connection(settings: Settings) -> Any:
    mssql_python = importlib.import_module("mssql_python")
    return mssql_python.connect(connection_string(settings.mssql, "sql"), autocommit=True)


def mssql_python_executemany(settings: Settings, rows: int) -> float:
    values = tuples(source(rows))
    connection = mssql_python_connection(settings)
    connection.setautocommit(False)
    cursor = connection.cursor()
    took = timed(lambda: (cursor.executemany(INSERT, values), connection.commit()))
    connection.close()
    return took


def mssql_python_bulkcopy(settings: Settings, rows: int) -> float:
    values = tuples(source(rows))
    cursor = mssql_python_connection(settings).cursor()
    return timed(lambda: cursor.bulkcopy(TABLE, values, batch_size=10_000, timeout=600))


def mssql_python_bulkcopy_arrow(settings: Settings, rows: int) -> float:
    table = source(rows)
    cursor = mssql_python_connection(settings).cursor()
    return timed(lambda: cursor.bulkcopy_arrow(TABLE, table, batch_size=10_000, timeout=600))


def python_tds(settings: Settings, rows: int) -> float:
    pytds = importlib.import_module("pytds")
    types = importlib.import_module("pytds.tds_types")
    column = importlib.import_module("pytds.tds_base").Column
    mssql = settings.mssql
    nullable = column.fNullable if hasattr(column, "fNullable") else 1
    kinds = [
        types.IntType(), types.BigIntType(), types.FloatType(), types.DecimalType(18, 4), types.DateType(),
        types.DateTime2Type(6), types.NVarCharType(100), types.BitType(),
    ]  # fmt: skip
    columns = [column(name, type=kind, flags=nullable) for name, kind in zip(NAMES, kinds, strict=True)]
    values = tuples(source(rows))
    connection = pytds.connect(
        mssql.server, mssql.database, mssql.user, mssql.password, port=mssql.port, autocommit=True
    )
    cursor = connection.cursor()
    return timed(
        lambda: cursor.copy_to(
            data=values, table_or_view=TABLE, schema=mssql.schema, columns=columns, rows_per_batch=10_000
        )
    )


def dlt_mssql(settings: Settings, rows: int) -> float:
    dlt = importlib.import_module("dlt")
    mssql = settings.mssql
    yes_no = {True: "yes", False: "no"}
    credentials = {
        "drivername": "mssql+pyodbc", "host": mssql.server, "port": mssql.port, "database": mssql.database,
        "username": mssql.user, "password": mssql.password, "driver": DRIVER,
        "query": {
            "Encrypt": yes_no[mssql.encrypt], "TrustServerCertificate": yes_no[mssql.trust_server_certificate],
        },
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "esios_load_benchmark", destination=dlt.destinations.mssql(credentials), pipelines_dir=folder,
            dataset_name=mssql.schema,
        )  # fmt: skip
        table = source(rows)
        return timed(lambda: pipeline.run(table, table_name=TABLE, write_disposition="append").raise_on_failed_jobs())


def turbodbc(settings: Settings, rows: int) -> float:
    turbodbc = importlib.import_module("turbodbc")
    options = turbodbc.make_options(prefer_unicode=True, parameter_sets_to_buffer=10_000)
    text = f"DRIVER={DRIVER};{connection_string(settings.mssql, 'sql')}"
    connection = turbodbc.connect(connection_string=text, turbodbc_options=options)
    table = source(rows)
    cursor = connection.cursor()
    return timed(lambda: (cursor.executemanycolumns(INSERT, list(table.columns)), connection.commit()))


OURS = {"connector, mssql-python": "mssql-python", "connector, pyodbc": "pyodbc"}
WAYS: dict[str, Way] = {
    **dict.fromkeys(OURS, connector),
    "to_sql, fast_executemany": to_sql,
    "pyodbc fast_executemany": fast_executemany,
    "pyodbc executemany": executemany,
    "mssql-python executemany": mssql_python_executemany,
    "mssql-python bulkcopy": mssql_python_bulkcopy,
    "mssql-python bulkcopy_arrow": mssql_python_bulkcopy_arrow,
    "python-tds copy_to": python_tds,
    "dlt mssql": dlt_mssql,
    "turbodbc": turbodbc,
    **{f"{name}, stream": connector_stream for name in OURS},
}


# -------------------------------------------------------------------- judging
def altered(warehouse: Warehouse, rows: int) -> str:
    """The first difference between the table and the source; empty if there is none."""
    listed = ", ".join(NAMES)
    found = list(warehouse.rows(f"select {listed} from {warehouse.sql_name(TABLE)} order by id"))
    sent = [row for batch in batches(rows) for row in tuples(pa.Table.from_batches([batch]))] if rows > 10**6 else None
    sent = tuples(source(rows)) if sent is None else sent
    if len(found) != rows:
        return f"{len(found)} rows instead of {rows}"
    for name, got, wanted in zip(NAMES, zip(*found, strict=True), zip(*sent, strict=True), strict=True):
        wrong = next((n for n, (a, b) in enumerate(zip(got, wanted, strict=True)) if a != b), None)
        if wrong is not None:
            return f"{name}: {got[wrong]!r} instead of {wanted[wrong]!r}"
    return ""


def one(name: str, rows: int) -> dict[str, Any]:
    """Load by one way in this process, and judge it."""
    settings = load_settings()
    with connect(settings) as warehouse:
        drop_and_make(warehouse)
    try:
        seconds = WAYS[name](settings, rows)
    except BaseException as error:  # a driver's core may panic with something that is not an Exception
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        return {"refused": f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"}
    peak = peak_mb()
    with connect(settings) as warehouse:
        wrong = "" if name.endswith("stream") else altered(warehouse, rows)
        warehouse.execute(f"drop table {warehouse.sql_name(TABLE)}")
    return {"seconds": seconds, "peak_mb": peak, "altered": wrong}


def drop_and_make(warehouse: Warehouse) -> None:
    if warehouse.exists(TABLE):
        warehouse.execute(f"drop table {warehouse.sql_name(TABLE)}")
    warehouse.execute(f"create table {warehouse.sql_name(TABLE)} ({DDL})")


def in_a_process(name: str, rows: int, folder: Path) -> dict[str, Any]:
    backend = next((word for ours, word in OURS.items() if name.startswith(ours)), "pyodbc")
    environment = os.environ | {"ESIOS_TARGET": "sqlserver", "MSSQL_BACKEND": backend, "RUST_BACKTRACE": "0"}
    with contextlib.suppress(ImportError):
        import pyodbc

        # dlt and turbodbc know drivers by name only: register the wheel's under its own.
        (folder / "odbcinst.ini").write_text(f"[{DRIVER}]\nDriver={odbc_driver(pyodbc.drivers())}\n", "utf-8")
        environment |= {"ODBCSYSINI": str(folder)}
    environment |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"}
    command = [sys.executable, __file__, "--one", name, "--rows", str(rows)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if not lines:
        return {"refused": f"ended with {done.returncode}: {done.stderr.strip()[-160:]}"}
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3, help="interleaved; the median counts")
    parser.add_argument("--only", action="append", help="a way's name; repeatable")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.one, given.rows)))
        return
    if not os.environ.get("MSSQL_SERVER"):
        raise SystemExit("set MSSQL_SERVER, MSSQL_DATABASE, MSSQL_USER, MSSQL_PASSWORD (docs/sqlserver.md)")
    names = given.only or [name for name in WAYS if not name.endswith("stream")]
    seen: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(given.rounds):
            for name in names:
                if not seen[name] or "refused" not in seen[name][-1]:
                    seen[name].append(in_a_process(name, given.rows, Path(folder)))
        flat = {
            name: [in_a_process(f"{name}, stream", rows, Path(folder)) for rows in (given.rows, 4 * given.rows)]
            for name in OURS
            if name in names
        }
    report(seen, flat, given.rows)


def report(seen: dict[str, list[dict[str, Any]]], flat: dict[str, list[dict[str, Any]]], rows: int) -> None:
    print(f"{rows:,} mixed rows, median of interleaved rounds, {dt.date.today()}")
    best = math.nan
    lines = []
    for name, runs in seen.items():
        ended = [run for run in runs if "refused" not in run]
        if not ended:
            lines.append((0.0, f"{name:<28} {'–':>10}            refused: {runs[-1]['refused']}"))
            continue
        pace = rows / statistics.median(run["seconds"] for run in ended)
        wrong = next((run["altered"] for run in ended if run["altered"]), "")
        if not wrong and name not in OURS:
            best = max(pace, best) if not math.isnan(best) else pace
        verdict = f"ALTERS DATA ({wrong})" if wrong else "every value kept"
        lines.append(
            (pace, f"{name:<28} {pace:>10,.0f} rows/s  {max(run['peak_mb'] for run in ended):>6.0f} MB  {verdict}")
        )
    for _, line in sorted(lines, reverse=True):
        print(line)
    for name in OURS:
        ended = [run for run in seen.get(name, []) if "refused" not in run]
        if ended and not math.isnan(best):
            pace = rows / statistics.median(run["seconds"] for run in ended)
            print(f"{name}: {pace / best:.2f} × the best peer that loads correctly")
    for name, (small, large) in flat.items():
        if "refused" not in small and "refused" not in large:
            peaks = f"{small['peak_mb']:.0f} MB streaming {rows:,} rows, {large['peak_mb']:.0f} MB four times as many"
            print(f"{name}: peak {peaks}")


if __name__ == "__main__":
    main()
