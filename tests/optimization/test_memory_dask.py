"""The dask engine gives what the local one gives: a cluster of two workers, a folder of files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.generate_mixed import write_csv
from optimization.files import BadInput
from optimization.memory import LEVELS, load_csv
from tests.optimization.memory_files import differences, written

distributed = pytest.importorskip("distributed", reason="the extra `dask` is not installed")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    whole = tmp_path_factory.mktemp("whole") / "mixed.csv"
    write_csv(whole, 3000)
    header, *rows = whole.read_text().splitlines()
    place = tmp_path_factory.mktemp("parts")
    for number in range(3):
        part = rows[number * 1000 : (number + 1) * 1000]
        (place / f"part{number}.csv").write_text("\n".join([header, *part]) + "\n")
    return place


@pytest.mark.parametrize("level", LEVELS)
def test_a_folder_on_two_workers_gives_the_same_as_here(scheduler: str, folder: Path, level: str) -> None:
    here = load_csv(folder, level)
    there = load_csv(folder, level, engine="dask", scheduler=scheduler)
    if level == "packed":
        assert there.schema.types == here.schema.types
    first, second = (x if isinstance(x, pd.DataFrame) else x.to_pandas() for x in (here, there))
    pd.testing.assert_frame_equal(second, first)


def test_a_column_that_is_text_in_one_file_is_text_in_all(scheduler: str, tmp_path: Path) -> None:
    rows: list[list[str | None]] = [["1.50", "1"], ["2.5", "2"], ["three", "3"], ["4", None]]
    written(tmp_path, ["a", "b"], rows[:2], "1.csv")
    written(tmp_path, ["a", "b"], rows[2:], "2.csv")
    loaded = load_csv(tmp_path, engine="dask", scheduler=scheduler)
    assert differences(loaded, ["a", "b"], rows) == []
    assert loaded["a"].tolist() == ["1.50", "2.5", "three", "4"]
    assert str(loaded["b"].dtype) == "int8[pyarrow]"


def test_a_bad_line_on_a_worker_is_named_here(scheduler: str, tmp_path: Path) -> None:
    written(tmp_path, ["a", "b"], [["1", "2"]], "1.csv")
    (tmp_path / "2.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(BadInput, match=r"2\.csv, line 3: 1 field where the header has 2"):
        load_csv(tmp_path, engine="dask", scheduler=scheduler)


def test_a_scheduler_that_does_not_respond_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no dask scheduler responds at nowhere"):
        load_csv(written(tmp_path, ["a", "b"], [["1", "2"]]), engine="dask", scheduler="nowhere")
