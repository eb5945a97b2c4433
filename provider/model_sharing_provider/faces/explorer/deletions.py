"""Deletion of a catalog, a schema or a model, after a page that says what goes and whom it hits."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_provider.domain.pull_history import DeletionImpact
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.faces.explorer.forms import read_form
from model_sharing_provider.faces.explorer.rendering import render, see_other
from model_sharing_provider.faces.explorer.securables import forms_of_each, pages_of_each, place_of
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.services.sharing.pull_history import RECENT


async def show_deletion(request: web.Request) -> web.Response:
    """What would be deleted with it, the shares that show it, and what was pulled of a model lately."""
    provider, context, place = provider_of(request), context_of(request), place_of(request)
    scope = await provider.pull_history.scope_of_deletion(context, place.kind, place.name)
    impact = DeletionImpact()
    if place.kind is SecurableType.MODEL:
        impact = await provider.pull_history.impact_of_model(context, FullName.parse(place.name))
    return render(
        request,
        "deletion.html",
        at=place,
        scope=scope,
        pulls=impact.pulls,
        days=RECENT.days,
    )


async def delete(request: web.Request) -> web.Response:
    """Delete it with all that is in it, once its name was typed."""
    provider, context, place = provider_of(request), context_of(request), place_of(request)
    (await read_form(request)).confirm(place.name)
    if place.kind is SecurableType.CATALOG:
        await provider.catalogs.delete(context, place.name, force=True)
        return see_other(request, "catalogs", done="deleted")
    if place.kind is SecurableType.SCHEMA:
        schema = SchemaName.parse(place.name)
        await provider.catalogs.delete_schema(context, schema, force=True)
        return see_other(request, "catalogs", schema.catalog, done="deleted")
    model = FullName.parse(place.name)
    await provider.models.delete(context, model)
    return see_other(request, "schemas", model.schema_name, done="deleted")


ROUTES = (*pages_of_each("/delete", show_deletion), *forms_of_each("/delete", delete))
