"""Middlewares: request ids, metrics, log lines and traces; authentication and errors of a face."""

from __future__ import annotations

import asyncio
import re
import time
from functools import partial
from uuid import uuid4

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from model_sharing_protocol.errors import InternalError, MalformedRequest, SharingError
from model_sharing_provider.http.application_values import application_of
from model_sharing_provider.http.bodies import BODY_ERRORS, refuse_encoded_body
from model_sharing_provider.http.compression import compressed_page
from model_sharing_provider.http.errors import from_http
from model_sharing_provider.http.idle_connections import CONNECTIONS
from model_sharing_provider.http.kept_answers import KEPT_ANSWERS
from model_sharing_provider.http.metrics import count_request
from model_sharing_provider.http.request_log import begin_lines, log_request
from model_sharing_provider.http.requests import CONTEXT, PRINCIPAL, REQUEST_ID, SECONDS_WAITED, TRACER
from model_sharing_provider.http.responses import COMMON_HEADERS
from model_sharing_provider.http.routes import FACE, Face
from model_sharing_provider.http.shutdown import SHUTDOWN
from model_sharing_provider.telemetry.log import log

_ID_HEADER = "X-Request-Id"
_ID = re.compile("[A-Za-z0-9._-]{1,64}")
_RETRY_LATER = frozenset({429, 503})
_RETRY_AFTER_SECONDS = "5"
_CLIENT_CLOSED_REQUEST = 499
"""Status of nginx's logs, not of HTTP: the client closed the connection before it had a response."""


@web.middleware
async def log_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give a request its id, trace it, and count and log it when it is over."""
    given_id = request.headers.get(_ID_HEADER, "")
    request[REQUEST_ID] = given_id if _ID.fullmatch(given_id) else uuid4().hex
    begin_lines(request)
    app = application_of(request)
    tracer = app.get(TRACER)
    end_span = tracer.begin(request) if tracer else None
    started = time.perf_counter()
    connections = app[CONNECTIONS]
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
        status = _CLIENT_CLOSED_REQUEST
        raise
    finally:
        connections.end(request)
        seconds = time.perf_counter() - started
        count_request(request, response, status, seconds - request.get(SECONDS_WAITED, 0.0))
        log_request(request, response, status, seconds, error_code)
        if end_span:
            end_span(status)


async def finish_head(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Complete the headers of a response, streamed or not, before they are sent."""
    response.headers.update(COMMON_HEADERS)
    if REQUEST_ID in request:
        response.headers[_ID_HEADER] = request[REQUEST_ID]
    context = request.get(CONTEXT)
    if context is not None and context.state_age is not None:
        response.headers["Age"] = str(context.state_age)
    if response.status in _RETRY_LATER:
        response.headers.setdefault("Retry-After", _RETRY_AFTER_SECONDS)
    if isinstance(request, web.Request) and application_of(request)[SHUTDOWN].stopping:
        response.force_close()
        response.headers["Connection"] = "close"


def serve_face(face: Face) -> Middleware:
    """Middleware of a face: authenticates the caller, and turns every error into the face's error style.

    Unexpected errors are logged; their text is not sent.
    """

    respond = face.error_page or (lambda _request, error: face.errors.response(error))
    repeatable = frozenset(route.handler for route in face.routes if route.repeatable)

    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        if face.authentication is not None:
            request[PRINCIPAL] = await face.authentication(request)
        return compressed_page(request, await handler(request))

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[FACE] = face
        try:
            refuse_encoded_body(request)
            if request.method == hdrs.METH_GET and request.match_info.handler in repeatable:
                kept = application_of(request)[KEPT_ANSWERS]
                return await kept.answer(request, partial(answer, handler=handler))
            return await answer(request, handler)
        except SharingError as error:
            if error.row.open_sharing_status >= web.HTTPInternalServerError.status_code:
                log.error("failed", reason=error.message)
            return respond(request, error)
        except web.HTTPException as error:
            response = respond(request, from_http(error, request.method))
            if isinstance(error, web.HTTPMethodNotAllowed):
                response.headers[hdrs.ALLOW] = ", ".join(sorted(error.allowed_methods))
            return response
        except ConnectionError:
            raise
        except Exception as error:
            if isinstance(error, BODY_ERRORS):
                return respond(request, MalformedRequest("The request body is not valid HTTP/1.1."))
            log.exception("failed")
            return respond(request, InternalError("internal error"))

    return middleware
