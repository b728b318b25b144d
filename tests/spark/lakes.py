"""A lake in a folder or on an S3 server of this machine, and the landing's parts in short."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from extract import landing
from extract.api import Response
from extract.landing import Run
from extract.settings import Settings, load_settings
from extract.warehouse import Warehouse, connect
from extract.windows import Window

NOWHERE = Path(os.devnull)
NOON = dt.datetime(2018, 6, 1, 12)
SECRET = "sesame-secret-of-the-storage"


def lake_settings(lake: str | Path, **more: str) -> Settings:
    return load_settings({"ESIOS_TARGET": "spark", "ESIOS_LAKE": str(lake), **more}, NOWHERE)


def month(number: int, year: int = 2018) -> Window:
    """The window of one month, 1 … 12."""
    return Window(dt.date(year, number, 1), dt.date(year + number // 12, number % 12 + 1, 1))


def land(
    warehouse: Warehouse,
    window: Window,
    body: bytes,
    *,
    run_id: str = "r",
    source: str = "simulated",
    at: dt.datetime = NOON,
) -> bool:
    run = Run(run_id, 460, at, window.first_day, None)
    return landing.land(warehouse, run, window, Response("http://127.0.0.1/indicators/460?x=1", body, source), at)


def responses(warehouse: Warehouse) -> list[tuple[object, ...]]:
    sql = "select indicator_id, window_start_utc, payload, payload_sha256, extracted_at_utc, run_id"
    return list(warehouse.rows(f"{sql} from {landing.RESPONSES} order by extracted_at_utc"))


def count(settings: Settings, table: str) -> int:
    with connect(settings, read_only=True) as warehouse:
        return int(warehouse.value(f"select count(*) from {table}"))


def assert_whole(settings: Settings) -> None:
    """Every response has all its bytes, no response equals the one before it, and instants never run backwards."""
    with connect(settings, read_only=True) as warehouse:
        rows = responses(warehouse)
    newest: dict[object, object] = {}
    for _, window, payload, digest, _, _ in rows:
        assert hashlib.sha256(str(payload).encode()).hexdigest() == digest
        assert newest.get(window) != digest
        newest[window] = digest
    instants = [row[4] for row in rows]
    assert instants == sorted(set(instants))


def newer_table(folder: Path, feature: str) -> None:
    """A Delta table whose log says that its reader must know `feature`, as Databricks writes it: protocol 3, 7."""
    import deltalake
    import pyarrow as pa

    deltalake.write_deltalake(str(folder), pa.table({"value": [1.0]}))
    log = folder / "_delta_log" / f"{0:020}.json"
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    properties = {
        "deletionVectors": {"delta.enableDeletionVectors": "true"},
        "columnMapping": {"delta.columnMapping.mode": "name"},
    }
    for line in lines:
        if "protocol" in line:
            features = {"readerFeatures": [feature], "writerFeatures": [feature]}
            line["protocol"] = {"minReaderVersion": 3, "minWriterVersion": 7, **features}
        if "metaData" in line:
            line["metaData"]["configuration"] = properties[feature]
            named = {"delta.columnMapping.id": 1, "delta.columnMapping.physicalName": "value"}
            field = {"name": "value", "type": "double", "nullable": True, "metadata": named}
            line["metaData"]["schemaString"] = json.dumps({"type": "struct", "fields": [field]})
    log.write_text("\n".join(map(json.dumps, lines)) + "\n", "utf-8")


def python(code: str, settings: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    """A process of its own that runs `code` with these variables."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **settings},
        cwd=Path(__file__).resolve().parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def s3_server(folder: Path) -> Iterator[dict[str, str]]:
    """An S3 server on loopback with the bucket `lake`: the variables that reach it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"
    with (folder / "moto.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        give_up = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(urllib.request.Request(f"{url}/lake", method="PUT"), timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "moto.log").read_text()
                assert time.monotonic() < give_up, "the S3 server did not start within a minute"
                time.sleep(0.1)
        yield {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "the-access-key",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        }
    finally:
        process.kill()
        process.wait()
