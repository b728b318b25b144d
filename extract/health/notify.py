"""Tell a webhook of a change of state: generic JSON, one POST a change. The address may hold a secret: never shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from extract.errors import EsiosError, UsageError
from extract.files import written
from extract.health.report import Report
from extract.settings import Settings
from extract.state_files import state_file
from extract.status import as_utc_text

TIMEOUTS_S = (5.0, 10.0)
TOLD_AT_MOST = 100


class NotTold(EsiosError):
    """The webhook was not told, or that it was could not be noted; the next check tries again."""


def checked_url(url: str) -> str:
    """The webhook's address if it is one; `UsageError` says what is wrong, never the address itself."""
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError(
            "the webhook's address is no http(s) address", "set --notify (or ESIOS_NOTIFY_URL) to https://…"
        )
    return url.strip()


def tell_of_change(settings: Settings, report: Report, url: str) -> None:
    """POST the report if its problems are not those that were told last; `NotTold` if that fails.

    The last state told is kept in a file beside the warehouse, so that it can be told that the warehouse itself is
    gone. A first check that finds nothing is no change.
    """
    path = state_file(settings, "check.json")
    before = _last_told(path)
    now = sorted(problem.key for problem in report.problems())
    if now != before["problems"]:
        _post(url, _message(report, before["problems"], before["state"]))
    elif before["state"] is not None:
        return
    _note(path, {"state": report.state, "problems": now, "since_utc": as_utc_text(report.checked_at_utc)})


def _message(report: Report, before: list[str], state_before: str | None) -> dict[str, Any]:
    problems = report.problems()
    keys = {problem.key for problem in problems}
    return {
        "event": "esios check",
        "state": report.state,
        "state_before": state_before,
        "exit_code": report.exit_code,
        "checked_at_utc": as_utc_text(report.checked_at_utc),
        "text": f"esios check: {report.state}, {len(problems)} problems",
        "new": [problem.text for problem in problems if problem.key not in before][:TOLD_AT_MOST],
        "gone": [key for key in before if key not in keys][:TOLD_AT_MOST],
        "problems": len(problems),
    }


def _post(url: str, message: dict[str, Any]) -> None:
    remedy = "see that it is up and its address right; it is tried again at the next check"
    try:
        answer = requests.post(url, json=message, timeout=TIMEOUTS_S, allow_redirects=False)
    except requests.RequestException as error:
        # The error's own text holds the address.
        raise NotTold(f"the webhook could not be reached ({type(error).__name__})", remedy) from None
    if not 200 <= answer.status_code < 300:
        raise NotTold(f"the webhook answered {answer.status_code}", remedy)


def _last_told(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text("utf-8"))
        return {"state": str(told["state"]), "problems": [str(key) for key in told["problems"]]}
    except (OSError, ValueError, LookupError, TypeError):  # none yet, or spoilt: then what is wrong now is news
        return {"state": None, "problems": []}


def _note(path: Path, told: dict[str, Any]) -> None:
    try:
        with written(path) as file:
            file.write((json.dumps(told, indent=1) + "\n").encode("utf-8"))
    except OSError as error:
        raise NotTold(f"cannot note in {path} what was told ({error.strerror})", "make its folder writable") from None
