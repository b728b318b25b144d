"""Write the data set that `speed.py` is shown on: deterministic, any number of rows, one column too many on purpose.

python optimization/generate.py dataset_speed_optimization.csv --rows 1000000
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

if not __package__:  # run as a script: what makes `optimization` importable is the folder above
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from optimization.files import EXIT_CODES, guarded, written_aside

COLUMNS = "id,latitude,longitude,city"
CITIES = ("Madrid", "Sevilla", "A Coruña", "Las Palmas", '"Palma, Mallorca"', '"el ""Puerto"""')
SEED = 460
CHUNK = 250_000


def write(out: str, rows: int = 1_000_000, quotes: bool = True) -> None:
    """`rows` places with 6 to 17 digits a coordinate, in degrees; the same bytes each time."""
    import numpy as np

    cities = CITIES if quotes else CITIES[:4]
    with written_aside(out) as aside, Path(aside).open("w", encoding="utf-8", newline="") as file:
        file.write(COLUMNS + "\n")
        for start in range(0, rows, CHUNK):
            count = min(CHUNK, rows - start)
            random = np.random.default_rng([SEED, start])
            latitude, longitude = random.uniform(-90, 90, count), random.uniform(-180, 180, count)
            short = random.random(count) < 0.2  # as a GPS writes them, among computed ones
            latitude[short], longitude[short] = latitude[short].round(6), longitude[short].round(6)
            city = random.integers(0, len(cities), count)
            ids = range(start + 1, start + count + 1)
            lines = zip(ids, latitude.tolist(), longitude.tolist(), city.tolist(), strict=True)
            file.writelines(f"{number},{lat!r},{lon!r},{cities[place]}\n" for number, lat, lon, place in lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code."""
    parser = argparse.ArgumentParser(
        prog="optimization/generate.py",
        description="Write the data set of the running time optimization.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", nargs="?", default="dataset_speed_optimization.csv", help="CSV file to write")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--no-quotes", action="store_true", help="no field that needs quotes")
    options = parser.parse_args(arguments)
    return guarded(lambda: write(options.out, options.rows, not options.no_quotes))


if __name__ == "__main__":
    sys.exit(main())
