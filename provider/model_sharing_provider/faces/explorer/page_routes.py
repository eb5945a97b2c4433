"""Routes of pages, and of the forms on them."""

from __future__ import annotations

from aiohttp.typedefs import Handler

from model_sharing_provider.http.routes import Route

_UNDOCUMENTED = "a page for people"


def page(path: str, handler: Handler) -> Route:
    """Route of a page, or of a part of one that htmx puts into it."""
    return Route("GET", path, handler, undocumented=_UNDOCUMENTED)


def form(path: str, handler: Handler) -> Route:
    """Route of a form, which ends with a redirect to the page that shows the result."""
    return Route("POST", path, handler, undocumented=_UNDOCUMENTED)
