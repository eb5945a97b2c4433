"""Forward proxies of the environment: which one a URL is asked through, by HTTPS_PROXY, NO_PROXY and so on.

The one place that decides, for both sides and for metadata and files alike. The rules are curl's: a variable
counts in both letter cases, the lower one first; ALL_PROXY stands in for the others; NO_PROXY lists hosts
that are asked directly; this machine's own addresses are no exception.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import re
import urllib.request
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes, urlsplit

from model_sharing_protocol.errors import InvalidParameter, UnsupportedOperation

DEFAULT_PORTS = {"http": 80, "https": 443}
_EXAMPLE = "http://proxy.example.com:3128"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Proxy:
    """HTTP proxy. As text it is its address, without the credentials that `authorization` holds."""

    host: str
    port: int
    authorization: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"http://{authority(self.host, self.port)}"

    @property
    def headers(self) -> dict[str, str]:
        """Headers for the proxy alone, and for no server behind it."""
        return {"Proxy-Authorization": self.authorization} if self.authorization else {}


def proxy_for(url: str) -> Proxy | None:
    """The proxy to ask for `url` through, or None. `url` is http or https and was parsed before.

    Raises InvalidParameter for a proxy that is not valid, and UnsupportedOperation for one of another kind,
    such as SOCKS. Neither shows the variable's value, which may hold a password.
    """
    parts = urlsplit(url)
    # This forgets HTTP_PROXY where the process is a CGI script: a client's `Proxy` header could have set it.
    proxies = urllib.request.getproxies_environment()
    scheme = parts.scheme if parts.scheme in proxies else "all"
    address = proxies.get(scheme, "").strip()
    port = parts.port if parts.port is not None else DEFAULT_PORTS.get(parts.scheme, 0)
    if not address or not parts.hostname or is_bypassed(parts.hostname, port, proxies.get("no", "")):
        return None
    return parse_proxy(address, _variable(f"{scheme}_proxy"))


def is_bypassed(host: str, port: int, no_proxy: str) -> bool:
    """True if NO_PROXY lists this host.

    It is a list, with commas or spaces, of `*`, host names that stand for all below them too (`example.com`,
    `.example.com`, `*.example.com`), addresses and networks (`10.0.0.0/8`), each perhaps with a port.
    """
    host = host.lower().rstrip(".")
    return any(_matches(host, port, entry) for entry in re.split(r"[\s,]+", no_proxy.lower()) if entry)


def parse_proxy(address: str, variable: str) -> Proxy:
    """The proxy at an address such as `http://user:password@proxy.example.com:3128`; see `proxy_for`."""
    url = address if _SCHEME.match(address) else f"http://{address}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not url.isascii() or not url.isprintable() or " " in url or parts.path.strip("/"):
        raise InvalidParameter(
            f"{variable} is not the address of a proxy; write one such as {_EXAMPLE}, with characters other "
            "than letters and digits in a user's name or password as %40 and so on."
        )
    if parts.scheme != "http":
        raise UnsupportedOperation(
            f"{variable} names a proxy of the kind {parts.scheme}://, which is not supported; HTTP proxies "
            f"are, such as {_EXAMPLE}. Set HTTPS_PROXY and HTTP_PROXY to one, or list hosts that are reached "
            "without one in NO_PROXY."
        )
    user, _, rest = parts.netloc.rpartition("@")
    authorization = ""
    if rest != parts.netloc:
        name, _, password = user.partition(":")
        pair = unquote_to_bytes(name) + b":" + unquote_to_bytes(password)
        authorization = f"Basic {base64.b64encode(pair).decode()}"
    return Proxy(host, port if port is not None else DEFAULT_PORTS["http"], authorization)


def authority(host: str, port: int) -> str:
    """Host and port as a URL has them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _matches(host: str, port: int, entry: str) -> bool:
    if entry == "*":
        return True
    address = _address(host)
    if address is not None and (network := _network(entry)) is not None:
        return address in network
    name, wanted = _split_port(entry)
    if wanted is not None and wanted != port:
        return False
    if address is not None:
        return _address(name) == address
    name = name.removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _split_port(entry: str) -> tuple[str, int | None]:
    """Host and port of `host:port`, `[::1]:port` or either without a port."""
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        rest = rest.removeprefix(":")
    elif entry.count(":") == 1:
        host, _, rest = entry.partition(":")
    else:
        host, rest = entry, ""
    return host, int(rest) if _PORT.fullmatch(rest) else None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text.strip("[]"), strict=False) if "/" in text else None
    except ValueError:
        return None


def _variable(name: str) -> str:
    """The variable that `getproxies_environment` took a proxy from."""
    return name if os.environ.get(name) else name.upper()
