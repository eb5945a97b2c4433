"""PostgreSQL engine, for a metastore served by more than one machine. The driver is psycopg.

Writers that change the same model, or more than one model, take turns by locks that PostgreSQL releases with
the transaction (see `writer_locks`): rows that a service has read stay unchanged until it commits, and no
transaction fails because of another one. Readers and appends to the audit log never wait.
"""

from __future__ import annotations

import re
import select
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import DBAPIError, TimeoutError  # noqa: A004 - the pool's, when all connections are out
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from model_sharing_protocol.errors import (
    DiskFull,
    InvalidParameter,
    InvalidState,
    MetastoreUnavailable,
    SharingError,
    UnsupportedOperation,
)
from model_sharing_provider.metastore.engine.database_engine import POOL, DatabaseEngine, SqlValues
from model_sharing_provider.metastore.engine.writer_locks import LOCK_METASTORE, begin_change

T = TypeVar("T")
_DIALECT = "postgresql+psycopg://"
_DEFAULTS = {
    "application_name": "model-sharing",
    "connect_timeout": "10",
    "tcp_user_timeout": "15000",
    "keepalives_idle": "60",  # ends an idle connection whose server is gone, before somebody uses it
}
_PASSING = ("08", "40", "53", "55", "57", "58", "25P03")
"""SQLSTATEs, or their classes, that are not the statement's fault: connection, rollback, resources, locks,
shutdown, a failing disk, a transaction that was left open too long."""
_READ_ONLY = "25006"


class PostgreSql(DatabaseEngine):
    def __init__(self, url: str, connections: int = POOL) -> None:
        """`connections` limits the connections of this process.

        A third is for plain SQL, one for the readiness check, the rest for everything else.
        """
        self.threads = connections // 3
        self._pooled = connections - self.threads - 1
        try:
            given = conninfo_to_dict(url)
        except psycopg.Error:
            # The error's text may contain the password.
            raise InvalidParameter(
                "The database URL is invalid; write it like postgresql://user:password@host:port/database."
            ) from None
        self._conninfo = make_conninfo("", **{**_DEFAULTS, **given})

    def connection_pool(self) -> AsyncEngine:
        engine = create_async_engine(
            _DIALECT,
            async_creator=self._connect,
            hide_parameters=True,  # in errors, and so in logs
            # A statement sees what was committed before it, and so after the locks of writers were taken.
            isolation_level="READ COMMITTED",
            # To open one costs both sides as much as several transactions: all are kept.
            pool_size=self._pooled,
            max_overflow=0,
            pool_pre_ping=True,
            use_native_hstore=False,
        )

        _ping_if_spoken_to(engine.dialect)

        @event.listens_for(engine.sync_engine, "begin")
        def on_begin(connection: Connection) -> None:
            options = connection.get_execution_options()
            if options.get("writes"):
                adapted: Any = connection.connection.dbapi_connection
                adapted.run_async(partial(_begin, statement=begin_change(options.get("model"))))

        @event.listens_for(engine.sync_engine, "handle_error")
        def on_error(context: ExceptionContext) -> None:
            # After a failover these connections lead to a standby: new ones may reach the primary.
            if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY:
                context.is_disconnect = True

        return engine

    @asynccontextmanager
    async def ending(self, connection: AsyncConnection) -> AsyncIterator[None]:
        """Send the statements of the block and the commit together.

        The row that counts changes is then locked for no round trip: nobody else's change can end meanwhile.
        """
        driver: Any = (await connection.get_raw_connection()).driver_connection
        try:
            async with driver.pipeline():
                yield
                await driver.execute("COMMIT")
        except psycopg.errors.ReadOnlySqlTransaction:
            await connection.invalidate()  # as in `on_error`
            raise

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
        await connection.execute(_waiting_at_most(self.patience))
        await connection.set_autocommit(False)
        return connection

    def for_reading(self, engine: AsyncEngine) -> AsyncEngine:
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def plain_session(self, patience: float | None = None) -> PostgreSqlSession:
        return PostgreSqlSession(self._conninfo, patience or self.patience)

    def exists(self) -> bool:
        return True

    def migration_engine(self) -> Engine:
        return create_engine(
            _DIALECT, creator=self._first_connection, hide_parameters=True, use_native_hstore=False
        )

    def _first_connection(self) -> psycopg.Connection[Any]:
        try:
            return psycopg.connect(self._conninfo)
        except psycopg.OperationalError as error:
            reason = " ".join(str(error).split())
            raise MetastoreUnavailable(f"Cannot connect to the database: {reason}") from error

    @contextmanager
    def migrating(self, engine: Engine) -> Iterator[Connection]:
        with engine.begin() as connection:
            connection.exec_driver_sql(LOCK_METASTORE)
            encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
            if encoding != "UTF8":
                raise InvalidState(f"The database's encoding is {encoding}; create one with ENCODING 'UTF8'.")
            yield connection

    def back_up(self, path: Path) -> None:
        raise UnsupportedOperation(
            "The rows are in PostgreSQL: back them up with pg_dump or your hosting service's tools, "
            "before the artifacts. See docs/how-to/back-up-and-restore.md."
        )

    def compact(self) -> None:
        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")

    def translate(self, error: Exception) -> SharingError | None:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(cause, psycopg.errors.DiskFull):
            return DiskFull(
                "The disk of the database server is full. Its administrator has to free some space; then "
                "try again."
            )
        if isinstance(cause, psycopg.DataError) and "NUL" in str(cause):
            return InvalidParameter("A value contains the character NUL, which is not allowed.")
        if getattr(cause, "sqlstate", None) == _READ_ONLY:
            return MetastoreUnavailable(
                "The metastore's database accepts no changes now: it is a standby, or read-only. Try again "
                "in a moment; if this persists, its administrator has to configure the primary server."
            )
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        if lost or isinstance(error, TimeoutError) or _is_passing(cause):
            return MetastoreUnavailable(
                "The metastore's database cannot be reached now. A change in progress may or may not have "
                "been made: check, and try again in a moment."
            )
        return None


def _ping_if_spoken_to(dialect: Any) -> None:
    """Ping on a connection from the pool only if the server sent something, such as its end."""
    if not hasattr(select, "poll"):  # Windows
        return
    ping = dialect.do_ping

    def do_ping(connection: Any) -> bool:
        has_more = select.poll()
        has_more.register(connection.driver_connection.fileno(), select.POLLIN)
        return not has_more.poll(0) or ping(connection)

    dialect.do_ping = do_ping


async def _begin(connection: psycopg.AsyncConnection[Any], statement: str) -> None:
    """Send BEGIN and the first statement together."""
    async with connection.pipeline():
        await connection.execute(statement.encode())


def _is_passing(cause: BaseException | None) -> bool:
    if not isinstance(cause, psycopg.Error):
        return False
    if cause.sqlstate is None:
        return isinstance(cause, psycopg.OperationalError)
    return cause.sqlstate.startswith(_PASSING)


def _waiting_at_most(seconds: float) -> bytes:
    return f"SET lock_timeout = '{int(seconds * 1000)}ms'".encode()


class PostgreSqlSession:
    """Plain session that connects at the first use, and again after a lost connection."""

    def __init__(self, conninfo: str, patience: float) -> None:
        self._conninfo = conninfo
        self._patience = patience
        self._connection: psycopg.Connection[DictRow] | None = None
        self._committing = False

    def read_one(self, sql: str) -> Any:
        def read(connection: psycopg.Connection[DictRow]) -> Any:
            row = connection.execute(sql.encode()).fetchone()
            return next(iter(row.values())) if row else None

        return self._on_a_good_connection(read)

    def run(self, work: Callable[[PostgreSqlRows], T], *, writes: bool) -> T:
        return self._on_a_good_connection(lambda connection: self._transact(connection, work, writes), writes)

    def _on_a_good_connection(
        self, work: Callable[[psycopg.Connection[DictRow]], T], writes: bool = False
    ) -> T:
        known, self._committing = self._connection, False
        try:
            return work(self._open())
        except psycopg.errors.ReadOnlySqlTransaction:
            self.close()  # a standby's, after a failover: see `PostgreSql.connection_pool`
            if known is None:
                raise
        except psycopg.OperationalError:
            # A transaction lost at its commit may have been committed, so only reads are retried.
            if known is None or not known.closed or (writes and self._committing):
                raise
        return work(self._open())

    def _transact(
        self, connection: psycopg.Connection[DictRow], work: Callable[[PostgreSqlRows], T], writes: bool
    ) -> T:
        try:
            # All statements of a reading call see the same state. One that writes sees what others wrote
            # meanwhile, as in SQLite, where it is the only writer.
            level = "READ COMMITTED" if writes else "REPEATABLE READ"
            connection.execute(f"BEGIN ISOLATION LEVEL {level}".encode())
            result = work(PostgreSqlRows(connection))
            self._committing = True
            connection.commit()
        except BaseException:
            if not connection.closed:
                connection.rollback()
            raise
        return result

    def _open(self) -> psycopg.Connection[DictRow]:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        self._connection = psycopg.connect(self._conninfo, row_factory=dict_row, autocommit=True)
        self._connection.execute(_waiting_at_most(self._patience))
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


class PostgreSqlRows:
    """Connection that takes parameters `:name` or `?`."""

    def __init__(self, connection: psycopg.Connection[DictRow]) -> None:
        self._connection = connection

    def execute(self, sql: str, values: SqlValues, /) -> psycopg.Cursor[DictRow]:
        return self._connection.execute(_in_psycopgs_words(sql), values)

    def executemany(self, sql: str, values: Sequence[SqlValues], /) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(_in_psycopgs_words(sql), values)


@cache
def _in_psycopgs_words(sql: str) -> bytes:
    return re.sub(r":(\w+)", r"%(\1)s", sql.replace("%", "%%")).replace("?", "%s").encode()
