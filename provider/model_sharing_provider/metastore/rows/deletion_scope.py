"""Rows of what a deletion takes along: models and versions below a securable, and the shares that show them.

They are counted when somebody is about to delete them all, which reads each of them, too.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, and_, case, func, or_, select

from model_sharing_provider.domain.securables import SecurableType, VersionStatus
from model_sharing_provider.domain.sharing import Share, ShareObjectType
from model_sharing_provider.metastore.authorization.effective_privileges import SecurableNode
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.rows.share_mapping import read_share
from model_sharing_provider.metastore.tables import (
    model_versions,
    registered_models,
    schemas,
    share_objects,
    shares,
)


class DeletionScopeRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def count(self, place: SecurableNode) -> tuple[int, int, int]:
        """Numbers of models and versions, and the bytes of the files of READY ones."""
        models = _models(place)
        size = case((model_versions.c.status == VersionStatus.READY, model_versions.c.size), else_=0)
        query = select(
            select(func.count()).select_from(models.subquery()).scalar_subquery(),
            func.count(),
            func.coalesce(func.sum(size), 0),
        ).where(model_versions.c.model_id.in_(models))
        row: Any = (await self._connection.execute(query)).one()
        return int(row[0]), int(row[1]), int(row[2])

    async def shares(self, place: SecurableNode) -> list[tuple[Share, str]]:
        """Shares of anybody that show some of it, with the shared name of each object."""
        is_model = share_objects.c.type == ShareObjectType.MODEL
        shown = or_(
            and_(is_model, share_objects.c.object_id.in_(_models(place))),
            and_(~is_model, share_objects.c.object_id.in_(_schemas(place))),
        )
        query = (
            select(shares, share_objects.c.shared_schema, share_objects.c.shared_name)
            .join_from(shares, share_objects, share_objects.c.share_id == shares.c.id)
            .where(shown)
            .order_by(shares.c.name, share_objects.c.shared_schema, share_objects.c.shared_name)
        )
        return [
            (read_share(row._mapping), ".".join(filter(None, (row.shared_schema, row.shared_name))))
            for row in await self._connection.execute(query)
        ]


def _models(place: SecurableNode) -> Select[tuple[str]]:
    """Query for the ids of the models in it."""
    query = select(registered_models.c.id)
    if place.type is SecurableType.MODEL:
        return query.where(registered_models.c.id == place.id)
    return query.where(registered_models.c.schema_id.in_(_schemas(place)))


def _schemas(place: SecurableNode) -> Select[tuple[str]]:
    """Query for the ids of the schemas in it; of a model, that of its own, by which it may be shared."""
    if place.type is SecurableType.MODEL:
        return select(registered_models.c.schema_id).where(registered_models.c.id == place.id)
    of_catalog = place.type is SecurableType.CATALOG
    return select(schemas.c.id).where((schemas.c.catalog_id if of_catalog else schemas.c.id) == place.id)
