"""Chunking: boundaries of the chunks of a large file, found while its bytes are streamed.

Each tensor of a safetensors or GGUF file is its own chunk, in blocks of at most 16 MiB: changed tensors are
fetched, unchanged ones are found at any position, also in another shard. Any other format is cut by its
content (FastCDC), so that insertions and deletions move only the boundaries nearby.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Protocol

from pyfastcdc import FastCDC

from model_sharing_protocol.chunk_maps import MAX_CHUNK_BYTES, ChunkMapWriter
from model_sharing_provider.artifacts.tensor_boundaries import HeadTooShort, tensor_boundaries

AVERAGE_CHUNK_BYTES = 256 * 1024
_LARGEST_CHUNK_BYTES = 4 * AVERAGE_CHUNK_BYTES


class _Cutter(Protocol):
    def feed(self, data: memoryview) -> None: ...

    def finish(self) -> None:
        """Finish, after the last bytes."""


class Chunker:
    """Chunker of one file, which adds its chunks to `writer`. Methods block: call them from a thread."""

    def __init__(self, writer: ChunkMapWriter) -> None:
        self._writer = writer
        self._head = bytearray()
        self._needed = 1
        self._cutter: _Cutter | None = None

    def feed(self, data: bytes | memoryview) -> None:
        """Process the next bytes of the file."""
        if self._cutter is not None:
            self._cutter.feed(memoryview(data))
            return
        self._head += data
        if len(self._head) < self._needed:
            return
        try:
            self._begin(tensor_boundaries(bytes(self._head)))
        except HeadTooShort as too_short:
            self._needed = too_short.needed

    def finish(self) -> None:
        cutter = self._cutter or self._begin([])
        cutter.finish()

    def _begin(self, boundaries: Sequence[int]) -> _Cutter:
        self._cutter = _ByTensor(self._writer, boundaries) if boundaries else _ByContent(self._writer)
        self._cutter.feed(memoryview(self._head))
        self._head = bytearray()
        return self._cutter


class _ByTensor:
    """Cutter at the given boundaries, and after 16 MiB at the latest."""

    def __init__(self, writer: ChunkMapWriter, boundaries: Sequence[int]) -> None:
        self._writer = writer
        self._sizes = _block_sizes(boundaries)
        self._size = next(self._sizes)
        self._filled = 0
        self._digest = hashlib.sha256()

    def feed(self, data: memoryview) -> None:
        while data:
            part = data[: self._size - self._filled]
            self._digest.update(part)
            self._filled += len(part)
            if self._filled == self._size:
                self._cut()
                self._size = next(self._sizes)
            data = data[len(part) :]

    def finish(self) -> None:
        if self._filled:
            self._cut()

    def _cut(self) -> None:
        self._writer.add(self._filled, self._digest.digest())
        self._filled = 0
        self._digest = hashlib.sha256()


class _ByContent:
    """Cutter by content. Bytes that may belong to the next chunk are buffered."""

    def __init__(self, writer: ChunkMapWriter) -> None:
        self._writer = writer
        self._fastcdc = FastCDC(AVERAGE_CHUNK_BYTES, max_size=_LARGEST_CHUNK_BYTES)
        self._waiting = bytearray()

    def feed(self, data: memoryview) -> None:
        self._waiting += data
        self._cut(len(self._waiting) - _LARGEST_CHUNK_BYTES)

    def finish(self) -> None:
        self._cut(len(self._waiting))

    def _cut(self, before: int) -> None:
        """Add the chunks that begin before this position."""
        done = 0
        if before > 0:
            with memoryview(self._waiting) as waiting:
                for chunk in self._fastcdc.cut_buf(bytes(waiting)):
                    if done >= before:
                        break
                    self._writer.add(chunk.length, hashlib.sha256(chunk.data).digest())
                    done += chunk.length
            del self._waiting[:done]


def _block_sizes(boundaries: Sequence[int]) -> Iterator[int]:
    """Sizes of blocks that end at the given boundaries, at most 16 MiB each; then endless full blocks."""
    position = 0
    for end in boundaries:
        while position < end:
            size = min(MAX_CHUNK_BYTES, end - position)
            yield size
            position += size
    while True:
        yield MAX_CHUNK_BYTES
