"""Catalogs and schemas: the two upper levels of a model's name."""

from __future__ import annotations

from uuid import uuid4

from model_sharing_protocol.errors import AlreadyExists, NotFound
from model_sharing_protocol.names import SchemaName, normalize_name
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.securables import Catalog, Schema, SecurableType
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.services.context import Context, Operation


class Catalogs:
    async def create(self, context: Context, name: str, comment: str = "") -> Catalog:
        """A new catalog. Raises InvalidParameter, AlreadyExists, PermissionDenied."""
        name = normalize_name("catalog", name)
        async with context.change("createCatalog", Target(SecurableType.CATALOG, name)) as operation:
            operation.authorize(Privilege.CREATE_CATALOG)
            if await operation.rows.catalogs.find(name):
                raise AlreadyExists(f"The catalog {name!r} exists already.")
            catalog = Catalog(
                id=str(uuid4()),
                name=name,
                comment=comment,
                owner=operation.principal.name,
                created_at=operation.now,
                updated_at=operation.now,
            )
            await operation.rows.catalogs.add(catalog)
            return catalog

    async def page(self, context: Context, page: PageRequest) -> Page[Catalog]:
        async with context.view("listCatalogs", Target(SecurableType.METASTORE)) as operation:
            operation.authorize(Privilege.BROWSE)
            return await operation.rows.catalogs.page(page)

    async def create_schema(self, context: Context, name: SchemaName, comment: str = "") -> Schema:
        """A new schema in an existing catalog. Raises NotFound, AlreadyExists, PermissionDenied."""
        async with context.change("createSchema", Target(SecurableType.SCHEMA, str(name))) as operation:
            operation.authorize(Privilege.CREATE_SCHEMA)
            catalog = await find_catalog(operation, name.catalog)
            if await operation.rows.catalogs.find_schema(name):
                raise AlreadyExists(f"The schema '{name}' exists already.")
            schema = Schema(
                id=str(uuid4()),
                full_name=name,
                comment=comment,
                owner=operation.principal.name,
                created_at=operation.now,
                updated_at=operation.now,
            )
            await operation.rows.catalogs.add_schema(schema, catalog.id)
            return schema

    async def page_schemas(self, context: Context, catalog: str, page: PageRequest) -> Page[Schema]:
        """The schemas of a catalog, by name. Raises NotFound."""
        catalog = normalize_name("catalog", catalog)
        async with context.view("listSchemas", Target(SecurableType.CATALOG, catalog)) as operation:
            operation.authorize(Privilege.BROWSE)
            await find_catalog(operation, catalog)
            return await operation.rows.catalogs.page_schemas(catalog, page)


async def find_catalog(operation: Operation, name: str) -> Catalog:
    """The catalog, or NotFound saying how to create it."""
    catalog = await operation.rows.catalogs.find(name)
    if catalog is None:
        raise NotFound(f"The catalog {name!r} does not exist; create it with 'catalog create {name}'.")
    return catalog


async def find_schema(operation: Operation, name: SchemaName) -> Schema:
    """The schema, or NotFound saying how to create it."""
    schema = await operation.rows.catalogs.find_schema(name)
    if schema is None:
        raise NotFound(f"The schema '{name}' does not exist; create it with 'schema create {name}'.")
    return schema
