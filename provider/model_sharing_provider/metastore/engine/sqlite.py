"""SQLite engine: the embedded database, one file in the provider's home.

The store must not lose an acknowledged write or report to users that it is locked, so it has a write-ahead
log and synchronous FULL, and writers begin IMMEDIATE and wait up to 30 s.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, TimeoutError  # noqa: A004 - the pool's, when all connections are out
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from model_sharing_protocol.errors import DiskFull, MetastoreUnavailable, SharingError
from model_sharing_provider.metastore.engine.database_engine import DatabaseEngine
from model_sharing_provider.metastore.engine.reserve import Reserve
from model_sharing_provider.metastore.engine.statement_timing import BEGINS

T = TypeVar("T")
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
)
_NO_ROOM_BYTES = 2**18
_COMPACTED_PAGES = 200
_PAUSE_SECONDS = 0.02
_BUSY = (
    "The metastore's database is locked by another process: an open transaction in a shell, a backup, a "
    "large change. Try again in a moment; if this persists, the server's operator has to end that process."
)
_WORDS = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_PROTOCOL: _BUSY,
    sqlite3.SQLITE_READONLY: "The metastore's database is read-only; the server's operator has to make its "
    "file and its disk writable again.",
    sqlite3.SQLITE_CANTOPEN: "The metastore's database cannot be opened; the server's operator has to check "
    "that its file exists, and that the server's user may read and write it and its folder.",
    sqlite3.SQLITE_IOERR: "The disk of the metastore's database fails; the operator has to check it.",
}


class Sqlite(DatabaseEngine):
    threads = 2
    reads_at_once = True

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._path = str(self._url.database)
        self._reserve = Reserve(Path(f"{self._path}.reserve"))

    def connection_pool(self) -> AsyncEngine:
        engine = create_async_engine(
            self._url.set(drivername="sqlite+aiosqlite"),
            hide_parameters=True,  # in errors, and so in logs
            connect_args={"factory": _PooledConnection},
        )

        @event.listens_for(engine.sync_engine, "connect")
        def on_connect(connection: Any, _record: Any) -> None:
            # SQLAlchemy, not the driver, says BEGIN: see on_begin.
            connection.isolation_level = None
            cursor = connection.cursor()
            for pragma in (_patience(self.patience), *_PRAGMAS):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        @event.listens_for(engine.sync_engine, "begin")
        def on_begin(connection: Connection) -> None:
            # A deferred transaction that becomes a writer fails immediately while another writes.
            writes = connection.get_execution_options().get("writes")
            begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
            connection.exec_driver_sql(begin, execution_options=BEGINS)

        return engine

    def for_reading(self, engine: AsyncEngine) -> AsyncEngine:
        """Same pool: every SQLite transaction has one consistent view."""
        return engine

    def plain_session(self, patience: float | None = None) -> SqliteSession:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        for pragma in (_patience(patience or self.patience), *_PRAGMAS):
            connection.execute(f"PRAGMA {pragma}")
        return SqliteSession(connection)

    def exists(self) -> bool:
        return Path(self._path).is_file()

    def migration_engine(self) -> Engine:
        # A new file can only be switched to a write-ahead log while nobody reads it; SQLite does not wait.
        with self._alone(), closing(self._connect()) as first:
            if not first.execute("PRAGMA page_count").fetchone()[0]:
                first.execute("PRAGMA auto_vacuum=INCREMENTAL")  # see `compact`
            first.execute("PRAGMA journal_mode=WAL")
        self._reserve.fill()
        engine = create_engine(self._url.set(drivername="sqlite"), connect_args={"timeout": 30})

        # The driver begins no transaction before CREATE TABLE: a crash would leave half of the tables.
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

    def compact(self) -> None:
        with closing(self._connect()) as rows:
            while rows.execute("PRAGMA freelist_count").fetchone()[0]:
                # It takes a page a step, and `execute` takes one step of what has no rows.
                rows.executescript(f"PRAGMA incremental_vacuum({_COMPACTED_PAGES})")
                time.sleep(_PAUSE_SECONDS)
        self._shorten_log()

    def check_reserve(self) -> None:
        self._reserve.fill()
        if self._reserve.free_bytes() < _NO_ROOM_BYTES:
            raise _disk_full()

    def lend_reserve(self) -> bool:
        return self._reserve.lend()

    def release_reserve(self) -> None:
        self._reserve.give()

    def settle_reserve(self) -> None:
        if not self._reserve.is_whole():
            self._shorten_log()

    def refill_reserve(self) -> None:
        self.settle_reserve()
        self._reserve.take_back()

    def _shorten_log(self) -> None:
        """Write the log's pages into the file, which frees deleted space."""
        with suppress(sqlite3.Error), closing(self._connect(patience=2)) as rows:
            rows.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _connect(self, patience: float | None = None) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=patience or self.patience, isolation_level=None)

    def translate(self, error: Exception) -> SharingError | None:
        if isinstance(error, TimeoutError):
            return MetastoreUnavailable(_BUSY)
        cause = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(cause, sqlite3.Error):
            return None
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the other bits are the operation
        # On a full disk the files beside the database cannot be created; SQLite reports no more than that.
        no_room = code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
        if code == sqlite3.SQLITE_FULL or (no_room and self._reserve.free_bytes() < _NO_ROOM_BYTES):
            return _disk_full()
        return MetastoreUnavailable(_WORDS[code]) if code in _WORDS else None


def _patience(seconds: float) -> str:
    return f"busy_timeout={int(seconds * 1000)}"


def _disk_full() -> DiskFull:
    return DiskFull(
        "The disk of the provider's database is full. The operator has to free some space (gc, audit prune, "
        "deleting versions); then try again."
    )


class _PooledConnection(sqlite3.Connection):
    """Connection of the pool, which is closed if its user is cancelled in the middle of a statement."""

    def close(self) -> None:
        """Close the connection, and end its transaction.

        SQLite keeps both, and with them the lock of writers, for as long as a statement is unfinished; and
        the error of who was cancelled refers to the statement.
        """
        with suppress(sqlite3.Error):
            self.rollback()
        super().close()


class SqliteSession:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def read_one(self, sql: str) -> Any:
        return self._connection.execute(sql).fetchone()[0]

    def run(self, work: Callable[[sqlite3.Connection], T], *, writes: bool) -> T:
        # One transaction, so that all statements of a call see the same state.
        self._connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
        try:
            result = work(self._connection)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # a full disk has already ended it
                self._connection.execute("ROLLBACK")
            raise
        return result

    def close(self) -> None:
        self._connection.close()
