"""Streams of bytes on their way into the store, in pieces of one size."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

PIECE_BYTES = 4 * 1024 * 1024


async def in_pieces(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Rearrange bytes into pieces of 4 MiB; the last one is shorter."""
    waiting = bytearray()
    async for chunk in chunks:
        waiting += chunk
        while len(waiting) >= PIECE_BYTES:
            yield bytes(waiting[:PIECE_BYTES])
            del waiting[:PIECE_BYTES]
    if waiting:
        yield bytes(waiting)


async def chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Stream of one piece, and then of others."""
    yield first
    async for piece in rest:
        yield piece
