"""Tunnels (CONNECT) through forward proxies."""

from __future__ import annotations

import http.client
import socket

from model_sharing.transport import bounds
from model_sharing.transport.minimum_rate_reader import MinimumRateReader, MinimumRateSocket
from model_sharing.transport.network_errors import proxy_refusal
from model_sharing_protocol.network.proxies import Proxy, authority


def open_tunnel(sock: socket.socket, proxy: Proxy, host: str, port: int) -> None:
    """Open a tunnel through the proxy, to which `sock` is connected, to an https origin. Blocks.

    Raises OSError, HTTPException and what `proxy_refusal` gives.
    """
    target = authority(host, port)
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    lines += [f"{name}: {value}" for name, value in proxy.headers.items()]
    sock.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
    reader = MinimumRateSocket(MinimumRateReader(sock, bounds.MinimumRate()))
    with http.client.HTTPResponse(reader, method="CONNECT") as response:  # type: ignore[arg-type]
        response.begin()
    if response.status != http.HTTPStatus.OK:
        raise proxy_refusal(proxy, response.status, f"https://{target}")
