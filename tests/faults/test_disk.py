"""Disks that are full or read-only, and DuckDB files that are damaged or of another version."""

from __future__ import annotations

import os
import shutil
import stat
import struct
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.end_to_end.conftest import Finished
from tests.faults.conftest import Built
from tests.faults.machine import FIRST, LAST, Machine, Row
from tests.faults.table import DISK

EXTRACT = ("esios", "extract", "--start", FIRST, "--end", LAST)
KB = 1024


class SmallDisk(ABC):
    """A place that takes a limited number of bytes, until there is room."""

    @property
    @abstractmethod
    def path(self) -> Path:
        """The place."""

    @abstractmethod
    def limit(self, size: int) -> None:
        """So many bytes from now on."""

    @abstractmethod
    def run(self, machine: Machine, *command: str) -> Finished:
        """Run a command within the limit, its warehouse being on this disk."""

    @abstractmethod
    def make_room(self) -> None:
        """No limit from now on."""


class SmallFilesystem(SmallDisk):
    """A file system in memory of a given size: root's."""

    def __init__(self, path: Path) -> None:
        path.mkdir()
        self._path = path
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(path)], capture_output=True, check=False
        )
        self.is_mounted = mounted.returncode == 0

    @property
    def path(self) -> Path:
        return self._path

    def limit(self, size: int) -> None:
        self.remount(f"size={size}")

    def remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", str(self._path)], check=True)

    def run(self, machine: Machine, *command: str) -> Finished:
        return machine(*command)

    def make_room(self) -> None:
        self.remount("size=1g")

    def end(self) -> None:
        if self.is_mounted:
            subprocess.run(["umount", "--lazy", str(self._path)], check=True)


class SmallQuota(SmallDisk):
    """Files that may not grow beyond a size: anybody's (RLIMIT_FSIZE)."""

    def __init__(self, path: Path) -> None:
        path.mkdir()
        self._path = path
        self._kilobytes = 0

    @property
    def path(self) -> Path:
        return self._path

    def limit(self, size: int) -> None:
        self._kilobytes = size // KB

    def run(self, machine: Machine, *command: str) -> Finished:
        if not self._kilobytes:
            return machine(*command)
        # What the limit hits is reported as an error, not by the signal that would end the process.
        return machine("bash", "-c", f"trap '' XFSZ; ulimit -f {self._kilobytes}; exec \"$@\"", "bash", *command)

    def make_room(self) -> None:
        self._kilobytes = 0


@pytest.fixture
def small_filesystem(tmp_path: Path) -> Iterator[SmallFilesystem]:
    """A small file system, where we may make one."""
    disk = SmallFilesystem(tmp_path / "disk")
    if not disk.is_mounted:
        pytest.skip("only root may mount a small file system; the other limit (RLIMIT_FSIZE) is tested all the same")
    yield disk
    disk.end()


@pytest.fixture
def small_quota(tmp_path: Path) -> SmallQuota:
    """A small quota."""
    return SmallQuota(tmp_path / "disk")


def on(disk: SmallDisk, machine: Machine) -> Machine:
    """The machine with its warehouse on that disk."""
    machine.settings["ESIOS_DUCKDB_PATH"] = str(disk.path / "esios.duckdb")
    return machine


@pytest.mark.parametrize("kind", ["small_filesystem", "small_quota"])
@pytest.mark.parametrize("size", [4 * KB, 64 * KB, 200 * KB])
def test_a_full_disk_is_reported_and_with_room_the_next_run_completes(
    request: pytest.FixtureRequest, machine: Machine, undisturbed: list[Row], kind: str, size: int
) -> None:
    disk: SmallDisk = request.getfixturevalue(kind)
    on(disk, machine)
    disk.limit(size)
    DISK["full"].check(disk.run(machine, *EXTRACT))
    disk.make_room()
    if size > 12 * KB:
        assert set(machine.landing()) <= set(undisturbed)
        assert len(machine.landing()) < len(undisturbed)
    again = machine.extract()
    assert again.code == 0, again.err
    assert machine.landing() == undisturbed


@pytest.fixture
def build_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A small file system, or a small quota where that may not be had."""
    disk = SmallFilesystem(tmp_path / "build-disk")
    yield disk if disk.is_mounted else SmallQuota(tmp_path / "quota")
    disk.end()


def test_a_disk_that_fills_up_during_the_build_leaves_the_table_for_the_next_run(
    bench: Machine, build_disk: SmallDisk, landed_warehouse: Machine, built: Built
) -> None:
    on(build_disk, bench)
    try:
        bench.land(landed_warehouse.warehouse)
        out = bench.folder / "out.csv"
        job = ("esios", "run", "--start", FIRST, "--end", LAST, "--out", str(out))
        build_disk.limit(bench.warehouse.stat().st_size + 200 * KB)
        DISK["full in build"].check(build_disk.run(bench, *job))
        assert not out.exists()
        build_disk.make_room()
        assert bench.mart() in ([], built.mart)
        again = bench(*job)
        assert again.code == 0, again.err
        assert bench.mart() == built.mart
    finally:
        bench.settings.clear()


@pytest.mark.parametrize("kind", ["small_filesystem", "small_quota"])
def test_an_export_onto_a_full_disk_leaves_the_old_file(
    request: pytest.FixtureRequest, machine: Machine, built: Built, kind: str
) -> None:
    disk: SmallDisk = request.getfixturevalue(kind)
    machine.land(built.file)
    out = disk.path / "out.csv"
    out.write_text("the old file\n")
    disk.limit(40 * KB)
    DISK["full in export"].check(disk.run(machine, "esios", "export", "--out", str(out)))
    assert [path.name for path in disk.path.iterdir()] == ["out.csv"]
    assert out.read_text() == "the old file\n"
    disk.make_room()
    assert machine.esios("export", "--out", str(out)).code == 0
    assert len(out.read_text("utf-8").splitlines()) == 1 + len(built.mart)


@pytest.fixture
def read_only_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose files may only be read: a file system for root, permissions for anybody else."""
    folder = tmp_path / "read-only"
    if os.geteuid() == 0:
        disk = SmallFilesystem(folder)
        if not disk.is_mounted:
            pytest.skip("root without the right to mount: permissions do not bind it")
        yield folder
        disk.end()
    else:
        folder.mkdir()
        yield folder
        folder.chmod(stat.S_IRWXU)


def set_read_only(folder: Path, read_only: bool) -> None:
    """Forbid writing, or allow it again."""
    if os.geteuid() == 0:
        subprocess.run(["mount", "-o", f"remount,{'ro' if read_only else 'rw'},size=64m", str(folder)], check=True)
    else:
        folder.chmod(0o555 if read_only else 0o755)
        for path in folder.iterdir():
            path.chmod(0o444 if read_only else 0o644)


def test_a_warehouse_that_may_only_be_read_is_reported_and_still_read(
    machine: Machine, built: Built, undisturbed: list[Row], read_only_folder: Path
) -> None:
    machine.settings["ESIOS_DUCKDB_PATH"] = str(read_only_folder / "esios.duckdb")
    machine.land(built.file)
    set_read_only(read_only_folder, True)
    before = machine.warehouse.read_bytes()
    DISK["read-only"].check(machine.extract("--refresh"))
    assert machine.esios("status").code == 0
    out = machine.folder / "out.csv"
    assert machine.esios("export", "--out", str(out)).code == 0
    assert len(out.read_text("utf-8").splitlines()) == 1 + len(built.mart)
    assert machine.warehouse.read_bytes() == before
    set_read_only(read_only_folder, False)
    assert machine.extract("--refresh").code == 0
    assert machine.landing() == undisturbed


def with_version(content: bytes, version: int) -> bytes:
    """A DuckDB file that says it is of another storage version: that number in its header, with its checksum."""
    changed = bytearray(content)
    changed[12:20] = struct.pack("<Q", version)
    checksum = 5381
    for (word,) in struct.iter_unpack("<Q", changed[8:4096]):
        checksum ^= (word * 0xBF58476D1CE4E5B9) % 2**64
    changed[:8] = struct.pack("<Q", checksum)
    return bytes(changed)


def flipped(content: bytes, seed: int) -> bytes:
    """Bytes turned over here and there, the headers left alone."""
    chance = Random(seed)
    changed = bytearray(content)
    for _ in range(200):
        changed[chance.randrange(12_288, len(changed))] ^= 0xFF
    return bytes(changed)


SPOILT = {
    "newer": lambda content: with_version(content, 1000),
    "older": lambda content: with_version(content, 39),
    "damaged: not a database": lambda _: b"id,name\n460,x\n" * 2000,
    "damaged: zeros": lambda content: bytes(len(content)),
    "damaged: cut in half": lambda content: content[: len(content) // 2],
    "damaged: cut after the headers": lambda content: content[:12_288],
    "damaged: bytes turned over": lambda content: flipped(content, 5),
    "half-made: empty": lambda _: b"",
    "half-made: cut within the headers": lambda content: content[:8192],
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_file_that_cannot_be_used_is_reported_and_left_alone(
    machine: Machine, landed_warehouse: Machine, undisturbed: list[Row], kind: str
) -> None:
    spoilt = SPOILT[kind](landed_warehouse.warehouse.read_bytes())
    machine.warehouse.write_bytes(spoilt)
    fault = DISK[kind.partition(":")[0]]
    fault.check(machine.extract())
    if fault.code:
        assert machine.warehouse.read_bytes() == spoilt, "nothing is written into a file that is not understood"
        shutil.move(machine.warehouse, machine.folder / "set-aside")
        assert machine.extract().code == 0
    assert machine.landing() == undisturbed


def test_a_log_that_was_torn_off_loses_no_committed_row(machine: Machine, undisturbed: list[Row]) -> None:
    # Left behind by a process that was killed: what it committed is in the log beside the file.
    script = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]);"
        "c.execute('create table kept as select 1 as x'); c.execute('checkpoint');"
        'c.execute("insert into kept values (2)"); os.kill(os.getpid(), 9)'
    )
    machine("python", "-c", script, str(machine.warehouse))
    log = machine.warehouse.with_name("esios.duckdb.wal")
    log.write_bytes(log.read_bytes() + b"\x00\xff" * 500)
    assert machine.extract().code == 0
    assert machine.rows("select x from kept order by x") == [(1,), (2,)]
    assert machine.landing() == undisturbed
