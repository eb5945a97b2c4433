"""Rows for the overview: counts, newest and unfinished versions, tokens that end, denials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal_column, select

from model_sharing_protocol.names import FullName
from model_sharing_provider.domain.events import Outcome
from model_sharing_provider.domain.overview import EndingToken, NamedVersion
from model_sharing_provider.metastore.authorization.visibility import Viewer, is_owned, may_read_model
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.tables import (
    access_tokens,
    audit_log,
    catalogs,
    model_versions,
    principals,
    recipient_tokens,
    recipients,
    registered_models,
    schemas,
    shares,
)

_LOOKED_AT = 1000
_COUNTED = {
    "catalogs": catalogs,
    "models": registered_models,
    "versions": model_versions,
    "shares": shares,
    "recipients": recipients,
}
_NOT_READY: ColumnElement[bool] = literal_column("model_versions.status <> 'READY'")
_READY: ColumnElement[bool] = literal_column("model_versions.status = 'READY'")


class OverviewRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def counts(self) -> dict[str, int]:
        """Number of rows of each kind."""
        return {
            kind: await self._count(select(func.count()).select_from(table))
            for kind, table in _COUNTED.items()
        }

    async def denials(self, since: int) -> int:
        """Number of calls that were denied since a moment; one event may stand for many."""
        query = select(func.coalesce(func.sum(audit_log.c.count), 0)).where(
            audit_log.c.outcome == Outcome.DENIED,
            # Implied, but needed for the partial index.
            audit_log.c.outcome != literal_column(f"'{Outcome.OK}'"),
            audit_log.c.at >= since,
        )
        return await self._count(query)

    async def newest_versions(self, viewer: Viewer, limit: int) -> list[NamedVersion]:
        """Newest READY versions that the viewer may read, among the newest of all."""
        return await self._versions(_READY, viewer, limit)

    async def unready_versions(self, viewer: Viewer, limit: int) -> list[NamedVersion]:
        """Newest versions that are not READY, of models that the viewer may read."""
        return await self._versions(_NOT_READY, viewer, limit)

    async def ending_tokens(self, viewer: Viewer, now: int, until: int, limit: int) -> list[EndingToken]:
        """Activated tokens of the viewer's recipients that end between two moments, the first one first."""
        return await self._recipient_tokens(
            viewer,
            limit,
            recipient_tokens.c.activated_at.is_not(None),
            recipient_tokens.c.expires_at.between(now, until),
        )

    async def unused_links(self, viewer: Viewer, now: int, limit: int) -> list[EndingToken]:
        """Activation links of the viewer's recipients that nobody has used yet."""
        return await self._recipient_tokens(
            viewer, limit, recipient_tokens.c.activated_at.is_(None), recipient_tokens.c.expires_at > now
        )

    async def ending_access_tokens(
        self, holders: Sequence[str] | None, now: int, until: int, limit: int
    ) -> list[EndingToken]:
        """Access tokens that end between two moments: of the principals with these ids, or of all."""
        query = (
            select(principals.c.name, access_tokens.c.expires_at)
            .join_from(access_tokens, principals)
            .where(access_tokens.c.expires_at.between(now, until))
            .order_by(access_tokens.c.expires_at)
            .limit(limit)
        )
        if holders is not None:
            query = query.where(principals.c.id.in_(holders))
        rows = await self._connection.execute(query)
        return [EndingToken(row.name, False, row.expires_at) for row in rows]

    async def _recipient_tokens(
        self, viewer: Viewer, limit: int, *conditions: ColumnElement[bool]
    ) -> list[EndingToken]:
        query = (
            select(recipients.c.name, recipient_tokens.c.expires_at)
            .join_from(recipient_tokens, recipients)
            .where(is_owned(viewer, recipients.c.owner), *conditions)
            .order_by(recipient_tokens.c.expires_at)
            .limit(limit)
        )
        rows = await self._connection.execute(query)
        return [EndingToken(row.name, True, row.expires_at) for row in rows]

    async def _versions(
        self, condition: ColumnElement[Any], viewer: Viewer, limit: int
    ) -> list[NamedVersion]:
        found = (
            select(model_versions)
            .where(condition)
            .order_by(model_versions.c.created_at.desc())
            .limit(limit if viewer.unrestricted else _LOOKED_AT)
            .subquery()
        )
        query = (
            select(
                catalogs.c.name.label("catalog"),
                schemas.c.name.label("schema"),
                registered_models.c.name,
                found.c.version,
                found.c.status,
                found.c.created_at,
                found.c.created_by,
            )
            .select_from(found)
            .join(registered_models, registered_models.c.id == found.c.model_id)
            .join(schemas)
            .join(catalogs)
            .where(may_read_model(viewer))
            .order_by(found.c.created_at.desc())
            .limit(limit)
        )
        return [
            NamedVersion(
                FullName(row.catalog, row.schema, row.name),
                row.version,
                row.status,
                row.created_at,
                row.created_by,
            )
            for row in await self._connection.execute(query)
        ]

    async def _count(self, query: Select[Any]) -> int:
        return int((await self._connection.execute(query)).scalar_one())
