"""Schemas: the page of each with its models."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_provider.domain.securables import ModelFilter, SecurableType
from model_sharing_provider.faces.explorer.forms import read_form
from model_sharing_provider.faces.explorer.listings import page_of, prefix_of
from model_sharing_provider.faces.explorer.page_routes import form, page
from model_sharing_provider.faces.explorer.rendering import explorer_url, render, see_other
from model_sharing_provider.faces.explorer.securable_forms import read_update
from model_sharing_provider.http.requests import context_of, provider_of

_LISTING = "explorer models"


async def show_schema(request: web.Request) -> web.Response:
    """A schema: its description, and its models."""
    provider, context, name = provider_of(request), context_of(request), schema_of(request)
    prefix = prefix_of(request)
    schema = await provider.catalogs.get_schema(context, name)
    wanted = ModelFilter(name_prefix=prefix)
    models = await provider.models.page(context, name, page_of(request, _LISTING), wanted)
    token = models.token(_LISTING)
    return render(
        request,
        "schema.html",
        schema=schema,
        name=name,
        refusals=await provider.permissions.refusals(context, SecurableType.SCHEMA, str(name)),
        models=models.items,
        prefix=prefix,
        next=explorer_url(request, "schemas", name, prefix=prefix, page=token) if token else "",
    )


async def update_schema(request: web.Request) -> web.Response:
    """Rename, describe, or give to another owner."""
    changes = read_update(await read_form(request))
    schema = await provider_of(request).catalogs.update_schema(
        context_of(request), schema_of(request), changes
    )
    return see_other(request, "schemas", schema.full_name, done="saved")


async def create_model(request: web.Request) -> web.Response:
    fields = await read_form(request)
    name = FullName.parse(f"{schema_of(request)}.{fields.text('name')}")
    await provider_of(request).models.create(context_of(request), name, fields.text("comment"))
    return see_other(request, "models", name, done="created")


def schema_of(request: web.Request) -> SchemaName:
    """Name of the schema that a page is about. Raises InvalidParameter."""
    return SchemaName.parse(request.match_info["full_name"])


ROUTES = (
    page("/schemas/{full_name}", show_schema),
    form("/schemas/{full_name}", update_schema),
    form("/schemas/{full_name}/models", create_model),
)
