"""Chunking: boundaries of the chunks of a large file, found while its bytes are streamed.

Each tensor of a safetensors file is its own chunk, in blocks of at most 16 MiB: changed tensors are fetched,
unchanged ones are found at any position. Any other format is cut by its content (FastCDC), so that insertions
and deletions move only the boundaries nearby.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec
from pyfastcdc import FastCDC

from model_sharing_protocol.chunk_maps import MAX_CHUNK_BYTES, ChunkMapWriter

AVERAGE_CHUNK_BYTES = 256 * 1024
_LARGEST_CHUNK_BYTES = 4 * AVERAGE_CHUNK_BYTES
_LARGEST_HEADER_BYTES = 16 * 1024 * 1024
_LENGTH_BYTES = 8
HEADER_STARTS_BYTES = _LENGTH_BYTES + 1
"""Number of bytes at the start of a file that `header_end` needs."""
# Tensors smaller than this on average are not worth their entries in a map.
_SMALLEST_TENSORS_BYTES = 16 * 1024


class _Cutter(Protocol):
    def feed(self, data: memoryview) -> None: ...

    def finish(self) -> None:
        """Finish, after the last bytes."""


class Chunker:
    """Chunker of one file, which adds its chunks to `writer`. Methods block: call them from a thread."""

    def __init__(self, writer: ChunkMapWriter) -> None:
        self._writer = writer
        self._head = bytearray()
        self._cutter: _Cutter | None = None

    def feed(self, data: bytes | memoryview) -> None:
        """Process the next bytes of the file."""
        if self._cutter is not None:
            self._cutter.feed(memoryview(data))
            return
        self._head += data
        if len(self._head) >= header_end(self._head):
            self._begin()

    def finish(self) -> None:
        if self._cutter is None:
            self._begin()
        assert self._cutter is not None  # noqa: S101 - just begun
        self._cutter.finish()

    def _begin(self) -> None:
        ends = _tensor_ends(self._head)
        self._cutter = _ByTensor(self._writer, ends) if ends else _ByContent(self._writer)
        self._cutter.feed(memoryview(self._head))
        self._head = bytearray()


class _ByTensor:
    """Cutter at the given ends, and after 16 MiB at the latest."""

    def __init__(self, writer: ChunkMapWriter, ends: Sequence[int]) -> None:
        self._writer = writer
        self._sizes = _block_sizes(ends)
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


def header_end(head: bytes | bytearray) -> int:
    """End of the safetensors header at the start of a file; 0 if it is not a safetensors file.

    The result is larger than `head` if that is too short to tell.
    """
    if len(head) < HEADER_STARTS_BYTES:
        return HEADER_STARTS_BYTES
    length = int.from_bytes(head[:_LENGTH_BYTES], "little")
    is_candidate = head[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{" and length <= _LARGEST_HEADER_BYTES
    return _LENGTH_BYTES + length if is_candidate else 0


class _Tensor(msgspec.Struct):
    data_offsets: tuple[int, int]


def _tensor_ends(head: bytes | bytearray) -> list[int]:
    """Ends of the header and the tensors of a safetensors file; empty for other or unusual files.

    Unusual files have incomplete headers or ones over 16 MiB, overlapping tensors, or tensors of a few bytes.
    """
    end = header_end(head)
    if not HEADER_STARTS_BYTES < end <= len(head):
        return []
    try:
        header = msgspec.json.decode(head[_LENGTH_BYTES:end], type=dict[str, msgspec.Raw])
        header.pop("__metadata__", None)
        spans = sorted(msgspec.json.decode(entry, type=_Tensor).data_offsets for entry in header.values())
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []
    ends = [end]
    for start, stop in spans:
        if not ends[-1] <= end + start <= end + stop:
            return []
        ends += [end + start, end + stop]
    return ends if ends[-1] - end >= max(1, len(spans)) * _SMALLEST_TENSORS_BYTES else []


def _block_sizes(ends: Sequence[int]) -> Iterator[int]:
    """Sizes of blocks that end at the given ends, at most 16 MiB each; then endless full blocks."""
    position = 0
    for end in ends:
        while position < end:
            size = min(MAX_CHUNK_BYTES, end - position)
            yield size
            position += size
    while True:
        yield MAX_CHUNK_BYTES
