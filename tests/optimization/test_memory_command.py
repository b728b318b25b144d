"""The command: what it prints, what it writes, and that no mistake of the caller ends in a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from optimization.memory import load, main
from tests.optimization.memory_files import written

ROOT = Path(__file__).resolve().parents[2]
HEADER = ["id", "zip", "price"]
ROWS: list[list[str | None]] = [[str(n), f"{n % 50:05d}", f"{n}.5"] for n in range(200)]


def test_the_table_says_per_column_what_it_takes_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(written(tmp_path, HEADER, ROWS)), "--quiet"]) == 0
    told = capsys.readouterr().out
    assert "int16[pyarrow]" in told or "uint8[pyarrow]" in told
    assert "50 different texts" in told
    assert "200 rows, utf-8, delimiter ',', usable" in told
    assert "every text compared with the file" in told


@pytest.mark.parametrize(
    ("rows", "told"),
    [(0, "\n0 rows, utf-8"), (1, "\n1 row, utf-8"), (2, "\n2 rows, utf-8"), (1000, "\n1,000 rows, utf-8")],
)
def test_rows_are_counted_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: int, told: str) -> None:
    assert main([str(written(tmp_path, HEADER, ROWS[:1] * rows)), "--quiet"]) == 0
    printed = capsys.readouterr().out
    assert told in printed
    assert ("1 different text" in printed) == (rows > 1)
    assert "1 different texts" not in printed


def test_everything_is_written_where_it_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["optimized.parquet", "picture.svg", "report.json", "schema.json"]
    out, picture, report, schema = (str(tmp_path / name) for name in names)
    source = str(written(tmp_path, HEADER, ROWS))
    arguments = [
        source,
        "--out",
        out,
        "--picture",
        picture,
        "--report",
        report,
        "--schema",
        schema,
        "--json",
        "--quiet",
    ]
    assert main(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], told["verified"], told["level"]) == (200, True, "usable")
    assert told == json.loads(Path(report).read_text())
    assert [column["name"] for column in told["columns"]] == HEADER
    assert Path(picture).read_text().lstrip().startswith("<?xml")
    back = load(out)
    assert isinstance(back, pd.DataFrame)
    assert back["zip"].tolist() == [row[1] for row in ROWS]
    assert main([source, "--schema", schema, "--quiet"]) == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["missing.csv"], "missing.csv: no such file"),
        (["in.csv", "--out", "x.csv"], "the ending names the format"),
        (["in.csv", "--picture", "x.pdf"], ".png or .svg"),
        (["in.csv", "--out", "nowhere/x.parquet"], "mkdir -p"),
        (["in.csv", "--allow", "float8"], "not a lossy step"),
        (["in.csv", "--encoding", "klingon"], "unknown encoding"),
        (["in.csv", "--delimiter", "ab"], "one character is needed"),
        (["in.csv", "--encoding", "utf-16"], "--encoding"),
        (["empty.csv"], "is empty"),
        (["ragged.csv"], "line 3: 3 fields where the header has 2"),
        (["folder"], "no CSV file in this folder"),
    ],
)
def test_a_mistake_is_one_line_with_a_remedy_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, HEADER, ROWS)
    (tmp_path / "empty.csv").touch()
    (tmp_path / "ragged.csv").write_bytes(b"a,b\n1,2\n1,2,3\n")
    (tmp_path / "folder").mkdir()
    assert main([*arguments, "--quiet"]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.startswith("error: ")
    assert "Traceback" not in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.parametrize("start", [["optimization/memory.py"], ["-m", "optimization.memory"]])
def test_it_runs_as_a_script_and_as_a_module(tmp_path: Path, start: list[str]) -> None:
    path = written(tmp_path, HEADER, ROWS)
    ran = subprocess.run(
        [sys.executable, *start, str(path), "--json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["bytes"] < json.loads(ran.stdout)["bytes_before"]


def test_every_option_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    for option in ("--level", "--encoding", "--schema", "--out", "--engine", "--allow", "--no-verify", "--picture"):
        assert option in told
    assert "exit codes" in told


@pytest.mark.parametrize("script", ["memory", "speed"])
@pytest.mark.parametrize("streams", ["", ">&-", "2>&-", ">&- 2>&- <&-", "| head -0", ">/dev/null"])
@pytest.mark.parametrize("encoding", ["iso8859-15", "ascii", "utf-8"])
def test_whatever_the_streams_are_the_work_is_done_and_the_code_is_the_works(
    tmp_path: Path, script: str, streams: str, encoding: str
) -> None:
    (tmp_path / "in put.csv").write_text("latitude,longitude,ñ\n1,2,€\n")
    out = tmp_path / ("out.csv" if script == "speed" else "out.parquet")
    command = f"{sys.executable} optimization/{script}.py '{tmp_path}/in put.csv' --out {out} {streams}"
    environment = {"PATH": "/usr/bin:/bin", "PYTHONIOENCODING": encoding, "LC_ALL": "C"}
    done = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", command], cwd=ROOT, env=environment, capture_output=True, check=False,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    assert out.stat().st_size > 0


def test_a_full_disk_behind_stdout_is_an_error_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("a,b\n1,2\n")
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "optimization/memory.py", str(tmp_path / "in.csv")]
        done = subprocess.run(
            command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=120
        )
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "error: input or output: no space left on device"
    assert "Traceback" not in done.stderr
