"""Fingerprints of files: size, sha256 and, for large files, the chunk map and the block digests."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from model_sharing_protocol.block_digests import BlockDigestWriter, is_available
from model_sharing_protocol.chunk_maps import ChunkMap, ChunkMapWriter
from model_sharing_protocol.manifest import ManifestFile

CHUNKED_FROM_BYTES = 8 * 1024 * 1024
"""Size below which files have no chunk map: fetching one takes hardly longer than fetching its map."""

_chunking = ThreadPoolExecutor(os.cpu_count(), "model-sharing-chunk")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Fingerprint of a content: its size in bytes, its sha256, and its chunk map if it has one.

    `blocks` are its block digests, as chunk maps list them; None as well without the library.
    """

    size: int
    sha256: str
    chunk_map: ChunkMap | None = None
    blocks: ChunkMap | None = None

    @property
    def maps(self) -> tuple[ChunkMap, ...]:
        """What is listed of the content among chunk maps."""
        return tuple(each for each in (self.chunk_map, self.blocks) if each is not None)

    def file(self, path: str) -> ManifestFile:
        """Manifest entry for a file with this content at `path`."""
        return ManifestFile(path, self.size, self.sha256)


class Fingerprinter:
    """Fingerprinter of one file. Blocks: call it from a thread. `chunked=False` skips the chunk map."""

    def __init__(self, *, chunked: bool = True) -> None:
        from model_sharing_provider.artifacts.chunking import Chunker  # noqa: PLC0415 - to publish alone

        self._digest = hashlib.sha256()
        self._size = 0
        self._writer = ChunkMapWriter()
        self._chunker = Chunker(self._writer) if chunked else None
        self._blocks = BlockDigestWriter() if chunked and is_available() else None
        self._beside: list[Callable[[bytes | memoryview], None]] = []
        if self._chunker is not None:
            self._beside.append(self._chunker.feed)
        if self._blocks is not None:
            self._beside.append(self._blocks.update)

    def update(self, data: bytes | memoryview) -> None:
        others = [_chunking.submit(take, data) for take in self._beside]
        self._digest.update(data)
        self._size += len(data)
        for other in others:
            other.result()

    def finish(self) -> Fingerprint:
        """Fingerprint of all bytes so far."""
        sha256 = self._digest.hexdigest()
        if self._chunker is None or self._size < CHUNKED_FROM_BYTES:
            return Fingerprint(self._size, sha256)
        self._chunker.finish()
        blocks = self._blocks.finish(sha256) if self._blocks else None
        return Fingerprint(self._size, sha256, self._writer.finish(sha256), blocks)
