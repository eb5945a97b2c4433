"""Rows of lineage: origins and uses of versions, as reported by clients."""

from __future__ import annotations

import json

from sqlalchemy import delete, func, insert, select

from model_sharing_protocol.pages import Page
from model_sharing_provider.domain.lineage import LineageRecord
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.paging.keyset import fit_page
from model_sharing_provider.metastore.tables import lineage


class LineageRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, version_id: str, record: LineageRecord) -> None:
        await self._connection.execute(
            insert(lineage).values(
                id=record.id,
                version_id=version_id,
                direction=record.direction,
                payload=json.dumps(record.payload),
                recorded_at=record.recorded_at,
                recorded_by=record.recorded_by,
            )
        )

    async def count_before(self, moment: int) -> int:
        """Number of records older than `before` (epoch ms)."""
        query = select(func.count()).select_from(lineage).where(lineage.c.recorded_at < moment)
        return int((await self._connection.execute(query)).scalar_one())

    async def delete_before(self, moment: int) -> int:
        """Delete records older than a moment (epoch ms); return their number."""
        return (
            await self._connection.execute(delete(lineage).where(lineage.c.recorded_at < moment))
        ).rowcount

    async def of_version(self, version_id: str, limit: int) -> list[LineageRecord]:
        """Newest records of a version: at most `limit`, and within the size of a page."""
        query = (
            select(lineage)
            .where(lineage.c.version_id == version_id)
            .order_by(lineage.c.recorded_at.desc(), lineage.c.id)
        )
        lengths = query.with_only_columns(func.length(lineage.c.payload)).limit(limit)
        weights = (await self._connection.execute(lengths)).scalars().all()
        query = query.limit(len(fit_page(Page(weights), weights, str).items))
        return [
            LineageRecord(
                id=row.id,
                direction=row.direction,
                payload=json.loads(row.payload),
                recorded_at=row.recorded_at,
                recorded_by=row.recorded_by,
            )
            for row in await self._connection.execute(query)
        ]
