"""Files that the two optimizations refuse: the row of the table, and nothing written."""

from __future__ import annotations

import bz2
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Finished
from tests.faults.table import OPTIMIZATION

ROOT = Path(__file__).parents[2]
OLD = "an older output"
FILES = {
    "no CSV": bz2.compress(b"latitude,longitude\n1,2\n"),
    "values for a header": b"1.5,2.5\n1.5,2.5\n",
    "two delimiters": b"latitude;longitude,a\nx;y,z\n",
    "CR CR LF": b"latitude,longitude\r\r\n1,2\r\r\n",
    "open quote": b'latitude,longitude\n1,2\n3,"4\n5,6\n',
    "pipe": b"",
}
ONLY = {"values for a header": ["memory"], "CR CR LF": ["speed"], "two delimiters": ["memory"]}


@pytest.mark.parametrize(("key", "script"), [(key, one) for key in FILES for one in ONLY.get(key, ["speed", "memory"])])
def test_a_file_is_refused_with_its_remedy_and_nothing_is_written(tmp_path: Path, key: str, script: str) -> None:
    source, out = tmp_path / "in.csv", tmp_path / f"out.{'csv' if script == 'speed' else 'parquet'}"
    out.write_text(OLD)
    if key == "pipe":
        os.mkfifo(source)
    else:
        source.write_bytes(FILES[key])
    command = [sys.executable, f"optimization/{script}.py", str(source), "--out", str(out), "--quiet"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    OPTIMIZATION[key].check(Finished(done.returncode, done.stdout, done.stderr))
    assert out.read_text() == OLD
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([source.name, out.name])


WITHOUT_THE_HOOK = """
from numba.core.codegen import CPUCodeLibrary
del CPUCodeLibrary.serialize_using_object_code
"""


def test_another_numba_is_named_by_speed_and_memory_does_without_machine_code(tmp_path: Path) -> None:
    """In a copy of the package that has no machine code yet; sitecustomize makes this numba the other one."""
    package, source, out = tmp_path / "package", tmp_path / "in.csv", tmp_path / "out.csv"
    shutil.copytree(ROOT / "optimization", package / "optimization", ignore=shutil.ignore_patterns("*.obj"))
    (package / "sitecustomize.py").write_text(WITHOUT_THE_HOOK)
    source.write_bytes(b"latitude,longitude\n" + b"40.5,-3.25\n" * 1_600_000)
    out.write_text(OLD)
    cache = str(tmp_path / "cache")
    environment = {**os.environ, "PYTHONPATH": str(package), "NUMBA_CACHE_DIR": cache, "XDG_CACHE_HOME": cache}

    def run(*arguments: str) -> Finished:
        command = [sys.executable, *arguments, "--quiet"]
        done = subprocess.run(
            command, cwd=package, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    OPTIMIZATION["another numba"].check(
        run("optimization/speed.py", str(source), "--out", str(out), "--kernel", "compiled")
    )
    assert out.read_text() == OLD
    loaded = run("optimization/memory.py", str(source), "--out", str(tmp_path / "out.parquet"))
    assert (loaded.code, loaded.err) == (0, "")
    assert not list(tmp_path.rglob("*.obj"))
