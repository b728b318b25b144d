"""Script: the physical plan of each query in a JSON file, in a session as dbt has it; they take the queries' place.

Run with the file and a JSON object of settings of the session. `python -c` would not do: pyspark-client looks for the
main module's file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from extract.settings import load_settings
from extract.spark_session import spark_session


def main() -> None:
    """Ask for the plans."""
    file, settings = Path(sys.argv[1]), json.loads(sys.argv[2])
    with spark_session(load_settings()):
        from pyspark.sql import SparkSession

        session = SparkSession.builder.getOrCreate()
        for name, value in settings.items():
            session.conf.set(name, value)
        plans = [session.sql(f"explain {query}").collect()[0][0] for query in json.loads(file.read_text("utf-8"))]
    file.write_text(json.dumps(plans), "utf-8")


if __name__ == "__main__":
    main()
