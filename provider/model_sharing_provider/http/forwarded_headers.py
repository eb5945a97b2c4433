"""Forwarded headers of reverse proxies: X-Forwarded-For, -Proto and -Host give the client and the host.

Only those of trusted proxies are read, since anybody can send them. `Forwarded` of RFC 7239 is not read: a
proxy that sets X-Forwarded-For and passes `Forwarded` on would let its clients choose their address.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence

from aiohttp import web

from model_sharing_provider.governance.addresses import allows
from model_sharing_provider.http.application_values import application_of

TRUSTED_PROXIES: web.AppKey[tuple[str, ...]] = web.AppKey("trusted_proxies", tuple)
"""Networks of trusted proxies, in CIDR form."""

_CLIENT_ADDRESS: web.RequestKey[str] = web.RequestKey("client_address", str)
_WITH_PORT = re.compile(r"\[(?P<v6>[0-9A-Fa-f:.]+)\](:\d+)?|(?P<v4>[0-9.]+)(:\d+)?")
_SCHEMES = frozenset({"http", "https"})
_LAST_PORT = 65535
_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[(?P<v6>[0-9A-Fa-f:.]{2,45})\])(:(?P<port>[0-9]{1,5}))?")


def client_address(request: web.Request) -> str:
    """Address of the client: the last one before those of trusted proxies. Empty if unknown."""
    try:
        return request[_CLIENT_ADDRESS]
    except KeyError:
        request[_CLIENT_ADDRESS] = address = _client_address(request)
        return address


def _client_address(request: web.Request) -> str:
    peer = request.remote or ""
    proxies = application_of(request)[TRUSTED_PROXIES]
    if not _is_trusted(proxies, peer):
        return peer
    client = peer
    # Each proxy appends the address of its client; entries before an untrusted address may be forged.
    for entry in reversed(_listed(request, "X-Forwarded-For")):
        address = _address(entry)
        if not address:
            return client
        client = address
        if not _is_trusted(proxies, address):
            return client
    return client


def origin(request: web.Request) -> str:
    """Origin of the URL that the client requested, such as `https://models.acme.example`."""
    scheme, host = request.scheme, request.host
    proxies = application_of(request)[TRUSTED_PROXIES]
    if _is_trusted(proxies, request.remote or ""):
        scheme = _last(request, "X-Forwarded-Proto", _is_scheme) or scheme
        host = _last(request, "X-Forwarded-Host", is_host) or host
    return f"{scheme}://{host}"


def is_host(text: str) -> bool:
    """True for a host name or address, with or without a port."""
    found = _HOST.fullmatch(text)
    if found is None or int(found["port"] or 0) > _LAST_PORT:
        return False
    try:
        return not found["v6"] or bool(ipaddress.IPv6Address(found["v6"]))
    except ValueError:
        return False


def _is_scheme(text: str) -> bool:
    return text in _SCHEMES


def _is_trusted(proxies: Sequence[str], address: str) -> bool:
    return bool(proxies) and allows(proxies, address)


def _listed(request: web.Request, header: str) -> list[str]:
    lines = request.headers.getall(header, ())
    return [entry.strip() for line in lines for entry in line.split(",")]


def _last(request: web.Request, header: str, is_valid: Callable[[str], bool]) -> str:
    """Value that the nearest proxy set, if it is valid."""
    value = "".join(_listed(request, header)[-1:])
    return value if is_valid(value) else ""


def _address(entry: str) -> str:
    """Address of an entry, without a port; empty for anything else."""
    found = _WITH_PORT.fullmatch(entry)
    text = (found["v6"] or found["v4"]) if found else entry
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""
