"""Catalogs: `catalogs`."""

from __future__ import annotations

import msgspec
from aiohttp import web

from model_sharing_protocol import unity_catalog as wire
from model_sharing_protocol import unity_catalog_extensions as extensions
from model_sharing_protocol.errors import AlreadyExists, InvalidParameter, TermsNotAccepted
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.mirrors import CatalogSource
from model_sharing_provider.domain.securables import Catalog
from model_sharing_provider.faces.unity_catalog.requests import (
    message_response,
    page_response,
    refuse_storage_location,
    securable_update,
)
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.parameter_schemas import BOOLEAN, PAGE
from model_sharing_provider.http.requests import context_of, flag, page_request, provider_of
from model_sharing_provider.http.routes import Nothing, PageOf, Query, Route
from model_sharing_provider.services.mirroring.catalog_pulls import PullSelection
from model_sharing_provider.services.mirroring.states import remedy_of

_FIRST_SYNC_SECONDS = 10.0


async def create_catalog(request: web.Request) -> web.Response:
    body = await read_body(request, wire.CreateCatalog)
    refuse_storage_location(body.storage_root)
    if body.provider_name or body.share_name:
        return message_response(_catalog(await _create_from_share(request, body)))
    if body.provider_key_fingerprint or body.broker or body.accept_terms:
        raise InvalidParameter(
            "Only a catalog from a share has a provider_key_fingerprint, a broker, or accept_terms."
        )
    catalogs = provider_of(request).catalogs
    created = await catalogs.create(context_of(request), body.name, body.comment, body.properties)
    return message_response(_catalog(created))


async def _create_from_share(request: web.Request, body: wire.CreateCatalog) -> Catalog:
    if not (body.provider_name and body.share_name):
        raise InvalidParameter("A catalog from a share needs both, provider_name and share_name.")
    return await provider_of(request).shared_catalogs.create(
        context_of(request),
        body.name,
        body.provider_name,
        body.share_name,
        comment=body.comment,
        properties=body.properties,
        key_fingerprint=body.provider_key_fingerprint,
        broker=body.broker,
        accept_terms=body.accept_terms,
        patience_seconds=_FIRST_SYNC_SECONDS,
    )


async def list_catalogs(request: web.Request) -> web.Response:
    listing = "catalogs"
    page = await provider_of(request).catalogs.page(context_of(request), page_request(request, listing))
    return page_response("catalogs", listing, page, _catalog)


async def get_catalog(request: web.Request) -> web.Response:
    return message_response(
        _catalog(await provider_of(request).catalogs.get(context_of(request), request.match_info["name"]))
    )


async def update_catalog(request: web.Request) -> web.Response:
    body = await read_body(request, wire.UpdateSecurable)
    catalogs = provider_of(request).catalogs
    updated = await catalogs.update(context_of(request), request.match_info["name"], securable_update(body))
    return message_response(_catalog(updated))


async def delete_catalog(request: web.Request) -> web.Response:
    catalogs = provider_of(request).catalogs
    await catalogs.delete(context_of(request), request.match_info["name"], force=flag(request, "force"))
    return message_response({})


async def pull_catalog(request: web.Request) -> web.Response:
    """Start to fetch files ahead of use, or tell how far that is."""
    body = (
        await read_body(request, extensions.PullCatalog)
        if request.can_read_body
        else extensions.PullCatalog()
    )
    selection = PullSelection(body.model, body.alias, body.all_versions)
    pulls, name = provider_of(request).catalog_pulls, request.match_info["name"]
    started = await pulls.start(context_of(request), name, selection)
    return message_response(msgspec.convert(started, extensions.CatalogPull, from_attributes=True))


ROUTES = (
    Route(
        "POST",
        "/catalogs",
        create_catalog,
        "New catalog",
        wire.CatalogInfo,
        wire.CreateCatalog,
        errors=(AlreadyExists, TermsNotAccepted),
    ),
    Route(
        "GET", "/catalogs", list_catalogs, "All catalogs", PageOf("catalogs", wire.CatalogInfo), query=PAGE
    ),
    Route("GET", "/catalogs/{name}", get_catalog, "A catalog", wire.CatalogInfo),
    Route(
        "PATCH",
        "/catalogs/{name}",
        update_catalog,
        "Change a catalog",
        wire.CatalogInfo,
        wire.UpdateSecurable,
        errors=(AlreadyExists,),
    ),
    Route(
        "DELETE",
        "/catalogs/{name}",
        delete_catalog,
        "Delete a catalog; with force, with everything in it",
        Nothing,
        query=(Query("force", BOOLEAN),),
    ),
    Route(
        "POST",
        "/catalogs/{name}/pull",
        pull_catalog,
        "Fetch files of a catalog from a share ahead of use, in the background; repeated, how far it is",
        extensions.CatalogPull,
        extensions.PullCatalog,
        body_required=False,
    ),
)


def _catalog(catalog: Catalog) -> wire.CatalogInfo:
    source = catalog.source
    return wire.CatalogInfo(
        name=catalog.name,
        comment=catalog.comment,
        properties=catalog.properties,
        owner=catalog.owner,
        id=catalog.id,
        full_name=catalog.name,
        catalog_type="DELTASHARING_CATALOG" if source else "MANAGED_CATALOG",
        securable_type="CATALOG",
        created_at=catalog.created_at,
        updated_at=catalog.updated_at,
        created_by=catalog.created_by,
        updated_by=catalog.updated_by,
        provider_name=source.provider if source else None,
        share_name=source.share if source else None,
        mirror=_mirror(source) if source else None,
    )


def _mirror(source: CatalogSource) -> extensions.MirrorInfo:
    return extensions.MirrorInfo(
        key_fingerprint=source.key_fingerprint,
        state=source.state,
        state_since=source.state_since,
        state_reason=source.state_reason,
        remedy=remedy_of(source.state, source.provider),
        synced_at=source.synced_at,
        confirmed_at=source.checked_at or None,
        age=(now_ms() - source.checked_at) // 1000 if source.checked_at else None,
        broker=source.broker,
        resharing=source.resharing,
        pulled_size=source.pulled_size,
    )
