"""Block digests: BLAKE3 of each MiB of a large file, by which its bytes are verified in any order.

The sha256 of a whole file can be computed by one thread only, from the first byte to the last, and takes half
of the CPU of a download. Blocks are verified by whatever thread fetched them, at a third of the cost,
and one that is damaged is known by its place.

They prove a file only if the provider signed them (`signatures`), and only to those who trust that provider:
that the file has the sha256 of the manifest is then its word, and nobody else's. Both sides need the library
blake3, and go without where it is missing.

They are listed among the chunk maps, as the map of a file that there is not (`_name`): those who do not know
of blocks pass over them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Protocol

from model_sharing_protocol.chunk_maps import Chunk, ChunkMap, ChunkMapWriter

BLOCK_BYTES = 1024 * 1024


class _Hash(Protocol):
    def update(self, data: bytes | memoryview, /) -> object: ...

    def digest(self) -> bytes: ...


def is_available() -> bool:
    """True if the library is installed."""
    try:
        import blake3  # noqa: F401, PLC0415 - optional
    except ImportError:
        return False
    return True


def _new_hash() -> _Hash:
    from blake3 import blake3  # noqa: PLC0415 - optional

    return blake3()


class BlockHasher:
    """Hasher of a file's bytes, in their order, block by block. It needs the library."""

    def __init__(self) -> None:
        self._hash = _new_hash()
        self._filled = 0

    def update(self, data: memoryview) -> list[bytes]:
        """Hash the next bytes; the digests of the blocks that are complete with them."""
        complete = []
        while data:
            part = data[: BLOCK_BYTES - self._filled]
            self._hash.update(part)
            self._filled += len(part)
            if self._filled == BLOCK_BYTES:
                complete.append(self.finish())
            data = data[len(part) :]
        return complete

    def finish(self) -> bytes:
        """Digest of the block that was begun, which ends here."""
        digest = self._hash.digest()
        self._hash = _new_hash()
        self._filled = 0
        return digest


class BlockDigestWriter:
    """Block digests under construction. They need the library."""

    def __init__(self) -> None:
        self._hasher = BlockHasher()
        self._writer = ChunkMapWriter()
        self._size = 0

    def update(self, data: bytes | memoryview) -> None:
        """Process the next bytes of the file."""
        self._size += len(data)
        for digest in self._hasher.update(memoryview(data)):
            self._writer.add(BLOCK_BYTES, digest)

    def finish(self, sha256: str) -> ChunkMap:
        """Map to be listed for the file, whose digest this is. A file has at least one byte."""
        if rest := self._size % BLOCK_BYTES:
            self._writer.add(rest, self._hasher.finish())
        return self._writer.finish(_name(sha256))


class BlockDigests:
    """Block digests of one file, as they are listed. Found by `find_block_digests`, which validates."""

    def __init__(self, listed: ChunkMap) -> None:
        self._listed = listed

    def __len__(self) -> int:
        return len(self._listed)

    def block(self, index: int) -> Chunk:
        """Place and digest of a block."""
        size, digest = self._listed.record(index)
        start = index * BLOCK_BYTES
        return Chunk(start, start + size, digest)


def find_block_digests(maps: Mapping[str, ChunkMap], sha256: str, size: int) -> BlockDigests | None:
    """Block digests of a file, if they are listed among these maps, and are of its size."""
    listed = maps.get(_name(sha256))
    if listed is None or listed.size != size:
        return None
    regular = all(
        chunk.start % BLOCK_BYTES == 0 and (chunk.end - chunk.start == BLOCK_BYTES or chunk.end == size)
        for chunk in listed
    )
    return BlockDigests(listed) if regular and len(listed) == -(-size // BLOCK_BYTES) else None


def _name(sha256: str) -> str:
    """Digest under which the blocks of a file are listed: no file has it."""
    return hashlib.sha256(f"blake3 of each MiB of {sha256}".encode()).hexdigest()
