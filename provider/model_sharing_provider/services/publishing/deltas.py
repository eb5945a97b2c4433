"""Deltas for a new version's large files from those of an older one, for recipients that have it."""

from __future__ import annotations

from collections.abc import Mapping

from model_sharing_protocol.errors import InvalidState, NotFound
from model_sharing_protocol.manifest import Delta, Manifest, ManifestFile
from model_sharing_protocol.names import FullName
from model_sharing_protocol.progress import Meter
from model_sharing_provider.artifacts.fingerprints import CHUNKED_FROM_BYTES
from model_sharing_provider.artifacts.layout import delta_path
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.artifacts.xor_deltas import Stored, write_delta
from model_sharing_provider.domain.securables import ModelVersion, RegisteredModel, VersionStatus
from model_sharing_provider.services.context import Operation


async def find_base(
    operation: Operation, name: FullName, model: RegisteredModel | None, number: int
) -> ModelVersion:
    """Find the version of a model to make deltas from. Raises NotFound, InvalidState."""
    base = await operation.rows.versions.find(model.id, number) if model else None
    if base is None:
        raise NotFound(f"'{name}' has no version {number} to make deltas from.")
    if base.status is not VersionStatus.READY:
        raise InvalidState(
            f"Version {number} of '{name}' is {base.status}; deltas can only be made from READY versions."
        )
    return base


async def make_deltas(
    artifacts: ArtifactStore,
    manifests: Manifests,
    *,
    version: ModelVersion,
    manifest: Manifest,
    base: ModelVersion,
    meter: Meter,
) -> list[Delta]:
    """Write a delta for each large file that `base` has at the same path with different content.

    Only deltas clearly smaller than their file are stored. Raises NotFound, CorruptArtifact,
    PermissionDenied, DiskFull.
    """
    pairs = _pairs(manifest, (await manifests.read(base.id)).manifest)
    meter.begin("making deltas", sum(file.size for file, _ in pairs.values()), len(pairs))
    deltas = []
    for (target, origin), (file, old) in pairs.items():
        made = await write_delta(
            artifacts,
            delta_path(version.id, target, origin),
            Stored(f"{version.storage_path}/{file.path}", file.size),
            Stored(f"{base.storage_path}/{old.path}", old.size),
            meter.advance,
        )
        meter.file_done()
        if made is not None:
            deltas.append(Delta(target, origin, made.size, made.sha256, base.id))
    return deltas


def _pairs(manifest: Manifest, base: Manifest) -> Mapping[tuple[str, str], tuple[ManifestFile, ManifestFile]]:
    """Pairs of a file that is worth a delta and its base file, by their digests."""
    older = {file.path: file for file in base.files}
    known = {file.sha256 for file in base.files}
    return {
        (file.sha256, old.sha256): (file, old)
        for file in manifest.files
        if file.size >= CHUNKED_FROM_BYTES
        and file.sha256 not in known
        and (old := older.get(file.path)) is not None
    }
