"""What only SQL Server has: loads proven by sums, deadlocks, lost connections, certificates. On a live server."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from extract.errors import EsiosError, UsageError, WarehouseError
from extract.settings import Settings
from extract.warehouse import Kind, connect
from extract.warehouse.sqlserver import SqlServer
from extract.warehouse.sqlserver_bulk import FEW_ROWS
from extract.warehouse.sqlserver_faults import ConnectionLost, Deadlock
from extract.warehouse.tables import Column, Grid

from .conftest import NO_SERVER, Place

pytestmark = [
    pytest.mark.skipif("not os.environ.get('MSSQL_SERVER')", reason=NO_SERVER),
    pytest.mark.parametrize("environment", ["sqlserver"], indirect=True),
]


def server(place: Place) -> SqlServer:
    assert isinstance(place.warehouse, SqlServer)
    return place.warehouse


def frame(rows: int) -> pd.DataFrame:
    number = np.arange(rows)
    return pd.DataFrame(
        {
            "id": number,
            "v": np.where(number % 7 == 3, np.nan, np.sin(number) * 1e4),
            "s": [f"Península {n} 😀" if n % 5 else None for n in number],
            "t": pd.Timestamp("2018-01-01") + pd.to_timedelta(number * 17, unit="s"),
        }
    )


COLUMNS = {"id": "integer not null", "v": "float", "s": "text", "t": "timestamp"}


def test_a_load_of_many_rows_arrives_value_for_value(place: Place) -> None:
    table = place.table(columns=COLUMNS)
    sent = frame(2 * FEW_ROWS + 17)
    assert place.warehouse.bulk_load(sent, table) == len(sent)
    found = place.content(table, order="id")
    wanted = [tuple(None if pd.isna(value) else value for value in row) for row in sent.itertuples(index=False)]
    assert found == wanted


def test_texts_that_json_must_escape_arrive_value_for_value(place: Place) -> None:
    table = place.table(columns={"id": "integer not null", "s": "text"})
    awkward = ['"quoted"', "back\\slash", "line\nbreak\r\n", "tab\t", "' or 1=1 --", "ÿ€😀", ""]
    sent = pd.DataFrame({"id": range(FEW_ROWS * 2), "s": [awkward[n % 7] for n in range(FEW_ROWS * 2)]})
    place.warehouse.bulk_load(sent, table)
    assert [row[1] for row in place.content(table, order="id")] == list(sent["s"])


class Altering(SqlServer):
    """A connector whose way of sending halves one value: what a faulty driver might do."""

    def _alter(self, piece: pa.RecordBatch) -> pa.RecordBatch:
        at = piece.schema.get_field_index("v")
        values = piece.column(at).to_pylist()
        values[1] = values[1] / 2
        return piece.set_column(at, "v", pa.array(values, pa.float64()))

    def _as_arrays(self, stage, piece):  # type: ignore[no-untyped-def]
        return super()._as_arrays(stage, self._alter(piece))


def test_a_load_that_arrives_altered_is_rolled_back_and_names_the_column(place: Place, settings: Settings) -> None:
    table = place.table(columns={"id": "integer", "v": "float"})
    with (
        Altering(settings) as faulty,
        pytest.raises(WarehouseError, match=r"column 'v' \(float\) arrived altered") as raised,
    ):
        faulty.bulk_load(pd.DataFrame({"id": [1, 2, 3], "v": [1.0, 2.0, 3.0]}), table)
    assert raised.value.exit_code == 5
    assert place.content(table) == []


def test_a_load_inside_a_transaction_goes_with_it(place: Place) -> None:
    table = place.table(columns=COLUMNS)

    def load_and_fail() -> None:
        with place.warehouse.transaction():
            place.warehouse.bulk_load(frame(3000), table)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        load_and_fail()
    assert place.content(table) == []
    with place.warehouse.transaction():
        place.warehouse.bulk_load(frame(3000), table)
    assert len(place.content(table)) == 3000


def test_a_deadlock_victim_runs_again_as_a_whole(place: Place, settings: Settings) -> None:
    table = place.table(columns={"id": "integer not null", "n": "integer not null"}, key=["id"])
    place.warehouse.append(table, [{"id": 1, "n": 0}, {"id": 2, "n": 0}])
    name = place.warehouse.sql_name(table)
    meeting = threading.Barrier(2, timeout=30)
    tries: list[int] = []

    def both(order: Sequence[int]) -> None:
        with connect(settings) as warehouse:

            def work() -> None:
                tries.append(order[0])
                for step, row in enumerate(order):
                    warehouse.execute(f"update {name} set n = n + 1 where id = ?", (row,))
                    if step == 0 and tries.count(order[0]) == 1:
                        meeting.wait()

            warehouse.atomically(work)

    threads = [threading.Thread(target=both, args=(order,)) for order in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert place.content(table, order="id") == [(1, 2), (2, 2)]
    assert len(tries) >= 3


def kill(settings: Settings, session: int) -> None:
    with connect(settings) as other:
        assert isinstance(other, SqlServer)
        try:
            other.run_script(f"kill {session}")
        except EsiosError as error:
            pytest.skip(f"{settings.mssql.user} may not end sessions ({error})")


def session_of(warehouse: SqlServer) -> int:
    return int(next(iter(warehouse.rows("select @@spid")))[0])


def test_a_transaction_whose_connection_broke_runs_again_on_a_new_one(place: Place, settings: Settings) -> None:
    table = place.table(columns={"id": "integer not null"}, key=["id"])
    warehouse = server(place)
    sessions: list[int] = []

    def work() -> None:
        sessions.append(session_of(warehouse))
        warehouse.execute(f"insert into {warehouse.sql_name(table)} values (?)", (len(sessions),))
        if len(sessions) == 1:
            kill(settings, sessions[0])
            time.sleep(0.3)
        warehouse.execute(f"insert into {warehouse.sql_name(table)} values (10)")

    warehouse.atomically(work)
    assert len(set(sessions)) == 2
    assert place.content(table) == [(2,), (10,)]


class Breaking(SqlServer):
    """A connector that loses its connection once, after the rows were staged."""

    broken = False
    killer: Callable[[int], None]

    def _publish(self, *given):  # type: ignore[no-untyped-def]
        if not self.broken:
            self.broken = True
            self.killer(session_of(self))
            time.sleep(0.3)
        return super()._publish(*given)


def test_a_load_whose_connection_broke_is_sent_again_from_the_start(place: Place, settings: Settings) -> None:
    table = place.table(columns=COLUMNS)
    with Breaking(settings) as warehouse:
        warehouse.killer = lambda session: kill(settings, session)
        assert warehouse.bulk_load(frame(100), table) == 100
        assert warehouse.broken
    assert len(place.content(table)) == 100


def test_a_stream_that_cannot_be_read_again_is_told_and_nothing_is_written(place: Place, settings: Settings) -> None:
    table = place.table(columns={"id": "integer not null"})
    reader = pa.RecordBatchReader.from_batches(
        pa.schema([("id", pa.int64())]), iter([pa.record_batch([pa.array([1, 2])], names=["id"])])
    )
    with Breaking(settings) as warehouse:
        warehouse.killer = lambda session: kill(settings, session)
        with pytest.raises(ConnectionLost) as raised:
            warehouse.bulk_load(reader, table)
    assert raised.value.exit_code == 5
    assert place.content(table) == []


def test_what_another_session_locks_is_told_in_time(place: Place, settings: Settings) -> None:
    table = place.table(columns={"id": "integer not null"}, key=["id"])
    place.warehouse.append(table, [{"id": 1}])
    update = f"update {place.warehouse.sql_name(table)} set id = 2 where id = 1"
    with SqlServer(replace(settings, warehouse_wait_s=0.5)) as waiting, place.warehouse.transaction():
        place.warehouse.execute(update)
        began = time.monotonic()
        with pytest.raises(WarehouseError, match="another session holds") as raised:
            waiting.execute(update)
        assert time.monotonic() - began < 20
    assert not isinstance(raised.value, Deadlock)


def test_a_password_of_awkward_characters_logs_in(place: Place, settings: Settings) -> None:
    password, login = "a;b{c}d'e\"f=g%h}}1A", f"login_{place.schema}"
    warehouse = server(place)
    literal = password.replace("'", "''")
    try:
        warehouse.run_script(f"create login {login} with password = N'{literal}', check_policy = off")
        warehouse.run_script(f"create user {login} for login {login}")
    except EsiosError as error:
        pytest.skip(f"{settings.mssql.user} may not create logins ({error})")
    try:
        with connect(replace(settings, mssql=replace(settings.mssql, user=login, password=password))) as other:
            assert next(iter(other.rows("select 1")))[0] == 1
    finally:
        warehouse.run_script(f"drop user {login}")
        drop_login(warehouse, login)


def drop_login(warehouse: SqlServer, login: str) -> None:
    """The server may take a moment to notice that a session has ended."""
    give_up = time.monotonic() + 30
    while True:
        try:
            return warehouse.run_script(f"drop login {login}")
        except EsiosError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.2)


def test_a_certificate_that_nobody_vouches_for_is_refused(settings: Settings) -> None:
    strict = replace(settings, mssql=replace(settings.mssql, encrypt=True, trust_server_certificate=False))
    refused: WarehouseError | None = None
    try:
        connect(strict).close()
    except WarehouseError as error:
        refused = error
    if refused is None:
        pytest.skip("this server's certificate is one that the machine trusts")
    if "offers no TLS" in refused.message:
        assert "MSSQL_ENCRYPT=no" in refused.remedy
        pytest.skip("this server offers no TLS, so it has no certificate")
    assert "certificate" in refused.message
    assert "MSSQL_TRUST_SERVER_CERTIFICATE" in refused.remedy
    trusting = replace(settings, mssql=replace(settings.mssql, encrypt=True, trust_server_certificate=True))
    with connect(trusting) as warehouse:
        assert next(iter(warehouse.rows("select 1")))[0] == 1


def test_types_are_told_with_their_bounds(place: Place) -> None:
    name = place.warehouse.sql_name(place.table("types", columns={"x": "integer"}))
    place.warehouse.execute(f"drop table {name}")
    place.warehouse.execute(
        f"create table {name} (a tinyint, b varchar(20), c nchar(5), d money, e real, f datetime, g varbinary(max),"
        " h bigint identity, i as (1 + 1), j datetime2(3) not null default sysutcdatetime())"
    )
    columns = {column.name: column for column in place.warehouse.columns(f"{place.schema}.types")}
    assert (columns["a"].minimum, columns["a"].maximum) == (0, 255)
    assert (columns["b"].type, columns["b"].length, columns["b"].encoding) == ("varchar(20)", 20, "cp1252")
    assert (columns["c"].length, columns["c"].encoding) == (5, "utf-16-le")
    assert (columns["d"].kind, columns["d"].precision, columns["d"].scale) == (Kind.DECIMAL, 19, 4)
    assert columns["d"].maximum == Decimal("922337203685477.5807")
    assert columns["e"].maximum == pytest.approx(3.4028235e38)
    assert (columns["f"].earliest, columns["f"].latest.year) == (dt.datetime(1753, 1, 1), 9999)
    assert (columns["g"].kind, columns["g"].length) == (Kind.BINARY, None)
    assert columns["h"].generated
    assert columns["i"].generated
    assert columns["j"] == Column(
        "j", "datetime2(3)", Kind.TIMESTAMP, nullable=False, has_default=True, grid=Grid.of_decimals(3)
    )


def test_keys_that_differ_by_case_are_two_where_the_column_says_so(place: Place) -> None:
    name = place.warehouse.sql_name(place.table(columns={"x": "integer"}))
    keys = pd.DataFrame({"k": ["a", "A"], "v": [1, 2]})
    for collation, distinct in (("Latin1_General_CS_AS", True), ("Latin1_General_CI_AS", False)):
        place.warehouse.execute(f"drop table {name}")
        place.warehouse.execute(
            f"create table {name} (k nvarchar(10) collate {collation} not null primary key, v int null)"
        )
        if distinct:
            assert place.warehouse.upsert(keys, place.made[0]).inserted == 2
            assert place.warehouse.upsert(keys, place.made[0]).updated == 2
        else:
            with pytest.raises(UsageError, match="rows 1 and 2 have the same key"):
                place.warehouse.upsert(keys, place.made[0])


def test_a_table_with_an_identity_a_computed_column_and_a_trigger_is_loaded_and_counted(place: Place) -> None:
    log = place.warehouse.sql_name(place.table("log", columns={"id": "integer"}))
    table = place.table(columns={"id": "integer not null"}, key=["id"])
    name = place.warehouse.sql_name(table)
    place.warehouse.execute(f"alter table {name} add number int identity not null")
    place.warehouse.execute(f"alter table {name} add twice as (2 * id)")
    trigger = place.warehouse.quote(place.schema, "noted")
    server(place).run_script(
        f"create trigger {trigger} on {name} after insert as insert into {log} select id from inserted"
    )
    assert place.warehouse.bulk_load(pd.DataFrame({"id": [7, 8, 9]}), table) == 3
    assert place.content(table, "id, number, twice") == [(7, 1, 14), (8, 2, 16), (9, 3, 18)]
    assert list(place.warehouse.rows(f"select count(*) from {log}")) == [(3,)]
    with pytest.raises(UsageError, match=r"'twice' of .* is filled by the warehouse itself"):
        place.warehouse.bulk_load(pd.DataFrame({"id": [1], "twice": [2]}), table)


def test_a_query_that_takes_too_long_is_ended_and_told(place: Place, settings: Settings) -> None:
    table = place.table(columns={"id": "integer not null"}, key=["id"])
    place.warehouse.append(table, [{"id": 1}])
    update = f"update {place.warehouse.sql_name(table)} set id = 2 where id = 1"
    hasty = replace(settings, warehouse_wait_s=6, mssql=replace(settings.mssql, query_timeout_s=1))
    with SqlServer(hasty) as waiting, place.warehouse.transaction():
        place.warehouse.execute(update)
        with pytest.raises(WarehouseError, match="did not answer in time") as raised:
            waiting.execute(update)
        assert "MSSQL_QUERY_TIMEOUT_S" in raised.value.remedy


def test_a_reader_waits_for_nobody_and_sees_the_last_committed_rows(place: Place, settings: Settings) -> None:
    switch = "select cast(is_read_committed_snapshot_on as int) from sys.databases where name = db_name()"
    if not place.warehouse.value(switch):
        pytest.skip("READ_COMMITTED_SNAPSHOT is off in this database: docker/sqlserver/init.sql turns it on")
    table = place.table(columns={"id": "integer not null", "v": "integer"}, key=["id"])
    place.warehouse.append(table, [{"id": 1, "v": 1}, {"id": 2, "v": 1}])
    name = place.warehouse.sql_name(table)
    everything = f"select id, v from {name} order by id"
    with SqlServer(replace(settings, warehouse_wait_s=1)) as reader:
        with place.warehouse.transaction():  # as an increment does: delete by key, insert, commit
            place.warehouse.execute(f"delete from {name} where id = 2")
            place.warehouse.execute(f"insert into {name} values (2, 2)")
            assert list(reader.rows(everything)) == [(1, 1), (2, 1)]
        assert list(reader.rows(everything)) == [(1, 1), (2, 2)]
