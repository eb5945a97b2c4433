"""Schemas of a catalog: `schemas`."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import unity_catalog as wire
from model_sharing_protocol.errors import AlreadyExists, NotFound
from model_sharing_protocol.names import SchemaName, normalize_name
from model_sharing_provider.domain.securables import Schema
from model_sharing_provider.faces.unity_catalog.requests import (
    message_response,
    page_response,
    refuse_storage_location,
    securable_update,
)
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.parameter_schemas import BOOLEAN, NAME, PAGE, SCHEMA_NAME
from model_sharing_provider.http.requests import context_of, flag, page_request, provider_of
from model_sharing_provider.http.routes import Nothing, PageOf, Query, Route


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
    return message_response(
        _schema(await catalogs.update_schema(context_of(request), name, securable_update(body)))
    )


async def delete_schema(request: web.Request) -> web.Response:
    name = SchemaName.parse(request.match_info["full_name"])
    await provider_of(request).catalogs.delete_schema(context_of(request), name, force=flag(request, "force"))
    return message_response({})


ROUTES = (
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
        created_by=schema.created_by,
        updated_by=schema.updated_by,
    )
