"""The status verb: what is landed, since when, what is missing or bad, the last runs. A face of health."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from extract import landing
from extract.counted import counted
from extract.health.lines import SUSPECT, area_text, data_lines, table_text
from extract.health.state import MART, Row, State, read_data
from extract.warehouse import Warehouse

LAST_RUNS = 5
_MINUTE = "%Y-%m-%d %H:%M"
_SECOND = "%Y-%m-%d %H:%M:%S"


@dataclass
class Status:
    """Everything that `esios status` reports. Instants are naive UTC; `findings` make the exit code 1."""

    state: State = field(default_factory=State)

    def findings(self) -> list[str]:
        """One line for each stretch of periods that is missing or bad, UTC, named exactly."""
        return data_lines(self.state)

    def text(self) -> str:
        """For people."""
        state = self.state
        lines = [f"source     {state.source or 'nothing landed yet'}"]
        for row in state.landed:
            span = f"{row['first']:{_MINUTE}} … {row['last']:{_MINUTE}} UTC"
            lines.append(
                f"landed     {row['indicator_id']} {row['name']}: {counted(row['responses'], 'response')} for "
                f"{counted(row['windows'], 'window')}, {span}, last response {row['last_answer']:{_SECOND}} UTC"
            )
        lines.append(table_text(state.table) if state.table else f"table      {MART} is not built yet (dbt build)")
        whole = (
            "no hour that is due is missing, no value is bad"
            if state.judged
            else "not judged before the first dbt build"
        )
        lines += [f"  {line}" for line in self.findings()] or [f"complete   {whole}"]
        lines += self.notes()
        lines += [f"run        {_run_text(run)}" for run in state.runs[:LAST_RUNS]]
        return "\n".join(lines)

    def notes(self) -> list[str]:
        """What is worth knowing and not a fault: each area that is landed and not registered, once."""
        return [f"note       {area_text(area)}" for area in self.state.unregistered_areas]

    def document(self) -> dict[str, Any]:
        """For programs."""
        state = self.state
        return {
            "source": state.source,
            "landed": state.landed,
            "table": state.table,
            "judged": state.judged,
            "missing_hours": state.missing_hours,
            "gaps": state.gaps,
            "suspect": [
                {"id": row["id"], "geo_id": row["geo_id"], "datetime": row["period_start_utc"], "value": row["value"]}
                | {"reason": SUSPECT[row["code"]], "code": row["code"]}
                for row in state.suspect
            ],
            "rejected": [{name: row[name] for name in row if name != "period_end_utc"} for row in state.quarantined],
            "withdrawn": [
                {"id": row["id"], "geo_id": row["geo_id"], "datetime": row["period_start_utc"], "value": row["value"]}
                for row in state.withdrawn
            ],
            "unregistered_areas": state.unregistered_areas,
            "runs": state.runs[:LAST_RUNS],
        }


def _run_text(run: Row) -> str:
    when = f"{run['started_at_utc']:{_SECOND}} UTC {run['indicator_id']}"
    if run["status"] == landing.FORGOTTEN:
        span = f"{run['requested_start']:%Y-%m-%d} … {run['requested_end']:%Y-%m-%d}"
        return f"{when} forgotten: {span} (Madrid) is no longer due"
    return (
        f"{when} {run['status']}: {run['responses_landed']} landed, {counted(run['windows'], 'window')},"
        f" {counted(run['requests'], 'request')}" + (f" ({run['error']})" if run["error"] else "")
    )


def read_status(warehouse: Warehouse) -> Status:
    """Ask the warehouse. What has not been built yet is left empty."""
    return Status(read_data(warehouse))


def as_utc_text(value: Any) -> str:
    """For JSON: instants as `yyyy-mm-ddThh:mm:ssZ`, everything else as it prints."""
    return f"{value.isoformat()}Z" if isinstance(value, datetime) else str(value)
