"""Bytes that no row needs: what killed processes and failed deletions left in the artifact store.

A version that failed keeps its row, for what that says; its bytes are no use to anybody.

Bytes are written before their row, so what has none may be a registration in progress. It is one as long as
anything of it is younger than the grace period.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from model_sharing_provider.artifacts.backends.backend import StoredObject
from model_sharing_provider.artifacts.locations import OF_VERSIONS, version_of
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.securables import VersionStatus
from model_sharing_provider.services.context import Context


@dataclass(slots=True)
class Leftover:
    """What belongs to a version that has no row, has `failed`, or needs no uploads any more.

    `places` are folders and objects in the artifact store; `size` is in bytes, `modified`, that of its
    youngest object, in epoch ms.
    """

    version_id: str
    failed: bool = False
    places: set[str] = field(default_factory=set)
    num_objects: int = 0
    size: int = 0
    modified: int = 0

    def add(self, place: str, found: StoredObject) -> None:
        self.places.add(place)
        self.num_objects += 1
        self.size += found.size
        self.modified = max(self.modified, found.modified)


@dataclass(frozen=True, slots=True)
class Leftovers:
    """`strangers` are paths that no version can have: nothing of ours, so nobody deletes them."""

    versions: Sequence[Leftover]
    strangers: Sequence[str]

    def older_than(self, moment: int) -> list[Leftover]:
        return [leftover for leftover in self.versions if leftover.modified < moment]


async def find_leftovers(context: Context, artifacts: ArtifactStore) -> Leftovers:
    """Go through the whole artifact store. Memory grows with the leftovers, not with the store."""
    found: dict[str, Leftover] = {}
    strangers: list[str] = []
    for folder in OF_VERSIONS:
        async for batch in artifacts.list(folder):
            placed = [(item, version_of(item.path)) for item in batch]
            # Empty ones are markers of folders: they take no room, and are nobody's.
            strangers += [item.path for item, place in placed if place is None and item.size]
            known = await _statuses(context, {place[0] for _, place in placed if place})
            for item, place in placed:
                if place and not _is_needed(folder, known.get(place[0])):
                    failed = known.get(place[0]) is VersionStatus.FAILED_REGISTRATION
                    found.setdefault(place[0], Leftover(place[0], failed)).add(place[1], item)
    return Leftovers(list(found.values()), strangers)


async def is_needed(context: Context, leftover: Leftover) -> bool:
    """True if a row came to need it since it was found."""
    status = (await _statuses(context, {leftover.version_id})).get(leftover.version_id)
    return any(_is_needed(place.partition("/")[0], status) for place in leftover.places)


def _is_needed(folder: str, status: VersionStatus | None) -> bool:
    if folder == "uploads":
        return status is VersionStatus.PENDING_REGISTRATION
    return status not in (None, VersionStatus.FAILED_REGISTRATION)


async def _statuses(context: Context, version_ids: set[str]) -> dict[str, VersionStatus]:
    async with context.read_unaudited() as rows:
        return await rows.versions.statuses(version_ids)
