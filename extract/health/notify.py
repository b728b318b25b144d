"""Post a change of state to a webhook: generic JSON, one POST a change. The address may hold a secret: never shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from extract.counted import counted
from extract.errors import EsiosError, UsageError
from extract.files import written
from extract.health.report import Report
from extract.settings import Settings
from extract.state_files import state_file
from extract.status import as_utc_text

TIMEOUTS_S = (5.0, 10.0)
POSTED_AT_MOST = 100


class NotPosted(EsiosError):
    """The webhook was not reached, or the file that remembers it was not written; the next check tries again."""


def checked_url(url: str) -> str:
    """The webhook's address if it is one; `UsageError` says what is wrong, never the address itself."""
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError(
            "the webhook's address is not a valid http(s) address", "set --notify (or ESIOS_NOTIFY_URL) to https://…"
        )
    return url.strip()


def post_change(settings: Settings, report: Report, url: str) -> None:
    """POST the report if its problems are not those that were posted last; `NotPosted` if that fails.

    The state posted last is stored in a file beside the warehouse, not in it: so the loss of the warehouse itself can
    be posted too. A first check that finds nothing is not a change.
    """
    path = state_file(settings, "check.json")
    before = _posted_last(path)
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
        "text": f"esios check: {report.state}, {counted(len(problems), 'problem')}",
        "new": [problem.text for problem in problems if problem.key not in before][:POSTED_AT_MOST],
        "gone": [key for key in before if key not in keys][:POSTED_AT_MOST],
        "problems": len(problems),
    }


def _post(url: str, message: dict[str, Any]) -> None:
    remedy = "check that it is up and its address is right; the next check tries again"
    try:
        response = requests.post(url, json=message, timeout=TIMEOUTS_S, allow_redirects=False)
    except requests.RequestException as error:
        # The error's own text holds the address.
        raise NotPosted(f"the webhook could not be reached ({type(error).__name__})", remedy) from None
    if not 200 <= response.status_code < 300:
        raise NotPosted(f"the webhook returned {response.status_code}", remedy)


def _posted_last(path: Path) -> dict[str, Any]:
    try:
        posted = json.loads(path.read_text("utf-8"))
        return {"state": str(posted["state"]), "problems": [str(key) for key in posted["problems"]]}
    except (OSError, ValueError, LookupError, TypeError):  # none yet, or spoilt: then what is wrong now is news
        return {"state": None, "problems": []}


def _note(path: Path, posted: dict[str, Any]) -> None:
    try:
        with written(path) as file:
            file.write((json.dumps(posted, indent=1) + "\n").encode("utf-8"))
    except OSError as error:
        raise NotPosted(
            f"cannot note in {path} what was posted ({error.strerror})", "make its folder writable"
        ) from None
