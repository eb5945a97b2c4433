"""Which models a share shows, and under which names.

A share holds models one by one and whole schemas. Where both would show a model under the same name, the one
that was added by itself is shown. What the share's owner may not read is not shown.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Select,
    String,
    column,
    exists,
    func,
    literal,
    select,
    tuple_,
    union_all,
)

from model_sharing_protocol.names import SharedName
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.domain.sharing import Share, SharedModelPlace, ShareObjectType
from model_sharing_provider.metastore.connection import Connection
from model_sharing_provider.metastore.keyset import cut_page, fetch_page
from model_sharing_provider.metastore.tables import (
    catalogs,
    registered_models,
    schemas,
    share_objects,
    shares,
)
from model_sharing_provider.metastore.visibility import owner_may_read


class SharedModelRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def page_schemas(self, share_id: str, page: PageRequest) -> Page[str]:
        """The names of the schemas that recipients see."""
        query = select(share_objects.c.shared_schema).where(share_objects.c.share_id == share_id).distinct()
        return await fetch_page(
            self._connection, query, share_objects.c.shared_schema, page, lambda row: str(row[0]), key_of=str
        )

    async def has_schema(self, share_id: str, schema: str) -> bool:
        query = select(share_objects.c.id).where(
            share_objects.c.share_id == share_id, share_objects.c.shared_schema == schema
        )
        return (await self._connection.execute(query.limit(1))).first() is not None

    async def page(self, share: Share, schema: str | None, page: PageRequest) -> Page[SharedModelPlace]:
        """Where the share's models stand, in one schema or in all, in the order of their shared names."""
        single, whole = _single_models(share), _models_of_schemas(share)
        if schema is not None:
            single = single.where(share_objects.c.shared_schema == schema)
            whole = whole.where(share_objects.c.shared_schema == schema)
        if page.after is not None:
            after = SharedName.parse(page.after)
            bound = tuple_(literal(after.schema), literal(after.name))
            single = single.where(tuple_(share_objects.c.shared_schema, share_objects.c.shared_name) > bound)
            whole = whole.where(tuple_(share_objects.c.shared_schema, registered_models.c.name) > bound)
        rows = (await self._connection.execute(_merged(single, whole, page.size + 1))).all()
        places = [
            SharedModelPlace(
                model_id=row.model_id, shared_name=SharedName(row.shared_schema, row.shared_name)
            )
            for row in rows
        ]
        return cut_page(places, page, lambda place: str(place.shared_name))

    async def find(self, share: Share, name: SharedName) -> str | None:
        """The id of the model that the share shows as `name`."""
        single = _single_models(share).where(
            share_objects.c.shared_schema == name.schema, share_objects.c.shared_name == name.name
        )
        whole = _models_of_schemas(share).where(
            share_objects.c.shared_schema == name.schema, registered_models.c.name == name.name
        )
        row = (await self._connection.execute(union_all(single, whole))).first()
        return row.model_id if row else None

    async def changed_at(self, share: Share) -> int:
        """When the share, or a model that it shows, last changed (epoch ms)."""
        models = union_all(_single_models(share), _models_of_schemas(share)).subquery()
        newest_model = (
            select(func.max(registered_models.c.updated_at))
            .where(registered_models.c.id.in_(select(models.c.model_id)))
            .scalar_subquery()
        )
        query = select(shares.c.updated_at, newest_model).where(shares.c.id == share.id)
        row = (await self._connection.execute(query)).one()
        return max(int(moment) for moment in row if moment is not None)


def _single_models(share: Share) -> Select[Any]:
    return (
        select(
            share_objects.c.shared_schema,
            share_objects.c.shared_name,
            registered_models.c.id.label("model_id"),
        )
        .join_from(share_objects, registered_models, registered_models.c.id == share_objects.c.object_id)
        .join(schemas, schemas.c.id == registered_models.c.schema_id)
        .join(catalogs)
        .where(
            share_objects.c.share_id == share.id,
            share_objects.c.type == ShareObjectType.MODEL,
            owner_may_read(share.owner),
        )
    )


def _models_of_schemas(share: Share) -> Select[Any]:
    single = share_objects.alias("single")
    shown_by_itself = exists().where(
        single.c.share_id == share.id,
        single.c.shared_schema == share_objects.c.shared_schema,
        single.c.shared_name == registered_models.c.name,
    )
    return (
        select(
            share_objects.c.shared_schema,
            registered_models.c.name.label("shared_name"),
            registered_models.c.id.label("model_id"),
        )
        .join_from(
            share_objects, registered_models, registered_models.c.schema_id == share_objects.c.object_id
        )
        .join(schemas, schemas.c.id == registered_models.c.schema_id)
        .join(catalogs)
        .where(
            share_objects.c.share_id == share.id,
            share_objects.c.type == ShareObjectType.SCHEMA,
            owner_may_read(share.owner),
            ~shown_by_itself,
        )
    )


def _merged(single: Select[Any], whole: Select[Any], limit: int) -> CompoundSelect[Any]:
    """Both in one order. Each side is cut first, so that a page reads no more rows than it shows."""
    order = column("shared_schema", String), column("shared_name", String)
    sides = [select(side.order_by(*order).limit(limit).subquery()) for side in (single, whole)]
    return union_all(*sides).order_by(*order).limit(limit)
