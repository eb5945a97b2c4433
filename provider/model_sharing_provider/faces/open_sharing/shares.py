"""Shares that were granted to a recipient, and their schemas."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import open_sharing as wire
from model_sharing_provider.domain.sharing import Share
from model_sharing_provider.faces.open_sharing.requests import PAGE, page_request, share_name
from model_sharing_provider.faces.open_sharing.responses import page_response
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Route


async def list_shares(request: web.Request) -> web.Response:
    listing = "shares"
    view = provider_of(request).recipient_view
    page = await view.list_shares(context_of(request), page_request(request, listing))
    return page_response(page, listing, map(_share, page.items))


async def get_share(request: web.Request) -> web.Response:
    share = await provider_of(request).recipient_view.get_share(context_of(request), share_name(request))
    return json_response(wire.ShareAnswer(share=_share(share)), wire.JSON)


async def list_schemas(request: web.Request) -> web.Response:
    name = share_name(request)
    listing = f"schemas of {name}"
    view = provider_of(request).recipient_view
    share, page = await view.list_schemas(context_of(request), name, page_request(request, listing))
    schemas = [
        wire.Schema(name=schema.name, share=share.name, has_models=schema.has_models) for schema in page.items
    ]
    return page_response(page, listing, schemas)


ROUTES = (
    Route("GET", "/shares", list_shares, "The shares granted to you", wire.Items[wire.Share], query=PAGE),
    Route("GET", "/shares/{share}", get_share, "A share", wire.ShareAnswer),
    Route(
        "GET",
        "/shares/{share}/schemas",
        list_schemas,
        "The schemas of a share",
        wire.Items[wire.Schema],
        query=PAGE,
    ),
)


def _share(share: Share) -> wire.Share:
    return wire.Share(name=share.name, id=share.id, comment=share.comment or None, resharing=share.resharing)
