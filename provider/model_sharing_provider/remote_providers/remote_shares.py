"""Shares of other providers: the one place where this side acts as a recipient.

A profile's endpoint is whatever somebody wrote. The address that is connected to, by whatever name and
however often it is resolved, is one of the public Internet or of the networks that the administrator allowed;
and every failure reads alike, so that nobody learns what else is in our network. The log says what it was.
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
"""How long each failure takes, whatever it is."""

_log = structlog.get_logger("model_sharing_provider")


class RemoteShares:
    """Asks providers on the public Internet, and in `networks`."""

    def __init__(self, networks: Sequence[str] = ()) -> None:
        self._networks = networks

    async def names(self, profile: Profile) -> Sequence[str]:
        """Names of the shares that a profile opens. Raises InvalidState if the provider cannot be asked."""
        until = time.monotonic() + PATIENCE_SECONDS
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._ask(profile)
        except (SharingError, TimeoutError) as error:
            reason = error.message if isinstance(error, SharingError) else "it took too long"
        host = urlsplit(profile.endpoint).netloc.rpartition("@")[2]
        _log.warning("another provider cannot be asked", host=host, reason=reason)
        await asyncio.sleep(until - time.monotonic())
        raise InvalidState(
            "The provider cannot be asked for its shares; check its profile, and that it can be reached from "
            "here. This server's log says more."
        )

    async def _ask(self, profile: Profile) -> Sequence[str]:
        from model_sharing.client.sharing_client import SharingClient  # noqa: PLC0415 - slow to import, and rarely needed
        from model_sharing.transport.session import Transport  # noqa: PLC0415

        guard = None if await self._is_left_to_a_proxy(profile.endpoint) else self._open_socket
        # What went wrong is to be known before the time is over.
        retry_for = PATIENCE_SECONDS / 2
        async with Transport(lambda: profile, open_socket=guard, retry_for=retry_for) as transport:
            shares = await SharingClient(transport, profile.endpoint).list_shares()
            return [share.name for share in shares]

    async def _is_left_to_a_proxy(self, endpoint: str) -> bool:
        """True if the environment's proxy is to connect; InvalidState for what it must not be asked to.

        It looks names up itself, perhaps not as we do. So it is asked for https alone, where a server inside
        that somebody's name leads to is told nothing, since it has no certificate for that name.
        """
        if proxy_for(endpoint) is None:
            return False
        parts = urlsplit(endpoint)
        host = parts.hostname or ""
        address = literal_address(host)
        if parts.scheme != "https":
            raise InvalidState("through a proxy, only providers at https are asked")
        if address is None and is_private_name(host):
            raise InvalidState(f"{host} is a name of a private network")
        for each in [str(address)] if address else await _known_addresses(host):
            if not is_within_reach(each, self._networks):
                raise InvalidState(f"{each} is not in an allowed provider network")
        return True

    def _open_socket(self, address: AddrInfoType) -> socket.socket:
        """A socket for what is about to be connected to, after all names were resolved. Raises OSError."""
        family, kind, protocol, _, place = address
        if not is_within_reach(str(place[0]), self._networks):
            raise OSError(errno.EACCES, f"{place[0]} is not in an allowed provider network")
        return socket.socket(family, kind, protocol)


async def _known_addresses(host: str) -> list[str]:
    """Addresses of a name; none where names of the world outside are not known."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(place[0]) for *_, place in found]
