"""Shutdown: connections are closed and readiness is denied once a process was told to stop."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web


@dataclass(slots=True)
class Shutdown:
    """Whether this process has been told to stop."""

    stopping: bool = False


SHUTDOWN: web.AppKey[Shutdown] = web.AppKey("shutdown", Shutdown)
