"""What only DuckDB has: a file that one process holds, and all that can be wrong with a file."""

from __future__ import annotations

import os
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pandas as pd
import pytest

from extract.errors import EsiosError, UsageError, WarehouseError
from extract.warehouse import Key
from extract.warehouse.duckdb import DuckDB

HOLDER = """
import sys, duckdb
held = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def failed(kind: type[EsiosError], action: Callable[[], Any]) -> str:
    with pytest.raises(kind) as caught:
        action()
    assert caught.value.exit_code == kind.exit_code
    assert caught.value.remedy
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "folder" / "w.duckdb"


def hold(path: Path) -> subprocess.Popen[str]:
    """Another process that has the file open until its stdin is closed."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


# ---------------------------------------------------------------- opening
def test_the_folder_is_made_and_the_file_reopened_with_its_rows(path: Path) -> None:
    with DuckDB(path) as warehouse:
        warehouse.ensure_schema()
        warehouse.append("raw_esios.source", [{"source": "simulated"}])
    with DuckDB(path, read_only=True) as warehouse:
        assert list(warehouse.rows("select source from raw_esios.source")) == [("simulated",)]


def test_a_commit_does_not_write_again_what_was_landed_before(path: Path) -> None:
    for number in range(3):
        with DuckDB(path) as warehouse:
            warehouse.execute("create table if not exists landed (number int, payload varchar)")
            warehouse.execute("insert into landed values (?, ?)", (number, str(number) * 100_000))
    with DuckDB(path) as warehouse:
        groups = warehouse.value("select count(distinct row_group_id) from pragma_storage_info('landed')")
        assert groups == 3, "merging row groups writes all payloads again"


def test_closed_for_now_the_file_is_not_touched_and_the_next_to_open_has_every_row(path: Path) -> None:
    log = path.with_name(f"{path.name}.wal")
    with DuckDB(path) as warehouse:
        warehouse.execute("create table t as select 1 as n")
    before = path.read_bytes()
    for number in (2, 3):
        warehouse = DuckDB(path)
        with warehouse.transaction():
            warehouse.execute("insert into t values (?)", (number,))
        warehouse.close_for_now()
        assert path.read_bytes() == before, "a kill within a write to it could damage it"
    with DuckDB(path, read_only=True) as reader:
        assert reader.value("select sum(n) from t") == 6
    assert log.exists()
    with DuckDB(path) as last:
        assert last.value("select sum(n) from t") == 6
    assert not log.exists()
    assert path.read_bytes() != before


def test_reading_or_loading_makes_no_new_file(path: Path) -> None:
    assert "make run" in failed(UsageError, lambda: DuckDB(path, read_only=True))
    assert str(path) in failed(UsageError, lambda: DuckDB(path, create=False))
    assert not path.parent.exists()


def test_a_file_that_another_process_holds_is_waited_for(path: Path) -> None:
    DuckDB(path).close()
    holder = hold(path)
    assert holder.stdin is not None
    let_go = threading.Timer(0.5, holder.stdin.close)
    started = time.monotonic()
    let_go.start()
    with DuckDB(path, wait_s=30) as warehouse:
        assert warehouse.value("select 1") == 1
    assert time.monotonic() - started >= 0.5
    assert holder.wait(10) == 0


def test_a_file_that_stays_held_fails_after_the_wait_and_names_the_holder(path: Path) -> None:
    DuckDB(path).close()
    holder = hold(path)
    now = [0.0]
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds

    told = failed(WarehouseError, lambda: DuckDB(path, wait_s=20, sleep=sleep, clock=lambda: now[0]))
    holder.communicate("")
    assert f"held by another process (process {holder.pid})" in told
    assert "for 20 s now" in told
    assert sum(pauses) == pytest.approx(20)
    assert max(pauses) <= 0.25
    assert pauses[0] < 0.05


def test_the_longest_wait_is_a_setting(path: Path) -> None:
    from extract.settings import load_settings
    from extract.warehouse import connect

    DuckDB(path).close()
    holder = hold(path)
    settings = load_settings(
        {"ESIOS_DUCKDB_PATH": str(path), "ESIOS_WAREHOUSE_WAIT_S": "0.1"}, dotenv=path.with_name("no.env")
    )
    failed(WarehouseError, lambda: connect(settings))
    holder.communicate("")
    connect(settings).close()


def test_an_empty_file_was_cut_off_while_it_was_made_and_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    path.touch()
    with DuckDB(path) as warehouse:
        assert warehouse.value("select 1") == 1


def test_a_device_in_place_of_the_file_is_reported_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, Path(os.devnull).stat().st_rdev)
    except OSError:
        pytest.skip("only root may make a device")
    assert "set ESIOS_DUCKDB_PATH" in failed(WarehouseError, lambda: DuckDB(path))
    assert path.is_char_device()


@pytest.mark.parametrize(
    "content", [b"hello", b"hello\n" * 3000, Random(1).randbytes(300_000)], ids=["a word", "text", "noise"]
)
def test_a_file_that_is_not_a_database_is_reported(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w.duckdb"
    path.write_bytes(content)
    assert "is damaged, or no DuckDB file at all" in failed(WarehouseError, lambda: DuckDB(path))
    assert path.read_bytes() == content


def test_a_damaged_file_is_reported(path: Path) -> None:
    with DuckDB(path) as warehouse:
        warehouse.ensure_schema()
    content = bytearray(path.read_bytes())
    for at in range(4096, 3 * 4096, 64):
        content[at] ^= 0xFF
    path.write_bytes(content)
    assert "is damaged" in failed(WarehouseError, lambda: DuckDB(path))


def test_a_file_of_another_duckdb_version_is_reported(path: Path) -> None:
    DuckDB(path).close()
    content = bytearray(path.read_bytes())
    assert content[8:12] == b"DUCK"
    content[12:20] = struct.pack("<Q", 1)
    content[0:8] = struct.pack("<Q", _checksum(bytes(content[8:4096])))
    path.write_bytes(content)
    told = failed(WarehouseError, lambda: DuckDB(path))
    assert f"another version of DuckDB than this one ({duckdb.__version__})" in told


def _checksum(block: bytes) -> int:
    """DuckDB's checksum of a block: words times a constant, xored."""
    result = 5381
    for (word,) in struct.iter_unpack("<Q", block[: len(block) // 8 * 8]):
        result ^= word * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    return result


def test_a_folder_in_place_of_the_file_is_reported(tmp_path: Path) -> None:
    assert "ESIOS_DUCKDB_PATH" in failed(WarehouseError, lambda: DuckDB(tmp_path))


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    told = failed(WarehouseError, lambda: DuckDB(tmp_path / "file" / "w.duckdb"))
    assert "cannot make the folder" in told or "not a file that can be opened" in told


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_file_that_may_not_be_written_is_reported(path: Path) -> None:
    DuckDB(path).close()
    path.chmod(0o444)
    assert "may not be opened by this user" in failed(WarehouseError, lambda: DuckDB(path))


def test_a_statement_that_fails_gives_a_warehouse_error_of_one_line(path: Path) -> None:
    with DuckDB(path) as warehouse:
        assert "no_such_table" in failed(WarehouseError, lambda: warehouse.query("select * from no_such_table"))
        assert "DuckDB failed" in failed(WarehouseError, lambda: warehouse.execute("selct 1"))
        assert warehouse.value("select 1") == 1


def test_a_reader_cannot_write(path: Path) -> None:
    DuckDB(path).close()
    with DuckDB(path, read_only=True) as warehouse:
        assert "read-only" in failed(WarehouseError, lambda: warehouse.execute("create table t (n int)"))


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from extract.errors import WarehouseError
from extract.warehouse.duckdb import DuckDB
import os
path = Path(sys.argv[1])
warehouse = DuckDB(path)
warehouse.execute("create table t (s varchar)")
warehouse.execute("checkpoint")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100_000, resource.RLIM_INFINITY))
try:
    warehouse.append("t", [{"s": os.urandom(40_000).hex()} for _ in range(50)])
    warehouse.close()
except WarehouseError as error:
    print(error.exit_code, error)
"""


def test_a_full_disk_is_a_warehouse_error_and_what_was_there_stays(path: Path) -> None:
    with DuckDB(path) as warehouse:
        warehouse.execute("create table before (n int)")
        warehouse.append("before", [{"n": 1}])
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("5 "), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    with DuckDB(path) as warehouse:
        assert list(warehouse.rows("select n from before")) == [(1,)]
        assert warehouse.value("select count(*) from t") in (0, 50)


# ---------------------------------------------------------------- within one process
def test_two_connections_of_one_process_take_turns_under_a_lock(path: Path) -> None:
    with DuckDB(path) as warehouse:
        warehouse.execute("create table t (n integer)")
        warehouse.append("t", [{"n": 0}])

    def count_up() -> None:
        for _ in range(20):
            with DuckDB(path) as mine, mine.transaction(), mine.lock("counter"):
                mine.execute("update t set n = ?", (mine.value("select n from t") + 1,))

    threads = [threading.Thread(target=count_up) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with DuckDB(path) as warehouse:
        assert warehouse.value("select n from t") == 60


def test_an_unread_stream_does_not_keep_the_file(path: Path) -> None:
    warehouse = DuckDB(path)
    stream = iter(warehouse.rows("select * from range(1000000)"))
    assert next(stream) == (0,)
    assert warehouse.value("select 42") == 42
    assert next(stream) == (1,)
    warehouse.close()
    hold(path).communicate("")


def test_the_network_is_never_asked_for_extensions(path: Path) -> None:
    with DuckDB(path) as warehouse:
        asked = "select value from duckdb_settings() where name like 'auto%_known_extensions'"
        assert list(warehouse.rows(asked)) == [("false",), ("false",)]
        needed = "select bool_and(loaded) from duckdb_extensions() where extension_name in ('json', 'icu', 'parquet')"
        assert warehouse.value(needed) is True


def test_a_long_statement_writes_nothing_to_the_terminal(path: Path) -> None:
    with DuckDB(path) as warehouse:
        assert warehouse.value("select current_setting('enable_progress_bar')") is False


def test_the_machine_s_time_zone_is_of_no_account(path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from extract.warehouse.duckdb import DuckDB\n"
        "sql = \"select cast(timestamptz '2017-07-01 00:00:00+00' as timestamp) as t\"\n"
        "warehouse = DuckDB(Path(sys.argv[1]))\n"
        "print(warehouse.value(sql), warehouse.batches(sql).read_all()['t'][0])"
    )
    environment = {**os.environ, "TZ": "Europe/Madrid"}
    command = [sys.executable, "-c", script, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert (done.stdout, done.stderr) == ("2017-07-01 00:00:00 2017-07-01 00:00:00\n", "")


def test_light_work_imports_no_dataframe_library(path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from extract.warehouse.duckdb import DuckDB\n"
        "warehouse = DuckDB(Path(sys.argv[1])); warehouse.ensure_schema()\n"
        "warehouse.append('raw_esios.source', [{'source': 'simulated'}])\n"
        "assert list(warehouse.rows('select * from raw_esios.source')) == [('simulated',)]\n"
        "print({'pandas', 'pyarrow', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("set()\n", "")


# ---------------------------------------------------------------- DuckDB's own types and keys
def test_enums_json_and_lists_load_and_a_wrong_member_is_a_usage_error(path: Path) -> None:
    with DuckDB(path) as warehouse:
        warehouse.execute("create table t (e enum('a', 'b'), j json, l integer[])")
        warehouse.bulk_load(pd.DataFrame({"e": ["a"], "j": ['{"x": 1}'], "l": [[1, 2]]}), "t")
        failed(UsageError, lambda: warehouse.bulk_load(pd.DataFrame({"e": ["c"], "j": ["{}"], "l": [[1]]}), "t"))
        assert list(warehouse.rows("select e, j, l from t")) == [("a", '{"x": 1}', [1, 2])]


def test_a_check_constraint_is_a_usage_error(path: Path) -> None:
    with DuckDB(path) as warehouse:
        warehouse.execute("create table t (n integer check (n > 0))")
        assert "CHECK" in failed(UsageError, lambda: warehouse.append("t", [{"n": 1}, {"n": -1}]))
        assert warehouse.value("select count(*) from t") == 0


def test_an_index_over_odd_names_is_read_as_a_key_and_one_over_an_expression_is_not(path: Path) -> None:
    with DuckDB(path) as warehouse:
        warehouse.execute('create table t (a integer, "odd, ""name""" integer)')
        warehouse.execute('create unique index one on t ("odd, ""name""", a)')
        warehouse.execute("create unique index two on t ((a + 1))")
        assert warehouse.keys("t") == [Key(('odd, "name"', "a"))]


def test_views_have_columns_and_no_keys(path: Path) -> None:
    with DuckDB(path) as warehouse:
        warehouse.execute("create view v as select 1 as a, 'x' as b")
        assert [column.name for column in warehouse.columns("v")] == ["a", "b"]
        assert warehouse.keys("v") == []


def test_memory_stays_flat_while_reading_and_loading_a_long_stream(path: Path) -> None:
    script = """
import sys
from pathlib import Path
import pyarrow as pa
from extract.warehouse.duckdb import DuckDB
from benchmarks.peak import peak_mb
warehouse = DuckDB(Path(sys.argv[1]))
warehouse.execute("set memory_limit = '60MB'")
warehouse.execute("create table t (n integer, s varchar)")
text = "a text that is long enough to weigh something " * 4
def batches(count):
    for start in range(0, count, 50_000):
        yield pa.record_batch({"n": range(start, start + 50_000), "s": [f"{n} {text}" for n in range(50_000)]})
warehouse.bulk_load(batches(100_000), "t")
assert sum(1 for _ in warehouse.rows("select * from t")) == 100_000
before = peak_mb()
warehouse.bulk_load(batches(600_000), "t")
assert sum(1 for _ in warehouse.rows("select * from t")) == 700_000
print(peak_mb() - before)
"""
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    assert int(done.stdout) < 60  # MB more, for 120 MB of texts
