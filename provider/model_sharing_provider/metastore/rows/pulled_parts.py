"""Rows of pulled parts: which files of mirrored versions are in this server's store, or being fetched."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, delete, func, insert, or_, select, update

from model_sharing_provider.domain.mirrors import PulledPart
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.tables import (
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

    async def release(self, version_id: str, part: str, fetcher: str) -> None:
        """Give back the right to fetch a part that could not be fetched."""
        await self._connection.execute(
            delete(pulled_parts).where(
                pulled_parts.c.version_id == version_id,
                pulled_parts.c.part == part,
                pulled_parts.c.fetcher == fetcher,
                pulled_parts.c.pulled_at.is_(None),
            )
        )

    async def complete(self, version_id: str, part: str, now: int) -> None:
        """Record that a part is in the store."""
        await self._connection.execute(
            update(pulled_parts)
            .where(pulled_parts.c.version_id == version_id, pulled_parts.c.part == part)
            .values(pulled_at=now, read_at=now, fetched_until=0)
        )

    async def record_read(self, version_id: str, parts: Collection[str], now: int) -> None:
        await self._connection.execute(
            update(pulled_parts)
            .where(pulled_parts.c.version_id == version_id, pulled_parts.c.part.in_(parts))
            .values(read_at=now)
        )

    async def evict(self, part: PulledPart) -> bool:
        """Delete a part's row, unless it was read since `part` was looked up."""
        result = await self._connection.execute(
            delete(pulled_parts)
            .where(
                pulled_parts.c.version_id == part.version_id,
                pulled_parts.c.part == part.part,
                pulled_parts.c.read_at == part.read_at,
                pulled_parts.c.pulled_at.is_not(None),
            )
            .returning(pulled_parts.c.part)
        )
        return result.first() is not None

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

    async def least_recently_read(self, before: int, limit: int) -> list[PulledPart]:
        """Pulled parts that were last read before a moment (epoch ms), the oldest first."""
        query = select(pulled_parts).where(
            pulled_parts.c.pulled_at.is_not(None), pulled_parts.c.read_at < before
        )
        rows = await self._connection.execute(query.order_by(pulled_parts.c.read_at).limit(limit))
        return [_part(row) for row in rows]


def _part(row: Row[Any]) -> PulledPart:
    return PulledPart(
        version_id=row.version_id,
        part=row.part,
        size=row.size,
        pulled_at=row.pulled_at,
        read_at=row.read_at,
    )
