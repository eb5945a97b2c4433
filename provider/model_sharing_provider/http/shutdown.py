"""Shutdown flag: a process that is stopping closes its connections and is no longer ready."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web


@dataclass(slots=True)
class Shutdown:
    """Flag that is set when this process is stopping."""

    stopping: bool = False


SHUTDOWN: web.AppKey[Shutdown] = web.AppKey("shutdown", Shutdown)
