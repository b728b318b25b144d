"""Where results are written: links are followed, regular files replaced, pipes and devices written to."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from optimization import memory, speed
from optimization.files import BadInput, written_aside

CSV = "latitude,longitude\n0,0\n1.5,2.5\n"
Command = Callable[[Path, Path], int]
COMMANDS: dict[str, Command] = {
    "speed.py": lambda source, out: speed.main([str(source), "--out", str(out), "--quiet", "--kernel", "numpy"]),
    "memory.py --report": lambda source, out: memory.main([str(source), "--report", str(out), "--quiet"]),
    "memory.py --schema": lambda source, out: memory.main([str(source), "--schema", str(out), "--quiet"]),
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    path.write_text(CSV)
    return path


def expected(command: Command, source: Path, folder: Path) -> bytes:
    """What the command writes to a plain file."""
    plain = folder / "plain.csv"
    plain.unlink(missing_ok=True)
    assert command(source, plain) == 0
    return plain.read_bytes()


@pytest.mark.parametrize("name", ["speed.py", "memory.py --report"])
def test_a_link_is_followed_and_its_file_keeps_its_mode(source: Path, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept.csv").write_text("old")
    (elsewhere / "kept.csv").chmod(0o640)
    (tmp_path / "out.csv").symlink_to(elsewhere / "kept.csv")
    assert COMMANDS[name](source, tmp_path / "out.csv") == 0
    assert (tmp_path / "out.csv").is_symlink()
    assert (elsewhere / "kept.csv").read_bytes() == expected(COMMANDS[name], source, tmp_path)
    assert stat.S_IMODE((elsewhere / "kept.csv").stat().st_mode) == 0o640
    assert [path.name for path in elsewhere.iterdir()] == ["kept.csv"]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_link_to_nothing_yet_makes_the_file_that_it_names(source: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "out.csv").symlink_to(tmp_path / "made.csv")
    assert COMMANDS[name](source, tmp_path / "out.csv") == 0
    assert (tmp_path / "out.csv").is_symlink()
    assert (tmp_path / "made.csv").read_bytes() == expected(COMMANDS[name], source, tmp_path)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_pipe_and_a_device_are_written_to_and_stay_what_they_are(source: Path, tmp_path: Path, name: str) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    assert COMMANDS[name](source, pipe) == 0
    reader.join(30)
    assert read == [expected(COMMANDS[name], source, tmp_path)]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert COMMANDS[name](source, Path(os.devnull)) == 0
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_parquet_goes_through_a_link_too(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out.parquet").symlink_to(tmp_path / "made.parquet")
    assert speed.main([str(source), "--out", str(tmp_path / "out.parquet"), "--quiet"]) == 0
    assert (tmp_path / "out.parquet").is_symlink()
    assert len(pd.read_parquet(tmp_path / "made.parquet")) == 2
    memory.save(memory.load_csv(source), tmp_path / "out.parquet")
    assert (tmp_path / "out.parquet").is_symlink()
    assert len(memory.load(tmp_path / "made.parquet")) == 2


def test_a_pipe_gets_nothing_when_the_work_fails(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    def half() -> None:
        with written_aside(str(pipe)) as aside:
            Path(aside).write_text("half")
            raise BadInput("no")

    with pytest.raises(BadInput, match="no"):
        half()
    assert os.read(reader, 10) == b""
    os.close(reader)


@pytest.mark.parametrize("script", [speed.main, memory.main])
def test_a_pipe_as_input_is_refused_with_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], script: Callable[[list[str]], int]
) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    assert script([str(tmp_path / "pipe.csv")]) == 2
    assert "is a pipe or a device, which can be read only once: save it as a file first" in capsys.readouterr().err
