"""Read-ahead: each piece of an object, or batch of objects, is fetched while the previous one is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence

_BATCH_BYTES = 1024 * 1024

FetchRange = Callable[[int, int], Awaitable[memoryview]]
FetchWhole = Callable[[Sequence[str]], Awaitable[bytes]]


async def read_pieces(fetch: FetchRange, start: int, end: int, length: int) -> AsyncGenerator[memoryview]:
    """Read the bytes from `start` up to `end` in pieces of `length`; an empty piece if they end earlier."""
    position = start
    ahead: asyncio.Future[memoryview] | None = None
    try:
        while position < end:
            # The first piece is all of a small object: a task for it would cost as much as reading it.
            piece = await (ahead or fetch(position, min(position + length, end)))
            position = position + len(piece) if piece else end
            ahead = _begin(fetch, position, min(position + length, end))
            yield piece
    finally:
        if ahead is not None:
            ahead.cancel()


def _begin(fetch: FetchRange, start: int, end: int) -> asyncio.Future[memoryview] | None:
    return asyncio.ensure_future(fetch(start, end)) if start < end else None


async def read_batches(
    fetch: FetchWhole, objects: Sequence[tuple[str, int]]
) -> AsyncGenerator[tuple[memoryview, int]]:
    """Read objects, given by key and size, in order: batches of bytes with their expected size."""
    batches = list(_batches(objects))
    ahead = _begin_batch(fetch, batches[0]) if batches else None
    try:
        for batch, following in zip(batches, [*batches[1:], None], strict=True):
            assert ahead is not None  # noqa: S101 - begun with each batch
            content = await ahead
            ahead = _begin_batch(fetch, following) if following else None
            yield memoryview(content), sum(size for _, size in batch)
    finally:
        if ahead is not None:
            ahead.cancel()


def _begin_batch(fetch: FetchWhole, batch: Sequence[tuple[str, int]]) -> asyncio.Future[bytes]:
    return asyncio.ensure_future(fetch([key for key, _ in batch]))


def _batches(objects: Sequence[tuple[str, int]]) -> Iterator[list[tuple[str, int]]]:
    batch: list[tuple[str, int]] = []
    for item in objects:
        if batch and sum(size for _, size in batch) + item[1] > _BATCH_BYTES:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch
