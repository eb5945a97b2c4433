"""Connections for file contents: kept alive, one a thread, and without any credentials.

`http.client` reading into a reused buffer moves more bytes a second, and a CPU second, than the higher
clients do; that is why it is used here. Redirects are not followed, only the hosts that `origins` knows are
called, and an answer that hardly comes on, in whatever part of it, ends as TooSlow.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import ssl
import threading
from typing import Any

from model_sharing import bounds
from model_sharing.downloads.origins import FileOrigins, Origin, resolve
from model_sharing.downloads.rate_limit import RateLimit
from model_sharing_protocol.errors import Interrupted

BUFFER_BYTES = 1024 * 1024
_CHUNKED_BYTES = 64 * 1024
"""At once of a chunked body, between whose bytes others may be."""


class Connections:
    """The connections and buffers of one download's threads. `stop` ends all of them at once."""

    def __init__(self, origins: FileOrigins, limit: RateLimit | None = None) -> None:
        self._origins = origins
        self._limit = limit
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: set[http.client.HTTPConnection] = set()
        self._stopped = threading.Event()
        self._tls: ssl.SSLContext | None = None

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def stop(self) -> None:
        """Make every thread that waits here, or comes here, fail with Interrupted or a broken connection."""
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
        if self._stopped.is_set():
            raise Interrupted("The download was stopped. Run the same again: it goes on where it stopped.")

    def close(self) -> None:
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open.clear()

    def buffer(self) -> memoryview:
        """This thread's buffer of 1 MiB."""
        if not hasattr(self._local, "buffer"):
            self._local.buffer = memoryview(bytearray(BUFFER_BYTES))
        buffer: memoryview = self._local.buffer
        return buffer

    def receive(self, response: http.client.HTTPResponse, buffer: memoryview) -> int:
        """Read what comes next into the buffer, as fast as may be; how many bytes, none at the end."""
        if response.chunked:
            buffer = buffer[:_CHUNKED_BYTES]
        if self._limit is not None:
            buffer = buffer[: self._limit.at_once]
        reader: _PacedReader = self._local.reader
        reader.expected = len(buffer)
        count = response.readinto(buffer)
        reader.body_bytes += count
        self.check()
        if self._limit is not None:
            self.pause(self._limit.delay(count))
        return count

    def get(self, url: str, start: int, end: int, size: int) -> http.client.HTTPResponse:
        """Ask for the bytes from `start` up to `end` of a file of `size` bytes, on this thread's connection.

        Raises OSError or http.client.HTTPException if the connection fails.
        """
        headers = {"Accept-Encoding": "identity"}
        if (start, end) != (0, size):
            headers["Range"] = f"bytes={start}-{end - 1}"
        return self._ask("GET", url, headers)

    def post(self, url: str, body: bytes) -> http.client.HTTPResponse:
        """Send a question in JSON, the same way. It may be sent twice."""
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
        pace = bounds.Pace(lambda: len(self._open))
        connection.sock.settimeout(pace.left())

        def respond(sock: socket.socket, **more: Any) -> http.client.HTTPResponse:
            self._local.reader = _PacedReader(sock, pace)
            return http.client.HTTPResponse(_Paced(self._local.reader), **more)  # type: ignore[arg-type]

        connection.response_class = respond  # type: ignore[assignment]  # which is only ever called
        connection.request(method, target, body, headers)
        return connection.getresponse()

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
        scheme, host, port = origin
        self._origins.check_address(origin, resolve(origin))
        connection = (
            http.client.HTTPConnection(host, port, timeout=bounds.CONNECT_SECONDS)
            if scheme == "http"
            else http.client.HTTPSConnection(
                host, port, timeout=bounds.CONNECT_SECONDS, context=self._tls_context()
            )
        )
        try:
            connection.connect()
            # A name may stand for something else a moment later.
            self._origins.check_address(origin, [connection.sock.getpeername()[0]])
        except BaseException:
            connection.close()
            raise
        self._local.connection, self._local.origin = connection, origin
        with self._lock:
            self._open.add(connection)
        self.check()
        return connection, False

    def _tls_context(self) -> ssl.SSLContext:
        with self._lock:
            if self._tls is None:
                self._tls = ssl.create_default_context()
            return self._tls


class _PacedReader(io.RawIOBase):
    """The bytes of one answer, at a certain pace or not at all: TimeoutError for silence, TooSlow for a drip.

    All that comes is read here, also what `http.client` reads by itself and without end: interim answers,
    headers, chunk extensions, trailers. None of it counts but what is `expected`, that is, asked for. If far
    more comes than `body_bytes`, those of the body so far, it raises HTTPException.
    """

    def __init__(self, sock: socket.socket, pace: bounds.Pace) -> None:
        self._socket = sock
        self._bytes = sock.makefile("rb", buffering=0)
        self._pace = pace
        self._arrived = 0
        self.expected = 0
        self.body_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._pace.left()
        self._socket.settimeout(left)
        try:
            with self._pace.waiting():
                count = self._bytes.readinto(buffer) or 0
        except TimeoutError as error:
            if left > bounds.WINDOW_SECONDS / 2:
                raise  # silence, as when a line is down for a while
            raise bounds.TooSlow from error
        self._arrived += count
        if self._arrived > bounds.FRAMING_BYTES + (1 + bounds.FRAMING_BYTES_A_BYTE) * self.body_bytes:
            raise http.client.HTTPException("there is more around the body than in it")
        counting = min(count, self.expected)
        self.expected -= counting
        self._pace.arrived(counting)
        return count

    def close(self) -> None:
        self._bytes.close()
        super().close()


class _Paced:
    """What `http.client` makes an answer of, as of a socket."""

    def __init__(self, reader: _PacedReader) -> None:
        self._reader = reader

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._reader)
