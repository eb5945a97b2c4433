"""Watching of a share in tests: the events that one watcher got, and what it noticed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import model_sharing
from model_sharing.catalogs.events import CatalogEvent
from support.fake_provider.server import FakeProvider
from support.patience import PATIENCE


def brief(event: CatalogEvent) -> str:
    name = event.full_name.removeprefix("vendor.")
    previous = event.previous_name and event.previous_name.removeprefix("vendor.")
    return " ".join(str(part) for part in (event.kind, previous, name, event.version, event.alias) if part)


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait for what is to happen."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if condition():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


class Watched:
    """Events that one watcher got, with what it noticed."""

    def __init__(self, catalog: model_sharing.AsyncCatalog, **wanted: object) -> None:
        self.notices: list[str] = []
        self._events: AsyncIterator[CatalogEvent] = catalog.watch(
            notify=self.notices.append,
            **wanted,  # type: ignore[arg-type]
        )
        self._next: asyncio.Task[CatalogEvent] | None = None

    async def started(self, provider: FakeProvider) -> None:
        """Wait until it knows the present state."""

        def listings() -> int:
            return sum("/all-models" in request.path for request in provider.requests)

        before = listings()
        self._ask()
        await eventually(lambda: listings() > before)
        await asyncio.sleep(0.1)

    async def next(self) -> CatalogEvent:
        task = self._ask()
        self._next = None
        return await asyncio.wait_for(task, PATIENCE)

    async def briefs(self, number: int) -> list[str]:
        return [brief(await self.next()) for _ in range(number)]

    def _ask(self) -> asyncio.Task[CatalogEvent]:
        async def ask() -> CatalogEvent:
            return await anext(self._events)

        self._next = self._next or asyncio.create_task(ask())
        return self._next

    async def close(self) -> None:
        if self._next is not None:
            self._next.cancel()
            await asyncio.wait([self._next])
