"""Signal of changes: wakes those who wait for one, whichever server or worker made it.

One poller for each process reads the change token while anybody waits. Waiting itself takes no connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from model_sharing_protocol.errors import MetastoreUnavailable

POLL_SECONDS = 0.15
MAX_WAITING = 2000
"""Calls that may wait at the same time; further ones are answered at once."""
_RETRY_SECONDS = 1.0


class ChangeSignal:
    """Signal over `read_token`, which returns another value after each transaction that changed rows."""

    def __init__(self, read_token: Callable[[], Awaitable[str]]) -> None:
        self._read_token = read_token
        self._token = ""
        self._changed = asyncio.Event()
        self._waiting = 0
        self._poller: asyncio.Task[None] | None = None
        self._stopped = False

    @property
    def closed(self) -> bool:
        """True if nobody may wait: the process stops, or too many wait."""
        return self._stopped or self._waiting >= MAX_WAITING

    def stop(self) -> None:
        """Wake everybody, for good."""
        self._stopped = True
        self._changed.set()

    async def current(self) -> str:
        """Token that is not newer than the rows that are read next."""
        if self._poller is None:
            self._token = await self._read_token()
        return self._token

    async def changed(self, since: str, seconds: float) -> str:
        """Wait until the token differs from `since`, but not longer than this; return the token."""
        if self._token == since and not self.closed:
            self._waiting += 1
            if self._poller is None:
                self._poller = asyncio.create_task(self._poll())
            try:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), seconds)
            finally:
                self._waiting -= 1
        return self._token

    async def _poll(self) -> None:
        try:
            while self._waiting and not self._stopped:
                await asyncio.sleep(POLL_SECONDS)
                try:
                    token = await self._read_token()
                except MetastoreUnavailable:
                    await asyncio.sleep(_RETRY_SECONDS)
                    continue
                if token != self._token:
                    self._token = token
                    self._changed.set()
                    self._changed = asyncio.Event()
        finally:
            self._poller = None
