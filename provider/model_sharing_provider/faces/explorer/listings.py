"""Pages of long listings: which one a request asks for."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.pages import PageRequest

ROWS = 50


def page_of(request: web.Request, listing: str, rows: int = ROWS) -> PageRequest:
    """Page of a listing that a request asks for by `page`, the token that the page before it gave.

    Raises InvalidParameter for a token that is not one of this listing.
    """
    return PageRequest.parse(listing, str(rows), request.query.get("page"))
