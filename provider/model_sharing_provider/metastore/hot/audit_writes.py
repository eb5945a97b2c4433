"""Writes of audit events, of which nearly every call makes one.

It is plain SQL: see `executor` for why.
"""

from __future__ import annotations

from collections.abc import Sequence

from model_sharing_provider.domain.events import AuditEvent
from model_sharing_provider.metastore.engine.database_engine import SqlRows
from model_sharing_provider.metastore.hot.executor import SqlExecutor
from model_sharing_provider.metastore.hot.read_cache import SELECT_CHANGE_TOKEN
from model_sharing_provider.metastore.rows.audit_log import EVENT_COLUMNS, event_row

# By position: SQLite's driver takes half as long for it as for names, and this is half of a hot call's time.
_ADD_EVENT = "INSERT INTO audit_log ({}) VALUES ({})".format(  # noqa: S608 - a constant
    ", ".join(EVENT_COLUMNS), ", ".join("?" for _ in EVENT_COLUMNS)
)


async def append_events(
    sql: SqlExecutor, events: Sequence[AuditEvent], under: Sequence[str | None] = ()
) -> list[bool]:
    """Commit events to the audit log, all of them in one transaction; return which ones.

    With `under`, an event with a change token is left out unless that is still the database's. It is compared
    in the same transaction: one look serves all calls of the group, which all came before it.
    """

    def write(rows: SqlRows) -> list[bool]:
        current = [True] * len(events)
        if any(each is not None for each in under):
            token = rows.execute(SELECT_CHANGE_TOKEN, {}).fetchone()["change_token"]
            current = [each is None or each == token for each in under]
        values = [event_row(event) for event, written in zip(events, current, strict=True) if written]
        if values:
            rows.executemany(_ADD_EVENT, values)
        return current

    return await sql.run(write, writes=True)


async def append_and_delete(sql: SqlExecutor, event: AuditEvent) -> None:
    """Write an event as each call does, and take it back, in one transaction."""

    def write(rows: SqlRows) -> None:
        row = rows.execute(f"{_ADD_EVENT} RETURNING id", event_row(event)).fetchone()
        rows.execute("DELETE FROM audit_log WHERE id = :id", {"id": row["id"]})

    await sql.run(write, writes=True)
