"""Garbage collection: bytes without a row, abandoned uploads, old lineage.

A registration that writes nothing during the grace period is considered dead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.times import now_ms
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.securables import ModelVersion, SecurableType
from model_sharing_provider.governance import rules
from model_sharing_provider.services.administration.orphans import Orphan, find_orphans, is_needed
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.registry.removal import discard_uploads, fail_version
from model_sharing_provider.services.registry.versions import version_target

GRACE = timedelta(hours=24)
MINIMUM_GRACE = timedelta(hours=1)
_METASTORE = Target(SecurableType.METASTORE)


@dataclass(frozen=True, slots=True)
class Collected:
    """Result of a collection: the objects that were deleted, or would be."""

    orphans: Sequence[Orphan]
    abandoned: Sequence[ModelVersion]
    num_lineage: int


class GarbageCollection:
    def __init__(self, artifacts: ArtifactStore) -> None:
        self._artifacts = artifacts

    async def collect(
        self,
        context: Context,
        *,
        older_than: timedelta = GRACE,
        abandoned_after: timedelta | None = None,
        lineage_older_than: timedelta | None = None,
        dry_run: bool = False,
    ) -> Collected:
        """Delete bytes that no row needs, once all objects of a version are `older_than`.

        With `abandoned_after`, PENDING versions without an upload for that long become FAILED_REGISTRATION,
        and their uploads are deleted; with `lineage_older_than`, older lineage is deleted. A `dry_run`
        deletes nothing. Raises PermissionDenied, and InvalidParameter for less than an hour.
        """
        check_graces(older_than, abandoned_after)
        action = AuditAction.LIST_GARBAGE if dry_run else AuditAction.COLLECT_GARBAGE
        async with context.view(action, _METASTORE) as operation:
            await operation.authorize(rules.ADMINISTRATORS)
        abandoned = await self._give_up(context, abandoned_after, dry_run=dry_run)
        lineage = await self._forget_lineage(context, lineage_older_than, dry_run=dry_run)
        orphans = (await find_orphans(context, self._artifacts)).older_than(_moment(older_than))
        if dry_run:
            return Collected(orphans, abandoned, lineage)
        return Collected([each for each in orphans if await self._delete(context, each)], abandoned, lineage)

    async def _delete(self, context: Context, orphan: Orphan) -> bool:
        if await is_needed(context, orphan):
            return False
        for path in orphan.paths:
            if path.endswith("/"):
                await self._artifacts.delete_below(path.rstrip("/"))
            else:
                await self._artifacts.delete(path)
        return True

    async def _give_up(
        self, context: Context, after: timedelta | None, *, dry_run: bool
    ) -> Sequence[ModelVersion]:
        if after is None:
            return ()
        async with context.read_unaudited() as rows:
            found = await rows.versions.all_abandoned(_moment(after))
        if dry_run:
            return found
        return [version for version in found if await self._fail(context, version, after)]

    async def _fail(self, context: Context, version: ModelVersion, after: timedelta) -> bool:
        target = version_target(version.full_name, version.version)
        async with context.change(AuditAction.FAIL_MODEL_VERSION, target) as operation:
            await operation.authorize(rules.ADMINISTRATORS)
            if not await operation.rows.versions.is_abandoned(version.id, _moment(after)):
                return False
            reason = f"Nothing was uploaded for it within {after}."
            await fail_version(operation, version.id, reason)
        await discard_uploads(self._artifacts, version.id)
        return True

    async def _forget_lineage(self, context: Context, age: timedelta | None, *, dry_run: bool) -> int:
        if age is None:
            return 0
        if dry_run:
            async with context.read_unaudited() as rows:
                return await rows.lineage.count_before(_moment(age))
        async with context.change(AuditAction.DELETE_LINEAGE, _METASTORE) as operation:
            await operation.authorize(rules.ADMINISTRATORS)
            return await operation.rows.lineage.delete_before(_moment(age))


def check_graces(older_than: timedelta, abandoned_after: timedelta | None) -> None:
    """Check the ages of what is to be deleted. Raises InvalidParameter for less than an hour."""
    _check_grace("bytes without a row", older_than)
    if abandoned_after is not None:
        _check_grace("abandoned versions", abandoned_after)


def _check_grace(what: str, age: timedelta) -> None:
    if age < MINIMUM_GRACE:
        raise InvalidParameter(
            f"The age of {what} must be at least 1h, not {age}: a registration may be in progress."
        )


def _moment(age: timedelta) -> int:
    return now_ms() - age // timedelta(milliseconds=1)
