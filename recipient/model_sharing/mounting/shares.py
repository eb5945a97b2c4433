"""Shares that a provider grants to this recipient: list them, or find the one for a mount."""

from __future__ import annotations

import warnings

from model_sharing.client.invalid_items import InvalidItems
from model_sharing.client.sharing_client import SharingClient
from model_sharing.mounting.profile_sources import ProfileSource
from model_sharing.mounting.terms import Terms, fetch_terms
from model_sharing.transport.session import Transport
from model_sharing_protocol.errors import InvalidParameter, NotFound, SharingError
from model_sharing_protocol.names import normalize_name
from model_sharing_protocol.network.plain_http import PlainHttpWarning, origin_of, travels_in_clear
from model_sharing_protocol.printable import enumerated

_MOST_NAMED = 20


async def list_shares(source: ProfileSource) -> list[str]:
    """List the names of the shares granted to the holder of a profile, sorted.

    Raises what the provider answers, ServerUnreachable, NotASharingServer, TokenExpired.
    """
    endpoint = source.profile.endpoint
    warn_of_plain_http(endpoint)
    async with Transport(lambda: source.profile) as transport:
        return await fetch_shares(SharingClient(transport, endpoint), endpoint)


async def list_terms(source: ProfileSource, share: str | None) -> list[Terms]:
    """List the terms of a share, mounted or not; None for the only one that is granted. Raises as above."""
    endpoint = source.profile.endpoint
    wanted = None if share is None else normalize_name("share", share)
    warn_of_plain_http(endpoint)
    async with Transport(lambda: source.profile) as transport:
        client = SharingClient(transport, endpoint)
        return await fetch_terms(client, endpoint, wanted or await only_share(client, endpoint))


async def fetch_shares(client: SharingClient, endpoint: str) -> list[str]:
    """List them by a client that is open; invalid names are left out with a warning."""
    names = InvalidItems(endpoint).keep_valid(
        await client.list_shares(),
        lambda share: normalize_name("share", share.name),
        lambda share: f"the share {share.name[:80]!a}",
    )
    return sorted(set(names))


async def only_share(client: SharingClient, endpoint: str) -> str:
    """Get the one share that is granted. Raises NotFound for none, InvalidParameter for several."""
    names = await fetch_shares(client, endpoint)
    if not names:
        raise NotFound(f"{endpoint} shares nothing with you yet. Ask the provider to grant you a share.")
    if len(names) > 1:
        raise InvalidParameter(
            f"{endpoint} shares several with you; say which: {enumerated(names, _MOST_NAMED)}."
        )
    return names[0]


async def check_share(client: SharingClient, endpoint: str, share: str) -> None:
    """Raise NotFound, naming those that there are, for a share that is not granted."""
    try:
        await client.get_share(share)
    except NotFound as error:
        raise NotFound(
            f"{endpoint} shares nothing called {share!r} with you (any more). "
            f"{await _granted_shares(client, endpoint)}Check the name, or ask the provider to grant it."
        ) from error


def warn_of_plain_http(endpoint: str) -> None:
    """Warn that tokens and models travel in clear, if the endpoint is plain http."""
    if travels_in_clear(endpoint):
        warnings.warn(
            f"{origin_of(endpoint)} is plain http: the token and the models are sent unencrypted, and "
            "anybody who intercepts the token can use it. Ask the provider for an https address.",
            PlainHttpWarning,
            stacklevel=3,
        )


async def _granted_shares(client: SharingClient, endpoint: str) -> str:
    """Sentence that names the granted shares; empty if the provider does not say."""
    try:
        names = await fetch_shares(client, endpoint)
    except SharingError:
        return ""
    return f"It shares: {enumerated(names, _MOST_NAMED)}. " if names else ""
