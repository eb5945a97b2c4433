"""What handlers read from requests and write to answers, in one place for all faces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.domain.principals import ANONYMOUS, Caller, Principal
from model_sharing_provider.http.forwarded_headers import client_address, origin
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider_services import ProviderServices


class RequestTracer(Protocol):
    """What `tracing.RequestTracing` is to those who must not import OpenTelemetry."""

    def begin(self, request: web.Request) -> Callable[[int], None]: ...


PROVIDER: web.AppKey[ProviderServices] = web.AppKey("provider", ProviderServices)
PRINCIPAL: web.RequestKey[Principal] = web.RequestKey("principal", Principal)
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)
TRACER: web.AppKey[RequestTracer] = web.AppKey("tracer", RequestTracer)
"""Where requests are traced."""

BYTES_STREAMED: web.RequestKey[int] = web.RequestKey("bytes_streamed", int)


def provider_of(request: web.Request) -> ProviderServices:
    return request.config_dict[PROVIDER]


def context_of(request: web.Request, face: str) -> Context:
    """The context of the authenticated caller, or of an anonymous one before authentication."""
    principal = request.get(PRINCIPAL, ANONYMOUS)
    caller = Caller(principal, face, client_address(request), request[REQUEST_ID])
    return provider_of(request).context(caller)


def page_request(request: web.Request, listing: str) -> PageRequest:
    """The page that a registry's client asks for; `max_results=0` is the server's own page size."""
    size = request.query.get("max_results") or request.query.get("page_size")
    return PageRequest.parse(listing, None if size == "0" else size, request.query.get("page_token"))


def flag(request: web.Request, name: str, *, default: bool = False) -> bool:
    """A parameter of the query that is `true` or `false`. Raises InvalidParameter for any other word."""
    said = request.query.get(name)
    if not said:
        return default
    if said.lower() not in _FLAGS:
        raise InvalidParameter(f"{name}={said!r} is neither true nor false.")
    return _FLAGS[said.lower()]


def base_url(request: web.Request) -> str:
    """Where this server is reached from outside, without a trailing slash."""
    return provider_of(request).public_url or origin(request)
