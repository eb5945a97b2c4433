"""Plain http: detection of URLs that are reached without encryption."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from model_sharing_protocol.errors import SharingWarning


class PlainHttpWarning(SharingWarning):
    """A token is about to be sent in clear, where others could read it on its way."""


def travels_in_clear(url: str) -> bool:
    """True for plain http to any host but this machine; an unclear host counts as another machine."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and not is_loopback(parts.hostname or "")
    except ValueError:
        return True


def is_loopback(host: str) -> bool:
    """True for 127.0.0.0/8, ::1, and the names `localhost` and `*.localhost`, which are reserved for it.

    Other spellings of such addresses, such as 2130706433 or 127.1, are read differently by different programs
    and do not count.
    """
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def origin_of(url: str) -> str:
    """Origin of a URL: scheme, host and port, which may be shown, while the rest may hold a secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the given address"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
