"""Forms for a catalog from a share: bring it up to date now, and fetch its files ahead of use."""

from __future__ import annotations

from aiohttp import web

from model_sharing_provider.faces.explorer.forms import read_form
from model_sharing_provider.faces.explorer.page_routes import form
from model_sharing_provider.faces.explorer.rendering import see_other
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.services.mirroring.catalog_pulls import PullSelection


async def sync(request: web.Request) -> web.Response:
    """Bring its rows up to date, which the server also does by itself."""
    name = request.match_info["catalog"]
    await provider_of(request).shared_catalogs.sync(context_of(request), name)
    return see_other(request, "catalogs", name, done="synced")


async def pull(request: web.Request) -> web.Response:
    """Begin to fetch the files of the chosen versions, which goes on when the page is left."""
    fields, name = await read_form(request), request.match_info["catalog"]
    selection = PullSelection(
        model=fields.text("model") or "*",
        alias=fields.text("alias") or "*",
        all_versions=bool(fields.text("all_versions")),
    )
    await provider_of(request).catalog_pulls.start(context_of(request), name, selection)
    return see_other(request, "catalogs", name, done="pulling")


ROUTES = (form("/catalogs/{catalog}/sync", sync), form("/catalogs/{catalog}/pulls", pull))
