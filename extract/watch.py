"""The watch verb: extract → build → check, again and again at the hours ESIOS publishes. Stops cleanly."""

from __future__ import annotations

import random
import signal
import sys
import threading
import time as clock_module
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

from extract.check import run_check
from extract.dbt_build import build
from extract.errors import ApiUnavailable, EsiosError, KeyRefused, UsageError
from extract.extraction import Request, extract, utc_now
from extract.lock_file import lock_file
from extract.registry import Indicator
from extract.settings import Settings, require_api_key
from extract.state_files import state_file
from extract.windows import DAY, MADRID, madrid_day

BACK_OFF_FIRST_S = 60.0
BACK_OFF_MAX_S = 3600.0
JITTER_S = 120.0
# Trying again fixes neither a wrong configuration nor a refused key.
HOPELESS = (UsageError.exit_code, KeyRefused.exit_code)
WORTH_ANOTHER_TRY = (ApiUnavailable.exit_code, EsiosError.exit_code)


@dataclass(frozen=True)
class Schedule:
    """When to look: at Madrid clock times, or every so often; never at the very second that everybody else does."""

    at: tuple[time, ...]
    every: timedelta | None = None
    jitter_s: float = JITTER_S

    def next_look(self, now_utc: datetime, chance: float) -> datetime:
        """The next look after `now_utc` (naive UTC); `chance`, 0 … 1, says how much of the jitter is added."""
        late = timedelta(seconds=self.jitter_s * chance)
        if self.every is not None:
            return now_utc + self.every + late
        today = madrid_day(now_utc)
        looks = (
            datetime.combine(day, clock, MADRID).astimezone(UTC).replace(tzinfo=None)
            for day in (today, today + DAY, today + 2 * DAY)
            for clock in self.at
        )
        return min(look for look in looks if look > now_utc) + late


def schedule_of(indicators: Sequence[Indicator], every: timedelta | None, jitter_s: float) -> Schedule:
    """The registry's `watch_at` of these indicators together; `UsageError` where none is given."""
    at = tuple(sorted({time.fromisoformat(text) for indicator in indicators for text in indicator.watch_at}))
    if not at and every is None:
        raise UsageError(
            "no watch_at schedule for these indicators in the registry", "set watch_at there, or use --every"
        )
    return Schedule(at, every, jitter_s)


def back_off_s(failures: int) -> float:
    """How long to wait after so many failures in a row: 1, 2, 4 … minutes, at most an hour."""
    return float(min(BACK_OFF_FIRST_S * 2 ** (min(failures, 32) - 1), BACK_OFF_MAX_S))


@contextmanager
def only_watcher(settings: Settings) -> Iterator[None]:
    """Hold the watcher's lock; `UsageError` while another process does. It ends with its process, however that ends."""
    with lock_file(state_file(settings, "watch.lock")) as lock:
        if holder := lock.take():
            raise UsageError(
                f"another esios watch ({holder}) is at work on this warehouse", "let it work, or end it first"
            )
        yield


@dataclass
class Watcher:
    """The loop. `log` gets one record a step; the clock, the sleep and the chance are injected.

    `sleep` must return early once `stop` is set.
    """

    settings: Settings
    indicators: Sequence[Indicator]
    schedule: Schedule
    log: Callable[[dict[str, Any]], None]
    metrics: Path | None = None
    notify_url: str | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    now: Callable[[], datetime] = utc_now
    sleep: Callable[[float], object] | None = None
    chance: Callable[[], float] = random.random
    _may_interrupt: bool = False

    def watch(self, *, once: bool = False) -> int:
        """Look until stopped (0), or until trying again is hopeless (2, 3); `once`: one look, and its exit code."""
        require_api_key(self.settings)
        with only_watcher(self.settings), self._signals():
            failures = 0
            while True:
                code = self.look()
                if once and self.stop.is_set():
                    raise KeyboardInterrupt
                if once or self.stop.is_set():
                    return code if once else 0
                if code in HOPELESS:
                    return code
                failures = failures + 1 if code in WORTH_ANOTHER_TRY else 0
                now = self.now()
                wake = now + timedelta(seconds=back_off_s(failures) * (1 + self.chance() / 4))
                if not failures:
                    wake = self.schedule.next_look(now, self.chance())
                self._record("sleep", "back-off" if failures else "scheduled", until=_text(wake), failures=failures)
                (self.sleep or self.stop.wait)(max(0.0, (wake - now).total_seconds()))
                if self.stop.is_set():
                    self._record("stop", "ok")
                    return 0

    def look(self) -> int:
        """One look: extract, build, check; the gravest exit code of the three. What failed does not stop the check."""
        codes = [self._step("extract", self._extract)]
        if not self.stop.is_set() and codes[0] in (0, ApiUnavailable.exit_code):
            codes.append(self._step("build", self._build))
        if not self.stop.is_set():
            codes.append(self._step("check", self._check))
        return max(codes, key=_gravity)

    def _extract(self) -> tuple[int, dict[str, Any]]:
        self._may_interrupt = True
        try:
            summary = extract(self.settings, Request(self.indicators), now=self.now, quiet=True)
        except KeyboardInterrupt:
            return 0, {"interrupted": True}
        finally:
            self._may_interrupt = False
        details = {name: summary.total(name) for name in ("windows", "requests", "retries", "responses_landed")}
        if summary.interrupted:
            return 0, {**details, "interrupted": True}
        if summary.error:
            return summary.error.exit_code, {**details, "error": str(summary.error)}
        return 0, details

    def _build(self) -> tuple[int, dict[str, Any]]:
        # Not interrupted: it takes seconds, and the next look would only have to do it again.
        return 0, {"warnings": len(build(self.settings, quiet=True))}

    def _check(self) -> tuple[int, dict[str, Any]]:
        warnings: list[str] = []
        report = run_check(
            self.settings, metrics=self.metrics, notify_url=self.notify_url, say=warnings.append, now=self.now
        )
        details: dict[str, Any] = {"state": report.state, "problems": len(report.problems())}
        if warnings:
            details["warning"] = "; ".join(warnings)
        return report.exit_code, details

    def _step(self, name: str, work: Callable[[], tuple[int, dict[str, Any]]]) -> int:
        began = clock_module.monotonic()
        try:
            code, details = work()
        except EsiosError as error:
            code, details = error.exit_code, {"error": str(error)}
        except OSError as error:
            code, details = EsiosError.exit_code, {"error": f"{type(error).__name__}: {error.strerror}"}
        outcome = {0: "ok", 1: "failing"}.get(code, "error")
        self._record(name, outcome, exit_code=code, seconds=round(clock_module.monotonic() - began, 2), **details)
        return code

    def _record(self, step: str, outcome: str, **details: Any) -> None:
        self.log({"at": _text(self.now()), "step": step, "outcome": outcome, **details})

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM end the sleep at once, an extract after the responses under way, a build at its end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def ended(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
            again = self.stop.is_set()
            self.stop.set()
            if self._may_interrupt and not again:
                raise KeyboardInterrupt

        before = {number: signal.signal(number, ended) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _gravity(code: int) -> tuple[bool, int]:
    """Hopeless codes first, then what may be tried again, then missing data."""
    return code in HOPELESS, code


def _text(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def line(record: dict[str, Any]) -> str:
    """A record for people and for grep: `key=value` pairs, quoted where a value has blanks."""
    return " ".join(f"{key}={_quoted(value)}" for key, value in record.items())


def _quoted(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else " ".join(str(value).split()).replace('"', "'")
    return f'"{text}"' if not text or " " in text or "=" in text else text


def print_line(text: str) -> None:
    """At once, so that a log reader sees each step as it ends."""
    print(text, file=sys.stdout, flush=True)
