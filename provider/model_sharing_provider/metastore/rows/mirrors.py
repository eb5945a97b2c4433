"""Rows of mirrors: shared catalogs, what is known of their models, and when the provider confirmed it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, Select, bindparam, delete, insert, or_, select, update

from model_sharing_protocol.change_kinds import ChangeKind
from model_sharing_protocol.names import SharedName
from model_sharing_provider.domain.changes import EVERY_SHARE, Change
from model_sharing_provider.domain.mirrors import Mirror, MirrorCheck, MirroredModel, MirrorState
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.engine.database_engine import SqlRow
from model_sharing_provider.metastore.rows.changes import ChangeRows
from model_sharing_provider.metastore.tables import (
    catalogs,
    mirror_checks,
    mirrored_models,
    mirrors,
    providers,
    registered_models,
    schemas,
)

_VALUES = (
    "provider_id",
    "share",
    "broker",
    "resharing",
    "provider_fingerprint",
    "synced_at",
    "state",
    "state_reason",
    "state_since",
)


class MirrorRows:
    def __init__(self, connection: Connection, changes: ChangeRows) -> None:
        self._connection = connection
        self._changes = changes

    async def add(self, mirror: Mirror) -> None:
        """Add the mirror of a catalog that was added before."""
        await self._connection.execute(
            insert(mirrors).values(catalog_id=mirror.catalog_id, **_values(mirror))
        )
        await self._connection.execute(insert(mirror_checks).values(catalog_id=mirror.catalog_id))

    async def update(self, mirror: Mirror) -> None:
        query = select(mirrors.c.resharing).where(mirrors.c.catalog_id == mirror.catalog_id)
        if (await self._connection.execute(query)).scalar_one_or_none() is not mirror.resharing:
            # Shares that contain models of the catalog show them from now on, or no longer.
            self._changes.record(Change(kind=ChangeKind.SHARE_CHANGED, share_id=EVERY_SHARE))
        await self._connection.execute(
            update(mirrors).where(mirrors.c.catalog_id == mirror.catalog_id).values(**_values(mirror))
        )

    async def find(self, catalog_id: str) -> Mirror | None:
        return await self._one(select_mirrors().where(mirrors.c.catalog_id == catalog_id))

    async def find_by_catalog(self, catalog: str) -> Mirror | None:
        row = (await self._connection.execute(_BY_CATALOG, {"of_catalog": catalog})).one_or_none()
        return read_mirror(row._mapping) if row else None

    async def all(self) -> list[Mirror]:
        """All mirrors, by the names of their catalogs."""
        rows = await self._connection.execute(select_mirrors().order_by(catalogs.c.name))
        return [read_mirror(row._mapping) for row in rows]

    async def catalogs_of(self, provider_id: str) -> list[str]:
        """Names of the catalogs from a provider's shares."""
        query = select(catalogs.c.name).join_from(mirrors, catalogs)
        rows = await self._connection.execute(
            query.where(mirrors.c.provider_id == provider_id).order_by(catalogs.c.name)
        )
        return list(rows.scalars())

    async def of_provider(self, provider_id: str) -> list[Mirror]:
        """Mirrors of a provider's shares, by the names of their catalogs."""
        query = select_mirrors().where(mirrors.c.provider_id == provider_id)
        rows = await self._connection.execute(query.order_by(catalogs.c.name))
        return [read_mirror(row._mapping) for row in rows]

    async def delete(self, catalog_id: str) -> None:
        """Delete a mirror, if the catalog has one; its rows below the catalog are deleted before."""
        for table in (mirror_checks, mirrors):
            await self._connection.execute(delete(table).where(table.c.catalog_id == catalog_id))

    async def last_check(self, catalog_id: str) -> MirrorCheck:
        query = select(mirror_checks).where(mirror_checks.c.catalog_id == catalog_id)
        row = (await self._connection.execute(query)).one_or_none()
        return MirrorCheck(feed_token=row.feed_token, checked_at=row.checked_at) if row else MirrorCheck()

    async def record_check(self, catalog_id: str, check: MirrorCheck) -> None:
        """Record that the rows are what the provider shows, unless a later check was recorded."""
        await self._connection.execute(
            update(mirror_checks)
            .where(mirror_checks.c.catalog_id == catalog_id, mirror_checks.c.checked_at <= check.checked_at)
            .values(feed_token=check.feed_token, checked_at=check.checked_at)
        )

    async def follow(self, catalog_id: str, follower: str, now: int, until: int) -> bool:
        """Take or renew the right to follow a share; False while another process has it."""
        result = await self._connection.execute(
            update(mirror_checks)
            .where(
                mirror_checks.c.catalog_id == catalog_id,
                or_(mirror_checks.c.follower == follower, mirror_checks.c.followed_until < now),
            )
            .values(follower=follower, followed_until=until)
            .returning(mirror_checks.c.catalog_id)
        )
        return result.first() is not None

    async def stop_following(self, catalog_id: str, follower: str) -> None:
        await self._connection.execute(
            update(mirror_checks)
            .where(mirror_checks.c.catalog_id == catalog_id, mirror_checks.c.follower == follower)
            .values(followed_until=0)
        )

    async def models(self, catalog_id: str) -> dict[SharedName, MirroredModel]:
        """Mirrored models of a catalog, by name."""
        query = (
            select(schemas.c.name.label("schema"), registered_models.c.name, mirrored_models)
            .join_from(registered_models, schemas)
            .join(mirrored_models)
            .where(schemas.c.catalog_id == catalog_id)
        )
        rows = await self._connection.execute(query)
        return {SharedName(row.schema, row.name): _mirrored(row) for row in rows}

    async def find_model(self, model_id: str) -> MirroredModel | None:
        query = select(mirrored_models).where(mirrored_models.c.model_id == model_id)
        row = (await self._connection.execute(query)).one_or_none()
        return _mirrored(row) if row else None

    async def find_by_upstream_id(self, catalog_id: str, upstream_id: str) -> MirroredModel | None:
        """Mirrored model of a catalog by the provider's id of it."""
        query = (
            select(mirrored_models)
            .join_from(mirrored_models, registered_models)
            .join(schemas)
            .where(mirrored_models.c.upstream_id == upstream_id, schemas.c.catalog_id == catalog_id)
        )
        row = (await self._connection.execute(query)).first()
        return _mirrored(row) if row else None

    async def put_model(self, model: MirroredModel) -> None:
        """Add or replace what is known of a mirrored model."""
        share_sequence, model_sequence = model.sequence
        await self._connection.execute(
            delete(mirrored_models).where(mirrored_models.c.model_id == model.model_id)
        )
        await self._connection.execute(
            insert(mirrored_models).values(
                model_id=model.model_id,
                upstream_id=model.upstream_id,
                upstream_updated_at=model.updated_at,
                share_sequence=share_sequence,
                model_sequence=model_sequence,
                issued_at=model.issued_at,
            )
        )

    async def give_to(self, catalog_id: str, owner: str) -> None:
        """Make the catalog's owner the owner of all that is mirrored into it."""
        below = select(schemas.c.id).where(schemas.c.catalog_id == catalog_id)
        await self._connection.execute(
            update(schemas).where(schemas.c.catalog_id == catalog_id).values(owner=owner)
        )
        await self._connection.execute(
            update(registered_models).where(registered_models.c.schema_id.in_(below)).values(owner=owner)
        )

    async def _one(self, query: Select[Any]) -> Mirror | None:
        row = (await self._connection.execute(query)).one_or_none()
        return read_mirror(row._mapping) if row else None


def select_mirrors() -> Select[Any]:
    """Query of mirrors with their catalogs and providers, as `read_mirror` takes its rows."""
    return (
        select(
            mirrors,
            catalogs.c.name.label("catalog"),
            catalogs.c.owner.label("catalog_owner"),
            providers.c.name.label("provider"),
            providers.c.sealed_profile,
        )
        .join_from(mirrors, catalogs)
        .join(providers)
    )


_BY_CATALOG = select_mirrors().where(catalogs.c.name == bindparam("of_catalog"))
"""Built once: each change of a model asks whether its catalog is a mirror."""


def read_mirror(row: SqlRow) -> Mirror:
    mirror = Mirror(
        catalog_id=row["catalog_id"],
        catalog=row["catalog"],
        catalog_owner=row["catalog_owner"],
        provider=row["provider"],
        sealed_profile=row["sealed_profile"],
        keys=tuple(json.loads(row["keys"])),
        file_origins=tuple(json.loads(row["file_origins"])),
        **{name: row[name] for name in _VALUES},
    )
    # Plain SQL on SQLite reads truth as 0 or 1.
    return replace(
        mirror,
        broker=bool(mirror.broker),
        resharing=bool(mirror.resharing),
        state=MirrorState(mirror.state),
    )


def _values(mirror: Mirror) -> dict[str, Any]:
    values = {name: getattr(mirror, name) for name in _VALUES}
    return values | {"keys": json.dumps(mirror.keys), "file_origins": json.dumps(mirror.file_origins)}


def _mirrored(row: Row[Any]) -> MirroredModel:
    return MirroredModel(
        model_id=row.model_id,
        upstream_id=row.upstream_id,
        updated_at=row.upstream_updated_at,
        sequence=(row.share_sequence, row.model_sequence),
        issued_at=row.issued_at,
    )
