"""Catalogs: their list."""

from __future__ import annotations

from aiohttp import web

from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.faces.explorer.forms import read_form
from model_sharing_provider.faces.explorer.listings import page_of
from model_sharing_provider.faces.explorer.page_routes import form, page
from model_sharing_provider.faces.explorer.rendering import explorer_url, render, see_other
from model_sharing_provider.http.requests import context_of, provider_of

_LISTING = "explorer catalogs"


async def list_catalogs(request: web.Request) -> web.Response:
    """Catalogs that the reader may use."""
    provider, context = provider_of(request), context_of(request)
    found = await provider.catalogs.page(context, page_of(request, _LISTING))
    token = found.token(_LISTING)
    return render(
        request,
        "catalogs.html",
        catalogs=found.items,
        refusals=await provider.permissions.refusals(context, SecurableType.METASTORE),
        next=explorer_url(request, "catalogs", page=token) if token else "",
    )


async def create_catalog(request: web.Request) -> web.Response:
    fields = await read_form(request)
    name = fields.text("name")
    await provider_of(request).catalogs.create(context_of(request), name, fields.text("comment"))
    return see_other(request, "catalogs", done="created")


ROUTES = (page("/catalogs", list_catalogs), form("/catalogs", create_catalog))
