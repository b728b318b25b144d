"""Generate the mixed data set that the memory optimization is measured on: 34 columns, any number of rows, the same
bytes each time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

BLOCK_ROWS = 100_000
SEED = 460
COLUMNS = 34

_FIRST = [
    "Ana",
    "Luis",
    "Marta",
    "Jon",
    "Eva",
    "Pau",
    "Sara",
    "Hugo",
    "Irene",
    "Leo",
    "Nora",
    "Álvaro",
    "Lucía",
    "Martín",
    "Sofía",
    "Mateo",
    "Inés",
    "Óscar",
    "Carmen",
    "Iker",
]
_LAST = [
    "García",
    "López",
    "Pérez",
    "Núñez",
    "Etxeberria",
    "Vidal",
    "Serra",
    "Ortiz",
    "Romero",
    "Castro",
    "Vega",
    "Blanco",
    "Prieto",
    "Santos",
    "Ibáñez",
    "Fuentes",
    "Rojas",
    "Moya",
    "Soler",
    "Pardo",
]
_WORDS = [
    "late",
    "early",
    "parcel",
    "box",
    "gift",
    "fragile",
    "heavy",
    "signed",
    "returned",
    "paid",
    "refund",
    "urgent",
    "leave",
    "at",
    "the",
    "door",
    "call",
    "first",
    "ring",
    "twice",
    "neighbour",
    "office",
    "reception",
    "weekend",
    "only",
    "morning",
    "evening",
    "second",
    "floor",
    "no",
    "lift",
    "blue",
    "red",
    "green",
    "small",
    "large",
    "new",
    "used",
    "spare",
    "part",
]
_COUNTRIES = [
    "ES",
    "FR",
    "PT",
    "DE",
    "IT",
    "NL",
    "BE",
    "PL",
    "SE",
    "DK",
    "NO",
    "FI",
    "IE",
    "AT",
    "CH",
    "CZ",
    "GR",
    "HU",
    "RO",
    "BG",
]
_STATES = ["created", "paid", "packed", "shipped", "delivered", "returned", "cancelled"]
_CHANNELS = ["web", "shop", "phone", "partner"]


def _block(first_row: int, rows: int) -> pl.DataFrame:
    """The rows `first_row` … of the data set; a block depends on nothing but its place."""
    rng = np.random.default_rng([SEED, first_row])

    def pick(values: list[str], skew: float = 0.0) -> pl.Series:
        weights = 1.0 / np.arange(1, len(values) + 1) ** skew
        codes = rng.choice(len(values), size=rows, p=weights / weights.sum())
        return pl.Series(values).gather(codes.astype(np.uint32))

    def gaps(column: pl.Series, share: float) -> pl.Series:
        present = pl.Series(rng.random(rows) >= share)
        return pl.select(pl.when(present).then(column)).to_series()

    def hexed(digits: int) -> pl.Series:
        raw = rng.bytes(rows * digits // 2).hex()
        return pl.Series([raw[i : i + digits] for i in range(0, len(raw), digits)])

    def decimals(values: np.ndarray, places: int) -> pl.Series:
        return pl.Series(np.round(values, places)).cast(pl.Decimal(18, places)).cast(pl.String)

    ordinal = np.arange(first_row, first_row + rows, dtype=np.int64)
    created = 1_483_228_800 + ordinal * 31 + rng.integers(0, 31, rows)
    paid_ms = (created + rng.integers(60, 86_400 * 3, rows)) * 1000 + rng.integers(0, 1000, rows)
    customer = rng.integers(0, 250_000, rows)
    token = hexed(16)
    city = rng.integers(0, 2_500, rows)
    word = pl.Series(_WORDS)
    note = word.gather(rng.integers(0, len(_WORDS), rows).astype(np.uint32))
    for _ in range(3):
        note = (
            note
            + pl.Series([" ", ", "]).gather(rng.integers(0, 2, rows).astype(np.uint32))
            + word.gather(rng.integers(0, len(_WORDS), rows).astype(np.uint32))
        )
    stamp = pl.Series(created * 1_000_000).cast(pl.Datetime("us"))
    paid = pl.Series(paid_ms * 1000).cast(pl.Datetime("us"))
    born = pl.Series(rng.integers(-10_000, 13_000, rows).astype(np.int32)).cast(pl.Date)
    due = pl.Series((created // 86_400 + rng.integers(1, 60, rows)).astype(np.int32)).cast(pl.Date)
    price = rng.gamma(2.0, 40.0, rows)
    name = (
        pl.Series(_FIRST).gather((customer % 20).astype(np.uint32))
        + " "
        + pl.Series(_LAST).gather((customer // 20 % 20).astype(np.uint32))
    )
    columns = {
        "order_id": pl.Series(10_000_000 + ordinal),
        "external_id": gaps(pl.Series(rng.integers(10**17, 10**18, rows)), 0.05),
        "customer_id": pl.Series(customer),
        "quantity": gaps(pl.Series(rng.integers(1, 13, rows)), 0.08),
        "rating": gaps(pl.Series(rng.integers(1, 6, rows)), 0.4),
        "temperature": pl.Series(rng.integers(-30, 45, rows)),
        "stock": gaps(pl.Series(rng.integers(0, 30_000, rows)), 0.02),
        "is_gift": pl.Series(["true", "false"]).gather(rng.integers(0, 2, rows).astype(np.uint32)),
        "is_business": gaps(pl.Series(["Y", "N"]).gather(rng.integers(0, 2, rows).astype(np.uint32)), 0.03),
        "is_paid": pl.Series(rng.integers(0, 2, rows)),
        "status": pick(_STATES, 1.0),
        "country": pick(_COUNTRIES, 1.2),
        "channel": gaps(pick(_CHANNELS), 0.1),
        "city": pl.Series([f"City of {n:04d}" for n in range(2_500)]).gather(city.astype(np.uint32)),
        "product": pl.Series(
            [f"{_WORDS[n % 40].title()} {_WORDS[n // 40 % 40]} no. {n}" for n in range(20_000)]
        ).gather(rng.integers(0, 20_000, rows).astype(np.uint32)),
        "customer_name": name,
        "email": name.str.to_lowercase().str.replace(" ", ".") + pl.Series(customer).cast(pl.String) + "@example.com",
        "token": token,
        "note": gaps(note, 0.3),
        "zip": pl.Series(rng.integers(501, 99_951, rows)).cast(pl.String).str.zfill(5),
        "order_date": pl.Series((created // 86_400).astype(np.int32)).cast(pl.Date).cast(pl.String),
        "due_date": gaps(due.cast(pl.String), 0.15),
        "birth_date": born.dt.strftime("%d/%m/%Y"),
        "created_at": stamp.dt.strftime("%Y-%m-%d %H:%M:%S"),
        "paid_at": gaps(paid.dt.strftime("%Y-%m-%dT%H:%M:%S%.3f"), 0.1),
        "price": decimals(price, 2),
        "discount": gaps(decimals(np.floor(rng.random(rows) * 12) * 2.5, 1), 0.5),
        "shipping": decimals(rng.gamma(3.0, 2.0, rows), 2),
        "latitude": decimals(rng.uniform(36.0, 43.8, rows), 6),
        "longitude": decimals(rng.uniform(-9.3, 3.3, rows), 6),
        "score": pl.Series(rng.normal(0.0, 1.0, rows)),
        "margin": pl.Series(rng.uniform(0.0, 1.0, rows)),
        "currency": pl.Series(["EUR"]).gather(np.zeros(rows, dtype=np.uint32)),
        "reserved": pl.Series([None] * rows, dtype=pl.String),
    }
    return pl.DataFrame(columns)


def blocks(rows: int) -> Iterator[pl.DataFrame]:
    """The data set, block by block of at most 100,000 rows."""
    for first in range(0, rows, BLOCK_ROWS):
        yield _block(first, min(BLOCK_ROWS, rows - first))


def write_csv(path: Path, rows: int) -> int:
    """Write `rows` rows to `path` (UTF-8, header, commas); returns the bytes written."""
    with path.open("wb") as out:
        for number, block in enumerate(blocks(rows)):
            block.write_csv(out, include_header=number == 0)
        if rows == 0:
            _block(0, 1).clear().write_csv(out)
    return path.stat().st_size


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="the CSV file to write")
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args(arguments)
    print(f"{options.out}: {options.rows:,} rows, {write_csv(options.out, options.rows):,} bytes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
