"""Undo for bytes that were written ahead of the rows that need them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from model_sharing_protocol.errors import MetastoreUnavailable


@asynccontextmanager
async def discard_unless_committed(discard: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Discard what was written when the block fails, unless its rows may have been committed all the same.

    So it may be after MetastoreUnavailable, where the answer to the commit may be what was lost, and after a
    cancellation. What nobody needs then, garbage collection finds.
    """
    try:
        yield
    except MetastoreUnavailable:
        raise
    except Exception:
        await discard()
        raise
