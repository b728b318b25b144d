"""The formula in numba's Python: two short polynomials a pair of coordinates, in blocks that LLVM vectorises."""

from __future__ import annotations

import math
from typing import Any

from optimization.distance.threads import BLOCK
from optimization.intrinsics import bits_of, carray, exchange, float_of, inlined, load, store, touch

# x = n·π/2 + w. π/2 comes in three parts of 33, 33 and 53 bits: n·part is exact for |x| ≤ FAR, with or without FMA.
PI_HALF_1, PI_HALF_2, PI_HALF_3 = 1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21
TWO_OVER_PI = 0.6366197723675814
FAR = 1e6
# Adding 1.5·2⁵² rounds to an integer and leaves it in the low bits of the sum.
ROUND = 6755399441055744.0
# sin v = v + v·z·p(z), z = v², for |v| ≤ π/4: the polynomial of fdlibm's __kernel_sin, relative error 2⁻⁵⁸.
P1, P2, P3 = -1.66666666666666324348e-01, 8.33333333332248946124e-03, -1.98412698298579493134e-04
P4, P5, P6 = 2.75573137070700676789e-06, -2.50507602534068634195e-08, 1.58969099521155010221e-10
PAGE = 512  # rows of a page of memory
FREE, TAKEN, WRITTEN, DONE = 0, 1, 2, 3  # the states of a block
PATIENCE = 5_000  # looks at a state: about as long as a block takes


@inlined
def sin2_half_and_cos(x: float) -> Any:
    """sin²(x/2) and cos x, each to its own relative accuracy, with one polynomial.

    For even n the polynomial gives sin(w/2), and cos x = ±(1 − 2 sin²(w/2)) stays clear of zero; for odd n it gives
    sin w = ∓cos x itself, and sin²(x/2) = (1 − cos x)/2 stays clear of zero. Neither loses digits in a difference.
    """
    rounded = x * TWO_OVER_PI + ROUND
    n = rounded - ROUND
    quadrant = bits_of(rounded)
    w = ((x - n * PI_HALF_1) - n * PI_HALF_2) - n * PI_HALF_3
    odd = (quadrant & 1) != 0
    v = w if odd else 0.5 * w
    z = v * v
    sine = v + v * (z * (P1 + z * (P2 + z * (P3 + z * (P4 + z * (P5 + z * P6))))))
    square = sine * sine
    cosine = sine if odd else 1.0 - 2.0 * square
    cosine = float_of(bits_of(cosine) ^ (((quadrant + 1) & 2) << 62))  # cos x is negative for n = 1, 2 (mod 4)
    return (square if (quadrant & 3) == 0 else 0.5 - 0.5 * cosine), cosine


@inlined
def near_block(latitude: Any, longitude: Any, out: Any) -> Any:
    """Fill `out`; the number of rows whose argument is too far for the reduction (NaN is not: it stays NaN)."""
    far = 0
    for i in range(len(out)):
        a, b = latitude[i], longitude[i]
        sin2_a, cos_a = sin2_half_and_cos(a)
        sin2_b, cos_b = sin2_half_and_cos(b)
        out[i] = sin2_a + cos_a * cos_b * sin2_b
        far += int(abs(a) + abs(b) > FAR)
    return far


@inlined
def evaluate_block(latitude: Any, longitude: Any, out: Any) -> None:
    """The formula for each row. Takes slices: with a first and a last row of the whole, LLVM does not vectorise."""
    if near_block(latitude, longitude, out):
        for i in range(len(out)):
            a, b = latitude[i], longitude[i]
            if abs(a) + abs(b) > FAR:
                sin_a, sin_b = math.sin(a / 2.0), math.sin(b / 2.0)
                out[i] = sin_a * sin_a + math.cos(a) * math.cos(b) * (sin_b * sin_b)


def evaluate(latitude_at: Any, longitude_at: Any, out_at: Any, rows: int) -> None:
    """The formula for each row."""
    latitude, longitude, out = carray(latitude_at, rows), carray(longitude_at, rows), carray(out_at, rows)
    for start in range(0, rows, BLOCK):
        stop = min(rows, start + BLOCK)
        evaluate_block(latitude[start:stop], longitude[start:stop], out[start:stop])


def evaluate_shared(
    latitude_at: Any, longitude_at: Any, out_at: Any, rows: int, states: Any, spare_at: Any, me: int, threads: int
) -> None:
    """What the thread `me` does of all rows: the blocks of its own stretch, then what the others have not begun.

    `states` is common to all, a zero a block. The thread 0 returns when all is done, and does not depend on the others
    for it: they may be stopped at any moment, for as long as a time slice of the system takes. So each of them works
    in memory of its own, `spare`, and asks before it copies the block; where that takes too long, the thread 0 takes
    the block away. Stretches, because two threads that first touch one huge page both clear the whole of it.
    """
    latitude, longitude, out = carray(latitude_at, rows), carray(longitude_at, rows), carray(out_at, rows)
    spare = carray(spare_at, BLOCK)
    blocks = (rows + BLOCK - 1) // BLOCK
    for turn in range(threads):
        stretch = (me + turn) % threads
        for block in range(blocks * stretch // threads, blocks * (stretch + 1) // threads):
            if load(states, block) != FREE or exchange(states, block, FREE, TAKEN) != FREE:
                continue
            start, stop = block * BLOCK, min(rows, block * BLOCK + BLOCK)
            if me == 0:
                evaluate_block(latitude[start:stop], longitude[start:stop], out[start:stop])
            else:
                for row in range(start, stop, PAGE):  # the system clears new pages now, not while thread 0 must wait
                    touch(out_at, row)
                evaluate_block(latitude[start:stop], longitude[start:stop], spare[: stop - start])
                if exchange(states, block, TAKEN, WRITTEN) != TAKEN:
                    return
                for row in range(start, stop):
                    out[row] = spare[row - start]
            store(states, block, DONE)
    if me == 0:
        for block in range(blocks):
            looks = 0
            while load(states, block) != DONE:
                looks += 1
                if looks > PATIENCE and exchange(states, block, TAKEN, WRITTEN) == TAKEN:
                    start, stop = block * BLOCK, min(rows, block * BLOCK + BLOCK)
                    evaluate_block(latitude[start:stop], longitude[start:stop], out[start:stop])
                    store(states, block, DONE)
