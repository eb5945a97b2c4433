"""Temporary credentials for the storage of versions, at the object store itself.

Nobody can take them back: access that is revoked ends for their bearer when they expire. Those of a READY
version are for reading; those of a PENDING one write to a folder that its files are taken from when it is
finalized, so that what is READY cannot be changed with any.
"""

from __future__ import annotations

from model_sharing_provider.artifacts.credentials.vending import Vending
from model_sharing_provider.artifacts.layout import direct_root
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.credentials import TemporaryCredentials
from model_sharing_provider.domain.securables import ModelVersion, VersionStatus


class StorageCredentials:
    """Credentials of the one cloud that the settings name; who may have them, other services decide."""

    def __init__(self, artifacts: ArtifactStore, vending: Vending) -> None:
        self._artifacts = artifacts
        self._vending = vending

    @property
    def offered(self) -> bool:
        """True if there are credentials for what is stored below the artifact root."""
        return self._vending.covers(self._artifacts.location(""))

    def location(self, version: ModelVersion) -> str | None:
        """The folder of a version as its cloud's clients write it, if there are credentials for it.

        Of a PENDING version, the one to write to.
        """
        location = self._location(version)
        return self._vending.address(location) if location else None

    async def vend(self, version: ModelVersion, *, write: bool = False) -> TemporaryCredentials | None:
        """To read a READY version, or to write a PENDING one; None where there are none."""
        location = self._location(version)
        if location is None or (version.status is VersionStatus.READY) is write:
            return None
        self._artifacts.check_allowed(version.storage_path)
        return await self._vending.vend(location, version.id.replace("-", ""), write=write)

    def _location(self, version: ModelVersion) -> str | None:
        match version.status:
            case VersionStatus.READY:
                location = self._artifacts.location(version.storage_path)
            case VersionStatus.PENDING_REGISTRATION:
                location = self._artifacts.location(direct_root(version.id))
            case VersionStatus.FAILED_REGISTRATION:
                return None
        return location if self._vending.covers(location) else None
