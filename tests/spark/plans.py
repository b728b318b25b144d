"""Where payloads go in a physical plan: an engine opens one where it lies, and moves what it found, never the payload.

Plans are read as the engines print them, Spark's and DataFusion's (Sail), one operator a line. Columns are followed by
their names: both engines number them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

# What hands rows on one by one, within the thread that read them.
STREAMS = {
    # Spark
    "AdaptiveSparkPlan", "BatchScan", "BroadcastHashJoin", "ColumnarToRow", "FileScan", "Filter", "Generate", "Project",
    "Union",
    # Sail
    "CooperativeExec", "DataSourceExec", "FilterExec", "HashJoinExec", "ProjectionExec", "UnionExec", "UnnestExec",
}  # fmt: skip
PROJECTIONS = ("Project", "ProjectionExec")
# What these take out of a payload is small.
TAKES_OUT = re.compile(r"\b(?:json_as_text|get_json_object)\(")
# The list of entries is as large as the payload, until each is a row.
OPENS = "from_json("
LIST = "list of "
OPERATOR = re.compile(r"^(?P<indent>[\s:+\-]*)(?:\*\(\d+\) )?(?P<name>\w+)(?P<arguments>.*)$")
STATEMENT = re.compile(r"On (?P<node>[\w.]+): (?:/\*.*?\*/)?(?P<sql>.*)", re.DOTALL)
PAYLOADS = re.compile(r"(?s)\bpayload\b.*raw_esios\.indicator_responses|raw_esios\.indicator_responses.*\bpayload\b")
# How a statement begins that writes a query's rows.
WRITES = (
    re.compile(r"\A\s*create or replace (?:temporary view|table)\s.*?\sas\s*\n", re.DOTALL),
    re.compile(r"\A\s*insert into \S+ \([^)]*\)"),
)
# Queries that take payloads elsewhere, each in another way.
MOVING = (
    "select payload from raw_esios.indicator_responses order by extracted_at_utc",
    "select distinct payload from raw_esios.indicator_responses",
    "select indicator_id, max(payload) as payload from raw_esios.indicator_responses group by indicator_id",
    "select landed.payload, others.payload as other from raw_esios.indicator_responses as landed"
    " inner join raw_esios.indicator_responses as others on landed.payload_sha256 = others.run_id",
    "select explode(from_json(payload, 'names array<string>').names) as name from ("
    " select payload, row_number() over (order by extracted_at_utc) as place from raw_esios.indicator_responses"
    ") as numbered where place < 9",
    "select explode(names) as name from (select from_json(payload, 'names array<string>').names as names"
    " from raw_esios.indicator_responses order by extracted_at_utc limit 9) as opened",
)
# Queries that move only what they take out of them.
STAYING = (
    "select get_json_object(payload, '$.indicator.name') as name from raw_esios.indicator_responses order by name",
    "select name from (select explode(from_json(payload, 'names array<string>').names) as name"
    " from raw_esios.indicator_responses) as opened order by name",
)


@dataclass
class Operator:
    """One operator of a plan, and those it reads from."""

    depth: int
    name: str
    arguments: str
    inputs: list[Operator] = field(default_factory=list)

    def all(self) -> Iterator[Operator]:
        """Itself and all below."""
        yield self
        for one in self.inputs:
            yield from one.all()

    def columns_read(self) -> list[tuple[str, str]]:
        """(column or expression, what the plan goes on to call it) of what a scan gives out of files."""
        if self.name not in ("DataSourceExec", "FileScan", "BatchScan"):
            return []
        listed = re.search(
            r"projection=\[(.*?)\], \w+=" if self.name == "DataSourceExec" else r"\[(.*?)\]", self.arguments
        )
        assert listed, self.arguments
        return [_value_and_name(column) for column in _parts(listed[1])]

    def __str__(self) -> str:
        return f"{self.name}{self.arguments}"[:200]


def operators(plan: str) -> Operator:
    """The tree that a printed plan shows by its indents."""
    above: list[Operator] = []
    for line in plan.splitlines():
        found = OPERATOR.match(line)
        if not found or line.startswith("=="):
            continue
        operator = Operator(len(found["indent"]), found["name"], found["arguments"])
        while len(above) > 1 and above[-1].depth >= operator.depth:
            above.pop()
        if above:
            above[-1].inputs.append(operator)
        above.append(operator)
    return above[0]


def moved_payloads(plan: str) -> list[str]:
    """The operators that exchange, sort, gather or keep rows together with their payloads."""
    moves: list[str] = []
    _carried(operators(plan), moves)
    return moves


def payload_reads(plan: str) -> int:
    """How many operators read payloads."""
    read = [" ".join(value for value, _ in operator.columns_read()) for operator in operators(plan).all()]
    return sum(bool(re.search(r"\bpayload\b", values)) for values in read)


def statements_on_payloads(log: Path) -> list[tuple[str, str]]:
    """(node, query) of each statement in dbt's log that reads payloads."""
    entries = re.split(r"(?m)^(?=(?:\x1b\[\d+m)?\d\d:\d\d:\d\d\.\d+ )", log.read_text("utf-8"))
    found = [match for match in map(STATEMENT.search, entries) if match and PAYLOADS.search(match["sql"])]
    return [(match["node"].rpartition(".")[2], _query(match["sql"])) for match in found]


def _query(statement: str) -> str:
    for writes in WRITES:
        statement = writes.sub("", statement, count=1)
    return statement.strip()


def _carried(operator: Operator, moves: list[str]) -> set[str]:
    """The columns that still hold payloads, or lists of all their entries, when rows leave an operator."""
    below = [_carried(one, moves) for one in operator.inputs]
    carried = set().union(*below) | _carrying(operator.columns_read(), {"payload"})
    # A hash join keeps its first input, and streams the second.
    if carried and (operator.name not in STREAMS or (operator.name == "HashJoinExec" and below[0])):
        moves.append(str(operator))
    if operator.name in PROJECTIONS:
        listed = operator.arguments.partition("[")[2].rpartition("]")[0]
        return _carrying(map(_value_and_name, _parts(listed)), carried)
    if operator.name == "Generate":  # what is exploded, what else is kept if anything, outer or not, what comes out
        said = re.search(r"(?:, \[([^\[\]]*)\])?, (?:true|false), \[[^\[\]]*\]$", operator.arguments)
        assert said, operator
        return {column for column in carried if _holds(said[1] or "", {column})}
    if operator.name == "UnnestExec":  # what is exploded keeps its name
        return {column for column in carried if not column.startswith(LIST)}
    return carried


def _carrying(columns: Iterable[tuple[str, str]], carried: set[str]) -> set[str]:
    return {name for value, name in columns if _holds(value, carried)}


def _value_and_name(column: str) -> tuple[str, str]:
    value, _, name = re.sub(" AS ", " as ", column).rpartition(" as ")
    return value or name, f"{LIST}{name}" if OPENS in value else name


def _holds(value: str, carried: set[str]) -> bool:
    """Whether an expression gives a payload, or all of its entries, from one of these columns."""
    while found := TAKES_OUT.search(value):
        rest = value[found.end() :]
        value = value[: found.start()] + rest[_closing(rest) + 1 :]
    return any(re.search(rf"(?<![\w#]){re.escape(column.removeprefix(LIST))}(?!\w)", value) for column in carried)


def _closing(text: str) -> int:
    """Where the bracket closes that was opened before a text."""
    depth = 1
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if not depth:
            return place
    raise AssertionError(f"a bracket that does not close: {text}")


def _parts(text: str) -> list[str]:
    """Cut at the commas outside round brackets; texts stand in plans without quotes, and with square ones."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]
