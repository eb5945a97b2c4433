"""Home page: what there is, what needs attention, what is new; the first steps where there is nothing."""

from __future__ import annotations

from aiohttp import web

from model_sharing_provider.faces.explorer.page_routes import page
from model_sharing_provider.faces.explorer.rendering import render
from model_sharing_provider.http.requests import context_of, provider_of


async def show(request: web.Request) -> web.Response:
    """Overview of what the reader may see."""
    found = await provider_of(request).overviews.get(context_of(request))
    return render(request, "home.html", found=found)


ROUTES = (page("", show),)
