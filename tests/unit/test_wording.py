"""Each code that the models give has words in each language: no finding reaches people as a bare code."""

from __future__ import annotations

import re
from pathlib import Path

from extract.health.wording import FINDINGS, QUARANTINED

MODELS = Path(__file__).resolve().parents[2] / "dbt_project" / "models"


def codes_of_findings() -> set[str]:
    """As period_findings.sql names them: literal codes, and those of its loops."""
    sql = (MODELS / "quality" / "period_findings.sql").read_text("utf-8")
    loops = " ".join(re.findall(r"for code, number in \[(.*?)\]", sql, re.DOTALL))
    return set(re.findall(r"\('(\w+)', '", loops)) | set(re.findall(r"'(\w+)' as code", sql)) - {"{{ code }}"}


def codes_of_entries() -> set[str]:
    """As the macro that reads entries and the model that judges them give them to entries in quarantine."""
    files = (
        MODELS.parent / "macros" / "response_entries.sql",
        MODELS / "staging" / "esios" / "stg_esios__response_entries.sql",
        MODELS / "staging" / "esios" / "stg_esios__judged_entries.sql",
    )
    sql = "".join(file.read_text("utf-8") for file in files)
    return set(re.findall(r"then '([a-z]+(?:_[a-z]+)+)'", sql))


def test_every_finding_has_words() -> None:
    assert codes_of_findings() == set(FINDINGS)


def test_every_quarantined_entry_has_words() -> None:
    assert codes_of_entries() == set(QUARANTINED)
