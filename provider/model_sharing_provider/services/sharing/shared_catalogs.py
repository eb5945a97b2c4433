"""Shared catalogs: made from a share of a provider, for all principals of this metastore."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Protocol
from uuid import uuid4

from model_sharing_protocol.errors import (
    InvalidState,
    LocalError,
    NotFound,
    SharingError,
    StaleAnswer,
    UntrustedSignature,
    UpstreamUnavailable,
)
from model_sharing_protocol.names import normalize_name
from model_sharing_protocol.profile import Profile, parse_profile
from model_sharing_protocol.progress import ProgressCallback
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.limits import check_comment, check_properties
from model_sharing_provider.domain.mirrors import Mirror
from model_sharing_provider.domain.securables import Catalog, SecurableType
from model_sharing_provider.domain.sharing import SharingProvider
from model_sharing_provider.domain.upstreams import UpstreamShare
from model_sharing_provider.governance import rules
from model_sharing_provider.keys.server_secrets import ServerSecrets
from model_sharing_provider.services.context import Context, Operation, absent
from model_sharing_provider.services.mirroring.open_shares import OpenShares
from model_sharing_provider.services.mirroring.sync import MirrorSync, SyncReport
from model_sharing_provider.services.registry.catalogs import Catalogs, find_catalog
from model_sharing_provider.services.registry.updates import check_new
from model_sharing_provider.services.sharing.catalog_terms import CatalogTerms, check_share_terms
from model_sharing_provider.services.tasks import end_tasks

_LEASE_MS = 30_000
_RENEWED_EVERY_SECONDS = 10.0


class DescribeShare(Protocol):
    """Function that asks a provider to describe one of its shares, with its keys as they are to be pinned."""

    def __call__(
        self, profile: Profile, share: str, key_fingerprint: str | None, *, own_keys: Sequence[str]
    ) -> Awaitable[UpstreamShare]: ...


class SharedCatalogs:
    def __init__(
        self,
        system: Context,
        secrets: ServerSecrets,
        describe: DescribeShare,
        own_keys: Callable[[], Sequence[str]],
        *,
        shares: OpenShares,
        sync: MirrorSync,
        catalogs: Catalogs,
        terms: CatalogTerms,
    ) -> None:
        self._system = system
        self._secrets = secrets
        self._describe = describe
        self._own_keys = own_keys
        self._shares = shares
        self._sync = sync
        self._catalogs = catalogs
        self._terms = terms
        self._syncing: set[asyncio.Task[Any]] = set()

    async def describe(self, context: Context, provider: str, share: str) -> UpstreamShare:
        """Description of a share, as a catalog would be made from it: keys that would be pinned, and terms.

        Raises NotFound for a provider or share, PermissionDenied, InvalidParameter for this server itself,
        and InvalidState if the provider cannot be reached.
        """
        provider, share = normalize_name("provider", provider), normalize_name("share", share)
        target = Target(SecurableType.PROVIDER, provider, share)
        async with context.view(AuditAction.DESCRIBE_PROVIDER_SHARE, target) as operation:
            await operation.authorize(rules.OWN_PROVIDER)
            found = await operation.rows.providers.find(provider)
            if found is None:
                raise absent(SecurableType.PROVIDER, provider)
        profile = parse_profile(self._secrets.unseal(found.sealed_profile).encode())
        return await self._describe(profile, share, None, own_keys=self._own_keys())

    async def create(
        self,
        context: Context,
        name: str,
        provider: str,
        share: str,
        *,
        comment: str = "",
        properties: Mapping[str, str] | None = None,
        key_fingerprint: str | None = None,
        broker: bool = False,
        accept_terms: Collection[str] = (),
        patience_seconds: float | None = None,
        progress: ProgressCallback | None = None,
    ) -> Catalog:
        """Create a catalog from a share, and sync it.

        After `patience_seconds` the sync goes on in the background. If it fails before that, nothing is left.
        Terms of the whole share have to be accepted, those of single models may be, by their digests.
        Raises NotFound for a provider or share, TermsNotAccepted, UntrustedSignature for another key than
        the expected one, InvalidParameter, AlreadyExists, PermissionDenied, InvalidState, and what a sync
        raises.
        """
        name, share = normalize_name("catalog", name), normalize_name("share", share)
        provider = normalize_name("provider", provider)
        check_comment(comment)
        async with context.view(AuditAction.CHECK_SHARED_CATALOG, _target(name)) as operation:
            found = await _authorize(operation, name, provider)
        profile = parse_profile(self._secrets.unseal(found.sealed_profile).encode())
        described = await self._describe(profile, share, key_fingerprint, own_keys=self._own_keys())
        check_share_terms(provider, share, described.terms, accept_terms)
        applying = {terms.digest for terms in described.terms}.intersection(accept_terms)
        async with context.change(AuditAction.CREATE_CATALOG, _target(name)) as operation:
            found = await _authorize(operation, name, provider)
            catalog = Catalog(
                id=str(uuid4()),
                name=name,
                comment=comment,
                properties=check_properties(properties or {}),
                owner=operation.principal.name,
                created_at=operation.now,
                updated_at=operation.now,
                created_by=operation.principal.name,
                updated_by=operation.principal.name,
            )
            await operation.rows.catalogs.add(catalog)
            await operation.rows.mirrors.add(_new_mirror(catalog, found, share, described, broker=broker))
            follower = uuid4().hex
            now = operation.now
            await operation.rows.mirrors.follow(catalog.id, follower, now, now + _LEASE_MS)
        await self._accept_terms(context, name, applying)
        await self._first_sync(context, name, follower, patience_seconds, progress)
        return await self._catalogs.get(context, name)

    async def _accept_terms(self, context: Context, name: str, digests: Collection[str]) -> None:
        """Accept terms for a new catalog, which does not stay without."""
        if not digests:
            return
        try:
            await self._terms.accept(context, name, sorted(digests))
        except BaseException:
            await self._catalogs.delete(context, name)
            raise

    async def close(self) -> None:
        """End first syncs in progress; a server's follower goes on with them."""
        await end_tasks(self._syncing)

    async def sync(
        self, context: Context, name: str, *, progress: ProgressCallback | None = None
    ) -> SyncReport:
        """Bring a shared catalog up to date now. Raises InvalidState for another catalog, and what fails."""
        name = normalize_name("catalog", name)
        async with context.view(AuditAction.CHECK_SHARED_CATALOG, _target(name)) as operation:
            await operation.authorize(rules.OWN_CATALOG)
            await find_catalog(operation, name)
            mirror = await operation.rows.mirrors.find_by_catalog(name)
        if mirror is None:
            raise InvalidState(f"The catalog {name!r} is this metastore's own; there is nothing to sync.")
        try:
            return await self._sync.sync(self._system, mirror, self._shares.open(mirror), progress)
        except (SharingError, TimeoutError) as error:
            await self._sync.record_failure(self._system, mirror, error)
            raise

    async def _first_sync(
        self,
        context: Context,
        name: str,
        follower: str,
        patience_seconds: float | None,
        progress: ProgressCallback | None,
    ) -> None:
        async with context.read_unaudited() as rows:
            mirror = await rows.mirrors.find_by_catalog(name)
        if mirror is None:
            raise NotFound(f"The catalog {name!r} was deleted meanwhile.")
        syncing = asyncio.create_task(self._sync_leased(mirror, follower, progress))
        self._syncing.add(syncing)
        syncing.add_done_callback(self._syncing.discard)
        try:
            done, _ = await asyncio.wait([syncing], timeout=patience_seconds)
        except asyncio.CancelledError:
            syncing.cancel()
            raise
        if not done:
            going_on = asyncio.create_task(self._record_end(mirror, syncing))
            self._syncing.add(going_on)
            going_on.add_done_callback(self._syncing.discard)
        elif error := syncing.exception():
            await self._catalogs.delete(context, name)
            if isinstance(error, LocalError) and not isinstance(error, UntrustedSignature | StaleAnswer):
                # An error of clients, which this server is here: to its own clients it would be its failure.
                raise UpstreamUnavailable(f"{mirror.shown} cannot be read: {error.message}") from error
            raise error

    async def _record_end(self, mirror: Mirror, syncing: asyncio.Task[SyncReport]) -> None:
        """Record how a sync ends for which nobody waits."""
        await asyncio.wait([syncing])
        if not syncing.cancelled() and isinstance(error := syncing.exception(), Exception):
            await self._sync.record_failure(self._system, mirror, error)

    async def _sync_leased(
        self, mirror: Mirror, follower: str, progress: ProgressCallback | None
    ) -> SyncReport:
        """Sync while no other process follows the share."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(_RENEWED_EVERY_SECONDS)
                async with self._system.write_unaudited(cached=False) as rows:
                    now = now_ms()
                    await rows.mirrors.follow(mirror.catalog_id, follower, now, now + _LEASE_MS)

        renewing = asyncio.create_task(renew())
        try:
            return await self._sync.sync(self._system, mirror, self._shares.open(mirror), progress)
        finally:
            renewing.cancel()
            async with self._system.write_unaudited(cached=False) as rows:
                await rows.mirrors.stop_following(mirror.catalog_id, follower)


async def _authorize(operation: Operation, name: str, provider: str) -> SharingProvider:
    """Authorize the owner of a provider who may create catalogs, and find the provider."""
    await operation.authorize(rules.CREATE_CATALOG)
    await operation.authorize(rules.OWN_PROVIDER, Target(SecurableType.PROVIDER, provider))
    await check_new("catalog", name, operation.rows.catalogs.find)
    found = await operation.rows.providers.find(provider)
    if found is None:
        raise absent(SecurableType.PROVIDER, provider)
    return found


def _new_mirror(
    catalog: Catalog, provider: SharingProvider, share: str, described: UpstreamShare, *, broker: bool
) -> Mirror:
    return Mirror(
        catalog_id=catalog.id,
        catalog=catalog.name,
        catalog_owner=catalog.owner,
        provider_id=provider.id,
        provider=provider.name,
        sealed_profile=provider.sealed_profile,
        share=share,
        broker=broker,
        resharing=described.resharing,
        keys=described.keys,
        provider_fingerprint=described.provider_fingerprint,
        file_origins=described.file_origins,
        state_since=catalog.created_at,
    )


def _target(name: str) -> Target:
    return Target(SecurableType.CATALOG, name)
