"""Egress rules: the addresses at which this server may call other providers, and their token endpoints.

A profile's endpoints come from a user. Connections go only to addresses of the public Internet or of the
networks that the administrator allowed, however the name resolves.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from model_sharing_protocol.errors import InvalidState
from model_sharing_protocol.network.hosts import is_private_name, literal_address
from model_sharing_protocol.network.proxies import proxy_for
from model_sharing_protocol.profile import Profile
from model_sharing_provider.governance.addresses import is_within_reach

if TYPE_CHECKING:
    from aiohttp import AddrInfoType

    OpenSocket = Callable[[AddrInfoType], socket.socket]


class Egress:
    """Egress rules of this server: the public Internet, and `networks`."""

    def __init__(self, networks: Sequence[str] = ()) -> None:
        self._networks = networks

    def allows(self, address: str) -> bool:
        """True if a connection to this address is allowed."""
        return is_within_reach(address, self._networks)

    async def socket_opener(self, endpoint: str) -> OpenSocket | None:
        """Opener of checked sockets; None if the environment's proxy connects to the endpoint.

        The proxy resolves names itself, perhaps with other results. So it is used for https alone, where an
        internal server behind a public name receives nothing, since it has no certificate for that name.
        Raises InvalidState for a forbidden endpoint.
        """
        if proxy_for(endpoint) is None:
            return self._open_socket
        parts = urlsplit(endpoint)
        host = parts.hostname or ""
        address = literal_address(host)
        if parts.scheme != "https":
            raise InvalidState("only https endpoints are called through a proxy")
        if address is None and is_private_name(host):
            raise InvalidState(f"{host} is a name of a private network")
        for each in [str(address)] if address else await _known_addresses(host):
            if not self.allows(each):
                raise InvalidState(f"{each} is not in an allowed provider network")
        return None

    async def token_socket_opener(self, profile: Profile) -> OpenSocket | None:
        """Opener of sockets to the token endpoint of a profile, as `socket_opener` is to its endpoint."""
        settings = profile.sign_in
        return await self.socket_opener(settings.token_endpoint) if settings is not None else None

    def _open_socket(self, address: AddrInfoType) -> socket.socket:
        """Open a socket for a resolved address. Raises OSError for one that is not allowed."""
        family, kind, protocol, _, place = address
        if not self.allows(str(place[0])):
            raise OSError(errno.EACCES, f"{place[0]} is not in an allowed provider network")
        return socket.socket(family, kind, protocol)


async def _known_addresses(host: str) -> list[str]:
    """Addresses of a name; none if public names cannot be resolved here."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(place[0]) for *_, place in found]
