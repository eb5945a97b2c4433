"""Plain SQL on one SQLite database, each call a single hop to a thread.

The same through SQLAlchemy's async engine costs ten times as much: a hop for every statement, and the
building of each. It is for what a provider does all day; everything rarer goes through SQLAlchemy Core. The
SQL is what SQLite and PostgreSQL share.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from model_sharing_provider.metastore.tables import SQLITE_PRAGMAS

T = TypeVar("T")
_THREADS = 2


class PlainSql:
    """Short transactions in two threads; `close` it when done."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(_THREADS, "plain-sql")
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []

    def close(self) -> None:
        self._threads.shutdown()
        for connection in self._connections:
            connection.close()

    async def run(self, work: Callable[[sqlite3.Connection], T], begin: str = "BEGIN") -> T:
        """What `work` gives, in one transaction: committed when it returns, rolled back when it raises."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._in_transaction, work, begin
        )

    def _in_transaction(self, work: Callable[[sqlite3.Connection], T], begin: str) -> T:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            self._local.connection = connection
            self._connections.append(connection)
        # One transaction, so that all statements of a call see the same state.
        connection.execute(begin)
        try:
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        return result

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        for pragma in SQLITE_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        return connection
