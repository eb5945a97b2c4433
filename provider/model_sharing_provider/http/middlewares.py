"""Around every request: an id, a log line, and errors in the words of the face that was asked."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from uuid import uuid4

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from model_sharing_protocol.errors import InternalError, MalformedRequest, SharingError
from model_sharing_provider.http.bodies import BAD_BODY, refuse_encoded
from model_sharing_provider.http.errors import from_http
from model_sharing_provider.http.idle_connections import CONNECTIONS
from model_sharing_provider.http.metrics import count_request
from model_sharing_provider.http.request_log import begin_lines, log_request
from model_sharing_provider.http.requests import REQUEST_ID, TRACER
from model_sharing_provider.http.responses import COMMON_HEADERS
from model_sharing_provider.http.shutdown import SHUTDOWN

Render = Callable[[SharingError], web.Response]

_ID_HEADER = "X-Request-Id"
_SANE_ID = re.compile("[A-Za-z0-9._-]{1,64}")
_TRY_AGAIN = frozenset({429, 503})
_TRY_AGAIN_SECONDS = "5"
_CLIENT_LEFT = 499
"""No status of HTTP: what nginx's logs say of who hung up first."""

_log = structlog.get_logger("model_sharing_provider")


@web.middleware
async def log_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request its id, count it, and write its line."""
    told = request.headers.get(_ID_HEADER, "")
    request[REQUEST_ID] = told if _SANE_ID.fullmatch(told) else uuid4().hex
    begin_lines(request)
    tracer = request.config_dict.get(TRACER)
    end_span = tracer.begin(request) if tracer else None
    started = time.perf_counter()
    connections = request.config_dict[CONNECTIONS]
    connections.begin(request)
    response, status, error_code = None, 500, ""
    try:
        response = await handler(request)
        status = response.status
        return response
    except web.HTTPException as error:
        status, error_code = error.status, from_http(error, request.method).row.open_sharing_code
        raise
    except (ConnectionError, asyncio.CancelledError):
        status = _CLIENT_LEFT
        raise
    finally:
        connections.end(request)
        seconds = time.perf_counter() - started
        count_request(request, response, status, seconds)
        log_request(request, response, status, seconds, error_code)
        if end_span:
            end_span(status)


async def finish_head(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """What the head of every answer says, streamed or not: which request it is for, and whether to go on."""
    response.headers.update(COMMON_HEADERS)
    if REQUEST_ID in request:
        response.headers[_ID_HEADER] = request[REQUEST_ID]
    if response.status in _TRY_AGAIN:
        response.headers.setdefault("Retry-After", _TRY_AGAIN_SECONDS)
    if isinstance(request, web.Request) and request.config_dict[SHUTDOWN].stopping:
        response.force_close()
        response.headers["Connection"] = "close"


def render_errors(render: Render) -> Middleware:
    """Turn what a handler raises into the face's own answer; what nobody foresaw stays in the log."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            refuse_encoded(request)
            return await handler(request)
        except SharingError as error:
            if error.row.open_sharing_status >= 500:
                _log.error("failed", reason=error.message)
            return render(error)
        except web.HTTPException as error:
            return render(from_http(error, request.method))
        except ConnectionError:
            raise
        except Exception as error:
            if isinstance(error, BAD_BODY):
                return render(MalformedRequest("The request's body is not sent as HTTP/1.1 asks."))
            _log.exception("failed")
            return render(InternalError("internal error"))

    return middleware
