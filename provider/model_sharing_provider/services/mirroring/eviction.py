"""Eviction of pulled files beyond the limits: the least recently read first, never what is being read.

A part is first taken out of the rows, under a right like that to fetch it: whoever needs it meanwhile waits,
and fetches it again. So no row promises bytes that are gone, and several servers can evict at the same time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

from model_sharing_protocol.errors import NotFound, SharingError
from model_sharing_protocol.times import now_ms
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.mirrors import PulledPart, part_of
from model_sharing_provider.domain.pulls import PullLimits
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.metastore.unit_of_work import UnitOfWork
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.registry.recalls import RecallPolicy
from model_sharing_provider.telemetry.log import log

IN_USE = timedelta(minutes=10)
"""Time for which a part stays after it was read; what reads on says so once a minute."""
_EVERY_SECONDS = 60.0
_LEASE_MS = 60_000
_DELETED_AT_ONCE = 1000


Choose = Callable[[UnitOfWork], Awaitable[PulledPart | None]]


class Eviction:
    """Eviction by the limits of this server, and its policy on recalls. `context` is the server's own."""

    def __init__(
        self,
        artifacts: ArtifactStore,
        manifests: Manifests,
        limits: PullLimits,
        context: Context,
        recall_policy: RecallPolicy,
    ) -> None:
        self._artifacts = artifacts
        self._manifests = manifests
        self._limits = limits
        self._context = context
        self._recall_policy = recall_policy
        self._running = asyncio.Lock()

    async def run(self) -> None:
        """Evict what is beyond the limits once a minute, until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            try:
                await self.evict_excess()
            except SharingError as error:
                log.warning("pulled files not evicted", reason=error.message)

    async def evict_excess(self) -> int:
        """Evict what is beyond the limits, pulled for catalogs that keep nothing, or recalled, if that drops.

        Returns the bytes evicted.
        """
        async with self._running:
            evicted = 0
            for choose in (self._recalled, self._too_old, self._of_brokers, self._too_much):
                while (size := await self._evict_next(choose)) is not None:
                    evicted += size
        if evicted:
            target = Target(SecurableType.METASTORE, detail=f"{evicted} bytes")
            async with self._context.view(AuditAction.EVICT_PULLED_FILES, target) as operation:
                operation.authorized_before()
        return evicted

    async def _recalled(self, rows: UnitOfWork) -> PulledPart | None:
        if not self._recall_policy.drops:
            return None
        return await rows.pulled_parts.least_recently_read(_ago(IN_USE), recalled=True)

    async def _too_old(self, rows: UnitOfWork) -> PulledPart | None:
        if self._limits.max_age is None:
            return None
        return await rows.pulled_parts.least_recently_read(_ago(max(self._limits.max_age, IN_USE)))

    async def _of_brokers(self, rows: UnitOfWork) -> PulledPart | None:
        return await rows.pulled_parts.least_recently_read(_ago(IN_USE), of_brokers=True)

    async def _too_much(self, rows: UnitOfWork) -> PulledPart | None:
        if self._limits.max_size is None or await rows.pulled_parts.total_size() <= self._limits.max_size:
            return None
        return await rows.pulled_parts.least_recently_read(_ago(IN_USE))

    async def _evict_next(self, choose: Choose) -> int | None:
        """Evict the next part; its size, 0 if it was read just now, None if there is none."""
        evictor = uuid4().hex
        async with self._context.read_unaudited() as rows:
            if await choose(rows) is None:
                return None
        async with self._context.write_unaudited(cached=False) as rows:
            # Chosen anew in the transaction: another server may have evicted enough.
            part = await choose(rows)
            if part is None:
                return None
            version = await rows.versions.find_by_id(part.version_id)
            if not await rows.pulled_parts.begin_eviction(part, evictor, now_ms() + _LEASE_MS):
                return 0
        if version is not None:
            await self._delete(part, evictor, version.storage_path)
        async with self._context.write_unaudited(cached=False) as rows:
            await rows.pulled_parts.release(part.version_id, part.part, evictor)
        return part.size

    async def _delete(self, part: PulledPart, evictor: str, storage_path: str) -> None:
        """Delete the bytes of a part, as long as the right to do so lasts."""
        with suppress(NotFound):  # the version was deleted, with its bytes
            files = (await self._manifests.read(part.version_id)).manifest.files
            paths = [
                f"{storage_path}/{file.path}"
                for file in files
                if part_of(file.sha256, file.size) == part.part
            ]
            for start in range(0, len(paths), _DELETED_AT_ONCE):
                async with self._context.write_unaudited(cached=False) as rows:
                    until = now_ms() + _LEASE_MS
                    if not await rows.pulled_parts.renew(part.version_id, part.part, evictor, until):
                        return
                await self._artifacts.delete_all(paths[start : start + _DELETED_AT_ONCE])


def _ago(age: timedelta) -> int:
    return now_ms() - age // timedelta(milliseconds=1)
