"""Terms that apply in a share, and their acceptance: extensions."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import open_sharing as wire
from model_sharing_provider.domain.terms import SharedTerms
from model_sharing_provider.faces.open_sharing.requests import PAGE, page_request, share_name
from model_sharing_provider.faces.open_sharing.responses import page_response
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Route

_MOST_MODELS = 100
"""Models that are named as having the same terms; the others are counted."""


async def list_terms(request: web.Request) -> web.Response:
    share = share_name(request)
    listing = f"terms of {share}"
    terms = provider_of(request).recipient_terms
    page = await terms.list(context_of(request), share, page_request(request, listing))
    return page_response(page, listing, map(_terms, page.items))


async def accept_terms(request: web.Request) -> web.Response:
    body = await read_body(request, wire.AcceptTerms)
    share, digest = share_name(request), request.match_info["digest"]
    terms = provider_of(request).recipient_terms
    return json_response(
        _terms(await terms.accept(context_of(request), share, digest, body.accepted_by)), wire.JSON
    )


ROUTES = (
    Route(
        "GET",
        "/shares/{share}/terms",
        list_terms,
        "EXTENSION: the terms of a share and of its models, accepted or not",
        wire.Items[wire.Terms],
        query=PAGE,
    ),
    Route(
        "POST",
        "/shares/{share}/terms/{digest}/accept",
        accept_terms,
        "EXTENSION: accept terms for this recipient",
        wire.Terms,
        wire.AcceptTerms,
    ),
)


def _terms(terms: SharedTerms) -> wire.Terms:
    return wire.Terms(
        digest=terms.digest,
        version=terms.version,
        text=terms.text,
        applies_to=terms.models[:_MOST_MODELS],
        num_models=len(terms.models),
        accepted_at=terms.accepted_at,
        accepted_by=terms.accepted_by or None,
    )
