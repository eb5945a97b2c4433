"""Open the metastore's database, bring its tables up to date, and hand out transactions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from model_sharing_protocol.errors import InvalidState, MissingDependency
from model_sharing_provider.domain.events import AuditEvent
from model_sharing_provider.metastore.backend import Backend, PlainRows
from model_sharing_provider.metastore.connection import ReadConnection
from model_sharing_provider.metastore.copying import copy_rows
from model_sharing_provider.metastore.hot_path import HotPath
from model_sharing_provider.metastore.hot_registry import HotRegistry
from model_sharing_provider.metastore.kept_reads import KeptReads, name_a_change
from model_sharing_provider.metastore.migrate import migrate, newest_revision
from model_sharing_provider.metastore.plain_sql import PlainSql
from model_sharing_provider.metastore.unit_of_work import UnitOfWork


class Database:
    """The metastore's rows. Made by `open_database`; `close` it when done.

    Every method raises MetastoreUnavailable while the database cannot be reached.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._engine = backend.engine()
        self._reading = backend.for_reading(self._engine)
        self._sql = PlainSql(backend)
        kept = KeptReads(self._sql)
        self._hot = HotPath(self._sql, kept)
        self._hot_registry = HotRegistry(kept)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[UnitOfWork]:
        """One consistent view of the rows; nothing is written."""
        connection = ReadConnection(self._reading)
        with self._backend.errors_named():
            try:
                yield UnitOfWork(connection, self._hot, self._hot_registry)
            finally:
                await connection.close()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[UnitOfWork]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises AlreadyExists where another writer was faster, and DiskFull. After MetastoreUnavailable, what
        was done may be there or not: the answer to the commit may be what was lost.
        """
        with self._backend.errors_named():
            async with self._writing() as connection:
                yield UnitOfWork(connection, self._hot, self._hot_registry)
                await connection.execute(name_a_change())

    async def append_events(self, events: Sequence[AuditEvent]) -> None:
        """Commit events to the audit log on their own. Raises DiskFull."""
        await self._hot.append_events(events)

    async def check_usable(self) -> None:
        """Raises MetastoreUnavailable, or InvalidState for tables of another release."""
        newest = newest_revision()

        def read(rows: PlainRows) -> None:
            found = rows.execute("SELECT version_num FROM alembic_version", {}).fetchone()
            if found is None or found["version_num"] != newest:
                raise InvalidState("The database's tables are not those of this release.")

        await self._sql.run(read)

    async def back_up(self, path: Path) -> None:
        """Write a consistent copy to a new file, while others go on writing. Raises UnsupportedOperation."""
        await asyncio.to_thread(self._backend.back_up, path)

    async def copy_to(self, target: Database) -> dict[str, int]:
        """Copy all rows to an empty database, in one transaction there; how many each table has.

        Nobody writes here meanwhile. Raises InvalidState for a database that holds something.
        """
        with self._backend.errors_named():
            async with self._writing() as source:
                with target._backend.errors_named():
                    async with target._writing() as rows:
                        return await copy_rows(source, rows)

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        async with self._engine.connect() as connection:
            await connection.execution_options(writes=True)
            async with connection.begin():
                yield connection

    async def close(self) -> None:
        self._sql.close()
        await self._engine.dispose()


async def open_database(url: str) -> Database:
    """Open the database at `sqlite:///<path>` or `postgresql://…`, its tables migrated to the newest version.

    Raises InvalidState if a newer release has written it, MissingDependency without PostgreSQL's driver,
    InvalidParameter for a URL that cannot be read, and MetastoreUnavailable saying why it did not let us in.
    """
    backend = _backend(url)
    with backend.errors_named():
        await asyncio.to_thread(migrate, backend)
    return Database(backend)


def _backend(url: str) -> Backend:
    if url.startswith("sqlite:"):
        from model_sharing_provider.metastore.sqlite import Sqlite  # noqa: PLC0415

        return Sqlite(url)
    try:
        from model_sharing_provider.metastore.postgresql import PostgreSql  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependency(
            "PostgreSQL needs its driver; install it with: pip install 'model-sharing[postgres]'."
        ) from error
    return PostgreSql(url)
