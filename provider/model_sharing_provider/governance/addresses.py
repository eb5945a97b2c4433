"""IP access lists: networks from which a recipient's credentials may be used; none means all."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_provider.domain.limits import MAX_ID, check_text

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_NETWORKS = 100
ANY_ADDRESS: tuple[str, ...] = ()
"""Access list without restrictions."""
_MAPPED_PREFIX = 96
_ONE_PERSONS_PREFIX = 64
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_COMPATIBLE = ipaddress.ip_network("::/96")
_NOT_CALLED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",  # a public address by which machines in Azure reach their host
        "64:ff9b:1::/48",  # NAT64 of a network's own, which may lead anywhere in it
        "192.0.0.0/24",  # for protocols of the IETF; some clouds describe their machines there
        "192.88.99.0/24",  # once the way to 6to4
        "fec0::/10",  # once what fc00::/7 is now
        "100::/64",  # discarded
        "3fff::/20",  # for documentation
        "5f00::/16",  # for routing inside a network
    )
)
"""Networks that some releases of Python's `is_global` treat as public."""
_IPV4 = 4
_KNOWN_ADDRESSES = 4096
_IPV4_BITS = 0xFFFFFFFF


def check_networks(networks: Sequence[str]) -> tuple[str, ...]:
    """Check networks, and return them in canonical form: an address or a CIDR. Raises InvalidParameter."""
    if len(networks) > MAX_NETWORKS:
        raise InvalidParameter(
            f"An IP access list has at most {MAX_NETWORKS} entries; this has {len(networks)}."
        )
    for network in networks:
        check_text("entry of an IP access list", network, MAX_ID)
    try:
        return tuple(str(parse_network(network)) for network in networks)
    except ValueError as error:
        raise InvalidParameter(f"The IP access list cannot be used: {error}.") from error


def allows(networks: Sequence[str], address: str) -> bool:
    """True if the list allows a caller at `address`; an IPv4 address may be mapped to IPv6 (`::ffff:…`)."""
    if tuple(networks) == ANY_ADDRESS:
        return True
    try:
        caller = ipaddress.ip_address(address)
    except ValueError:
        return False
    caller = getattr(caller, "ipv4_mapped", None) or caller
    return any(caller in ipaddress.ip_network(network) for network in networks)


def is_within_reach(address: str, networks: Sequence[str]) -> bool:
    """True if this server may call an address given by others: a public one, or one in `networks`.

    An IPv6 address that embeds an IPv4 one is judged by that one.
    """
    allowed = [ipaddress.ip_network(network) for network in networks]
    return all(
        _is_public(each) or any(each in network for network in allowed)
        for each in _leads_to(ipaddress.ip_address(address))
    )


def _leads_to(address: Address) -> list[Address]:
    """IPv4 addresses embedded in an IPv6 one; any other address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return [ipaddress.IPv4Address(int(address) & _IPV4_BITS)]
    if address.sixtofour:
        return [address.sixtofour]
    return list(address.teredo or (address,))


def _is_public(address: Address) -> bool:
    listed = any(address in network for network in _NOT_CALLED)
    return address.is_global and not address.is_multicast and not address.is_reserved and not listed


@lru_cache(_KNOWN_ADDRESSES)
def network_of(address: str) -> str:
    """Network of one person: an IPv4 address, or the /64 of an IPv6 one; other text is returned unchanged."""
    try:
        caller = ipaddress.ip_address(address)
    except ValueError:
        return address
    caller = getattr(caller, "ipv4_mapped", None) or caller
    if caller.version == _IPV4:
        return str(caller)
    return str(ipaddress.ip_network((int(caller), _ONE_PERSONS_PREFIX), strict=False))


def parse_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Parse an address or a CIDR. Raises ValueError.

    An IPv4 network may be written as a mapped IPv6 one.
    """
    network = ipaddress.ip_network(text)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= _MAPPED_PREFIX:
        return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED_PREFIX))
    return network
