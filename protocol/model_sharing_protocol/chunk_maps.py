"""Chunk maps: the large files of a version cut into chunks, each with its sha256.

A client with a similar file finds in the map which chunks it already has, and fetches the rest as ranges. A
map is only a hint, whoever signs it: a file is accepted only if its sha256 is the one in the manifest, or if
its blocks are those of `block_digests`, which are listed in the same object.

All maps of a version are one small object (36 bytes a chunk, numbers big-endian):

    "model-sharing chunk maps 1\\n"
    for each file   its sha256 (32 bytes), its number of chunks (4 bytes)
    for each chunk  its size in bytes (4 bytes), its sha256 (32 bytes); from the start of the file, no gaps
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from model_sharing_protocol.errors import CorruptArtifact

MAX_CHUNK_BYTES = 16 * 1024 * 1024
MAX_CHUNK_MAPS_BYTES = 64 * 1024 * 1024
"""Limit of the object, about two million chunks; larger ones are neither published nor read."""

_MAGIC = b"model-sharing chunk maps 1\n"
_FILE = struct.Struct(">32sI")
_CHUNK = struct.Struct(">I32s")


class Chunk(NamedTuple):
    """The bytes of a file from `start` to before `end`, and their sha256 (32 bytes)."""

    start: int
    end: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class ChunkMap:
    """The chunks of one file, in the order of its bytes. Made by `ChunkMapWriter` or read by `read_maps`."""

    sha256: str
    size: int
    records: bytes | memoryview

    def __iter__(self) -> Iterator[Chunk]:
        start = 0
        for size, sha256 in _CHUNK.iter_unpack(self.records):
            yield Chunk(start, start + size, sha256)
            start += size

    def __len__(self) -> int:
        return len(self.records) // _CHUNK.size

    def record(self, index: int) -> tuple[int, bytes]:
        """Size and sha256 of a chunk, by its number."""
        size, sha256 = _CHUNK.unpack_from(self.records, index * _CHUNK.size)
        return size, sha256


class ChunkMapWriter:
    """Chunk map under construction, chunk by chunk."""

    def __init__(self) -> None:
        self._records = bytearray()
        self._size = 0

    def add(self, size: int, sha256: bytes) -> None:
        """Append the next chunk, of 1 to `MAX_CHUNK_BYTES` bytes."""
        self._records += _CHUNK.pack(size, sha256)
        self._size += size

    def finish(self, sha256: str) -> ChunkMap:
        """Chunk map of the file, whose digest this is."""
        return ChunkMap(sha256, self._size, bytes(self._records))


def write_maps(maps: Iterable[ChunkMap]) -> bytes:
    """Encode the maps of a version as one object; empty without maps, or if it would be too large."""
    parts = [
        part
        for found in maps
        for part in (_FILE.pack(bytes.fromhex(found.sha256), len(found)), found.records)
    ]
    size = len(_MAGIC) + sum(map(len, parts))
    return b"".join((_MAGIC, *parts)) if parts and size <= MAX_CHUNK_MAPS_BYTES else b""


def read_maps(data: bytes) -> dict[str, ChunkMap]:
    """Decode the maps of a version, by the sha256 of their files; CorruptArtifact if they are not valid."""
    if len(data) > MAX_CHUNK_MAPS_BYTES or not data.startswith(_MAGIC):
        raise CorruptArtifact("The chunk maps are not in the format of chunk maps.")
    maps: dict[str, ChunkMap] = {}
    view = memoryview(data)  # of megabytes, which are not copied
    position = len(_MAGIC)
    while position < len(data):
        if len(data) - position < _FILE.size:
            raise CorruptArtifact("The chunk maps end in the middle of a file.")
        digest, count = _FILE.unpack_from(data, position)
        position += _FILE.size
        records = view[position : position + count * _CHUNK.size]
        position += count * _CHUNK.size
        sha256 = digest.hex()
        if position > len(data) or sha256 in maps:
            raise CorruptArtifact(f"The chunk maps end within the file {sha256}, or name it twice.")
        maps[sha256] = ChunkMap(sha256, _checked_size(records), records)
    return maps


def _checked_size(records: memoryview) -> int:
    total = 0
    for size, _ in _CHUNK.iter_unpack(records):
        if not 1 <= size <= MAX_CHUNK_BYTES:
            raise CorruptArtifact(
                f"A chunk map has a chunk that is not between 1 and {MAX_CHUNK_BYTES} bytes long."
            )
        total += size
    if not total:
        raise CorruptArtifact("A chunk map is empty.")
    return total
