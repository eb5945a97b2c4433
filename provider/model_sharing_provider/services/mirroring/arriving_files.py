"""Reading of large files while they arrive: the first reader need not wait for the last byte to begin.

What is sent then is not verified yet. So the last block is held back until the whole file is, and until what
was sent has turned out to be the same: no response that is complete was ever wrong.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

from model_sharing_protocol.errors import CorruptArtifact
from model_sharing_protocol.manifest import ManifestFile
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.pulls import PullSource
from model_sharing_provider.services.mirroring.part_pull import PartPull
from model_sharing_provider.services.mirroring.upstream_fetcher import UpstreamFetcher

LAST_BLOCK_BYTES = 1024 * 1024
_LOOKED_AT_EVERY_SECONDS = 0.1
_BEGINNING_LOOKED_FOR_EVERY_SECONDS = 0.5
"""Where another process fetches, or nothing has come yet."""


class ArrivingFile:
    """File that a pull fetches at the moment, here or in another process on this home."""

    def __init__(
        self, fetcher: UpstreamFetcher, artifacts: ArtifactStore, source: PullSource, file: ManifestFile
    ) -> None:
        self._fetcher = fetcher
        self._artifacts = artifacts
        self._source = source
        self._file = file

    async def has_begun(self, pull: PartPull) -> bool:
        """Wait until the first bytes are here; False if the pull ends before, or the whole file is here."""
        while not pull.is_over_for(self._file):
            if await self._arrived(0):
                return True
            fetches = pull.fetched > 0
            await asyncio.sleep(_LOOKED_AT_EVERY_SECONDS if fetches else _BEGINNING_LOOKED_FOR_EVERY_SECONDS)
        return False

    async def read(self, pull: PartPull, path: str) -> AsyncIterator[memoryview]:
        """Read the file as it arrives, then the rest of it at `path` in the store.

        Raises what the pull fails with, and CorruptArtifact if what was sent was replaced since.
        """
        sent, position = hashlib.sha256(), 0
        last = self._file.size - LAST_BLOCK_BYTES
        while position < last and not pull.is_over_for(self._file):
            piece = (await self._arrived(position))[: last - position]
            if not piece:
                await asyncio.sleep(_LOOKED_AT_EVERY_SECONDS)
                continue
            await asyncio.to_thread(sent.update, piece)
            position += len(piece)
            yield piece
        await pull.wait([self._file])
        held_back = memoryview(b"")
        async for piece in self._artifacts.read(path, position, self._file.size):
            if held_back:
                yield held_back
            await asyncio.to_thread(sent.update, piece)
            held_back = piece
        if sent.hexdigest() != self._file.sha256:
            raise CorruptArtifact(f"{self._file.path!r} was damaged as it arrived, and fetched again.")
        yield held_back

    async def _arrived(self, position: int) -> memoryview:
        return memoryview(await self._fetcher.read_arriving(self._source, self._file, position))
