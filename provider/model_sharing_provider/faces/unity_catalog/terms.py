"""Terms of shares and models, who accepted them, and those of other providers: extensions."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from aiohttp import web

from model_sharing_protocol import unity_catalog_extensions as extensions
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.terms import SharedTerms
from model_sharing_provider.faces.unity_catalog.requests import message_response
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.parameter_schemas import TERMS_DIGEST
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.routes import Nothing, Query, Route


async def get_terms(request: web.Request) -> web.Response:
    terms, digest = provider_of(request).provider_terms, request.query.get("digest")
    found = await terms.history(context_of(request), *_securable(request), digest)
    return message_response(
        extensions.TermsHistory(
            tuple(msgspec.convert(each, extensions.TermsInfo, from_attributes=True) for each in found)
        )
    )


async def set_terms(request: web.Request) -> web.Response:
    body = await read_body(request, extensions.SetTerms)
    terms = provider_of(request).provider_terms
    found = await terms.set(context_of(request), *_securable(request), version=body.version, text=body.text)
    return message_response(msgspec.convert(found, extensions.TermsInfo, from_attributes=True))


async def clear_terms(request: web.Request) -> web.Response:
    await provider_of(request).provider_terms.clear(context_of(request), *_securable(request))
    return message_response({})


async def list_acceptances(request: web.Request) -> web.Response:
    terms, digest = provider_of(request).provider_terms, request.query.get("digest")
    found = await terms.acceptances(context_of(request), request.match_info["name"], digest)
    return message_response(
        extensions.TermsAcceptances(
            tuple(
                msgspec.convert(each, extensions.TermsAcceptanceInfo, from_attributes=True) for each in found
            )
        )
    )


async def get_catalog_terms(request: web.Request) -> web.Response:
    terms = provider_of(request).catalog_terms
    return _upstream(await terms.list(context_of(request), request.match_info["name"]))


async def accept_catalog_terms(request: web.Request) -> web.Response:
    body = await read_body(request, extensions.AcceptTerms)
    terms = provider_of(request).catalog_terms
    return _upstream(await terms.accept(context_of(request), request.match_info["name"], body.digests))


async def get_provider_terms(request: web.Request) -> web.Response:
    providers, asked = provider_of(request).providers, request.match_info
    return _upstream(await providers.terms(context_of(request), asked["name"], asked["share"]))


_DIGEST = (Query("digest", TERMS_DIGEST),)


def _routes_of(path: str, what: str) -> tuple[Route, ...]:
    return (
        Route(
            "GET",
            path,
            get_terms,
            f"EXTENSION: the terms that a {what} has and had, or those of a digest",
            extensions.TermsHistory,
            query=_DIGEST,
        ),
        Route(
            "PUT",
            path,
            set_terms,
            f"EXTENSION: set the terms of a {what}",
            extensions.TermsInfo,
            extensions.SetTerms,
        ),
        Route("DELETE", path, clear_terms, f"EXTENSION: end the terms of a {what}", Nothing),
    )


ROUTES = (
    *_routes_of("/shares/{name}/terms", "share"),
    *_routes_of("/models/{full_name}/terms", "model"),
    Route(
        "GET",
        "/recipients/{name}/acceptances",
        list_acceptances,
        "EXTENSION: the terms that a recipient accepted, or those of a digest with their text",
        extensions.TermsAcceptances,
        query=_DIGEST,
    ),
    Route(
        "GET",
        "/catalogs/{name}/terms",
        get_catalog_terms,
        "EXTENSION: the terms of the share that a catalog is made from",
        extensions.UpstreamTerms,
    ),
    Route(
        "POST",
        "/catalogs/{name}/terms",
        accept_catalog_terms,
        "EXTENSION: accept terms of the share that a catalog is made from",
        extensions.UpstreamTerms,
        extensions.AcceptTerms,
    ),
    Route(
        "GET",
        "/providers/{name}/shares/{share}/terms",
        get_provider_terms,
        "EXTENSION: the terms of a share of a provider",
        extensions.UpstreamTerms,
    ),
)


def _securable(request: web.Request) -> tuple[SecurableType, str]:
    if "full_name" in request.match_info:
        return SecurableType.MODEL, request.match_info["full_name"]
    return SecurableType.SHARE, request.match_info["name"]


def _upstream(found: Iterable[SharedTerms]) -> web.Response:
    return message_response(
        extensions.UpstreamTerms(
            tuple(msgspec.convert(each, extensions.UpstreamTermsInfo, from_attributes=True) for each in found)
        )
    )
