"""Who really asked, and for which host, when a proxy stands in front: by X-Forwarded-For, -Proto and -Host.

They are believed of a proxy that is trusted, and of nobody else, since anybody can send them. RFC 7239's
`Forwarded` is not read: a proxy that sets the one and passes the other on would let its clients choose.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from aiohttp import web

from model_sharing_provider.governance.addresses import allows

TRUSTED_PROXIES: web.AppKey[tuple[str, ...]] = web.AppKey("trusted_proxies", tuple)
"""Networks in CIDR form."""

_WITH_PORT = re.compile(r"\[(?P<v6>[0-9A-Fa-f:.]+)\](:\d+)?|(?P<v4>[0-9.]+)(:\d+)?")
_SCHEME = re.compile("https?")
_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:\d{1,5})?")


def client_address(request: web.Request) -> str:
    """The address of the client: the last one before those of trusted proxies. Empty if there is none."""
    peer = request.remote or ""
    proxies = request.config_dict[TRUSTED_PROXIES]
    if not _is_trusted(proxies, peer):
        return peer
    client = peer
    # Each proxy adds at the end from where it was asked: what is left of a stranger is the stranger's word.
    for entry in reversed(_listed(request, "X-Forwarded-For")):
        address = _address(entry)
        if not address:
            return client
        client = address
        if not _is_trusted(proxies, address):
            return client
    return client


def origin(request: web.Request) -> str:
    """Scheme and host that the client asked for, as `https://models.acme.example`."""
    scheme, host = request.scheme, request.host
    proxies = request.config_dict[TRUSTED_PROXIES]
    if _is_trusted(proxies, request.remote or ""):
        scheme = _last(request, "X-Forwarded-Proto", _SCHEME) or scheme
        host = _last(request, "X-Forwarded-Host", _HOST) or host
    return f"{scheme}://{host}"


def is_host(text: str) -> bool:
    """Whether it is a host's name or address, with or without a port."""
    return bool(_HOST.fullmatch(text))


def _is_trusted(proxies: Sequence[str], address: str) -> bool:
    return bool(proxies) and allows(proxies, address)


def _listed(request: web.Request, header: str) -> list[str]:
    lines = request.headers.getall(header, ())
    return [entry.strip() for line in lines for entry in line.split(",")]


def _last(request: web.Request, header: str, form: re.Pattern[str]) -> str:
    """What the nearest proxy said, if it has this form."""
    told = "".join(_listed(request, header)[-1:])
    return told if form.fullmatch(told) else ""


def _address(entry: str) -> str:
    """Without a port; empty for what is no address."""
    found = _WITH_PORT.fullmatch(entry)
    text = (found["v6"] or found["v4"]) if found else entry
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""
