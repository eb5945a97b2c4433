"""What a download has to fetch: the manifest minus what the cache holds."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass

from model_sharing.cache import Cache
from model_sharing.downloads.parts import part_bytes
from model_sharing_protocol.chunk_maps import MAX_CHUNK_MAPS_BYTES
from model_sharing_protocol.errors import CorruptArtifact, DiskFull, UnsafePath
from model_sharing_protocol.manifest import Delta, Manifest, ManifestFile
from model_sharing_protocol.open_sharing import VersionFile, VersionMetadata


@dataclass(frozen=True, slots=True)
class Plan:
    """`missing` names each content once, however often the manifest does. Sizes are in bytes."""

    manifest: Manifest
    missing: tuple[ManifestFile, ...]
    reused_files: int

    @property
    def size(self) -> int:
        return sum(file.size for file in self.missing)


def manifest_of_answer(metadata: VersionMetadata, files: Iterable[VersionFile]) -> Manifest:
    """The validated manifest of a version query's answer.

    Raises UnsafePath for paths that would leave their folder or that no model has, CorruptArtifact if the
    files are not the ones that the answer's own digest names.
    """
    described = f"{metadata.version.schema}.{metadata.version.model_name} version {metadata.version.version}"
    maps = metadata.chunk_maps
    try:
        manifest = Manifest.of(
            (ManifestFile(file.path, file.size, file.sha256) for file in files),
            ManifestFile("chunk maps", maps.size, maps.sha256)
            if maps and maps.size <= MAX_CHUNK_MAPS_BYTES
            else None,
            (Delta(delta.target, delta.base, delta.size, delta.sha256) for delta in metadata.deltas),
        )
    except UnsafePath as error:
        raise UnsafePath(f"{described} was refused: {error.message} Tell the provider.") from error
    if (manifest.digest, manifest.size) != (metadata.digest, metadata.size):
        raise CorruptArtifact(
            f"The file list of {described} does not match its digest. Try again; if it stays, tell "
            "the provider."
        )
    return manifest


def make_plan(manifest: Manifest, cache: Cache, *, verify: bool = False) -> Plan:
    """Compare with the cache. `verify` hashes what is reused, instead of trusting its seal."""
    contents = {file.sha256: file for file in manifest.files}
    missing = tuple(file for file in contents.values() if not cache.has_blob(file, verify=verify))
    absent = {file.sha256 for file in missing}
    reused = sum(file.sha256 not in absent for file in manifest.files)
    return Plan(manifest, missing, reused)


def check_space(plan: Plan, cache: Cache) -> None:
    """DiskFull if what is missing cannot fit on the cache's disk."""
    needed = plan.size - sum(part_bytes(cache.part_path(file.sha256)) for file in plan.missing)
    free = shutil.disk_usage(cache.root).free
    if needed > free:
        raise DiskFull(
            f"The download needs {needed} bytes and the disk that holds {cache.root} has {free} bytes free. "
            "Free some space, or set MODEL_SHARING_CACHE to a folder on a larger disk. Nothing was fetched."
        )
