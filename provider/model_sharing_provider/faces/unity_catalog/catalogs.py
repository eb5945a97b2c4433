"""Catalogs and their schemas: `catalogs` and `schemas`."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import unity_catalog as wire
from model_sharing_protocol.errors import AlreadyExists, NotFound, UnsupportedOperation
from model_sharing_protocol.names import SchemaName, normalize_name
from model_sharing_provider.domain.securables import Catalog, Schema
from model_sharing_provider.faces.unity_catalog.requests import (
    message_response,
    page_response,
    refuse_storage_location,
)
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.parameters import BOOLEAN, NAME, PAGE, SCHEMA_NAME
from model_sharing_provider.http.requests import context_of, flag, page_request, provider_of
from model_sharing_provider.http.routes import Nothing, PageOf, Query, Route
from model_sharing_provider.services.registry.updates import SecurableUpdate


async def create_catalog(request: web.Request) -> web.Response:
    body = await read_body(request, wire.CreateCatalog)
    refuse_storage_location(body.storage_root)
    if body.provider_name or body.share_name:
        raise UnsupportedOperation(
            "A catalog over a provider's share is not served here; "
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
    updated = await catalogs.update(context_of(request), request.match_info["name"], _changes(body))
    return message_response(_catalog(updated))


async def delete_catalog(request: web.Request) -> web.Response:
    catalogs = provider_of(request).catalogs
    await catalogs.delete(context_of(request), request.match_info["name"], force=flag(request, "force"))
    return message_response({})


async def create_schema(request: web.Request) -> web.Response:
    body = await read_body(request, wire.CreateSchema)
    refuse_storage_location(body.storage_root)
    name = SchemaName(normalize_name("catalog", body.catalog_name), normalize_name("schema", body.name))
    catalogs = provider_of(request).catalogs
    created = await catalogs.create_schema(context_of(request), name, body.comment, body.properties)
    return message_response(_schema(created))


async def list_schemas(request: web.Request) -> web.Response:
    catalog = normalize_name("catalog", request.query.get("catalog_name", ""))
    listing = f"schemas of {catalog}"
    catalogs = provider_of(request).catalogs
    page = await catalogs.page_schemas(context_of(request), catalog, page_request(request, listing))
    return page_response("schemas", listing, page, _schema)


async def get_schema(request: web.Request) -> web.Response:
    name = SchemaName.parse(request.match_info["full_name"])
    return message_response(
        _schema(await provider_of(request).catalogs.get_schema(context_of(request), name))
    )


async def update_schema(request: web.Request) -> web.Response:
    body = await read_body(request, wire.UpdateSecurable)
    name = SchemaName.parse(request.match_info["full_name"])
    catalogs = provider_of(request).catalogs
    return message_response(_schema(await catalogs.update_schema(context_of(request), name, _changes(body))))


async def delete_schema(request: web.Request) -> web.Response:
    name = SchemaName.parse(request.match_info["full_name"])
    await provider_of(request).catalogs.delete_schema(context_of(request), name, force=flag(request, "force"))
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
        "Delete a catalog; with force, all in it",
        Nothing,
        query=(Query("force", BOOLEAN),),
    ),
    Route(
        "POST",
        "/schemas",
        create_schema,
        "New schema",
        wire.SchemaInfo,
        wire.CreateSchema,
        errors=(NotFound, AlreadyExists),
    ),
    Route(
        "GET",
        "/schemas",
        list_schemas,
        "The schemas of a catalog",
        PageOf("schemas", wire.SchemaInfo),
        query=(Query("catalog_name", NAME, required=True), *PAGE),
        errors=(NotFound,),
    ),
    Route(
        "GET",
        "/schemas/{full_name}",
        get_schema,
        "A schema",
        wire.SchemaInfo,
        parameters={"full_name": SCHEMA_NAME},
    ),
    Route(
        "PATCH",
        "/schemas/{full_name}",
        update_schema,
        "Change a schema",
        wire.SchemaInfo,
        wire.UpdateSecurable,
        errors=(AlreadyExists,),
        parameters={"full_name": SCHEMA_NAME},
    ),
    Route(
        "DELETE",
        "/schemas/{full_name}",
        delete_schema,
        "Delete a schema",
        Nothing,
        query=(Query("force", BOOLEAN),),
        parameters={"full_name": SCHEMA_NAME},
    ),
)


def _changes(body: wire.UpdateSecurable) -> SecurableUpdate:
    return SecurableUpdate(
        new_name=body.new_name, comment=body.comment, properties=body.properties, owner=body.owner
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


def _schema(schema: Schema) -> wire.SchemaInfo:
    return wire.SchemaInfo(
        name=schema.full_name.schema,
        catalog_name=schema.full_name.catalog,
        full_name=str(schema.full_name),
        comment=schema.comment,
        properties=schema.properties,
        owner=schema.owner,
        schema_id=schema.id,
        created_at=schema.created_at,
        updated_at=schema.updated_at,
    )
