"""Pages of long listings: which one a request asks for."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.names import MAX_NAME_LENGTH
from model_sharing_protocol.pages import PageRequest

ROWS = 50
_MAX_PREFIX = 3 * (MAX_NAME_LENGTH + 1)


def page_of(request: web.Request, listing: str, rows: int = ROWS) -> PageRequest:
    """Page of a listing that a request asks for by `page`, the token that the page before it gave.

    Raises InvalidParameter for a token that is not one of this listing.
    """
    return PageRequest.parse(listing, str(rows), request.query.get("page"))


def prefix_of(request: web.Request, parameter: str = "prefix") -> str:
    """Beginning of names that a listing is narrowed to; empty for all."""
    text = request.query.get(parameter, "").replace("\0", "").strip().lower()
    return text[:_MAX_PREFIX]
