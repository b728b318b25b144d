"""Write macros/engine/fabricspark.sql: `python dbt_project/build_fabricspark.py`.

dbt's dispatch asks an adapter for its parents. dbt-databricks names dbt-spark; dbt-fabricspark, which speaks the same
SQL, names none: there each macro of Spark's is said once more, as a call of it.
"""

from __future__ import annotations

import re
from pathlib import Path

ENGINE = Path(__file__).resolve().parent / "macros" / "engine"
MADE = ENGINE / "fabricspark.sql"
MACRO = re.compile(r"\{%-?\s*macro\s+spark__(\w+)\(([^)]*)\)\s*-?%\}")


def forwards() -> str:
    """The file's text."""
    found = [match for file in sorted(ENGINE.glob("*.sql")) for match in MACRO.findall(file.read_text("utf-8"))]
    sql = [
        "{#- Spark's macros for dbt-fabricspark, which has no parent: made by dbt_project/build_fabricspark.py. -#}\n"
    ]
    for name, arguments in found:
        passed = ", ".join(argument.split("=")[0].strip() for argument in arguments.split(",") if argument.strip())
        call = f"{{{{ return(spark__{name}({passed})) }}}}"
        sql.append(f"{{% macro fabricspark__{name}({arguments}) %}}{call}{{% endmacro %}}\n")
    sql.append(
        "\n{% materialization view, adapter='fabricspark', supported_languages=['sql'] %}\n"
        "    {{ return(table_in_place_of_view(materialization_table_fabricspark)) }}\n{% endmaterialization %}\n"
    )
    return "".join(sql)


if __name__ == "__main__":
    MADE.write_text(forwards(), "utf-8")
