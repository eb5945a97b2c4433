"""Closing of idle connections, which aiohttp itself would keep for an hour.

A connection has ten seconds to send a request's head, and may then idle for a minute between requests. A
request's body has its own limit (`bodies`), and so has a client that reads no response (`file_responses`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Protocol

from aiohttp import web

from model_sharing_provider.http.metrics import AUDIT_WAITING, OPEN_CONNECTIONS
from model_sharing_provider.http.requests import PROVIDER
from model_sharing_provider.telemetry.log import log

HEAD_SECONDS = 10.0
IDLE_SECONDS = 60.0
_CHECK_INTERVAL_SECONDS = 1.0


class Connection(Protocol):
    """Part of aiohttp's RequestHandler that is used here."""

    transport: asyncio.Transport | None


class IdleConnections:
    """Connections with the time each became idle, by identity: aiohttp's handlers have no weak references."""

    def __init__(self) -> None:
        self._busy: set[int] = set()
        self._idle_since: dict[int, float] = {}
        self._served: set[int] = set()

    def begin(self, request: web.Request) -> None:
        """Note that the head of a request has arrived."""
        self._busy.add(id(request.protocol))

    def end(self, request: web.Request) -> None:
        """Note that a request is over."""
        connection = id(request.protocol)
        self._busy.discard(connection)
        self._served.add(connection)
        self._idle_since[connection] = time.monotonic()

    def close_idle(self, connections: Iterable[Connection]) -> int:
        """Close connections that have been idle for too long, and count them."""
        now, closed = time.monotonic(), 0
        known = {id(connection): connection for connection in connections}
        self._idle_since = {each: self._idle_since.get(each, now) for each in known if each not in self._busy}
        self._busy &= known.keys()
        self._served &= known.keys()
        for each, since in self._idle_since.items():
            limit = IDLE_SECONDS if each in self._served else HEAD_SECONDS
            transport = known[each].transport
            if now - since > limit and transport is not None:
                transport.abort()
                closed += 1
        return closed


CONNECTIONS: web.AppKey[IdleConnections] = web.AppKey("connections", IdleConnections)


async def watch(app: web.Application, server: web.Server) -> None:
    """Close idle connections, and set the gauges of connections and audit events, every second."""
    while True:
        await asyncio.sleep(_CHECK_INTERVAL_SECONDS)
        OPEN_CONNECTIONS.set(len(server.connections))
        AUDIT_WAITING.set(app[PROVIDER].audit_recorder.waiting)
        if closed := app[CONNECTIONS].close_idle(server.connections):
            log.info("idle connections closed", number=closed)
