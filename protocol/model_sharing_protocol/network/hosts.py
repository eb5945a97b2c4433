"""Host names and addresses, classified without a DNS look-up."""

from __future__ import annotations

import ipaddress
import socket

_PRIVATE_DOMAINS = frozenset(
    {"arpa", "corp", "home", "internal", "intranet", "lan", "local", "localdomain", "localhost", "private"}
)


def literal_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Address that a host is written as, in any spelling that resolvers accept (`127.1`, `0x7f000001`)."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host)) if host and not host.isspace() else None
    except (OSError, ValueError):  # ValueError: not ASCII, or a NUL
        return None


def is_private_name(host: str) -> bool:
    """True for a name outside the public Internet: without a dot, or below a domain such as `.internal`."""
    *_, last = labels = host.lower().rstrip(".").split(".")
    return len(labels) == 1 or last in _PRIVATE_DOMAINS
