"""Comparisons of two versions of a model: their files, and what a download of one costs who has the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from model_sharing_protocol.chunk_maps import ChunkMap
from model_sharing_protocol.manifest import Manifest
from model_sharing_protocol.names import FullName
from model_sharing_protocol.revisions import Revision
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.publishing.principal_revisions import PrincipalRevisions


class FileChange(StrEnum):
    SAME = "same"
    CHANGED = "changed"
    NEW = "new"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class ComparedFile:
    """File of either version: its size in bytes in each, None where it is not."""

    path: str
    change: FileChange
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class VersionComparison:
    """Two READY versions and their files by path.

    `whole_size` is that of all files of the later one; `delta_size` is what a recipient with the earlier one
    fetches of it, at most: by deltas, and by chunks that large files of both have. Both are in bytes.
    """

    before: ModelVersion
    after: ModelVersion
    files: tuple[ComparedFile, ...]
    whole_size: int
    delta_size: int


class Comparisons:
    def __init__(self, revisions: PrincipalRevisions, manifests: Manifests) -> None:
        self._revisions = revisions
        self._manifests = manifests

    async def compare(self, context: Context, name: FullName, before: int, after: int) -> VersionComparison:
        """Compare two versions. Raises what `PrincipalRevisions.content` does for each."""
        old = (await self._revisions.content(context, name, Revision(number=before))).version
        new = (await self._revisions.content(context, name, Revision(number=after))).version
        there, here = [(await self._manifests.read(each.id)).manifest for each in (old, new)]
        chunks = [await self._manifests.chunk_maps(each.id) for each in (old, new)]
        return VersionComparison(
            old, new, tuple(_files(there, here)), here.size, _delta_size(there, here, *chunks)
        )


def _files(before: Manifest, after: Manifest) -> Iterable[ComparedFile]:
    old, new = ({file.path: file for file in manifest.files} for manifest in (before, after))
    for path in sorted(old.keys() | new.keys()):
        was, is_now = old.get(path), new.get(path)
        if was is None or is_now is None:
            change = FileChange.NEW if was is None else FileChange.REMOVED
        else:
            change = FileChange.SAME if was.sha256 == is_now.sha256 else FileChange.CHANGED
        yield ComparedFile(path, change, was.size if was else None, is_now.size if is_now else None)


def _delta_size(
    before: Manifest, after: Manifest, old_maps: Mapping[str, ChunkMap], new_maps: Mapping[str, ChunkMap]
) -> int:
    """Bytes that differ: of each new content the least of its delta, its unknown chunks, and the whole."""
    known = {file.sha256 for file in before.files}
    chunks = {chunk.sha256 for chunk_map in old_maps.values() for chunk in chunk_map}
    sizes = {file.sha256: file.size for file in after.files if file.sha256 not in known}
    for delta in after.deltas:
        if delta.target in sizes and delta.base in known:
            sizes[delta.target] = min(sizes[delta.target], delta.size)
    for sha256, chunk_map in new_maps.items():
        if sha256 in sizes:
            missing = {chunk.sha256: chunk.end - chunk.start for chunk in chunk_map}
            needed = sum(size for digest, size in missing.items() if digest not in chunks)
            sizes[sha256] = min(sizes[sha256], needed)
    return sum(sizes.values())
