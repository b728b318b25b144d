"""One vocabulary: the words that this project does not use, each with the one that it uses instead."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Word → what to write instead. A name with an underscore (`last_answer_utc`) is one word, and not meant.
INSTEAD = {
    r"answer(s|ed|ing)?": "response; verdict; returns",
    r"told|(?<!\.)tells?|telling": "reported, reports; says",
    r"mend(s|ed|ing)?": "fix",
    r"rejected|put aside": "quarantined",
    r"kept up to date": "followed",
    r"complaints?": "finding, problem",
    r"lack(s|ed|ing)?": "without; is missing; does not have",
    r"anew": "again",
    r"nobody": "no one; no session, no request …",
    r"whoever": "who",
    r"(?<!there )is no (?!longer|more|better)[a-z]+": "is not a valid …; is not a …",
    r"1 (windows|requests|rows|hours|days|periods|entries|responses|retries|problems|values)": "counted(1, …)",
}
# Interfaces that other programs read, and words that are someone else's: file, text of the line.
ALLOWED = {
    ("extract/status.py", '"rejected": ['),
    ("extract/warehouse/sqlserver_backend.py", '"Server rejected the connection"'),  # the driver's words
}
READ = {".md", ".py", ".sql", ".yml", ".json", ".js", ".html", ".css", ".mk", ".sh"}
PLACES = ("extract", "optimization", "simulator", "dbt_project", "docs", "profiles", "mk", "docker", "benchmarks")
PAGES = ("README.md", "CONTRIBUTING.md", "Makefile", ".env.example", "compose.yml", "tests/faults/table.py")


def lines() -> list[tuple[str, int, str]]:
    """Every line that a person may read: file, number, text."""
    command = ["git", "ls-files", "--", *PLACES, *PAGES]
    named = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    files = [file for file in named if file in PAGES or Path(file).suffix in READ]
    assert len(files) > 150
    return [
        (file, number, text)
        for file in files
        if "/vendor/" not in file
        for number, text in enumerate((ROOT / file).read_text("utf-8").splitlines(), 1)
    ]


@pytest.mark.parametrize("word", INSTEAD)
def test_a_word_that_is_not_ours_is_nowhere(word: str) -> None:
    pattern = re.compile(rf"\b({word})\b", re.IGNORECASE)
    found = [
        f"{file}:{number}: {text.strip()}"
        for file, number, text in lines()
        if pattern.search(text) and not any(file == place and part in text for place, part in ALLOWED)
    ]
    assert found == [], f"write instead: {INSTEAD[word]}"
