"""Catalogs and schemas: the two upper levels of a model's name."""

from __future__ import annotations

from uuid import uuid4

from model_sharing_protocol.errors import AlreadyExists, InvalidState, NotFound
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

    async def get(self, context: Context, name: str) -> Catalog:
        """Raises NotFound."""
        name = normalize_name("catalog", name)
        async with context.view("getCatalog", Target(SecurableType.CATALOG, name)) as operation:
            operation.authorize(Privilege.BROWSE)
            return await find_catalog(operation, name)

    async def delete(self, context: Context, name: str) -> None:
        """Delete a catalog that has no schemas. Raises NotFound, InvalidState."""
        name = normalize_name("catalog", name)
        async with context.change("deleteCatalog", Target(SecurableType.CATALOG, name)) as operation:
            operation.authorize(Privilege.MANAGE)
            catalog = await find_catalog(operation, name)
            if not await operation.rows.catalogs.is_empty(catalog.id):
                raise InvalidState(f"The catalog {name!r} is not empty; delete its schemas first.")
            await operation.rows.catalogs.delete(catalog.id)

    async def get_schema(self, context: Context, name: SchemaName) -> Schema:
        """Raises NotFound."""
        async with context.view("getSchema", Target(SecurableType.SCHEMA, str(name))) as operation:
            operation.authorize(Privilege.BROWSE)
            return await find_schema(operation, name)

    async def delete_schema(self, context: Context, name: SchemaName) -> None:
        """Delete a schema that has no models. Raises NotFound, InvalidState."""
        async with context.change("deleteSchema", Target(SecurableType.SCHEMA, str(name))) as operation:
            operation.authorize(Privilege.MANAGE)
            schema = await find_schema(operation, name)
            if not await operation.rows.catalogs.schema_is_empty(schema.id):
                raise InvalidState(f"The schema '{name}' is not empty; delete its models first.")
            await operation.rows.catalogs.delete_schema(schema.id)

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
