"""File origins: the hosts that contents may come from, the provider's own or named when it was mounted.

This is the one place that says so. File URLs come in responses, and whoever could change one must not be
able to send this machine anywhere else, least of all to addresses that only machines like it can reach.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from urllib.parse import urlsplit

from model_sharing_protocol.errors import NotASharingServer
from model_sharing_protocol.network.hosts import is_private_name, literal_address
from model_sharing_protocol.network.proxies import DEFAULT_PORTS

Origin = tuple[str, str, int]
"""Scheme, host and port."""


class FileOrigins:
    """Origins of files: the endpoint's, and those that were pinned for its mount.

    `may_call` decides about every address besides: a server that fetches for others says by it which networks
    they may send it to.
    """

    def __init__(
        self, endpoint: str, pinned: Iterable[str] = (), may_call: Callable[[str], bool] | None = None
    ) -> None:
        self._endpoint = endpoint
        self._may_call = may_call
        self._own = parse_origin(endpoint)
        self._pinned = {parse_origin(each) for each in pinned}

    def check(self, url: str) -> tuple[Origin, str]:
        """Check a file URL; its origin and request target, or NotASharingServer for an unknown origin."""
        try:
            origin, parts = parse_origin(url), urlsplit(url)
        except ValueError:
            origin = None
        if (
            origin is None
            or not (origin == self._own or origin in self._pinned)
            or "@" in parts.netloc
            or not url.isascii()
            or not url.isprintable()
        ):
            raise NotASharingServer(
                f"{self._endpoint} points to files elsewhere ({_shown(origin)}); only its own address is "
                "called, and those that it named when it was mounted. Nothing was sent. If the provider says "
                "that its files are there now, mount the same again to accept it."
            )
        return origin, request_target(url)

    def check_address(self, origin: Origin, addresses: Iterable[str]) -> None:
        """Raise NotASharingServer if a host leads to an address where the provider itself cannot be.

        A provider in a private network may keep its files there; one out in the world may not point inside.
        """
        addresses = list(addresses)
        self._check_may_call(origin, addresses)
        if origin == self._own:
            return
        for address in addresses:
            parsed = ipaddress.ip_address(address.partition("%")[0])
            if parsed.is_link_local or not (parsed.is_global or self._is_inside):
                raise NotASharingServer(
                    f"{self._endpoint} points to files at {_shown(origin)}, which is the address {address}: "
                    "one that a provider has no business to point to. Nothing was sent."
                )

    def check_name(self, origin: Origin) -> None:
        """Check a host by its name, where only a proxy looks up its address."""
        if self._may_call is not None:
            self._check_name_may_be_called(origin)
        if origin == self._own:
            return
        address = literal_address(origin[1])
        if address is not None:
            self.check_address(origin, [str(address)])
        elif is_private_name(origin[1]) and not self._is_inside:
            raise NotASharingServer(
                f"{self._endpoint} points to files at {_shown(origin)}, a name of a private network: one "
                "that a provider has no business to point to. Nothing was sent."
            )

    def _check_may_call(self, origin: Origin, addresses: Iterable[str]) -> None:
        for address in addresses:
            if self._may_call is not None and not self._may_call(address.partition("%")[0]):
                raise NotASharingServer(
                    f"{self._endpoint} points to files at {_shown(origin)}, which is the address {address}: "
                    "one that this server may not call. Nothing was sent."
                )

    def _check_name_may_be_called(self, origin: Origin) -> None:
        """Check what a proxy is asked to call: it may know a name by another address than is known here.

        So it is asked for https alone, where a server inside has no certificate for a name of the world.
        """
        scheme, host, _ = origin
        address = literal_address(host)
        if scheme != "https" or (address is None and is_private_name(host)):
            raise NotASharingServer(
                f"{self._endpoint} points to files at {_shown(origin)}, which may not be called through a "
                "proxy. Nothing was sent."
            )
        known: list[str] = [] if address is None else [str(address)]
        if address is None:
            with contextlib.suppress(OSError):  # names of the world may mean nothing behind a proxy
                known = resolve(origin)
        self._check_may_call(origin, known)

    @cached_property
    def _is_inside(self) -> bool:
        """True if the provider itself is at an address of a private network, or of this machine."""
        if self._own is None:
            return False
        if is_private_name(self._own[1]):
            return True
        try:
            addresses = resolve(self._own)
        except OSError:
            return False  # behind a proxy, names of the world outside may mean nothing
        return not all(ipaddress.ip_address(each).is_global for each in addresses)


def check_named_origins(endpoint: str, listed: Sequence[str]) -> tuple[str, ...]:
    """Check the origins that a provider names for its files, to be pinned with its mount.

    Raises NotASharingServer for what is no origin, or for plain http where the provider itself is at https.
    """
    origins = []
    for each in listed:
        try:
            origin = parse_origin(each)
        except ValueError:
            origin = None
        if origin is None or each != each.strip() or urlsplit(each).path or "@" in each:
            raise NotASharingServer(
                f"{endpoint} names {each[:200]!r} as an origin of files, which is not a valid origin."
            )
        if origin[0] == "http" and urlsplit(endpoint).scheme == "https":
            raise NotASharingServer(
                f"{endpoint} names {each} as where its files are; from a provider at https, files are not "
                "fetched over plain http."
            )
        origins.append(each)
    return tuple(dict.fromkeys(origins))


def resolve(origin: Origin) -> list[str]:
    """Look up the addresses of a host. Raises OSError."""
    _, host, port = origin
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except UnicodeError as error:  # a label of more than 63 characters, say
        raise OSError("the host name cannot be looked up") from error


def parse_origin(url: str) -> Origin | None:
    """Origin of a URL, None if it is not one of HTTP. Raises ValueError for a host or port that cannot be."""
    parts = urlsplit(url)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        return None
    port = parts.port if parts.port is not None else DEFAULT_PORTS[parts.scheme]
    return parts.scheme, parts.hostname.lower(), port


def request_target(url: str) -> str:
    """Path and query of a URL, as they are sent to its origin."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _shown(origin: Origin | None) -> str:
    return f"{origin[0]}://{origin[1]}:{origin[2]}" if origin else "no http address"
