"""Threads of downloads, which end with the call that waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


async def run_download(fetch: Callable[[], T], stop: Callable[[], None]) -> T:
    """Run a download in a thread; when cancelled, `stop` it and wait until it has tidied up."""
    # A thread of its own: downloads that take hours must not take those that look into the cache.
    thread = ThreadPoolExecutor(1, "model-sharing-download")
    work = asyncio.get_running_loop().run_in_executor(thread, fetch)
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop()
        await asyncio.wait([work])
        if not work.cancelled():
            work.exception()  # seen, so that asyncio does not report it
        raise
    finally:
        thread.shutdown(wait=False)
