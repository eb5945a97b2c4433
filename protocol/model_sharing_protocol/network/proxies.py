"""Forward proxies from the environment: HTTPS_PROXY, NO_PROXY and so on.

Both sides choose their proxies here, for metadata and files alike. The rules are curl's: a variable counts in
lower and upper case, lower first; ALL_PROXY is the default for the others; NO_PROXY lists hosts that are
reached directly; this machine's own addresses are no exception.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes, urlsplit

from model_sharing_protocol.errors import InvalidParameter, UnsupportedOperation

DEFAULT_PORTS = {"http": 80, "https": 443}
_EXAMPLE = "http://proxy.example.com:3128"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Proxy:
    """HTTP proxy. `str()` is its address, without the credentials in `authorization`."""

    host: str
    port: int
    authorization: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"http://{authority(self.host, self.port)}"

    @property
    def headers(self) -> dict[str, str]:
        """Headers for the proxy alone, never for a server behind it."""
        return {"Proxy-Authorization": self.authorization} if self.authorization else {}


def proxy_for(url: str) -> Proxy | None:
    """Proxy for a URL, or None. `url` is http or https and was parsed before.

    Raises InvalidParameter for a proxy that is not valid, and UnsupportedOperation for one of another kind,
    such as SOCKS. Neither shows the variable's value, which may hold a password.
    """
    from urllib.request import getproxies_environment  # noqa: PLC0415 - imports http.client and email

    parts = urlsplit(url)
    # This ignores HTTP_PROXY in a CGI script, where a client's `Proxy` header could have set it.
    proxies = getproxies_environment()
    scheme = parts.scheme if parts.scheme in proxies else "all"
    address = proxies.get(scheme, "").strip()
    port = parts.port if parts.port is not None else DEFAULT_PORTS.get(parts.scheme, 0)
    if not address or not parts.hostname or is_bypassed(parts.hostname, port, proxies.get("no", "")):
        return None
    return parse_proxy(address, _variable(f"{scheme}_proxy"))


def is_bypassed(host: str, port: int, no_proxy: str) -> bool:
    """True if NO_PROXY lists this host.

    NO_PROXY is a list, separated by commas or spaces, of `*`, host names that include their subdomains
    (`example.com`, `.example.com`, `*.example.com`), addresses and networks (`10.0.0.0/8`), optionally with a
    port.
    """
    host = host.lower().rstrip(".")
    return any(_matches(host, port, entry) for entry in re.split(r"[\s,]+", no_proxy.lower()) if entry)


def parse_proxy(address: str, variable: str) -> Proxy:
    """Proxy at an address such as `http://user:password@proxy.example.com:3128`; see `proxy_for`."""
    url = address if _SCHEME.match(address) else f"http://{address}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not url.isascii() or not url.isprintable() or " " in url or parts.path.strip("/"):
        raise InvalidParameter(
            f"{variable} is not the address of a proxy; write it like {_EXAMPLE}, and percent-encode special "
            "characters in a user name or password, such as %40 for @."
        )
    if parts.scheme != "http":
        raise UnsupportedOperation(
            f"{variable} names a {parts.scheme}:// proxy, which is not supported; only HTTP ones are, such "
            f"as {_EXAMPLE}. Set HTTPS_PROXY and HTTP_PROXY to one, or list hosts that are reached directly "
            "in NO_PROXY."
        )
    user, _, rest = parts.netloc.rpartition("@")
    authorization = ""
    if rest != parts.netloc:
        name, _, password = user.partition(":")
        pair = unquote_to_bytes(name) + b":" + unquote_to_bytes(password)
        authorization = f"Basic {base64.b64encode(pair).decode()}"
    return Proxy(host, port if port is not None else DEFAULT_PORTS["http"], authorization)


def authority(host: str, port: int) -> str:
    """Host and port as written in a URL."""
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
    """Name of the variable from which `getproxies_environment` took a proxy."""
    return name if os.environ.get(name) else name.upper()
