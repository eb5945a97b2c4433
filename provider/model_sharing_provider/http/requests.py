"""Requests, as handlers of all faces read them: the provider, the caller's context, paging and flags."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Protocol

from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.domain.principals import ANONYMOUS, Caller, Principal
from model_sharing_provider.http.application_values import application_of
from model_sharing_provider.http.databricks_headers import LINEAGE_HEADER
from model_sharing_provider.http.forwarded_headers import client_address
from model_sharing_provider.http.routes import FACE
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider_services import ProviderServices


class RequestTracer(Protocol):
    """Interface of `tracing.RequestTracing`, for modules that must not import OpenTelemetry."""

    def begin(self, request: web.Request) -> Callable[[int], None]: ...


PROVIDER: web.AppKey[ProviderServices] = web.AppKey("provider")
PRINCIPAL: web.RequestKey[Principal] = web.RequestKey("principal", Principal)
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)
CONTEXT: web.RequestKey[Context] = web.RequestKey("context", Context)
SERVES_PAGES: web.AppKey[bool] = web.AppKey("serves_pages", bool)
"""True where the explorer is served."""

TRACER: web.AppKey[RequestTracer] = web.AppKey("tracer", RequestTracer)
"""Tracer of requests; absent unless traces were configured."""

SECONDS_WAITED: web.RequestKey[float] = web.RequestKey("seconds_waited", float)
"""Seconds that a request waited because its client asked to; they are no part of the time to answer it."""

BYTES_STREAMED: web.RequestKey[int] = web.RequestKey("bytes_streamed", int)


def provider_of(request: web.Request) -> ProviderServices:
    return application_of(request)[PROVIDER]


def context_of(request: web.Request) -> Context:
    """Context of a service call: the authenticated caller, anonymous before that, and the face it came by.

    The last one of a request is kept, since the response tells what a call found out besides its result.
    """
    principal = request.get(PRINCIPAL, ANONYMOUS)
    caller = Caller(principal, request[FACE].name, client_address(request), request[REQUEST_ID])
    request[CONTEXT] = context = provider_of(request).context(caller)
    return context


def page_request(request: web.Request, listing: str) -> PageRequest:
    """Page that a client of the registry requests; `max_results=0` stands for the default page size."""
    size = request.query.get("max_results") or request.query.get("page_size")
    return PageRequest.parse(listing, None if size == "0" else size, request.query.get("page_token"))


def flag(request: web.Request, name: str, *, default: bool = False) -> bool:
    """Boolean parameter in the query. Raises InvalidParameter for any other value."""
    value = request.query.get(name)
    if not value:
        return default
    if value.lower() not in _FLAGS:
        raise InvalidParameter(f"{name}={value!r} is neither true nor false.")
    return _FLAGS[value.lower()]


async def request_digest(request: web.Request) -> str:
    """SHA-256 of a request and its caller, the same when the request is sent again."""
    lineage = request.headers.get(LINEAGE_HEADER, "")
    head = "\n".join((request[PRINCIPAL].id, request.method, request.path_qs, lineage))
    return hashlib.sha256(head.encode() + b"\n" + await request.read()).hexdigest()
