"""Add the column `distance` to a DataFrame or to a file of any size, as fast as the machine can.

    python optimization/speed.py dataset_speed_optimization.csv
    from optimization.speed import distance, add_distance

The formula is kept as it was given:

    np.sin(lat/2)**2 + np.cos(lat) * np.cos(lon) * np.sin(lon/2)**2

It wants radians, and the values are taken as they are: degrees are not converted.
It is not the haversine of two points either, for which longitude and latitude would be differences.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a script: what makes `optimization` importable is the folder above
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from optimization.distance.file import add_distance_to_file
from optimization.distance.formula import KERNELS, add_distance, distance, function_to_apply
from optimization.files import BadInput

__all__ = ["KERNELS", "BadInput", "add_distance", "add_distance_to_file", "distance", "function_to_apply", "main"]


def main(arguments: list[str] | None = None) -> int:
    """The command: its exit code."""
    from optimization.distance import command

    return command.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
