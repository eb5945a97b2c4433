"""Shared with me: providers, each with what it shares and the catalogs made from it."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter, SharingError
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.faces.explorer.forms import Form, read_form
from model_sharing_provider.faces.explorer.listings import page_of
from model_sharing_provider.faces.explorer.page_routes import form, page
from model_sharing_provider.faces.explorer.rendering import explorer_url, render, see_other
from model_sharing_provider.faces.explorer.securable_forms import read_update
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.services.registry.updates import SecurableUpdate

_LISTING = "explorer providers"
_PATH = "/providers/{provider}"
_FIRST_SYNC_SECONDS = 10.0


async def list_providers(request: web.Request) -> web.Response:
    """Providers that the reader owns."""
    provider, context = provider_of(request), context_of(request)
    found = await provider.providers.page(context, page_of(request, _LISTING))
    token = found.token(_LISTING)
    return render(
        request,
        "providers.html",
        providers=found.items,
        refusals=await provider.permissions.refusals(context, SecurableType.METASTORE),
        next=explorer_url(request, "providers", page=token) if token else "",
    )


async def create_provider(request: web.Request) -> web.Response:
    fields = await read_form(request)
    providers, name = provider_of(request).providers, fields.text("name")
    created = await providers.create(context_of(request), name, _profile(fields), fields.text("comment"))
    return see_other(request, "providers", created.name, done="created")


async def show_provider(request: web.Request) -> web.Response:
    """A provider and the catalogs from its shares; what it shares now is asked for separately."""
    services, context, name = provider_of(request), context_of(request), request.match_info["provider"]
    provider = await services.providers.get(context, name)
    return render(
        request,
        "provider.html",
        provider=provider,
        mirrors=await services.providers.mirrors(context, name),
        refusals=await services.permissions.refusals(context, SecurableType.PROVIDER, provider.name),
    )


async def update_provider(request: web.Request) -> web.Response:
    """Rename, describe, or give to another owner."""
    changes = read_update(await read_form(request))
    name = request.match_info["provider"]
    updated = await provider_of(request).providers.update(context_of(request), name, changes)
    return see_other(request, "providers", updated.name, done="saved")


async def rotate_profile(request: web.Request) -> web.Response:
    """Take in a new profile in place of the one before."""
    profile = _profile(await read_form(request))
    providers, name = provider_of(request).providers, request.match_info["provider"]
    updated = await providers.update(context_of(request), name, SecurableUpdate(), profile)
    return see_other(request, "providers", updated.name, done="rotated")


async def delete_provider(request: web.Request) -> web.Response:
    name = request.match_info["provider"]
    (await read_form(request)).confirm(name)
    await provider_of(request).providers.delete(context_of(request), name)
    return see_other(request, "providers", done="deleted")


async def list_shares(request: web.Request) -> web.Response:
    """Shares that the provider grants now, or why it did not say: it is given up after some seconds."""
    services, context, name = provider_of(request), context_of(request), request.match_info["provider"]
    provider = await services.providers.get(context, name)
    shares, problem = [], ""
    try:
        shares = sorted(await services.providers.shares(context, name))
    except SharingError as error:
        problem = error.message
    return render(request, "provider_shares.html", provider=provider, shares=shares, problem=problem)


async def show_share(request: web.Request) -> web.Response:
    """A share: the key that would be pinned, its terms, and the form that makes a catalog from it."""
    services, context = provider_of(request), context_of(request)
    name, share = request.match_info["provider"], request.match_info["share"]
    provider = await services.providers.get(context, name)
    described, problem = None, ""
    try:
        described = await services.shared_catalogs.describe(context, name, share)
    except SharingError as error:
        problem = error.message
    return render(
        request,
        "provider_share.html",
        provider=provider,
        share=share,
        described=described,
        problem=problem,
        refusals=await services.permissions.refusals(context, SecurableType.METASTORE),
    )


async def create_catalog(request: web.Request) -> web.Response:
    """Make a catalog from a share. A long first sync goes on in the background."""
    fields = await read_form(request)
    catalog = await provider_of(request).shared_catalogs.create(
        context_of(request),
        fields.text("name"),
        request.match_info["provider"],
        request.match_info["share"],
        comment=fields.text("comment"),
        key_fingerprint=fields.text("key_fingerprint") or None,
        broker=bool(fields.text("broker")),
        accept_terms=fields.texts("accept_terms"),
        patience_seconds=_FIRST_SYNC_SECONDS,
    )
    return see_other(request, "catalogs", catalog.name, done="created")


def _profile(fields: Form) -> str:
    profile = fields.text("profile")
    if not profile:
        raise InvalidParameter(
            "The profile is missing: paste the content of the file that the provider issued."
        )
    return profile


ROUTES = (
    page("/providers", list_providers),
    form("/providers", create_provider),
    page(_PATH, show_provider),
    form(_PATH, update_provider),
    form(f"{_PATH}/profile", rotate_profile),
    form(f"{_PATH}/delete", delete_provider),
    page(f"{_PATH}/shares", list_shares),
    page(f"{_PATH}/shares/{{share}}", show_share),
    form(f"{_PATH}/shares/{{share}}", create_catalog),
)
