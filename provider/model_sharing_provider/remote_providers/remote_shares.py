"""Shares of other providers: which there are, and one of them described, with its keys.

A profile's endpoint comes from a user, who must not be able to scan our network: all failures to reach it
look the same to the user, and take the same time. The log has the reason.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from model_sharing_protocol.dsse import PublicKey
from model_sharing_protocol.errors import (
    InvalidParameter,
    InvalidState,
    NotFound,
    SharingError,
    TokenExpired,
    Unauthenticated,
    UntrustedSignature,
)
from model_sharing_protocol.printable import enumerated
from model_sharing_protocol.profile import Profile
from model_sharing_protocol.signing_keys import first_of
from model_sharing_provider.domain.terms import SharedTerms
from model_sharing_provider.domain.upstreams import UpstreamShare
from model_sharing_provider.remote_providers.egress import Egress
from model_sharing_provider.remote_providers.remote_terms import fetch_shared_terms
from model_sharing_provider.telemetry.log import log

if TYPE_CHECKING:
    from model_sharing.client.sharing_client import SharingClient

PATIENCE_SECONDS = 5.0
"""Time after which a provider that did not answer is given up."""
FAILURE_SECONDS = PATIENCE_SECONDS
"""Time that every failure to reach a provider takes, whatever its reason."""
_RETRY_SECONDS = PATIENCE_SECONDS / 2
"""Time for further attempts: the reason must be known before the time is over."""
_MOST_NAMED = 20
_TOLD = (InvalidParameter, NotFound, TokenExpired, Unauthenticated, UntrustedSignature)
"""Errors about the answer of a provider, and not about our network."""


class RemoteShares:
    """Client for the shares of providers at addresses that the egress rules allow."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def names(self, profile: Profile) -> Sequence[str]:
        """Names of the shares of a profile. Raises InvalidState if the provider cannot be reached."""
        async with self._asking(profile) as client:
            return [share.name for share in await client.list_shares()]

    async def terms(self, profile: Profile, share: str) -> Sequence[SharedTerms]:
        """Terms in force of a share of a profile. Raises NotFound, and InvalidState as `names` does."""
        async with self._asking(profile, told=_TOLD) as client:
            return await fetch_shared_terms(client, profile.endpoint, share)

    async def describe(
        self,
        profile: Profile,
        share: str,
        key_fingerprint: str | None = None,
        *,
        own_keys: Sequence[str] = (),
    ) -> UpstreamShare:
        """Describe a share, with the provider's keys as they are to be pinned.

        `key_fingerprint` is that of the expected key, if it was learned by another way; `own_keys` are the
        fingerprints of this server's own keys. Raises NotFound naming the shares that there are,
        UntrustedSignature, InvalidParameter for this server itself, and what `names` raises.
        """
        from model_sharing.resolution.pinned_keys import fetch_keys  # noqa: PLC0415 - slow to import
        from model_sharing.transport.file_origins import check_named_origins  # noqa: PLC0415

        async with self._asking(profile, told=_TOLD) as client:
            try:
                found = await client.get_share(share)
            except NotFound:
                raise await _no_share(client, profile, share) from None
            keys = await fetch_keys(client, profile.endpoint, (), key_fingerprint)
            listed = await client.list_keys()
            terms = await fetch_shared_terms(client, profile.endpoint, share)
        if not {key.fingerprint for key in keys}.isdisjoint(own_keys):
            raise InvalidParameter(
                f"{profile.endpoint} is this metastore itself; its models need no share to be used here."
            )
        return UpstreamShare(
            keys=tuple(key.pem for key in keys),
            provider_fingerprint=first_of(PublicKey.parse(keys[0].pem), listed.keys).fingerprint,
            file_origins=check_named_origins(profile.endpoint, listed.file_origins),
            resharing=found.resharing,
            terms=tuple(terms),
        )

    @asynccontextmanager
    async def _asking(
        self, profile: Profile, *, told: tuple[type[SharingError], ...] = ()
    ) -> AsyncIterator[SharingClient]:
        """Client of a profile's provider, for seconds. Raises InvalidState for all but the `told` errors."""
        from model_sharing.client.sharing_client import SharingClient  # noqa: PLC0415 - slow to import
        from model_sharing.transport.session import Transport  # noqa: PLC0415

        until = time.monotonic() + FAILURE_SECONDS
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                guard = await self._egress.socket_opener(profile.endpoint)
                token_guard = await self._egress.token_socket_opener(profile)
                async with Transport(
                    lambda: profile, guard, open_token_socket=token_guard, retry_for=_RETRY_SECONDS
                ) as transport:
                    yield SharingClient(transport, profile.endpoint)
        except (SharingError, TimeoutError) as error:
            if isinstance(error, told):
                raise
            reason = error.message if isinstance(error, SharingError) else "it took too long"
            host = urlsplit(profile.endpoint).netloc.rpartition("@")[2]
            log.warning("cannot ask another provider for its shares", host=host, reason=reason)
            await asyncio.sleep(until - time.monotonic())
            raise InvalidState(
                "The shares of the provider cannot be listed; check its profile, and that this server can "
                "reach it. Details are in this server's log."
            ) from None


async def _no_share(client: SharingClient, profile: Profile, share: str) -> NotFound:
    try:
        names = sorted({each.name for each in await client.list_shares()})
    except SharingError:
        names = []
    there = f" It shares: {enumerated(names, _MOST_NAMED)}." if names else ""
    return NotFound(
        f"{profile.endpoint} shares nothing called {share!r} with this metastore.{there} Check the name, or "
        "ask the provider to grant it."
    )
