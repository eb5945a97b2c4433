"""Writes of audit events, of which nearly every call makes one.

It is plain SQL: see `executor` for why.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert

from model_sharing_provider.domain.events import AuditEvent
from model_sharing_provider.metastore.engine.database_engine import SqlRows
from model_sharing_provider.metastore.hot.executor import SqlExecutor, compile_sql
from model_sharing_provider.metastore.rows.audit_log import event_values
from model_sharing_provider.metastore.tables import audit_log

_ADD_EVENT = compile_sql(
    insert(audit_log), [column.name for column in audit_log.columns if column is not audit_log.c.id]
)


async def append_events(sql: SqlExecutor, events: Sequence[AuditEvent]) -> None:
    """Commit events to the audit log, all of them in one transaction."""

    def write(rows: SqlRows) -> None:
        rows.executemany(_ADD_EVENT, event_values(events))

    await sql.run(write, writes=True)


async def append_and_delete(sql: SqlExecutor, event: AuditEvent) -> None:
    """Write an event as each call does, and take it back, in one transaction."""
    values = event_values([event])[0]

    def write(rows: SqlRows) -> None:
        row = rows.execute(f"{_ADD_EVENT} RETURNING id", values).fetchone()
        rows.execute("DELETE FROM audit_log WHERE id = :id", {"id": row["id"]})

    await sql.run(write, writes=True)
