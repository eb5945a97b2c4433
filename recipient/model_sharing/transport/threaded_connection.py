"""Connection of `http.client` for an event loop: what blocks runs in a thread, and can be given up."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from model_sharing.transport.http_response import FinalResponse, is_read, read_piece

T = TypeVar("T")


class ThreadedConnection:
    """One connection, for one request at a time."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection
        self._connection.response_class = FinalResponse
        self._socket: socket.socket = connection.sock
        self._running: Future[Any] | None = None
        self._response: http.client.HTTPResponse | None = None

    async def run(self, work: Callable[[http.client.HTTPConnection], T], silence: float) -> T:
        """Run what has to be done before the first request; no read waits for more than `silence` seconds."""
        self._connection.sock.settimeout(silence)
        return await self._in_thread(lambda: work(self._connection))

    async def ask(
        self, method: str, target: str, headers: dict[str, str], body: bytes | None, silence: float
    ) -> http.client.HTTPResponse:
        """Send a request; the response up to the end of its headers."""
        self._socket = self._connection.sock  # which `http.client` forgets if there is to be no other request

        def ask() -> http.client.HTTPResponse:
            self._socket.settimeout(silence)
            self._connection.request(method, target, body, headers)
            self._response = self._connection.getresponse()  # here: nobody may wait for it any more
            return self._response

        return await self._in_thread(ask)

    async def read_some(self) -> bytes:
        """Read the next bytes of the response's body, empty at its end."""
        response = self._response
        if response is None or is_read(response):
            return b""
        return await self._in_thread(lambda: read_piece(response))

    def release(self) -> bool:
        """Let go of the response; True if another request can follow."""
        response = self._response
        if response is None or not is_read(response):
            return False
        self._response = None
        response.close()
        return not response.will_close

    def close(self) -> None:
        """Close it. What still waits for it in a thread ends at once."""
        running = self._running
        if running is None or running.done():
            self._close()
            return
        with contextlib.suppress(OSError):
            (self._connection.sock or self._socket).shutdown(socket.SHUT_RDWR)
        # Not before: a socket that is opened meanwhile may get the same number.
        running.add_done_callback(lambda _: self._close())

    def _close(self) -> None:
        if self._response is not None:
            self._response.close()
        self._connection.close()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        done: Future[T] = Future()
        self._running = done

        def run() -> None:
            if not done.set_running_or_notify_cancel():
                return  # it was given up before it began
            try:
                done.set_result(work())
            except BaseException as error:
                done.set_exception(error)

        # Of a pool, a program that ends would wait for the call.
        threading.Thread(target=run, name="model-sharing-call", daemon=True).start()
        return await asyncio.wrap_future(done)
