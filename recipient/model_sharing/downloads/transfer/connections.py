"""Connections for file contents: kept alive, one a thread, and without any credentials.

`http.client` reading into a reused buffer moves more bytes a second, and a CPU second, than the higher
clients do; that is why it is used here. Redirects are not followed, only the hosts that `file_origins` knows
are called, and a response below the minimum rate, in whatever part of it, ends as TooSlow.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from typing import Any

from model_sharing.downloads.transfer.open_connection import open_connection
from model_sharing.downloads.transfer.rate_limit import RateLimit
from model_sharing.downloads.transfer.read_size import LARGEST_READ, ReadSize
from model_sharing.transport import bounds
from model_sharing.transport.file_origins import FileOrigins, Origin
from model_sharing.transport.http_response import FinalResponse
from model_sharing.transport.minimum_rate_reader import MinimumRateReader, MinimumRateSocket
from model_sharing.transport.network_errors import proxy_refusal
from model_sharing.transport.retries import DEFAULT_SECONDS, RetryNotices
from model_sharing_protocol.errors import Interrupted
from model_sharing_protocol.network.proxies import Proxy, authority

_CHUNKED_BYTES = 64 * 1024
"""At once of a chunked body, between whose bytes others may be."""


class Connections:
    """Connections and buffers of one download's threads. `stop` ends all of them at once.

    What fails in passing is tried again for `retry_for` seconds, and `notices` tells what is waited for.
    """

    def __init__(
        self,
        origins: FileOrigins,
        limit: RateLimit | None = None,
        *,
        retry_for: float = DEFAULT_SECONDS,
    ) -> None:
        self.retry_for = retry_for
        self.notices = RetryNotices()
        self._origins = origins
        self._limit = limit
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: set[http.client.HTTPConnection] = set()
        self._stopped = threading.Event()

    @property
    def stopped(self) -> bool:
        """True once `stop` was called."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Stop every thread that waits here, or comes here, by Interrupted or a broken connection."""
        self._stopped.set()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    if connection.sock is not None:
                        connection.sock.shutdown(socket.SHUT_RDWR)

    def pause(self, seconds: float) -> None:
        """Sleep, unless stopped."""
        self._stopped.wait(seconds)
        self.check()

    def check(self) -> None:
        """Raise Interrupted if stopped."""
        if self._stopped.is_set():
            raise Interrupted("The download was stopped. Run the same again: it goes on where it stopped.")

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open.clear()

    def buffer(self) -> memoryview:
        """Buffer of this thread, for the largest read."""
        if not hasattr(self._local, "buffer"):
            self._local.buffer = memoryview(bytearray(LARGEST_READ))
        buffer: memoryview = self._local.buffer
        return buffer

    def _read_size(self) -> ReadSize:
        if not hasattr(self._local, "read_size"):
            self._local.read_size = ReadSize()
        size: ReadSize = self._local.read_size
        return size

    def receive(self, response: http.client.HTTPResponse, buffer: memoryview) -> int:
        """Read the next bytes of the body, within the rate limit; their number, 0 at the end."""
        if response.chunked:
            buffer = buffer[:_CHUNKED_BYTES]
        if self._limit is not None:
            buffer = buffer[: self._limit.read_size]
        size = self._read_size()
        buffer = buffer[: size.bytes]
        reader: MinimumRateReader = self._local.reader
        reader.expected = len(buffer)
        started = time.monotonic()
        count = response.readinto(buffer)
        size.adapt(count, time.monotonic() - started)
        reader.body_bytes += count
        self.check()
        if self._limit is not None:
            self.pause(self._limit.delay(count))
        return count

    def get(self, url: str, start: int, end: int, size: int) -> http.client.HTTPResponse:
        """Request the bytes from `start` up to `end` of a file of `size` bytes, on this thread's connection.

        Raises OSError or http.client.HTTPException if the connection fails.
        """
        headers = {"Accept-Encoding": "identity"}
        if (start, end) != (0, size):
            headers["Range"] = f"bytes={start}-{end - 1}"
        return self._ask("GET", url, headers)

    def post(self, url: str, body: bytes) -> http.client.HTTPResponse:
        """Post a body of JSON, the same way. It may be sent twice."""
        headers = {"Accept-Encoding": "identity", "Content-Type": "application/json"}
        return self._ask("POST", url, headers, body)

    def _ask(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None = None
    ) -> http.client.HTTPResponse:
        self.check()
        origin, target = self._origins.check(url)
        connection, reused = self._connection(origin)
        try:
            return self._request(connection, method, target, headers, body)
        except TimeoutError:
            self.drop()
            raise
        except (OSError, http.client.HTTPException):
            self.drop()
            if not reused:
                raise
        self.check()  # the server had closed the idle connection: a new one says more
        connection, _ = self._connection(origin)
        return self._request(connection, method, target, headers, body)

    def _request(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes | None,
    ) -> http.client.HTTPResponse:
        rate = bounds.MinimumRate(lambda: len(self._open))
        connection.sock.settimeout(rate.seconds_left())

        def respond(sock: socket.socket, **more: Any) -> http.client.HTTPResponse:
            self._local.reader = MinimumRateReader(sock, rate)
            return FinalResponse(MinimumRateSocket(self._local.reader), **more)  # type: ignore[arg-type]

        connection.response_class = respond  # type: ignore[assignment]  # which is only ever called
        scheme, host, port = self._local.origin
        proxy: Proxy | None = self._local.proxy if scheme == "http" else None  # else there is a tunnel
        if proxy is not None:
            target, headers = f"http://{authority(host, port)}{target}", headers | proxy.headers
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        if proxy is not None and response.status == http.HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            response.close()
            raise proxy_refusal(proxy, response.status, f"http://{authority(host, port)}")
        return response

    def drop(self) -> None:
        """Close this thread's connection: what comes next on it is not known."""
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            connection.close()
            with self._lock:
                self._open.discard(connection)

    def _connection(self, origin: Origin) -> tuple[http.client.HTTPConnection, bool]:
        present: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if present is not None and present.sock is not None and self._local.origin == origin:
            return present, True
        self.drop()
        connection, proxy = open_connection(origin, self._origins)
        self._local.connection, self._local.origin, self._local.proxy = connection, origin, proxy
        with self._lock:
            self._open.add(connection)
        self.check()
        return connection, False
