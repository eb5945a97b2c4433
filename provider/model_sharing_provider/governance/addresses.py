"""IP access lists: the networks that a recipient's credentials may be used from; none means all."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_provider.domain.limits import MAX_ID, check_text

MAX_NETWORKS = 100
ANY_ADDRESS: tuple[str, ...] = ()
"""The list of a recipient that may come from anywhere."""
_MAPPED_PREFIX = 96


def check_networks(networks: Sequence[str]) -> tuple[str, ...]:
    """The networks in their usual form: IPv4 or IPv6, an address or a CIDR. Raises InvalidParameter."""
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
    """Whether a caller at `address` is let in; an IPv4 caller may come as an IPv6 one (`::ffff:…`)."""
    if tuple(networks) == ANY_ADDRESS:
        return True
    try:
        caller = ipaddress.ip_address(address)
    except ValueError:
        return False
    caller = getattr(caller, "ipv4_mapped", None) or caller
    return any(caller in ipaddress.ip_network(network) for network in networks)


def parse_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """An address or a CIDR. Raises ValueError.

    One of IPv4 may be written as one of IPv6; callers are known by their IPv4 address.
    """
    network = ipaddress.ip_network(text)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= _MAPPED_PREFIX:
        return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED_PREFIX))
    return network
