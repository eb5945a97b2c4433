"""The embedded database: one file in the provider's home.

SQLite is set up as `security.md` asks of a store that must not lose an acknowledged write and must not tell a
user that it is locked: write-ahead log, synchronous FULL, writers begin IMMEDIATE and wait up to 30 s.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from model_sharing_protocol.errors import DiskFull, SharingError
from model_sharing_provider.metastore.backend import Backend

T = TypeVar("T")
_PRAGMAS = (
    "busy_timeout=30000",
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
)


class Sqlite(Backend):
    threads = 2
    reads_at_once = True

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._path = str(self._url.database)

    def engine(self) -> AsyncEngine:
        engine = create_async_engine(
            self._url.set(drivername="sqlite+aiosqlite"),
            hide_parameters=True,  # in errors, and so in logs
        )

        @event.listens_for(engine.sync_engine, "connect")
        def on_connect(connection: Any, _record: Any) -> None:
            # SQLAlchemy, not the driver, says BEGIN: see on_begin.
            connection.isolation_level = None
            cursor = connection.cursor()
            for pragma in _PRAGMAS:
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        @event.listens_for(engine.sync_engine, "begin")
        def on_begin(connection: Connection) -> None:
            # A deferred transaction that turns into a writer fails at once when another writes.
            writes = connection.get_execution_options().get("writes")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

        return engine

    def for_reading(self, engine: AsyncEngine) -> AsyncEngine:
        """Every transaction of SQLite's sees one state."""
        return engine

    def plain_session(self) -> SqliteSession:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        return SqliteSession(connection)

    def migration_engine(self) -> Engine:
        # Only while nobody reads a new file can it become one with a write-ahead log; it does not wait.
        with self._alone(), closing(sqlite3.connect(self._path, timeout=30)) as first:
            first.execute("PRAGMA journal_mode=WAL")
        engine = create_engine(self._url.set(drivername="sqlite"), connect_args={"timeout": 30})

        # The driver begins none before CREATE TABLE: whoever dies there would leave half of them.
        @event.listens_for(engine, "connect")
        def on_connect(connection: Any, _record: Any) -> None:
            connection.isolation_level = None

        @event.listens_for(engine, "begin")
        def on_begin(connection: Connection) -> None:
            # Servers of the release before may be writing: see `engine`.
            writes = connection.get_execution_options().get("writes")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

        return engine

    @contextmanager
    def migrating(self, engine: Engine) -> Iterator[Connection]:
        writing = engine.execution_options(writes=True)
        with self._alone(), writing.begin() as connection:
            yield connection

    def _alone(self) -> FileLock:
        return FileLock(f"{self._path}.migrating")

    def back_up(self, path: Path) -> None:
        with closing(sqlite3.connect(self._path)) as rows, closing(sqlite3.connect(path)) as copy:
            rows.backup(copy, pages=1000)

    def named(self, error: Exception) -> SharingError | None:
        if isinstance(error, OperationalError | sqlite3.OperationalError) and "disk is full" in str(error):
            return DiskFull("The database has no room to grow; free some space and try again.")
        return None


class SqliteSession:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def look(self, sql: str) -> Any:
        return self._connection.execute(sql).fetchone()[0]

    def run(self, work: Callable[[sqlite3.Connection], T], *, writes: bool) -> T:
        # One transaction, so that all statements of a call see the same state.
        self._connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
        try:
            result = work(self._connection)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # a full disk has ended it already
                self._connection.execute("ROLLBACK")
            raise
        return result

    def close(self) -> None:
        self._connection.close()
