"""Spool of audit events on a replica, whose database takes none: a file here, until the home has them.

Events are flushed to the disk before a call is answered, in the order they came. The home notes in the same
transaction how far it has them, so each arrives once, whenever either side is killed.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout
from sqlalchemy import insert

from model_sharing_protocol.errors import DiskFull, MetastoreUnavailable
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.events import AuditEvent
from model_sharing_provider.metastore.engine.database_engine import SqlRows
from model_sharing_provider.metastore.engine.opening import engine_at
from model_sharing_provider.metastore.hot.executor import SqlExecutor, compile_sql
from model_sharing_provider.metastore.rows.audit_log import event_values
from model_sharing_provider.metastore.tables import audit_log
from model_sharing_provider.telemetry.log import log

_DELIVERED_AT_ONCE = 500
_PATIENCE_SECONDS = 10.0
_ADD_EVENT = compile_sql(
    insert(audit_log), [column.name for column in audit_log.columns if column is not audit_log.c.id]
)
_KNOW_SPOOL = "INSERT INTO audit_spools (id) VALUES (:id) ON CONFLICT (id) DO NOTHING"
_DELIVERED = "SELECT delivered FROM audit_spools WHERE id = :id FOR UPDATE"
_NOTE_DELIVERED = "UPDATE audit_spools SET delivered = :delivered, delivered_at = :now WHERE id = :id"


class AuditSpool:
    """Spool in a file, shared by the processes of a server, which deliver in turn."""

    def __init__(self, path: Path, home_url: str) -> None:
        self._home = SqlExecutor(engine_at(home_url), threads=1, patience=_PATIENCE_SECONDS)
        self._delivering = FileLock(f"{path}.lock")
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(
            path, timeout=_PATIENCE_SECONDS, isolation_level=None, check_same_thread=False
        )
        path.chmod(0o600)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        with self._connection:
            # Numbers are never used again: the home knows by them what it has.
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS events (number INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT)"
            )
            self._connection.execute("CREATE TABLE IF NOT EXISTS spool (one INTEGER PRIMARY KEY, id TEXT)")
            self._connection.execute("INSERT OR IGNORE INTO spool VALUES (1, ?)", [str(uuid4())])
        (self._id,) = self._connection.execute("SELECT id FROM spool").fetchone()

    async def append_events(
        self, events: Sequence[AuditEvent], *, deletes: bool = False, under: Sequence[str | None] = ()
    ) -> list[bool]:
        """Write events to the disk; return which ones. Raises DiskFull, MetastoreUnavailable: then the call
        is not answered.

        None is written that has a change token in `under`: there are no rows here to compare it with.
        """
        del deletes  # there is no reserve: a replica frees no space
        written = [token is None for token in under] or [True] * len(events)
        values = [
            [json.dumps(each)]
            for each in event_values([event for event, kept in zip(events, written, strict=True) if kept])
        ]
        await asyncio.to_thread(self._append, values)
        return written

    async def check_writable(self) -> None:
        """Check that events can be written. Raises DiskFull, MetastoreUnavailable."""
        await asyncio.to_thread(self._append, [["{}"]], keep=False)

    async def waiting(self) -> int:
        """Number of events that the home does not have yet, as far as is known here."""
        return await asyncio.to_thread(self._count)

    async def deliver(self) -> int:
        """Deliver the oldest events to the home, if no other process does; return how many are gone.

        Raises MetastoreUnavailable while the home cannot be reached.
        """
        try:
            with self._delivering.acquire(blocking=False):
                events = await asyncio.to_thread(self._oldest)
                if not events:
                    return 0
                await self._home.run(lambda rows: self._write(rows, events), writes=True)
                await asyncio.to_thread(self._forget, events[-1][0])
                return len(events)
        except Timeout:
            return 0

    def close(self) -> None:
        self._home.close()
        self._connection.close()

    def _write(self, rows: SqlRows, events: Sequence[tuple[int, str]]) -> None:
        """Write what the home does not have, and note that it has it, in one transaction."""
        rows.execute(_KNOW_SPOOL, {"id": self._id})
        known = rows.execute(_DELIVERED, {"id": self._id}).fetchone()["delivered"]
        if new := [json.loads(event) for number, event in events if number > known]:
            rows.executemany(_ADD_EVENT, new)
        last = max(known, events[-1][0])
        rows.execute(_NOTE_DELIVERED, {"id": self._id, "delivered": last, "now": now_ms()})

    def _append(self, values: Sequence[Sequence[str]], *, keep: bool = True) -> None:
        try:
            with self._lock:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    self._connection.executemany("INSERT INTO events (event) VALUES (?)", values)
                    if not keep:
                        self._connection.execute("DELETE FROM events WHERE number = last_insert_rowid()")
                    self._connection.execute("COMMIT")
                except BaseException:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                    raise
        except sqlite3.Error as error:
            log.error("audit events not spooled", reason=str(error))
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                raise DiskFull(
                    "The disk for audit events is full, so this server answers nothing. Its operator has to "
                    "free some space, or let the home's database be reached."
                ) from error
            raise MetastoreUnavailable("Audit events cannot be written at the moment.") from error

    def _count(self) -> int:
        with self._lock:
            return int(self._connection.execute("SELECT count(*) FROM events").fetchone()[0])

    def _oldest(self) -> list[tuple[int, str]]:
        with self._lock:
            return self._connection.execute(
                "SELECT number, event FROM events ORDER BY number LIMIT ?", [_DELIVERED_AT_ONCE]
            ).fetchall()

    def _forget(self, last: int) -> None:
        with self._lock:
            self._connection.execute("DELETE FROM events WHERE number <= ?", [last])
