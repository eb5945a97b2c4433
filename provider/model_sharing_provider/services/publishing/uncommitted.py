"""Cleanup of bytes that were written before the rows that need them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from model_sharing_protocol.errors import MetastoreUnavailable


@asynccontextmanager
async def discard_unless_committed(discard: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Discard written bytes when the block fails, unless its rows may have been committed.

    That is possible after MetastoreUnavailable, when the response to the commit was lost, and after a
    cancellation. Garbage collection then finds bytes that no row needs.
    """
    try:
        yield
    except MetastoreUnavailable:
        raise
    except Exception:
        await discard()
        raise
