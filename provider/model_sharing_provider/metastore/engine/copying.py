"""Copy all rows to another database, as when an SQLite metastore moves to PostgreSQL."""

from __future__ import annotations

from sqlalchemy import Table, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from model_sharing_protocol.errors import InvalidState
from model_sharing_provider.metastore.tables import audit_log, changes, metadata, metastores, principals

_BATCH = 1000
_SEEDED = (changes, metastores, principals)
"""Tables with rows from the migrations: a first change, the metastore's name, and the group of all users."""


async def copy_rows(source: AsyncConnection, target: AsyncConnection) -> dict[str, int]:
    """Copy all rows to empty tables; return the number of rows by table. Both sides are in a transaction.

    Raises InvalidState for a target that is not empty.
    """
    for table in metadata.sorted_tables:
        if table not in _SEEDED and await _count(target, table):
            raise InvalidState(
                f"The target database is not empty: its table {table.name!r} has rows. Use an empty database."
            )
    for table in _SEEDED:
        await target.execute(delete(table))
    copied = {table.name: await _copy(source, target, table) for table in metadata.sorted_tables}
    for table in metadata.sorted_tables:
        if await _count(target, table) != copied[table.name]:
            raise InvalidState(
                f"The table {table.name!r} was copied incompletely, so the copy was rolled back. Try again."
            )
    return copied


async def _copy(source: AsyncConnection, target: AsyncConnection, table: Table) -> int:
    # The target database numbers the audit log itself, in the same order.
    kept = [column for column in table.columns if table is not audit_log or column is not audit_log.c.id]
    rows = await source.stream(select(*kept).order_by(*table.primary_key.columns))
    copied = 0
    async for batch in rows.mappings().partitions(_BATCH):
        await target.execute(insert(table), [dict(row) for row in batch])
        copied += len(batch)
    return copied


async def _count(connection: AsyncConnection, table: Table) -> int:
    return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())
