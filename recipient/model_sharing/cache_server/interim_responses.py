"""Interim responses: a client whose file is still being fetched is told to go on waiting.

Clients of the Hub give up after ten seconds of silence, and a file of 40 GB takes minutes until it is
verified; before, not one byte of it is sent. HTTP has an answer for that: any number of `100 Continue` may
come before the response, and every client has to skip them (RFC 9110, section 15.2). `102 Processing` says it
better, but Python's http.client takes that for the response.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from aiohttp import HttpVersion11, web

INTERVAL_SECONDS = 3.0
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

T = TypeVar("T")


async def keep_waiting(request: web.Request, work: Coroutine[Any, Any, T]) -> T:
    """Result of `work`, while the client of `request` is kept waiting for it; nothing was sent to it yet.

    Raises ConnectionResetError, with the work cancelled, if the client goes away.
    """
    task = asyncio.create_task(work)
    try:
        while not (await asyncio.wait([task], timeout=INTERVAL_SECONDS))[0]:
            if request.transport is None or request.transport.is_closing():
                raise ConnectionResetError("the client has gone")
            if request.version >= HttpVersion11:
                request.transport.write(_CONTINUE)
        return task.result()
    finally:
        task.cancel()
