"""Bounded request to a token endpoint or a metadata service: one answer, by a session of its own.

It never carries the provider's token, follows no redirect, and is bounded in bytes and time. Only the origin
of the address appears in errors, and nothing of what was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

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

if TYPE_CHECKING:
    from model_sharing.transport.connecting import OpenSocket
    from model_sharing.transport.http_response import Response

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
    from model_sharing.transport.http_session import HttpSession, Request  # noqa: PLC0415 - few calls sign in

    origin = origin_of(url)
    if travels_in_clear(url) and not local:
        raise InvalidProfile(f"{origin} is plain http, and secrets are sent there; it must be https.")
    with translated_network_errors(origin, peer=SIGN_IN):
        proxy = None if local or open_socket is not None else proxy_for(url)
    sent = {"Accept": "application/json", **headers}
    body = None
    if form is not None:
        body = urlencode(form).encode()
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    with translated_network_errors(origin, proxy, SIGN_IN):
        session = HttpSession(open_socket)
        try:
            async with (
                asyncio.timeout(bounds.SIGN_IN_SECONDS),
                session.send(
                    Request(method, url, sent, body), proxy, silence=bounds.SIGN_IN_SECONDS
                ) as response,
            ):
                _refuse_redirect(response.status, origin)
                data = await read_bounded(response, bounds.SIGN_IN_BYTES)
                date = response.headers.get("Date", "")
                return _usable(Answer(origin, response.status, data, date), response)
        finally:
            session.close()


def _refuse_redirect(status: int, origin: str) -> None:
    if _MULTIPLE_CHOICES <= status < _BAD_REQUEST:
        raise NotASharingServer(
            f"{origin}, where this client signs in, answered with a redirect ({status}), which is not "
            "followed, since secrets are sent to this address alone. Check the address in the profile."
        )


def _usable(answer: Answer, response: Response) -> Answer:
    if not is_transient(answer.status):
        return answer
    final = ServerUnreachable(
        f"{answer.origin}, where this client signs in, is in trouble or busy (HTTP {answer.status}). "
        "Try again later."
    )
    reason = f"{answer.origin} is in trouble or busy ({answer.status})"
    raise TransientError(final, reason, retry_after(response.headers))
