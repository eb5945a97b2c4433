"""Closing of silent connections: those on which no request has come, for which aiohttp waits for ever."""

from __future__ import annotations

import asyncio
import time

from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp.web_protocol import RequestHandler

HEAD_SECONDS = 10.0
"""Time that a new connection has to send the head of its first request."""
_CHECKED_EVERY_SECONDS = 1.0


class SilentConnections:
    """Connections without a request so far. After one, aiohttp itself closes what is idle."""

    def __init__(self) -> None:
        self._opened: dict[RequestHandler, float] = {}
        self._heard: set[RequestHandler] = set()

    @web.middleware
    async def listen(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Note that a request has come."""
        self._heard.add(request.protocol)
        return await handler(request)

    async def watch(self, server: web.Server) -> None:
        """Close silent connections, until cancelled."""
        while True:
            await asyncio.sleep(_CHECKED_EVERY_SECONDS)
            self.close_silent(server)

    def close_silent(self, server: web.Server) -> None:
        """Close the connections that were silent for too long."""
        now, there = time.monotonic(), server.connections
        self._heard.intersection_update(there)
        silent = [connection for connection in there if connection not in self._heard]
        self._opened = {connection: self._opened.get(connection, now) for connection in silent}
        for connection, opened in self._opened.items():
            if now - opened > HEAD_SECONDS and connection.transport is not None:
                connection.transport.abort()


SILENT_CONNECTIONS: web.AppKey[SilentConnections] = web.AppKey("silent_connections", SilentConnections)
