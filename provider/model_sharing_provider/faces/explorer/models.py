"""Registered models: the page of each with its aliases, tags and versions, and the forms on it."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.names import FullName, parse_version
from model_sharing_provider.domain.securables import MAX_ALIASES, SecurableType
from model_sharing_provider.faces.explorer.forms import read_form
from model_sharing_provider.faces.explorer.listings import page_of
from model_sharing_provider.faces.explorer.model_snippets import snippets
from model_sharing_provider.faces.explorer.page_routes import form, page
from model_sharing_provider.faces.explorer.rendering import explorer_url, render, see_other
from model_sharing_provider.faces.explorer.securable_forms import read_update
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.urls import base_url
from model_sharing_provider.services.registry.tags import TagChange

_LISTING = "explorer versions"


async def show_model(request: web.Request) -> web.Response:
    """A model: its description, aliases, tags, versions, and lines that use it."""
    provider, context, name = provider_of(request), context_of(request), model_of(request)
    model = await provider.models.get(context, name)
    versions = await provider.versions.page(context, name, page_of(request, _LISTING), newest_first=True)
    shares = await provider.shares.of_model(context, name)
    token = versions.token(_LISTING)
    return render(
        request,
        "model.html",
        model=model,
        name=name,
        tab="Overview",
        refusals=await provider.permissions.refusals(context, SecurableType.MODEL, str(name)),
        versions=versions.items,
        shares=shares,
        may_have_more_aliases=len(model.aliases) < MAX_ALIASES,
        snippets=snippets(base_url(request), model, shares),
        next=explorer_url(request, "models", name, page=token) if token else "",
    )


async def update_model(request: web.Request) -> web.Response:
    """Rename, describe, or give to another owner."""
    changes = read_update(await read_form(request))
    model = await provider_of(request).models.update(context_of(request), model_of(request), changes)
    return see_other(request, "models", model.full_name, done="saved")


async def set_alias(request: web.Request) -> web.Response:
    """Point an alias, new or not, at a version."""
    fields, name = await read_form(request), model_of(request)
    alias, version = fields.text("alias"), parse_version(fields.text("version"))
    await provider_of(request).models.set_alias(context_of(request), name, alias, version)
    return see_other(request, "models", name, done="saved")


async def delete_alias(request: web.Request) -> web.Response:
    name, alias = model_of(request), request.match_info["alias"]
    await provider_of(request).models.delete_alias(context_of(request), name, alias)
    return see_other(request, "models", name, done="deleted")


async def set_tag(request: web.Request) -> web.Response:
    fields, name = await read_form(request), model_of(request)
    change = TagChange(add={fields.text("key"): fields.text("value")})
    await provider_of(request).models.tag(context_of(request), name, change)
    return see_other(request, "models", name, done="saved")


async def delete_tag(request: web.Request) -> web.Response:
    fields, name = await read_form(request), model_of(request)
    change = TagChange(remove=[fields.text("key")])
    await provider_of(request).models.tag(context_of(request), name, change)
    return see_other(request, "models", name, done="deleted")


async def compare_chosen(request: web.Request) -> web.Response:
    """Comparison of the two versions that were checked, the older one first."""
    chosen = sorted({parse_version(text) for text in request.query.getall("version", ())})
    if len(chosen) != 2:
        raise InvalidParameter(f"Choose two versions to compare, not {len(chosen)}.")
    return see_other(request, "models", model_of(request), "compare", a=chosen[0], b=chosen[1])


def model_of(request: web.Request) -> FullName:
    """Full name of the model that a page is about. Raises InvalidParameter."""
    return FullName.parse(request.match_info["full_name"])


ROUTES = (
    page("/models/{full_name}", show_model),
    form("/models/{full_name}", update_model),
    form("/models/{full_name}/aliases", set_alias),
    form("/models/{full_name}/aliases/{alias}/delete", delete_alias),
    form("/models/{full_name}/tags", set_tag),
    form("/models/{full_name}/tags/delete", delete_tag),
    page("/models/{full_name}/versions", compare_chosen),
)
