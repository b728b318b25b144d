"""The formula: its error against mpmath, every kind of column, NaN and infinities, threads and pieces."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import shutil
import subprocess
import sys
import tracemalloc
import weakref
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from threading import Barrier, Event

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath.libmp import from_float, mpf_add, mpf_cos_sin, mpf_mul, mpf_shift, mpf_sub, to_float

from optimization import speed
from optimization.distance import machine
from optimization.distance.threads import BLOCK, share
from optimization.files import BadInput, cores
from optimization.speed import add_distance, distance, function_to_apply

ROOT = Path(__file__).parents[2]
KERNELS = ("numpy", "compiled")
EPS = 2.0**-52
ARGUMENTS, PAIRINGS = 10_240, 10  # 102,400 points a set: each argument is paired with ten of the other column
Pair = tuple[np.ndarray, np.ndarray]


def random() -> np.random.Generator:
    return np.random.default_rng(460)


def near_multiples_of(unit: float) -> np.ndarray:
    """Multiples of `unit` as float64, moved by −3 … 3 ulp."""
    multiples = random().integers(-4000, 4001, ARGUMENTS) * unit
    return multiples + random().integers(-3, 4, ARGUMENTS) * np.spacing(multiples)


def signed(exponents: tuple[float, float]) -> np.ndarray:
    return 10.0 ** random().uniform(*exponents, ARGUMENTS) * random().choice([-1, 1], ARGUMENTS)


SETS: dict[str, Callable[[], Pair]] = {
    "degrees": lambda: (random().uniform(-90, 90, ARGUMENTS), random().uniform(-180, 180, ARGUMENTS)),
    "radians": lambda: (random().uniform(-1.6, 1.6, ARGUMENTS), random().uniform(-3.2, 3.2, ARGUMENTS)),
    "tiny": lambda: (signed((-140, 0)), signed((-140, 0))),
    "near multiples of pi": lambda: (near_multiples_of(np.pi), near_multiples_of(np.pi)[::-1]),
    "near multiples of half pi": lambda: (near_multiples_of(np.pi / 2), near_multiples_of(np.pi / 2)[::-1]),
    "corner": lambda: (
        random().integers(-99, 100, ARGUMENTS) * 2 * np.pi + signed((-16, -3)),
        (random().integers(-99, 99, ARGUMENTS) + 0.5) * np.pi + signed((-16, -3))[::-1],
    ),
    "up to the end of the reduction": lambda: (signed((3, 6)), signed((3, 6))[::-1]),
    "huge": lambda: (signed((3, 300)), signed((3, 300))[::-1]),
}


def exact_parts(argument: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """sin²(x/2) and cos x by mpmath, each as the sum of two float64 (some 106 bits)."""
    precision = 160  # cos x = (c − s)(c + s) loses up to 64 bits where it is nearly zero
    cosine, sine = mpf_cos_sin(mpf_shift(from_float(argument), -1), precision)
    whole = mpf_mul(mpf_sub(cosine, sine), mpf_add(cosine, sine), precision)
    return split(mpf_mul(sine, sine, precision)), split(whole)


def split(value: object) -> tuple[float, float]:
    high = to_float(value)
    return high, to_float(mpf_sub(value, from_float(high), 60))


def times(a: Pair, b: Pair) -> Pair:
    """The product of two sums of two float64, without FMA (Dekker 1971): relative error some 2⁻¹⁰⁰."""

    def halves(x: np.ndarray) -> Pair:
        upper = 134217729.0 * x
        upper = upper - (upper - x)
        return upper, x - upper

    product = a[0] * b[0]
    (a1, a2), (b1, b2) = halves(a[0]), halves(b[0])
    rest = ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2
    return product, rest + (a[0] * b[1] + a[1] * b[0])


def scaled_error(latitude: np.ndarray, longitude: np.ndarray, got: Callable[[Pair], np.ndarray]) -> float:
    """The largest |error| / (|first term| + |second term|) over all pairings, in units of 2⁻⁵²."""
    columns = []
    for arguments in (latitude, longitude):
        parts = np.array([exact_parts(argument) for argument in arguments.tolist()])
        columns.append(((parts[:, 0, 0], parts[:, 0, 1]), (parts[:, 1, 0], parts[:, 1, 1])))
    (sin2_a, cos_a), (sin2_b, cos_b) = columns
    worst = 0.0
    for turn in range(PAIRINGS):
        shift = turn * 1009
        rolled = [tuple(np.roll(half, shift) for half in pair) for pair in (cos_b, sin2_b)]
        second = times(times(cos_a, rolled[0]), rolled[1])
        values = got((latitude, np.roll(longitude, shift)))
        # exact: the two terms may cancel, so the float64 result is taken off the larger parts first
        first, rest = sin2_a
        total = first + second[0]
        lost = (first - (total - (total - first))) + (second[0] - (total - first))
        error = (values - total) - (lost + rest + second[1])
        scale = first + np.abs(second[0])
        assert np.isfinite(values).all()
        worst = max(worst, float(np.max(np.abs(error) / np.maximum(scale, 1e-290))))
    return worst / EPS


@pytest.mark.parametrize("name", SETS)
def test_the_compiled_formula_is_within_4_eps_of_mpmath(name: str) -> None:
    latitude, longitude = SETS[name]()
    assert latitude.size * PAIRINGS >= 100_000
    assert scaled_error(latitude, longitude, lambda pair: distance(*pair, kernel="compiled")) <= 4.0


def test_the_error_measure_sees_an_identity_that_loses_digits() -> None:
    def two_sines(pair: Pair) -> np.ndarray:
        s, t = (np.sin(column / 2) ** 2 for column in pair)
        return s + (1 - 2 * s) * (1 - 2 * t) * t

    latitude, longitude = SETS["corner"]()
    assert scaled_error(latitude, longitude, two_sines) > 1000


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_result_is_that_of_the_given_function(kernel: str) -> None:
    latitude, longitude = random().uniform(-90, 90, 5000), random().uniform(-180, 180, 5000)
    np.testing.assert_allclose(distance(latitude, longitude, kernel), function_to_apply(latitude, longitude),
                               rtol=0, atol=2e-15)  # fmt: skip


def test_the_numpy_kernel_gives_the_bits_of_the_given_function() -> None:
    latitude, longitude = random().uniform(-90, 90, 50_000), random().uniform(-180, 180, 50_000)
    assert (distance(latitude, longitude, "numpy") == function_to_apply(latitude, longitude)).all()


@given(st.lists(st.tuples(st.floats(width=64), st.floats(width=64)), min_size=1, max_size=40))
def test_any_two_floats_give_what_numpy_gives(pairs: list[tuple[float, float]]) -> None:
    latitude, longitude = np.array(pairs).T.copy()
    with np.errstate(all="ignore"):
        expected = function_to_apply(latitude, longitude)
    got = distance(latitude, longitude, "compiled")
    assert (np.isnan(got) == np.isnan(expected)).all()
    np.testing.assert_allclose(got, expected, rtol=0, atol=4e-15)


@pytest.mark.parametrize("kernel", KERNELS)
def test_nan_and_infinities_give_nan_as_in_numpy(kernel: str) -> None:
    odd = [np.nan, np.inf, -np.inf, 0.0]
    latitude, longitude = np.repeat(odd, 4), np.tile(odd, 4)
    with np.errstate(invalid="ignore"):
        expected = np.isnan(function_to_apply(latitude, longitude))
    assert expected.sum() == 15
    assert (np.isnan(distance(latitude, longitude, kernel)) == expected).all()


def test_one_far_argument_does_not_change_its_neighbours() -> None:
    latitude, longitude = random().uniform(-90, 90, 9000), random().uniform(-180, 180, 9000)
    plain = distance(latitude, longitude, "compiled")
    latitude[4200] = 1e22
    changed = distance(latitude, longitude, "compiled")
    assert (np.delete(changed, 4200) == np.delete(plain, 4200)).all()
    assert abs(changed[4200] - function_to_apply(latitude[4200], longitude[4200])) < 1e-15


def test_a_value_does_not_depend_on_its_place_or_on_the_threads() -> None:
    latitude, longitude = random().uniform(-90, 90, 300_001), random().uniform(-180, 180, 300_001)
    whole = distance(latitude, longitude, "compiled")
    for start in (1, 7, 4095, 4097):
        assert (distance(latitude[start:], longitude[start:], "compiled") == whole[start:]).all()
    for row in (0, 3, 17, 300_000):
        assert distance(latitude[row : row + 1], longitude[row : row + 1], "compiled")[0] == whole[row]


THREADS, ROWS = 3, 40 * BLOCK + 5
FREE, TAKEN, WRITTEN, DONE = range(4)


def shared(me: int, states: list[int], pair: Pair, out: np.ndarray) -> list[int]:
    """What one of three threads does, given the state of each block; the states afterwards."""
    left, spare = (ctypes.c_int64 * len(states))(*states), np.full(BLOCK, -1.0)
    addresses = [column.ctypes.data for column in (*pair, out)]
    machine.load().evaluate_shared(*addresses, len(out), ctypes.addressof(left), spare.ctypes.data, me, THREADS)
    return list(left)


def pair_of_columns() -> Pair:
    return random().uniform(-90, 90, ROWS), random().uniform(-180, 180, ROWS)


def test_the_caller_does_all_rows_when_no_helper_ever_wakes() -> None:
    pair, out = pair_of_columns(), np.full(ROWS, -1.0)
    assert shared(0, [FREE] * 41, pair, out) == [DONE] * 41
    assert (out == distance(*pair, "compiled")).all()


def test_the_caller_takes_away_the_block_of_a_helper_that_was_stopped_in_the_middle_of_it() -> None:
    pair, out = pair_of_columns(), np.full(ROWS, -1.0)
    states = [FREE] * 41
    states[14] = states[40] = TAKEN
    left = shared(0, states, pair, out)
    assert (left[14], left[40], set(left[:14])) == (DONE, DONE, {DONE})
    assert (out == distance(*pair, "compiled")).all()


@pytest.mark.parametrize("taken", [WRITTEN, DONE])
def test_a_helper_that_wakes_when_all_is_taken_writes_nothing(taken: int) -> None:
    out = np.full(ROWS, -1.0)
    assert shared(1, [taken] * 41, pair_of_columns(), out) == [taken] * 41
    assert (out == -1.0).all()


def test_a_helper_does_the_rows_that_no_thread_has_begun_and_no_others() -> None:
    pair, out = pair_of_columns(), np.full(ROWS, -1.0)
    states = [DONE] * 20 + [FREE] * 21
    assert shared(2, states, pair, out) == [DONE] * 41
    assert (out[: 20 * BLOCK] == -1.0).all()
    assert (out[20 * BLOCK :] == distance(*pair, "compiled")[20 * BLOCK :]).all()


def test_many_callers_at_once_each_get_their_own_rows_and_nothing_is_written_afterwards() -> None:
    sizes = range(260_000, 320_000, 9_999)
    columns = [(random().uniform(-90, 90, rows), random().uniform(-180, 180, rows)) for rows in sizes]
    expected = [distance(*pair, "numpy") for pair in columns]
    returned = []
    with ThreadPoolExecutor(8) as pool:
        for turn in range(10):
            for got, right in zip(pool.map(lambda pair: distance(*pair, "compiled"), columns), expected, strict=True):
                np.testing.assert_allclose(got, right, rtol=0, atol=2e-15, err_msg=f"turn {turn}")
                got[:] = 3.0
                returned.append(got)
    assert all((got == 3.0).all() for got in returned)


@pytest.mark.skipif(cores() < 2, reason="needs a helper, and so a second core")
def test_a_helper_that_wakes_after_the_call_finds_nothing_to_do_and_keeps_nothing_alive() -> None:
    all_begun, may_go_on = Barrier(cores()), Event()
    done_by: list[int] = []

    def keep_the_helpers_busy(me: int) -> None:
        all_begun.wait(60)
        if me:
            may_go_on.wait(60)

    def call() -> weakref.ref[np.ndarray]:
        latitude = np.linspace(-1, 1, 300_000)
        share(lambda me: done_by.extend([me] * (len(latitude) == 300_000)), cores(), wait=False)
        return weakref.ref(latitude)

    share(keep_the_helpers_busy, cores(), wait=False)
    kept = call()
    gc.collect()
    alive = kept() is not None
    may_go_on.set()
    assert (done_by, alive) == ([0], False)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_that_has_no_helpers_gets_its_rows() -> None:
    pair = pair_of_columns()
    right = distance(*pair, "compiled")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        assert (pool.submit(distance, *pair, "compiled").result(timeout=60) == right).all()


COLUMNS: dict[str, Callable[[np.ndarray], object]] = {
    "list": lambda numbers: numbers.tolist(),
    "tuple": lambda numbers: tuple(numbers.tolist()),
    "range of int8": lambda numbers: numbers.astype(np.int8),
    "uint64": lambda numbers: np.abs(numbers).astype(np.uint64),
    "bool": lambda numbers: numbers > 0,
    "float16": lambda numbers: numbers.astype(np.float16),
    "float32": lambda numbers: numbers.astype(np.float32),
    "long double": lambda numbers: numbers.astype(np.longdouble),
    "big endian": lambda numbers: numbers.astype(">f8"),
    "strided": lambda numbers: np.repeat(numbers, 3)[::3],
    "backwards": lambda numbers: numbers[::-1],
    "column of a matrix": lambda numbers: np.column_stack([numbers, numbers])[:, 1],
    "Series": pd.Series,
    "Series of another index": lambda numbers: pd.Series(numbers, index=numbers + 5),
    "Index": pd.Index,
    "Int64": lambda numbers: pd.Series(numbers.astype(int), dtype="Int64"),
    "Float32": lambda numbers: pd.Series(numbers, dtype="Float32"),
    "double[pyarrow]": lambda numbers: pd.Series(numbers, dtype="double[pyarrow]"),
    "int16[pyarrow]": lambda numbers: pd.Series(numbers.astype(int), dtype="int16[pyarrow]"),
    "object": lambda numbers: pd.Series(numbers.tolist(), dtype=object),
    "decimals": lambda numbers: [Decimal(number) for number in numbers.tolist()],
    "category": lambda numbers: pd.Series(numbers).astype("category"),
    "arrow array": pa.array,
    "chunked arrow array": lambda numbers: pa.chunked_array([numbers[:7], numbers[7:]]),
    "masked array": lambda numbers: np.ma.masked_array(numbers, mask=False),
}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", COLUMNS)
def test_every_kind_of_column_counts_as_its_float64_values(name: str, kernel: str) -> None:
    numbers = np.arange(-40.0, 60.0)
    column = COLUMNS[name](numbers)
    values = np.array([float(number) for number in np.asarray(column)])
    got = distance(column, numbers, kernel)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, function_to_apply(values, numbers), rtol=0, atol=2e-15)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1, None, 3], dtype="Int64"),
        pd.Series([1.5, None, 3], dtype="Float64"),
        pd.Series([1.5, None, 3], dtype="double[pyarrow]"),
        pd.Series([1.5, None, 3], dtype=object),
        pd.Series([1.5, pd.NA, 3], dtype=object),
        pd.Series([1.5, None, 3]),
        pa.array([1.5, None, 3]),
        pa.array([1, None, 3]),
        np.ma.masked_array([1, 2, 3], mask=[False, True, False]),
        [1.5, None, 3],
    ],
    ids=lambda column: f"{type(column).__name__} {getattr(column, 'dtype', '')}",
)
def test_missing_values_stay_missing(column: object, kernel: str) -> None:
    assert np.isnan(distance(column, [1.0, 2.0, 3.0], kernel)).tolist() == [False, True, False]
    assert np.isnan(distance([1.0, 2.0, 3.0], column, kernel)).tolist() == [False, True, False]


@pytest.mark.parametrize("name", ["float32", "strided", "Int64", "double[pyarrow]", "arrow array", "float64"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_no_memory_is_taken_but_the_new_column(name: str, kernel: str) -> None:
    rows = 2_000_000
    column = COLUMNS.get(name, np.array)(random().uniform(-90, 90, rows))
    distance(column[:1000], column[:1000], kernel)
    tracemalloc.start()
    try:
        distance(column, column, kernel)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert rows * 8 <= peak < rows * 8 * 1.5


def test_read_only_columns_work_and_stay_as_they_are() -> None:
    latitude = np.linspace(-1, 1, 300_000)
    latitude.setflags(write=False)
    before = latitude.copy()
    distance(latitude, latitude, "compiled")
    assert (latitude == before).all()


@pytest.mark.parametrize("kernel", KERNELS)
def test_no_rows_give_no_rows(kernel: str) -> None:
    assert distance([], [], kernel).shape == (0,)


@pytest.mark.parametrize(
    ("latitude", "longitude", "told"),
    [
        ([1.0, 2.0], [1.0], "latitude has 2 values and longitude 1"),
        (["1.5"], [1.0], "latitude holds"),
        ([1.0], pd.Series(["x"]), "longitude holds text in row 0: 'x'"),
        ([1.0], pd.Series([1 + 2j]), "longitude holds complex128"),
        ([1.0], pd.to_datetime(pd.Series(["2017-01-01"])), "longitude holds datetime64"),
        (np.zeros((2, 2)), [1.0, 1.0], "latitude has 2 dimensions"),
        (1.0, 1.0, "latitude has 0 dimensions"),
    ],
)
def test_what_is_not_a_column_of_numbers_is_refused_by_name(latitude: object, longitude: object, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        distance(latitude, longitude)


def test_an_unknown_kernel_is_refused() -> None:
    with pytest.raises(BadInput, match="no kernel 'gpu': choose auto, numpy, compiled"):
        distance([1.0], [1.0], kernel="gpu")


def test_add_distance_gives_a_new_frame_and_leaves_the_input_alone() -> None:
    frame = pd.DataFrame({"city": ["a", "b"], "latitude": [0.5, 1.0], "longitude": [0.25, np.nan]}, index=[7, 9])
    before = frame.copy()
    got = add_distance(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert list(got.columns) == ["city", "latitude", "longitude", "distance"]
    assert got.index.tolist() == [7, 9]
    assert got["distance"].iloc[0] == pytest.approx(float(function_to_apply(0.5, 0.25)), abs=1e-15)
    assert pd.isna(got["distance"].iloc[1])


def test_add_distance_is_what_the_loop_of_the_task_makes() -> None:
    frame = pd.DataFrame({"latitude": random().uniform(-90, 90, 50), "longitude": random().uniform(-180, 180, 50)})
    list_results = []
    for i in range(len(frame)):
        list_results.append(function_to_apply(frame.iloc[i]["latitude"], frame.iloc[i]["longitude"]))  # noqa: PERF401
    np.testing.assert_allclose(add_distance(frame)["distance"], list_results, rtol=0, atol=2e-15)


def test_add_distance_refuses_what_is_not_a_frame_of_pandas() -> None:
    with pytest.raises(BadInput, match="takes a pandas DataFrame, not list"):
        add_distance([1, 2])  # type: ignore[arg-type]


def test_add_distance_names_a_missing_column() -> None:
    with pytest.raises(BadInput, match="exactly one column longitude; it has: latitude, lng"):
        add_distance(pd.DataFrame({"latitude": [1.0], "lng": [1.0]}))


def test_machine_code_is_kept_and_used_again_without_numba(tmp_path: Path) -> None:
    """A second process loads it in a fresh place, and never imports numba."""
    program = (
        "import sys; from optimization.distance import machine as m; "
        "print(m.available(), 'numba' in sys.modules); m.load(); print(m.available(), 'numba' in sys.modules)"
    )
    shutil.copytree(ROOT / "optimization", tmp_path / "optimization", ignore=shutil.ignore_patterns("*.obj"))
    folder = tmp_path / "optimization" / "distance"
    told = [
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert told[0].split() == ["False", "False", "True", "True"]
    assert told[1].split() == ["True", "False", "True", "False"]
    assert len(list((folder / "__pycache__").glob("speed-*.obj"))) == len(machine.CODE.functions)


def test_a_package_folder_that_cannot_be_written_sends_the_machine_code_to_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "package"
    blocked.mkdir()
    (blocked / "__pycache__").write_text("a file where a folder would be")
    monkeypatch.setattr(machine.CODE, "folder", blocked)
    monkeypatch.setattr(machine.CODE, "_machine_key", lambda: "key")
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    objects = dict.fromkeys(machine.CODE.functions, ("symbol", b"code"))
    machine.CODE.keep(objects)
    assert machine.CODE.kept() == objects
    kept = sorted((tmp_path / "cache" / "optimization-speed").iterdir())
    assert len(kept) == len(objects)
    kept[0].write_bytes(kept[0].read_bytes()[:-1])
    assert machine.CODE.kept() is None, "machine code that was cut off must not be run"


def test_the_reference_stands_in_the_script_once() -> None:
    text = (ROOT / "optimization" / "speed.py").read_text(encoding="utf-8")
    assert text.count("np.sin(lat/2)**2 + np.cos(lat) * np.cos(lon) * np.sin(lon/2)**2") == 1
    assert speed.function_to_apply(0.5, 0.25) == pytest.approx(0.0744256130, abs=1e-9)
