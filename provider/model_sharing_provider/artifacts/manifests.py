"""Manifests of versions: written once at registration, read often, cached in memory.

The auxiliary files of a version, chunk maps and deltas, lie beside its manifest; a version may have none.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from cachetools import LRUCache

from model_sharing_protocol.chunk_maps import ChunkMap, read_maps, write_maps
from model_sharing_protocol.errors import CorruptArtifact, NotFound
from model_sharing_protocol.manifest import Manifest, ManifestFile
from model_sharing_provider.artifacts.fingerprints import CHUNKED_FROM_BYTES
from model_sharing_provider.artifacts.layout import (
    bundle_path,
    chunk_maps_path,
    delta_path,
    deltas_root,
    manifest_path,
    waiting_chunk_map_path,
)
from model_sharing_provider.artifacts.store import ArtifactStore

if TYPE_CHECKING:
    from model_sharing_provider.domain.uploads import UploadedFile

_CACHED_FILES = 200_000
_CHUNK_MAPS = "chunk maps"


@dataclass(frozen=True, slots=True)
class VersionFiles:
    """Manifest of a version with its files by digest, as file routes name them.

    `auxiliary_files` are its chunk maps and deltas by digest, with the paths where they are stored.
    """

    manifest: Manifest
    by_sha256: dict[str, ManifestFile]
    auxiliary_files: dict[str, tuple[ManifestFile, str]]

    def file(self, sha256: str) -> ManifestFile:
        """File with this digest. Raises NotFound."""
        found = self.by_sha256.get(sha256)
        if found is None:
            raise NotFound(f"This version has no file with the digest {sha256}.")
        return found


def auxiliary_file_paths(version_id: str, manifest: Manifest) -> Iterator[tuple[ManifestFile, str]]:
    """Chunk maps and deltas of a version, with their paths in the store."""
    if manifest.chunk_maps is not None:
        yield manifest.chunk_maps, chunk_maps_path(version_id)
    for delta in manifest.deltas:
        yield delta.file, delta_path(version_id, delta.target, delta.base)


class Manifests:
    """Manifests in the store, with a cache, since they never change."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self._cache: LRUCache[str, VersionFiles] = LRUCache(_CACHED_FILES, _weight)

    async def write(
        self, version_id: str, manifest: Manifest, maps: Iterable[ChunkMap | None] = ()
    ) -> Manifest:
        """Write the manifest of a version, and the chunk maps of its large files, which it then names.

        Where they would be too much, they are without the block digests, which are of no file's name.
        """
        described = {found.sha256: found for found in maps if found is not None}
        digests = {file.sha256 for file in manifest.files}
        of_files = [found for found in described.values() if found.sha256 in digests]
        content = await asyncio.to_thread(lambda: write_maps(described.values()) or write_maps(of_files))
        if content:
            sha256 = (await asyncio.to_thread(hashlib.sha256, content)).hexdigest()
            await self._put(chunk_maps_path(version_id), content)
            chunk_maps = ManifestFile(_CHUNK_MAPS, len(content), sha256)
            manifest = msgspec.structs.replace(manifest, chunk_maps=chunk_maps)
        await self._put(manifest_path(version_id), manifest.to_json())
        return manifest

    async def copy(self, source: str, target: str) -> None:
        """Give the version `target` the manifest and the auxiliary files of `source`."""
        manifest = (await self.read(source)).manifest
        places = zip(
            auxiliary_file_paths(source, manifest), auxiliary_file_paths(target, manifest), strict=True
        )
        for (_, old_path), (_, new_path) in places:
            await self._store.link(old_path, new_path)
            await self._store.sync(new_path)
        await self._put(manifest_path(target), manifest.to_json())

    async def delete(self, version_id: str) -> None:
        """Delete the manifest of a version, and all that lies beside it."""
        self._cache.pop(version_id, None)
        await self._store.discard(manifest_path(version_id))
        await self._store.discard(chunk_maps_path(version_id))
        await self._store.discard(bundle_path(version_id))
        await self._store.discard_below(deltas_root(version_id))

    async def chunk_maps(self, version_id: str) -> dict[str, ChunkMap]:
        """Chunk maps of a version's large files, by digest. Raises NotFound, CorruptArtifact."""
        known = await self.read(version_id)
        if known.manifest.chunk_maps is None:
            return {}
        listed = await asyncio.to_thread(read_maps, await self._store.get_bytes(chunk_maps_path(version_id)))
        return {sha256: found for sha256, found in listed.items() if sha256 in known.by_sha256}

    async def put_waiting(self, version_id: str, sha256: str, maps: Iterable[ChunkMap | None]) -> str:
        """Store the chunk maps of an uploaded file until its version is published; their sha256, if any."""
        content = write_maps(found for found in maps if found is not None)
        if not content:
            return ""
        await self._store.put_bytes(waiting_chunk_map_path(version_id, sha256), content)
        return hashlib.sha256(content).hexdigest()

    async def waiting(self, version_id: str, files: Iterable[UploadedFile]) -> tuple[list[ChunkMap], bool]:
        """Stored chunk maps of these uploaded files, and whether all are those that were made for them.

        Of others, which somebody may have put there, chunks are taken, which are hints, and no blocks.
        """
        maps: list[ChunkMap] = []
        vouched = True
        for file in files:
            if file.size >= CHUNKED_FROM_BYTES:
                with contextlib.suppress(NotFound, CorruptArtifact):
                    content = await self._store.get_bytes(waiting_chunk_map_path(version_id, file.sha256))
                    found = await asyncio.to_thread(read_maps, content)
                    if hashlib.sha256(content).hexdigest() == file.chunk_map:
                        maps += found.values()
                    else:
                        vouched = False
                        maps += (each for each in found.values() if each.sha256 == file.sha256)
        return maps, vouched

    async def _put(self, path: str, content: bytes) -> None:
        await self._store.put_bytes(path, content)
        await self._store.sync(path)

    async def read(self, version_id: str) -> VersionFiles:
        """Read the files of a version. Raises NotFound, or CorruptArtifact for a damaged manifest."""
        cached = self._cache.get(version_id)
        if cached is None:
            manifest = await self.read_stored(version_id)
            cached = VersionFiles(
                manifest,
                {file.sha256: file for file in manifest.files},
                {file.sha256: (file, path) for file, path in auxiliary_file_paths(version_id, manifest)},
            )
            if _weight(cached) <= _CACHED_FILES:
                self._cache[version_id] = cached
        return cached

    async def read_stored(self, version_id: str) -> Manifest:
        """Read the manifest from the store, bypassing the cache."""
        return Manifest.from_json(await self._store.get_bytes(manifest_path(version_id)))


def _weight(files: VersionFiles) -> int:
    return len(files.by_sha256) + len(files.auxiliary_files) + 1
