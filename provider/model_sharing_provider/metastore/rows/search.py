"""Search for models and versions by name, tag, alias, digest or run, among those that a viewer may read.

Each field has an index. Of what it finds, the first thousand are looked at: those that the viewer may not
read are left out afterwards.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, literal, null, select

from model_sharing_protocol.names import FullName
from model_sharing_provider.domain.search import SearchHit
from model_sharing_provider.metastore.authorization.visibility import Viewer, is_owned, may_read_model
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.paging.keyset import begins_with, starts_with
from model_sharing_provider.metastore.tables import (
    catalogs,
    model_aliases,
    model_versions,
    recipients,
    registered_models,
    schemas,
    shares,
    tags,
)

_LOOKED_AT = 1000
_NOTHING = literal("")


class SearchRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def by_name(self, prefix: str, viewer: Viewer, limit: int) -> list[SearchHit]:
        """Models whose own name begins with a text, or whose full name does."""
        found = select(
            registered_models.c.id.label("model_id"), null().label("version"), _NOTHING.label("detail")
        )
        above, _, name = prefix.rpartition(".")
        query = found.where(starts_with(registered_models.c.name, name))
        if above:
            catalog, _, schema = above.rpartition(".")
            query = query.join(schemas, schemas.c.id == registered_models.c.schema_id)
            query = query.join(catalogs, catalogs.c.id == schemas.c.catalog_id)
            query = query.where(schemas.c.name == schema.lower())
            query = query.where(catalogs.c.name == catalog.lower()) if catalog else query
        return await self._hits(query, viewer, limit)

    async def by_tag(self, key: str, value: str, viewer: Viewer, limit: int) -> list[SearchHit]:
        """Models and versions with a tag whose key is, or without a value begins with, a text."""
        condition = tags.c.key == key if value else begins_with(tags.c.key, key)
        detail = (tags.c.key + ": " + tags.c.value).label("detail")
        of_models = (
            select(registered_models.c.id.label("model_id"), null().label("version"), detail)
            .join_from(tags, registered_models, registered_models.c.id == tags.c.securable_id)
            .where(condition)
        )
        of_versions = (
            select(model_versions.c.model_id, model_versions.c.version, detail)
            .join_from(tags, model_versions, model_versions.c.id == tags.c.securable_id)
            .where(condition)
        )
        if value:
            begins = begins_with(tags.c.value, value)
            of_models, of_versions = of_models.where(begins), of_versions.where(begins)
        found: list[SearchHit] = []
        for query in (of_models, of_versions):
            found += await self._hits(query, viewer, limit - len(found))
        return found

    async def by_alias(self, alias: str, viewer: Viewer, limit: int) -> list[SearchHit]:
        """Versions that an alias points at whose name begins with a text."""
        query = select(
            model_aliases.c.model_id, model_aliases.c.version, model_aliases.c.alias.label("detail")
        ).where(starts_with(model_aliases.c.alias_key, alias))
        return await self._hits(query, viewer, limit)

    async def by_digest(self, prefix: str, viewer: Viewer, limit: int) -> list[SearchHit]:
        """Versions whose digest begins with a text."""
        query = select(
            model_versions.c.model_id, model_versions.c.version, model_versions.c.digest.label("detail")
        ).where(starts_with(model_versions.c.digest, prefix))
        return await self._hits(query, viewer, limit)

    async def by_run(self, run_id: str, viewer: Viewer, limit: int) -> list[SearchHit]:
        """Versions of a run."""
        query = select(
            model_versions.c.model_id, model_versions.c.version, model_versions.c.run_id.label("detail")
        ).where(model_versions.c.run_id == run_id)
        return await self._hits(query, viewer, limit)

    async def recipients_and_shares(
        self, prefix: str, viewer: Viewer, limit: int
    ) -> tuple[list[str], list[str]]:
        """Names of the viewer's recipients, and of its shares, that begin with a text."""
        found = []
        for table in (recipients, shares):
            query = select(table.c.name).where(
                starts_with(table.c.name, prefix), is_owned(viewer, table.c.owner)
            )
            rows = await self._connection.execute(query.order_by(table.c.name).limit(limit))
            found.append([row.name for row in rows])
        return found[0], found[1]

    async def _hits(self, query: Select[Any], viewer: Viewer, limit: int) -> list[SearchHit]:
        if limit <= 0:
            return []
        found = query.limit(_LOOKED_AT).subquery()
        shown = (
            select(
                catalogs.c.name.label("catalog"),
                schemas.c.name.label("schema"),
                registered_models.c.name,
                found.c.version,
                found.c.detail,
            )
            .select_from(found)
            .join(registered_models, registered_models.c.id == found.c.model_id)
            .join(schemas)
            .join(catalogs)
            .where(may_read_model(viewer))
            .order_by(catalogs.c.name, schemas.c.name, registered_models.c.name, found.c.version)
            .limit(limit)
        )
        return [
            SearchHit(FullName(row.catalog, row.schema, row.name), row.version, row.detail)
            for row in await self._connection.execute(shown)
        ]
