"""Catalogs: their list, and the page of each with its schemas."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.names import SchemaName
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.faces.explorer.forms import read_form
from model_sharing_provider.faces.explorer.listings import page_of, prefix_of
from model_sharing_provider.faces.explorer.page_routes import form, page
from model_sharing_provider.faces.explorer.rendering import explorer_url, render, see_other
from model_sharing_provider.faces.explorer.securable_forms import read_update
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.services.mirroring.states import remedy_of

_LISTING = "explorer catalogs"
_SCHEMAS = "explorer schemas"


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
    catalog = await provider_of(request).catalogs.create(context_of(request), name, fields.text("comment"))
    return see_other(request, "catalogs", catalog.name, done="created")


async def show_catalog(request: web.Request) -> web.Response:
    """A catalog: its description, where it comes from, and its schemas."""
    provider, context = provider_of(request), context_of(request)
    prefix = prefix_of(request)
    catalog = await provider.catalogs.get(context, request.match_info["catalog"])
    schemas = await provider.catalogs.page_schemas(context, catalog.name, page_of(request, _SCHEMAS), prefix)
    token = schemas.token(_SCHEMAS)
    source = catalog.source
    return render(
        request,
        "catalog.html",
        catalog=catalog,
        remedy=remedy_of(source.state, source.provider) if source else "",
        refusals=await provider.permissions.refusals(context, SecurableType.CATALOG, catalog.name),
        schemas=schemas.items,
        prefix=prefix,
        next=explorer_url(request, "catalogs", catalog.name, prefix=prefix, page=token) if token else "",
    )


async def update_catalog(request: web.Request) -> web.Response:
    """Rename, describe, or give to another owner."""
    changes = read_update(await read_form(request))
    name = request.match_info["catalog"]
    catalog = await provider_of(request).catalogs.update(context_of(request), name, changes)
    return see_other(request, "catalogs", catalog.name, done="saved")


async def create_schema(request: web.Request) -> web.Response:
    fields = await read_form(request)
    name = SchemaName.parse(f"{request.match_info['catalog']}.{fields.text('name')}")
    await provider_of(request).catalogs.create_schema(context_of(request), name, fields.text("comment"))
    return see_other(request, "schemas", name, done="created")


ROUTES = (
    page("/catalogs", list_catalogs),
    form("/catalogs", create_catalog),
    page("/catalogs/{catalog}", show_catalog),
    form("/catalogs/{catalog}", update_catalog),
    form("/catalogs/{catalog}/schemas", create_schema),
)
