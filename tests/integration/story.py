"""One story, the same on every engine: what each command did to the warehouse, as plain values to compare."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .conftest import Home

MART = (
    "select name, id, datetime, demand_forecast, update_timestamp from {mart}.demand_forecast_esios"
    " order by datetime, id"
)
OLD_ROW = ("De antes: península", 460, dt.datetime(2017, 6, 1, 10), 24000.5, dt.datetime(2017, 5, 31, 9))
REVISED_HOUR = dt.datetime(2018, 3, 25, 0)
REVISED_VALUE = 31234.5
# They prove the code, not the data: the first build has passed them.
NO_UNIT_TESTS = ("--exclude-resource-type", "unit_test")
# A late response: one hour revised; one null, one not a number, one at an impossible offset, one twice and different.
LATE_VALUES = [
    {"datetime": "2018-03-25T01:00:00.000+01:00", "value": REVISED_VALUE, "geo_id": 8741},
    {"datetime": "2018-03-25T03:00:00.000+02:00", "value": None, "geo_id": 8741},
    {"datetime": "2018-03-25T04:00:00.000+02:00", "value": "mucho", "geo_id": 8741},
    {"datetime": "2018-03-25T05:00:00.000+05:00", "value": 1.0, "geo_id": 8741},
    {"datetime": "2018-03-25T06:00:00.000+02:00", "value": 1.0, "geo_id": 8741},
    {"datetime": "2018-03-25T06:00:00.000+02:00", "value": 2.0, "geo_id": 8741},
]


@dataclass
class Story:
    """What was seen, by the name of the moment."""

    seen: dict[str, Any] = field(default_factory=dict)


def late_answer() -> dict[str, Any]:
    """A response as the landing keeps it, with every character that a text may hold."""
    name = "Previsión diaria de la demanda eléctrica peninsular 😀 «ñ»"
    body = {
        "indicator": {
            "id": 460,
            "name": name,
            "values_updated_at": "2018-04-02T10:00:00.000+02:00",
            "values": LATE_VALUES,
        }
    }
    payload = json.dumps(body, ensure_ascii=False)
    return {
        "indicator_id": 460,
        "window_start_utc": dt.datetime(2018, 2, 28, 23),
        "window_end_utc": dt.datetime(2018, 3, 31, 22),
        "source_url": "https://api.esios.ree.es/indicators/460",
        "payload": payload,
        "payload_sha256": hashlib.sha256(payload.encode()).hexdigest(),
        "run_id": "late",
        "extracted_at_utc": dt.datetime(2030, 1, 1, 12, 0, 0, 123456),
    }


def make_the_table_that_was_there_before(home: Home) -> None:
    """The task's table, made by somebody else, with a primary key of its own where there are such, and an older row."""
    if home.engine == "spark":
        make_the_table_in_a_lake(Path(home.variables["ESIOS_LAKE"]) / "esios" / "demand_forecast_esios")
        return
    types = {
        "duckdb": ("varchar", "integer", "timestamp", "double"),
        "sqlserver": ("nvarchar(200)", "int", "datetime2(6)", "float"),
    }
    text, whole, instant, number = types[home.engine]
    with home.warehouse() as warehouse:
        table = warehouse.sql_name("demand_forecast_esios")
        warehouse.execute(
            f"create table {table} (name {text} not null, id {whole} not null, datetime {instant} not null,"
            f" demand_forecast {number} not null, update_timestamp {instant} not null, primary key (id, datetime))"
        )
        columns = ("name", "id", "datetime", "demand_forecast", "update_timestamp")
        warehouse.append("demand_forecast_esios", [dict(zip(columns, OLD_ROW, strict=True))])


def make_the_table_in_a_lake(place: Path) -> None:
    import pyarrow as pa
    from deltalake import write_deltalake

    instant = pa.timestamp("us", tz="UTC")
    types = (pa.string(), pa.int32(), instant, pa.float64(), instant)
    names = ("name", "id", "datetime", "demand_forecast", "update_timestamp")
    columns = [pa.array([value], type_) for value, type_ in zip(OLD_ROW, types, strict=True)]
    write_deltalake(place, pa.table(columns, pa.schema(list(zip(names, types, strict=True)))))


def landed(home: Home) -> list[tuple[Any, ...]]:
    return home.rows(
        "select indicator_id, window_start_utc, window_end_utc, payload_sha256 from raw_esios.indicator_responses"
        " order by indicator_id, window_start_utc, extracted_at_utc"
    )


def tell(home: Home) -> Story:
    """Live through it; the assertions are the tests'."""
    story = Story()
    seen = story.seen
    make_the_table_that_was_there_before(home)
    home.extract("--start", "2018-03-01", "--end", "2018-03-31").ok()
    seen["landed"] = landed(home)
    home.extract("--start", "2018-03-01", "--end", "2018-03-31").ok()
    seen["landed again"] = landed(home)
    home.build().ok()
    seen["first build"] = home.rows(MART)
    with home.warehouse() as warehouse:
        warehouse.append("raw_esios.indicator_responses", [late_answer()])
        stored = next(iter(warehouse.rows(_payload_as_unicode(home), ("late",))))[0]
    seen["payload kept"] = stored == late_answer()["payload"]
    seen["failed build"] = break_the_mart(home)
    seen["after the failed build"] = home.rows(MART)
    # The late response holds what no build likes: it is reported, and the build runs to the end.
    seen["second build"] = re.findall(r"(?:ERROR|SKIP)=\d+", home.build(*NO_UNIT_TESTS).out)
    seen["after the revision"] = home.rows(MART)
    seen["rejected"] = home.rows(
        "select datetime_text, value_text, code from staging_esios.stg_esios__rejected_values"
        " order by datetime_text, value_text"
    )
    seen["gaps"] = home.rows(
        "select id, gap_start_utc, gap_end_utc, hours from quality_esios.demand_forecast_gaps order by 2"
    )
    seen["local"] = home.rows(
        "select datetime, datetime_local, utc_offset, hour_of_day from {mart}.demand_forecast_esios_local"
        " where datetime >= '2018-03-24 23:00:00' and datetime < '2018-03-25 22:00:00' order by datetime"
    )
    seen["freshness"] = home("dbt", "--no-use-colors", "source", "freshness").code
    home("dbt", "--no-use-colors", "docs", "generate").ok()
    catalogue = json.loads((home.folder / "target" / "catalog.json").read_text("utf-8"))
    nodes = {**catalogue["nodes"], **catalogue["sources"]}
    seen["catalogue"] = {
        name: sorted(column.lower() for column in node["columns"])
        for name, node in nodes.items()
        if name.rpartition(".")[2] in ("demand_forecast_esios", "indicator_responses")
    }
    out = home.folder / "out.csv"
    home("esios", "export", "--out", str(out)).ok()
    seen["exported"] = out.read_bytes()
    status = json.loads(home("esios", "status", "--json").out)
    for landed_series in status["landed"]:
        del landed_series["last_answer"]  # the clock's, not the engine's
    seen["status"] = {key: status[key] for key in ("gaps", "missing_hours", "landed")}
    seen["loaded"] = load_a_file(home)
    seen["after the load"] = home.rows(MART)
    return story


def _payload_as_unicode(home: Home) -> str:
    kind = "nvarchar(max)" if home.engine == "sqlserver" else "varchar"
    return f"select cast(payload as {kind}) from raw_esios.indicator_responses where run_id = ?"


def break_the_mart(home: Home) -> int:
    """A build whose mart fails after its rows were written: in the hook, inside the transaction if there is one."""
    model = home.folder / "project" / "models" / "marts" / "demand_forecast_esios.sql"
    whole = model.read_text("utf-8")
    assert "write_publication_log(this)" in whole
    model.write_text(
        whole.replace("'{{ write_publication_log(this) }}'", "'insert into {{ this }} (no_such_column) values (1)'"),
        "utf-8",
    )
    try:
        return home.build(*NO_UNIT_TESTS).code
    finally:
        model.write_text(whole, "utf-8")


def load_a_file(home: Home) -> list[int]:
    """`esios load`: an upsert of two rows, one of them new; then a file that does not fit."""
    good, bad = home.folder / "good.csv", home.folder / "bad.csv"
    rows = [
        ("Península", 460, "2017-06-01 10:00:00", "25000.25", "2017-06-01 00:00:00"),
        ("Península", 460, "2017-06-01 11:00:00", "25100.0", "2017-06-01 00:00:00"),
    ]
    columns = ("name", "id", "datetime", "demand_forecast", "update_timestamp")
    for file, values in ((good, rows), (bad, [(*rows[0][:3], "mucho", rows[0][4])])):
        with file.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([columns, *values])
    command = ("esios", "load", "--table", "demand_forecast_esios", "--mode", "upsert", "--key", "id,datetime")
    return [home(*command, str(file)).code for file in (good, good, bad)]
