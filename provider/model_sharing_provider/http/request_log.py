"""Request log: one line for each request, with its route, caller, status, duration and bytes.

It names the route, not the path: paths hold activation codes and signatures.
"""

from __future__ import annotations

import re

from aiohttp import web

from model_sharing_provider.http.errors import ERROR_CODE
from model_sharing_provider.http.forwarded_headers import client_address
from model_sharing_provider.http.metrics import known_method, route_of
from model_sharing_provider.http.requests import BYTES_STREAMED, PRINCIPAL, REQUEST_ID
from model_sharing_provider.http.routes import FACE
from model_sharing_provider.telemetry.log import bind, log, unbind_all

_TRACEPARENT = re.compile("(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")


def begin_lines(request: web.Request) -> None:
    """Bind the ids of the request and of its caller's trace to all log lines until the next request."""
    unbind_all()
    bind(request_id=request[REQUEST_ID])
    traced = _TRACEPARENT.fullmatch(request.headers.get("traceparent", ""))
    if traced:
        # Id of the caller's trace, which spans of this server belong to as well.
        bind(trace_id=traced[1])


def log_request(
    request: web.Request, response: web.StreamResponse | None, status: int, seconds: float, error_code: str
) -> None:
    """Log a request: at debug level if it is a probe that succeeded, as a warning if the server failed.

    `error_code` is that of a response that no face made.
    """
    route, principal = route_of(request), request.get(PRINCIPAL)
    fields: dict[str, object] = {
        "error": response.get(ERROR_CODE) if response is not None else error_code,
        "bytes": _bytes_sent(request, response),
        "received_bytes": request.content.total_bytes,
        "principal": principal.name if principal else None,
    }
    write = log.info
    if status >= web.HTTPInternalServerError.status_code:
        write = log.warning
    elif FACE in request and request[FACE].probes:
        write = log.debug
    write(
        "request",
        method=known_method(request),
        route=route,
        status=status,
        milliseconds=round(seconds * 1000, 1),
        address=client_address(request),
        **{name: value for name, value in fields.items() if value},
    )


def _bytes_sent(request: web.Request, response: web.StreamResponse | None) -> int:
    """Size of the body; of a streamed one, of the part that was sent."""
    if isinstance(response, web.Response) and isinstance(response.body, bytes):
        return 0 if request.method == "HEAD" else len(response.body)
    streamed: int = request.get(BYTES_STREAMED, 0)
    return streamed
