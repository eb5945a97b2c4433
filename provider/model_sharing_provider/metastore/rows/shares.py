"""Rows of shares and the objects in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, delete, exists, func, insert, or_, select, union_all, update

from model_sharing_protocol.change_kinds import ChangeKind
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.domain.changes import Change
from model_sharing_provider.domain.securables import RegisteredModel, SecurableType
from model_sharing_provider.domain.sharing import Share, ShareObject, ShareObjectStatus, ShareObjectType
from model_sharing_provider.domain.skills import SkillMetadata
from model_sharing_provider.metastore.authorization.visibility import (
    Viewer,
    is_owned,
    owner_may_read,
    owner_may_use_schema,
)
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.paging.keyset import fetch_page
from model_sharing_provider.metastore.rows.changes import ChangeRows
from model_sharing_provider.metastore.rows.mapping import read_skill, skill_value
from model_sharing_provider.metastore.rows.share_mapping import read_share, share_values
from model_sharing_provider.metastore.rows.timestamps import monotonic_timestamp
from model_sharing_provider.metastore.tables import (
    catalogs,
    grants,
    registered_models,
    schemas,
    share_objects,
    shares,
)

_OF_MODELS = (ShareObjectType.MODEL, ShareObjectType.SCHEMA)
"""Types of objects that show models, whose changes are told in change feeds."""


class ShareRows:
    def __init__(self, connection: Connection, changes: ChangeRows) -> None:
        self._connection = connection
        self._changes = changes

    async def add(self, share: Share) -> None:
        await self._connection.execute(insert(shares).values(**share_values(share)))

    async def find(self, name: str) -> Share | None:
        row = (await self._connection.execute(select(shares).where(shares.c.name == name))).one_or_none()
        return read_share(row._mapping) if row else None

    async def page(self, page: PageRequest, viewer: Viewer) -> Page[Share]:
        """Page of the shares that the viewer owns."""
        query = select(shares).where(is_owned(viewer, shares.c.owner))
        return await fetch_page(
            self._connection,
            query,
            shares.c.name,
            page,
            lambda row: read_share(row._mapping),
            key_of=lambda item: item.name,
        )

    async def page_granted(self, recipient_id: str, page: PageRequest) -> Page[Share]:
        """Page of the shares that the recipient holds a grant on."""
        granted = exists().where(grants.c.securable_id == shares.c.id, grants.c.principal_id == recipient_id)
        query = select(shares).where(granted)
        return await fetch_page(
            self._connection,
            query,
            shares.c.name,
            page,
            lambda row: read_share(row._mapping),
            key_of=lambda item: item.name,
        )

    async def count(self) -> int:
        return int((await self._connection.execute(select(func.count()).select_from(shares))).scalar_one())

    async def delete(self, share_id: str) -> None:
        """Delete a share with its objects and grants; the models stay."""
        await self._connection.execute(delete(share_objects).where(share_objects.c.share_id == share_id))
        await self._connection.execute(
            delete(grants).where(
                grants.c.securable_type == SecurableType.SHARE, grants.c.securable_id == share_id
            )
        )
        await self._connection.execute(delete(shares).where(shares.c.id == share_id))

    async def update(self, share: Share) -> None:
        query = select(shares).where(shares.c.id == share.id)
        before = read_share((await self._connection.execute(query)).one()._mapping)
        seen_alike = replace(
            before, revision=share.revision, updated_at=share.updated_at, updated_by=share.updated_by
        )
        if share != seen_alike:
            self._changes.record(Change(kind=ChangeKind.SHARE_CHANGED, share_id=share.id))
        await self._connection.execute(
            update(shares)
            .where(shares.c.id == share.id)
            .values(
                name=share.name,
                comment=share.comment,
                owner=share.owner,
                resharing=share.resharing,
                updated_at=monotonic_timestamp(shares.c.updated_at, share.updated_at),
                updated_by=share.updated_by,
            )
        )

    async def add_object(self, id_: str, share_id: str, object_id: str, shared: ShareObject) -> None:
        schema, _, name = shared.shared_as.partition(".")
        await self._connection.execute(
            insert(share_objects).values(
                id=id_,
                share_id=share_id,
                type=shared.type,
                object_id=object_id,
                object_name=shared.name,
                shared_schema=schema,
                shared_name=name,
                added_at=shared.added_at,
                added_by=shared.added_by,
                skill=skill_value(shared.skill),
            )
        )
        if shared.type in _OF_MODELS:
            await self._record_object(ChangeKind.MODEL_ADDED, share_id, object_id, schema, name)

    async def update_skill(self, share_id: str, shared_as: str, skill: SkillMetadata | None) -> None:
        """Replace the metadata of a skill in a share."""
        schema, _, name = shared_as.partition(".")
        await self._connection.execute(
            update(share_objects)
            .where(
                share_objects.c.share_id == share_id,
                share_objects.c.shared_schema == schema,
                share_objects.c.shared_name == name,
            )
            .values(skill=skill_value(skill))
        )

    async def _record_object(
        self, kind: ChangeKind, share_id: str, object_id: str, schema: str, name: str
    ) -> None:
        """Record that a share shows a model, or no longer; or else that the share changed.

        A model from a whole schema may have the same shared name, and then takes the place of the other.
        """
        whole = select(share_objects.c.id).where(
            share_objects.c.share_id == share_id,
            share_objects.c.shared_schema == schema,
            share_objects.c.shared_name == "",
        )
        if not name or (await self._connection.execute(whole)).first() is not None:
            self._changes.record(Change(kind=ChangeKind.SHARE_CHANGED, share_id=share_id))
            return
        self._changes.record(
            Change(kind=kind, share_id=share_id, model_id=object_id, model=_shared_as(schema, name))
        )

    async def objects(self, share: Share) -> list[ShareObject]:
        """All objects, including those that recipients do not see now, ordered by shared name."""
        is_model = share_objects.c.type == ShareObjectType.MODEL
        source = or_(schemas.c.id == registered_models.c.schema_id, schemas.c.id == share_objects.c.object_id)
        readable = or_(is_model & owner_may_read(share.owner), ~is_model & owner_may_use_schema(share.owner))
        query = (
            select(
                share_objects,
                catalogs.c.name.label("catalog_name"),
                schemas.c.name.label("schema_name"),
                registered_models.c.name.label("model_name"),
                readable.label("readable"),
            )
            .select_from(share_objects)
            .outerjoin(registered_models, registered_models.c.id == share_objects.c.object_id)
            .outerjoin(schemas, source)
            .outerjoin(catalogs)
            .where(share_objects.c.share_id == share.id)
            .order_by(share_objects.c.shared_schema, share_objects.c.shared_name)
        )
        return [_share_object(row) for row in await self._connection.execute(query)]

    async def names_shown(self, share_ids: Sequence[str]) -> dict[str, list[str]]:
        """Shared names of the objects in each share, in order, by the share's id."""
        query = (
            select(share_objects.c.share_id, share_objects.c.shared_schema, share_objects.c.shared_name)
            .where(share_objects.c.share_id.in_(share_ids))
            .order_by(share_objects.c.shared_schema, share_objects.c.shared_name)
        )
        names: dict[str, list[str]] = defaultdict(list)
        for row in await self._connection.execute(query):
            names[row.share_id].append(_shared_as(row.shared_schema, row.shared_name))
        return names

    async def count_models(self, share: str, most: int) -> int:
        """Number of models in a share, counted up to `most`; those of a whole schema count one by one."""
        single = registered_models.c.id == share_objects.c.object_id
        of_schema = registered_models.c.schema_id == share_objects.c.object_id
        kinds = ((ShareObjectType.MODEL, single), (ShareObjectType.SCHEMA, of_schema))
        found = union_all(
            *(
                select(registered_models.c.id)
                .join_from(shares, share_objects, share_objects.c.share_id == shares.c.id)
                .join(registered_models, belongs)
                .where(shares.c.name == share, share_objects.c.type == kind)
                for kind, belongs in kinds
            )
        )
        query = select(func.count()).select_from(found.limit(most).subquery())
        return int((await self._connection.execute(query)).scalar_one())

    async def containing(self, model: RegisteredModel, viewer: Viewer) -> list[tuple[Share, str]]:
        """Shares of the viewer that contain a model or its schema, with the model's shared name in each."""
        itself = (share_objects.c.type == ShareObjectType.MODEL) & (share_objects.c.object_id == model.id)
        schema_id = select(registered_models.c.schema_id).where(registered_models.c.id == model.id)
        with_schema = (share_objects.c.type == ShareObjectType.SCHEMA) & (
            share_objects.c.object_id == schema_id.scalar_subquery()
        )
        query = (
            select(shares, share_objects.c.shared_schema, share_objects.c.shared_name)
            .join_from(shares, share_objects, share_objects.c.share_id == shares.c.id)
            .where(or_(itself, with_schema), is_owned(viewer, shares.c.owner))
            .order_by(shares.c.name, share_objects.c.shared_schema, share_objects.c.shared_name)
        )
        name = model.full_name.name
        return [
            (read_share(row._mapping), _shared_as(row.shared_schema, row.shared_name or name))
            for row in await self._connection.execute(query)
        ]

    async def remove_object(self, share_id: str, shared_as: str) -> bool:
        """Remove an object from a share; False if it was not in it."""
        schema, _, name = shared_as.partition(".")
        result = await self._connection.execute(
            delete(share_objects)
            .where(
                share_objects.c.share_id == share_id,
                share_objects.c.shared_schema == schema,
                share_objects.c.shared_name == name,
            )
            .returning(share_objects.c.object_id, share_objects.c.type)
        )
        removed = result.first()
        if removed is None:
            return False
        if removed.type in _OF_MODELS:
            await self._record_object(ChangeKind.MODEL_REMOVED, share_id, removed.object_id, schema, name)
        return True

    async def touch_all(self, now: int) -> int:
        """Mark every share as changed now (epoch ms), if not later; return their number."""
        changed = update(shares).values(updated_at=monotonic_timestamp(shares.c.updated_at, now))
        return (await self._connection.execute(changed)).rowcount

    async def touch(self, share_id: str, now: int, by: str, *, end_urls: bool = False) -> None:
        """Mark a share as changed by somebody; with `end_urls`, invalidate the signed URLs issued before."""
        await self._connection.execute(
            update(shares)
            .where(shares.c.id == share_id)
            .values(
                updated_at=monotonic_timestamp(shares.c.updated_at, now),
                updated_by=by,
                revision=shares.c.revision + int(end_urls),
            )
        )


def _shared_as(schema: str, name: str) -> str:
    return f"{schema}.{name}" if name else schema


def _share_object(row: Row[Any]) -> ShareObject:
    kind = ShareObjectType(row.type)
    if kind not in _OF_MODELS:
        return _object(row, row.object_name, ShareObjectStatus.ACTIVE)
    parts = [row.catalog_name, row.schema_name]
    if kind is ShareObjectType.MODEL:
        parts.append(row.model_name)
    if None in parts:
        name, status = row.object_name, ShareObjectStatus.SOURCE_DELETED
    else:
        # The source may have been renamed since it was added.
        name = ".".join(parts)
        status = ShareObjectStatus.ACTIVE if row.readable else ShareObjectStatus.PERMISSION_DENIED
    return _object(row, name, status)


def _object(row: Row[Any], name: str, status: ShareObjectStatus) -> ShareObject:
    return ShareObject(
        type=ShareObjectType(row.type),
        name=name,
        shared_as=_shared_as(row.shared_schema, row.shared_name),
        status=status,
        added_at=row.added_at,
        added_by=row.added_by,
        skill=read_skill(row.skill),
    )
