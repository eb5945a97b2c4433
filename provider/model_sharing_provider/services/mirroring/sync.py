"""Sync of a shared catalog: all of it by listings, or what the provider's feed says has changed."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from model_sharing_protocol.errors import FeedTokenExpired, NotFound, SharingError
from model_sharing_protocol.names import SharedName
from model_sharing_protocol.printable import enumerated
from model_sharing_protocol.progress import Meter, ProgressCallback
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.mirrors import Mirror, MirrorCheck, MirroredModel, MirrorState
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.domain.upstreams import UpstreamChange, UpstreamModel
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.mirroring.model_writer import ModelWriter, put_schema, sync_operation
from model_sharing_provider.services.mirroring.renames import follow_renames
from model_sharing_provider.services.mirroring.states import reason_of, state_of
from model_sharing_provider.services.mirroring.upstream import UpstreamShareClient
from model_sharing_provider.services.registry.removal import ArtifactCleaner, remove_schema
from model_sharing_provider.telemetry.log import log

_MODELS_AT_ONCE = 8
_MOST_NAMED = 5

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SyncReport:
    """Result of a complete sync: models that are shown, those that were written or removed, or left out."""

    models: int
    written: int
    removed: int
    left_out: tuple[str, ...] = ()


class MirrorSync:
    """Sync of shared catalogs. One at a time for each catalog in this process; others do no harm."""

    def __init__(self, writer: ModelWriter, cleaner: ArtifactCleaner) -> None:
        self._writer = writer
        self._cleaner = cleaner
        self._locks: dict[str, asyncio.Lock] = {}

    async def sync(
        self,
        context: Context,
        mirror: Mirror,
        share: UpstreamShareClient,
        progress: ProgressCallback | None = None,
    ) -> SyncReport:
        """Make all rows what the provider shows, and record that. Raises what the share raises.

        Models that were not changed upstream since the last time cost nothing but their line in the listing.
        """
        async with self._lock(mirror):
            meter = Meter(progress)
            meter.begin("reading the share")
            began = now_ms()
            described = await share.describe()
            start = await share.changes("")
            schemas, models = await share.schemas(), await share.models()
            await follow_renames(context, mirror, models)
            async with context.read_unaudited() as rows:
                known = await rows.mirrors.models(mirror.catalog_id)
            changed = [model for model in models if _is_changed(model, known.get(model.name))]
            meter.begin("reading models", files_total=len(changed))
            await self._write_all(context, mirror, share, changed, meter)
            removed = known.keys() - {model.name for model in models}
            for name in removed:
                await self._writer.remove(context, mirror, name)
            await self._write_schemas(context, mirror, schemas)
            left_out = share.left_out
            await self._update(
                context,
                mirror,
                keys=share.keys,
                resharing=described.resharing,
                file_origins=described.file_origins,
                synced_at=now_ms(),
                state=MirrorState.ACTIVE,
                state_reason=f"Left out: {enumerated(left_out, _MOST_NAMED)}." if left_out else "",
            )
            await self._record_check(context, mirror, start.token if start else "", began)
            return SyncReport(len(models), len(changed), len(removed), tuple(left_out))

    async def apply(
        self,
        context: Context,
        mirror: Mirror,
        share: UpstreamShareClient,
        changes: Sequence[UpstreamChange],
    ) -> None:
        """Make the rows of the models that changed what the provider shows. Raises what the share raises."""
        if any(change.model is None for change in changes):
            await self.sync(context, mirror, share)
            return
        told: dict[SharedName, set[int | str]] = defaultdict(set)
        for change in changes:
            for name in filter(None, (change.model, change.previous_model)):
                told[name] |= {change.alias.lower(), change.version or 0}
        async with self._lock(mirror):
            # What was renamed is found by its new name first, so that it is not removed under its old one.
            models: list[UpstreamModel] = []
            gone = set[SharedName]()

            async def find(name: SharedName) -> None:
                try:
                    models.append(await share.model(name))
                except NotFound:
                    gone.add(name)

            async def write(model: UpstreamModel) -> None:
                try:
                    await self._writer.write(context, mirror, share, model, told[model.name])
                except NotFound:
                    gone.add(model.name)

            await _several_at_once(find, told)
            await follow_renames(context, mirror, models)
            await _several_at_once(write, models)
            for name in gone:
                await self._writer.remove(context, mirror, name)

    async def sync_model(
        self, context: Context, mirror: Mirror, share: UpstreamShareClient, name: SharedName
    ) -> bool:
        """Make the rows of one model what the provider shows now. Raises what the share raises.

        While all of the catalog is synced, the result is that of `write_ahead`.
        """
        if self._lock(mirror).locked():
            return await self.write_ahead(context, mirror, share, name)
        async with context.read_unaudited() as rows:
            known = (await rows.mirrors.models(mirror.catalog_id)).get(name)
        async with self._lock(mirror):
            try:
                model = await share.model(name)
                if _is_changed(model, known):
                    await self._writer.write(context, mirror, share, model)
            except NotFound:
                await share.describe()  # raises NotFound, too, if it is the share that is gone
                await self._writer.remove(context, mirror, name)
        return True

    async def write_ahead(
        self, context: Context, mirror: Mirror, share: UpstreamShareClient, name: SharedName
    ) -> bool:
        """Make the rows of one model what the provider shows, ahead of others that changed.

        False for one that is gone or has another name now: it is left to the changes, by which it keeps its
        grants. Raises what the share raises.
        """
        async with context.read_unaudited() as rows:
            known = await rows.mirrors.models(mirror.catalog_id)
        try:
            model = await share.model(name)
            if _is_renamed(model, known):
                return False
            if _is_changed(model, known.get(name)):
                await self._writer.write(context, mirror, share, model)
        except NotFound:
            return False
        return True

    async def advance(
        self, context: Context, mirror: Mirror, share: UpstreamShareClient, wait_seconds: float = 0
    ) -> int | None:
        """Apply the next page of the provider's changes, or sync where there is no feed to go on with.

        It waits for a change for some seconds. The result is the moment (epoch ms) as of which all rows are
        what the provider showed; None while there are more changes to read.
        """
        asked = now_ms()
        async with context.read_unaudited() as rows:
            check = await rows.mirrors.last_check(mirror.catalog_id)
        changes = None
        if check.feed_token:
            with suppress(FeedTokenExpired):
                changes = await share.changes(check.feed_token, wait_seconds)
        if changes is None:
            await self.sync(context, mirror, share)
            return asked
        shown = now_ms() if wait_seconds else asked
        if changes.changes:
            await self.apply(context, mirror, share, changes.changes)
        await self._record_check(context, mirror, changes.token, check.checked_at if changes.more else shown)
        if changes.more:
            return None
        if mirror.state.is_failure:
            await self._update(context, mirror, keys=share.keys, state=MirrorState.ACTIVE, state_reason="")
        elif share.keys != mirror.keys:
            await self._update(context, mirror, keys=share.keys)
        return shown

    async def record_failure(self, context: Context, mirror: Mirror, error: Exception) -> None:
        """Record why the rows could not be brought up to date, if that is news.

        Nothing is recorded for a catalog that was deleted, or a profile that was replaced, meanwhile.
        """
        if not isinstance(error, SharingError | TimeoutError):
            log.error("sync failed", catalog=mirror.catalog, exc_info=error)
        with suppress(SharingError):  # the database may be what fails: it is tried again, and seen then
            await self._record_failure(context, mirror, state_of(error), reason_of(error))

    async def _record_failure(
        self, context: Context, mirror: Mirror, state: MirrorState, reason: str
    ) -> None:
        async with context.read_unaudited() as rows:
            present = await rows.mirrors.find(mirror.catalog_id)
        if present is None or present.sealed_profile != mirror.sealed_profile:
            return
        if present.state.ends_access and not state.ends_access:
            return  # what was withdrawn is not to be used again because the provider is away
        if (present.state, present.state_reason) != (state, reason):
            log.warning(
                "shared catalog is not up to date", catalog=present.catalog, state=state, reason=reason
            )
            await self._update(context, present, state=state, state_reason=reason)

    async def _record_check(self, context: Context, mirror: Mirror, feed_token: str, at: int) -> None:
        check = MirrorCheck(feed_token=feed_token, checked_at=at)
        async with context.write_unaudited(cached=False) as rows:
            await rows.mirrors.record_check(mirror.catalog_id, check)

    async def _update(self, context: Context, mirror: Mirror, **changes: Any) -> None:
        """Change fields of the mirror's row as it is now. Raises InvalidState if the catalog was deleted."""
        async with sync_operation(context, mirror) as (operation, present):
            state = changes.get("state", present.state)
            since = present.state_since if state is present.state else operation.now
            await operation.rows.mirrors.update(replace(present, state_since=since, **changes))

    async def _write_all(
        self,
        context: Context,
        mirror: Mirror,
        share: UpstreamShareClient,
        models: Iterable[UpstreamModel],
        meter: Meter,
    ) -> None:
        async def write(model: UpstreamModel) -> None:
            try:
                await self._writer.write(context, mirror, share, model)
            except NotFound:
                await share.describe()  # raises NotFound, too, if it is the share that is gone
            meter.file_done()

        await _several_at_once(write, models)

    async def _write_schemas(self, context: Context, mirror: Mirror, listed: Sequence[str]) -> None:
        """Add the schemas that have no models yet, and remove those that are not listed any more."""
        async with context.read_unaudited() as rows:
            if {each.full_name.schema for each in await rows.catalogs.all_schemas(mirror.catalog)} == set(
                listed
            ):
                return
        versions: list[ModelVersion] = []
        async with sync_operation(context, mirror) as (operation, present):
            for name in listed:
                await put_schema(operation, present, name)
            for schema in await operation.rows.catalogs.all_schemas(present.catalog):
                if schema.full_name.schema not in listed:
                    versions += await remove_schema(operation, schema)
        await self._cleaner.delete(versions)

    def _lock(self, mirror: Mirror) -> asyncio.Lock:
        return self._locks.setdefault(mirror.catalog_id, asyncio.Lock())


async def _several_at_once(work: Callable[[T], Awaitable[None]], items: Iterable[T]) -> None:
    """Work on items, a few at a time. Raises the first error, which ends the rest."""
    waiting = iter(items)

    async def work_on() -> None:
        for item in waiting:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_MODELS_AT_ONCE):
                group.create_task(work_on())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures


def _is_renamed(model: UpstreamModel, known: Mapping[SharedName, MirroredModel]) -> bool:
    """True if it is here under another name, or if its name is here for another model."""
    if not model.id:
        return False
    here = [name for name, each in known.items() if each.upstream_id == model.id]
    return here != [model.name] if here else model.name in known


def _is_changed(model: UpstreamModel, known: MirroredModel | None) -> bool:
    if known is None or model.updated_at is None:
        return True
    return (model.id, model.updated_at) != (known.upstream_id, known.updated_at)
