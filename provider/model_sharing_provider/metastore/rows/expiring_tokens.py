"""Aggregates over tokens that expire."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, select

from model_sharing_provider.domain.expiry import Expiring
from model_sharing_provider.metastore.engine.connection import Connection


async def expiring(connection: Connection, at: ColumnElement[int], until: int) -> Expiring:
    """Earliest time in a column, and the number of times before `until`, all in epoch ms."""
    query = select(func.min(at).label("earliest"), func.count().filter(at <= until).label("soon"))
    row = (await connection.execute(query)).one()
    return Expiring(row.earliest, row.soon)
