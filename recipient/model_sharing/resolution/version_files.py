"""Files of a version as its provider signed them, with the URLs to fetch them from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from model_sharing_protocol.chunk_maps import MAX_CHUNK_MAPS_BYTES
from model_sharing_protocol.errors import CorruptArtifact, UnsafePath
from model_sharing_protocol.manifest import Delta, Manifest, ManifestFile
from model_sharing_protocol.open_sharing import ChunkMapsFile, DeltaFile, VersionFile, VersionMetadata
from model_sharing_protocol.signatures import Bundle


@dataclass(frozen=True, slots=True)
class VersionFiles:
    """A version's manifest, the bundle that signs it, and where its files are.

    `auxiliary_files` are chunk maps and deltas, which may save bytes: deltas are not signed, and chunk maps
    only with `chunk_maps_signed`. `pack_url` is for many small files at once, where the provider offers that.
    """

    manifest: Manifest
    bundle: Bundle
    files: Sequence[VersionFile]
    pack_url: str | None = None
    auxiliary_files: Sequence[ChunkMapsFile | DeltaFile] = ()
    chunk_maps_signed: bool = False

    @property
    def urls(self) -> dict[str, str]:
        """URLs by the sha256 of their contents."""
        return {file.sha256: file.url for file in (*self.auxiliary_files, *self.files)}


def manifest_from_response(metadata: VersionMetadata, files: Iterable[VersionFile]) -> Manifest:
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
