"""Fingerprints of files: size, sha256 and, for large files, the chunk map."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from model_sharing_protocol.chunk_maps import ChunkMap, ChunkMapWriter
from model_sharing_protocol.manifest import ManifestFile
from model_sharing_provider.artifacts.chunking import Chunker

CHUNKED_FROM_BYTES = 8 * 1024 * 1024
"""Size below which files have no chunk map: fetching one takes hardly longer than fetching its map."""

_chunking = ThreadPoolExecutor(os.cpu_count(), "model-sharing-chunk")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Fingerprint of a content: its size in bytes, its sha256, and its chunk map if it has one."""

    size: int
    sha256: str
    chunk_map: ChunkMap | None = None

    def file(self, path: str) -> ManifestFile:
        """Manifest entry for a file with this content at `path`."""
        return ManifestFile(path, self.size, self.sha256)


class Fingerprinter:
    """Fingerprinter of one file. Blocks: call it from a thread. `chunked=False` skips the chunk map."""

    def __init__(self, *, chunked: bool = True) -> None:
        self._digest = hashlib.sha256()
        self._size = 0
        self._writer = ChunkMapWriter()
        self._chunker = Chunker(self._writer) if chunked else None

    def update(self, data: bytes | memoryview) -> None:
        cutting = _chunking.submit(self._chunker.feed, data) if self._chunker else None
        self._digest.update(data)
        self._size += len(data)
        if cutting is not None:
            cutting.result()

    def finish(self) -> Fingerprint:
        """Fingerprint of all bytes so far."""
        sha256 = self._digest.hexdigest()
        if self._chunker is None or self._size < CHUNKED_FROM_BYTES:
            return Fingerprint(self._size, sha256)
        self._chunker.finish()
        return Fingerprint(self._size, sha256, self._writer.finish(sha256))
