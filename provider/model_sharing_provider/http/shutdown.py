"""Shutdown: a process that is to stop closes its connections, and is not ready any more."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web


@dataclass(slots=True)
class Shutdown:
    """Flag that is set when this process is told to stop."""

    stopping: bool = False


SHUTDOWN: web.AppKey[Shutdown] = web.AppKey("shutdown", Shutdown)
