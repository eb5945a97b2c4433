"""Bundles of versions from other providers: the signature of the files, and the key that made it."""

from __future__ import annotations

import msgspec

from model_sharing_protocol.dsse import PublicKey
from model_sharing_protocol.errors import CorruptArtifact
from model_sharing_protocol.signatures import Bundle
from model_sharing_provider.artifacts.layout import bundle_path
from model_sharing_provider.artifacts.store import ArtifactStore


class StoredBundle(msgspec.Struct, frozen=True):
    """Bundle as it came from the provider, and the PEM of the key that signed it."""

    bundle: Bundle
    key_pem: str

    @property
    def key(self) -> PublicKey:
        return PublicKey.parse(self.key_pem)


class Bundles:
    """Bundles in the store, by the ids of versions; `Manifests.delete` deletes them."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    async def write(self, version_id: str, bundle: StoredBundle) -> None:
        path = bundle_path(version_id)
        await self._store.put_bytes(path, msgspec.json.encode(bundle))
        await self._store.sync(path)

    async def read(self, version_id: str) -> StoredBundle:
        """Read a version's bundle. Raises NotFound, CorruptArtifact."""
        content = await self._store.get_bytes(bundle_path(version_id))
        try:
            return msgspec.json.decode(content, type=StoredBundle)
        except msgspec.MsgspecError as error:
            raise CorruptArtifact(
                f"The stored signature {bundle_path(version_id)} cannot be read."
            ) from error

    async def copy(self, source: str, target: str) -> None:
        """Give the version `target` the bundle of `source`. Raises NotFound."""
        await self._store.link(bundle_path(source), bundle_path(target))
        await self._store.sync(bundle_path(target))
