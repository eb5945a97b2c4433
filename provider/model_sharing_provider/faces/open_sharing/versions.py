"""Versions of a shared model, by number or alias, each with its signed state."""

from __future__ import annotations

import msgspec
from aiohttp import ETag, web
from aiohttp.helpers import ETAG_ANY

from model_sharing_protocol import open_sharing as wire
from model_sharing_protocol.errors import VersionRecalled
from model_sharing_protocol.names import normalize_name, parse_version
from model_sharing_provider.domain.sharing import SharedVersion
from model_sharing_provider.faces.open_sharing.requests import (
    ALIAS,
    INCLUDE_RECALLED,
    MODEL,
    PAGE,
    VERSION,
    include_recalled,
    model_name,
    page_request,
    share_name,
)
from model_sharing_provider.faces.open_sharing.responses import page_response
from model_sharing_provider.faces.open_sharing.version_messages import version_message
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.responses import NO_STORE, json_response
from model_sharing_provider.http.routes import Route


async def list_versions(request: web.Request) -> web.Response:
    share, model = share_name(request), model_name(request)
    listing = f"versions of {share}.{model}"
    view = provider_of(request).recipient_view
    page = await view.list_versions(context_of(request), share, model, page_request(request, listing))
    return page_response(page, listing, [version_message(request, item) for item in page.items])


async def get_version(request: web.Request) -> web.Response:
    number = parse_version(request.match_info["version"])
    view = provider_of(request).recipient_view
    found = await view.get_version(
        context_of(request),
        share_name(request),
        model_name(request),
        number,
        include_recalled=include_recalled(request),
    )
    return _version_response(request, found)


async def resolve_alias(request: web.Request) -> web.Response:
    alias = normalize_name("alias", request.match_info["alias"])
    view = provider_of(request).recipient_view
    found = await view.resolve_alias(
        context_of(request),
        share_name(request),
        model_name(request),
        alias,
        include_recalled=include_recalled(request),
    )
    return _version_response(request, found, alias)


async def temporary_credentials(request: web.Request) -> web.Response:
    """Credentials for a version's storage; an error that names the alternative, if the storage has none."""
    number = parse_version(request.match_info["version"])
    credentials = provider_of(request).recipient_credentials
    given = await credentials.read(
        context_of(request),
        share_name(request),
        model_name(request),
        number,
        include_recalled=include_recalled(request),
    )
    body = msgspec.convert(given, wire.TemporaryCredentials, from_attributes=True)
    return json_response(body, wire.JSON, headers=NO_STORE)


ROUTES = (
    Route(
        "GET",
        ALIAS,
        resolve_alias,
        "The version that an alias points at",
        wire.ModelVersion,
        query=INCLUDE_RECALLED,
        errors=(VersionRecalled,),
        statuses=(200, 304),
        repeatable=True,
    ),
    Route(
        "GET",
        VERSION,
        get_version,
        "A version",
        wire.ModelVersion,
        query=INCLUDE_RECALLED,
        errors=(VersionRecalled,),
        statuses=(200, 304),
        repeatable=True,
    ),
    Route(
        "GET",
        MODEL + "/versions",
        list_versions,
        "The versions of a model that are READY",
        wire.Items[wire.ModelVersion],
        query=PAGE,
    ),
    Route(
        "POST",
        VERSION + "/temporary-model-version-credentials",
        temporary_credentials,
        "Credentials for a version's storage",
        wire.TemporaryCredentials,
        query=INCLUDE_RECALLED,
        errors=(VersionRecalled,),
    ),
    Route(
        "POST",
        VERSION + "/temporary-model-credentials",
        temporary_credentials,
        "Credentials for a version's storage, at the path in the protocol's README",
        wire.TemporaryCredentials,
        query=INCLUDE_RECALLED,
        errors=(VersionRecalled,),
    ),
)


def _version_response(request: web.Request, found: SharedVersion, alias: str | None = None) -> web.Response:
    """Version with its signed state; 304 if the client's `If-None-Match` has the current ETag.

    The ETag is weak: the state is signed again every half minute, with the same content.
    """
    signing = provider_of(request).signing
    tag = ETag(signing.tag(found, msgspec.json.encode(version_message(request, found))), is_weak=True)
    known = any(given.value in (tag.value, ETAG_ANY) for given in request.if_none_match or ())
    response = (
        web.Response(status=web.HTTPNotModified.status_code)
        if known
        else json_response(version_message(request, found, signing.state(found, alias)), wire.JSON)
    )
    response.etag = tag
    response.headers["Cache-Control"] = "private, no-cache"
    return response
