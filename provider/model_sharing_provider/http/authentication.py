"""Bearer token → principal."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from model_sharing_provider.http.requests import PRINCIPAL, context_of, provider_of


def authenticate_recipients(face: str) -> Middleware:
    """Let only holders of a recipient's token in. Raises Unauthenticated or TokenExpired."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        token = _bearer_token(request)
        recipients = provider_of(request).recipients
        request[PRINCIPAL] = await recipients.authenticate(context_of(request, face), token)
        return await handler(request)

    return middleware


def authenticate_principals(face: str) -> Middleware:
    """Let only holders of an access token of the provider's own in. Raises Unauthenticated."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        principals = provider_of(request).principals
        token = _bearer_token(request)
        request[PRINCIPAL] = await principals.authenticate(context_of(request, face), token)
        return await handler(request)

    return middleware


def _bearer_token(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
