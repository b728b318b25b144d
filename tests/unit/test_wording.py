"""Each code that the models give has words in each language: no finding reaches people as a bare code."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from extract.health.wording import ALERTS, FINDINGS, LIMITS, QUARANTINED, alert_sentence

MODELS = Path(__file__).resolve().parents[2] / "dbt_project" / "models"


def codes_of_findings() -> set[str]:
    """As period_findings.sql and its macros name them: literal codes, and those of its loops."""
    files = (MODELS / "quality" / "period_findings.sql", MODELS.parent / "macros" / "stretches.sql")
    sql = "".join(file.read_text("utf-8") for file in files)
    loops = " ".join(re.findall(r"for code, number in \[(.*?)\]", sql, re.DOTALL))
    literal = re.findall(r"'(\w+)' as code", sql) + re.findall(r"findings_of_periods\(\s*'(\w+)'", sql)
    return set(re.findall(r"\('(\w+)', '", loops)) | set(literal)


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


def test_every_alert_has_words_and_every_word_a_column_with_its_number() -> None:
    """Which columns hold numbers of alerts, forecast_accuracy_daily.sql says where it names the level `warn`."""
    sql = (MODELS / "monitoring" / "forecast_accuracy_daily.sql").read_text("utf-8")
    [named] = re.findall(r"coalesce\(([\w, ]+)\) is not null then 'warn'", sql)
    assert named.split(", ") == list(ALERTS)
    models = yaml.safe_load((MODELS / "monitoring" / "_monitoring.yml").read_text("utf-8"))["models"]
    [columns] = [model["columns"] for model in models if model["name"] == "forecast_accuracy_daily"]
    assert {*ALERTS, *LIMITS.values()} <= {column["name"] for column in columns}


def test_an_alert_is_reported_in_both_languages() -> None:
    assert alert_sentence("inaccurate", 9.1, 8.0) == "MAPE 9.1 %, limit 8 %"
    assert alert_sentence("inaccurate", 9.1, 8.0, "es") == "MAPE 9,1 %, límite 8 %"
    assert alert_sentence("drifting", 0.312, None, "es") == "la entrada ha derivado: PSI 0,312"
