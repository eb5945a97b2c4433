"""Temporary credentials for the object store, limited to one version's files.

They cannot be revoked: after a revocation, access ends when they expire. Credentials of a READY version are
for reading; those of a PENDING one write to an upload folder, from which finalization copies, so that none
can change a READY version.
"""

from __future__ import annotations

from model_sharing_provider.artifacts.credentials.vending import Vending
from model_sharing_provider.artifacts.layout import direct_root, model_root
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.credentials import TemporaryCredentials
from model_sharing_provider.domain.securables import ModelVersion, VersionStatus


class StorageCredentials:
    """Credentials of the cloud in the settings; other services decide who may get them."""

    def __init__(self, artifacts: ArtifactStore, vending: Vending) -> None:
        self._artifacts = artifacts
        self._vending = vending

    def location(self, version: ModelVersion) -> str | None:
        """Folder of a version, as a URL of its cloud; None if the storage issues no credentials for it.

        For a PENDING version, it is the upload folder.
        """
        location = self._location(version)
        return self._vending.address(location) if location else None

    def model_location(self, model_id: str) -> str | None:
        """Folder of a model's versions, as a URL of its cloud; None if the storage issues no credentials.

        Files that were registered in place are elsewhere: where, each version says.
        """
        location = self._artifacts.location(model_root(model_id))
        return self._vending.address(location) if self._vending.covers(location) else None

    async def vend(self, version: ModelVersion, *, write: bool = False) -> TemporaryCredentials | None:
        """Credentials to read a READY version, or to write a PENDING one; None if the storage issues none."""
        location = self._location(version)
        if location is None or (version.status is VersionStatus.READY) is write:
            return None
        self._artifacts.check_allowed(version.storage_path)
        return await self._vending.vend(location, version.id.replace("-", ""), write=write)

    def _location(self, version: ModelVersion) -> str | None:
        match version.status:
            case VersionStatus.READY if version.in_place and version.num_files == 1:
                # It may be a file of a folder that has others, which credentials would open with it.
                return None
            case VersionStatus.READY:
                location = self._artifacts.location(version.storage_path)
            case VersionStatus.PENDING_REGISTRATION:
                location = self._artifacts.location(direct_root(version.id))
            case VersionStatus.FAILED_REGISTRATION:
                return None
        return location if self._vending.covers(location) else None
