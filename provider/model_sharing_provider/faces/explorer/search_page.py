"""Search page: what a text is found in, group by group."""

from __future__ import annotations

from aiohttp import web

from model_sharing_provider.domain.search import SearchField
from model_sharing_provider.faces.explorer.page_routes import page
from model_sharing_provider.faces.explorer.rendering import render
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.services.sharing.search import SHOWN

_HEADINGS = {
    SearchField.NAME: "Models by name",
    SearchField.ALIAS: "Aliases",
    SearchField.TAG: "Tags",
    SearchField.DIGEST: "Digests",
    SearchField.RUN: "Runs",
}


async def show(request: web.Request) -> web.Response:
    """Result of a search for `?q=`; without it, the field alone."""
    text = request.query.get("q", "").strip()
    found = await provider_of(request).search.find(context_of(request), text) if text else None
    return render(request, "search.html", text=text, found=found, headings=_HEADINGS, most=SHOWN)


ROUTES = (page("/search", show),)
