"""Change feed of a share: what changed in it since a token, at once or as soon as something does."""

from __future__ import annotations

import time

import msgspec
from aiohttp import web

from model_sharing_protocol import open_sharing as wire
from model_sharing_protocol.errors import FeedTokenExpired, InvalidParameter
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.domain.changes import SharedChange
from model_sharing_provider.faces.open_sharing.requests import share_name
from model_sharing_provider.http.authentication import authenticate_recipient
from model_sharing_provider.http.parameter_schemas import PAGE_SIZE, TEXT
from model_sharing_provider.http.requests import SECONDS_WAITED, context_of, provider_of
from model_sharing_provider.http.responses import NO_STORE
from model_sharing_provider.http.routes import Query, Route, Schema

_WAIT: Schema = {"type": "integer", "minimum": 0, "maximum": wire.MAX_WAIT_SECONDS}


async def list_changes(request: web.Request) -> web.Response:
    share, since, wait = share_name(request), request.query.get("since", ""), _wait(request)
    limit = PageRequest.parse("changes", request.query.get("maxResults"), None).size
    provider = provider_of(request)
    if since and wait:
        await _wait_for_change(request, share, since, wait)
    found, page, token = await provider.changes.list(context_of(request), share, since, limit)
    answer = wire.ShareChanges(changes=tuple(map(_change, page.changes)), token=token, more=page.more)
    body = msgspec.json.encode(answer)
    signed = msgspec.json.encode(provider.signing.changes(found.name, since, body)).decode()
    headers = {"Content-Type": wire.JSON, wire.SIGNATURE_HEADER: signed, **NO_STORE}
    return web.Response(body=body, headers=headers)


async def _wait_for_change(request: web.Request, share: str, since: str, seconds: int) -> None:
    def is_gone() -> bool:
        return request.transport is None or request.transport.is_closing()

    began = time.monotonic()
    try:
        await provider_of(request).changes.wait(context_of(request), share, since, seconds, is_gone)
    finally:
        request[SECONDS_WAITED] = time.monotonic() - began
    # The token may have been revoked or have expired meanwhile.
    await authenticate_recipient(request)


ROUTES = (
    Route(
        "GET",
        "/shares/{share}/changes",
        list_changes,
        "EXTENSION: what changed in a share since a token, with a wait for it if nothing did",
        wire.ShareChanges,
        query=(Query("since", TEXT), Query("wait", _WAIT), Query("maxResults", PAGE_SIZE)),
        errors=(FeedTokenExpired,),
    ),
)


def _wait(request: web.Request) -> int:
    """Seconds that the caller wants to wait; more than the limit are the limit."""
    given = request.query.get("wait", "0")
    if not (given.isascii() and given.isdigit() and len(given) <= 10):
        raise InvalidParameter(f"wait is {given[:40]!r}; give a whole number of seconds, 0 to 60.")
    return min(int(given), wire.MAX_WAIT_SECONDS)


def _change(change: SharedChange) -> wire.ShareChange:
    return wire.ShareChange(
        kind=change.kind,
        at=change.at,
        model=change.model or None,
        previous_model=change.previous_model or None,
        version=change.version,
        alias=change.alias or None,
    )
