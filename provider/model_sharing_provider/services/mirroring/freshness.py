"""Freshness of shared catalogs: reads are never older than a bound, unless the provider cannot be asked.

Beyond the bound one call asks what has changed, and all readers of the catalog wait for it together, for a
moment at most; if much has changed, a model that is read is asked for ahead of its turn. If that fails, the
last known state is served with its age, up to a grace.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import timedelta

from model_sharing_protocol.errors import NotASharingServer, SharingError, UpstreamUnavailable
from model_sharing_protocol.names import FullName, SharedName
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.mirrors import FreshnessPolicy, Mirror
from model_sharing_provider.metastore.unit_of_work import UnitOfWork
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.mirroring.open_shares import OpenShares
from model_sharing_provider.services.mirroring.states import remedy_of
from model_sharing_provider.services.mirroring.sync import MirrorSync
from model_sharing_provider.services.tasks import end_tasks

PATIENCE_SECONDS = 2.0
"""Time that a reader waits for the provider."""
_PATIENCE_AFTER_FAILURE = 0.25
"""Time that a reader waits while the last attempt of any process failed."""
_PATIENCE_WITH_CHANGES = 0.5
"""Time that a reader waits for all changes to be applied, before it asks for the model alone."""
_PAUSE_AFTER_FAILURE = 1.0
_MOST_PAGES = 1000


class Freshness:
    """Freshness of all shared catalogs, as this process knows it."""

    def __init__(
        self, system: Context, shares: OpenShares, sync: MirrorSync, policy: FreshnessPolicy
    ) -> None:
        self._system = system
        self._shares = shares
        self._sync = sync
        self._policy = policy
        self._confirmed: dict[tuple[str, str], int] = {}
        self._asked_again_at: dict[str, float] = {}
        self._asking: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def ensure(self, context: Context, name: FullName) -> None:
        """Make sure that what is read of a model is recent; a catalog of this metastore's own always is.

        The age of the state that is served is left in `context.state_age`. Raises UpstreamUnavailable.
        """
        model = SharedName(name.schema, name.name)
        async with context.read_unaudited() as rows:
            mirror = (await rows.registry_reads.mirrors()).get(name.catalog)
            if mirror is None:
                return
            if self._age_ms(mirror, model) > self._bound_ms:
                await self._learn(rows, mirror)
        if self._age_ms(mirror, model) > self._bound_ms:
            await self._ask(mirror, model)
            async with context.read_unaudited() as rows:
                mirror = (await rows.registry_reads.mirrors()).get(name.catalog, mirror)
        age = self._age_ms(mirror, model)
        self._check(mirror, age)
        context.state_age = age // 1000

    async def close(self) -> None:
        """End the questions that are asked at present."""
        await end_tasks(self._asking.values())

    async def check_usable(self, rows: UnitOfWork, mirror: Mirror) -> None:
        """Check that what is here of a shared catalog may be used; the provider is not asked for it.

        Raises UpstreamUnavailable once the provider has withdrawn the share, or is away beyond the grace.
        """
        if self._age_ms(mirror) > self._bound_ms:
            await self._learn(rows, mirror)
        self._check(mirror, self._age_ms(mirror))

    async def note_age(self, context: Context, catalog: str) -> None:
        """Leave the age of a listing in `context.state_age`; the provider is not asked for it."""
        async with context.read_unaudited() as rows:
            mirror = (await rows.registry_reads.mirrors()).get(catalog)
            if mirror is None:
                return
            await self._learn(rows, mirror)
            context.state_age = self._age_ms(mirror) // 1000

    def confirmed(self, mirror: Mirror, at: int, model: SharedName | None = None) -> None:
        """Note that a catalog's rows, or a model's, are what the provider showed at a moment (epoch ms)."""
        key = mirror.catalog_id, str(model or "")
        self._confirmed[key] = max(at, self._confirmed.get(key, 0))

    @property
    def _bound_ms(self) -> int:
        return self._policy.bound // timedelta(milliseconds=1)

    @property
    def _grace_ms(self) -> int:
        return self._policy.grace // timedelta(milliseconds=1)

    def _age_ms(self, mirror: Mirror, model: SharedName | None = None) -> int:
        keys = ((mirror.catalog_id, ""), (mirror.catalog_id, str(model or "")))
        return now_ms() - max(self._confirmed.get(key, 0) for key in keys)

    async def _learn(self, rows: UnitOfWork, mirror: Mirror) -> None:
        """Learn when any process last confirmed a catalog."""
        self.confirmed(mirror, (await rows.mirrors.last_check(mirror.catalog_id)).checked_at)

    async def _ask(self, mirror: Mirror, model: SharedName) -> None:
        """Ask the provider, together with all others that want to know, and wait for a moment."""
        async with self._system.read_unaudited() as rows:
            has_feed = bool((await rows.mirrors.last_check(mirror.catalog_id)).feed_token)
        # Without a feed, or before the first sync is complete, one model is asked for.
        key = mirror.catalog_id, "" if has_feed else str(model)
        asking = self._asking.get(key)
        if asking is None:
            if mirror.state.is_failure and time.monotonic() < self._asked_again_at.get(mirror.catalog_id, 0):
                return
            asking = asyncio.create_task(self._refresh(mirror, None if has_feed else model))
            self._asking[key] = asking
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
        if mirror.state.is_failure or not has_feed:
            patience = _PATIENCE_AFTER_FAILURE if mirror.state.is_failure else PATIENCE_SECONDS
            await asyncio.wait([asking], timeout=patience)
            return
        _, unfinished = await asyncio.wait([asking], timeout=_PATIENCE_WITH_CHANGES)
        if unfinished:
            await self._ask_ahead(mirror, model, asking)

    async def _ask_ahead(self, mirror: Mirror, model: SharedName, asking: asyncio.Task[None]) -> None:
        """Ask for one model, while more changes are being applied than its readers can wait for."""
        key = mirror.catalog_id, str(model)
        ahead = self._asking.get(key)
        if ahead is None:
            ahead = self._asking[key] = asyncio.create_task(self._refresh_ahead(mirror, model, asking))
            ahead.add_done_callback(lambda _: self._asking.pop(key, None))
        patience = PATIENCE_SECONDS - _PATIENCE_WITH_CHANGES
        await asyncio.wait([asking, ahead], timeout=patience, return_when=asyncio.FIRST_COMPLETED)

    async def _refresh_ahead(self, mirror: Mirror, model: SharedName, changes: asyncio.Task[None]) -> None:
        """Bring one model up to date, or wait for the changes if that is by them alone, as after a rename."""
        asked = now_ms()
        # A failure is met, and recorded, where the changes are applied.
        with suppress(SharingError, TimeoutError):
            if await self._sync.write_ahead(self._system, mirror, self._shares.open(mirror), model):
                self.confirmed(mirror, asked, model)
                return
        await asyncio.wait([changes])

    async def _refresh(self, mirror: Mirror, model: SharedName | None) -> None:
        """Bring the catalog up to date, or one model. Failures are recorded."""
        asked = now_ms()
        try:
            share = self._shares.open(mirror)
            if model is not None:
                if await self._sync.sync_model(self._system, mirror, share, model):
                    self.confirmed(mirror, asked, model)
                return
            for _ in range(_MOST_PAGES):
                confirmed = await self._sync.advance(self._system, mirror, share)
                if confirmed is not None:
                    self.confirmed(mirror, confirmed)
                    return
            raise NotASharingServer(f"The changes of {mirror.shown} do not end.")
        except Exception as error:
            self._asked_again_at[mirror.catalog_id] = time.monotonic() + _PAUSE_AFTER_FAILURE
            await self._sync.record_failure(self._system, mirror, error)

    def _check(self, mirror: Mirror, age_ms: int) -> None:
        """Raise UpstreamUnavailable for a state that may not be served."""
        ended = mirror.state.ends_access and not self._policy.serves_after_revocation
        if not ended and age_ms <= self._grace_ms:
            return
        if mirror.state.is_failure:
            raise UpstreamUnavailable(
                f"The catalog {mirror.catalog!r} comes from {mirror.shown}, and cannot be used: "
                f"{mirror.state_reason} {remedy_of(mirror.state, mirror.provider)}"
            )
        raise UpstreamUnavailable(
            f"The catalog {mirror.catalog!r} comes from {mirror.shown}, which has not confirmed it yet; try "
            f"again in a few seconds, and see: model-sharing-provider catalog show {mirror.catalog}"
        )
