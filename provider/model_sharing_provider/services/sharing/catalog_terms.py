"""Terms of the share that a catalog is made from: its owner accepts them, for everybody in this metastore."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from model_sharing_protocol.errors import (
    InvalidParameter,
    InvalidState,
    LocalError,
    TermsNotAccepted,
    UpstreamUnavailable,
)
from model_sharing_protocol.names import normalize_name
from model_sharing_protocol.terms import check_digest
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.mirrors import Mirror
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.terms import SharedTerms
from model_sharing_provider.governance import rules
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.mirroring.open_shares import OpenShares
from model_sharing_provider.services.registry.catalogs import find_catalog

_MOST_ACCEPTED = 100


class CatalogTerms:
    def __init__(self, shares: OpenShares) -> None:
        self._shares = shares

    async def list(self, context: Context, catalog: str) -> Sequence[SharedTerms]:
        """Terms of the share that a catalog shows, as its provider tells them now.

        Raises NotFound, PermissionDenied, InvalidState for a catalog of this metastore, UpstreamUnavailable.
        """
        catalog = normalize_name("catalog", catalog)
        async with context.view(AuditAction.LIST_CATALOG_TERMS, _target(catalog)) as operation:
            await operation.authorize(rules.USE_CATALOG)
            mirror = await _find_mirror(operation, catalog)
        return await self._ask(mirror)

    async def accept(self, context: Context, catalog: str, digests: Collection[str]) -> Sequence[SharedTerms]:
        """Accept terms at the provider, in the caller's name; those terms, accepted.

        Raises NotFound for terms that do not apply there, and as `list` does.
        """
        catalog = normalize_name("catalog", catalog)
        if len(digests) > _MOST_ACCEPTED:
            raise InvalidParameter(
                f"{len(digests)} digests are given; accept at most {_MOST_ACCEPTED} at a time."
            )
        for digest in digests:
            check_digest(digest)
        async with context.view(AuditAction.CHECK_SHARED_CATALOG, _target(catalog)) as operation:
            await operation.authorize(rules.OWN_CATALOG)
            mirror = await _find_mirror(operation, catalog)
            accepted_by = operation.principal.name
        share = self._shares.open(mirror)
        for digest in digests:
            target = _target(catalog, f"{catalog} terms {digest}")
            async with context.view(AuditAction.ACCEPT_CATALOG_TERMS, target) as operation:
                operation.authorized_before()
                try:
                    await share.accept_terms(digest, accepted_by)
                except (LocalError, TimeoutError) as error:
                    raise _unavailable(mirror) from error
        return [terms for terms in await self._ask(mirror) if terms.digest in digests]

    async def _ask(self, mirror: Mirror) -> Sequence[SharedTerms]:
        try:
            return await self._shares.open(mirror).terms()
        except (LocalError, TimeoutError) as error:
            raise _unavailable(mirror) from error


def check_share_terms(
    provider: str, share: str, terms: Iterable[SharedTerms], accepted: Collection[str]
) -> None:
    """Check the terms of a share of which a catalog is to be made, with those that are `accepted` hereby.

    Terms of single models are left until one of these is wanted. Raises TermsNotAccepted.
    """
    remaining = [
        each for each in terms if each.accepted_at is None and not each.models and each.digest not in accepted
    ]
    if remaining:
        versions = " and ".join(f"version {each.version} ({each.digest})" for each in remaining)
        flags = " ".join(f"--accept-terms {each.digest}" for each in remaining)
        raise TermsNotAccepted(
            f"The share {share!r} of the provider {provider!r} has terms that are not accepted: {versions}. "
            f"Read them with 'provider terms {provider} {share}', and accept them with: {flags}"
        )


async def _find_mirror(operation: Operation, catalog: str) -> Mirror:
    await find_catalog(operation, catalog)
    mirror = await operation.rows.mirrors.find_by_catalog(catalog)
    if mirror is None:
        raise InvalidState(
            f"The catalog {catalog!r} is this metastore's own; the terms of its models are shown by "
            "'model terms'."
        )
    return mirror


def _unavailable(mirror: Mirror) -> UpstreamUnavailable:
    return UpstreamUnavailable(
        f"{mirror.shown} cannot be asked for its terms at the moment. Try again later; 'catalog show "
        f"{mirror.catalog}' says more."
    )


def _target(catalog: str, detail: str = "") -> Target:
    return Target(SecurableType.CATALOG, catalog, detail)
