"""Transport over the network, by the standard library, with bounds that hold against hostile servers.

Each request has a thread, which is left behind when its time is over: a timeout of a socket is for each read
alone, so that a server which sends a byte a second, or never ends its handshake, would hold the suite for
hours.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from opensharing_conformance.transport import NoAnswer, Request, Response

MAX_BODY_BYTES = 16 * 2**20
"""Largest body that is read; the rest of a longer one is left."""


@dataclass(frozen=True, slots=True)
class NetworkTransport:
    """Transport that opens a connection for each request, follows no redirect and keeps no cookie."""

    seconds: float = 30.0
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def send(self, request: Request) -> Response:
        address = urlsplit(request.url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise NoAnswer(f"not an http or https URL: {request.url[:200]!r}")
        try:
            connection = self._connection(address)
        except ValueError as error:
            raise NoAnswer(f"not a usable URL: {error}") from None
        outcome: list[Response | NoAnswer] = []
        thread = threading.Thread(target=_exchange, args=(connection, request, address, outcome), daemon=True)
        thread.start()
        thread.join(self.seconds)
        came = outcome[0] if outcome else NoAnswer(f"no answer within {self.seconds:g} s")
        _end(connection)
        if isinstance(came, NoAnswer):
            raise came
        return came

    def _connection(self, address: SplitResult) -> http.client.HTTPConnection:
        host, port = address.hostname or "", address.port
        proxy = None if urllib.request.proxy_bypass(host) else urllib.request.getproxies().get(address.scheme)
        if proxy is None:
            if address.scheme == "https":
                return http.client.HTTPSConnection(host, port, timeout=self.seconds, context=self.tls)
            return http.client.HTTPConnection(host, port, timeout=self.seconds)
        by = urlsplit(proxy)
        if address.scheme == "https":
            tunnel = http.client.HTTPSConnection(
                by.hostname or "", by.port, timeout=self.seconds, context=self.tls
            )
            tunnel.set_tunnel(host, port or 443)
            return tunnel
        raise ValueError("a proxy is set for http; use https, or list the host in NO_PROXY")


def _exchange(
    connection: http.client.HTTPConnection,
    request: Request,
    address: SplitResult,
    outcome: list[Response | NoAnswer],
) -> None:
    target = (address.path or "/") + (f"?{address.query}" if address.query else "")
    try:
        connection.request(request.method, target, request.body, dict(request.headers))
        with connection.getresponse() as response:
            outcome.append(_received(response))
    # AttributeError: the connection was ended meanwhile, and the library has no socket any more.
    except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
        outcome.append(NoAnswer(f"{type(error).__name__}: {error}"[:300]))


def _received(response: http.client.HTTPResponse) -> Response:
    body = response.read(MAX_BODY_BYTES + 1)
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        known = headers.get(name.lower())
        headers[name.lower()] = value if known is None else f"{known}, {value}"
    return Response(response.status, headers, body[:MAX_BODY_BYTES], len(body) > MAX_BODY_BYTES)


def _end(connection: http.client.HTTPConnection) -> None:
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)
    with suppress(OSError, AttributeError):
        connection.close()
