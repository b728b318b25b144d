"""Output files: regular ones whole or not at all, links followed, pipes and devices written to; each command alike."""

from __future__ import annotations

import os
import stat
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from extract.check import read_report
from extract.errors import UsageError
from extract.export import export_table
from extract.files import output_path, written
from extract.health.metrics import write_metrics
from extract.health.report import Report
from extract.report.page import write
from extract.warehouse.duckdb import DuckDB

NEW = b"new content\n" * 10_000


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> DuckDB:
    opened = DuckDB(tmp_path_factory.mktemp("files") / "w.duckdb")
    opened.execute("create table t as select i, 'ñ' || i as s from range(50000) as r (i)")
    return opened


@pytest.fixture(scope="module")
def report(warehouse: DuckDB) -> Report:
    from extract.extraction import utc_now

    return read_report(warehouse, utc_now())


Writer = Callable[[Path], object]


@pytest.fixture(params=["written", "export", "metrics", "page"])
def writer(request: pytest.FixtureRequest, warehouse: DuckDB, report: Report) -> Writer:
    """What each command calls to write its file."""

    def plainly(path: Path) -> None:
        with written(path) as file:
            file.write(NEW)

    writers: dict[str, Writer] = {
        "written": plainly,
        "export": lambda path: export_table(warehouse, "t", path),
        "metrics": lambda path: write_metrics(report, path),
        "page": lambda path: write(path, "a page"),
    }
    return writers[request.param]


def plain_content(writer: Writer, folder: Path) -> bytes:
    plain = folder / "plain" / "x.csv"
    writer(plain)
    return plain.read_bytes()


def test_a_new_file_has_the_mode_of_the_umask_and_nothing_is_left_beside_it(writer: Writer, tmp_path: Path) -> None:
    path = tmp_path / "made for it" / "x.csv"
    writer(path)
    os.umask(umask := os.umask(0))
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    assert [file.name for file in path.parent.iterdir()] == ["x.csv"]


def test_a_file_keeps_its_mode(writer: Writer, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"old")
    path.chmod(0o664)
    before = path.stat()
    writer(path)
    after = path.stat()
    assert (stat.S_IMODE(after.st_mode), after.st_uid, after.st_gid) == (0o664, before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino, "renamed over, so that a reader of the old one sees it whole"
    assert path.read_bytes() == plain_content(writer, tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_root_does_not_take_a_file_from_its_owner(writer: Writer, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"old")
    os.chown(path, 12345, 23456)
    writer(path)
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)


@pytest.mark.parametrize("hops", [1, 2])
@pytest.mark.parametrize("is_there", [True, False])
def test_links_are_followed(writer: Writer, tmp_path: Path, hops: int, is_there: bool) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    target = elsewhere / "x.csv"
    if is_there:
        target.write_bytes(b"old")
    path = tmp_path / "x.csv"
    path.symlink_to("elsewhere/x.csv")
    if hops == 2:
        (tmp_path / "y.csv").symlink_to(path)
        path = tmp_path / "y.csv"
    writer(path)
    assert path.is_symlink()
    assert target.read_bytes() == plain_content(writer, tmp_path)
    assert [file.name for file in elsewhere.iterdir()] == ["x.csv"]


def test_a_pipe_is_written_to(writer: Writer, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    os.mkfifo(path)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()), daemon=True)
    reader.start()
    writer(path)
    reader.join(20)
    assert read == [plain_content(writer, tmp_path)]
    assert stat.S_ISFIFO(path.lstat().st_mode)


def test_a_parquet_file_goes_through_a_pipe_too(warehouse: DuckDB, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    os.mkfifo(path)
    with (tmp_path / "copy.parquet").open("wb") as copy, subprocess.Popen(["cat", path], stdout=copy) as reading:
        export_table(warehouse, "t", path)
        reading.wait(20)
    assert pq.read_table(tmp_path / "copy.parquet").num_rows == 50_000


@pytest.mark.parametrize("linked", [False, True])
def test_a_device_is_written_to_and_stays_one(writer: Writer, tmp_path: Path, linked: bool) -> None:
    device = tmp_path / "null.csv"
    if linked:
        device.symlink_to("/dev/null")
    else:
        try:
            os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
            device.write_bytes(b"may it be opened?")
        except OSError:
            pytest.skip("no devices may be made or opened here")
    writer(device)
    assert stat.S_ISCHR(device.stat().st_mode)
    assert device.is_symlink() == linked


def test_what_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"old")

    def half() -> None:
        with written(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a folder.csv", "a file/x.csv", "a circle.csv", "full.csv"])
def test_what_cannot_be_written_is_said_with_a_remedy(writer: Writer, tmp_path: Path, name: str) -> None:
    (tmp_path / "a folder.csv").mkdir()
    (tmp_path / "a file").write_bytes(b"")
    (tmp_path / "a circle.csv").symlink_to("a circle.csv")
    (tmp_path / "full.csv").symlink_to("/dev/full")
    with pytest.raises((UsageError, OSError)) as caught:
        writer(tmp_path / name)
    if isinstance(caught.value, UsageError):
        assert caught.value.remedy
        assert name in caught.value.message


def test_a_missing_home_folder_is_reported() -> None:
    with pytest.raises(UsageError, match="that home folder does not exist: write the path out"):
        output_path(Path("~nobody-of-this-name/x.csv"))
    assert output_path(Path("x.csv")) == Path.cwd() / "x.csv"


def test_a_name_of_standard_output_is_a_stream_wherever_it_goes(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; from extract.files import written\n"
        "print('before', flush=True)\n"
        "with written(Path('/dev/stdout')) as file: file.write(b'content\\n')\n"
        "print('after')"
    )
    from tests.end_to_end.conftest import ROOT, Shell

    shell = Shell(tmp_path)
    assert shell("python", "-c", script).out == "before\ncontent\nafter\n"
    file = tmp_path / "out.txt"
    shell("bash", "-c", f'cd {ROOT} && python -c "{script}" >>{file}')
    assert file.read_text() == "before\ncontent\nafter\n"
