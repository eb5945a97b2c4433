"""Rows of registered models, their aliases and tags."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, insert, select, update

from model_sharing_protocol.change_kinds import ChangeKind
from model_sharing_protocol.names import FullName
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.domain.changes import Change
from model_sharing_provider.domain.securables import RegisteredModel
from model_sharing_provider.metastore.authorization.visibility import Viewer
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.paging.model_listing import (
    Scope,
    model_query,
    page_of_models,
    read_model,
)
from model_sharing_provider.metastore.paging.schema_scan import FoundModel
from model_sharing_provider.metastore.rows.changes import ChangeRows
from model_sharing_provider.metastore.rows.complete_models import read_models, read_page_of_models
from model_sharing_provider.metastore.rows.timestamps import monotonic_timestamp
from model_sharing_provider.metastore.tables import (
    catalogs,
    mirrored_models,
    model_aliases,
    registered_models,
    schemas,
    tags,
)


class ModelRows:
    def __init__(self, connection: Connection, changes: ChangeRows) -> None:
        self._connection = connection
        self._changes = changes

    async def add(self, model: RegisteredModel, schema_id: str) -> None:
        await self._connection.execute(
            insert(registered_models).values(
                id=model.id,
                schema_id=schema_id,
                name=model.full_name.name,
                comment=model.comment,
                owner=model.owner,
                created_at=model.created_at,
                updated_at=model.updated_at,
                created_by=model.created_by,
                updated_by=model.updated_by,
            )
        )
        self._changes.record(Change(kind=ChangeKind.MODEL_ADDED, model_id=model.id))

    async def find(self, name: FullName) -> RegisteredModel | None:
        """Model with its aliases, tags and latest version, or None."""
        query = select(registered_models.c.id).join_from(registered_models, schemas).join(catalogs)
        query = query.where(
            catalogs.c.name == name.catalog,
            schemas.c.name == name.schema,
            registered_models.c.name == name.name,
        )
        ids = (await self._connection.execute(query)).scalars().all()
        return next(iter((await self.by_ids(ids)).values()), None)

    async def by_ids(self, ids: Sequence[str]) -> dict[str, RegisteredModel]:
        """Complete models by id; deleted ones are left out."""
        return await read_models(self._connection, ids)

    async def page(self, page: PageRequest, viewer: Viewer, scope: Scope) -> Page[RegisteredModel]:
        """Page of the models in `scope` that the viewer may read, by full name."""
        found, models = await self.complete(await page_of_models(self._connection, page, viewer, scope))
        return Page([models[each.model_id] for each in found.items], found.last_key)

    async def complete(self, page: Page[FoundModel]) -> tuple[Page[FoundModel], dict[str, RegisteredModel]]:
        """Shorten a page of found models to the size of a page of complete ones; read those by id."""
        return await read_page_of_models(self._connection, page)

    async def all_of_schema(self, schema_id: str) -> list[RegisteredModel]:
        """All models of a schema, for any viewer."""
        rows = await self._connection.execute(model_query().where(registered_models.c.schema_id == schema_id))
        return [read_model(row) for row in rows]

    async def update(self, model: RegisteredModel, schema_id: str | None = None) -> None:
        """Write name, description and owner; with `schema_id`, move it there."""
        await self._record_update(model, schema_id)
        moved = {"schema_id": schema_id} if schema_id else {}
        await self._connection.execute(
            update(registered_models)
            .where(registered_models.c.id == model.id)
            .values(
                name=model.full_name.name,
                comment=model.comment,
                owner=model.owner,
                updated_at=monotonic_timestamp(registered_models.c.updated_at, model.updated_at),
                updated_by=model.updated_by,
                **moved,
            )
        )

    async def _record_update(self, model: RegisteredModel, schema_id: str | None) -> None:
        query = select(registered_models).where(registered_models.c.id == model.id)
        before = (await self._connection.execute(query)).one()
        schema_id, name = schema_id or before.schema_id, model.full_name.name
        if (schema_id, name) != (before.schema_id, before.name):
            self._changes.record(
                Change(
                    kind=ChangeKind.MODEL_RENAMED,
                    model_id=model.id,
                    schema_id=schema_id,
                    model=name,
                    previous_schema_id=before.schema_id,
                    previous_model=before.name,
                )
            )
        if model.comment != before.comment:
            self._changes.record_description(model.id)
        if model.owner != before.owner:
            await self._changes.record_owner()

    async def set_tag(self, securable_id: str, key: str, value: str) -> None:
        await self._remove_tag(securable_id, key)
        self._changes.record_description(securable_id)
        await self._connection.execute(insert(tags).values(securable_id=securable_id, key=key, value=value))

    async def delete_tag(self, securable_id: str, key: str) -> bool:
        """Delete a tag of a model or version; False if it does not exist."""
        deleted = await self._remove_tag(securable_id, key)
        if deleted:
            self._changes.record_description(securable_id)
        return deleted

    async def _remove_tag(self, securable_id: str, key: str) -> bool:
        result = await self._connection.execute(
            delete(tags).where(tags.c.securable_id == securable_id, tags.c.key == key).returning(tags.c.key)
        )
        return result.first() is not None

    async def delete(self, model_id: str) -> None:
        """Delete a model without versions, with its aliases and tags."""
        await self._record_removal(model_id)
        await self._connection.execute(delete(model_aliases).where(model_aliases.c.model_id == model_id))
        await self._connection.execute(delete(tags).where(tags.c.securable_id == model_id))
        await self._connection.execute(delete(mirrored_models).where(mirrored_models.c.model_id == model_id))
        await self._connection.execute(delete(registered_models).where(registered_models.c.id == model_id))

    async def _record_removal(self, model_id: str) -> None:
        query = select(registered_models).where(registered_models.c.id == model_id)
        for row in await self._connection.execute(query):
            removed = Change(
                kind=ChangeKind.MODEL_REMOVED, model_id=model_id, schema_id=row.schema_id, model=row.name
            )
            self._changes.record(removed)

    async def touch(self, model_id: str, now: int, by: str) -> None:
        """Record that something of a model changed, and by whom."""
        await self._connection.execute(
            update(registered_models)
            .where(registered_models.c.id == model_id)
            .values(updated_at=monotonic_timestamp(registered_models.c.updated_at, now), updated_by=by)
        )

    async def set_alias(self, model_id: str, alias: str, version: int) -> None:
        """Point an alias at a version, and create it or update its spelling."""
        before = await self._remove_alias(model_id, alias)
        if before != (alias, version):
            self._changes.record(
                Change(kind=ChangeKind.ALIAS_SET, model_id=model_id, version=version, alias=alias)
            )
        await self._connection.execute(
            insert(model_aliases).values(
                model_id=model_id, alias_key=alias.lower(), alias=alias, version=version
            )
        )

    async def delete_alias(self, model_id: str, alias: str) -> None:
        before = await self._remove_alias(model_id, alias)
        if before is not None:
            self._changes.record(Change(kind=ChangeKind.ALIAS_DELETED, model_id=model_id, alias=before[0]))

    async def _remove_alias(self, model_id: str, alias: str) -> tuple[str, int] | None:
        """Remove an alias; return its spelling and version, or None if the model did not have it."""
        removed = delete(model_aliases).where(
            model_aliases.c.model_id == model_id, model_aliases.c.alias_key == alias.lower()
        )
        row = (
            await self._connection.execute(removed.returning(model_aliases.c.alias, model_aliases.c.version))
        ).first()
        return (row.alias, row.version) if row else None
