"""The bytes of one object, piece by piece, each read while the one before is on its way.

Local files are read by plain `pread`s in threads: that moves twice as many bytes a second as reading them by
way of the object stores' client. Each piece opens the file anew, so that a reader that was given up leaves
nothing open.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import obstore
from obstore.store import LocalStore, ObjectStore

from model_sharing_provider.artifacts.call_timing import call

_LOCAL_BYTES = 1024 * 1024
_REMOTE_BYTES = 4 * 1024 * 1024
_REMOTE_AT_ONCE = 16

Fetch = Callable[[int, int], Awaitable[memoryview]]


async def read_pieces(store: ObjectStore, key: str, start: int, end: int) -> AsyncGenerator[memoryview]:
    """The bytes from `start` to before `end`, one piece read ahead; an empty piece if the object ends before.

    Raises OSError, or obstore's errors.
    """
    if isinstance(store, LocalStore):
        fetch: Fetch = partial(_from_file, store, Path(store.prefix or "/") / key)
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


async def read_objects(
    store: ObjectStore, objects: Sequence[tuple[str, int]]
) -> AsyncGenerator[tuple[memoryview, int]]:
    """Small objects, given by key and size, one after the other: batches of bytes, and of how many there are.

    One batch is read ahead. Raises OSError, or obstore's errors.
    """
    batches = list(_batches(objects))
    fetch = _whole_files if isinstance(store, LocalStore) else _whole_objects
    ahead = asyncio.ensure_future(fetch(store, batches[0])) if batches else None
    try:
        for batch, following in zip(batches, [*batches[1:], None], strict=True):
            assert ahead is not None  # noqa: S101 - begun with each batch
            content = await ahead
            ahead = asyncio.ensure_future(fetch(store, following)) if following else None
            yield memoryview(content), sum(size for _, size in batch)
    finally:
        if ahead is not None:
            ahead.cancel()


def _batches(objects: Sequence[tuple[str, int]]) -> Iterator[list[tuple[str, int]]]:
    batch: list[tuple[str, int]] = []
    for item in objects:
        if batch and sum(size for _, size in batch) + item[1] > _LOCAL_BYTES:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


async def _whole_files(store: ObjectStore, batch: list[tuple[str, int]]) -> bytes:
    assert isinstance(store, LocalStore)  # noqa: S101 - chosen for one
    root = Path(store.prefix or "/")
    with call(store, "read"):
        return await asyncio.to_thread(lambda: b"".join((root / key).read_bytes() for key, _ in batch))


async def _whole_objects(store: ObjectStore, batch: list[tuple[str, int]]) -> bytes:
    slots = asyncio.Semaphore(_REMOTE_AT_ONCE)

    async def one(key: str) -> bytes:
        async with slots:
            with call(store, "read"):
                return bytes(await (await obstore.get_async(store, key)).bytes_async())

    return b"".join(await asyncio.gather(*(one(key) for key, _ in batch)))


def _begin(fetch: Fetch, start: int, end: int) -> asyncio.Future[memoryview] | None:
    return asyncio.ensure_future(fetch(start, end)) if start < end else None


async def _from_store(store: ObjectStore, key: str, start: int, end: int) -> memoryview:
    with call(store, "read"):
        return memoryview(await obstore.get_range_async(store, key, start=start, end=end))


async def _from_file(store: LocalStore, path: Path, start: int, end: int) -> memoryview:
    with call(store, "read"):
        return memoryview(await asyncio.to_thread(_pread, path, start, end))


def _pread(path: Path, start: int, end: int) -> bytes:
    with path.open("rb", buffering=0) as file:
        return os.pread(file.fileno(), end - start, start)
