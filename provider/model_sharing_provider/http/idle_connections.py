"""Connections that ask for nothing are closed: aiohttp itself would keep them for an hour.

A connection has ten seconds to send a request's head, and may then idle for a minute between requests. A
request's body has its own limit (`bodies`), and so has whoever does not take an answer (`file_answers`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Protocol

import structlog
from aiohttp import web

from model_sharing_provider.http.metrics import AUDIT_WAITING, OPEN_CONNECTIONS
from model_sharing_provider.http.requests import PROVIDER

HEAD_SECONDS = 10.0
IDLE_SECONDS = 60.0
_LOOK_EVERY_SECONDS = 1.0

_log = structlog.get_logger("model_sharing_provider")


class Connection(Protocol):
    """What is needed of aiohttp's RequestHandler."""

    transport: asyncio.Transport | None


class IdleConnections:
    """Since when each is quiet; kept by identity, since aiohttp's handlers take no weak reference."""

    def __init__(self) -> None:
        self._busy: set[int] = set()
        self._quiet_since: dict[int, float] = {}
        self._served: set[int] = set()

    def begin(self, request: web.Request) -> None:
        """A request's head has arrived whole."""
        self._busy.add(id(request.protocol))

    def end(self, request: web.Request) -> None:
        """Its answer is on the way."""
        connection = id(request.protocol)
        self._busy.discard(connection)
        self._served.add(connection)
        self._quiet_since[connection] = time.monotonic()

    def close_quiet(self, connections: Iterable[Connection]) -> int:
        """Close those that have been quiet for too long; how many there were."""
        now, closed = time.monotonic(), 0
        known = {id(connection): connection for connection in connections}
        self._quiet_since = {
            each: self._quiet_since.get(each, now) for each in known if each not in self._busy
        }
        self._busy &= known.keys()
        self._served &= known.keys()
        for each, since in self._quiet_since.items():
            limit = IDLE_SECONDS if each in self._served else HEAD_SECONDS
            transport = known[each].transport
            if now - since > limit and transport is not None:
                transport.abort()
                closed += 1
        return closed


CONNECTIONS: web.AppKey[IdleConnections] = web.AppKey("connections", IdleConnections)


async def watch(app: web.Application, server: web.Server) -> None:
    """Look at a server's connections every second, and at what waits, until cancelled."""
    while True:
        await asyncio.sleep(_LOOK_EVERY_SECONDS)
        OPEN_CONNECTIONS.set(len(server.connections))
        AUDIT_WAITING.set(app[PROVIDER].audit_recorder.waiting)
        if closed := app[CONNECTIONS].close_quiet(server.connections):
            _log.info("quiet connections closed", number=closed)
