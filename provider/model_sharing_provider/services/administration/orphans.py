"""Orphaned artifacts: bytes without a row, left by killed processes and failed deletions.

A failed version keeps its row, for the reason in it, but its bytes are useless.

Bytes are written before their row, so bytes without one may be a registration in progress: they count as one
while any of its objects is younger than the grace period.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from model_sharing_provider.artifacts.layout import OF_VERSIONS, version_of
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.securables import VersionStatus
from model_sharing_provider.domain.stored_objects import StoredObject
from model_sharing_provider.services.context import Context


@dataclass(slots=True)
class Orphan:
    """Orphan: objects of a version that has no row, has `failed`, or no longer needs its uploads.

    `paths` are folders and objects in the artifact store; `size` is in bytes; `modified` is the time of the
    youngest object, in epoch ms.
    """

    version_id: str
    failed: bool = False
    paths: set[str] = field(default_factory=set)
    num_objects: int = 0
    size: int = 0
    modified: int = 0

    def add(self, path: str, found: StoredObject) -> None:
        self.paths.add(path)
        self.num_objects += 1
        self.size += found.size
        self.modified = max(self.modified, found.modified)


@dataclass(frozen=True, slots=True)
class OrphanedArtifacts:
    """Orphans in the store. `foreign_paths` cannot belong to a version, so they are never deleted."""

    versions: Sequence[Orphan]
    foreign_paths: Sequence[str]

    def older_than(self, moment: int) -> list[Orphan]:
        return [orphan for orphan in self.versions if orphan.modified < moment]


async def find_orphans(context: Context, artifacts: ArtifactStore) -> OrphanedArtifacts:
    """Find orphans in the whole artifact store; memory grows with the orphans, not with the store."""
    found: dict[str, Orphan] = {}
    foreign_paths: list[str] = []
    for folder in OF_VERSIONS:
        async for batch in artifacts.list(folder):
            placed = [(item, version_of(item.path)) for item in batch]
            # Empty objects are folder markers: they take no space and belong to no version.
            foreign_paths += [item.path for item, path in placed if path is None and item.size]
            known = await _statuses(context, {path[0] for _, path in placed if path})
            for item, path in placed:
                if path and not _is_needed(folder, known.get(path[0])):
                    failed = known.get(path[0]) is VersionStatus.FAILED_REGISTRATION
                    found.setdefault(path[0], Orphan(path[0], failed)).add(path[1], item)
    return OrphanedArtifacts(list(found.values()), foreign_paths)


async def is_needed(context: Context, orphan: Orphan) -> bool:
    """True if a row has come to need the orphan since it was found."""
    status = (await _statuses(context, {orphan.version_id})).get(orphan.version_id)
    return any(_is_needed(path.partition("/")[0], status) for path in orphan.paths)


def _is_needed(folder: str, status: VersionStatus | None) -> bool:
    if folder == "uploads":
        return status is VersionStatus.PENDING_REGISTRATION
    return status not in (None, VersionStatus.FAILED_REGISTRATION)


async def _statuses(context: Context, version_ids: set[str]) -> dict[str, VersionStatus]:
    async with context.read_unaudited() as rows:
        return await rows.versions.statuses(version_ids)
