"""Interface of a database engine, which `sqlite` and `postgresql` implement."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from model_sharing_protocol.errors import AlreadyExists, SharingError
from model_sharing_provider.telemetry.reports import Measured, report

T = TypeVar("T")

POOL = 24
"""Default limit of connections of one process."""


class SqlRow(Protocol):
    def __getitem__(self, column: str, /) -> Any: ...


class PlainCursor(Protocol):
    def fetchone(self) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...


SqlValues = Mapping[str, Any] | Sequence[Any]
"""Values of parameters: by name, or by position."""


class SqlRows(Protocol):
    """Executor of plain SQL with parameters `:name` or `?`, in the dialect that all engines share."""

    def execute(self, sql: str, values: SqlValues, /) -> PlainCursor: ...
    def executemany(self, sql: str, values: Sequence[SqlValues], /) -> object: ...


class PlainSession(Protocol):
    """Connection of one thread, for short transactions."""

    def read_one(self, sql: str) -> Any:
        """Read one value, as of the last commit, in one round trip."""

    def run(self, work: Callable[[Any], T], *, writes: bool) -> T:
        """Run `work` in one transaction: committed when it returns, rolled back when it raises."""

    def close(self) -> None: ...


class DatabaseEngine(ABC):
    """Database engine: connections, serialization of writers, and translation of errors."""

    patience = 30.0
    """Seconds that a statement waits for a lock."""

    threads: int
    """Number of plain sessions that are useful at a time."""

    reads_at_once = False
    """True if short reads run in this process without waiting for I/O or locks."""

    @abstractmethod
    def connection_pool(self) -> AsyncEngine:
        """Pool of connections. A transaction with the execution option `writes` is the only writer.

        With the option `model` besides, a full name, it is the only writer of this model, and others may
        change other models meanwhile.
        """

    @abstractmethod
    def for_reading(self, engine: AsyncEngine) -> AsyncEngine:
        """Pool for read transactions, each with one consistent view of the rows."""

    @asynccontextmanager
    async def ending(self, connection: AsyncConnection) -> AsyncIterator[None]:
        """End of a transaction: statements whose results nobody needs, which may be sent with the commit."""
        yield

    @abstractmethod
    def plain_session(self, patience: float | None = None) -> PlainSession:
        """Plain session; `patience` replaces the usual seconds to wait for locks."""

    @abstractmethod
    def exists(self) -> bool:
        """True if the database exists; used where connecting would create it."""

    @abstractmethod
    def migration_engine(self) -> Engine: ...

    @abstractmethod
    def migrating(self, engine: Engine) -> AbstractContextManager[Connection]:
        """Transaction for a migration, exclusive among all processes."""

    @abstractmethod
    def back_up(self, path: Path) -> None:
        """Write a consistent copy to a new file; blocking. Raises UnsupportedOperation."""

    @abstractmethod
    def compact(self) -> None:
        """Release disk space of deleted rows, in small steps; blocking. Raises DiskFull."""

    def check_reserve(self) -> None:  # noqa: B027 - a server has its own disk
        """Check for free disk space, if this process can see the disk. Raises DiskFull."""

    def lend_reserve(self) -> bool:
        """Lend a little of the reserve to open the database on a full disk; False if none is left."""
        return False

    def release_reserve(self) -> None:  # noqa: B027 - a server has its own disk
        """Release the reserve of disk space for deletions; blocking."""

    def settle_reserve(self) -> None:  # noqa: B027 - a server has its own disk
        """Reclaim log space between the steps of a long deletion on a full disk."""

    def refill_reserve(self) -> None:  # noqa: B027 - a server has its own disk
        """Refill the reserve of disk space, as far as space is free; blocking."""

    @abstractmethod
    def translate(self, error: Exception) -> SharingError | None:
        """Translate an error of the database to one of ours; None for an unexpected one."""

    @contextmanager
    def translated_errors(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError as error:
            report(Measured.DATABASE_ERRORS, error=AlreadyExists.__name__)
            raise AlreadyExists("Another writer has just created the same object; try again.") from error
        except Exception as error:
            if translated := self.translate(error):
                report(Measured.DATABASE_ERRORS, error=type(translated).__name__)
                raise translated from error
            raise
