"""One GET to ESIOS: politeness, retries, and typed errors. Knows neither windows nor warehouse.

The retries follow REE's own behaviour: 403 is a bad key when its body is JSON and the firewall when it
is HTML; maintenance pages come as 200 with HTML; 502/503/504 and cut bodies happen; a redirect may point anywhere.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn
from urllib.parse import urljoin, urlsplit

import requests
import tenacity
from urllib3.exceptions import HTTPError, ReadTimeoutError

from extract.counted import counted
from extract.errors import ApiClosed, ApiUnavailable, KeyRefused
from extract.head_timeout import HeadTimeoutAdapter
from extract.settings import ApiSettings, is_loopback

ACCEPT = "application/json; application/vnd.esios-api-v1+json"
USER_AGENT = "esios-elt/1.0"
SIMULATOR = "esios-simulator"
SIMULATED = "simulated"
MAX_REDIRECTS = 5
CHUNK_BYTES = 1 << 16
# Valid JSON of another shape does not fix itself the way an overloaded server does.
SHAPE_TRIES = 3


class Interrupted(Exception):
    """`stop()` was called while the client waited."""


class _Transient(Exception):
    """A failure worth another try, after `wait_s` where the server said so."""

    def __init__(self, reason: str, wait_s: float | None = None, tries: int | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s
        self.tries = tries


@dataclass(frozen=True)
class Response:
    """One good response: the body as received (decompressed), and where it came from."""

    url: str
    body: bytes
    source: str

    @property
    def document(self) -> dict[str, Any]:
        """The body parsed; not kept, because it takes ten times the body's memory."""
        return parse(self.body) or {}


@dataclass
class Traffic:
    """What was asked for one indicator (0: the catalogue)."""

    requests: int = 0
    retries: int = 0
    bytes_received: int = 0


class TokenBucket:
    """At most `burst` requests at once, then `per_second`; shared by all threads.

    Own code on purpose: the limiters on the package index count whole wall-clock seconds, which bunches requests and
    breaks when the clock is set back; this one runs on the monotonic clock.
    """

    def __init__(self, burst: int, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._per_second, self._clock = burst, per_second, clock
        self._lock = threading.Lock()
        self._tokens, self._at = float(burst), clock()

    def reserve(self) -> float:
        """Take a token and return how many seconds to wait before using it (0 while the burst lasts)."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second) - 1
            self._at = now
            return max(0.0, -self._tokens / self._per_second)

    def pause(self, seconds: float) -> None:
        """No thread sends anything for so long: the server asked one of us to wait."""
        with self._lock:
            now = self._clock()
            tokens = self._tokens + (now - self._at) * self._per_second
            self._tokens, self._at = min(tokens, 1 - seconds * self._per_second), now


class EsiosClient:
    """Asks ESIOS and returns good responses only. One session, safe to share between threads.

    Raises `KeyRefused` (401, or 403 in JSON; never retried), `ApiUnavailable` (after the retries, or at once where a
    retry cannot help) and `Interrupted` (after `stop()`).
    """

    def __init__(
        self,
        settings: ApiSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._stopped = threading.Event()
        self._sleep = sleep or self._stopped.wait
        self._bucket = TokenBucket(settings.burst, settings.requests_per_second, clock)
        self._counting = threading.Lock()
        # One at a time: threads parse no faster together, and a parsed body takes ten times its size.
        self._parsing = threading.Lock()
        self.traffic: defaultdict[int, Traffic] = defaultdict(Traffic)
        self.last_success = float("-inf")
        self._session = requests.Session()
        self._session.headers.update(
            {"Accept": ACCEPT, "Content-Type": "application/json", "User-Agent": USER_AGENT, "x-api-key": settings.key}
        )
        adapter = HeadTimeoutAdapter(settings.read_timeout_s, pool_connections=1, pool_maxsize=settings.concurrency)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        # Without an auth of our own, requests would look one up in ~/.netrc and add it.
        self._session.auth = lambda request: request
        host = urlsplit(settings.base_url).hostname or ""
        # A proxy that the environment names cannot reach this machine's own loopback.
        self._proxies = {"no_proxy": host} if is_loopback(host) else None

    def stop(self) -> None:
        """End all waiting; every call under way raises `Interrupted` at its next step."""
        self._stopped.set()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def catalogue(self) -> Response:
        """Every indicator that ESIOS knows; `indicators[].id` and `.name` are checked."""
        return self._get(0, "/indicators", {}, _catalogue_shape)

    def indicator(self, indicator_id: int, parameters: Mapping[str, str | list[str]]) -> Response:
        """The values of one indicator for the query; `indicator.id` and every `values[].datetime` are checked."""
        path = f"/indicators/{indicator_id}"
        return self._get(indicator_id, path, parameters, lambda document: _values_shape(document, indicator_id))

    def _get(
        self,
        label: int,
        path: str,
        parameters: Mapping[str, str | list[str]],
        shape: Callable[[Any], str | None],
    ) -> Response:
        url = requests.Request("GET", self._settings.base_url + path, params=dict(parameters)).prepare().url or ""
        settings = self._settings
        began = self._clock()

        def give_up(state: tenacity.RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome else None
            tries = error.tries if isinstance(error, _Transient) and error.tries else settings.max_tries
            asked = error.wait_s if isinstance(error, _Transient) and error.wait_s else 0
            return state.attempt_number >= tries or self._clock() - began + asked >= settings.max_retry_s

        backoff = tenacity.wait_exponential_jitter(
            multiplier=settings.backoff_initial_s, max=settings.backoff_max_s, jitter=0.5
        )

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            self._count(label, retries=1)
            if isinstance(error, _Transient) and error.wait_s is not None:
                self._bucket.pause(error.wait_s)
                return max(error.wait_s, settings.backoff_initial_s if error.wait_s == 0 else 0)
            return backoff(state)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Transient), stop=give_up, wait=wait, sleep=self._wait, reraise=True
        )
        try:
            return retrying(self._once, label, url, shape)
        except _Transient as error:
            tries = retrying.statistics.get("attempt_number", 1)
            must_wait_too_long = error.wait_s is not None and tries < settings.max_tries
            _fail(error, tries, urlsplit(url).netloc, ApiClosed if must_wait_too_long else ApiUnavailable)

    def _once(self, label: int, url: str, shape: Callable[[Any], str | None]) -> Response:
        origin = urlsplit(url)
        target = url
        for _ in range(MAX_REDIRECTS + 1):
            self._wait(self._bucket.reserve())
            response, body = self._send(label, target)
            if not response.is_redirect:
                return self._judge(url, response, body, shape)
            target = urljoin(target, response.headers["Location"])
            if urlsplit(target)[:2] != origin[:2]:
                # The key must not follow to another host, and a response without a key from there is not ESIOS's.
                raise _Transient(
                    f"it redirects to another host ({urlsplit(target).hostname}); the key was not sent there"
                )
        raise _Transient("it redirects in a circle")

    def _send(self, label: int, url: str) -> tuple[requests.Response, bytes]:
        settings = self._settings
        self._count(label, requests=1)
        began = self._clock()
        try:
            with self._session.get(
                url,
                timeout=(settings.connect_timeout_s, settings.read_timeout_s),
                allow_redirects=False,
                stream=True,
                proxies=self._proxies,
            ) as response:
                chunks, size = [], 0
                # As it comes: iter_content would wait for a full block, however slowly it drips in.
                while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
                    size += len(chunk)
                    if size > settings.max_body_bytes:
                        raise ApiUnavailable(
                            f"the response is larger than {settings.max_body_bytes // 2**20} MB and was not landed",
                            "ask for less at a time (ESIOS_WINDOW=month or day)",
                        )
                    if self._stopped.is_set():
                        raise Interrupted
                    if self._clock() - began > settings.read_timeout_s * 5:
                        raise _Transient("the response trickles in too slowly")
                    chunks.append(chunk)
        except requests.exceptions.SSLError as error:
            if not any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error)):
                raise _Transient(f"the TLS handshake failed ({_cause(error)})") from None
            raise ApiClosed(
                f"the TLS certificate of {urlsplit(url).netloc} was refused ({_cause(error)})",
                "check ESIOS_BASE_URL and the clock; behind a company proxy set REQUESTS_CA_BUNDLE to its certificate",
            ) from None
        except (requests.exceptions.ConnectionError, requests.exceptions.Timeout, ReadTimeoutError) as error:
            raise _Transient(f"no connection or no response in time ({_cause(error)})") from None
        except HTTPError as error:  # urllib3's own: requests wraps only what comes before the body
            raise _Transient(f"the body came cut or broken ({_cause(error)})") from None
        except requests.exceptions.RequestException as error:
            raise ApiClosed(f"the request cannot be made ({_cause(error)})", "check ESIOS_BASE_URL") from None
        except ValueError:  # requests looks at where a redirect leads, even where it does not follow
            raise _Transient("it redirects to what is not a valid address") from None
        self._count(label, bytes_received=size)
        return response, b"".join(chunks)

    def _judge(
        self, url: str, response: requests.Response, body: bytes, shape: Callable[[Any], str | None]
    ) -> Response:
        status = response.status_code
        if status == 401 or (status == 403 and _is_json(body)):
            raise KeyRefused(f"ESIOS refused the key ({status})", "set ESIOS_API_KEY in .env to a valid personal token")
        if status == 403:
            raise _Transient("the firewall in front of ESIOS blocks us (403 in HTML); the key is fine")
        if status in (408, 425, 429) or status >= 500:
            raise _Transient(f"HTTP {status}", wait_s=retry_after_s(response.headers.get("Retry-After")))
        if 200 < status < 300:
            raise _Transient(f"HTTP {status} in place of 200")
        if status != 200:
            raise ApiUnavailable(
                f"ESIOS returned {status} for {urlsplit(url).path}", "check ESIOS_BASE_URL and the indicator"
            )
        with self._parsing:
            document = parse(body)
            fault = shape(document) if document is not None else None
            is_json = document is not None
            del document
        if not is_json:
            raise _Transient("HTTP 200, but the body is not JSON (maintenance page or truncated)")
        if fault:
            raise _Transient(f"HTTP 200 with JSON of another shape: {fault}", tries=SHAPE_TRIES)
        self.last_success = self._clock()
        base = urlsplit(self._settings.base_url)
        simulated = response.headers.get("Server", "").startswith(SIMULATOR)
        return Response(url, body, SIMULATED if simulated else source_of(base.geturl()))

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self._sleep(seconds)
        if self._stopped.is_set():
            raise Interrupted

    def _count(self, label: int, *, requests: int = 0, retries: int = 0, bytes_received: int = 0) -> None:
        with self._counting:
            traffic = self.traffic[label]
            traffic.requests += requests
            traffic.retries += retries
            traffic.bytes_received += bytes_received


def source_of(base_url: str) -> str:
    """Scheme, host and port of an address, always with the port: what a warehouse remembers as its source."""
    parts = urlsplit(base_url)
    port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{parts.hostname}:{port}"


def retry_after_s(header: str | None, now: datetime | None = None) -> float | None:
    """`Retry-After`, in seconds or as an HTTP date, as seconds from now; None where it says nothing readable."""
    if not header:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def parse(body: bytes) -> dict[str, Any] | None:
    """A JSON object, or None. Strict: UTF-8, no NaN or Infinity (SQL engines refuse them), no key with two values."""
    document = _json_value(body)
    return document if isinstance(document, dict) else None


def _json_value(body: bytes) -> Any:
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_unambiguous)
        if b"\\ud" in body.lower():
            # Half a surrogate pair is not text: DuckDB would not read a word of the whole body.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        return None
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object; `ValueError` where a key has two values: one engine would believe the first, another the last."""
    found = dict(pairs)
    if len(found) != len(pairs) and any(found[key] != value for key, value in pairs):
        raise ValueError("a key has two values")
    return found


def _is_json(body: bytes) -> bool:
    return _json_value(body) is not None


def _values_shape(document: dict[str, Any], indicator_id: int) -> str | None:
    indicator = document.get("indicator")
    if not isinstance(indicator, dict):
        return "no `indicator`"
    if indicator.get("id") != indicator_id:
        return f"indicator {indicator.get('id')!r} instead of {indicator_id}"
    values = indicator.get("values")
    if not isinstance(values, list):
        return "`values` is not a list"
    for position, entry in enumerate(values):
        if not isinstance(entry, dict) or "datetime" not in entry:
            return f"value number {position + 1} has no `datetime`"
    return None


def _catalogue_shape(document: dict[str, Any]) -> str | None:
    entries = document.get("indicators")
    if not isinstance(entries, list):
        return "no `indicators`"
    if not all(
        isinstance(e, dict) and isinstance(e.get("id"), int) and isinstance(e.get("name"), str) for e in entries
    ):
        return "an indicator without id or name"
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it wraps, outermost first (requests and urllib3 wrap in `args` and `reason`)."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        wrapped = [getattr(current, "reason", None), *current.args, current.__cause__, current.__context__]
        current = next((inner for inner in wrapped if isinstance(inner, BaseException)), None)


def _cause(error: BaseException) -> str:
    """The innermost reason in a few words; never an address (a URL could carry anything)."""
    *_, innermost = _causes(error)
    if isinstance(innermost, OSError) and innermost.strerror:
        return innermost.strerror
    return type(innermost).__name__


def _fail(error: _Transient, tries: int, host: str, kind: type[ApiUnavailable]) -> NoReturn:
    asked = f", which asked us to wait {error.wait_s:.0f} s" if error.wait_s else ""
    raise kind(
        f"{host}: gave up after {counted(tries, 'attempt')}{asked}: {error}",
        "what was landed stays; run the same command again later to fetch the rest",
    ) from None
