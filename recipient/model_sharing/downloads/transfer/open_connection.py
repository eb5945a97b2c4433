"""Opening of connections to file origins: directly, or through the environment's proxy.

Directly, the address that a host name stands for is checked. A proxy looks names up itself, and may not even
be able to be asked: there the host is checked as it is written.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Iterator

from model_sharing.transport import bounds
from model_sharing.transport.connecting import connection_over
from model_sharing.transport.file_origins import FileOrigins, Origin, resolve
from model_sharing.transport.network_errors import TransientError
from model_sharing.transport.proxy_tunnel import open_tunnel
from model_sharing_protocol.network.proxies import Proxy, authority, proxy_for
from model_sharing_protocol.network.tls import client_tls


def open_connection(origin: Origin, origins: FileOrigins) -> tuple[http.client.HTTPConnection, Proxy | None]:
    """Open a connection to an origin; it, and the proxy that it leads through.

    Raises NotASharingServer for an address that is not to be called, OSError, HTTPException, and what
    `proxy_refusal` and `proxy_for` do.
    """
    scheme, host, port = origin
    proxy = proxy_for(f"{scheme}://{authority(host, port)}")
    with contextlib.ExitStack() as undo:
        if proxy is None:
            origins.check_address(origin, resolve(origin))
            sock = undo.enter_context(socket.create_connection((host, port), bounds.CONNECT_SECONDS))
            # A name may stand for something else a moment later.
            origins.check_address(origin, [sock.getpeername()[0]])
        else:
            origins.check_name(origin)
            sock = undo.enter_context(_connected(proxy))
            if scheme == "https":
                _open_tunnel(sock, proxy, origin)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if scheme == "https":
            sock = undo.enter_context(client_tls().wrap_socket(sock, server_hostname=host))
        undo.pop_all()
    return connection_over(sock, scheme, host, port), proxy


def _connected(proxy: Proxy) -> socket.socket:
    with _naming(proxy):
        return socket.create_connection((proxy.host, proxy.port), bounds.CONNECT_SECONDS)


def _open_tunnel(sock: socket.socket, proxy: Proxy, origin: Origin) -> None:
    _, host, port = origin
    try:
        with _naming(proxy):
            open_tunnel(sock, proxy, host, port)
    except TransientError as error:  # which names the proxy
        raise OSError(None, error.reason) from error


@contextlib.contextmanager
def _naming(proxy: Proxy) -> Iterator[None]:
    """Name the proxy in an OSError that is about it."""
    try:
        yield
    except TimeoutError as error:
        raise TimeoutError(error.errno, f"the proxy {proxy} did not answer in time") from error
    except OSError as error:
        raise OSError(error.errno, f"the proxy {proxy}: {error.strerror or 'no connection'}") from error
