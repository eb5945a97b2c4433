"""HTTP session for calls of an API, by `http.client`, with a thread for each call while it waits.

A client made for event loops takes longer to import than all else that a load needs, and `http.client` is
here for files anyway. A call that is cancelled, as by `asyncio.timeout`, breaks its connection, which ends
its thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from model_sharing.transport.connecting import OpenSocket, Route, connect, finish, route_of
from model_sharing.transport.file_origins import request_target
from model_sharing.transport.http_response import Response
from model_sharing.transport.network_errors import NotConnected
from model_sharing.transport.threaded_connection import ThreadedConnection
from model_sharing_protocol.network.plain_http import origin_of
from model_sharing_protocol.network.proxies import Proxy, authority

_MOST_CALLS = 100
"""At once; further ones wait."""
_IDLE_SECONDS = 15.0
"""After so long a connection is not used again: what lies between may have forgotten it."""
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "model-sharing"}


@dataclass(frozen=True, slots=True)
class Request:
    """Request of a URL, which is sent as it is written."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Idle:
    route: Route
    connection: ThreadedConnection
    since: float


class HttpSession:
    """Connections of one client, kept alive. `open_socket` may refuse an address, by an OSError.

    Redirects are not followed, and no cookie is kept. Call `close`.
    """

    def __init__(self, open_socket: OpenSocket | None = None) -> None:
        self._open_socket = open_socket
        self._places = asyncio.Semaphore(_MOST_CALLS)
        self._idle: list[_Idle] = []
        self._is_closed = False

    def close(self) -> None:
        """Close the connections that no call uses."""
        self._is_closed = True
        idle, self._idle = self._idle, []
        for each in idle:
            each.connection.close()

    @contextlib.asynccontextmanager
    async def send(
        self, request: Request, proxy: Proxy | None, *, silence: float, once: bool = False
    ) -> AsyncIterator[Response]:
        """Send a request; its response, whose headers have arrived, until the block ends.

        A server may close a kept connection just as it is used again: then the request is sent on a new one,
        unless it may be sent only `once`. No read waits for longer than `silence` seconds. Raises
        NotConnected, OSError, HTTPException, ValueError for a URL, and what `proxy_refusal` gives.
        """
        route = route_of(request.url, proxy)
        async with self._places:
            connection, response = await self._answered(request, route, silence, once=once)
            try:
                yield response
            finally:
                if connection.release() and not self._is_closed:
                    self._idle.append(_Idle(route, connection, time.monotonic()))
                else:
                    connection.close()

    async def _answered(
        self, request: Request, route: Route, silence: float, *, once: bool
    ) -> tuple[ThreadedConnection, Response]:
        kept = None if once else self._kept(route)
        if kept is not None:
            try:
                return kept, await _ask(kept, request, route, silence)
            except TimeoutError:
                raise
            except OSError:
                pass  # the server had closed the idle connection: a new one says more
        connection = await self._connected(route, silence)
        return connection, await _ask(connection, request, route, silence)

    def _kept(self, route: Route) -> ThreadedConnection | None:
        """Take the connection there that was used last, and close those that are too old."""
        oldest = time.monotonic() - _IDLE_SECONDS
        old = [each for each in self._idle if each.since < oldest]
        for each in old:
            self._idle.remove(each)
            each.connection.close()
        usable = [each for each in self._idle if each.route == route]
        if not usable:
            return None
        self._idle.remove(usable[-1])
        return usable[-1].connection

    async def _connected(self, route: Route, silence: float) -> ThreadedConnection:
        try:
            connection = ThreadedConnection(await connect(route, self._open_socket))
            if route.tls is not None:
                with _closed_on_error(connection):
                    await connection.run(partial(finish, route=route), silence)
        except TimeoutError:
            raise
        except OSError as error:
            raise NotConnected(error) from error
        return connection


async def _ask(connection: ThreadedConnection, request: Request, route: Route, silence: float) -> Response:
    target = request_target(request.url)
    headers = {**_HEADERS, **request.headers}
    if route.proxy is not None and route.tls is None:  # else there is a tunnel
        target = f"http://{authority(route.host, route.port)}{target}"
        headers |= route.proxy.headers
    with _closed_on_error(connection):
        answer = await connection.ask(request.method, target, headers, request.body, silence)
    return Response(
        origin_of(request.url), answer.status, answer.headers, request.headers, connection.read_some
    )


@contextlib.contextmanager
def _closed_on_error(connection: ThreadedConnection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise
