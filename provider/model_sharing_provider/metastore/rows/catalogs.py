"""Rows of catalogs and schemas."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Row, Select, Table, delete, insert, select, update

from model_sharing_protocol.dsse import PublicKey
from model_sharing_protocol.names import SchemaName
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.domain.mirrors import CatalogSource, MirrorState
from model_sharing_provider.domain.principals import PrincipalType
from model_sharing_provider.domain.securables import Catalog, Metastore, Schema
from model_sharing_provider.metastore.authorization.visibility import (
    Viewer,
    may_use_catalog,
    may_use_schema,
)
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.paging.keyset import fetch_page, starts_with
from model_sharing_provider.metastore.rows.changes import ChangeRows
from model_sharing_provider.metastore.tables import (
    catalogs,
    metastores,
    mirror_checks,
    mirrors,
    principals,
    providers,
    registered_models,
    schemas,
)

_SOURCE = ("share", "broker", "resharing", "state", "state_reason", "state_since", "synced_at")


class CatalogRows:
    def __init__(self, connection: Connection, changes: ChangeRows) -> None:
        self._connection = connection
        self._changes = changes

    async def metastore(self) -> Metastore:
        admin = (
            select(principals.c.name)
            .where(principals.c.type == PrincipalType.ADMIN)
            .order_by(principals.c.created_at)
            .limit(1)
        )
        row = (
            await self._connection.execute(select(metastores, admin.scalar_subquery().label("owner")))
        ).one()
        return Metastore(id=row.id, name=row.name, owner=row.owner or "", created_at=row.created_at)

    async def add(self, catalog: Catalog) -> None:
        await self._connection.execute(
            insert(catalogs).values(
                id=catalog.id,
                name=catalog.name,
                comment=catalog.comment,
                properties=json.dumps(catalog.properties),
                owner=catalog.owner,
                created_at=catalog.created_at,
                updated_at=catalog.updated_at,
                created_by=catalog.created_by,
                updated_by=catalog.updated_by,
            )
        )

    async def find(self, name: str) -> Catalog | None:
        query = _catalogs().where(catalogs.c.name == name)
        row = (await self._connection.execute(query)).one_or_none()
        return _catalog(row) if row else None

    async def page(self, page: PageRequest, viewer: Viewer, prefix: str) -> Page[Catalog]:
        """Page of the catalogs that the viewer may use and whose names begin with `prefix`."""
        query = _catalogs().where(may_use_catalog(viewer))
        if prefix:
            query = query.where(starts_with(catalogs.c.name, prefix))
        return await fetch_page(
            self._connection, query, catalogs.c.name, page, _catalog, key_of=lambda item: item.name
        )

    async def update(self, catalog: Catalog) -> None:
        await self._record_owner(catalogs, catalog.id, catalog.owner)
        await self._connection.execute(
            update(catalogs)
            .where(catalogs.c.id == catalog.id)
            .values(
                name=catalog.name,
                comment=catalog.comment,
                properties=json.dumps(catalog.properties),
                owner=catalog.owner,
                updated_at=catalog.updated_at,
                updated_by=catalog.updated_by,
            )
        )

    async def _record_owner(self, table: Table, securable_id: str, owner: str) -> None:
        query = select(table.c.owner).where(table.c.id == securable_id)
        if (await self._connection.execute(query)).scalar_one_or_none() != owner:
            await self._changes.record_owner()

    async def update_schema(self, schema: Schema) -> None:
        await self._record_owner(schemas, schema.id, schema.owner)
        await self._connection.execute(
            update(schemas)
            .where(schemas.c.id == schema.id)
            .values(
                name=schema.full_name.schema,
                comment=schema.comment,
                properties=json.dumps(schema.properties),
                owner=schema.owner,
                updated_at=schema.updated_at,
                updated_by=schema.updated_by,
            )
        )

    async def all_schemas(self, catalog: str) -> list[Schema]:
        """All schemas of a catalog, for any viewer."""
        rows = await self._connection.execute(_schemas().where(catalogs.c.name == catalog))
        return [_schema(row) for row in rows]

    async def is_empty(self, catalog_id: str) -> bool:
        query = select(schemas.c.id).where(schemas.c.catalog_id == catalog_id).limit(1)
        return (await self._connection.execute(query)).first() is None

    async def delete(self, catalog_id: str) -> None:
        await self._connection.execute(delete(catalogs).where(catalogs.c.id == catalog_id))

    async def schema_is_empty(self, schema_id: str) -> bool:
        query = select(registered_models.c.id).where(registered_models.c.schema_id == schema_id).limit(1)
        return (await self._connection.execute(query)).first() is None

    async def delete_schema(self, schema_id: str) -> None:
        await self._connection.execute(delete(schemas).where(schemas.c.id == schema_id))

    async def add_schema(self, schema: Schema, catalog_id: str) -> None:
        await self._connection.execute(
            insert(schemas).values(
                id=schema.id,
                catalog_id=catalog_id,
                name=schema.full_name.schema,
                comment=schema.comment,
                properties=json.dumps(schema.properties),
                owner=schema.owner,
                created_at=schema.created_at,
                updated_at=schema.updated_at,
                created_by=schema.created_by,
                updated_by=schema.updated_by,
            )
        )

    async def find_schema(self, name: SchemaName) -> Schema | None:
        query = _schemas().where(catalogs.c.name == name.catalog, schemas.c.name == name.schema)
        row = (await self._connection.execute(query)).one_or_none()
        return _schema(row) if row else None

    async def page_schemas(
        self, catalog: str, page: PageRequest, viewer: Viewer, prefix: str
    ) -> Page[Schema]:
        """Page of the schemas of a catalog that the viewer may use and whose names begin with `prefix`."""
        query = _schemas().where(catalogs.c.name == catalog, may_use_schema(viewer))
        if prefix:
            query = query.where(starts_with(schemas.c.name, prefix))
        return await fetch_page(
            self._connection,
            query,
            schemas.c.name,
            page,
            _schema,
            key_of=lambda item: item.full_name.schema,
        )

    async def search_schemas(self, prefix: str, limit: int, viewer: Viewer) -> list[Schema]:
        """First schemas that the viewer may use and whose names begin with `prefix`, by name."""
        query = (
            _schemas()
            .where(starts_with(schemas.c.name, prefix), may_use_schema(viewer))
            .order_by(schemas.c.name, catalogs.c.name)
            .limit(limit)
        )
        return [_schema(row) for row in await self._connection.execute(query)]


def _catalogs() -> Select[Any]:
    """Query of catalogs, with their sources if they are made from shares."""
    return (
        select(
            catalogs,
            providers.c.name.label("provider"),
            *(column for column in mirrors.c if column.name in _SOURCE),
            mirrors.c["keys"],
            mirror_checks.c.checked_at,
        )
        .join_from(catalogs, mirrors, isouter=True)
        .join(providers, providers.c.id == mirrors.c.provider_id, isouter=True)
        .join(mirror_checks, mirror_checks.c.catalog_id == mirrors.c.catalog_id, isouter=True)
    )


def _schemas() -> Select[Any]:
    return select(schemas, catalogs.c.name.label("catalog_name")).join_from(schemas, catalogs)


def _catalog(row: Row[Any]) -> Catalog:
    return Catalog(
        id=row.id,
        name=row.name,
        comment=row.comment,
        properties=json.loads(row.properties),
        owner=row.owner,
        created_at=row.created_at,
        updated_at=row.updated_at,
        created_by=row.created_by,
        updated_by=row.updated_by,
        source=_source(row) if row.provider is not None else None,
    )


def _source(row: Row[Any]) -> CatalogSource:
    values = {name: getattr(row, name) for name in _SOURCE}
    return CatalogSource(
        provider=row.provider,
        key_fingerprint=PublicKey.parse(json.loads(row._mapping["keys"])[-1]).fingerprint,
        checked_at=row.checked_at,
        **values | {"state": MirrorState(row.state)},
    )


def _schema(row: Row[Any]) -> Schema:
    return Schema(
        id=row.id,
        full_name=SchemaName(row.catalog_name, row.name),
        comment=row.comment,
        properties=json.loads(row.properties),
        owner=row.owner,
        created_at=row.created_at,
        updated_at=row.updated_at,
        created_by=row.created_by,
        updated_by=row.updated_by,
    )
