"""Options of HTTP requests: proxy and certificate authorities from the environment.

The arguments are those of aiohttp's `ClientSession.request`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from model_sharing_protocol.network.proxies import Proxy, proxy_for
from model_sharing_protocol.network.tls import client_tls


def request_options(url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Arguments for a request with these headers. Raises what `proxy_for` and `client_tls` raise."""
    return request_options_through(proxy_for(url), url, headers)


def request_options_through(
    proxy: Proxy | None, url: str, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Arguments for a request through this proxy, or directly.

    Over plain http the proxy reads the request itself; for https it gets a CONNECT request of its own, which
    carries the headers for the proxy alone.
    """
    is_tls = urlsplit(url).scheme == "https"
    options: dict[str, Any] = {"headers": dict(headers or {})}
    if is_tls:
        options["ssl"] = client_tls()
    if proxy is not None:
        options["proxy"] = str(proxy)
        if is_tls:
            options["proxy_headers"] = proxy.headers
        else:
            options["headers"] |= proxy.headers
    return options
