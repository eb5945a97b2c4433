"""Terms of the share that a catalog is made from; its owner accepts them, for everybody here."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter, SharingError
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.faces.explorer.forms import read_form
from model_sharing_provider.faces.explorer.page_routes import form, page
from model_sharing_provider.faces.explorer.rendering import render, see_other
from model_sharing_provider.http.requests import context_of, provider_of

_PATH = "/catalogs/{catalog}/terms"


async def show_terms(request: web.Request) -> web.Response:
    """Terms of the share, as its provider tells them now, or why it did not."""
    services, context, name = provider_of(request), context_of(request), request.match_info["catalog"]
    catalog = await services.catalogs.get(context, name)
    terms, problem = [], ""
    try:
        terms = list(await services.catalog_terms.list(context, name))
    except SharingError as error:
        problem = error.message
    return render(
        request,
        "catalog_terms.html",
        catalog=catalog,
        terms=terms,
        problem=problem,
        refusals=await services.permissions.refusals(context, SecurableType.CATALOG, catalog.name),
    )


async def accept_terms(request: web.Request) -> web.Response:
    digests = (await read_form(request)).texts("accept_terms")
    if not digests:
        raise InvalidParameter("Nothing was accepted: check the terms that you accept.")
    name = request.match_info["catalog"]
    await provider_of(request).catalog_terms.accept(context_of(request), name, digests)
    return see_other(request, "catalogs", name, "terms", done="accepted")


ROUTES = (page(_PATH, show_terms), form(_PATH, accept_terms))
