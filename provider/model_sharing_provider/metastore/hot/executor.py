"""Executor of plain SQL: each call is at most a single hop to a thread.

SQLAlchemy's async engine costs ten times as much: it needs a hop for every statement, and builds each. Plain
SQL is for the calls that a provider serves all day; everything rarer uses SQLAlchemy Core. The SQL is the
common subset of SQLite and PostgreSQL.

SQLite's reads need no hop at all: a few look-ups by key in a cached file take less time than waking a thread,
which then competes with the event loop for the interpreter. They never wait for a lock.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from sqlalchemy import ClauseElement
from sqlalchemy.engine.default import DefaultDialect

from model_sharing_provider.metastore.engine.database_engine import DatabaseEngine, PlainSession, SqlRows
from model_sharing_provider.telemetry.reports import Measured, report, timed

T = TypeVar("T")


def compile_sql(statement: ClauseElement, columns: list[str] | None = None) -> str:
    """Compile a statement to SQL with `:name` parameters, for all engines."""
    return str(statement.compile(dialect=DefaultDialect(paramstyle="named"), column_keys=columns))


class SqlExecutor:
    """Executor of short transactions in a few threads; `close` it when done."""

    def __init__(
        self, database_engine: DatabaseEngine, threads: int | None = None, patience: float | None = None
    ) -> None:
        self._database_engine = database_engine
        self._patience = patience
        self.reads_at_once = database_engine.reads_at_once
        self._threads = ThreadPoolExecutor(threads or database_engine.threads, "plain-sql")
        self._local = threading.local()
        self._sessions: list[PlainSession] = []

    def close(self) -> None:
        self._threads.shutdown()
        for session in self._sessions:
            session.close()

    async def run(self, work: Callable[[SqlRows], T], *, writes: bool = False) -> T:
        """Run `work` in one transaction: committed when it returns, rolled back when it raises."""
        at_once = self.reads_at_once and not writes
        kind = "append" if writes else "read"
        return await self._call(lambda session: session.run(work, writes=writes), at_once, kind)

    async def read_one(self, sql: str) -> Any:
        """Read one value, as of the last commit."""
        return await self._call(lambda session: session.read_one(sql), self.reads_at_once, "read")

    async def _call(self, use: Callable[[PlainSession], T], at_once: bool, kind: str) -> T:
        def call() -> T:
            with timed(Measured.DATABASE, kind=kind):
                return use(self._session())

        def call_in_thread(asked: float) -> T:
            report(Measured.DATABASE_WAIT, time.perf_counter() - asked, kind="connection")
            return call()

        with self._database_engine.translated_errors():
            if at_once:
                return call()
            # With the caller's context, as in `asyncio.to_thread`, so that traces know the call.
            run = copy_context().run
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, run, call_in_thread, time.perf_counter())

    def _session(self) -> PlainSession:
        """Plain session of the calling thread."""
        session: PlainSession | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = self._database_engine.plain_session(self._patience)
            self._sessions.append(session)
        return session
