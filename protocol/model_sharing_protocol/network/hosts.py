"""Host names and addresses: what can be told of one without looking it up."""

from __future__ import annotations

import ipaddress
import socket

_PRIVATE_DOMAINS = frozenset(
    {"arpa", "corp", "home", "internal", "intranet", "lan", "local", "localdomain", "localhost", "private"}
)


def literal_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host is written as, in whatever spelling resolvers take (`127.1`, `0x7f000001`)."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host)) if host and not host.isspace() else None
    except (OSError, ValueError):  # ValueError: not ASCII, or a NUL
        return None


def is_private_name(host: str) -> bool:
    """True for a name that is none of the public Internet's: without a dot, or below such as `.internal`."""
    *_, last = labels = host.lower().rstrip(".").split(".")
    return len(labels) == 1 or last in _PRIVATE_DOMAINS
