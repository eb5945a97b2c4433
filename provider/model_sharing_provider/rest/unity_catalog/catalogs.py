"""`catalogs` and `schemas`."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import unity_catalog as wire
from model_sharing_protocol.names import SchemaName, normalize_name
from model_sharing_provider.domain.securables import Catalog, Schema
from model_sharing_provider.rest.bodies import read_body
from model_sharing_provider.rest.requests import provider_of
from model_sharing_provider.rest.unity_catalog.requests import answer, answer_page, context, page_request


async def create_catalog(request: web.Request) -> web.Response:
    body = await read_body(request, wire.CreateCatalog)
    created = await provider_of(request).catalogs.create(context(request), body.name, body.comment)
    return answer(_catalog(created))


async def list_catalogs(request: web.Request) -> web.Response:
    listing = "catalogs"
    page = await provider_of(request).catalogs.page(context(request), page_request(request, listing))
    return answer_page("catalogs", listing, page, _catalog)


async def get_catalog(request: web.Request) -> web.Response:
    return answer(
        _catalog(await provider_of(request).catalogs.get(context(request), request.match_info["name"]))
    )


async def delete_catalog(request: web.Request) -> web.Response:
    await provider_of(request).catalogs.delete(context(request), request.match_info["name"])
    return answer({})


async def create_schema(request: web.Request) -> web.Response:
    body = await read_body(request, wire.CreateSchema)
    name = SchemaName(normalize_name("catalog", body.catalog_name), normalize_name("schema", body.name))
    return answer(
        _schema(await provider_of(request).catalogs.create_schema(context(request), name, body.comment))
    )


async def list_schemas(request: web.Request) -> web.Response:
    catalog = normalize_name("catalog", request.query.get("catalog_name", ""))
    listing = f"schemas of {catalog}"
    catalogs = provider_of(request).catalogs
    page = await catalogs.page_schemas(context(request), catalog, page_request(request, listing))
    return answer_page("schemas", listing, page, _schema)


async def get_schema(request: web.Request) -> web.Response:
    name = SchemaName.parse(request.match_info["full_name"])
    return answer(_schema(await provider_of(request).catalogs.get_schema(context(request), name)))


async def delete_schema(request: web.Request) -> web.Response:
    name = SchemaName.parse(request.match_info["full_name"])
    await provider_of(request).catalogs.delete_schema(context(request), name)
    return answer({})


ROUTES = [
    web.post("/catalogs", create_catalog),
    web.get("/catalogs", list_catalogs),
    web.get("/catalogs/{name}", get_catalog),
    web.delete("/catalogs/{name}", delete_catalog),
    web.post("/schemas", create_schema),
    web.get("/schemas", list_schemas),
    web.get("/schemas/{full_name}", get_schema),
    web.delete("/schemas/{full_name}", delete_schema),
]


def _catalog(catalog: Catalog) -> wire.CatalogInfo:
    return wire.CatalogInfo(
        name=catalog.name,
        comment=catalog.comment,
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
        owner=schema.owner,
        schema_id=schema.id,
        created_at=schema.created_at,
        updated_at=schema.updated_at,
    )
