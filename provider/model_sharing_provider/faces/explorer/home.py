"""Home page."""

from __future__ import annotations

from aiohttp import web

from model_sharing_provider.faces.explorer.page_routes import page
from model_sharing_provider.faces.explorer.rendering import render


async def show(request: web.Request) -> web.Response:
    """What there is, and what needs attention."""
    return render(request, "home.html")


ROUTES = (page("", show),)
