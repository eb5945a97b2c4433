"""Streams of bytes on their way into the store, in pieces of one size."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

PieceT = TypeVar("PieceT", bytes, memoryview)

PIECE_BYTES = 4 * 1024 * 1024


async def in_pieces(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Rearrange bytes into pieces of 4 MiB, each byte copied once; the last piece is shorter."""
    waiting: list[memoryview] = []
    lacking = PIECE_BYTES
    async for chunk in chunks:
        view = memoryview(chunk)
        while len(view) >= lacking:
            waiting.append(view[:lacking])
            view = view[lacking:]
            yield b"".join(waiting)
            waiting, lacking = [], PIECE_BYTES
        if view:
            waiting.append(view)
            lacking -= len(view)
    if waiting:
        yield b"".join(waiting)


async def file_pieces(path: Path) -> AsyncIterator[bytes]:
    """Read a local file in pieces of 4 MiB."""
    with await asyncio.to_thread(path.open, "rb", buffering=0) as file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece


async def taken_in(pieces: AsyncIterable[PieceT], take: Callable[[PieceT], object]) -> AsyncIterator[PieceT]:
    """Pass pieces on, and `take` each in a thread meanwhile: while it is written and the next one is read.

    All were taken once the stream has ended.
    """
    taking: asyncio.Future[object] | None = None
    try:
        async for piece in pieces:
            if taking is not None:
                await taking
            taking = asyncio.ensure_future(asyncio.to_thread(take, piece))
            yield piece
        if taking is not None:
            await taking
    finally:
        if taking is not None:
            await asyncio.gather(taking, return_exceptions=True)


async def chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Stream of one piece, and then of others."""
    yield first
    async for piece in rest:
        yield piece
