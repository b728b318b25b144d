"""A running simulated ESIOS: its clock, its key, its faults on demand, its log of requests."""

from __future__ import annotations

import hmac
import ssl
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from simulator import demand, responses
from simulator.connections import Listener, Request
from simulator.rules import Fault, striking

DEMO_KEY = "simulated-esios-demo-key"
_CACHE_BYTES = 32 * 1024 * 1024
_LOG_ENTRIES = 100_000
Clock = Callable[[], float]


@dataclass
class _Bodies:
    """Bodies that need not be made twice, plain and compressed, up to a number of bytes."""

    size: int = 0
    kept: OrderedDict[object, bytes] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: object, make: Callable[[], bytes]) -> bytes:
        with self.lock:
            found = self.kept.get(key)
            if found is not None:
                self.kept.move_to_end(key)
                return found
        # Made outside the lock: at worst two threads make the same body.
        made = make()
        with self.lock:
            if key not in self.kept:
                self.kept[key] = made
                self.size += len(made)
                while self.size > _CACHE_BYTES and self.kept:
                    self.size -= len(self.kept.popitem(last=False)[1])
        return made


def as_clock(now: str | datetime | float | Clock | None) -> Clock:
    """A clock from an instant (frozen; naive text is Madrid time), from a function, or the real one for None.

    A function may give seconds since 1970 or an aware datetime.
    """
    if now is None:
        return time.time
    if callable(now):
        given = now

        def ask() -> float:
            moment: Any = given()
            return moment.timestamp() if isinstance(moment, datetime) else float(moment)

        return ask
    if isinstance(now, str):
        frozen = responses.parse_instant(now, "now")
    elif isinstance(now, datetime):
        frozen = (now.replace(tzinfo=demand.MADRID) if now.tzinfo is None else now).timestamp()
    else:
        frozen = float(now)
    return lambda: frozen


class Server:
    """A running simulated ESIOS. Use it as a context manager, or call `close()`.

    `url` is its base URL, `requests` what it was asked so far (the control paths left out). `latency_ms` and
    `clock` may be changed while it runs; `add`, `clear_faults` and `reset` change the faults.
    """

    def __init__(
        self,
        *,
        faults: Iterable[Fault] = (),
        latency_ms: float = 0.0,
        series: str | Path | responses.Recorded | None = None,
        clock: str | datetime | float | Clock | None = None,
        key: str | None = None,
        refused_keys: Sequence[str] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        tls: tuple[str | Path, str | Path] | None = None,
    ) -> None:
        self.latency_ms = latency_ms
        self.clock = as_clock(clock)
        self.recorded = responses.load_series(Path(series)) if isinstance(series, str | Path) else series
        self.key = key
        self.refused_keys = tuple(refused_keys)
        self.bodies = _Bodies()
        self.stopping = threading.Event()
        self._faults = list(faults)
        self._log: deque[Request] = deque(maxlen=_LOG_ENTRIES)
        self._lock = threading.Lock()
        self._count = 0
        context = None
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
        self._listener = Listener(host, port, self, context)
        self.port: int = self._listener.server_address[1]
        shown = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if tls else 'http'}://{shown}:{self.port}"
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.02}, name="esios-simulator", daemon=True
        )
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop, and close every connection. Calling it again does nothing."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        self._listener.shutdown()
        self._thread.join()
        self._listener.server_close()

    @property
    def now(self) -> float:
        """The simulated time, in seconds since 1970."""
        return self.clock()

    def set_clock(self, now: str | datetime | float | Clock | None) -> None:
        """Another time from now on; see `as_clock`."""
        self.clock = as_clock(now)

    @property
    def requests(self) -> list[Request]:
        """What was asked so far, in order of arrival."""
        with self._lock:
            return sorted(self._log, key=lambda request: request.number)

    @property
    def faults(self) -> list[Fault]:
        """The rules in force."""
        with self._lock:
            return list(self._faults)

    def add(self, *rules: Fault) -> None:
        """More faults from now on."""
        with self._lock:
            self._faults.extend(rules)

    def clear_faults(self) -> None:
        """No faults from now on; the log stays."""
        with self._lock:
            self._faults.clear()

    def reset(self) -> None:
        """No faults, an empty log, requests counted from 1."""
        with self._lock:
            self._faults.clear()
            self._log.clear()
            self._count = 0

    def arrived(self, path: str, indicator: int | None, span: tuple[float, float] | None) -> tuple[int, list[Fault]]:
        """The number of this request and the faults that hit it."""
        with self._lock:
            self._count += 1
            return self._count, striking(self._faults, path, indicator, span)

    def log(self, request: Request) -> None:
        """Log a request that has its response."""
        with self._lock:
            self._log.append(request)

    def key_is_good(self, given: str | None) -> bool:
        """Whether this key is accepted."""
        if not given or given in self.refused_keys:
            return False
        return self.key is None or hmac.compare_digest(given.encode(), self.key.encode())


# Reads better in a test: `with simulator.serve(latency_ms=100) as server`.
serve = Server
