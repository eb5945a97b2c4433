"""Database of the metastore: opening, migration, and transactions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from model_sharing_protocol.errors import DiskFull, InvalidState
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import AuditEvent, Outcome, Target
from model_sharing_provider.domain.principals import ANONYMOUS, Caller
from model_sharing_provider.domain.recipient_limits import Claim, LimitPeriod, Period
from model_sharing_provider.domain.replicas import ReplicaPolicy
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.metastore.engine.connection import Connection, ReadConnection
from model_sharing_provider.metastore.engine.copying import copy_rows
from model_sharing_provider.metastore.engine.database_engine import POOL, DatabaseEngine, SqlRows
from model_sharing_provider.metastore.engine.migrate import check_migrated, migrate, newest_revision
from model_sharing_provider.metastore.engine.opening import engine_at
from model_sharing_provider.metastore.engine.statement_timing import time_statements
from model_sharing_provider.metastore.hot.audit_writes import append_and_delete, append_events
from model_sharing_provider.metastore.hot.executor import SqlExecutor
from model_sharing_provider.metastore.hot.read_cache import ReadCache
from model_sharing_provider.metastore.hot.usage_writes import first_refusal, issue, take, used
from model_sharing_provider.metastore.noted_reads import NotedReads, note_other, noting_reads
from model_sharing_provider.metastore.replica import ReplicaBounds, beat
from model_sharing_provider.metastore.rows.audit_log import delete_oldest
from model_sharing_provider.metastore.rows.changes import ChangeCounter
from model_sharing_provider.metastore.unit_of_work import UnitOfWork
from model_sharing_provider.telemetry.reports import Measured, timed

_PROBED_WITHIN_SECONDS = 2.0
_FIRST_STEP = 100
_LEAST_AT_ONCE = 20
_MOST_AT_ONCE = 2000
_STEP_SECONDS = 0.008
_PAUSE_SECONDS = 0.016
_PROBE = AuditEvent(
    0, Caller(ANONYMOUS, "probe"), AuditAction.AUTHENTICATE, Target(SecurableType.METASTORE), Outcome.OK
)


class Database:
    """Database of the metastore. Created by `open_database`; `close` it when done.

    Every method raises MetastoreUnavailable while the database cannot be reached.
    """

    def __init__(self, database_engine: DatabaseEngine, replica: ReplicaPolicy | None = None) -> None:
        self._database_engine = database_engine
        self._pool = database_engine.connection_pool()
        time_statements(self._pool)
        self._reading = database_engine.for_reading(self._pool)
        self._sql = SqlExecutor(database_engine)
        self._probe = SqlExecutor(database_engine, threads=1, patience=_PROBED_WITHIN_SECONDS)
        self._bounds = ReplicaBounds(replica, self._sql) if replica else None
        self._change_counter = ChangeCounter()
        self._cache = ReadCache(self._sql)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[UnitOfWork]:
        """Read transaction with one consistent view of the rows.

        Raises StaleReplica for rows of a replica that are too old.
        """
        # Looked at before any row, cached ones included: whatever is read afterwards is at least as fresh.
        await self.check_fresh()
        connection = ReadConnection(self._reading)
        with self._database_engine.translated_errors():
            try:
                yield self._unit_of_work(connection)
            finally:
                await connection.close()

    @asynccontextmanager
    async def write(
        self, *, model: str | None = None, deletes: bool = False, cached: bool = True
    ) -> AsyncIterator[UnitOfWork]:
        """Write transaction: committed when the block ends, rolled back when it raises.

        With `model`, a full name, it must look this model up itself, and only write rows of it, its versions
        and what belongs to those. Other models may change meanwhile; nothing else may. With `cached` false,
        it must only write rows that no cache keeps: all caches stay valid.

        Raises AlreadyExists if another writer was faster, DiskFull, and ReadOnlyReplica on a replica;
        `deletes` may use the reserve of disk space. After MetastoreUnavailable the transaction may or may not
        have been committed, since the response to the commit may have been lost.
        """
        self._check_changeable()
        note_other()
        async with self._room(deletes):
            with self._database_engine.translated_errors():
                async with self._writing(model) as connection:
                    rows = self._unit_of_work(connection)
                    yield rows
                    if cached:
                        await rows.changes.name()
                    async with self._database_engine.ending(connection):
                        await rows.audit_log.write()
                        if cached:
                            await rows.changes.write()

    async def check_fresh(self) -> None:
        """Check that rows are fresh enough, as those of the home itself are. Raises StaleReplica."""
        if self._bounds is not None:
            await self._bounds.check()

    async def staleness(self) -> float | None:
        """Age of the rows in seconds: 0 at the home, None if it is unknown."""
        return 0.0 if self._bounds is None else await self._bounds.staleness()

    async def beat(self) -> None:
        """Write the time for replicas, if the database can have any."""
        if not self._database_engine.reads_at_once:
            await beat(self._sql)

    def _check_changeable(self) -> None:
        if self._bounds is not None:
            raise self._bounds.refuse_change()

    def _unit_of_work(self, connection: Connection) -> UnitOfWork:
        return UnitOfWork(connection, self._cache, self._change_counter)

    async def change_token(self) -> str:
        """Random token that is another one after each transaction that changed rows."""
        return await self._cache.change_token()

    @property
    def newest_change_token(self) -> str:
        """Change token that this process saw last; another process may have made changes since."""
        return self._cache.newest_change_token

    def noting_reads(self) -> AbstractContextManager[NotedReads]:
        """Note of which state the rows are that are read within the block."""
        return noting_reads()

    async def append_events(
        self, events: Sequence[AuditEvent], *, deletes: bool = False, under: Sequence[str | None] = ()
    ) -> list[bool]:
        """Commit events to the audit log on their own; return which ones. Raises DiskFull, as `write` does.

        With `under`, one that has a change token is only committed while that is still current.
        """
        async with self._room(deletes):
            return await append_events(self._sql, events, under)

    async def take_from_limits(self, recipient_id: str, claims: Sequence[Claim]) -> list[int]:
        """Take what each claim needs, or more, from a recipient's limits. Raises ClaimRefused."""
        return await self._sql.run(partial(take, recipient_id=recipient_id, claims=claims), writes=True)

    async def issue_to_recipient(
        self, recipient_id: str, subject: str, day: Period, claims: Sequence[Claim]
    ) -> list[int]:
        """Take for URLs of a subject; nothing, if that was done on this day. Raises ClaimRefused."""
        work = partial(issue, recipient_id=recipient_id, subject=subject, day=day, claims=claims)
        return await self._sql.run(work, writes=True)

    async def is_first_refusal(self, recipient_id: str, period: Period) -> bool:
        """True for the first of all servers that refuses a recipient in a period."""
        return await self._sql.run(
            partial(first_refusal, recipient_id=recipient_id, period=period), writes=True
        )

    async def used_of_limits(self, recipient_id: str, now: int) -> dict[LimitPeriod, int]:
        """What was taken from a recipient's limits in the present periods."""
        return await self._sql.run(partial(used, recipient_id=recipient_id, now=now))

    async def delete_events_before(self, moment: int) -> int:
        """Delete events before a moment (epoch ms), in small steps; return their number.

        Other writers wait for one step at most. The pause between steps is longer, so that writers that poll
        for their turn get it.
        """
        self._check_changeable()
        deleted, size = 0, _FIRST_STEP
        async with self._room(deletes=True):
            while True:
                began = time.monotonic()
                count = await self._sql.run(partial(delete_oldest, before=moment, limit=size), writes=True)
                took = time.monotonic() - began
                deleted += count
                if count < size:
                    return deleted
                size = max(_LEAST_AT_ONCE, min(_MOST_AT_ONCE, int(size * min(2.0, _STEP_SECONDS / took))))
                await asyncio.sleep(max(_PAUSE_SECONDS, 2 * took))
                await asyncio.to_thread(self._database_engine.settle_reserve)

    async def compact(self) -> None:
        """Release disk space of deleted rows, while other processes continue. Raises DiskFull."""
        self._check_changeable()
        async with self._room(deletes=True):
            with self._database_engine.translated_errors():
                await asyncio.to_thread(self._database_engine.compact)

    @asynccontextmanager
    async def _room(self, deletes: bool) -> AsyncIterator[None]:
        if not deletes:
            yield
            return
        await asyncio.to_thread(self._database_engine.release_reserve)
        try:
            yield
        finally:
            await asyncio.to_thread(self._database_engine.refill_reserve)

    async def check_usable(self) -> None:
        """Check that the tables can be read. Raises MetastoreUnavailable, InvalidState (another release)."""
        newest = newest_revision()

        def read(rows: SqlRows) -> None:
            found = rows.execute("SELECT version_num FROM alembic_version", {}).fetchone()
            if found is None or found["version_num"] != newest:
                raise InvalidState("The tables of the database do not match this release.")

        await self._sql.run(read)

    async def check_writable(self) -> None:
        """Check that the database can be written, by a test event. Raises DiskFull, MetastoreUnavailable."""
        await asyncio.to_thread(self._database_engine.check_reserve)
        await append_and_delete(self._probe, _PROBE)

    async def back_up(self, path: Path) -> None:
        """Write a consistent copy to a new file, while others keep writing. Raises UnsupportedOperation."""
        with self._database_engine.translated_errors():
            await asyncio.to_thread(self._database_engine.back_up, path)

    async def copy_to(self, target: Database) -> dict[str, int]:
        """Copy all rows to an empty database in one transaction; return the number of rows by table.

        Writers wait meanwhile. Raises InvalidState for a database that is not empty.
        """
        with self._database_engine.translated_errors():
            async with self._writing() as source:
                with target._database_engine.translated_errors():
                    async with target._writing() as rows:
                        return await copy_rows(source, rows)

    @asynccontextmanager
    async def _writing(self, model: str | None = None) -> AsyncIterator[AsyncConnection]:
        async with AsyncExitStack() as stack:
            with timed(Measured.DATABASE_WAIT, kind="connection"):
                connection = await stack.enter_async_context(self._pool.connect())
            await connection.execution_options(writes=True, model=model)
            transaction = AsyncExitStack()
            with timed(Measured.DATABASE_WAIT, kind="turn"):
                await transaction.enter_async_context(connection.begin())
            with timed(Measured.DATABASE, kind="transaction"):
                async with transaction:
                    yield connection

    async def close(self) -> None:
        self._sql.close()
        self._probe.close()
        await self._pool.dispose()


async def open_database(url: str, connections: int = POOL) -> Database:
    """Open the database at `sqlite:///<path>` or `postgresql://…`, and migrate its tables.

    `connections` are how many this process may have open to PostgreSQL. Raises InvalidState if a newer
    release has written it, MissingDependency without PostgreSQL's driver, InvalidParameter for a URL that
    cannot be read, DiskFull, and MetastoreUnavailable saying why it cannot be connected to.
    """
    database_engine = engine_at(url, connections)
    with database_engine.translated_errors():
        await asyncio.to_thread(_migrate, database_engine)
    return Database(database_engine)


async def open_replica(url: str, connections: int, policy: ReplicaPolicy) -> Database:
    """Open a read-only replica of a database, which has to have this release's tables.

    Raises MigrationPending, InvalidState for a newer release's tables, and what `open_database` does else.
    """
    database_engine = engine_at(url, connections)
    with database_engine.translated_errors():
        await asyncio.to_thread(check_migrated, database_engine)
    return Database(database_engine, policy)


async def check_database(url: str) -> str:
    """Revision of the tables at a URL, as for `open_database`, without changing anything.

    Raises MigrationPending if it is not that of this release, and the errors of `open_database`.
    """
    database_engine = engine_at(url, POOL)
    with database_engine.translated_errors():
        return await asyncio.to_thread(check_migrated, database_engine)


def _migrate(database_engine: DatabaseEngine) -> None:
    """Migrate with a little of the reserve on a full disk: even deletions need the database open."""
    try:
        migrate(database_engine)
    except Exception as error:
        if not (isinstance(database_engine.translate(error), DiskFull) and database_engine.lend_reserve()):
            raise
        migrate(database_engine)
