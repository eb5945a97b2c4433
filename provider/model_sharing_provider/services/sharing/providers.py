"""Providers that share with this metastore, each with the profile that it issued.

A profile contains a bearer token or a client's secret. It is stored encrypted, and never shown again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from uuid import uuid4

from model_sharing_protocol.errors import InvalidParameter, InvalidProfile, InvalidState, UnsupportedOperation
from model_sharing_protocol.names import normalize_name
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_protocol.printable import enumerated
from model_sharing_protocol.profile import Profile, parse_profile
from model_sharing_protocol.profile_sign_in import ClientCredentials
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.limits import MAX_PROFILE, check_comment, check_text
from model_sharing_provider.domain.mirrors import Mirror
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.sharing import ProviderAuthentication, SharingProvider
from model_sharing_provider.domain.terms import SharedTerms
from model_sharing_provider.governance import rules
from model_sharing_provider.keys.server_secrets import ServerSecrets
from model_sharing_provider.metastore.authorization.visibility import Viewer
from model_sharing_provider.services.context import Context, Operation, absent
from model_sharing_provider.services.registry.updates import (
    SecurableUpdate,
    apply_update,
    check_new,
    new_name,
)

_MOST_NAMED = 10

ListShares = Callable[[Profile], Awaitable[Sequence[str]]]
"""Function that asks a provider for the names of the shares of a profile."""
ListTerms = Callable[[Profile, str], Awaitable[Sequence[SharedTerms]]]
"""Function that asks a provider for the terms of a share."""


class Providers:
    def __init__(self, secrets: ServerSecrets, list_shares: ListShares, list_terms: ListTerms) -> None:
        self._secrets = secrets
        self._list_shares = list_shares
        self._list_terms = list_terms

    async def create(self, context: Context, name: str, profile: str, comment: str = "") -> SharingProvider:
        """Create a provider from the content of its profile file. Raises InvalidParameter, AlreadyExists."""
        name = normalize_name("provider", name)
        parsed = _checked(profile)
        async with context.change(AuditAction.CREATE_PROVIDER, _target(name)) as operation:
            await operation.authorize(rules.CREATE_PROVIDER)
            await check_new("provider", name, operation.rows.providers.find)
            provider = SharingProvider(
                id=str(uuid4()),
                name=name,
                comment=check_comment(comment),
                owner=operation.principal.name,
                endpoint=parsed.endpoint,
                authentication_type=_authentication(parsed),
                sealed_profile=self._secrets.seal(profile),
                created_at=operation.now,
                updated_at=operation.now,
                created_by=operation.principal.name,
                updated_by=operation.principal.name,
            )
            await operation.rows.providers.add(provider)
            return provider

    async def page(self, context: Context, page: PageRequest) -> Page[SharingProvider]:
        """Page of the providers that the caller owns, by name."""
        async with context.view(AuditAction.LIST_PROVIDERS, Target(SecurableType.METASTORE)) as operation:
            await operation.authorize(rules.ANY_PRINCIPAL)
            return await operation.rows.providers.page(page, Viewer.of(operation.principal))

    async def get(self, context: Context, name: str) -> SharingProvider:
        """Raises NotFound, PermissionDenied."""
        name = normalize_name("provider", name)
        async with context.view(AuditAction.GET_PROVIDER, _target(name)) as operation:
            await operation.authorize(rules.OWN_PROVIDER)
            return await _find(operation, name)

    async def mirrors(self, context: Context, name: str) -> Sequence[Mirror]:
        """Mirrors of the provider's shares, one for each catalog made from them. Raises NotFound."""
        name = normalize_name("provider", name)
        async with context.view(AuditAction.GET_PROVIDER, _target(name)) as operation:
            await operation.authorize(rules.OWN_PROVIDER)
            return await operation.rows.mirrors.of_provider((await _find(operation, name)).id)

    async def update(
        self, context: Context, name: str, changes: SecurableUpdate, profile: str | None = None
    ) -> SharingProvider:
        """Rename, describe, give to another owner, or replace the profile.

        Raises NotFound, AlreadyExists, InvalidParameter, PermissionDenied.
        """
        name = normalize_name("provider", name)
        async with context.change(AuditAction.UPDATE_PROVIDER, _target(name)) as operation:
            await operation.authorize(rules.OWN_PROVIDER)
            found = await _find(operation, name)
            called = await new_name("provider", name, changes, operation.rows.providers.find)
            updated = replace(await apply_update(operation, found, changes), name=called)
            if profile:
                parsed = _checked(profile)
                updated = replace(
                    updated,
                    endpoint=parsed.endpoint,
                    authentication_type=_authentication(parsed),
                    sealed_profile=self._secrets.seal(profile),
                )
            await operation.rows.providers.update(updated)
            return updated

    async def delete(self, context: Context, name: str) -> None:
        """Delete a provider and its token. Raises NotFound, InvalidState while a catalog needs it."""
        name = normalize_name("provider", name)
        async with context.change(AuditAction.DELETE_PROVIDER, _target(name)) as operation:
            await operation.authorize(rules.OWN_PROVIDER)
            provider = await _find(operation, name)
            if used := await operation.rows.mirrors.catalogs_of(provider.id):
                raise InvalidState(
                    f"The provider {name!r} shares these catalogs: {enumerated(used, _MOST_NAMED)}; delete "
                    "them first."
                )
            await operation.rows.providers.delete(provider.id)

    async def shares(self, context: Context, name: str) -> Sequence[str]:
        """Shares that the provider grants to us now. Raises InvalidState if it cannot be reached."""
        name = normalize_name("provider", name)
        async with context.view(AuditAction.LIST_PROVIDER_SHARES, _target(name)) as operation:
            await operation.authorize(rules.OWN_PROVIDER)
            sealed = (await _find(operation, name)).sealed_profile
        return await self._list_shares(_checked(self._secrets.unseal(sealed)))

    async def terms(self, context: Context, name: str, share: str) -> Sequence[SharedTerms]:
        """Terms of a share of the provider, as it asks us to accept them. Raises NotFound, InvalidState."""
        name, share = normalize_name("provider", name), normalize_name("share", share)
        async with context.view(AuditAction.LIST_PROVIDER_TERMS, _target(name)) as operation:
            await operation.authorize(rules.OWN_PROVIDER)
            sealed = (await _find(operation, name)).sealed_profile
        return await self._list_terms(_checked(self._secrets.unseal(sealed)), share)


def _checked(profile: str) -> Profile:
    check_text("recipient profile", profile, MAX_PROFILE)
    try:
        parsed = parse_profile(profile.encode())
    except InvalidProfile as error:
        raise InvalidParameter(error.message) from error
    if parsed.sign_in is not None and not isinstance(parsed.sign_in, ClientCredentials):
        # A user would name files of this server, or use its identity.
        raise UnsupportedOperation(
            f"The profile signs in by {parsed.kind}, with files or the identity of this server; only bearer "
            "tokens and oauth_client_credentials are supported here."
        )
    return parsed


def _authentication(profile: Profile) -> ProviderAuthentication:
    if profile.sign_in is None:
        return ProviderAuthentication.TOKEN
    return ProviderAuthentication.OAUTH_CLIENT_CREDENTIALS


async def _find(operation: Operation, name: str) -> SharingProvider:
    provider = await operation.rows.providers.find(name)
    if provider is None:
        raise absent(SecurableType.PROVIDER, name)
    return provider


def _target(name: str) -> Target:
    return Target(SecurableType.PROVIDER, name)
