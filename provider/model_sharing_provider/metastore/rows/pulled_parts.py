"""Rows of pulled parts: which files of mirrored versions are in this server's store, or being fetched."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, case, delete, func, insert, or_, select, update

from model_sharing_provider.domain.mirrors import PulledPart
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.tables import (
    mirrors,
    model_versions,
    pulled_parts,
    registered_models,
    schemas,
)


class PulledPartRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of_version(self, version_id: str) -> dict[str, PulledPart]:
        """Parts of a version by name: pulled, and being fetched."""
        rows = await self._connection.execute(
            select(pulled_parts).where(pulled_parts.c.version_id == version_id)
        )
        return {row.part: _part(row) for row in rows}

    async def claim(self, part: PulledPart, fetcher: str, now: int, until: int) -> bool:
        """Take or renew the right to fetch a part; False if it is pulled, or another process fetches it."""
        place = (pulled_parts.c.version_id == part.version_id, pulled_parts.c.part == part.part)
        present = (await self._connection.execute(select(pulled_parts.c.part).where(*place))).first()
        if present is None:
            await self._connection.execute(
                insert(pulled_parts).values(
                    version_id=part.version_id,
                    part=part.part,
                    size=part.size,
                    read_at=now,
                    fetcher=fetcher,
                    fetched_until=until,
                )
            )
            return True
        result = await self._connection.execute(
            update(pulled_parts)
            .where(
                *place,
                pulled_parts.c.pulled_at.is_(None),
                or_(pulled_parts.c.fetcher == fetcher, pulled_parts.c.fetched_until < now),
            )
            .values(fetcher=fetcher, fetched_until=until)
            .returning(pulled_parts.c.part)
        )
        return result.first() is not None

    async def renew(self, version_id: str, part: str, fetcher: str, until: int) -> bool:
        """Renew the right to fetch or evict a part; False once another process has it, or it is gone."""
        return await self._update_claimed(version_id, part, fetcher, fetched_until=until)

    async def release(self, version_id: str, part: str, fetcher: str) -> None:
        """Give back the right to fetch a part: it could not be fetched, or was evicted."""
        await self._connection.execute(
            delete(pulled_parts).where(
                pulled_parts.c.version_id == version_id,
                pulled_parts.c.part == part,
                pulled_parts.c.fetcher == fetcher,
                pulled_parts.c.pulled_at.is_(None),
            )
        )

    async def complete(self, version_id: str, part: str, fetcher: str, now: int) -> bool:
        """Record that a part is in the store; False if the right to fetch it was lost."""
        return await self._update_claimed(
            version_id, part, fetcher, pulled_at=now, read_at=now, fetched_until=0
        )

    async def record_read(self, version_id: str, parts: Collection[str], until: int) -> set[str]:
        """Record that parts are read until a moment, now or later; those of them that are in the store."""
        place = (
            pulled_parts.c.version_id == version_id,
            pulled_parts.c.part.in_(parts),
            pulled_parts.c.pulled_at.is_not(None),
        )
        later = case((pulled_parts.c.read_at < until, until), else_=pulled_parts.c.read_at)
        found = await self._connection.execute(
            update(pulled_parts).where(*place).values(read_at=later).returning(pulled_parts.c.part)
        )
        return set(found.scalars())

    async def begin_eviction(self, part: PulledPart, evictor: str, until: int) -> bool:
        """Take the right to evict a part; False if it was read since `part` was looked up.

        From now on it is not in the store, and nobody fetches it before its bytes are deleted.
        """
        result = await self._connection.execute(
            update(pulled_parts)
            .where(
                pulled_parts.c.version_id == part.version_id,
                pulled_parts.c.part == part.part,
                pulled_parts.c.read_at == part.read_at,
                pulled_parts.c.pulled_at.is_not(None),
            )
            .values(pulled_at=None, fetcher=evictor, fetched_until=until)
            .returning(pulled_parts.c.part)
        )
        return result.first() is not None

    async def _update_claimed(self, version_id: str, part: str, fetcher: str, **values: Any) -> bool:
        result = await self._connection.execute(
            update(pulled_parts)
            .where(
                pulled_parts.c.version_id == version_id,
                pulled_parts.c.part == part,
                pulled_parts.c.fetcher == fetcher,
                pulled_parts.c.pulled_at.is_(None),
            )
            .values(**values)
            .returning(pulled_parts.c.part)
        )
        return result.first() is not None

    async def forget_all(self) -> None:
        """Forget what is in the store, which may hold less than it did when a backup was made."""
        await self._connection.execute(delete(pulled_parts))

    async def bases(self, catalog_id: str, model_id: str, limit: int) -> dict[str, frozenset[str]]:
        """Pulled parts by version id: of the model first, then of others of the catalog, the newest first."""
        of_model = case((model_versions.c.model_id == model_id, 0), else_=1)
        newest = func.max(pulled_parts.c.pulled_at)
        found = await self._connection.execute(
            select(pulled_parts.c.version_id)
            .join_from(pulled_parts, model_versions)
            .join(registered_models)
            .join(schemas)
            .where(schemas.c.catalog_id == catalog_id, pulled_parts.c.pulled_at.is_not(None))
            .group_by(pulled_parts.c.version_id, model_versions.c.model_id)
            .order_by(of_model, newest.desc(), pulled_parts.c.version_id)
            .limit(limit)
        )
        ids = list(found.scalars())
        rows = await self._connection.execute(
            select(pulled_parts.c.version_id, pulled_parts.c.part).where(
                pulled_parts.c.version_id.in_(ids), pulled_parts.c.pulled_at.is_not(None)
            )
        )
        parts: dict[str, set[str]] = {version_id: set() for version_id in ids}
        for row in rows:
            parts[row.version_id].add(row.part)
        return {version_id: frozenset(found) for version_id, found in parts.items()}

    async def total_size(self) -> int:
        """Bytes of all pulled parts."""
        query = select(func.coalesce(func.sum(pulled_parts.c.size), 0)).where(
            pulled_parts.c.pulled_at.is_not(None)
        )
        return int((await self._connection.execute(query)).scalar_one())

    async def total_size_of_catalog(self, catalog_id: str) -> int:
        """Bytes of a shared catalog's pulled parts."""
        query = (
            select(func.coalesce(func.sum(pulled_parts.c.size), 0))
            .join_from(pulled_parts, model_versions)
            .join(registered_models)
            .join(schemas)
            .where(schemas.c.catalog_id == catalog_id, pulled_parts.c.pulled_at.is_not(None))
        )
        return int((await self._connection.execute(query)).scalar_one())

    async def least_recently_read(
        self, before: int, *, of_brokers: bool = False, recalled: bool = False
    ) -> PulledPart | None:
        """Pulled part that was read least recently, if that was before a moment (epoch ms).

        `of_brokers`: only of catalogs that are to keep nothing. `recalled`: only of versions that were.
        """
        query = select(pulled_parts).where(
            pulled_parts.c.pulled_at.is_not(None), pulled_parts.c.read_at < before
        )
        if of_brokers:
            query = (
                query.join(model_versions)
                .join(registered_models)
                .join(schemas)
                .join(mirrors, mirrors.c.catalog_id == schemas.c.catalog_id)
                .where(mirrors.c.broker)
            )
        if recalled:
            query = query.join(model_versions).where(model_versions.c.recalled_at.is_not(None))
        rows = await self._connection.execute(query.order_by(pulled_parts.c.read_at).limit(1))
        return next(map(_part, rows), None)


def _part(row: Row[Any]) -> PulledPart:
    return PulledPart(
        version_id=row.version_id,
        part=row.part,
        size=row.size,
        pulled_at=row.pulled_at,
        read_at=row.read_at,
        fetched_until=row.fetched_until,
    )
