"""The command, Parquet, folders and the dask engine: same results, clear errors, nothing left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from optimization import files, generate
from optimization.distance import cluster as dask_cluster
from optimization.distance import compare
from optimization.distance.command import files_of, main
from optimization.distance.layout import read_layout
from optimization.files import BadInput
from optimization.speed import add_distance_to_file, function_to_apply

ROOT = Path(__file__).parents[2]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    path.write_text("id,latitude,longitude\n00501,0.5,0.25\n2,,1\n3,1.5,-2.0\n")
    return path


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The script as a person starts it, from the repository's root."""
    command = [sys.executable, "optimization/speed.py", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


def test_the_script_writes_beside_its_input(source: Path) -> None:
    done = run(source)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    out = source.with_name("in_distance.csv")
    lines = out.read_text().splitlines()
    assert lines[0] == "id,latitude,longitude,distance"
    assert lines[1].startswith("00501,0.5,0.25,0.0744256129948194")
    assert lines[2] == "2,,1,"
    assert sorted(names_in(source.parent)) == ["in.csv", "in_distance.csv"]


def test_the_module_can_be_run_by_name_too(source: Path) -> None:
    command = [sys.executable, "-m", "optimization.speed", str(source), "--kernel", "numpy"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=120).returncode == 0
    assert source.with_name("in_distance.csv").exists()


@pytest.mark.parametrize(
    ("text", "arguments", "told"),
    [
        (None, [], "no such file"),
        ("", [], "is empty: a header with the names of the columns is needed"),
        ("a,b\n1,2\n", [], "no column latitude and longitude"),
        ("latitude,longitude\n1,x\n", [], "line 2: longitude is not a number: 'x'"),
        ("latitude,longitude\n1,2\n", ["--out", "{in}"], "would overwrite the input"),
        ("latitude,longitude\n1,2\n", ["--out", "{folder}/none/out.csv"], "the folder of the output does not exist"),
        ("latitude,longitude\n1,2\n", ["--out", "{folder}"], "is a folder"),
        ("latitude,longitude\n1,2\n", ["--scheduler", "tcp://127.0.0.1:1"], "--scheduler belongs to --engine dask"),
        ("PAR1 but no Parquet", [], "cannot be read as Parquet"),
    ],
)
def test_bad_input_ends_with_2_one_line_and_no_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, arguments: list[str], told: str
) -> None:
    path = tmp_path / "in.csv"
    if text is not None:
        path.write_text(text)
    places = {"in": str(path), "folder": str(tmp_path)}
    assert main([str(path), *(argument.format(**places) for argument in arguments)]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert {item.name for item in tmp_path.iterdir()} <= {"in.csv"}


def test_wrong_usage_ends_with_2_and_no_traceback(source: Path) -> None:
    done = run(source, "--kernel", "gpu")
    assert done.returncode == 2
    assert "invalid choice: 'gpu'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_help_lists_the_exit_codes() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "exit codes:" in done.stdout


def test_an_output_that_is_a_link_to_the_input_is_refused(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = source.with_name("link.csv")
    link.hardlink_to(source)
    assert main([str(source), "--out", str(link)]) == 2
    assert "would overwrite the input" in capsys.readouterr().err
    assert source.read_text().startswith("id,latitude")


def test_an_older_output_stays_whole_when_the_new_one_fails(tmp_path: Path) -> None:
    path, out = tmp_path / "in.csv", tmp_path / "out.csv"
    path.write_text("latitude,longitude\n" + "1,2\n" * 200_000 + "1,x\n")
    out.write_text("older")
    with pytest.raises(BadInput, match="line 200002"):
        add_distance_to_file(str(path), str(out))
    assert out.read_text() == "older"
    assert sorted(names_in(tmp_path)) == ["in.csv", "out.csv"]


def test_other_column_names_and_delimiters_can_be_given(tmp_path: Path) -> None:
    path = tmp_path / "in.tsv"
    path.write_text("lat~lng\n0.5~0.25\n")
    assert main([str(path), "--latitude", "lat", "--longitude", "lng", "--delimiter", "~", "--column", "a"]) == 0
    assert (tmp_path / "in_distance.tsv").read_text().startswith("lat~lng~a\n0.5~0.25~0.07442561299481")


def test_the_bar_shows_on_stderr_only_when_it_takes_a_while(capsys: pytest.CaptureFixture[str]) -> None:
    with files.Progress(10, "distance", patience=0.0) as slow:
        slow.add(4)
        slow.add(6)
    told = capsys.readouterr()
    assert "distance" in told.err
    assert told.out == ""
    with files.Progress(10, "distance") as quick:
        quick.add(10)
    assert capsys.readouterr().err == ""


# --- Parquet ----------------------------------------------------------------------------------------------------------
def table() -> pa.Table:
    return pa.table(
        {
            "id": pa.array(["a", None, "c", "d"]),
            "latitude": pa.array([0.5, None, float("nan"), 1.0]),
            "longitude": pa.array([1, 2, 3, 4], pa.int16()),
            "price": pa.array([1, 2, 3, 4], pa.decimal128(9, 2)),
        },
        metadata={"made": "by hand"},
    )


@pytest.mark.parametrize("kernel", ["numpy", "compiled"])
def test_parquet_keeps_its_types_nulls_and_metadata(tmp_path: Path, kernel: str) -> None:
    pq.write_table(table(), tmp_path / "in.parquet", compression="zstd")
    assert main([str(tmp_path / "in.parquet"), "--kernel", kernel]) == 0
    got = pq.read_table(tmp_path / "in_distance.parquet")
    kept = got.drop(["distance"])
    assert kept.schema.equals(table().schema)
    assert str(kept.to_pylist()) == str(table().to_pylist())
    assert got.schema.metadata[b"made"] == b"by hand"
    values = got["distance"].to_pylist()
    assert values[1] is None
    assert np.isnan(values[2])
    assert values[0] == pytest.approx(float(function_to_apply(0.5, 1.0)), abs=1e-15)
    assert pq.ParquetFile(tmp_path / "in_distance.parquet").metadata.row_group(0).column(0).compression == "ZSTD"


def test_csv_becomes_parquet_with_its_texts_and_back(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b'zip,latitude,longitude,note\r\n00501,0.50,1e0,""\r\n,1,,"caf\xe9\nbar"\r\n')
    assert main([str(path), "--out", str(tmp_path / "out.parquet")]) == 0
    got = pq.read_table(tmp_path / "out.parquet")
    assert got.column_names == ["zip", "latitude", "longitude", "note", "distance"]
    assert got["zip"].to_pylist() == ["00501", None]
    assert got["latitude"].to_pylist() == ["0.50", "1"]
    assert got["note"].to_pylist() == ["", "café\nbar"]
    assert got["distance"].to_pylist() == [pytest.approx(float(function_to_apply(0.5, 1.0)), abs=1e-15), None]
    assert main([str(tmp_path / "out.parquet"), "--out", str(tmp_path / "back.csv"), "--column", "again"]) == 0
    back = pd.read_csv(tmp_path / "back.csv", dtype={"zip": str})
    assert back["zip"].iloc[0] == "00501"
    assert back["again"].iloc[0] == back["distance"].iloc[0]
    assert sorted(names_in(tmp_path)) == ["back.csv", "in.csv", "out.parquet"]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"latitude": [1.0]}, "no column longitude"),
        ({"latitude": [1.0], "longitude": [True]}, "longitude holds bool, not numbers"),
        ({"latitude": ["1", "x"], "longitude": [1.0, 2.0]}, "row 2: latitude is not a number: 'x'"),
        ({"latitude": [1.0], "longitude": [1.0], "distance": [1.0]}, "has a column distance already"),
    ],
)
def test_parquet_that_cannot_be_used_is_refused_by_name(tmp_path: Path, columns: dict[str, list], told: str) -> None:
    pq.write_table(pa.table(columns), tmp_path / "in.parquet")
    with pytest.raises(BadInput, match=told):
        add_distance_to_file(str(tmp_path / "in.parquet"), str(tmp_path / "out.parquet"))
    assert names_in(tmp_path) == ["in.parquet"]


def test_two_columns_of_one_name_cannot_become_parquet(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("a,a,latitude,longitude\n1,2,3,4\n")
    with pytest.raises(BadInput, match="Parquet has no two columns of one name: rename a"):
        add_distance_to_file(str(tmp_path / "in.csv"), str(tmp_path / "out.parquet"))


# --- folders and dask -------------------------------------------------------------------------------------------------
def test_a_folder_gives_a_folder_of_the_same_names(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.csv", "b.tsv"):
        (tmp_path / "in" / name).write_text(
            "latitude\tlongitude\n0\t0\n".replace("\t", "," if name == "a.csv" else "\t")
        )
    (tmp_path / "in" / "README.md").write_text("no data")
    assert main([str(tmp_path / "in")]) == 0
    assert sorted(names_in(tmp_path / "in_distance")) == ["a.csv", "b.tsv"]
    assert (tmp_path / "in_distance" / "b.tsv").read_text() == "latitude\tlongitude\tdistance\n0\t0\t0.0\n"


def test_a_folder_without_data_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    assert main([str(tmp_path / "in")]) == 2
    assert "holds no file that ends with .csv" in capsys.readouterr().err


@pytest.fixture(scope="module")
def cluster() -> object:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as started:
        yield started


@pytest.mark.parametrize("kernel", ["numpy", "compiled"])
def test_two_dask_workers_write_the_same_bytes_as_the_local_engine(
    tmp_path: Path, cluster: object, kernel: str
) -> None:
    folder, local, spread = tmp_path / "in", tmp_path / "local", tmp_path / "spread"
    for path in (folder, local, spread):
        path.mkdir()
    generate.write(str(folder / "a.csv"), rows=4000)
    body = b"".join(b'%d,%d.5,2.25,"a\nb ""c"""\n' % (row, row % 90) for row in range(3000))
    (folder / "b.csv").write_bytes(b"id,latitude,longitude,note\n" + body)
    (folder / "c.csv").write_bytes(b"latitude,longitude\n")
    pq.write_table(table(), folder / "d.parquet")
    for name in names_in(folder):
        add_distance_to_file(str(folder / name), str(local / name), kernel=kernel)
    files = files_of(str(folder), str(spread))
    dask_cluster.add_distance_to_files(files, cluster.scheduler_address, kernel, part=9_973)
    assert sorted(names_in(spread)) == ["a.csv", "b.csv", "c.csv", "d.parquet"]
    for name in ("a.csv", "b.csv", "c.csv"):
        assert (spread / name).read_bytes() == (local / name).read_bytes()
    assert pq.read_table(spread / "d.parquet").to_pandas().equals(pq.read_table(local / "d.parquet").to_pandas())


def test_a_bad_line_on_a_worker_is_named_and_leaves_nothing(tmp_path: Path, cluster: object) -> None:
    (tmp_path / "in.csv").write_text("latitude,longitude\n" + "1,2\n" * 5000 + "1,x\n" + "1,2\n" * 5000)
    with pytest.raises(BadInput, match="line 5002: longitude is not a number: 'x'"):
        dask_cluster.add_distance_to_files(
            [(str(tmp_path / "in.csv"), str(tmp_path / "out.csv"))], cluster.scheduler_address, part=4096
        )
    assert names_in(tmp_path) == ["in.csv"]


def test_a_scheduler_that_does_not_respond_is_named(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "DASK_TIMEOUT", "1s")
    with pytest.raises(BadInput, match=r"no dask scheduler responds at tcp://127\.0\.0\.1:9"):
        dask_cluster.add_distance_to_files([(str(source), str(source.with_name("o.csv")))], "tcp://127.0.0.1:9")


def test_parts_are_cut_after_line_feeds_and_cover_the_file(tmp_path: Path) -> None:
    generate.write(str(tmp_path / "in.csv"), rows=500)
    layout = read_layout(str(tmp_path / "in.csv"), "latitude", "longitude", None)
    cuts, text = dask_cluster.cuts_of(layout, 1000), (tmp_path / "in.csv").read_bytes()
    assert cuts[0] == layout.body
    assert cuts[-1] == len(text)
    assert cuts == sorted(set(cuts))
    assert len(cuts) > 20
    assert all(text[cut - 1 : cut] == b"\n" for cut in cuts)


# --- the ladder -------------------------------------------------------------------------------------------------------
def test_compare_prints_the_ladder_and_draws_it(tmp_path: Path) -> None:
    generate.write(str(tmp_path / "in.csv"), rows=1000)
    frame = compare.coordinates(str(tmp_path / "in.csv"), ("latitude", "longitude"), None, 1000)
    rungs = compare.measure(frame, rounds=1)
    told = compare.table(rungs, len(frame))
    ways = ["the loop of the task", "DataFrame.apply", "itertuples", "np.vectorize", "pandas Series", "plain numpy"]
    for name in [*ways, "polars", "speed.py, one core", "a + b"]:
        assert name in told
    for ending, start in (("png", b"\x89PNG"), ("svg", b"<?xml")):
        chart = tmp_path / f"ladder.{ending}"
        compare.draw(rungs, len(frame), str(chart))
        assert chart.read_bytes().startswith(start)
    with pytest.raises(BadInput, match=r"must end with \.png or \.svg"):
        compare.draw(rungs, len(frame), str(tmp_path / "ladder.gif"))


def test_compare_refuses_too_few_rows(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(source), "--compare"]) == 2
    assert "needs 1,000 or more" in capsys.readouterr().err


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_missing_distance_after_quotes_at_the_very_end_is_null_in_parquet(tmp_path: Path, end: str) -> None:
    (tmp_path / "in.csv").write_text('latitude,longitude,note\n1,2,x\n,1,""' + end)
    add_distance_to_file(str(tmp_path / "in.csv"), str(tmp_path / "out.parquet"), "numpy")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["distance"].is_null().to_pylist() == [False, True]
    assert table["note"].to_pylist() == ["x", ""]
