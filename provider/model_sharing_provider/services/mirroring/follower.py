"""Follower of shares: keeps all shared catalogs true, one process at a time for each."""

from __future__ import annotations

import asyncio
import random
import time
from uuid import uuid4

from model_sharing_protocol.errors import SharingError
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.mirrors import Mirror
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.mirroring.freshness import Freshness
from model_sharing_provider.services.mirroring.open_shares import OpenShares
from model_sharing_provider.services.mirroring.sync import MirrorSync
from model_sharing_provider.telemetry.log import log

_LOOK_EVERY_SECONDS = 2.0
_LEAST_ROUND_SECONDS = 0.5
_LEASE_MS = 15_000
_WAIT_SECONDS = 25.0
_LIST_EVERY_SECONDS = 30.0
_RECONCILE_EVERY_MS = 3_600_000
_LONGEST_PAUSE_SECONDS = 60.0


class MirrorFollower:
    """Follower of this process. It takes over from processes that stopped, within seconds."""

    def __init__(self, system: Context, shares: OpenShares, sync: MirrorSync, freshness: Freshness) -> None:
        self._system = system
        self._shares = shares
        self._sync = sync
        self._freshness = freshness
        self._id = uuid4().hex
        self._following: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Follow all shares that no other process follows, until cancelled."""
        try:
            while True:
                try:
                    await self._look()
                except SharingError as error:
                    log.warning("shared catalogs were not looked at", reason=error.message)
                except Exception:
                    log.exception("shared catalogs were not looked at")
                await asyncio.sleep(_LOOK_EVERY_SECONDS)
        finally:
            await self._stop()

    async def _look(self) -> None:
        """Renew the leases of what is followed here, take those that are free, and let go of deleted ones."""
        async with self._system.read_unaudited() as rows:
            mirrors = {each.catalog_id: each for each in (await rows.registry_reads.mirrors()).values()}
        if not mirrors and not self._following:
            return
        held = set()
        async with self._system.write_unaudited(cached=False) as rows:
            for catalog_id in mirrors:
                now = now_ms()
                if await rows.mirrors.follow(catalog_id, self._id, now, now + _LEASE_MS):
                    held.add(catalog_id)
        for catalog_id, task in list(self._following.items()):
            if catalog_id not in held or task.done():
                task.cancel()
                del self._following[catalog_id]
        for catalog_id in held - self._following.keys():
            self._following[catalog_id] = asyncio.create_task(self._follow(mirrors[catalog_id]))

    async def _stop(self) -> None:
        """Stop following, so that another process can begin at once."""
        for task in self._following.values():
            task.cancel()
        if self._following:
            await asyncio.wait(self._following.values())
            async with self._system.write_unaudited(cached=False) as rows:
                for catalog_id in self._following:
                    await rows.mirrors.stop_following(catalog_id, self._id)

    async def _follow(self, mirror: Mirror) -> None:
        pause = 1.0
        present: Mirror | None = mirror
        while present is not None:
            began = time.monotonic()
            try:
                await self._follow_once(present)
                pause = 1.0
                # A provider that stops or is overloaded answers at once that nothing has changed, and another
                # one always has a change: neither must keep both sides busy.
                await asyncio.sleep(max(0.0, began + _LEAST_ROUND_SECONDS - time.monotonic()))
            except Exception as error:
                await self._sync.record_failure(self._system, present, error)
                await self._pause(present, pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
                pause = min(_LONGEST_PAUSE_SECONDS, 2 * pause)
            present = await self._present(present)

    async def _pause(self, mirror: Mirror, seconds: float) -> None:
        """Wait before the next attempt, but not longer than until the provider has a new profile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(left, _LOOK_EVERY_SECONDS))
            present = await self._present(mirror)
            if present is None or present.sealed_profile != mirror.sealed_profile:
                return

    async def _present(self, mirror: Mirror) -> Mirror | None:
        """Mirror as it is now, or as it was while the database cannot be read; None once it was deleted."""
        try:
            async with self._system.read_unaudited() as rows:
                return await rows.mirrors.find(mirror.catalog_id)
        except SharingError:
            return mirror

    async def _follow_once(self, mirror: Mirror) -> None:
        """Bring a catalog up to date, and wait for what changes next."""
        share = self._shares.open(mirror)
        asked = now_ms()
        if mirror.synced_at is None or asked - mirror.synced_at > _RECONCILE_EVERY_MS:
            await self._sync.sync(self._system, mirror, share)
            self._freshness.confirmed(mirror, asked)
            return
        # After a failure the state is to be right at once, and not only when something changes.
        wait_seconds = 0 if mirror.state.is_failure else _WAIT_SECONDS
        confirmed = await self._sync.advance(self._system, mirror, share, wait_seconds)
        if confirmed is not None:
            self._freshness.confirmed(mirror, confirmed)
        if not await self._has_feed(mirror):
            await asyncio.sleep(_LIST_EVERY_SECONDS)

    async def _has_feed(self, mirror: Mirror) -> bool:
        async with self._system.read_unaudited() as rows:
            return bool((await rows.mirrors.last_check(mirror.catalog_id)).feed_token)
