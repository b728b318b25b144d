"""Make the data set of the memory task: a list of hotels 256 times over, from a file or made up in the same shape."""

from __future__ import annotations

import argparse
import os
import random
import sys
from pathlib import Path

if __package__ in (None, ""):  # run as a script
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from optimization.files import BadInput, guarded, written_aside

HOTELS, TIMES = 1_631, 256
VARIABLE = "ESIOS_TEST_HOTELS"
HEADER = (
    "ean_hotel_id", "name", "address1", "city", "state_province", "postal_code",
    "latitude", "longitude", "star_rating", "high_rate", "low_rate",
)  # fmt: skip
_KINDS = ["Inn", "Hotel", "Suites", "Lodge", "Resort", "Motel", "Plaza", "House"]
_BRANDS = [
    "Harbor",
    "Maple",
    "Lakeside",
    "Grand",
    "Central",
    "Liberty",
    "Hudson",
    "Garden",
    "Summit",
    "Village",
    "River",
    "Union",
]
_STREETS = ["Main", "Broadway", "Park", "Lake", "Church", "Mill", "Washington", "Central", "Market", "Bridge"]
_TOWNS = [
    "Albany",
    "Buffalo",
    "Rochester",
    "Syracuse",
    "Ithaca",
    "Utica",
    "Yonkers",
    "Troy",
    "Elmira",
    "Oswego",
    "Geneva",
    "Corning",
]


def stand_in(hotels: int = HOTELS) -> bytes:
    """A made-up list: Windows-1252, texts quoted, gaps spelled NULL, the same bytes each time."""
    rng = random.Random(460)  # noqa: S311 made-up hotels are no secret
    lines = [",".join(f'"{name}"' for name in HEADER)]
    for number in range(hotels):
        brand, kind, town = rng.choice(_BRANDS), rng.choice(_KINDS), rng.choice(_TOWNS)
        dash = "–" if number % 500 == 7 else "-"
        name = f"{brand} {kind} {dash} {town} {rng.randrange(900) + 1}"
        address = f"{rng.randrange(2_000) + 1} {rng.choice(_STREETS)} {'Café ' if number == 11 else ''}St"
        town_part = f"{town} {rng.choice(['', 'North', 'South', 'East', 'West'])}".strip()
        code = str(rng.randrange(10_000, 15_000))
        if number % 400 == 5:
            code = f'"{code}-{rng.randrange(1_000, 9_999)}"'
        stars = "NULL" if number % 90 == 3 else f"{rng.randrange(2, 11) / 2:.1f}"
        high = rng.uniform(60, 900)
        place = f"{rng.uniform(40.5, 45.0):.5f}0000000,{rng.uniform(-79.7, -72.0):.5f}0000000"
        rates = f"{high:.4f},{high * rng.uniform(0.4, 0.95):.4f}"
        lines.append(
            f'{rng.randrange(6_000, 690_000)},"{name}","{address}","{town_part}","NY",{code},{place},{stars},{rates}'
        )
    return ("\n".join(lines) + "\n").encode("windows-1252")


def repeated(table: bytes, times: int = TIMES) -> bytes:
    """A CSV file with its rows `times` times over, the header once."""
    header, _, rows = table.partition(b"\n")
    if rows and not rows.endswith(b"\n"):
        rows += b"\n"
    return header + b"\n" + rows * times


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="the CSV file to write")
    parser.add_argument("--source", help=f"the list to repeat (default: what {VARIABLE} names, else a made-up one)")
    parser.add_argument("--times", type=int, default=TIMES)
    options = parser.parse_args(arguments)

    def work() -> int:
        source = options.source or os.environ.get(VARIABLE, "")
        if source and not Path(source).is_file():
            raise BadInput(f"{source}: no such file; unset {VARIABLE} for a made-up list")
        data = repeated(Path(source).read_bytes() if source else stand_in(), options.times)
        with written_aside(str(options.out)) as aside:
            Path(aside).write_bytes(data)
        print(f"{options.out}: {len(data):,} bytes, {'from ' + source if source else 'made up'}", file=sys.stderr)
        return 0

    return guarded(work)


if __name__ == "__main__":
    raise SystemExit(main())
