"""An adapter for requests that also bounds the head of a response. Knows nothing of ESIOS.

A read time-out starts again at each byte, so that a head which drips in would hold a request for hours. The body is
watched by who reads it.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any

import requests
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class HeadTimeoutAdapter(requests.adapters.HTTPAdapter):
    """Hangs up where status line and headers are not there in `head_s` seconds: then a read time-out."""

    def __init__(self, head_s: float, **options: Any) -> None:
        self._head_s = head_s
        super().__init__(**options)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Pools whose connections look at the clock."""
        super().init_poolmanager(*arguments, **options)
        head_s = self._head_s

        class Http(HTTPConnection):
            def getresponse(self) -> Any:
                with _hanging_up(self.sock, head_s):
                    return super().getresponse()

        class Https(HTTPSConnection):
            def getresponse(self) -> Any:
                with _hanging_up(self.sock, head_s):
                    return super().getresponse()

        class HttpPool(HTTPConnectionPool):
            ConnectionCls = Http

        class HttpsPool(HTTPSConnectionPool):
            ConnectionCls = Https

        self.poolmanager.pool_classes_by_scheme = {"http": HttpPool, "https": HttpsPool}


class _hanging_up:  # noqa: N801 (a context manager, used like a function)
    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self._sock = sock
        self._hung_up = False
        self._timer = threading.Timer(seconds, self._hang_up)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._hung_up:  # what was read up to there would pass for the whole head
            raise TimeoutError

    def _hang_up(self) -> None:
        self._hung_up = True
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
