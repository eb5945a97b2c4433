"""Open the metastore's database, bring its tables up to date, and hand out transactions.

SQLite is set up as `security.md` asks of a store that must not lose an acknowledged write and must not tell a
user that it is locked: write-ahead log, synchronous FULL, writers begin IMMEDIATE and wait up to 30 s.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from model_sharing_protocol.errors import AlreadyExists, DiskFull
from model_sharing_provider.domain.events import AuditEvent
from model_sharing_provider.metastore.connection import ReadConnection
from model_sharing_provider.metastore.hot_path import HotPath
from model_sharing_provider.metastore.migrate import migrate
from model_sharing_provider.metastore.plain_sql import PlainSql
from model_sharing_provider.metastore.tables import SQLITE_PRAGMAS
from model_sharing_provider.metastore.unit_of_work import UnitOfWork


class Database:
    """The metastore's rows. Made by `open_database`; `close` it when done."""

    def __init__(self, engine: AsyncEngine, sql: PlainSql) -> None:
        self._engine = engine
        self._sql = sql

    @asynccontextmanager
    async def read(self) -> AsyncIterator[UnitOfWork]:
        """One consistent view of the rows; nothing is written."""
        async with AsyncExitStack() as stack:
            yield UnitOfWork(ReadConnection(self._engine, stack), self._sql)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[UnitOfWork]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises AlreadyExists where another writer was faster, and DiskFull.
        """
        with _database_errors_named():
            async with self._engine.connect() as connection:
                await connection.execution_options(writes=True)
                async with connection.begin():
                    yield UnitOfWork(connection, self._sql)

    async def append_events(self, events: Sequence[AuditEvent]) -> None:
        """Commit events to the audit log on their own. Raises DiskFull."""
        with _database_errors_named():
            await HotPath(self._sql).append_events(events)

    async def close(self) -> None:
        self._sql.close()
        await self._engine.dispose()


@contextmanager
def _database_errors_named() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        raise AlreadyExists("Somebody else created the same thing at this moment; look again.") from error
    except (OperationalError, sqlite3.OperationalError) as error:
        if "disk is full" in str(error):
            raise DiskFull("The database has no room to grow; free some space and try again.") from error
        raise


async def open_database(url: str) -> Database:
    """Open the database at an SQLAlchemy async URL, with its tables migrated to the newest version.

    Raises InvalidState if a newer release has written it.
    """
    await asyncio.to_thread(migrate, url)
    engine = create_async_engine(url)
    if engine.dialect.name == "sqlite":
        _set_up_sqlite(engine.sync_engine)
    return Database(engine, PlainSql(Path(str(engine.url.database))))


def _set_up_sqlite(engine: Any) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        # SQLAlchemy, not the driver, says BEGIN: see on_begin.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in SQLITE_PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        # A deferred transaction that turns into a writer fails at once when another writes.
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
