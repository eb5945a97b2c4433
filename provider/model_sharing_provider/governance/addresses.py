"""IP access lists: the networks that a recipient's credentials may be used from; none means all."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from model_sharing_protocol.errors import InvalidParameter

MAX_NETWORKS = 100


def check_networks(networks: Sequence[str]) -> tuple[str, ...]:
    """The networks in their usual form: IPv4 or IPv6, an address or a CIDR. Raises InvalidParameter."""
    if len(networks) > MAX_NETWORKS:
        raise InvalidParameter(
            f"An IP access list has at most {MAX_NETWORKS} entries; this has {len(networks)}."
        )
    try:
        return tuple(str(ipaddress.ip_network(network)) for network in networks)
    except ValueError as error:
        raise InvalidParameter(f"The IP access list cannot be used: {error}.") from error


def allows(networks: Sequence[str], address: str) -> bool:
    """Whether a caller at `address` is let in; an IPv4 caller may come as an IPv6 one (`::ffff:…`)."""
    if not networks:
        return True
    try:
        caller = ipaddress.ip_address(address)
    except ValueError:
        return False
    caller = getattr(caller, "ipv4_mapped", None) or caller
    return any(caller in ipaddress.ip_network(network) for network in networks)
