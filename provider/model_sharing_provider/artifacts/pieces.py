"""The bytes of one object, piece by piece, each read while the one before is on its way.

Local files are read by plain `pread`s in threads: that moves twice as many bytes a second as reading them by
way of the object stores' client. Each piece opens the file anew, so that a reader that was given up leaves
nothing open.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from pathlib import Path

import obstore
from obstore.store import LocalStore, ObjectStore

_LOCAL_BYTES = 1024 * 1024
_REMOTE_BYTES = 4 * 1024 * 1024

Fetch = Callable[[int, int], Awaitable[memoryview]]


async def read_pieces(store: ObjectStore, key: str, start: int, end: int) -> AsyncGenerator[memoryview]:
    """The bytes from `start` to before `end`, one piece read ahead; an empty piece if the object ends before.

    Raises OSError, or obstore's errors.
    """
    if isinstance(store, LocalStore):
        fetch: Fetch = partial(_from_file, Path(store.prefix or "/") / key)
        length = _LOCAL_BYTES
    else:
        fetch = partial(_from_store, store, key)
        length = _REMOTE_BYTES
    position = start
    ahead = _begin(fetch, position, min(position + length, end))
    try:
        while ahead is not None:
            piece = await ahead
            position += len(piece)
            ahead = _begin(fetch, position, min(position + length, end)) if piece else None
            yield piece
    finally:
        if ahead is not None:
            ahead.cancel()


def _begin(fetch: Fetch, start: int, end: int) -> asyncio.Future[memoryview] | None:
    return asyncio.ensure_future(fetch(start, end)) if start < end else None


async def _from_store(store: ObjectStore, key: str, start: int, end: int) -> memoryview:
    return memoryview(await obstore.get_range_async(store, key, start=start, end=end))


async def _from_file(path: Path, start: int, end: int) -> memoryview:
    return memoryview(await asyncio.to_thread(_pread, path, start, end))


def _pread(path: Path, start: int, end: int) -> bytes:
    with path.open("rb", buffering=0) as file:
        return os.pread(file.fileno(), end - start, start)
