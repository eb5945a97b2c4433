"""Shared models: the models of a share, and their shared names.

A share contains single models and whole schemas. If both would show a model under the same name, the single
one is shown. Models that the share's owner may not read are not shown.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, case, exists, func, literal, select, tuple_, union_all

from model_sharing_protocol.names import INFORMATION_SCHEMA, SharedName
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.domain.sharing import Share, SharedModelRef, SharedSchema, ShareObjectType
from model_sharing_provider.metastore.authorization.visibility import (
    Viewer,
    owner_may_read,
    owner_may_read_all,
    owner_may_use_schema,
)
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.paging.keyset import cut_page, fetch_page
from model_sharing_provider.metastore.paging.schema_scan import FoundModel, SchemaScan, scan_schemas
from model_sharing_provider.metastore.tables import (
    catalogs,
    registered_models,
    schemas,
    share_objects,
    shares,
)

_single, _whole = share_objects.alias("single"), share_objects.alias("whole")


class SharedModelRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def page_schemas(self, share_id: str, page: PageRequest) -> Page[SharedSchema]:
        """Page of the schemas that recipients see; every share has the information schema."""
        has_models = share_objects.c.type.in_((ShareObjectType.MODEL, ShareObjectType.SCHEMA))
        of_objects = select(
            share_objects.c.shared_schema.label("name"), case((has_models, 1), else_=0).label("has_models")
        ).where(share_objects.c.share_id == share_id)
        own = select(literal(INFORMATION_SCHEMA, share_objects.c.shared_schema.type), literal(0))
        found = union_all(of_objects, own).subquery()
        return await fetch_page(
            self._connection,
            select(found.c.name, func.max(found.c.has_models).label("has_models")).group_by(found.c.name),
            found.c.name,
            page,
            lambda row: SharedSchema(row.name, bool(row.has_models)),
            key_of=lambda schema: schema.name,
        )

    async def has_schema(self, share_id: str, schema: str) -> bool:
        query = select(share_objects.c.id).where(
            share_objects.c.share_id == share_id, share_objects.c.shared_schema == schema
        )
        return (await self._connection.execute(query.limit(1))).first() is not None

    async def page(self, share: Share, schema: str | None, page: PageRequest) -> Page[SharedModelRef]:
        """Page of the share's models, in one schema or all, ordered by shared name."""
        last = SharedName.parse(page.after) if page.after is not None else None
        after = (last.schema, last.name) if last else None
        single, whole = _single_models(share), _whole_schemas(share)
        if schema is not None:
            single = single.where(share_objects.c.shared_schema == schema)
            whole = whole.where(share_objects.c.shared_schema == schema)
        if after is not None:
            shared_as = tuple_(share_objects.c.shared_schema, share_objects.c.shared_name)
            single = single.where(shared_as > tuple_(*map(literal, after)))
        single = single.order_by(share_objects.c.shared_schema, share_objects.c.shared_name)
        found = [
            FoundModel((row.shared_schema, row.shared_name), row.model_id)
            for row in await self._connection.execute(single.limit(page.size + 1))
        ]
        scans = [
            SchemaScan((row.shared_schema,), row.id, bool(row.whole))
            for row in await self._connection.execute(whole)
        ]
        if scans:
            found += await scan_schemas(
                self._connection,
                scans,
                Viewer.owner(share.owner),
                after=after,
                wanted=page.size + 1,
                shown=~_shown_by_itself(share),
            )
        places = [
            SharedModelRef(model_id=each.model_id, shared_name=SharedName(*each.key))
            for each in sorted(found)[: page.size + 1]
        ]
        return cut_page(places, page, lambda place: str(place.shared_name))

    async def find(self, share: Share, name: SharedName) -> str | None:
        """Id of the model that the share shows as `name`."""
        single = _single_models(share).where(
            share_objects.c.shared_schema == name.schema, share_objects.c.shared_name == name.name
        )
        whole = _models_of_schemas(share).where(
            share_objects.c.shared_schema == name.schema, registered_models.c.name == name.name
        )
        row = (await self._connection.execute(union_all(single, whole))).first()
        return row.model_id if row else None

    async def changed_at(self, share: Share) -> int:
        """Time (epoch ms) of the last change of the share or of a model that it shows."""
        models = models_shown(share)
        newest_model = (
            select(func.max(registered_models.c.updated_at))
            .where(registered_models.c.id.in_(select(models.c.model_id)))
            .scalar_subquery()
        )
        query = select(shares.c.updated_at, newest_model).where(shares.c.id == share.id)
        row = (await self._connection.execute(query)).one()
        return max(int(moment) for moment in row if moment is not None)


def models_shown(share: Share) -> Subquery:
    """Models that a share shows: `shared_schema`, `shared_name` and `model_id`."""
    return union_all(_single_models(share), _models_of_schemas(share)).subquery()


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
            ~_shown_by_itself(share),
        )
    )


def _shown_by_itself(share: Share) -> ColumnElement[bool]:
    """Condition that a single model of the share replaces this one, since it has the same name."""
    return exists().where(
        _whole.c.share_id == share.id,
        _whole.c.object_id == registered_models.c.schema_id,
        _single.c.share_id == share.id,
        _single.c.type == ShareObjectType.MODEL,
        _single.c.shared_schema == _whole.c.shared_schema,
        _single.c.shared_name == registered_models.c.name,
    )


def _whole_schemas(share: Share) -> Select[Any]:
    """Query for the share's schemas that its owner may use, with a flag for those it may read completely."""
    return (
        select(schemas.c.id, share_objects.c.shared_schema, owner_may_read_all(share.owner).label("whole"))
        .join_from(share_objects, schemas, schemas.c.id == share_objects.c.object_id)
        .join(catalogs)
        .where(
            share_objects.c.share_id == share.id,
            share_objects.c.type == ShareObjectType.SCHEMA,
            owner_may_use_schema(share.owner),
        )
        .order_by(share_objects.c.shared_schema)
    )
