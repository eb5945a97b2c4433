"""Catalogs: `catalogs`."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import unity_catalog as wire
from model_sharing_protocol.errors import AlreadyExists, UnsupportedOperation
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


async def create_catalog(request: web.Request) -> web.Response:
    body = await read_body(request, wire.CreateCatalog)
    refuse_storage_location(body.storage_root)
    if body.provider_name or body.share_name:
        raise UnsupportedOperation(
            "A catalog of a provider's share is not supported here; "
            "mount the share with 'model-sharing mount'."
        )
    catalogs = provider_of(request).catalogs
    created = await catalogs.create(context_of(request), body.name, body.comment, body.properties)
    return message_response(_catalog(created))


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


ROUTES = (
    Route(
        "POST",
        "/catalogs",
        create_catalog,
        "New catalog",
        wire.CatalogInfo,
        wire.CreateCatalog,
        errors=(AlreadyExists,),
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
)


def _catalog(catalog: Catalog) -> wire.CatalogInfo:
    return wire.CatalogInfo(
        name=catalog.name,
        comment=catalog.comment,
        properties=catalog.properties,
        owner=catalog.owner,
        id=catalog.id,
        full_name=catalog.name,
        catalog_type="MANAGED_CATALOG",
        securable_type="CATALOG",
        created_at=catalog.created_at,
        updated_at=catalog.updated_at,
    )
