"""Plain SQL, each call a single hop to a thread.

The same through SQLAlchemy's async engine costs ten times as much: a hop for every statement, and the
building of each. It is for what a provider does all day; everything rarer goes through SQLAlchemy Core. The
SQL is what SQLite and PostgreSQL share.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import ClauseElement
from sqlalchemy.engine.default import DefaultDialect

from model_sharing_provider.metastore.backend import Backend, PlainRows, PlainSession

T = TypeVar("T")


def plain(statement: ClauseElement, columns: list[str] | None = None) -> str:
    """The text of a statement with `:name` parameters, in words that all databases here know."""
    return str(statement.compile(dialect=DefaultDialect(paramstyle="named"), column_keys=columns))


class PlainSql:
    """Short transactions in a few threads; `close` it when done."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._threads = ThreadPoolExecutor(backend.threads, "plain-sql")
        self._local = threading.local()
        self._sessions: list[PlainSession] = []

    def close(self) -> None:
        self._threads.shutdown()
        for session in self._sessions:
            session.close()

    async def run(self, work: Callable[[PlainRows], T], *, writes: bool = False) -> T:
        """What `work` gives, in one transaction: committed when it returns, rolled back when it raises."""
        loop = asyncio.get_running_loop()
        with self._backend.errors_named():
            return await loop.run_in_executor(self._threads, self._in_transaction, work, writes)

    def _in_transaction(self, work: Callable[[PlainRows], T], writes: bool) -> T:
        session: PlainSession | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = self._backend.plain_session()
            self._sessions.append(session)
        return session.run(work, writes=writes)
