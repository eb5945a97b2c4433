"""Rows of pulls: the events of the audit log that gave a recipient the files of a version.

They are read by an index that has these events alone, so other calls pay nothing for it. Versions are known
by their ids, whatever their models and shares were called; recipients by the names that they had.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from model_sharing_protocol.names import FullName
from model_sharing_provider.domain.pull_history import VersionPull
from model_sharing_provider.domain.sharing import LastCall, ShareObjectType
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.tables import (
    audit_log,
    catalogs,
    grants,
    model_versions,
    registered_models,
    schemas,
    share_objects,
)

NEWEST_PULLS = 1000
"""Pulls by one recipient that are looked at to tell what it holds."""
MAX_PULLS = 10_000
"""Most rows that are read at once, the latest first; each is for one version and one recipient."""


class PullHistoryRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of_model(
        self, model_id: str, version: int | None = None, *, since: int = 0
    ) -> list[VersionPull]:
        """Pulls of a model's versions, or of one of them, since a moment (epoch ms)."""
        versions = select(model_versions.c.id).where(model_versions.c.model_id == model_id)
        if version is not None:
            versions = versions.where(model_versions.c.version == version)
        return await self._read(versions, audit_log.c.at >= since)

    async def in_share(
        self, share_id: str, share: str, shared_as: str | None = None, *, since: int
    ) -> list[VersionPull]:
        """Pulls through a share since a moment, of all that is in it now or of one object."""
        objects = share_objects.c.share_id == share_id
        if shared_as is not None:
            schema, _, name = shared_as.partition(".")
            objects &= and_(share_objects.c.shared_schema == schema, share_objects.c.shared_name == name)
        return await self._read(_versions_in(objects), audit_log.c.at >= since, audit_log.c.share == share)

    async def by_recipient(self, recipient_id: str, recipient: str, *, since: int) -> list[VersionPull]:
        """Pulls by a recipient since a moment, of what is in its shares now."""
        granted = select(grants.c.securable_id).where(grants.c.principal_id == recipient_id)
        return await self._read(
            _versions_in(share_objects.c.share_id.in_(granted)),
            audit_log.c.at >= since,
            audit_log.c.recipient == recipient,
        )

    async def newest_of_recipient(self, recipient: str, *, since: int) -> list[VersionPull]:
        """Versions of the newest `NEWEST_PULLS` pulls by a recipient since a moment, the latest first."""
        newest = (
            select(audit_log.c.version_id, audit_log.c.recipient, audit_log.c.at)
            .where(
                audit_log.c.recipient == recipient,
                audit_log.c.at >= since,
                # For the partial index.
                audit_log.c.version_id.is_not(None),
            )
            .order_by(audit_log.c.at.desc())
            .limit(NEWEST_PULLS)
            .subquery()
        )
        found = select(
            newest.c.version_id,
            newest.c.recipient,
            func.min(newest.c.at).label("first_at"),
            func.max(newest.c.at).label("last_at"),
            func.count().label("pulls"),
        ).group_by(newest.c.version_id, newest.c.recipient)
        return await self._named(found)

    async def last_calls(self, recipients: Sequence[str], share: str = "") -> dict[str, LastCall]:
        """Last pull of each recipient, in a share or at all, whenever it was."""
        found = {}
        for recipient in recipients:
            query = (
                select(audit_log.c.at, audit_log.c.address)
                .where(audit_log.c.recipient == recipient, audit_log.c.version_id.is_not(None))
                .order_by(audit_log.c.at.desc())
                .limit(1)
            )
            if share:
                query = query.where(audit_log.c.share == share)
            if row := (await self._connection.execute(query)).first():
                found[recipient] = LastCall(row.at, row.address)
        return found

    async def _read(
        self, versions: Select[tuple[str]], *conditions: ColumnElement[bool]
    ) -> list[VersionPull]:
        found = (
            select(
                audit_log.c.version_id,
                audit_log.c.recipient,
                func.min(audit_log.c.at).label("first_at"),
                func.max(audit_log.c.at).label("last_at"),
                func.count().label("pulls"),
            )
            # The second condition is implied, but needed for the partial index.
            .where(audit_log.c.version_id.in_(versions), audit_log.c.version_id.is_not(None), *conditions)
            .group_by(audit_log.c.version_id, audit_log.c.recipient)
        )
        return await self._named(found)

    async def _named(self, pulls: Select[Any]) -> list[VersionPull]:
        """Pulls with the names of their versions, as far as these still exist."""
        found = pulls.subquery()
        query = (
            select(
                found,
                model_versions.c.version,
                model_versions.c.size,
                registered_models.c.name,
                schemas.c.name.label("schema_name"),
                catalogs.c.name.label("catalog_name"),
            )
            .join_from(found, model_versions, model_versions.c.id == found.c.version_id)
            .join(registered_models)
            .join(schemas)
            .join(catalogs)
            .order_by(found.c.last_at.desc(), found.c.recipient, found.c.version_id)
            .limit(MAX_PULLS)
        )
        return [_pull(row._mapping) for row in await self._connection.execute(query)]


def _versions_in(objects: ColumnElement[bool]) -> Select[tuple[str]]:
    """Query for the ids of the versions of all models that these share objects show."""
    is_model = share_objects.c.type == ShareObjectType.MODEL
    shown = or_(
        and_(is_model, share_objects.c.object_id == registered_models.c.id),
        and_(~is_model, share_objects.c.object_id == registered_models.c.schema_id),
    )
    return (
        select(model_versions.c.id)
        .join_from(share_objects, registered_models, shown)
        .join(model_versions, model_versions.c.model_id == registered_models.c.id)
        .where(objects)
    )


def _pull(row: Any) -> VersionPull:
    return VersionPull(
        full_name=FullName(row["catalog_name"], row["schema_name"], row["name"]),
        version=row["version"],
        recipient=row["recipient"],
        first_at=row["first_at"],
        last_at=row["last_at"],
        pulls=row["pulls"],
        size=row["size"],
    )
