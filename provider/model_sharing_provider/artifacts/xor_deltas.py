"""Creation of XOR deltas from two stored files, which are read in parallel, block by block."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from model_sharing_protocol.weights.safetensors import HEADER_STARTS_BYTES, header_end
from model_sharing_protocol.xor_deltas import BLOCK_BYTES, MAX_HEAD_BYTES, write_block, write_start
from model_sharing_provider.artifacts.fingerprints import Fingerprint
from model_sharing_provider.artifacts.store import ArtifactStore

LARGEST_SHARE = 0.6
"""Largest useful size of a delta, as a fraction of its file; larger ones are discarded."""

_AT_ONCE = os.cpu_count() or 1
_encoding = ThreadPoolExecutor(_AT_ONCE, "model-sharing-delta")


@dataclass(frozen=True, slots=True)
class Stored:
    """Stored file: its path in the store and its size in bytes."""

    path: str
    size: int


async def write_delta(
    store: ArtifactStore, path: str, file: Stored, base: Stored, done: Callable[[int], None]
) -> Fingerprint | None:
    """Write the delta from `base` to `file` at `path`; None, and no delta, if it is not worth it.

    `done` is called with the encoded bytes of the file. Raises NotFound, CorruptArtifact, DiskFull.
    """
    most = int(file.size * LARGEST_SHARE)
    written = await store.put_stream(path, _up_to(most, _encoded(store, file, base, done)), chunked=False)
    if written.size > most:
        await store.discard(path)
        return None
    await store.sync(path)
    return written


async def _up_to(most: int, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pass pieces through, up to the first one that exceeds the limit."""
    size = 0
    async for piece in pieces:
        yield piece
        size += len(piece)
        if size > most:
            return


async def _encoded(
    store: ArtifactStore, file: Stored, base: Stored, done: Callable[[int], None]
) -> AsyncIterator[bytes]:
    head_size, base_start = await _header_size(store, file), await _header_size(store, base)
    head = await _read(store, file, 0, head_size)
    yield write_start(file.size, head, base_start)
    done(head_size)
    waiting: deque[asyncio.Future[bytes]] = deque()
    for start in range(head_size, file.size, BLOCK_BYTES):
        offset = base_start + start - head_size
        block, old = await asyncio.gather(
            _read(store, file, start, start + BLOCK_BYTES), _read(store, base, offset, offset + BLOCK_BYTES)
        )
        waiting.append(asyncio.get_running_loop().run_in_executor(_encoding, write_block, block, old))
        if len(waiting) > _AT_ONCE:
            yield await waiting.popleft()
        done(len(block))
    while waiting:
        yield await waiting.popleft()


async def _header_size(store: ArtifactStore, file: Stored) -> int:
    """Header size of a safetensors file; 0 for any other, which has no header."""
    end = header_end(await _read(store, file, 0, HEADER_STARTS_BYTES))
    return end if end <= min(file.size, MAX_HEAD_BYTES) else 0


async def _read(store: ArtifactStore, file: Stored, start: int, end: int) -> bytes:
    """Read the bytes from `start` up to `end`, or to the end of the file."""
    end = min(end, file.size)
    return b"".join([piece async for piece in store.read(file.path, start, end)]) if start < end else b""
