"""Rows of assets that a share shows beside models: tables, volumes and skills in external locations."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, func, select

from model_sharing_protocol.names import SharedName
from model_sharing_protocol.pages import Page, PageRequest, page_of
from model_sharing_provider.domain.shared_tables import SharedLocation
from model_sharing_provider.domain.sharing import ShareObjectType
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.paging.keyset import fit_page
from model_sharing_provider.metastore.rows.mapping import read_skill
from model_sharing_provider.metastore.tables import share_objects


class SharedAssetRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of_share(self, share_id: str, kind: ShareObjectType) -> list[SharedLocation]:
        """All assets of a kind in a share, of which there are at most as many as its quota allows."""
        return await self._find(share_id, kind)

    async def page(
        self, share_id: str, kind: ShareObjectType, schema: str | None, page: PageRequest
    ) -> Page[SharedLocation]:
        """Page of the assets of a kind, of one schema or all, by name; shorter if skills say a lot."""
        query = select(
            share_objects.c.object_id,
            share_objects.c.shared_schema,
            share_objects.c.shared_name,
            func.length(share_objects.c.skill).label("weight"),
        ).where(share_objects.c.share_id == share_id, share_objects.c.type == kind)
        if schema is not None:
            query = query.where(share_objects.c.shared_schema == schema)
        names = page_of(await self._connection.execute(query), page, _key)
        names = fit_page(names, (row.weight for row in names.items), _key)
        ids = [row.object_id for row in names.items]
        rows = await self._connection.execute(_ASSETS.where(share_objects.c.object_id.in_(ids)))
        found = sorted(map(_read, rows), key=lambda each: str(each.shared_name))
        return Page(found, names.last_key)

    async def find(self, share_id: str, kind: ShareObjectType, name: SharedName) -> SharedLocation | None:
        found = await self._find(share_id, kind, name)
        return found[0] if found else None

    async def by_id(self, object_id: str) -> SharedLocation | None:
        """Asset by its id, in whichever share it is."""
        query = _ASSETS.where(share_objects.c.object_id == object_id)
        row = (await self._connection.execute(query)).one_or_none()
        return _read(row) if row else None

    async def _find(
        self, share_id: str, kind: ShareObjectType, name: SharedName | None = None
    ) -> list[SharedLocation]:
        query = _ASSETS.where(share_objects.c.share_id == share_id, share_objects.c.type == kind)
        if name is not None:
            query = query.where(
                share_objects.c.shared_schema == name.schema, share_objects.c.shared_name == name.name
            )
        rows = await self._connection.execute(
            query.order_by(share_objects.c.shared_schema, share_objects.c.shared_name)
        )
        return [_read(row) for row in rows]


_ASSETS = select(
    share_objects.c.object_id,
    share_objects.c.type,
    share_objects.c.shared_schema,
    share_objects.c.shared_name,
    share_objects.c.object_name,
    share_objects.c.skill,
)


def _key(row: Row[Any]) -> str:
    return f"{row.shared_schema}.{row.shared_name}"


def _read(row: Row[Any]) -> SharedLocation:
    name = SharedName(row.shared_schema, row.shared_name)
    kind = ShareObjectType(row.type)
    return SharedLocation(row.object_id, kind, name, row.object_name, read_skill(row.skill))
