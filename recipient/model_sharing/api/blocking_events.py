"""Events of a watched share, for code that does not await."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from model_sharing.api import background_loop
from model_sharing.catalogs.events import CatalogEvent, EventFilter
from model_sharing.catalogs.watching import Watcher


def blocking_events(
    new_watcher: Callable[[], Watcher], wanted: EventFilter, seconds: float | None
) -> Iterator[CatalogEvent]:
    """Start to watch now, on the background loop, and iterate over the events for so many seconds.

    Raises what starting to watch raises.
    """

    async def start() -> Watcher:
        watcher = new_watcher()
        await watcher.start()
        return watcher

    end = math.inf if seconds is None else time.monotonic() + seconds
    return _events(background_loop.run(start), wanted, end)


def _events(watcher: Watcher, wanted: EventFilter, end: float) -> Iterator[CatalogEvent]:
    """Iterate until a time of the monotonic clock."""
    events = watcher.events()

    async def next_event() -> CatalogEvent | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(None if end == math.inf else max(0.0, end - time.monotonic())):
                while True:
                    event = await anext(events)
                    if wanted.matches(event):
                        return event
        return None

    while (event := background_loop.run(next_event)) is not None:
        yield event
