"""Error responses of the cache server, which clients of the Hub show, and raise errors of their own for."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from aiohttp import hdrs, web

from model_sharing.mount_table import Mount
from model_sharing_protocol.errors import (
    CorruptArtifact,
    Interrupted,
    NotASharingServer,
    ServerUnreachable,
    SharingError,
    StaleAnswer,
    UntrustedSignature,
)
from model_sharing_protocol.hugging_face.headers import COMMIT, error_headers
from model_sharing_protocol.hugging_face.messages import JSON, ErrorAnswer
from model_sharing_protocol.network.plain_http import origin_of

_UNAVAILABLE = 503
_BAD_GATEWAY = 502
_RETRY_AFTER_SECONDS = 5
# The first class that an error is an instance of decides; for others, their row does.
_STATUSES: tuple[tuple[type[SharingError], int], ...] = (
    (ServerUnreachable, _UNAVAILABLE),
    (Interrupted, _UNAVAILABLE),
    (NotASharingServer, _BAD_GATEWAY),
    (CorruptArtifact, _BAD_GATEWAY),
    (UntrustedSignature, _BAD_GATEWAY),
    (StaleAnswer, _BAD_GATEWAY),
)


def error_response(error: SharingError, mounts: Iterable[Mount] = (), about: str = "") -> web.Response:
    """Response with an error `about` a commit; it names these mounts, not their providers' addresses."""
    text = without_endpoints(error.message, mounts)
    status = next(
        (code for kind, code in _STATUSES if isinstance(error, kind)), error.row.open_sharing_status
    )
    headers = {hdrs.CONTENT_TYPE: JSON, **error_headers(error, text)} | ({COMMIT: about} if about else {})
    if status == _UNAVAILABLE or error.retry_after:
        headers[hdrs.RETRY_AFTER] = str(error.retry_after or _RETRY_AFTER_SECONDS)
    body = msgspec.json.encode(ErrorAnswer(error.row.open_sharing_code, text))
    return web.Response(status=status, body=body, headers=headers)


def without_endpoints(text: str, mounts: Iterable[Mount]) -> str:
    """Message that names mounts in place of their providers' addresses."""
    for mount in mounts:
        for address in (mount.endpoint, origin_of(mount.endpoint)):
            text = text.replace(address, f"the provider of {mount.name!r}")
    return text
