"""File locations: folders of a local artifact root, for clients on this machine.

MLflow's `uc:` store, and other clients of open-source Unity Catalog, read and write the files of a version
themselves where they find a `file://` location. They need the permissions of the server's user for it.
"""

from __future__ import annotations

import ipaddress

from model_sharing_provider.artifacts.layout import direct_root
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.securables import ModelVersion, VersionStatus


class FileLocations:
    def __init__(self, artifacts: ArtifactStore, *, shown: bool) -> None:
        self._artifacts = artifacts
        self._shown = shown and not artifacts.in_bucket

    def location(self, address: str, version: ModelVersion) -> str | None:
        """Folder of a version as a `file://` URL; None if the files are not for a client there to find.

        Only a client of this machine gets one, for a version whose files are all here and may be used: not
        for one that was recalled, or that came from another provider. A PENDING version has its upload
        folder, from which finalization copies.
        """
        if not self._shown or not _is_loopback(address):
            return None
        if version.status is VersionStatus.PENDING_REGISTRATION:
            return self._artifacts.location(direct_root(version.id))
        if version.status is not VersionStatus.READY or version.in_place:
            return None
        if version.recalled_at is not None or version.origin is not None:
            return None
        return self._artifacts.location(version.storage_path)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
