"""Shares of other providers: the only module in which this server acts as a recipient.

A profile's endpoint comes from a user. Connections go only to addresses of the public Internet or of the
networks that the administrator allowed, however the name resolves; and all failures look the same to the
user, so that nobody can scan our network. The log has the reason.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from model_sharing_protocol.errors import InvalidState, SharingError
from model_sharing_protocol.network.hosts import is_private_name, literal_address
from model_sharing_protocol.network.proxies import proxy_for
from model_sharing_protocol.profile import Profile
from model_sharing_provider.governance.addresses import is_within_reach

if TYPE_CHECKING:
    from aiohttp import AddrInfoType

PATIENCE_SECONDS = 5.0
"""Time that every failure takes, whatever its reason."""

_log = structlog.get_logger("model_sharing_provider")


class RemoteShares:
    """Client for the shares of providers on the public Internet and in `networks`."""

    def __init__(self, networks: Sequence[str] = ()) -> None:
        self._networks = networks

    async def names(self, profile: Profile) -> Sequence[str]:
        """Names of the shares of a profile. Raises InvalidState if the provider cannot be reached."""
        until = time.monotonic() + PATIENCE_SECONDS
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._ask(profile)
        except (SharingError, TimeoutError) as error:
            reason = error.message if isinstance(error, SharingError) else "it took too long"
        host = urlsplit(profile.endpoint).netloc.rpartition("@")[2]
        _log.warning("cannot list another provider's shares", host=host, reason=reason)
        await asyncio.sleep(until - time.monotonic())
        raise InvalidState(
            "The shares of the provider cannot be listed; check its profile, and that this server can "
            "reach it. Details are in this server's log."
        )

    async def _ask(self, profile: Profile) -> Sequence[str]:
        from model_sharing.client.sharing_client import SharingClient  # noqa: PLC0415 - slow to import, and rarely needed
        from model_sharing.transport.session import Transport  # noqa: PLC0415

        guard = None if await self._is_left_to_a_proxy(profile.endpoint) else self._open_socket
        # The reason must be known before the time is over.
        retry_for = PATIENCE_SECONDS / 2
        async with Transport(lambda: profile, open_socket=guard, retry_for=retry_for) as transport:
            shares = await SharingClient(transport, profile.endpoint).list_shares()
            return [share.name for share in shares]

    async def _is_left_to_a_proxy(self, endpoint: str) -> bool:
        """True if the environment's proxy connects. Raises InvalidState for a forbidden endpoint.

        The proxy resolves names itself, perhaps with other results. So it is used for https alone, where an
        internal server behind a public name receives nothing, since it has no certificate for that name.
        """
        if proxy_for(endpoint) is None:
            return False
        parts = urlsplit(endpoint)
        host = parts.hostname or ""
        address = literal_address(host)
        if parts.scheme != "https":
            raise InvalidState("only https endpoints are called through a proxy")
        if address is None and is_private_name(host):
            raise InvalidState(f"{host} is a name of a private network")
        for each in [str(address)] if address else await _known_addresses(host):
            if not is_within_reach(each, self._networks):
                raise InvalidState(f"{each} is not in an allowed provider network")
        return True

    def _open_socket(self, address: AddrInfoType) -> socket.socket:
        """Open a socket for a resolved address. Raises OSError for one that is not allowed."""
        family, kind, protocol, _, place = address
        if not is_within_reach(str(place[0]), self._networks):
            raise OSError(errno.EACCES, f"{place[0]} is not in an allowed provider network")
        return socket.socket(family, kind, protocol)


async def _known_addresses(host: str) -> list[str]:
    """Addresses of a name; none if public names cannot be resolved here."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(place[0]) for *_, place in found]
