"""Authentication by bearer token: of recipients, and of the metastore's principals."""

from __future__ import annotations

from aiohttp import web

from model_sharing_provider.domain.principals import Principal
from model_sharing_provider.http.requests import context_of, provider_of


async def authenticate_recipient(request: web.Request) -> Principal:
    """Recipient that a request's token belongs to. Raises Unauthenticated or TokenExpired."""
    return await provider_of(request).recipients.authenticate(context_of(request), bearer_token(request))


async def authenticate_principal(request: web.Request) -> Principal:
    """Principal that a request's access token belongs to. Raises Unauthenticated."""
    return await provider_of(request).principals.authenticate(context_of(request), bearer_token(request))


def bearer_token(request: web.Request) -> str:
    """Bearer token of a request; empty if it has none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
