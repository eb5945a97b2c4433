"""Opening of connections for calls of an API: name looked up, connected, through a proxy or not, and TLS."""

from __future__ import annotations

import asyncio
import http.client
import os
import socket
import ssl
from collections.abc import Callable
from typing import Any, NamedTuple

import aiohappyeyeballs

from model_sharing.transport import bounds
from model_sharing.transport.file_origins import parse_origin
from model_sharing.transport.proxy_tunnel import open_tunnel
from model_sharing_protocol.network.proxies import DEFAULT_PORTS, Proxy
from model_sharing_protocol.network.tls import client_tls

_NEXT_ADDRESS_SECONDS = 0.25
"""After so long the next address of a name is tried as well, as RFC 8305 advises: IPv6 may lead nowhere."""

_FAILED = "Connect call failed"
"""Words of the event loop, with an address."""

AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]
"""Item of what `getaddrinfo` gives."""
OpenSocket = Callable[[AddressInfo], socket.socket]


class Route(NamedTuple):
    """Where a request goes, through which proxy, and whom it trusts for TLS, if it is https."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    proxy: Proxy | None


def route_of(url: str, proxy: Proxy | None) -> Route:
    """Route to a URL. Raises ValueError for one that has none, and what `client_tls` does."""
    origin = parse_origin(url)
    if origin is None:
        raise ValueError("not an address of HTTP")
    scheme, host, port = origin
    return Route(host, port, client_tls() if scheme == "https" else None, proxy)


async def connect(route: Route, open_socket: OpenSocket | None) -> http.client.HTTPConnection:
    """Connect to the proxy, or to the host itself; over TLS, `finish` does the rest, which blocks.

    Raises OSError, `socket.gaierror` for a name that is not known.
    """
    host, port = (route.host, route.port) if route.proxy is None else (route.proxy.host, route.proxy.port)
    loop = asyncio.get_running_loop()
    addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    async with asyncio.timeout(bounds.CONNECT_SECONDS):
        try:
            sock = await aiohappyeyeballs.start_connection(
                addresses, happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS, socket_factory=open_socket
            )
        except OSError as error:
            if error.errno and _FAILED in str(error):  # whatever the reason was
                raise OSError(error.errno, os.strerror(error.errno)) from error
            raise
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection_over(sock, "http" if route.tls is None else "https", route.host, route.port)


def connection_over(sock: socket.socket, scheme: str, host: str, port: int) -> http.client.HTTPConnection:
    """Connection of `http.client` over a socket; it never connects by itself, past checks of addresses."""
    # An HTTPSConnection would make a TLS context of its own, which takes longer than a handshake.
    connection = http.client.HTTPConnection(host, port)
    connection.default_port = DEFAULT_PORTS[scheme]
    connection.sock = sock
    connection.auto_open = 0
    return connection


def finish(connection: http.client.HTTPConnection, route: Route) -> None:
    """Do what a connection over TLS needs beyond a socket: the proxy's tunnel, and the handshake. Blocks.

    Raises OSError, SSLError too, HTTPException, and what `proxy_refusal` gives.
    """
    assert route.tls is not None  # noqa: S101 - there is nothing to finish otherwise
    if route.proxy is not None:
        open_tunnel(connection.sock, route.proxy, route.host, route.port)
    tls = route.tls.wrap_socket(connection.sock, server_hostname=route.host, do_handshake_on_connect=False)
    connection.sock = tls  # before the handshake, so that whoever gives up can shut it down
    tls.do_handshake()
