"""Deltas for a new version's large files from those of an older one, for recipients who have that."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from model_sharing_protocol.errors import InvalidState, NotFound
from model_sharing_protocol.manifest import Delta, Manifest, ManifestFile
from model_sharing_provider.artifacts.fingerprints import CHUNKED_FROM_BYTES
from model_sharing_provider.artifacts.locations import delta_path
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.artifacts.xor_deltas import Stored, write_delta
from model_sharing_provider.domain.securables import ModelVersion, RegisteredModel, VersionStatus
from model_sharing_provider.services.context import Operation


async def find_base(operation: Operation, model: RegisteredModel | None, number: int) -> ModelVersion:
    """The version of a model that deltas are to be made from. Raises NotFound, InvalidState."""
    base = await operation.rows.versions.find(model.id, number) if model else None
    if base is None:
        raise NotFound(f"There is no version {number} of this model that a delta could be made from.")
    if base.status is not VersionStatus.READY:
        raise InvalidState(f"Version {number} is {base.status}; deltas are only made from READY ones.")
    return base


async def make_deltas(
    artifacts: ArtifactStore,
    manifests: Manifests,
    *,
    version: ModelVersion,
    manifest: Manifest,
    base: ModelVersion,
    progress: Callable[[int, int], None] | None,
) -> list[Delta]:
    """Write a delta for each large file that `base` has at the same path with other content.

    Only those that are clearly smaller than their file are kept. `progress` is told the bytes looked at, and
    how many there are. Raises NotFound, CorruptArtifact, PermissionDenied, DiskFull.
    """
    pairs = _pairs(manifest, (await manifests.read(base.id)).manifest)
    total, done = sum(file.size for file, _ in pairs.values()), 0

    def encoded(size: int) -> None:
        nonlocal done
        done += size
        if progress:
            progress(done, total)

    deltas = []
    for (target, origin), (file, old) in pairs.items():
        made = await write_delta(
            artifacts,
            delta_path(version.id, target, origin),
            Stored(f"{version.storage_path}/{file.path}", file.size),
            Stored(f"{base.storage_path}/{old.path}", old.size),
            encoded,
        )
        if made is not None:
            deltas.append(Delta(target, origin, made.size, made.sha256))
    return deltas


def _pairs(manifest: Manifest, base: Manifest) -> Mapping[tuple[str, str], tuple[ManifestFile, ManifestFile]]:
    """Files that are worth a delta, each with what to make it of, by their digests."""
    older = {file.path: file for file in base.files}
    known = {file.sha256 for file in base.files}
    return {
        (file.sha256, old.sha256): (file, old)
        for file in manifest.files
        if file.size >= CHUNKED_FROM_BYTES
        and file.sha256 not in known
        and (old := older.get(file.path)) is not None
    }
