"""Manifests of versions: written once at registration, read often, kept in memory while in use."""

from __future__ import annotations

from dataclasses import dataclass

from cachetools import LRUCache

from model_sharing_protocol.errors import NotFound
from model_sharing_protocol.manifest import Manifest, ManifestFile
from model_sharing_provider.artifacts.locations import manifest_path
from model_sharing_provider.artifacts.store import ArtifactStore

_CACHED_FILES = 200_000


@dataclass(frozen=True, slots=True)
class VersionFiles:
    """A version's manifest with its files by digest, since that is how file routes name them."""

    manifest: Manifest
    by_sha256: dict[str, ManifestFile]

    def file(self, sha256: str) -> ManifestFile:
        """The file with this digest; NotFound if the version has none."""
        found = self.by_sha256.get(sha256)
        if found is None:
            raise NotFound(f"This version has no file with the digest {sha256}.")
        return found


class Manifests:
    """Reads and writes manifests. They never change, so what was read once stays right."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self._cache: LRUCache[str, VersionFiles] = LRUCache(
            _CACHED_FILES, lambda files: len(files.by_sha256) + 1
        )

    async def write(self, version_id: str, manifest: Manifest) -> None:
        path = manifest_path(version_id)
        await self._store.put_bytes(path, manifest.to_json())
        await self._store.sync(path)

    async def delete(self, version_id: str) -> None:
        self._cache.pop(version_id, None)
        await self._store.discard(manifest_path(version_id))

    async def read(self, version_id: str) -> VersionFiles:
        """The files of a version. Raises NotFound, or CorruptArtifact for a damaged manifest."""
        cached = self._cache.get(version_id)
        if cached is None:
            manifest = await self.read_stored(version_id)
            cached = VersionFiles(manifest, {file.sha256: file for file in manifest.files})
            if len(cached.by_sha256) < _CACHED_FILES:
                self._cache[version_id] = cached
        return cached

    async def read_stored(self, version_id: str) -> Manifest:
        """The same as it is in the store at this moment, whatever is in memory."""
        return Manifest.from_json(await self._store.get_bytes(manifest_path(version_id)))
