"""Bounded request to a token endpoint or a metadata service: one answer, by a session of its own.

It never carries the provider's token, follows no redirect, and is bounded in bytes and time. Only the origin
of the address appears in errors, and nothing of what was sent.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model_sharing.transport import bounds
from model_sharing.transport.network_errors import (
    SIGN_IN,
    TransientError,
    is_transient,
    retry_after,
    translated_network_errors,
)
from model_sharing.transport.response_reader import read_bounded
from model_sharing_protocol.errors import InvalidProfile, NotASharingServer, ServerUnreachable
from model_sharing_protocol.network.plain_http import origin_of, travels_in_clear
from model_sharing_protocol.network.proxies import proxy_for
from model_sharing_protocol.network.request_options import request_options_through

if TYPE_CHECKING:
    import aiohttp

OpenSocket = Callable[["aiohttp.AddrInfoType"], socket.socket]

_MULTIPLE_CHOICES = 300
_BAD_REQUEST = 400


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer of status 200 or 4xx. `date` is the server's time, as it wrote it."""

    origin: str
    status: int
    body: bytes = field(repr=False)
    date: str


async def bounded_request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    form: Mapping[str, str] | None = None,
    open_socket: OpenSocket | None = None,
    local: bool = False,
) -> Answer:
    """Answer to one request. A `local` service, of this machine's cloud, is asked by no proxy, in clear.

    Raises InvalidProfile for an address in clear, NotASharingServer for a redirect or what is not HTTP,
    ServerUnreachable, and TransientError for what may be gone in a moment.
    """
    from yarl import URL  # noqa: PLC0415 - as for aiohttp, which brings it

    origin = origin_of(url)
    if travels_in_clear(url) and not local:
        raise InvalidProfile(f"{origin} is plain http, and secrets are sent there; it must be https.")
    with translated_network_errors(origin, peer=SIGN_IN):
        proxy = None if local or open_socket is not None else proxy_for(url)
        options = request_options_through(proxy, url, {"Accept": "application/json", **headers})
    with translated_network_errors(origin, proxy, SIGN_IN):
        async with asyncio.timeout(bounds.SIGN_IN_SECONDS), _session(open_socket) as session:
            response = await session.request(
                method, URL(url, encoded=True), data=form, allow_redirects=False, **options
            )
            async with response:
                _refuse_redirect(response.status, origin)
                body = await read_bounded(response, bounds.SIGN_IN_BYTES)
                date = response.headers.get("Date", "")
                return _usable(Answer(origin, response.status, body, date), response)


def _session(open_socket: OpenSocket | None) -> aiohttp.ClientSession:
    import aiohttp  # noqa: PLC0415 - slow, and few calls sign in

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(socket_factory=open_socket, force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity"},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=bounds.CONNECT_SECONDS),
    )


def _refuse_redirect(status: int, origin: str) -> None:
    if _MULTIPLE_CHOICES <= status < _BAD_REQUEST:
        raise NotASharingServer(
            f"{origin}, where this client signs in, answered with a redirect ({status}), which is not "
            "followed, since secrets are sent to this address alone. Check the address in the profile."
        )


def _usable(answer: Answer, response: aiohttp.ClientResponse) -> Answer:
    if not is_transient(answer.status):
        return answer
    final = ServerUnreachable(
        f"{answer.origin}, where this client signs in, is in trouble or busy (HTTP {answer.status}). "
        "Try again later."
    )
    reason = f"{answer.origin} is in trouble or busy ({answer.status})"
    raise TransientError(final, reason, retry_after(response.headers))
