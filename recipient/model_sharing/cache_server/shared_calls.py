"""Shared calls: who asks for the same thing at the same time waits for one call, with all the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from model_sharing_protocol.errors import Interrupted

_CLOSED = "The cache is not served any more."

T = TypeVar("T")


class SharedCalls(Generic[T]):
    """Calls under way, by what they are for. One goes on if those who wait for it go away."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[T]] = {}
        self._closed = False

    async def result(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Result of the call for `key`, which is begun if none is under way.

        Raises Interrupted once the calls are closed.
        """
        if self._closed:
            raise Interrupted(_CLOSED)
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(work())
            task.add_done_callback(lambda done: self._end(key, done))
        await asyncio.wait([task])
        if task.cancelled():
            raise Interrupted(_CLOSED)
        return task.result()

    async def close(self) -> None:
        """Cancel all, and wait until they have tidied up."""
        self._closed = True
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _end(self, key: Hashable, task: asyncio.Task[T]) -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # seen, so that asyncio does not report it where nobody waits any more
