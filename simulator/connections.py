"""The connections of the simulated ESIOS: HTTP/1.1, a thread each, keep-alive, gzip; and how each can break."""

from __future__ import annotations

import gzip
import json
import socket
import socketserver
import ssl
import struct
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from simulator import catalogue, faults, responses
from simulator.rules import Fault, Reply

if TYPE_CHECKING:
    from simulator.server import Server

SERVER_NAME = "esios-simulator/1"
_GZIP_FROM_BYTES = 1024


@dataclass(frozen=True)
class Request:
    """One request as the server saw it: `headers` in lower case, the key left out; times of the monotonic clock."""

    number: int
    method: str
    path: str
    parameters: Mapping[str, list[str]]
    headers: Mapping[str, str]
    key_ok: bool
    indicator: int | None
    status: int = 0
    faults: tuple[str, ...] = ()
    started: float = 0.0
    ended: float = 0.0
    connection: int = 0


class Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, simulation: Server, context: ssl.SSLContext | None) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.simulation = simulation
        self.context = context
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__((host, port), _Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.context is not None:
            # In the connection's own thread, so that a slow handshake does not block the others.
            try:
                request = self.context.wrap_socket(request, server_side=True)
            except (OSError, ssl.SSLError):
                return
        with self._open_lock:
            self._open.add(request)
        try:
            super().finish_request(request, client_address)
        finally:
            with self._open_lock:
                self._open.discard(request)
            if self.context is not None:
                with suppress(OSError):
                    request.close()

    def server_close(self) -> None:
        super().server_close()
        with self._open_lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that closes the connection is not our error; anything else has had a 500 already."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Listener

    def version_string(self) -> str:
        return SERVER_NAME

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the log is in `Server.requests`."""

    # --- the two faces: the API, and the control paths ---

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path.startswith("/_"):
            self._control(url.path, None)
        else:
            self._api(url.path, url.query)

    def do_POST(self) -> None:
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = 0
        content = self.rfile.read(length) if length > 0 else b""
        path = urlsplit(self.path).path
        if path.startswith("/_"):
            self._control(path, content)
        else:
            self._send(Reply(405, b'{"status":405,"message":"Method Not Allowed"}'))

    do_PUT = do_DELETE = do_PATCH = do_POST  # noqa: N815 (names that the base class calls)

    def _control(self, path: str, content: bytes | None) -> None:
        simulation = self.server.simulation
        if not self.client_address[0].startswith(("127.", "::1", "::ffff:127.")):
            self._send(_json(403, {"message": "the control paths work on loopback only"}))
        elif path == "/_log" and content is None:
            self._send(_json(200, {"requests": [asdict(request) for request in simulation.requests]}))
        elif path == "/_faults" and content is None:
            self._send(_json(200, {"faults": [fault.describe() for fault in simulation.faults]}))
        elif path == "/_faults" and content is not None:
            try:
                given = json.loads(content or b"[]")
                rules = [faults.from_json(rule) for rule in (given if isinstance(given, list) else [given])]
            except (ValueError, TypeError) as error:
                self._send(_json(400, {"message": str(error)}))
                return
            simulation.add(*rules)
            self._send(_json(200, {"faults": [fault.describe() for fault in simulation.faults]}))
        elif path == "/_reset" and content is not None:
            simulation.reset()
            self._send(_json(200, {"message": "no faults, empty log"}))
        else:
            self._send(_json(404, {"message": "there are GET /_log, GET and POST /_faults, POST /_reset"}))

    def _api(self, path: str, query: str) -> None:
        simulation = self.server.simulation
        started = time.monotonic()
        parameters = parse_qs(query, keep_blank_values=True)
        headers = {name.lower(): value for name, value in self.headers.items()}
        key = headers.get("x-api-key")
        key_ok = simulation.key_is_good(key)
        indicator = _indicator_id(path)
        asked: responses.Query | None = None
        problem: str | None = None
        if indicator is not None:
            try:
                asked = responses.parse_query(indicator, parameters, simulation.now)
            except responses.BadQuery as error:
                problem = str(error)
        number, hit = simulation.arrived(path, indicator, (asked.start, asked.end) if asked else None)
        request = Request(
            number,
            self.command,
            path,
            parameters,
            {
                name.lower(): value
                for name, value in self.headers.items()
                if name.lower() not in ("x-api-key", "authorization")
            },
            key_ok,
            indicator,
            faults=tuple(fault.kind for fault in hit),
            started=started,
            connection=self.client_address[1],
        )
        status = 0
        try:
            wait = simulation.latency_ms / 1000 + sum(fault.amount for fault in hit if fault.transport == "latency")
            if wait > 0:
                simulation.stopping.wait(wait)
            if not key_ok:
                reply = Reply(403, faults.FORBIDDEN_JSON) if key else Reply(401, faults.DENIED_TEXT, "text/plain")
                cache_key: object = None
            else:
                reply, cache_key = self._respond(path, parameters, asked, problem)
            instead = next((fault.reply for fault in hit if fault.reply is not None), None)
            edits = [fault.edit for fault in hit if fault.edit is not None]
            if instead is not None:
                reply, cache_key = instead, None
            elif edits and reply.status == 200:
                document = json.loads(reply.body)
                for change in edits:
                    document = change(document)
                reply, cache_key = Reply(200, faults.written(document)), None
            status = reply.status
            broken = next((fault for fault in hit if fault.decides and fault.transport), None)
            # Logged before the last byte leaves: who reads the log after the response finds the request in it.
            simulation.log(_ended(request, status))
            if broken is None:
                self._send(reply, cache_key)
            else:
                self._break(broken, reply)
        except OSError:
            # The client is gone.
            self.close_connection = True
        except Exception as error:
            # A fault's edit that does not fit the document must not look like a broken connection.
            simulation.log(_ended(request, 500))
            self._send(_json(500, {"status": 500, "message": f"{type(error).__name__}: {error}"}))

    def _respond(
        self, path: str, parameters: Mapping[str, Sequence[str]], asked: responses.Query | None, problem: str | None
    ) -> tuple[Reply, object]:
        """The true response, and what it may be kept under."""
        simulation = self.server.simulation
        if path.rstrip("/") == "/indicators":
            text = (parameters.get("text") or [""])[-1]
            return Reply(200, responses.catalogue_body(catalogue.search(text))), None
        if problem is not None:
            return _json(400, {"status": 400, "message": problem}), None
        if asked is None:
            return _json(404, {"status": 404, "message": "Not Found"}), None
        if responses.times_out(asked):
            return Reply(504, faults.GATEWAY_HTML, "text/html"), None
        try:
            plan = responses.plan(asked, simulation.now, simulation.recorded)
        except responses.UnknownIndicator as error:
            return _json(404, {"status": 404, "message": str(error)}), None
        return Reply(200, simulation.bodies.get(plan, lambda: responses.body(plan, simulation.recorded))), plan

    # --- the way out ---

    def _send(self, reply: Reply, cache_key: object = None) -> None:
        """Send headers and body in one piece."""
        content, encoding = reply.body, ""
        if len(content) >= _GZIP_FROM_BYTES and "gzip" in (self.headers.get("Accept-Encoding") or ""):
            plain = content

            # Level 1: three times as fast as the default for some more bytes on a loopback.
            def compress() -> bytes:
                return gzip.compress(plain, 1, mtime=0)

            content = self.server.simulation.bodies.get(("gzip", cache_key), compress) if cache_key else compress()
            encoding = "gzip"
        self._head(reply, encoding, len(content))
        self.wfile.write(self._headers() + content)

    def _head(self, reply: Reply, encoding: str, length: int | None) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Vary", "Accept-Encoding")
        if encoding:
            self.send_header("Content-Encoding", encoding)
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        for name, value in reply.headers:
            if name == "Retry-After" and value.startswith("date:"):
                value = faults.retry_date(float(value.removeprefix("date:")))
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")

    def _headers(self) -> bytes:
        """The headers gathered so far, ended; nothing is sent."""
        gathered: list[bytes] = self._headers_buffer
        text = b"".join(gathered) + b"\r\n"
        self._headers_buffer: list[bytes] = []
        return text

    def _break(self, fault: Fault, reply: Reply) -> None:
        """Send the response in the way this fault breaks it; the connection ends with it."""
        stopping = self.server.simulation.stopping
        body = reply.body
        if fault.transport == "slow_body":
            self._head(reply, "", len(body))
            self.wfile.write(self._headers())
            drips = 20
            size = -(-len(body) // drips)
            for start in range(0, len(body), max(size, 1)):
                self.wfile.write(body[start : start + size])
                if stopping.wait(fault.amount / drips):
                    break
            return
        self.close_connection = True
        if fault.transport == "hang":
            stopping.wait(fault.amount)
        elif fault.transport == "reset_connection":
            # Linger 0: the client sees a reset, not an orderly end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif fault.transport == "cut_body":
            self._head(reply, "", len(body))
            self.wfile.write(self._headers() + body[: int(len(body) * fault.amount)])
        elif fault.transport == "broken_chunked":
            part = body[: max(1, int(len(body) * fault.amount))]
            self._head(reply, "", None)
            self.wfile.write(self._headers() + f"{len(part):x}\r\n".encode() + part + b"\r\n" + b"1000\r\n{")
        elif fault.transport == "broken_gzip":
            packed = bytearray(gzip.compress(body, 1, mtime=0))
            for place in range(len(packed) // 2, len(packed) // 2 + 16):
                packed[place % len(packed)] ^= 0xFF
            self._head(reply, "gzip", len(packed))
            self.wfile.write(self._headers() + bytes(packed))
        elif fault.transport == "huge_body":
            self._stream_huge(reply, fault.amount)

    def _stream_huge(self, reply: Reply, megabytes: float) -> None:
        """The body with blanks before its last brace, so that it is JSON to the end, in chunks of 1 MB."""
        self._head(reply, "", None)
        self.wfile.write(self._headers())
        left = int(megabytes * 1024 * 1024) - len(reply.body)
        first, last = reply.body[:-1], reply.body[-1:]
        self._chunk(first)
        blanks = b" " * (1024 * 1024)
        while left > 0 and not self.server.simulation.stopping.is_set():
            self._chunk(blanks[: min(left, len(blanks))])
            left -= len(blanks)
        self._chunk(last)
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, content: bytes) -> None:
        if content:
            self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")


def _ended(request: Request, status: int) -> Request:
    return Request(**{**request.__dict__, "status": status, "ended": time.monotonic()})


def _json(status: int, document: object) -> Reply:
    return Reply(status, json.dumps(document, ensure_ascii=False).encode())


def _indicator_id(path: str) -> int | None:
    parts = path.strip("/").split("/")
    return int(parts[1]) if len(parts) == 2 and parts[0] == "indicators" and parts[1].isdecimal() else None
