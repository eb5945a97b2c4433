"""Interface of a database engine, which `sqlite` and `postgresql` implement."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from model_sharing_protocol.errors import AlreadyExists, SharingError
from model_sharing_provider.telemetry.reports import Measured, report

T = TypeVar("T")

POOL = 24
"""How many connections one process opens at most, unless it is told otherwise."""


class SqlRow(Protocol):
    def __getitem__(self, column: str, /) -> Any: ...


class PlainCursor(Protocol):
    def fetchone(self) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...


class SqlRows(Protocol):
    """Runs plain SQL with `:name` parameters, the form and the words that all databases here share."""

    def execute(self, sql: str, values: Mapping[str, Any], /) -> PlainCursor: ...
    def executemany(self, sql: str, values: Sequence[Mapping[str, Any]], /) -> object: ...


class PlainSession(Protocol):
    """One thread's own connection, for short transactions."""

    def read_one(self, sql: str) -> Any:
        """One value, as of the last commit, in one round trip."""

    def run(self, work: Callable[[Any], T], *, writes: bool) -> T:
        """Result of `work`, run in one transaction: committed when it returns, rolled back when it raises."""

    def close(self) -> None: ...


class DatabaseEngine(ABC):
    """One database: how to connect to it, what keeps its writers apart, and what its errors mean."""

    patience = 30.0
    """How many seconds a statement waits for a lock that somebody else holds."""

    threads: int
    """How many plain sessions are worth having at a time."""

    reads_at_once = False
    """Whether short reads find what they look for in this process, and wait for nobody."""

    @abstractmethod
    def connection_pool(self) -> AsyncEngine:
        """A pool of connections. A transaction with the execution option `writes` is alone in writing."""

    @abstractmethod
    def for_reading(self, engine: AsyncEngine) -> AsyncEngine:
        """Pool for read transactions, each of which sees one state of the rows from beginning to end."""

    @abstractmethod
    def plain_session(self, patience: float | None = None) -> PlainSession:
        """One that waits for locks as long as others do, unless `patience` says how many seconds."""

    @abstractmethod
    def exists(self) -> bool:
        """True if the database exists; asked where connecting would create it."""

    @abstractmethod
    def migration_engine(self) -> Engine: ...

    @abstractmethod
    def migrating(self, engine: Engine) -> AbstractContextManager[Connection]:
        """A transaction for changing tables, of which there is one at a time among all processes."""

    @abstractmethod
    def back_up(self, path: Path) -> None:
        """Write a consistent copy to a new file; blocking. Raises UnsupportedOperation naming another way."""

    @abstractmethod
    def compact(self) -> None:
        """Give back room that deleted rows took, a little at a time; blocking. Raises DiskFull."""

    def check_reserve(self) -> None:  # noqa: B027 - a server has its own disk
        """Raises DiskFull for a disk that is about full, where this process can see it."""

    def lend_reserve(self) -> bool:
        """Make a little room on a full disk, to open the database with; False if there is none to give."""
        return False

    def release_reserve(self) -> None:  # noqa: B027 - a server has its own disk
        """Release the reserve of disk space for deletions; blocking."""

    def settle_reserve(self) -> None:  # noqa: B027 - a server has its own disk
        """Between the steps of a long deletion on a full disk: let the next one use what this one used."""

    def refill_reserve(self) -> None:  # noqa: B027 - a server has its own disk
        """Fill the reserve of disk space again, as far as there is any; blocking."""

    @abstractmethod
    def translate(self, error: Exception) -> SharingError | None:
        """Our error for one of the database's own; None for one that nobody foresaw."""

    @contextmanager
    def translated_errors(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError as error:
            report(Measured.DATABASE_ERRORS, error=AlreadyExists.__name__)
            raise AlreadyExists("Somebody else created the same thing at this moment; look again.") from error
        except Exception as error:
            if translated := self.translate(error):
                report(Measured.DATABASE_ERRORS, error=type(translated).__name__)
                raise translated from error
            raise
