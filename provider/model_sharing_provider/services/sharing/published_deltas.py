"""Deltas of a version that its recipients may fetch."""

from __future__ import annotations

from model_sharing_protocol.manifest import Delta, Manifest
from model_sharing_provider.domain.securables import ModelVersion, VersionStatus
from model_sharing_provider.services.context import Operation


async def published_deltas(operation: Operation, version: ModelVersion, manifest: Manifest) -> list[Delta]:
    """Deltas of a version that recipients may fetch.

    A file and its delta reveal the base. So a delta is withheld once its base is deleted, and if the version
    was copied to another model, which may be shared with others.
    """
    bases = {delta.base_version for delta in manifest.deltas}
    found = [await operation.rows.versions.find_by_id(version_id) for version_id in bases]
    shared = {
        base.id
        for base in found
        if base and base.model_id == version.model_id and base.status is VersionStatus.READY
    }
    return [delta for delta in manifest.deltas if delta.base_version in shared]
