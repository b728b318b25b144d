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
from extract.warehouse.sqlserver_bulk import FEW_ROWS, ROWS_A_SEND
from extract.warehouse.sqlserver_faults import ConnectionLost, Deadlock
from extract.warehouse.tables import Column, Grid, TableName

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


def test_texts_that_json_must_escape_may_come_late_in_a_load(place: Place) -> None:
    table = place.table(columns={"id": "integer not null", "s": "text"})
    sent = ["plain"] * (2 * ROWS_A_SEND) + ['"quoted"'] * FEW_ROWS
    place.warehouse.bulk_load(pd.DataFrame({"id": range(len(sent)), "s": sent}), table)
    assert [row[1] for row in place.content(table, order="id")] == sent


class Telling(SqlServer):
    """A connector that notes by which way it sends each piece of what is loaded."""

    def __init__(self, settings: Settings) -> None:
        self.ways: list[str] = []
        super().__init__(settings)

    def _as_json(self, stage, piece):  # type: ignore[no-untyped-def]
        self.ways += ["json"] if piece.num_rows >= FEW_ROWS else []
        return super()._as_json(stage, piece)

    def _as_arrays(self, stage, piece):  # type: ignore[no-untyped-def]
        self.ways += ["arrays"] if piece.num_rows >= FEW_ROWS else []
        return super()._as_arrays(stage, piece)

    def _bulk_copy(self, stage, schema, pieces):  # type: ignore[no-untyped-def]
        pieces = list(pieces)
        self.ways += ["bulk copy"] * sum(piece.num_rows >= FEW_ROWS for piece in pieces)
        super()._bulk_copy(stage, schema, pieces)


def test_a_table_is_loaded_the_same_way_each_time(place: Place, settings: Settings) -> None:
    table = place.table(columns=COLUMNS)
    with Telling(settings) as warehouse:
        for _ in range(3):
            warehouse.bulk_load(frame(3 * ROWS_A_SEND), table)
    assert warehouse.ways == warehouse.ways[:1] * 9
    assert place.warehouse.value(f"select count(*) from {place.warehouse.sql_name(table)}") == 9 * ROWS_A_SEND


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


def test_a_stream_that_cannot_be_read_again_is_reported_and_nothing_is_written(
    place: Place, settings: Settings
) -> None:
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


def test_what_another_session_locks_is_reported_in_time(place: Place, settings: Settings) -> None:
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


def test_a_certificate_without_a_trusted_issuer_is_refused(settings: Settings) -> None:
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


def test_types_are_reported_with_their_bounds(place: Place) -> None:
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


# ---------------------------------------------------------------- what comes behind the first result
THROWS = "throw 50001, 'no price below zero', 1"
RAISES = "raiserror('no price below zero', 16, 1)"


def with_trigger(place: Place, body: str) -> TableName:
    """A table `id`, `v` and a log; after an insert the trigger runs `body`, in which {log} stands for the log."""
    log = place.warehouse.sql_name(place.table("log", columns={"id": "integer"}))
    table = place.table(columns={"id": "integer not null", "v": "integer"})
    trigger = place.warehouse.quote(place.schema, "judging")
    name = place.warehouse.sql_name(table)
    server(place).run_script(f"create trigger {trigger} on {name} after insert as begin {body.format(log=log)} end")
    return table


@pytest.mark.parametrize("fault", [THROWS, RAISES], ids=["throw", "raiserror"])
@pytest.mark.parametrize(
    "before",
    [
        "insert into {log} select id from inserted;",
        "select id from inserted;",
        "select 1; insert into {log} values (1);",
    ],
    ids=["a count", "rows", "both"],
)
@pytest.mark.parametrize("way", ["rows", "frame", "upsert", "execute", "many statements"])
def test_an_error_behind_the_first_result_is_reported_and_nothing_is_written(
    place: Place, before: str, fault: str, way: str
) -> None:
    table = with_trigger(place, f"{before} {fault};")
    rows = [{"id": 1, "v": 1}, {"id": 2, "v": -1}]
    insert = f"insert into {place.warehouse.sql_name(table)} (id, v) values (?, ?)"
    with pytest.raises(EsiosError, match="no price below zero"):
        {
            "rows": lambda: place.warehouse.append(table, rows),
            "frame": lambda: place.warehouse.bulk_load(pd.DataFrame(rows), table),
            "upsert": lambda: place.warehouse.upsert(pd.DataFrame(rows), table, key=["id"]),
            "execute": lambda: place.warehouse.atomically(lambda: place.warehouse.execute(insert, (1, 1))),
            "many statements": lambda: place.warehouse.execute_many(insert, [(n, n) for n in range(60)]),
        }[way]()
    assert not place.warehouse.in_transaction
    assert place.warehouse.value("select @@trancount") == 0
    assert place.content(table) == []


def test_an_error_late_in_a_script_is_reported(place: Place) -> None:
    with pytest.raises(WarehouseError, match="late"):
        server(place).run_script("select 1; select 2; raiserror('late', 16, 1)")


def test_a_reader_gets_an_error_behind_its_rows(place: Place) -> None:
    for read in (
        lambda sql: list(place.warehouse.rows(sql)),
        lambda sql: place.warehouse.batches(sql).read_all(),
        place.warehouse.value,
    ):
        with pytest.raises(WarehouseError, match="behind"):
            read("select 1 as a; raiserror('behind', 16, 1)")


def test_a_trigger_that_says_more_than_it_must_is_not_a_fault(place: Place) -> None:
    table = with_trigger(place, "insert into {log} select id from inserted; select 1; print 'noted';")
    assert place.warehouse.bulk_load(pd.DataFrame({"id": [1, 2], "v": 5}), table) == 2
    assert place.warehouse.append(table, [{"id": 3, "v": 6}]) == 1
    assert place.content(table) == [(1, 5), (2, 5), (3, 6)]


@pytest.mark.parametrize(
    ("statement", "state"),
    [
        ("commit transaction", "XACT_STATE 0, @@TRANCOUNT 0"),
        ("rollback transaction", "XACT_STATE 0, @@TRANCOUNT 0"),
        ("begin transaction", "@@TRANCOUNT 2"),
    ],
)
def test_a_transaction_that_is_not_whole_any_more_is_not_committed(place: Place, statement: str, state: str) -> None:
    table = place.table(columns={"id": "integer"})
    warehouse = server(place)
    name = warehouse.sql_name(table)

    def work() -> None:
        if statement != "commit transaction":  # that one has kept what was before it
            warehouse.execute(f"insert into {name} values (1)")
        warehouse.run_script(statement)

    with pytest.raises(WarehouseError, match=state) as raised:
        warehouse.atomically(work)
    assert "nothing was written" in raised.value.remedy
    assert warehouse.value("select @@trancount") == 0
    assert place.content(table) == []


def test_a_session_whose_xact_abort_was_switched_off_commits_nothing(place: Place) -> None:
    table = place.table(columns={"id": "integer"})
    warehouse = server(place)

    def work() -> None:
        warehouse.execute(f"insert into {warehouse.sql_name(table)} values (1)")
        warehouse.run_script("set xact_abort off")

    with pytest.raises(WarehouseError, match="XACT_ABORT off"):
        warehouse.atomically(work)
    assert place.content(table) == []
    warehouse.atomically(lambda: warehouse.execute(f"insert into {warehouse.sql_name(table)} values (2)"))
    assert place.content(table) == [(2,)]


def test_a_deadlock_behind_the_first_result_is_tried_again(place: Place, settings: Settings) -> None:
    other = place.table("other", columns={"id": "integer not null", "n": "integer"}, key=["id"])
    other_name = place.warehouse.sql_name(other)
    place.warehouse.append(other, [{"id": 1, "n": 0}, {"id": 2, "n": 0}])
    table = with_trigger(place, f"select 1; update {other_name} set n = n + 1 where id in (select id from inserted);")
    insert = f"insert into {place.warehouse.sql_name(table)} (id, v) values (?, 0)"
    meeting = threading.Barrier(2, timeout=30)
    tries: list[int] = []

    def both(order: Sequence[int]) -> None:
        with connect(settings) as warehouse:

            def work() -> None:
                tries.append(order[0])
                for step, row in enumerate(order):
                    warehouse.execute(insert, (row,))
                    if step == 0 and tries.count(order[0]) == 1:
                        meeting.wait()

            warehouse.atomically(work)

    threads = [threading.Thread(target=both, args=(order,)) for order in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert place.content(other, order="id") == [(1, 2), (2, 2)]
    assert len(place.content(table)) == 4
    assert len(tries) >= 3


# ---------------------------------------------------------------- columns and views with rules of their own
def test_a_datetimeoffset_keeps_the_offset_that_it_is_given(place: Place) -> None:
    table = place.table(columns={"n": "integer not null", "v": "datetimeoffset(3)"})
    madrid = dt.timezone(dt.timedelta(hours=2))
    moment = dt.datetime(2018, 7, 1, 0, 0, 0, 500_000, madrid)
    texts = pa.table({"n": ["1", "2", "3"], "v": ["2018-07-01 00:00:00.5 +02:00", "2018-07-01T00:00:00-14:00", ""]})
    place.warehouse.bulk_load(texts, table, as_text=True)
    place.warehouse.append(table, [{"n": 4, "v": moment}])
    zoned = pd.Series(pd.to_datetime(["2018-01-01", "2018-07-01"])).dt.tz_localize("Europe/Madrid")
    place.warehouse.bulk_load(pd.DataFrame({"n": [5, 6], "v": zoned}), table)
    place.warehouse.upsert(pd.DataFrame({"n": [7], "v": [pd.Timestamp("2018-07-01", tz="UTC")]}), table, key=["n"])
    many = pd.DataFrame({"n": range(10, 10 + FEW_ROWS + 5), "v": pd.Series([moment] * (FEW_ROWS + 5), dtype="object")})
    place.warehouse.bulk_load(many, table)
    offsets = [offset for _, offset in place.content(table, "n, datepart(tzoffset, v)")]
    assert offsets == [120, -840, None, 120, 60, 120, 0, *[120] * (FEW_ROWS + 5)]
    assert place.content(table, "v", "n")[0] == (moment,)


def test_an_offset_of_seconds_is_refused(place: Place) -> None:
    table = place.table(columns={"v": "datetimeoffset(0)"})
    before_1901 = pd.Series(pd.to_datetime(["2018-01-01", "1900-01-01"])).dt.tz_localize("Europe/Madrid")
    with pytest.raises(UsageError, match=r"row 2, column 'v' .* has an offset that"):
        place.warehouse.bulk_load(pd.DataFrame({"v": before_1901}), table)


def test_a_table_with_a_period_is_loaded_without_it(place: Place) -> None:
    table = place.table(columns={"id": "integer not null", "v": "integer"}, key=["id"])
    name = place.warehouse.sql_name(table)
    try:
        server(place).run_script(
            f"alter table {name} add began datetime2(3) generated always as row start hidden not null"
            f" default sysutcdatetime(), ended datetime2(3) generated always as row end hidden not null"
            f" default convert(datetime2(3), '9999-12-31 23:59:59.999'), period for system_time (began, ended)"
        )
    except EsiosError as error:
        pytest.skip(f"this server has no periods ({error})")
    assert [column.name for column in place.warehouse.columns(table) if column.generated] == ["began", "ended"]
    place.warehouse.append(table, pd.DataFrame({"id": [1], "v": [1]}))
    assert place.warehouse.upsert(pd.DataFrame({"id": [1, 2], "v": [2, 3]}), table).inserted == 1
    assert place.content(table, "id, v") == [(1, 2), (2, 3)]
    with pytest.raises(UsageError, match=r"'began' of .* is filled by the warehouse itself"):
        place.warehouse.append(table, pd.DataFrame({"id": [3], "began": [dt.datetime(2020, 1, 1)]}))


@pytest.mark.parametrize(
    "query",
    [
        "select distinct id, v from {t}",
        "select id, max(v) as v from {t} group by id",
        "select id, v + 1 as v from {t}",
        "select id, v from {t} union all select id, v from {t}",
    ],
    ids=["distinct", "group by", "derived column", "union"],
)
def test_a_view_that_takes_no_rows_is_a_usage_error(place: Place, query: str) -> None:
    table = place.table(columns={"id": "integer", "v": "integer"})
    view = TableName(place.schema, "seen")
    server(place).run_script(
        f"create view {place.warehouse.sql_name(view)} as {query.format(t=place.warehouse.sql_name(table))}"
    )
    try:
        for given in (pd.DataFrame({"id": [1], "v": [1]}), [{"id": 1, "v": 1}]):
            with pytest.raises(UsageError, match="takes no such rows there") as raised:
                place.warehouse.append(view, given)
            assert "load into the table behind it" in raised.value.remedy
        assert place.content(table) == []
    finally:
        server(place).run_script(f"drop view {place.warehouse.sql_name(view)}")


def test_a_row_that_a_view_with_check_option_would_not_show_is_a_usage_error(place: Place) -> None:
    table = place.table(columns={"id": "integer", "v": "integer"})
    view = TableName(place.schema, "positive")
    server(place).run_script(
        f"create view {place.warehouse.sql_name(view)} as select id, v from {place.warehouse.sql_name(table)}"
        " where v > 0 with check option"
    )
    try:
        place.warehouse.bulk_load(pd.DataFrame({"id": [1], "v": [1]}), view)
        for rows in ([{"id": 2, "v": 1}, {"id": 3, "v": -1}], pd.DataFrame({"id": [2, 3], "v": [1, -1]})):
            with pytest.raises(UsageError, match="refused a row"):
                place.warehouse.append(view, rows)
        assert place.content(table) == [(1, 1)]
    finally:
        server(place).run_script(f"drop view {place.warehouse.sql_name(view)}")


def test_a_query_that_takes_too_long_is_ended_and_reported(place: Place, settings: Settings) -> None:
    table = place.table(columns={"id": "integer not null"}, key=["id"])
    place.warehouse.append(table, [{"id": 1}])
    update = f"update {place.warehouse.sql_name(table)} set id = 2 where id = 1"
    hasty = replace(settings, warehouse_wait_s=6, mssql=replace(settings.mssql, query_timeout_s=1))
    with SqlServer(hasty) as waiting, place.warehouse.transaction():
        place.warehouse.execute(update)
        with pytest.raises(WarehouseError, match="did not respond in time") as raised:
            waiting.execute(update)
        assert "MSSQL_QUERY_TIMEOUT_S" in raised.value.remedy


def test_a_reader_never_waits_and_sees_the_last_committed_rows(place: Place, settings: Settings) -> None:
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
