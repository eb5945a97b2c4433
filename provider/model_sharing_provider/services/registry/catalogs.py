"""Catalogs and schemas, the two upper levels of a model's full name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from uuid import uuid4

from model_sharing_protocol.errors import InvalidState
from model_sharing_protocol.names import SchemaName, normalize_name
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.limits import check_comment, check_properties
from model_sharing_provider.domain.securables import Catalog, Metastore, ModelVersion, Schema, SecurableType
from model_sharing_provider.governance import rules
from model_sharing_provider.metastore.authorization.visibility import Viewer
from model_sharing_provider.services.context import Context, Operation, absent
from model_sharing_provider.services.registry.removal import ArtifactCleaner, remove_schema
from model_sharing_provider.services.registry.updates import (
    SecurableUpdate,
    apply_update,
    check_new,
    new_name,
    with_properties,
)


class Catalogs:
    def __init__(self, cleaner: ArtifactCleaner) -> None:
        self._cleaner = cleaner

    async def metastore(self, context: Context) -> Metastore:
        """Name and id of this metastore, for every principal."""
        async with context.view(
            AuditAction.GET_METASTORE_SUMMARY, Target(SecurableType.METASTORE)
        ) as operation:
            await operation.authorize(rules.ANY_PRINCIPAL)
            return await operation.rows.catalogs.metastore()

    async def create(
        self, context: Context, name: str, comment: str = "", properties: Mapping[str, str] | None = None
    ) -> Catalog:
        """Create a catalog. Raises InvalidParameter, AlreadyExists, PermissionDenied."""
        name = normalize_name("catalog", name)
        async with context.change(AuditAction.CREATE_CATALOG, _catalog(name)) as operation:
            await operation.authorize(rules.CREATE_CATALOG)
            await check_new("catalog", name, operation.rows.catalogs.find)
            catalog = Catalog(
                id=str(uuid4()),
                name=name,
                comment=check_comment(comment),
                properties=check_properties(properties or {}),
                owner=operation.principal.name,
                created_at=operation.now,
                updated_at=operation.now,
                created_by=operation.principal.name,
                updated_by=operation.principal.name,
            )
            await operation.rows.catalogs.add(catalog)
            return catalog

    async def page(self, context: Context, page: PageRequest, prefix: str = "") -> Page[Catalog]:
        """Page of the catalogs that the caller may use and whose names begin with `prefix`, by name."""
        async with context.view(AuditAction.LIST_CATALOGS, Target(SecurableType.METASTORE)) as operation:
            await operation.authorize(rules.ANY_PRINCIPAL)
            return await operation.rows.catalogs.page(page, Viewer.of(operation.principal), prefix)

    async def get(self, context: Context, name: str) -> Catalog:
        """Raises NotFound, PermissionDenied."""
        name = normalize_name("catalog", name)
        async with context.view(AuditAction.GET_CATALOG, _catalog(name)) as operation:
            await operation.authorize(rules.USE_CATALOG)
            catalog = await find_catalog(operation, name)
            if catalog.source is None:
                return catalog
            pulled = await operation.rows.pulled_parts.total_size_of_catalog(catalog.id)
            return replace(catalog, source=replace(catalog.source, pulled_size=pulled))

    async def update(self, context: Context, name: str, changes: SecurableUpdate) -> Catalog:
        """Rename, describe, or give to another owner. Raises NotFound, AlreadyExists, PermissionDenied."""
        name = normalize_name("catalog", name)
        async with context.change(AuditAction.UPDATE_CATALOG, _catalog(name)) as operation:
            rule = rules.MANAGE_CATALOG if changes.only_owner else rules.OWN_CATALOG
            await operation.authorize(rule)
            catalog = await find_catalog(operation, name)
            called = await new_name("catalog", name, changes, operation.rows.catalogs.find)
            described = with_properties(await apply_update(operation, catalog, changes), changes)
            updated = replace(described, name=called)
            await operation.rows.catalogs.update(updated)
            if updated.source is not None:
                await operation.rows.mirrors.give_to(updated.id, updated.owner)
            return updated

    async def delete(self, context: Context, name: str, *, force: bool = False) -> None:
        """Delete a catalog; with `force`, its contents too. Raises NotFound, InvalidState."""
        name = normalize_name("catalog", name)
        versions: list[ModelVersion] = []
        async with context.change(AuditAction.DELETE_CATALOG, _catalog(name)) as operation:
            await operation.authorize(rules.OWN_CATALOG)
            catalog = await find_catalog(operation, name)
            # What comes from a share is not lost by this.
            force = force or catalog.source is not None
            if not force and not await operation.rows.catalogs.is_empty(catalog.id):
                raise InvalidState(
                    f"The catalog {name!r} is not empty; delete its schemas first, or use force."
                )
            for schema in await operation.rows.catalogs.all_schemas(name):
                versions += await remove_schema(operation, schema)
            await operation.rows.mirrors.delete(catalog.id)
            await operation.rows.catalogs.delete(catalog.id)
            await operation.rows.privilege_grants.forget_securables([catalog.id])
        await self._cleaner.delete(versions)

    async def create_schema(
        self,
        context: Context,
        name: SchemaName,
        comment: str = "",
        properties: Mapping[str, str] | None = None,
    ) -> Schema:
        """Create a schema in an existing catalog. Raises NotFound, AlreadyExists, PermissionDenied."""
        async with context.change(AuditAction.CREATE_SCHEMA, _schema(name)) as operation:
            await operation.authorize(rules.CREATE_SCHEMA)
            catalog = await find_catalog(operation, name.catalog)
            await check_new("schema", name, operation.rows.catalogs.find_schema)
            schema = Schema(
                id=str(uuid4()),
                full_name=name,
                comment=check_comment(comment),
                properties=check_properties(properties or {}),
                owner=operation.principal.name,
                created_at=operation.now,
                updated_at=operation.now,
                created_by=operation.principal.name,
                updated_by=operation.principal.name,
            )
            await operation.rows.catalogs.add_schema(schema, catalog.id)
            return schema

    async def page_schemas(
        self, context: Context, catalog: str, page: PageRequest, prefix: str = ""
    ) -> Page[Schema]:
        """Page of a catalog's schemas that the caller may use and that begin with `prefix`, by name.

        Raises NotFound, PermissionDenied.
        """
        catalog = normalize_name("catalog", catalog)
        async with context.view(AuditAction.LIST_SCHEMAS, _catalog(catalog)) as operation:
            await operation.authorize(rules.USE_CATALOG)
            await find_catalog(operation, catalog)
            viewer = Viewer.of(operation.principal)
            return await operation.rows.catalogs.page_schemas(catalog, page, viewer, prefix)

    async def search_schemas(self, context: Context, prefix: str, limit: int) -> list[Schema]:
        """First schemas of all catalogs that the caller may use and whose names begin with `prefix`."""
        async with context.view(AuditAction.LIST_SCHEMAS, Target(SecurableType.METASTORE)) as operation:
            await operation.authorize(rules.ANY_PRINCIPAL)
            return await operation.rows.catalogs.search_schemas(prefix, limit, Viewer.of(operation.principal))

    async def get_schema(self, context: Context, name: SchemaName) -> Schema:
        """Raises NotFound, PermissionDenied."""
        async with context.view(AuditAction.GET_SCHEMA, _schema(name)) as operation:
            await operation.authorize(rules.USE_SCHEMA)
            return await find_schema(operation, name)

    async def update_schema(self, context: Context, name: SchemaName, changes: SecurableUpdate) -> Schema:
        """Rename, describe, or give to another owner. Raises NotFound, AlreadyExists, PermissionDenied."""
        async with context.change(AuditAction.UPDATE_SCHEMA, _schema(name)) as operation:
            await operation.authorize(rules.MANAGE_SCHEMA if changes.only_owner else rules.OWN_SCHEMA)
            schema = await find_schema(operation, name)
            called = SchemaName(name.catalog, normalize_name("schema", changes.new_name or name.schema))
            if called != name:
                await check_new("schema", called, operation.rows.catalogs.find_schema)
            described = with_properties(await apply_update(operation, schema, changes), changes)
            updated = replace(described, full_name=called)
            await operation.rows.catalogs.update_schema(updated)
            return updated

    async def delete_schema(self, context: Context, name: SchemaName, *, force: bool = False) -> None:
        """Delete a schema; with `force`, its models too. Raises NotFound, InvalidState."""
        async with context.change(AuditAction.DELETE_SCHEMA, _schema(name)) as operation:
            await operation.authorize(rules.OWN_SCHEMA)
            schema = await find_schema(operation, name)
            if not force and not await operation.rows.catalogs.schema_is_empty(schema.id):
                raise InvalidState(
                    f"The schema '{name}' is not empty; delete its models first, or use force."
                )
            versions = await remove_schema(operation, schema)
        await self._cleaner.delete(versions)


async def find_catalog(operation: Operation, name: str) -> Catalog:
    """Find a catalog. Raises NotFound, which says how to create it."""
    catalog = await operation.rows.catalogs.find(name)
    if catalog is None:
        raise absent(SecurableType.CATALOG, name)
    return catalog


async def find_schema(operation: Operation, name: SchemaName) -> Schema:
    """Find a schema. Raises NotFound, which says how to create it."""
    schema = await operation.rows.catalogs.find_schema(name)
    if schema is None:
        raise absent(SecurableType.SCHEMA, str(name))
    return schema


def _catalog(name: str) -> Target:
    return Target(SecurableType.CATALOG, name)


def _schema(name: SchemaName) -> Target:
    return Target(SecurableType.SCHEMA, str(name))
